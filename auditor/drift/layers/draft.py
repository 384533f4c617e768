"""An alignment in the making: which of several equally cheap ones is told."""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.drift.layers.stacks import Stacks


@dataclass(slots=True)
class Draft:
    """An alignment that can still change.

    Attributes:
        pairs: new places by old ones, of layers that kept their order.
        moved: the same of layers that did not.
    """

    pairs: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    added: set[int] = field(default_factory=set)


def joined(stacks: Stacks, pairs: dict[int, int]) -> Draft:
    """Return the alignment that keeps these pairs; of the rest, it moves what it can.

    Equal layers are moved first, then those of one type that differ least.
    """
    gone = [i for i in range(len(stacks.old)) if i not in pairs]
    come = [j for j in range(len(stacks.new)) if j not in pairs.values()]
    draft = Draft(pairs=dict(pairs), removed=set(gone), added=set(come))
    moves = [
        (stacks.differing[stacks.old[i], stacks.new[j]], i, j)
        for i, j in itertools.product(gone, come)
        if (stacks.old[i], stacks.new[j]) in stacks.differing
    ]
    for _, i, j in sorted(moves):
        if i in draft.removed and j in draft.added:
            draft.removed.remove(i)
            draft.added.remove(j)
            draft.moved[i] = j
    return draft


def settle(stacks: Stacks, draft: Draft) -> None:
    """Choose what is told of alignments with equal cost, findings and edits."""
    _put_twins_last(stacks, draft)
    _swap_neighbours(stacks, draft)
    _put_twins_last(stacks, draft)  # where the other neighbour's move was in the way


def _put_twins_last(stacks: Stacks, draft: Draft) -> None:
    """Of each run of twins let the last be removed, before it those that moved away, or added."""
    sources = {j: i for i, j in draft.moved.items()}
    old = _reordered(stacks.old, (draft.moved, draft.removed), draft.moved)
    new = _reordered(stacks.new, (draft.added,), sources)
    draft.pairs = {old[i]: new[j] for i, j in draft.pairs.items()}
    draft.moved = {old[i]: new[j] for i, j in draft.moved.items()}
    draft.removed = {old[i] for i in draft.removed}
    draft.added = {new[j] for j in draft.added}


def _reordered(
    stack: Sequence[int], last: Sequence[Container[int]], others: Mapping[int, int]
) -> dict[int, int]:
    """Return the places by those before, when in runs of twins these come last, in turn.

    A run stays as it is where a move would then end in the place where it began.
    """
    places: dict[int, int] = {}
    for _, run in itertools.groupby(range(len(stack)), key=stack.__getitem__):
        before = list(run)
        order = sorted(before, key=lambda place: [place in ones for ones in reversed(last)])
        after = dict(zip(order, before, strict=True))
        is_still = any(others.get(place) == after[place] for place in before)
        places.update({place: place for place in before} if is_still else after)
    return places


def _swap_neighbours(stacks: Stacks, draft: Draft) -> None:
    """Tell a swap as the first layer moved back, not as the second moved forward."""
    for i, j in sorted(draft.moved.items()):
        is_kept = draft.pairs.get(i - 1) == j + 1 and i - 1 != j + 1
        crossed = any((a < i) is not (b < j) for a, b in draft.moved.items() if a != i)
        if is_kept and not crossed and (stacks.old[i - 1], stacks.new[j + 1]) in stacks.differing:
            del draft.moved[i], draft.pairs[i - 1]
            draft.moved[i - 1] = j + 1
            draft.pairs[i] = j
