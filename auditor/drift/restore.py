"""How a person puts an old value back: the smallest request to Studio's public API that does.

The auditor never sends one; it has no way to write. Rules it holds
- `setKeras` (POST /api/{projectId}/training/keras/{learnId}) sets only the fields that its body
  defines (Studio's public API document). Which fields it takes is read off the official Python
  client, `SetKerasParameterRequest` of edgeimpulse-api 1.96.3; a test holds the list against it.
- Thresholds are not among them: they are set by `setImpulseThresholds`
  (POST /api/{projectId}/impulse/{impulseId}/set-thresholds), by block and key, same client.
- Inferred, tried with no live Studio: that a list or an object in a body replaces the old one
  whole, so that all of it has to be sent; that a field cannot be unset; that `false` is what an
  absent switch means.
- A hidden value is never written out: where the body would hold one there is no body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import parse
from auditor.drift.excerpts import MODE, SCRIPT, THRESHOLDS, top_field
from auditor.model import AnswerExcerpt, Area, Finding, Json, JsonObject, Kind, TargetId

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
_HIDDEN = re.compile(r"\(hidden(:[0-9a-f]{32})?\)")
_VALUE_OF_THRESHOLD = re.compile(r"thresholds\[([^\"'#\]]+)\]\.value")
_TRAIN = "no setting brings a lost training back: train again"
_NOT_KNOWN = "the settings around it are not known here: see the version before"
_UNSEEN = "it contains a secret, which is never stored: set it in Studio"
_WHY_NOT = {
    Area.TRAINED: _TRAIN,
    Area.DATA: "the data set changed, not a setting of the block",
    Area.CATALOGUE: "Edge Impulse changed it for all customers",
    Area.UNKNOWN: "Studio's published API does not say how to set it",
}


@dataclass(frozen=True, slots=True)
class Restoration:
    """A request that would restore what was, or why there is none.

    Attributes:
        request: method and path below the API's base; empty where there is none.
        body: its JSON; empty where there is none.
        why: why no settings edit restores it; empty where one does.
    """

    request: str = ""
    body: str = ""
    why: str = ""


def restoration(
    finding: Finding, target: TargetId, excerpt: AnswerExcerpt | None = None
) -> Restoration:
    """Return how the value before the finding comes back."""
    key = top_field(finding.path)
    if key == THRESHOLDS:
        return _of_threshold(finding, target)
    why = _why_not(finding, key)
    if why:
        return Restoration(why=why)
    known = excerpt if excerpt and finding.id in excerpt.findings else None
    body = _body(finding, key, parse(known.before) if known else {})
    if key not in body:
        return Restoration(why=_why_bare(finding, key, known))
    return _sent(f"POST {KERAS.path_of(target)}", body)


def _of_threshold(finding: Finding, target: TargetId) -> Restoration:
    named = _VALUE_OF_THRESHOLD.fullmatch(finding.path)
    if finding.path.endswith((".suggestedValue", ".suggestedValueText")):
        return Restoration(why="Studio sets the suggestion after each training")
    if named is None or finding.kind is not Kind.CHANGED:
        return Restoration(why="Studio adds and removes a threshold with its model")
    # Whoever sends it decides about jobs; without them nothing else is set in motion.
    body: JsonObject = {
        "thresholds": [
            {"blockId": target.learn_id, "key": named.group(1), "value": finding.before}
        ],
        "allowCreatingRegenerateModelTestingJobs": False,
    }
    return _sent(f"POST /api/{target.project_id}/impulse/IMPULSE/set-thresholds", body)


def _why_not(finding: Finding, key: str) -> str:
    if key == "selectedModelType":
        return _TRAIN if finding.after == "requiresRetrain" else ""
    if finding.area in _WHY_NOT:
        return _WHY_NOT[finding.area]
    if key == "type":
        return "the id now belongs to another block"
    if key == "name":
        return "Studio's API does not set it here: rename the block in Studio"
    return "" if key in SETTABLE else _WHY_NOT[Area.UNKNOWN]


def _why_bare(finding: Finding, key: str, known: AnswerExcerpt | None) -> str:
    if key == SCRIPT:
        return "in visual mode Studio makes the script from the layers: restore the layers"
    if _HIDDEN.search(json.dumps(finding.before)):
        return _UNSEEN
    if known is None and finding.path != key:
        return _NOT_KNOWN
    return "it was not set before, and Studio's API does not say how to unset it"


def _body(finding: Finding, key: str, before: JsonObject) -> JsonObject:
    """Return the old values of the finding's field and of the fields folded into it."""
    own = _own_value(finding, key, before)
    values = {key: own, **{name: before.get(name) for name in _folded_keys(finding, key)}}
    if SCRIPT in values and _was_visual(finding, before):
        del values[SCRIPT]
    return {name: value for name, value in values.items() if value is not None}


def _own_value(finding: Finding, key: str, before: JsonObject) -> Json:
    if finding.path != key:
        return before.get(key)
    if finding.before is None and finding.after is True:
        return False
    return finding.before


def _folded_keys(finding: Finding, key: str) -> Iterator[str]:
    for path in finding.folded:
        other = top_field(path)
        if other in SETTABLE - {key, "minimumConfidenceRating", "selectedModelType"}:
            yield other


def _was_visual(finding: Finding, before: JsonObject) -> bool:
    mode = finding.before if finding.path == MODE else before.get(MODE)
    return mode == "visual"


def _sent(request: str, body: JsonObject) -> Restoration:
    text = json.dumps(body, ensure_ascii=True, separators=(", ", ": "))
    if _HIDDEN.search(text):
        return Restoration(why=_UNSEEN)
    return Restoration(request=request, body=text)
