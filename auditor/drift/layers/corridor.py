"""Which places of two stacks a cheap alignment can pass: few, where the stacks are much alike.

An alignment is a path from the start of both stacks to their end. A first alignment is found by
the edit distance near the diagonal. A path that costs more than it, at the least, need not be
looked at. The least that a path costs is what `prices.LowerBound` says, without pulls and in
whole costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.layers.draft import AlignmentDraft, draft_from_pairs
from auditor.drift.layers.numbers import NumberedStacks

_FIRST_WIDTH = 8
_MOST_CELLS = 1_000_000  # of the edit distance
_NEVER = 1 << 40


@dataclass(frozen=True, slots=True)
class Corridor:
    """The places of both stacks that are worth a look.

    Attributes:
        starts: by old place, the first new place.
        ends: by old place, the last new place.
        known: an alignment that passes no other places.
        is_whole: whether every alignment that costs no more than `known` passes no other places.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    known: AlignmentDraft
    is_whole: bool

    @property
    def size(self) -> int:
        """Return the number of pairs of places."""
        return sum(end - start + 1 for start, end in zip(self.starts, self.ends, strict=True))


def find_corridor(stacks: NumberedStacks) -> Corridor:
    """Return the corridor between two stacks; it is not whole where it would be too wide."""
    distances = _Distances(stacks)
    width = _FIRST_WIDTH + abs(len(stacks.new) - len(stacks.old))
    while True:
        rests = distances.backward(width)
        known = draft_from_pairs(stacks, distances.path(width, rests))
        slack = _cost(stacks, known) - distances.extra
        if slack <= width:
            return distances.corridor(width, rests, slack, known)
        width = max(2 * width, min(slack, 4 * width))
        if len(stacks.old) * min(width, len(stacks.new)) > _MOST_CELLS:
            return Corridor((), (), known, is_whole=False)


def _cost(stacks: NumberedStacks, draft: AlignmentDraft) -> int:
    others = len(draft.removed) + len(draft.added) + len(draft.moved)
    links = [*draft.pairs.items(), *draft.moved.items()]
    types, old, new = stacks.types, stacks.old, stacks.new
    return 2 * others + sum(
        0 if old[i] == new[j] else 1 if types[old[i]] == types[new[j]] else 3 for i, j in links
    )


class _Distances:
    """The edit distance of two stacks, at places that are at most so far from the diagonal.

    A half of a move costs 1, and so does one of a removal or an addition. What these cost more is
    in `extra`, as far as the numbers of layers of each type say that there must be some.
    """

    def __init__(self, stacks: NumberedStacks) -> None:
        self._stacks = stacks
        surplus = [0] * (max(stacks.types, default=0) + 1)
        for form in stacks.old:
            surplus[stacks.types[form]] += 1
        for form in stacks.new:
            surplus[stacks.types[form]] -= 1
        self._goes = [count > 0 for count in surplus]
        self._comes = [count < 0 for count in surplus]
        self.extra = sum(map(abs, surplus))

    def backward(self, width: int) -> list[list[int]]:
        """Return, by old place and by new place in the band, the distance to the end."""
        n, m = len(self._stacks.old), len(self._stacks.new)
        rows: list[list[int]] = [[]] * (n + 1)
        below: list[int] = []
        for i in range(n, -1, -1):
            start, end = self._band(width, i)
            down = _padded(below, self._band(width, i + 1)[0] if i < n else start, start, end + 2)
            pairs = self._pair_costs(i, start, end)
            row = [_NEVER] * (end - start + 1)
            right = -1 if i == n and end == m else _NEVER
            for k in range(end - start, -1, -1):
                right = row[k] = min(down[k + 1] + pairs[k], down[k] + 1, right + 1)
            rows[i] = below = row
        return rows

    def path(self, width: int, rests: Sequence[Sequence[int]]) -> dict[int, int]:
        """Return the pairs of the shortest path."""
        n, m = len(self._stacks.old), len(self._stacks.new)
        pairs: dict[int, int] = {}
        i = j = 0
        while i < n and j < m:
            start, _ = self._band(width, i)
            rest, below = rests[i][j - start], rests[i + 1]
            next_start, _ = self._band(width, i + 1)
            diagonal = j + 1 - next_start
            cost = self._pair_costs(i, j, j)[0]
            if diagonal < len(below) and below[diagonal] + cost == rest:
                pairs[i] = j
                i, j = i + 1, j + 1
            elif 0 <= diagonal - 1 < len(below) and below[diagonal - 1] + 1 == rest:
                i += 1
            else:
                j += 1
        return pairs

    def corridor(
        self, width: int, rests: Sequence[Sequence[int]], slack: int, known: AlignmentDraft
    ) -> Corridor:
        """Return the places on paths whose distance is at most `slack`."""
        starts, ends = [], []
        above: list[int] = []
        above_start = 0
        for i, rest in enumerate(rests):
            start, end = self._band(width, i)
            up = _padded(above, above_start, start - 1, end + 1)
            pairs = self._pair_costs(i - 1, start - 1, end - 1) if i else [0] * len(rest)
            row = [_NEVER] * len(rest)
            left = -1 if i == 0 else _NEVER
            for k in range(len(row)):
                left = row[k] = min(up[k] + pairs[k], up[k + 1] + 1, left + 1)
            passed = [k for k, done in enumerate(row) if done + rest[k] <= slack]
            starts.append(start + passed[0])
            ends.append(start + passed[-1])
            above, above_start = row, start
        return Corridor(tuple(starts), tuple(ends), known, is_whole=True)

    def _band(self, width: int, i: int) -> tuple[int, int]:
        """Return the first and the last new place from which a path can be that short."""
        longer = len(self._stacks.new) - len(self._stacks.old)
        side = (width - abs(longer)) // 2
        start, end = i + min(longer, 0) - side, i + max(longer, 0) + side
        return max(0, start), min(len(self._stacks.new), end)

    def _pair_costs(self, i: int, start: int, end: int) -> list[int]:
        """Return what an old layer costs as a pair with each of several new ones."""
        old, new, types = self._stacks.old, self._stacks.new, self._stacks.types
        if i == len(old):
            return [0] * (end - start + 1)
        form = old[i]
        type_ = types[form]
        other = 3 - self._goes[type_]
        costs = [
            0 if form == b else 1 if types[b] == type_ else other - self._comes[types[b]]
            for b in new[max(start, 0) : end + 1]
        ]
        before = max(0, -start)
        return [0] * before + costs + [0] * (end - start + 1 - before - len(costs))


def _padded(row: Sequence[int], row_start: int, start: int, stop: int) -> list[int]:
    """Return the part of a row that is at these places, with what is not in it as never."""
    if not row:
        return [_NEVER] * (stop - start)
    before = max(0, row_start - start)
    part = row[max(0, start - row_start) : max(0, stop - row_start)]
    return [_NEVER] * before + list(part) + [_NEVER] * (stop - start - before - len(part))
