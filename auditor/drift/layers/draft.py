"""A draft of an alignment, and which of several equally cheap alignments is chosen."""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.drift.layers.prices import NumberedStacks


@dataclass(slots=True)
class AlignmentDraft:
    """An alignment that can still be changed.

    Attributes:
        pairs: new places by old places, for layers that kept their order.
        moved: the same for layers that did not.
    """

    pairs: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    added: set[int] = field(default_factory=set)


def draft_from_pairs(stacks: NumberedStacks, pairs: dict[int, int]) -> AlignmentDraft:
    """Return a draft that keeps these pairs and moves as many of the other layers as it can.

    Equal layers are moved first, then layers of one type in order of their differences.
    """
    removed = [i for i in range(len(stacks.old)) if i not in pairs]
    added = [j for j in range(len(stacks.new)) if j not in pairs.values()]
    draft = AlignmentDraft(pairs=dict(pairs), removed=set(removed), added=set(added))
    moves = [
        (stacks.differences[stacks.old[i], stacks.new[j]], i, j)
        for i, j in itertools.product(removed, added)
        if (stacks.old[i], stacks.new[j]) in stacks.differences
    ]
    for _, i, j in sorted(moves):
        if i in draft.removed and j in draft.added:
            draft.removed.remove(i)
            draft.added.remove(j)
            draft.moved[i] = j
    return draft


def break_ties(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """Choose between alignments with equal cost, findings and edits; changes the draft."""
    _take_last_of_twins(stacks, draft)
    _swap_neighbours(stacks, draft)
    _take_last_of_twins(stacks, draft)  # a swap can make room for another twin


def _take_last_of_twins(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """In each run of equal layers, the last are removed or added, before them some moved away."""
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
    """Return the new place of each place, with the places in `last` at the end of their runs.

    A run stays unchanged where a move would otherwise end in the place where it began.
    """
    places: dict[int, int] = {}
    for _, run in itertools.groupby(range(len(stack)), key=stack.__getitem__):
        before = list(run)
        order = sorted(before, key=lambda place: [place in group for group in reversed(last)])
        after = dict(zip(order, before, strict=True))
        is_no_move = any(others.get(place) == after[place] for place in before)
        places.update({place: place for place in before} if is_no_move else after)
    return places


def _swap_neighbours(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """Describe a swap as the first layer moved back, not as the second moved forward."""
    for i, j in sorted(draft.moved.items()):
        is_swap = draft.pairs.get(i - 1) == j + 1 and i - 1 != j + 1
        is_crossed = any((a < i) is not (b < j) for a, b in draft.moved.items() if a != i)
        if not is_swap or is_crossed:
            continue
        if (stacks.old[i - 1], stacks.new[j + 1]) in stacks.differences:
            del draft.moved[i], draft.pairs[i - 1]
            draft.moved[i - 1] = j + 1
            draft.pairs[i] = j
