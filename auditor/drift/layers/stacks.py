"""Two layer stacks as numbers, and what it costs to make one of the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.drift.canonical import same
from auditor.drift.fields import names_model
from auditor.model import Json, JsonObject

_MODEL = "organizationModelId"
_PLACE_BITS = 12  # findings at one place that a tie-break can count
_PLACES = 100  # places that a tie-break can tell apart
_COUNT_BITS = 24  # edits and findings that a tie-break can count


@dataclass(frozen=True, slots=True)
class Stacks:
    """Both stacks, each layer as the number of its kind; equal layers are of one kind.

    Attributes:
        types: the type of each kind, as a number.
        differing: in how many properties an old kind differs from a new one of the same type;
            none for another type.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]
    types: tuple[int, ...]
    differing: Mapping[tuple[int, int], int]

    @classmethod
    def of(cls, old: Sequence[JsonObject], new: Sequence[JsonObject]) -> Stacks:
        """Return two stacks of layers in canonical form as numbers."""
        kinds: list[JsonObject] = []
        numbers = tuple(_number_of(layer, kinds) for layer in (*old, *new))
        names: list[Json] = [kind.get("type") for kind in kinds]
        types = tuple(names.index(name) for name in names)
        before, after = numbers[: len(old)], numbers[len(old) :]
        differing = {
            (a, b): 0 if a == b else _differing(kinds[a], kinds[b])
            for a, b in itertools.product(dict.fromkeys(before), dict.fromkeys(after))
            if types[a] == types[b]
        }
        return cls(before, after, types, differing)

    def merged(self) -> Stacks:
        """Return the stacks with one number for kinds that differ alike from all others.

        They are as good as equal to a search, which has fewer states to tell apart.
        """
        olds, news = dict.fromkeys(self.old), dict.fromkeys(self.new)
        rows = {a: (self.types[a], *(self.differing.get((a, b)) for b in news)) for a in olds}
        columns = {b: (self.types[b], *(self.differing.get((a, b)) for a in olds)) for b in news}
        first = {row: a for a, row in reversed(rows.items())}
        first_new = {column: b for b, column in reversed(columns.items())}
        left = set(itertools.product(first.values(), first_new.values()))
        return Stacks(
            tuple(first[rows[a]] for a in self.old),
            tuple(first_new[columns[b]] for b in self.new),
            self.types,
            {link: count for link, count in self.differing.items() if link in left},
        )


def _number_of(layer: JsonObject, kinds: list[JsonObject]) -> int:
    for number, kind in enumerate(kinds):
        if same(layer, kind):
            return number
    kinds.append(layer)
    return len(kinds) - 1


def _differing(a: JsonObject, b: JsonObject) -> int:
    if names_model(a.get("type")) and not same(a.get(_MODEL), b.get(_MODEL)):
        return 1  # told as one: another model
    return sum(
        1
        for key in a.keys() | b.keys()
        if key not in a or key not in b or not same(a[key], b[key])
    )


@dataclass(frozen=True, slots=True)
class Prices:
    """Cost, then findings, edits, moves that are none, and places of findings as one number.

    All prices are even, so that half of one is a whole number.

    Attributes:
        still: of a move of a layer to the place where it stood.
        findings: of a finding by its place: smaller the earlier, by so much as to decide.
    """

    cost: int
    edit: int
    still: int
    findings: tuple[int, ...]

    @classmethod
    def of(cls, stacks: Stacks) -> Prices:
        """Return the prices between two stacks."""
        size = max(len(stacks.old), len(stacks.new), 1)
        top = _PLACE_BITS * (min(size, _PLACES) + 1)
        still = 2 << (top + _COUNT_BITS)
        edit = still << _COUNT_BITS
        finding = edit << _COUNT_BITS
        places = [max(0, top - _PLACE_BITS * (place + 1)) for place in range(size)]
        findings = tuple(finding + 2 * ((1 << top) - (1 << place)) for place in places)
        return cls(finding << _COUNT_BITS, edit, still, findings)

    def kept(self, differing: int | None, place: int) -> int:
        """Return the price of a layer in its place; it differs so much, None: in its type."""
        if differing is None:
            return 3 * self.cost + self.findings[place]
        return self.edited(differing, place)

    def edited(self, differing: int, place: int) -> int:
        """Return the price of an edit of so many properties; none of no properties."""
        return self.cost + self.edit + differing * self.findings[place] if differing else 0

    def gone(self, place: int) -> int:
        """Return the price of a layer removed or added."""
        return 2 * self.cost + self.findings[place]
