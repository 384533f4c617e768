"""What remains to be paid for an alignment, estimated for a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from auditor.drift.layers.stacks import Prices, Stacks

_ROUNDS = 8  # of sharpening
_Table = list[list[int]]

Path = list[tuple[int | None, int | None]]  # old and new place, None where there is no layer


class Half(NamedTuple):
    """One half of a move: a layer lifted, of that kind; or put down, of any of the kinds.

    Attributes:
        place: where it was, as long as the other half could come to the same place; else -1.
    """

    is_lifted: bool
    kinds: tuple[int, ...]
    place: int = -1

    def seen_from(self, i: int, j: int) -> Half:
        """Return it without its place where that is passed."""
        return self._replace(place=-1) if self.place < (j if self.is_lifted else i) else self


class Estimate:
    """A price that no completion of an alignment undercuts.

    Let the halves of moves be separate: a layer lifted pays cost 1 + pull of its kind, one put
    down 1 - pull and its finding. With pulls of at most half an edit either way, a move then pays
    no more than its price, edited or not. A removal or addition pays as a half and the rest as
    surplus: of a type with more layers before, or after, the counts give how many go, with
    findings at the first places there are, or come. Only a replacement changes such a count, of
    two types at most, and therefore pays as much less. So an edit distance at these prices and
    the surplus are never too much, whatever the pulls. They are raised for a kind that the
    distance lifts more often than it puts down, and lowered for the other way about, for as long
    as the distance is not in balance.

    Attributes:
        old_left: by place, how many layers of each type stand from there on.
        new_left: the same of the new stack.
    """

    def __init__(self, stacks: Stacks, prices: Prices) -> None:
        self._stacks, self._prices = stacks, prices
        self.old_left = _left_by_type(stacks.old, stacks.types)
        self.new_left = _left_by_type(stacks.new, stacks.types)
        self._findings = _findings_by_type(stacks, prices)
        self._most = prices.edited(1, 0) // 2
        surplus = [*map(int.__sub__, self.old_left[0], self.new_left[0])]
        self._removal = [prices.cost - self._most if count > 0 else 0 for count in surplus]
        self._addition = [prices.cost - self._most if count < 0 else 0 for count in surplus]
        self._kept = [[self._kept_price(a, j) for j in range(len(stacks.new))] for a in stacks.old]
        self._pull = self._pulled([0] * len(stacks.types), stacks.old, stacks.new)
        self._rest = self._distances(self._pull)
        self._sharpen()

    def remaining(self, i: int, j: int, halves: Iterable[Half]) -> int:
        """Return the least that is still to be paid from two places on.

        Args:
            i: the next place of the old stack.
            j: the next place of the new stack.
            halves: the moves of which one half is done.
        """
        price, types = self._rest[i][j], self._stacks.types
        surplus = list(map(int.__sub__, self.old_left[i], self.new_left[j]))
        for is_lifted, kinds, _ in halves:
            # A lift has paid no pull; for a layer put down, the lift to come will pay none.
            pull = max([self._pull[kind] for kind in kinds])
            price += pull if is_lifted else -pull
            surplus[types[kinds[0]]] += 1 if is_lifted else -1
        for type_, count in enumerate(surplus):
            if count < 0:
                price -= count * self._addition[type_]
            elif count > 0 and self._removal[type_]:
                price += count * self._removal[type_]
                price += self._earliest(type_, count, self.old_left[i][type_])
        return price

    def _earliest(self, type_: int, count: int, left: int) -> int:
        """Return the price of findings at the first so many of the places left to a type."""
        sums = self._findings[type_]
        start = len(sums) - 1 - left
        return sums[min(start + count, len(sums) - 1)] - sums[start]

    def path(self) -> Path:
        """Return the alignment behind the estimate, halves of moves still separate."""
        return self._path(self._rest, self._pull)

    def _kept_price(self, kind: int, j: int) -> int:
        differing = self._stacks.differing.get((kind, self._stacks.new[j]))
        price = self._prices.kept(differing, j)
        if differing is None:
            went, came = self._stacks.types[kind], self._stacks.types[self._stacks.new[j]]
            price -= self._removal[went] + self._addition[came]
            price -= self._prices.findings[-1] if self._removal[went] else 0
        return price

    def _sharpen(self) -> None:
        rest, pull = self._rest, self._pull
        for _ in range(_ROUNDS):
            path = self._path(rest, pull)
            lifted = [self._stacks.old[i] for i, j in path if i is not None and j is None]
            put = [self._stacks.new[j] for i, j in path if j is not None and i is None]
            before, pull = pull, self._pulled(pull, lifted, put)
            if pull == before:
                return
            rest = self._distances(pull)
            if rest[0][0] > self._rest[0][0]:
                self._rest, self._pull = rest, pull

    def _pulled(self, pull: list[int], lifted: Iterable[int], put: Iterable[int]) -> list[int]:
        balance = Counter(lifted)
        balance.subtract(put)
        return [
            max(-self._most, min(self._most, one + balance[kind] * self._most))
            for kind, one in enumerate(pull)
        ]

    def _distances(self, pull: list[int]) -> _Table:
        old, new, cost = self._stacks.old, self._stacks.new, self._prices.cost
        put = [cost - pull[b] + self._prices.findings[j] for j, b in enumerate(new)]
        rest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
        for j in reversed(range(len(new))):
            rest[-1][j] = rest[-1][j + 1] + put[j]
        for i in reversed(range(len(old))):
            row, below, kept, lifted = rest[i], rest[i + 1], self._kept[i], cost + pull[old[i]]
            row[-1] = below[-1] + lifted
            for j in reversed(range(len(new))):
                row[j] = min(below[j + 1] + kept[j], below[j] + lifted, row[j + 1] + put[j])
        return rest

    def _path(self, rest: _Table, pull: list[int]) -> Path:
        old, new = self._stacks.old, self._stacks.new
        path: Path = []
        i = j = 0
        while i < len(old) or j < len(new):
            price = rest[i][j]
            if i < len(old) and j < len(new) and rest[i + 1][j + 1] + self._kept[i][j] == price:
                path.append((i, j))
            elif i < len(old) and rest[i + 1][j] + self._prices.cost + pull[old[i]] == price:
                path.append((i, None))
            else:
                path.append((None, j))
            i, j = i + (path[-1][0] is not None), j + (path[-1][1] is not None)
        return path


def _findings_by_type(stacks: Stacks, prices: Prices) -> _Table:
    """Return by type the sums of a finding at none, the first, the first two of its places."""
    sums = [[0] for _ in stacks.types]
    for place, kind in enumerate(stacks.old):
        of_type = sums[stacks.types[kind]]
        of_type.append(of_type[-1] + prices.findings[place])
    return sums


def _left_by_type(stack: Sequence[int], types: Sequence[int]) -> _Table:
    """Return by place how many layers of each type stand from there on."""
    left = [[0] * len(types)]
    for kind in reversed(stack):
        left.append([*left[-1]])
        left[-1][types[kind]] += 1
    return left[::-1]
