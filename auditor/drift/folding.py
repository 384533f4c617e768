"""Which changes are one edit: the changes that are folded into another one.

Each rule is a sentence of the contract ("What counts as one finding") and yields pairs of a
change and the change that reports it. The first rule that folds a change decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditor.drift.canonical import as_number, is_same
from auditor.drift.fields import names_model
from auditor.drift.policy import REQUIRES_RETRAIN, Verdict
from auditor.model import Area, Change, Json, Kind

_EDITS = (Area.LAYERS, Area.SCRIPT, Area.TRAINING, Area.DATA)
_SHAPES_SCRIPT = (Area.LAYERS, Area.TRAINING, Area.DATA)
_RESET_BY_SWITCH = frozenset({"visualLayers", "trainingCycles", "learningRate"})
_RESET_BY_SWAP = frozenset(
    {"customParameters", "customParameters{}", "trainingCycles", "learningRate", "script"}
)


@dataclass(frozen=True, slots=True)
class JudgedChanges:
    """The changes of one block with their verdicts, before they are folded.

    `suppressed` are the indices of changes that are not reported, so none is folded into them.
    """

    changes: Sequence[Change]
    verdicts: Sequence[Verdict]
    is_visual: bool
    suppressed: frozenset[int] = frozenset()

    def at(self, pattern: str) -> int | None:
        """Return the index of the first change under a pattern, None without one."""
        return next((i for i, c in enumerate(self.changes) if c.pattern == pattern), None)

    def first_of(self, areas: Sequence[Area]) -> int | None:
        """Return the index of the first change in the first of `areas` that has one."""
        for area in areas:
            for index, verdict in enumerate(self.verdicts):
                if verdict.area is area and index not in self.suppressed:
                    return index
        return None


def fold(judged: JudgedChanges) -> dict[int, int]:
    """Return for every folded change, by index, the index of the change that reports it."""
    reported_by: dict[int, int] = {}
    for rule in _RULES:
        for child, host in rule(judged):
            may_report = host not in judged.suppressed or child in judged.suppressed
            if child not in reported_by and child != host and may_report:
                reported_by[child] = host
    return {child: _root(reported_by, host) for child, host in reported_by.items()}


def _root(reported_by: dict[int, int], host: int) -> int:
    while host in reported_by:
        host = reported_by[host]
    return host


_Pairs = Iterator[tuple[int, int]]


def _into_replaced_block(judged: JudgedChanges) -> _Pairs:
    host = judged.at("type")
    if host is not None and judged.changes[host].kind is Kind.REPLACED:
        yield from ((i, host) for i in range(len(judged.changes)))


def _into_mode_switch(judged: JudgedChanges) -> _Pairs:
    host = judged.at("mode")
    if host is None:
        return
    for i, change in enumerate(judged.changes):
        same_program = judged.verdicts[i].rule == "script:same-program"
        if change.pattern in _RESET_BY_SWITCH or same_program:
            yield i, host


def _into_model_swap(judged: JudgedChanges) -> _Pairs:
    host = next((i for i, c in enumerate(judged.changes) if _is_model_swap(c)), None)
    if host is None:
        return
    for i, change in enumerate(judged.changes):
        if change.pattern in _RESET_BY_SWAP or _comes_or_goes(change):
            yield i, host


def _is_model_swap(change: Change) -> bool:
    return (
        change.kind is Kind.REPLACED
        and change.pattern == "visualLayers[]"
        and _names_model(change.before)
        and _names_model(change.after)
    )


def _names_model(layer: Json) -> bool:
    return isinstance(layer, dict) and names_model(layer.get("type"))


def _comes_or_goes(change: Change) -> bool:
    return change.pattern == "thresholds[]" and change.kind in (Kind.ADDED, Kind.REMOVED)


def _rating_into_threshold(judged: JudgedChanges) -> _Pairs:
    child = judged.at("minimumConfidenceRating")
    if child is None:
        return
    for i, change in enumerate(judged.changes):
        value = _threshold_value(change)
        if value is not None and is_same(as_number(value), as_number(judged.changes[child].after)):
            yield child, i


def _threshold_value(change: Change) -> Json:
    if change.pattern == "thresholds[].value":
        return change.after
    if change.pattern == "thresholds[]" and isinstance(change.after, dict):
        return change.after.get("value")
    return None


def _suggestion_text_into_suggestion(judged: JudgedChanges) -> _Pairs:
    suggestions = {
        change.path: i
        for i, change in enumerate(judged.changes)
        if change.pattern == "thresholds[].suggestedValue"
    }
    for i, change in enumerate(judged.changes):
        if change.pattern == "thresholds[].suggestedValueText":
            host = suggestions.get(change.path.removesuffix("Text"))
            if host is not None:
                yield i, host


def _generated_script_into_its_cause(judged: JudgedChanges) -> _Pairs:
    child, host = judged.at("script"), judged.first_of(_SHAPES_SCRIPT)
    if judged.is_visual and judged.at("mode") is None and child is not None and host is not None:
        yield child, host


def _model_type_into_its_cause(judged: JudgedChanges) -> _Pairs:
    child = judged.at("selectedModelType")
    if child is None:
        return
    host = judged.at("trained")
    if host is None and judged.changes[child].after == REQUIRES_RETRAIN:
        host = judged.first_of(_EDITS)
    if host is not None:
        yield child, host


_RULES: tuple[Callable[[JudgedChanges], _Pairs], ...] = (
    _into_replaced_block,
    _into_mode_switch,
    _into_model_swap,
    _rating_into_threshold,
    _suggestion_text_into_suggestion,
    _generated_script_into_its_cause,
    _model_type_into_its_cause,
)
