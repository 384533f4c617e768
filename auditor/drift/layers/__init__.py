"""Alignment of two layer stacks at the least cost.

An edited layer of the same type costs 1, however many of its properties; an added, removed or
moved layer 2; another type in the same place 3. Costs add, so a layer moved and edited is 3. On a
tie: fewer findings, then moved before edited, then the earliest places of the findings. A layer
that stands where it stood has rather not moved; of a run of twins the last is the one added or
removed; a swap of neighbours is the layer that stood first, moved behind the other.

The result is exact, unless the search takes more than `MAX_STEPS` steps: stacks that share most
layers in quite another order can bring that about, a handful of edits does not. Then a good
alignment is taken instead of the best (`Search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.layers.draft import Draft, settle
from auditor.drift.layers.search import MAX_STEPS, Search
from auditor.drift.layers.stacks import Stacks
from auditor.model import JsonObject

__all__ = ["MAX_STEPS", "Alignment", "align"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How an old stack became a new one, by places from 0.

    Attributes:
        pairs: (old, new) of layers that kept their order: equal, edited, or replaced where their
            types differ; ascending.
        moved: (old, new) of layers that did not: equal or edited, never of another type.
    """

    pairs: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def align(old: Sequence[JsonObject], new: Sequence[JsonObject]) -> Alignment:
    """Return the cheapest alignment of two stacks of layers in canonical form."""
    draft = _draft(Stacks.of(old, new))
    return Alignment(
        pairs=tuple(sorted(draft.pairs.items())),
        moved=tuple(sorted(draft.moved.items(), key=lambda places: places[1])),
        removed=tuple(sorted(draft.removed)),
        added=tuple(sorted(draft.added)),
    )


def _draft(stacks: Stacks) -> Draft:
    if stacks.old == stacks.new:
        return Draft(pairs={place: place for place in range(len(stacks.old))})
    draft = Search(stacks).cheapest()
    settle(stacks, draft)
    return draft
