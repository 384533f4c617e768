"""What it costs to turn one layer stack into another: prices, and a lower bound of the rest."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from auditor.drift.canonical import is_same
from auditor.drift.fields import names_model
from auditor.model import Json, JsonObject

_MODEL = "organizationModelId"
_PLACE_BITS = 12  # findings at one place that a tie-break can count
_PLACES = 100  # places that a tie-break can tell apart
_COUNT_BITS = 24  # edits and findings that a tie-break can count
_ROUNDS = 8  # of adjusting pulls

_Table: TypeAlias = list[list[int]]
BoundPath: TypeAlias = list[tuple[int | None, int | None]]
"""Old and new places in order, None for a layer that is on one side only."""


@dataclass(frozen=True, slots=True)
class NumberedStacks:
    """Both stacks, each layer as the number of its form; equal layers have the same form.

    Attributes:
        types: the type of each form, as a number.
        differences: how many properties differ, by old and new form; only for forms of the
            same type.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]
    types: tuple[int, ...]
    differences: Mapping[tuple[int, int], int]

    @classmethod
    def of(cls, old: Sequence[JsonObject], new: Sequence[JsonObject]) -> NumberedStacks:
        """Return the numbers of two stacks of layers in canonical form."""
        forms: list[JsonObject] = []
        numbers = tuple(_number_of(layer, forms) for layer in (*old, *new))
        names: list[Json] = [form.get("type") for form in forms]
        types = tuple(names.index(name) for name in names)
        before, after = numbers[: len(old)], numbers[len(old) :]
        differences = {
            (a, b): 0 if a == b else _count_differences(forms[a], forms[b])
            for a, b in itertools.product(dict.fromkeys(before), dict.fromkeys(after))
            if types[a] == types[b]
        }
        return cls(before, after, types, differences)

    def merged(self) -> NumberedStacks:
        """Return the stacks with one number for forms that differ equally from all others.

        Such forms are interchangeable in a search, which then has fewer states to visit.
        """
        olds, news = dict.fromkeys(self.old), dict.fromkeys(self.new)
        rows = {a: (self.types[a], *(self.differences.get((a, b)) for b in news)) for a in olds}
        columns = {b: (self.types[b], *(self.differences.get((a, b)) for a in olds)) for b in news}
        first = {row: a for a, row in reversed(rows.items())}
        first_new = {column: b for b, column in reversed(columns.items())}
        left = set(itertools.product(first.values(), first_new.values()))
        return NumberedStacks(
            tuple(first[rows[a]] for a in self.old),
            tuple(first_new[columns[b]] for b in self.new),
            self.types,
            {link: count for link, count in self.differences.items() if link in left},
        )


def _number_of(layer: JsonObject, forms: list[JsonObject]) -> int:
    """Return the number of a layer's form, which is appended where it is new."""
    for number, form in enumerate(forms):
        if is_same(layer, form):
            return number
    forms.append(layer)
    return len(forms) - 1


def _count_differences(a: JsonObject, b: JsonObject) -> int:
    if names_model(a.get("type")) and not is_same(a.get(_MODEL), b.get(_MODEL)):
        return 1  # another model is one finding
    return sum(
        1
        for key in a.keys() | b.keys()
        if key not in a or key not in b or not is_same(a[key], b[key])
    )


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


class HalfMove(NamedTuple):
    """One half of a move: a layer lifted from the old stack, or put down in the new one.

    Attributes:
        forms: the form that was lifted, or the old forms of which one was put down.
        place: where this half was done, while the other half can still be at the same place;
            -1 after that.
    """

    is_lifted: bool
    forms: tuple[int, ...]
    place: int = -1

    def forget_passed_place(self, i: int, j: int) -> HalfMove:
        """Return the half without its place where the search has passed that place."""
        return self._replace(place=-1) if self.place < (j if self.is_lifted else i) else self


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

    def __init__(self, stacks: NumberedStacks, prices: Prices) -> None:
        self._stacks, self._prices = stacks, prices
        self.old_remaining = _remaining_by_type(stacks.old, stacks.types)
        self.new_remaining = _remaining_by_type(stacks.new, stacks.types)
        self._findings = _findings_by_type(stacks, prices)
        self._max_pull = prices.edited(1, 0) // 2
        surplus = [*map(int.__sub__, self.old_remaining[0], self.new_remaining[0])]
        self._removal = [prices.cost - self._max_pull if count > 0 else 0 for count in surplus]
        self._addition = [prices.cost - self._max_pull if count < 0 else 0 for count in surplus]
        self._pair_prices = [
            [self._pair_price(form, j) for j in range(len(stacks.new))] for form in stacks.old
        ]
        self._pulls = self._adjusted_pulls([0] * len(stacks.types), stacks.old, stacks.new)
        self._rest = self._distances(self._pulls)
        self._sharpen()

    def remaining(self, i: int, j: int, halves: Iterable[HalfMove]) -> int:
        """Return the least that is still to be paid from two places on.

        Args:
            i: the next place of the old stack.
            j: the next place of the new stack.
            halves: the moves of which only one half is done.
        """
        price, types = self._rest[i][j], self._stacks.types
        surplus = list(map(int.__sub__, self.old_remaining[i], self.new_remaining[j]))
        for is_lifted, forms, _ in halves:
            # The search charges no pulls, neither for a half that is done nor for its counterpart.
            pull = max([self._pulls[form] for form in forms])
            price += pull if is_lifted else -pull
            surplus[types[forms[0]]] += 1 if is_lifted else -1
        for type_, count in enumerate(surplus):
            if count < 0:
                price -= count * self._addition[type_]
            elif count > 0 and self._removal[type_]:
                price += count * self._removal[type_]
                price += self._earliest_findings(type_, count, self.old_remaining[i][type_])
        return price

    def _earliest_findings(self, type_: int, count: int, left: int) -> int:
        """Return the price of findings at the first `count` of the places left to a type."""
        sums = self._findings[type_]
        start = len(sums) - 1 - left
        return sums[min(start + count, len(sums) - 1)] - sums[start]

    def path(self) -> BoundPath:
        """Return the alignment behind the bound, in which the halves of moves are separate."""
        return self._path(self._rest, self._pulls)

    def _pair_price(self, form: int, j: int) -> int:
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
            max(-self._max_pull, min(self._max_pull, pull + balance[form] * self._max_pull))
            for form, pull in enumerate(pulls)
        ]

    def _distances(self, pulls: list[int]) -> _Table:
        old, new, cost = self._stacks.old, self._stacks.new, self._prices.cost
        put = [cost - pulls[b] + self._prices.findings[j] for j, b in enumerate(new)]
        rest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
        for j in reversed(range(len(new))):
            rest[-1][j] = rest[-1][j + 1] + put[j]
        for i in reversed(range(len(old))):
            row, below, pairs = rest[i], rest[i + 1], self._pair_prices[i]
            lifted = cost + pulls[old[i]]
            row[-1] = below[-1] + lifted
            for j in reversed(range(len(new))):
                row[j] = min(below[j + 1] + pairs[j], below[j] + lifted, row[j + 1] + put[j])
        return rest

    def _path(self, rest: _Table, pulls: list[int]) -> BoundPath:
        old, new = self._stacks.old, self._stacks.new
        path: BoundPath = []
        i = j = 0
        while i < len(old) or j < len(new):
            price = rest[i][j]
            is_pair = i < len(old) and j < len(new)
            if is_pair and rest[i + 1][j + 1] + self._pair_prices[i][j] == price:
                path.append((i, j))
            elif i < len(old) and rest[i + 1][j] + self._prices.cost + pulls[old[i]] == price:
                path.append((i, None))
            else:
                path.append((None, j))
            i, j = i + (path[-1][0] is not None), j + (path[-1][1] is not None)
        return path


def _findings_by_type(stacks: NumberedStacks, prices: Prices) -> _Table:
    """Return, by type, the price of findings at its first places: none, one, two, and so on."""
    sums = [[0] for _ in stacks.types]
    for place, form in enumerate(stacks.old):
        of_type = sums[stacks.types[form]]
        of_type.append(of_type[-1] + prices.findings[place])
    return sums


def _remaining_by_type(stack: Sequence[int], types: Sequence[int]) -> _Table:
    """Return, by place, how many layers of each type follow from there on."""
    remaining = [[0] * len(types)]
    for form in reversed(stack):
        remaining.append([*remaining[-1]])
        remaining[-1][types[form]] += 1
    return remaining[::-1]
