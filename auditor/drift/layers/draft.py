"""A draft of an alignment, and which of several equally cheap alignments is chosen."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.drift.layers.numbers import NumberedStacks

_MOST_COMPARED = 100_000  # pairs of layers of one type


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
    kept = set(pairs.values())
    removed = {i for i in range(len(stacks.old)) if i not in pairs}
    added = {j for j in range(len(stacks.new)) if j not in kept}
    draft = AlignmentDraft(pairs=dict(pairs), removed=removed, added=added)
    _move_equal(stacks, draft)
    _move_alike(stacks, draft)
    return draft


def _move_equal(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    places = defaultdict[int, deque[int]](deque)
    for j in sorted(draft.added):
        places[stacks.new[j]].append(j)
    for i in sorted(draft.removed):
        if places[stacks.old[i]]:
            _move(draft, i, places[stacks.old[i]].popleft())


def _move_alike(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """Move the layers of each type, in order of differences unless there are too many."""
    old, new = (
        defaultdict[int, list[int]](list),
        defaultdict[int, list[int]](list),
    )
    for i in sorted(draft.removed):
        old[stacks.types[stacks.old[i]]].append(i)
    for j in sorted(draft.added):
        new[stacks.types[stacks.new[j]]].append(j)
    for type_, removed in old.items():
        added = new[type_]
        if len(removed) * len(added) > _MOST_COMPARED:
            links: Iterable[tuple[int, int]] = zip(removed, added, strict=False)
        else:
            differences = stacks.differences
            moves = sorted(
                (differences[stacks.old[i], stacks.new[j]], i, j)
                for i, j in itertools.product(removed, added)
            )
            links = [(i, j) for _, i, j in moves]
        for i, j in links:
            if i in draft.removed and j in draft.added:
                _move(draft, i, j)


def _move(draft: AlignmentDraft, i: int, j: int) -> None:
    draft.removed.remove(i)
    draft.added.remove(j)
    draft.moved[i] = j


def break_ties(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """Choose between alignments with equal cost, findings and edits; changes the draft."""
    for _ in range(2):  # one swap can uncover another
        _find_swaps(stacks, draft)
        _take_last_of_twins(stacks, draft)
    _swap_neighbours(stacks, draft)
    _take_last_of_twins(stacks, draft)  # a swap can make room for another twin


def _find_swaps(stacks: NumberedStacks, draft: AlignmentDraft) -> None:
    """Describe a move past equal layers as the swap of neighbours that it amounts to.

    `dense, flatten, dense` that becomes `dense, dense, flatten` is the flatten layer behind its
    neighbour, not the last layer at the top.
    """
    for i, j in sorted(draft.moved.items()):
        if _is_crossed(draft, i, j):
            continue
        old, new = _segments(draft, i, j)
        different = (
            place
            for place, (a, b) in enumerate(zip(old, new, strict=True))
            if stacks.old[a] != stacks.new[b]
        )
        places = list(itertools.islice(different, 3))
        if len(places) != 2:
            continue
        first, second = places
        p, q = old[first], new[first]
        is_swap = (old[second], new[second]) == (p + 1, q + 1) and (
            (stacks.old[p], stacks.old[p + 1]) == (stacks.new[q + 1], stacks.new[q])
        )
        if is_swap and p != q + 1:
            del draft.moved[i]
            draft.pairs.update(zip(old, new, strict=True))
            draft.pairs[p + 1] = q
            draft.moved[p] = q + 1
            del draft.pairs[p]


def _segments(draft: AlignmentDraft, i: int, j: int) -> tuple[list[int], list[int]]:
    """Return the old and the new places of a moved layer and of the pairs that it passes."""
    passed = sorted((a, b) for a, b in draft.pairs.items() if (a < i) is not (b < j))
    old = [a for a, _ in passed]
    new = [b for _, b in passed]
    is_down = bool(passed) and passed[0][0] > i
    return ([i, *old], [*new, j]) if is_down else ([*old, i], [j, *new])


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
        if not is_swap or _is_crossed(draft, i, j):
            continue
        if (stacks.old[i - 1], stacks.new[j + 1]) in stacks.differences:
            del draft.moved[i], draft.pairs[i - 1]
            draft.moved[i - 1] = j + 1
            draft.pairs[i] = j


def _is_crossed(draft: AlignmentDraft, i: int, j: int) -> bool:
    return any((a < i) is not (b < j) for a, b in draft.moved.items() if a != i)
