"""Which changes are one edit: the changes that are folded into another one.

Each rule is a sentence of the contract ("What counts as one finding") and yields pairs of a
change and a change that may report it. The first pair that holds decides. A pair holds where the
host is reported as the block's own finding and weighs at least as much, so nothing is lost under
a host that is ignored, or the vendor's, or a trifle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.block_kinds import ORDER
from auditor.drift.canonical import as_number, is_same
from auditor.drift.fields import TYPE_PATTERNS, names_model
from auditor.drift.policy import REQUIRES_RETRAIN, SAME_PROGRAM, Verdict, is_replacement
from auditor.model import Area, Change, Json, Kind, Severity

_EDITS = (Area.LAYERS, Area.SCRIPT, Area.TRAINING, Area.DATA)
_SHAPES_SCRIPT = (Area.LAYERS, Area.TRAINING, Area.DATA)
_RESET_BY_SWITCH = frozenset({"visualLayers", "trainingCycles", "learningRate"})
_RESET_BY_SWAP = frozenset(
    {"customParameters", "customParameters{}", "trainingCycles", "learningRate", "script"}
)
_CLASSES, _OUTPUTS = "dependencies.classes", "dependencies.outputClasses"
_FOLLOWS_SHAPE = frozenset({"dependencies.featureCount", "dependencies.blockNames"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChanges:
    """The changes of one block with their verdicts, before they are folded.

    Attributes:
        weights: the severity of each change, under the operator's rules.
        composites: changes that stand for several others: the indices of these, by index.
        is_generated: whether Studio generated the script before and after.
        ignored: indices of changes that are not reported, so only their like is folded there.
        vendors: indices of changes that are reported as the vendor's.
        has_cause: whether the block's data follows an edit of another block.
    """

    changes: Sequence[Change]
    verdicts: Sequence[Verdict]
    weights: Sequence[Severity]
    composites: dict[int, tuple[int, ...]]
    is_generated: bool = False
    ignored: frozenset[int] = frozenset()
    vendors: frozenset[int] = frozenset()
    has_cause: bool = False

    def at(self, pattern: str) -> int | None:
        """Return the index of the first change under a pattern, None without one."""
        return next((i for i, c in enumerate(self.changes) if c.pattern == pattern), None)

    def order(self, index: int) -> int:
        """Return the place of a change in the order of the document."""
        return ORDER.get(self.changes[index].pattern, len(ORDER))

    def in_areas(self, areas: Sequence[Area]) -> Iterator[int]:
        """Yield the indices of the changes in areas, in the order of these."""
        for area in areas:
            for index, verdict in enumerate(self.verdicts):
                if verdict.area is area:
                    yield index

    def weight(self, index: int) -> int:
        """Return how much a change matters; a script that is generated says nothing new."""
        if self.is_generated and self.changes[index].pattern == "script":
            return Severity.INFO.rank
        return self.weights[index].rank


def fold(judged: JudgedChanges, more: Sequence[FoldRule] = ()) -> dict[int, int]:
    """Return for every folded change, by index, the index of the change that reports it.

    `more` are rules to try after those of Keras blocks.
    """
    reported_by: dict[int, int] = {}
    for rule in (*_RULES, *more):
        for child, host in rule(judged):
            if child not in reported_by and _may_report(judged, child, host):
                reported_by[child] = host
    return {child: _root(reported_by, host) for child, host in reported_by.items()}


def explains_script(judged: JudgedChanges) -> bool:
    """Return whether something of the block's own changed that a generated script follows."""
    return any(index not in judged.vendors for index in judged.in_areas(_SHAPES_SCRIPT))


def _may_report(judged: JudgedChanges, child: int, host: int) -> bool:
    if child == host or host in judged.vendors:
        return False
    if host in judged.ignored and child not in judged.ignored:
        return False
    return _follows_edit(judged, child, host) or judged.weight(child) <= judged.weight(host)


def _follows_edit(judged: JudgedChanges, child: int, host: int) -> bool:
    """Return whether Studio asks for a training after an edit that matters."""
    is_medium = judged.weight(host) >= Severity.MEDIUM.rank
    return is_medium and _asks_for_training(judged, child) and _is_edit(judged, host)


def _asks_for_training(judged: JudgedChanges, index: int) -> bool:
    change = judged.changes[index]
    return change.pattern == "selectedModelType" and change.after == REQUIRES_RETRAIN


def _is_edit(judged: JudgedChanges, index: int) -> bool:
    is_script = judged.verdicts[index].area is Area.SCRIPT
    return judged.verdicts[index].area in _EDITS and not (is_script and judged.is_generated)


def _root(reported_by: dict[int, int], host: int) -> int:
    while host in reported_by:
        host = reported_by[host]
    return host


_Pairs: TypeAlias = Iterator[tuple[int, int]]
FoldRule: TypeAlias = Callable[[JudgedChanges], _Pairs]


def _into_replaced_block(judged: JudgedChanges) -> _Pairs:
    places = [judged.at(pattern) for pattern in TYPE_PATTERNS]
    host = next((place for place in places if place is not None), None)
    if host is not None and is_replacement(judged.changes[host]):
        yield from ((i, host) for i in range(len(judged.changes)))


def _into_mode_switch(judged: JudgedChanges) -> _Pairs:
    host = judged.at("mode")
    if host is None:
        return
    for i, change in enumerate(judged.changes):
        same_program = judged.verdicts[i].rule == SAME_PROGRAM
        if change.pattern in _RESET_BY_SWITCH or same_program:
            yield i, host


def _into_model_swap(judged: JudgedChanges) -> _Pairs:
    for host in _model_swaps(judged.changes):
        for i, change in enumerate(judged.changes):
            if change.pattern in _RESET_BY_SWAP or _comes_or_goes(change):
                yield i, host


def _model_swaps(changes: Sequence[Change]) -> Iterator[int]:
    """Yield the indices of the layers at which another model came or went.

    Where a layer that names a model took the place of others, or left it to them, the two may be
    aligned as one that was added and one that was removed.
    """
    layers = [(i, c) for i, c in enumerate(changes) if c.pattern == "visualLayers[]"]
    for i, change in layers:
        if change.kind is Kind.REPLACED and _names_model(change.before, change.after):
            yield i
    kinds = {change.kind for _, change in layers}
    if {Kind.ADDED, Kind.REMOVED} <= kinds:
        for i, change in layers:
            comes_or_goes = change.kind in (Kind.ADDED, Kind.REMOVED)
            if comes_or_goes and _names_model(change.before, change.after):
                yield i


def _names_model(*layers: Json) -> bool:
    return any(isinstance(layer, dict) and names_model(layer.get("type")) for layer in layers)


def _comes_or_goes(change: Change) -> bool:
    return change.pattern == "thresholds[]" and change.kind in (Kind.ADDED, Kind.REMOVED)


def _into_composite(judged: JudgedChanges) -> _Pairs:
    for host, members in judged.composites.items():
        yield from ((member, host) for member in members)


def _outputs_into_classes(judged: JudgedChanges) -> _Pairs:
    child, host = judged.at(_OUTPUTS), judged.at(_CLASSES)
    if child is not None and host is not None:
        outputs, classes = judged.changes[child], judged.changes[host]
        if _same_labels_come_and_go(outputs, classes) and _keeps_indices(outputs):
            yield child, host


def _same_labels_come_and_go(outputs: Change, classes: Change) -> bool:
    return _lost_and_gained(outputs) == _lost_and_gained(classes)


def _lost_and_gained(change: Change) -> tuple[set[str], set[str]]:
    before, after = set(_labels(change.before)), set(_labels(change.after))
    return before - after, after - before


def _labels(value: Json) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else []


def _keeps_indices(outputs: Change) -> bool:
    """Return whether a device's map of outputs to labels is right for each label that stays."""
    before, after = _labels(outputs.before), _labels(outputs.after)
    return all(
        [i for i, each in enumerate(before) if each == label]
        == [i for i, each in enumerate(after) if each == label]
        for label in set(before) & set(after)
    )


def _data_into_shape(judged: JudgedChanges) -> _Pairs:
    host = judged.at("shape")
    if host is not None:
        for i, change in enumerate(judged.changes):
            if change.pattern in _FOLLOWS_SHAPE:
                yield i, host


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
    child = judged.at("script")
    if judged.is_generated and child is not None:
        yield from ((child, host) for host in judged.in_areas(_SHAPES_SCRIPT))


def _model_type_into_its_cause(judged: JudgedChanges) -> _Pairs:
    child = judged.at("selectedModelType")
    if child is None:
        return
    trained = judged.at("trained")
    if trained is not None:
        yield child, trained
    if _asks_for_training(judged, child):
        for host in judged.in_areas(_EDITS):
            if _follows_edit(judged, child, host):
                yield child, host


_RULES: tuple[FoldRule, ...] = (
    _into_replaced_block,
    _into_mode_switch,
    _into_model_swap,
    _into_composite,
    _outputs_into_classes,
    _data_into_shape,
    _rating_into_threshold,
    _suggestion_text_into_suggestion,
    _generated_script_into_its_cause,
    _model_type_into_its_cause,
)
