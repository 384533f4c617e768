"""Which changes follow another one in blocks of other kinds than Keras.

Rules it holds (the contract's "Blocks of other kinds"):
- What follows a value is folded into its change. Alone it says nothing: the axes of an anomaly
  block, the configuration id of a VLM block, features that were generated.
- What is generated from a processing block is one finding, under the block's own edit where it
  has one.
- Parameters that come or go with another implementation version are part of that.
- What a learn block takes features from is known where it was listed. First seen it says
  nothing; its data follows a change of it.
- What one form of Studio sets together is one edit: width and height of images, the parts of a
  labeling method or of a subset of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from auditor.drift.block_kinds import text_at
from auditor.drift.fields import CONNECTION
from auditor.drift.folding import FoldRule, JudgedChanges
from auditor.drift.impulse_fields import PARAMETERS
from auditor.drift.policy import Verdict
from auditor.model import Area, Change, JsonObject, Kind, Owner, Severity

_CONFIG_ID, _CONFIG = "metadata.config.configId", "metadata.config"
_GENERATED = "dsp.features.generated"
_VERSION = "block.implementationVersion"
_GENERATED_DATA = (
    "dsp.features.count",
    "dsp.windowLength",
    "dsp.inputAxes",
    "dsp.classes",
    "dsp.features.classes",
    "dsp.features.labels",
    "dsp.features",
    "block.valuesPerAxis",
    "dsp.classesPerKey",
    "dsp.expectedWindowCount",
    _GENERATED,
)
"""What Studio makes from a processing block; the first that changed reports the others."""
_LEADS = (
    "shape",
    "dependencies.featureCount",
    "dependencies.blockNames",
    "dependencies.classes",
    "dependencies.outputClasses",
)
_TOGETHER = {
    "input:imageHeight": "input:imageWidth",
    "input:labelingMethodMultiLabel.labels": "input:labelingMethodMultiLabel.type",
    "input:labelingMethodMultiLabel.minPercentage": "input:labelingMethodMultiLabel.type",
    "input:datasetSubset.subsetSeed": "input:datasetSubset.subsetModulo",
    "dsp.name": "block.name",
}

NAMED_BEFORE = frozenset(_TOGETHER) - {"dsp.name"}
"""What people set and what is folded: named before the change that it is part of, which may say
that it was reverted."""
NAMED_AFTER = frozenset({"configError"})

LABEL_FIELDS = frozenset(
    {
        "dependencies.classes",
        "dependencies.outputClasses",
        "dependencies.classesPerKey",
        "dsp.classes",
        "dsp.classesPerKey",
        "dsp.features.classes",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The edit that a block's data follows.

    Attributes:
        block_id: the edited block.
        words: what ends a headline.
    """

    block_id: int
    words: str


_Pairs: TypeAlias = Iterator[tuple[int, int]]


def describe_origin(old: JsonObject, new: JsonObject) -> str:
    """Return, to end a headline with, that a change came with a result of the tuner."""
    before, after = (
        text_at(document, ("createdBy",)) or text_at(document, ("block", "createdBy"))
        for document in (old, new)
    )
    return ", taken from the EON Tuner" if after == "tuner" and before != after else ""


def quiet_followers(
    changes: Sequence[Change],
    verdicts: Sequence[Verdict],
    new: JsonObject,
    *,
    has_cause: bool = False,
) -> list[Verdict]:
    """Return the verdicts, a follower's as what is not reported where nothing leads it.

    So is a name that the listing had before the answer. With a cause, features that are no
    longer generated follow an edit that is reported.
    """
    return [
        _quiet(verdict)
        if _is_late_name(change, changes, new)
        or _is_first_connection(change)
        or _is_alone(change, changes, verdicts)
        or (has_cause and _is_drop(change, changes, verdicts))
        else verdict
        for change, verdict in zip(changes, verdicts, strict=True)
    ]


def _is_late_name(change: Change, changes: Sequence[Change], new: JsonObject) -> bool:
    if change.pattern not in ("dsp.name", "dsp.type"):
        return False
    key = change.pattern.removeprefix("dsp.")
    is_led = any(other.pattern == f"block.{key}" for other in changes)
    return not is_led and change.after == text_at(new, ("block", key))


def _is_first_connection(change: Change) -> bool:
    """Return whether one side does not say what a learn block takes features from."""
    return change.pattern == CONNECTION and change.kind in (Kind.ADDED, Kind.REMOVED)


def _quiet(verdict: Verdict) -> Verdict:
    area, owner = Area.INTERFACE, Owner.INTERFACE
    return replace(verdict, area=area, owner=owner, severity=Severity.INFO, rule="follows")


def _is_alone(change: Change, changes: Sequence[Change], verdicts: Sequence[Verdict]) -> bool:
    match change.pattern:
        case "axes":
            return not any(_leads_axes(verdict) for verdict in _others(change, changes, verdicts))
        case "metadata.config.configId":
            return not any(_is_of_config(other) for other in changes)
        case "dsp.features.generated":
            is_alone = not any(
                verdict.area not in (Area.INTERFACE, Area.CATALOGUE)
                for verdict in _others(change, changes, verdicts)
            )
            return not (is_alone and change.after is False) and not _has_host(changes, verdicts)
        case _:
            return False


def _is_drop(change: Change, changes: Sequence[Change], verdicts: Sequence[Verdict]) -> bool:
    return change.pattern == _GENERATED and not _has_host(changes, verdicts)


def _others(
    change: Change, changes: Sequence[Change], verdicts: Sequence[Verdict]
) -> Iterator[Verdict]:
    return (
        verdict for other, verdict in zip(changes, verdicts, strict=True) if other is not change
    )


def _leads_axes(verdict: Verdict) -> bool:
    return verdict.area in (Area.TRAINING, Area.DATA) and verdict.severity is not Severity.LOW


def _is_of_config(change: Change) -> bool:
    return change.path.startswith(_CONFIG) and change.pattern != _CONFIG_ID


def _has_host(changes: Sequence[Change], verdicts: Sequence[Verdict]) -> bool:
    return any(
        _is_own_edit(change, verdict) or _leads_data(change, verdict)
        for change, verdict in zip(changes, verdicts, strict=True)
    )


def _is_own_edit(change: Change, verdict: Verdict) -> bool:
    is_edit = verdict.area is Area.PROCESSING and verdict.severity is not Severity.INFO
    return is_edit and change.pattern != "configError"


def _leads_data(change: Change, verdict: Verdict) -> bool:
    is_generated = change.pattern in _GENERATED_DATA and change.pattern != _GENERATED
    return is_generated and verdict.severity is Severity.HIGH


def _axes_into_selection(judged: JudgedChanges) -> _Pairs:
    child, host = judged.at("axes"), judged.at("selectedAxes")
    if host is None:
        host = next(
            (
                i
                for i, verdict in enumerate(judged.verdicts)
                if i != child and _leads_axes(verdict)
            ),
            None,
        )
    if child is not None and host is not None:
        yield child, host


def _config_id_into_config(judged: JudgedChanges) -> _Pairs:
    child = judged.at(_CONFIG_ID)
    host = next((i for i, change in enumerate(judged.changes) if _is_of_config(change)), None)
    if child is not None and host is not None:
        yield child, host


def _into_version(judged: JudgedChanges) -> _Pairs:
    """Yield what comes with another version of the block: parameters, and the author's words."""
    host = judged.at(_VERSION)
    if host is None:
        return
    for i, change in enumerate(judged.changes):
        comes_or_goes = change.pattern in PARAMETERS and change.kind in (Kind.ADDED, Kind.REMOVED)
        is_authors = judged.verdicts[i].area is Area.CATALOGUE
        if comes_or_goes or (is_authors and change.pattern.startswith(PARAMETERS)):
            yield i, host


def _default_into_value(judged: JudgedChanges) -> _Pairs:
    values = {change.path: i for i, change in enumerate(judged.changes)}
    for i, change in enumerate(judged.changes):
        if change.pattern.startswith(PARAMETERS) and change.path.endswith(".defaultValue"):
            host = values.get(change.path.removesuffix(".defaultValue") + ".value")
            if host is not None:
                yield i, host


def _error_into_edit(judged: JudgedChanges) -> _Pairs:
    child, host = judged.at("configError"), _own_edit(judged)
    if child is not None and host is not None:
        yield child, host


def _data_into_edit(judged: JudgedChanges) -> _Pairs:
    host = _own_edit(judged)
    if host is None:
        places = [judged.at(pattern) for pattern in _GENERATED_DATA]
        host = next((place for place in places if place is not None), None)
    if host is None:
        return
    for i, change in enumerate(judged.changes):
        if change.pattern in _GENERATED_DATA:
            yield i, host


def _data_into_one(judged: JudgedChanges) -> _Pairs:
    """Yield all that an edit elsewhere did to the block's data: one act, one finding."""
    if not judged.has_cause:
        return
    hidden = judged.ignored | judged.vendors
    data = [
        i
        for i in judged.in_areas((Area.DATA,))
        if i not in hidden and judged.changes[i].pattern not in _GENERATED_DATA
    ]
    if data:
        host = max(data, key=lambda i: (judged.weight(i), -_lead(judged.changes[i])))
        yield from ((i, host) for i in data)


def _data_into_connection(judged: JudgedChanges) -> _Pairs:
    """Yield the data of a learn block that takes other features now."""
    if (host := judged.at(CONNECTION)) is not None:
        yield from ((i, host) for i in judged.in_areas((Area.DATA,)))


def _lead(change: Change) -> int:
    """Return the place of a change of data among those of its block, the most telling first."""
    return _LEADS.index(change.pattern) if change.pattern in _LEADS else len(_LEADS)


def _own_edit(judged: JudgedChanges) -> int | None:
    edits = zip(judged.changes, judged.verdicts, strict=True)
    return next((i for i, (c, v) in enumerate(edits) if _is_own_edit(c, v)), None)


def _into_what_is_set_together(judged: JudgedChanges) -> _Pairs:
    for pattern, leader in _TOGETHER.items():
        child, host = judged.at(pattern), judged.at(leader)
        if child is not None and host is not None:
            yield child, host


FOLLOWER_RULES: tuple[FoldRule, ...] = (
    _axes_into_selection,
    _config_id_into_config,
    _into_version,
    _default_into_value,
    _error_into_edit,
    _data_into_edit,
    _data_into_one,
    _data_into_connection,
    _into_what_is_set_together,
)
