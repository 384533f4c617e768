"""Alignment of two layer stacks at the least cost.

An edited layer of the same type costs 1, however many of its properties; an added, removed or
moved layer 2; another type in the same place 3. Costs add, so a layer moved and edited is 3. On a
tie: fewer findings, then moved before edited, then the earliest places of the findings. A layer
whose place did not change is kept rather than moved. In a run of equal layers the last one is
added or removed. A swap of neighbours is a move of the first one behind the other.

The result is exact within the limits of `search`: on its steps, on the moves that are open in
them, and on the places that it must look at. A few edits never need so many, however many layers
there are; hundreds of layers in a very different order do. The result is then a good alignment,
not always the best one, and the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.layers.draft import AlignmentDraft, break_ties
from auditor.drift.layers.numbers import NumberedStacks
from auditor.drift.layers.search import AlignmentSearch
from auditor.model import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How an old stack became a new one, in places counted from 0.

    Attributes:
        pairs: (old, new) for layers that kept their order, ascending: equal, edited, or replaced
            where the types differ.
        moved: (old, new) for layers that did not: equal or edited, always of the same type.
    """

    pairs: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def align(old: Sequence[JsonObject], new: Sequence[JsonObject]) -> Alignment:
    """Return the cheapest alignment of two stacks of layers in canonical form."""
    stacks = NumberedStacks.of(old, new)
    if stacks.old == stacks.new or _is_one_edit(stacks):
        draft = AlignmentDraft(pairs={place: place for place in range(len(stacks.old))})
    else:
        draft = AlignmentSearch(stacks).cheapest()
        break_ties(stacks, draft)
    return Alignment(
        pairs=tuple(sorted(draft.pairs.items())),
        moved=tuple(sorted(draft.moved.items(), key=lambda places: places[1])),
        removed=tuple(sorted(draft.removed)),
        added=tuple(sorted(draft.added)),
    )


def _is_one_edit(stacks: NumberedStacks) -> bool:
    """Return whether one layer was edited in its place: no other alignment costs as little."""
    if len(stacks.old) != len(stacks.new):
        return False
    differing = [pair for pair in zip(stacks.old, stacks.new, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and differing[0] in stacks.differences
