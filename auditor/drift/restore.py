"""How a person restores an old value: the smallest request to Studio's public API that does it.

The auditor never sends such a request; it only reads. Rules:
- `setKeras` (POST /api/{projectId}/training/keras/{learnId}) sets only the fields that its body
  contains (Studio's public API document). The settable fields are those of the official Python
  client, `SetKerasParameterRequest` of edgeimpulse-api 1.96.3; a test compares the two lists.
- Thresholds are not among them. They are set by `setImpulseThresholds`
  (POST /api/{projectId}/impulse/{impulseId}/set-thresholds), by block and key (same client).
- Parameters of a processing block are set by `setDspConfig` (POST /api/{projectId}/dsp/{dspId}),
  by name and as texts, those of a post-processing block by POST
  /api/{projectId}/post-processing/{id} with `enabled`. `setAnomaly` sets the rating of an anomaly
  block; its axes and clusters are those of a training (POST /api/{p}/jobs/train/anomaly/{id}). An
  input block, and how blocks are connected, is set with the whole impulse (same client).
- Inferred and not tried on a live Studio: a list or an object in a body replaces the old one as a
  whole, so all of it has to be sent; a field cannot be unset; an absent switch means `false`.
- Where a body undoes another edit of the same run as well, the restoration names it.
- What nobody wants undone has no restoration: a new training, and a value that is as approved.
- A hidden value is never part of a request: where the body would contain one, there is no body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from auditor.drift.block_kinds import KERAS, BlockKind
from auditor.drift.canonical import parse
from auditor.drift.compare import compare
from auditor.drift.excerpts import MODE, SCRIPT, THRESHOLDS, top_field
from auditor.drift.fields import NAME_PATHS
from auditor.drift.policy import REQUIRES_RETRAIN
from auditor.drift.recurrence import paths_overlap
from auditor.drift.trainings import TRAINING_PATH
from auditor.model import (
    AgainstBaseline,
    Area,
    BlockKindName,
    Finding,
    Json,
    JsonObject,
    Kind,
    TargetId,
)
from auditor.report import AnswerExcerpt

SETTABLE = frozenset(
    {
        "akidaEdgeLearningConfig",
        "anomalyCapacity",
        "augmentationPolicyImage",
        "augmentationPolicySpectrogram",
        "autoClassWeights",
        "batchSize",
        "blockParameters",
        "customParameters",
        "customValidationMetadataKey",
        "kFoldsValidationConfig",
        "learningRate",
        "minimumConfidenceRating",
        "mode",
        "profileInt8",
        "script",
        "selectedModelType",
        "skipEmbeddingsAndMemory",
        "trainTestSplit",
        "trainingCycles",
        "useLearnedOptimizer",
        "visualLayers",
    }
)
UNKNOWN_IMPULSE = "IMPULSE"
"""Stands in a request for the id of the impulse, where no listing had it."""
WHERE_IMPULSE = "GET /api/PROJECT/impulses lists the impulses of a project with their blocks."
_HIDDEN = re.compile(r"\(hidden(:[0-9a-f]{32})?\)")
_THRESHOLD_VALUE = re.compile(r"thresholds\[([^\"'#\]]+)\]\.value")
_TRAIN = "no setting brings a lost training back: train again"
_ASKED = "Studio asks for it after an edit: train again, or undo the edit"
_UNKNOWN_REST = "the request needs other settings, not known here: see the version before"
_HIDDEN_VALUE = "it contains a secret, which is never stored: set it in Studio"
_WHOLE_IMPULSE = (
    "Studio's API sets it with the whole impulse: set it under Create impulse in Studio"
)
_FOLLOWS = "it follows an edit: undo that of block {}, generate the features and train again"
_NAME = "no request sets only a name: rename the block in Studio"
_OTHER_BLOCK = "the id now belongs to another block"
_OF_AUTHOR = "the block's author decides which parameters there are"
_PARAMETER_VALUE = re.compile(r"(?:config|parameters)\[([^\"\]]+)\]\.value")
_REASONS_OF_KEYS = {"type": _OTHER_BLOCK, "name": _NAME, "dsp": _WHOLE_IMPULSE}
_REASONS = {
    Area.TRAINED: _TRAIN,
    Area.DATA: "the data set changed, not a setting of the block",
    Area.CATALOGUE: "Edge Impulse changed it for all customers",
    Area.UNKNOWN: "Studio's published API does not say how to set it",
}


@dataclass(frozen=True, slots=True)
class Restoration:
    """A request that would restore an old value, or the reason why there is none.

    Attributes:
        request: method and path below the API's base URL; empty where there is no request.
        body: the JSON to send; empty where there is no request.
        why: why no setting restores the value; empty where there is a request.
        own: the paths of the finding.
        within: the paths of all changes of the fields in the body.
    """

    request: str = ""
    body: str = ""
    why: str = ""
    own: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    @property
    def undoes(self) -> tuple[str, ...]:
        """Return the paths of the other changes that the request undoes as well."""
        return tuple(
            path for path in self.within if not any(paths_overlap(path, own) for own in self.own)
        )

    @property
    def lacks_impulse(self) -> bool:
        """Return whether the id of the impulse has to be filled in."""
        return f"/{UNKNOWN_IMPULSE}/" in self.request


def find_restoration(
    finding: Finding,
    target: TargetId,
    kind: BlockKind,
    excerpt: AnswerExcerpt | None = None,
) -> Restoration | None:
    """Return how to restore the value that a finding changed, None where nothing is to restore."""
    if not _is_to_restore(finding):
        return None
    key = top_field(finding.path)
    if THRESHOLDS in (key, top_field(finding.path.removeprefix("metadata."))):
        return _threshold_restoration(finding, target, excerpt.impulse_id if excerpt else None)
    if kind.name is not BlockKindName.KERAS:
        return _other_restoration(finding, target, kind, excerpt)
    why = _reason_against(finding, key)
    if why:
        return Restoration(why=why)
    return _keras_restoration(finding, key, f"POST {kind.path_of(target)}", excerpt)


@lru_cache(maxsize=8)
def paths_within(keys: tuple[str, ...], before: bytes, after: bytes) -> tuple[str, ...]:
    """Return the paths of what changed in fields of a Keras block but for the mode, each once.

    All findings inside a field ask for the same.
    """
    old, new = parse(before), parse(after)
    kept = [key for key in keys if key in old and key in new]
    changes = compare({key: old[key] for key in kept}, {key: new[key] for key in kept}, KERAS)
    return tuple(dict.fromkeys(change.path for change in changes if change.path != MODE))


def _is_to_restore(finding: Finding) -> bool:
    if finding.against_baseline is AgainstBaseline.RESTORED:
        return False
    if finding.path == "trained":
        return finding.after is not True
    if finding.path == TRAINING_PATH:
        return False
    return finding.path != "selectedModelType" or finding.before != REQUIRES_RETRAIN


def _threshold_restoration(
    finding: Finding, target: TargetId, impulse_id: int | None
) -> Restoration:
    found = _THRESHOLD_VALUE.fullmatch(finding.path.removeprefix("metadata."))
    if finding.path.endswith((".suggestedValue", ".suggestedValueText")):
        return Restoration(why="Studio sets the suggestion after each training")
    if found is None and finding.path.endswith(".value"):
        return Restoration(why="no request can name this threshold: set it in Studio")
    if found is None or finding.kind is not Kind.CHANGED:
        return Restoration(why="Studio adds and removes a threshold with its model")
    # Without this Studio may start jobs; that is for the person who sends the request to decide.
    body: JsonObject = {
        "thresholds": [
            {"blockId": target.learn_id, "key": found.group(1), "value": finding.before}
        ],
        "allowCreatingRegenerateModelTestingJobs": False,
    }
    impulse = UNKNOWN_IMPULSE if impulse_id is None else impulse_id
    return _request(f"POST /api/{target.project_id}/impulse/{impulse}/set-thresholds", body)


def _other_restoration(
    finding: Finding, target: TargetId, kind: BlockKind, excerpt: AnswerExcerpt | None
) -> Restoration:
    """Return how to restore a value of a block of another kind than Keras."""
    why = _reason_against_other(finding)
    if why:
        return Restoration(why=why)
    known = excerpt if excerpt and finding.id in excerpt.findings else None
    others = parse(known.after) if known else {}
    match kind.name:
        case BlockKindName.PROCESSING:
            return _parameter_restoration(finding, f"POST {kind.path_of(target)}", "config", {})
        case BlockKindName.POST_PROCESSING:
            rest = {"enabled": others["enabled"]} if "enabled" in others else None
            return _post_restoration(finding, f"POST {kind.path_of(target)}", rest)
        case BlockKindName.ANOMALY:
            return _anomaly_restoration(finding, target, kind, others)
        case BlockKindName.INPUT:
            return Restoration(why=_WHOLE_IMPULSE)
        case BlockKindName.VLM | BlockKindName.KERAS:
            return Restoration(why=_REASONS[Area.UNKNOWN])


def _reason_against_other(finding: Finding) -> str:
    if finding.follows is not None:
        return _FOLLOWS.format(finding.follows)
    if finding.area is Area.DATA:
        return "it follows the data, or a block before this one"
    if finding.area in _REASONS:
        return _REASONS[finding.area]
    if finding.path in NAME_PATHS:
        return _NAME
    if finding.area is Area.IDENTITY:
        return _OTHER_BLOCK
    is_of_impulse = finding.path == "dsp" or finding.path.startswith("block.")
    return _WHOLE_IMPULSE if is_of_impulse else ""


def _parameter_restoration(
    finding: Finding, request: str, key: str, rest: JsonObject
) -> Restoration:
    found = _PARAMETER_VALUE.fullmatch(finding.path)
    if found is None:
        is_whole = finding.path.endswith("]")
        return Restoration(why=_OF_AUTHOR if is_whole else _REASONS[Area.UNKNOWN])
    if finding.before is None:
        return Restoration(why="it was not set before, and Studio's API cannot unset it")
    value = finding.before
    text = value if isinstance(value, str) else json.dumps(value)
    return _request(request, {**rest, key: {found.group(1): text}})


def _post_restoration(finding: Finding, request: str, rest: JsonObject | None) -> Restoration:
    if finding.path == "enabled":
        return _request(request, {"enabled": finding.before is True, "parameters": {}})
    if rest is None:
        return Restoration(why=_UNKNOWN_REST)
    return _parameter_restoration(finding, request, "parameters", rest)


def _anomaly_restoration(
    finding: Finding, target: TargetId, kind: BlockKind, others: JsonObject
) -> Restoration:
    rating = "minimumConfidenceRating"
    if finding.path == rating:
        return _request(f"POST {kind.path_of(target)}", {rating: finding.before})
    if finding.path not in ("clusterCount", "selectedAxes"):
        return Restoration(why=_REASONS[Area.UNKNOWN])
    if "selectedAxes" not in others or rating not in others:
        return Restoration(why=_UNKNOWN_REST)
    values = {**others, finding.path: finding.before}
    body = {"axes": values["selectedAxes"], rating: values[rating]}
    if values.get("clusterCount") is not None:
        body["clusterCount"] = values["clusterCount"]
    request = f"POST /api/{target.project_id}/jobs/train/anomaly/{target.learn_id}"
    return _request(request, body)


def _reason_against(finding: Finding, key: str) -> str:
    if key == "selectedModelType":
        return _ASKED if finding.after == REQUIRES_RETRAIN else ""
    if finding.follows is not None:
        return _FOLLOWS.format(finding.follows)
    if finding.area in _REASONS:
        return _REASONS[finding.area]
    if key in _REASONS_OF_KEYS:
        return _REASONS_OF_KEYS[key]
    return "" if key in SETTABLE else _REASONS[Area.UNKNOWN]


def _reason_without_value(finding: Finding, key: str, known: AnswerExcerpt | None) -> str:
    if key == SCRIPT:
        return "in visual mode Studio makes the script from the layers: restore the layers"
    if _HIDDEN.search(json.dumps(finding.before)):
        return _HIDDEN_VALUE
    if known is None and finding.path != key:
        return _UNKNOWN_REST
    return "it was not set before, and Studio's API does not say how to unset it"


def _keras_restoration(
    finding: Finding, key: str, request: str, excerpt: AnswerExcerpt | None
) -> Restoration:
    """Return how to restore a value in the field `key` of a Keras block."""
    known = excerpt if excerpt and finding.id in excerpt.findings else None
    fields = (key, *_folded_fields(finding, key))
    if known and finding.path != key:
        restoration = _request_of_fields(request, fields, known.before)
    else:
        old = parse(known.before) if known else {}
        values = {name: old.get(name) for name in (MODE, *fields)}
        restoration = _request_of_values(request, fields, values | {key: _own_value(finding, key)})
    if restoration is None:
        return Restoration(why=_reason_without_value(finding, key, known))
    if not known or not restoration.body:
        return restoration
    within = paths_within((*fields, MODE), known.before, known.after)
    return replace(restoration, own=(finding.path, *finding.folded), within=within)


@lru_cache(maxsize=8)
def _request_of_fields(request: str, fields: tuple[str, ...], before: bytes) -> Restoration | None:
    """Return the request that restores whole fields; all findings inside one ask for the same."""
    return _request_of_values(request, fields, parse(before))


def _request_of_values(
    request: str, fields: tuple[str, ...], values: JsonObject
) -> Restoration | None:
    """Return the request that sets fields to values, None where the first has none.

    In visual mode Studio makes the script itself.
    """
    is_visual = values.get(MODE) == "visual"
    body: JsonObject = {
        name: values[name]
        for name in fields
        if values.get(name) is not None and not (is_visual and name == SCRIPT)
    }
    return _request(request, body) if fields[0] in body else None


def _own_value(finding: Finding, key: str) -> Json:
    """Return the value that a finding's own field had."""
    if finding.path != key:
        return None  # what is around the finding's value is not known
    if finding.before is None and finding.after is True:
        return False
    if finding.before is None and isinstance(finding.after, dict) and "enabled" in finding.after:
        return {"enabled": False}  # the schema requires it of a policy; off is as absent
    return finding.before


def _folded_fields(finding: Finding, key: str) -> Iterator[str]:
    for path in finding.folded:
        other = top_field(path)
        if other in SETTABLE - {key, "minimumConfidenceRating", "selectedModelType"}:
            yield other


def _request(request: str, body: JsonObject) -> Restoration:
    text = json.dumps(body, ensure_ascii=True, separators=(", ", ": "))
    if _HIDDEN.search(text):
        return Restoration(why=_HIDDEN_VALUE)
    return Restoration(request=request, body=text)
