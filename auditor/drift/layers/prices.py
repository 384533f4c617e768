"""What it costs to turn one layer stack into another: prices, and a lower bound of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.layers.corridor import Corridor
from auditor.drift.layers.draft import AlignmentDraft
from auditor.drift.layers.halves import WaitingHalves
from auditor.drift.layers.numbers import NumberedStacks

_PLACE_BITS = 12  # findings at one place that a tie-break can count
_PLACES = 100  # places that a tie-break can tell apart
_COUNT_BITS = 24  # edits and findings that a tie-break can count
_ROUNDS = 8  # of adjusting pulls

_Table: TypeAlias = list[list[int]]
BoundPath: TypeAlias = list[tuple[int | None, int | None]]
"""Old and new places in order, None for a layer that is on one side only."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The cost of an alignment and all its tie-breaks, packed into one number.

    From the highest bits to the lowest: cost, findings, edits, moves to the same place, and the
    places of the findings. All prices are even, so that half of a price is a whole number.

    Attributes:
        same_place: of a move of a layer to the place where it was.
        findings: of a finding, by its place; an earlier place is always cheaper.
    """

    cost: int
    edit: int
    same_place: int
    findings: tuple[int, ...]

    @classmethod
    def of(cls, stacks: NumberedStacks) -> Prices:
        """Return the prices between two stacks."""
        size = max(len(stacks.old), len(stacks.new), 1)
        top = _PLACE_BITS * (min(size, _PLACES) + 1)
        same_place = 2 << (top + _COUNT_BITS)
        edit = same_place << _COUNT_BITS
        finding = edit << _COUNT_BITS
        places = [max(0, top - _PLACE_BITS * (place + 1)) for place in range(size)]
        findings = tuple(finding + 2 * ((1 << top) - (1 << place)) for place in places)
        return cls(finding << _COUNT_BITS, edit, same_place, findings)

    def paired(self, differences: int | None, place: int) -> int:
        """Return the price of a pair that keeps its order; None stands for different types."""
        if differences is None:
            return 3 * self.cost + self.findings[place]
        return self.edited(differences, place)

    def edited(self, differences: int, place: int) -> int:
        """Return the price of an edit that differs in so many properties, 0 for none."""
        return self.cost + self.edit + differences * self.findings[place] if differences else 0

    def unpaired(self, place: int) -> int:
        """Return the price of a layer that was removed or added."""
        return 2 * self.cost + self.findings[place]

    def moved(self, differences: int, i: int, j: int) -> int:
        """Return the price of a layer that was moved, edited or not."""
        same_place = self.same_place if i == j else 0
        return 2 * self.cost + self.findings[j] + self.edited(differences, j) + same_place

    def sum_of(self, draft: AlignmentDraft, stacks: NumberedStacks) -> int:
        """Return the price of an alignment."""
        old, new, differences = stacks.old, stacks.new, stacks.differences
        paired = sum(
            self.paired(differences.get((old[i], new[j])), j) for i, j in draft.pairs.items()
        )
        moved = sum(self.moved(differences[old[i], new[j]], i, j) for i, j in draft.moved.items())
        return paired + moved + sum(map(self.unpaired, (*draft.removed, *draft.added)))


class LowerBound:
    """A price that every completion of an alignment costs at least.

    The bound treats the two halves of a move as separate edits. A lifted layer pays a cost of 1
    plus the pull of its form, a layer put down pays 1 minus that pull, and its finding. A pull is
    at most half an edit either way, so a move never pays more than its price, edited or not.

    A removal or addition pays as one half; the rest of its price is paid as surplus. Where a type
    has more layers before than after (or the reverse), the counts say how many must go (or come);
    removals pay for findings at the earliest places of the type. Only a replacement changes these
    counts, of two types at most, and therefore pays less by as much.

    So an edit distance at these prices plus the surplus is never too high, whatever the pulls.
    Pulls only sharpen the bound: raised for a form that the distance lifts more often than it
    puts down, lowered in the opposite case, until the two are in balance.

    Attributes:
        old_remaining: by place, how many layers of each type follow from there on.
        new_remaining: the same for the new stack.
    """

    def __init__(self, stacks: NumberedStacks, prices: Prices, corridor: Corridor) -> None:
        self._stacks, self._prices, self._corridor = stacks, prices, corridor
        self._never = 8 * prices.cost * (len(stacks.old) + len(stacks.new) + 1)
        types = range(max(stacks.types, default=0) + 1)
        self.old_remaining = _remaining_by_type(stacks.old, stacks.types, len(types))
        self.new_remaining = _remaining_by_type(stacks.new, stacks.types, len(types))
        self._findings = _findings_by_type(stacks, prices, len(types))
        self.max_pull = prices.edited(1, 0) // 2
        surplus = [*map(int.__sub__, self.old_remaining[0], self.new_remaining[0])]
        half = prices.cost - self.max_pull
        self._removal = [half if count > 0 else 0 for count in surplus]
        self._addition = [half if count < 0 else 0 for count in surplus]
        self._unequal = [type_ for type_ in types if surplus[type_]]
        self._pair_prices = [
            [self._pair_price(form, j) for j in range(start, end + 1)]
            for form, start, end in zip(stacks.old, corridor.starts, corridor.ends, strict=False)
        ]
        no_pulls = [0] * len(stacks.types)
        self._pulls = self._adjusted_pulls(no_pulls, stacks.old, stacks.new)
        self._rest = self._distances(self._pulls)
        self._sharpen()

    def remaining(self, i: int, j: int, waiting: WaitingHalves) -> int:
        """Return the least that is still to be paid from two places on.

        Args:
            i: the next place of the old stack.
            j: the next place of the new stack.
            waiting: the moves of which only one half is done. The search charges no pulls, neither
                for that half nor for its counterpart.
        """
        price = self.distance(i, j)
        if price >= self._never:
            return price
        price += waiting.pull
        old, new = self.old_remaining[i], self.new_remaining[j]
        for type_ in self._unequal:
            count = old[type_] - new[type_] + waiting.lifted[type_] - waiting.put[type_]
            if count < 0:
                price -= count * self._addition[type_]
            elif count > 0 and self._removal[type_]:
                price += count * self._removal[type_]
                price += self._earliest_findings(type_, count, old[type_])
        return price

    def pull_of(self, forms: Sequence[int]) -> int:
        """Return the pull of a half with these forms."""
        return max([self._pulls[form] for form in forms])

    def distance(self, i: int, j: int) -> int:
        """Return what is to be paid from two places on, without what the counts of types say."""
        start = self._corridor.starts[i]
        if start <= j <= self._corridor.ends[i]:
            return self._rest[i][j - start]
        return self._never

    def _earliest_findings(self, type_: int, count: int, left: int) -> int:
        """Return the price of findings at the first `count` of the places left to a type."""
        sums = self._findings[type_]
        start = len(sums) - 1 - left
        return sums[min(start + count, len(sums) - 1)] - sums[start]

    def path(self) -> BoundPath:
        """Return the alignment behind the bound, in which the halves of moves are separate."""
        return self._path(self._rest, self._pulls)

    def _pair_price(self, form: int, j: int) -> int:
        if j == len(self._stacks.new):
            return self._never
        differences = self._stacks.differences.get((form, self._stacks.new[j]))
        price = self._prices.paired(differences, j)
        if differences is None:
            old_type, new_type = self._stacks.types[form], self._stacks.types[self._stacks.new[j]]
            price -= self._removal[old_type] + self._addition[new_type]
            price -= self._prices.findings[-1] if self._removal[old_type] else 0
        return price

    def _sharpen(self) -> None:
        rest, pulls = self._rest, self._pulls
        for _ in range(_ROUNDS):
            path = self._path(rest, pulls)
            lifted = [self._stacks.old[i] for i, j in path if i is not None and j is None]
            put = [self._stacks.new[j] for i, j in path if j is not None and i is None]
            before, pulls = pulls, self._adjusted_pulls(pulls, lifted, put)
            if pulls == before:
                return
            rest = self._distances(pulls)
            if rest[0][0] > self._rest[0][0]:
                self._rest, self._pulls = rest, pulls

    def _adjusted_pulls(
        self, pulls: list[int], lifted: Iterable[int], put: Iterable[int]
    ) -> list[int]:
        balance = Counter(lifted)
        balance.subtract(put)
        return [
            max(-self.max_pull, min(self.max_pull, pull + balance[form] * self.max_pull))
            for form, pull in enumerate(pulls)
        ]

    def _distances(self, pulls: list[int]) -> _Table:
        old, new, cost = self._stacks.old, self._stacks.new, self._prices.cost
        put = [cost - pulls[b] + self._prices.findings[j] for j, b in enumerate(new)]
        put.append(0)  # behind the last place nothing is put
        rest: _Table = [[] for _ in range(len(old) + 1)]
        for i in reversed(range(len(old) + 1)):
            start, end = self._corridor.starts[i], self._corridor.ends[i]
            pairs = self._pair_prices[i] if i < len(old) else [0] * (end - start + 1)
            lifted = cost + pulls[old[i]] if i < len(old) else 0
            below = self._padded_row(rest, i + 1, start, end + 2)
            row = [0] * (end - start + 1)
            right = -put[-1] if i == len(old) else self._never
            for k in reversed(range(end - start + 1)):
                right = row[k] = min(
                    below[k + 1] + pairs[k], below[k] + lifted, right + put[start + k]
                )
            rest[i] = row
        return rest

    def _padded_row(self, rest: _Table, i: int, start: int, stop: int) -> list[int]:
        """Return the row of an old place at these new places, never outside of the corridor."""
        if i == len(rest):
            return [self._never] * (stop - start)
        first, row = self._corridor.starts[i], rest[i]
        before = min(max(0, first - start), stop - start)
        part = row[max(0, start - first) : max(0, stop - first)]
        return [self._never] * before + part + [self._never] * (stop - start - before - len(part))

    def _path(self, rest: _Table, pulls: list[int]) -> BoundPath:
        old, new, starts = self._stacks.old, self._stacks.new, self._corridor.starts
        path: BoundPath = []
        i = j = 0
        while i < len(old) or j < len(new):
            k = j - starts[i]
            price = rest[i][k]
            below = self._padded_row(rest, i + 1, j, j + 2)
            if i < len(old) and j < len(new) and below[1] + self._pair_prices[i][k] == price:
                path.append((i, j))
            elif i < len(old) and below[0] + self._prices.cost + pulls[old[i]] == price:
                path.append((i, None))
            else:
                path.append((None, j))
            i, j = i + (path[-1][0] is not None), j + (path[-1][1] is not None)
        return path


def _findings_by_type(stacks: NumberedStacks, prices: Prices, types: int) -> _Table:
    """Return, by type, the price of findings at its first places: none, one, two, and so on."""
    sums = [[0] for _ in range(types)]
    for place, form in enumerate(stacks.old):
        of_type = sums[stacks.types[form]]
        of_type.append(of_type[-1] + prices.findings[place])
    return sums


def _remaining_by_type(stack: Sequence[int], types: Sequence[int], number: int) -> _Table:
    """Return, by place, how many layers of each type follow from there on."""
    remaining = [[0] * number]
    for form in reversed(stack):
        remaining.append([*remaining[-1]])
        remaining[-1][types[form]] += 1
    return remaining[::-1]
