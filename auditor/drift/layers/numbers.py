"""The layers of two stacks as the numbers of their forms, equal layers with the same number."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.canonical import is_number, is_same
from auditor.drift.fields import names_model
from auditor.model import Json, JsonObject

_MODEL = "organizationModelId"
_MOST_MERGED = 100_000  # pairs of forms
_STEP = 1e-8  # between two sizes: far more than noise


class Differences:
    """How many properties differ between two forms of the same type; counted when asked for."""

    def __init__(self, forms: Sequence[JsonObject], types: Sequence[int]) -> None:
        """Prepare for forms by number."""
        self._forms, self._types = forms, types
        self._known: dict[tuple[int, int], int | None] = {}

    def get(self, link: tuple[int, int]) -> int | None:
        """Return the number between an old and a new form, None where the types differ."""
        if link in self._known:
            return self._known[link]
        a, b = link
        count: int | None = None
        if a == b:
            count = 0
        elif self._types[a] == self._types[b]:
            count = _count_differences(self._forms[a], self._forms[b])
        self._known[link] = count
        return count

    def __getitem__(self, link: tuple[int, int]) -> int:
        count = self.get(link)
        if count is None:
            raise KeyError(link)
        return count

    def __contains__(self, link: tuple[int, int]) -> bool:
        return self._types[link[0]] == self._types[link[1]]


@dataclass(frozen=True, slots=True)
class NumberedStacks:
    """Both stacks, each layer as the number of its form; equal layers have the same form.

    Attributes:
        types: the type of each form, as a number from 0.
        differences: by old and new form.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]
    types: tuple[int, ...]
    differences: Differences

    @classmethod
    def of(cls, old: Sequence[JsonObject], new: Sequence[JsonObject]) -> NumberedStacks:
        """Return the numbers of two stacks of layers in canonical form."""
        numbers, forms = number_forms([*old, *new])
        names: dict[str, int] = {}
        types = tuple(names.setdefault(repr(form.get("type")), len(names)) for form in forms)
        before, after = tuple(numbers[: len(old)]), tuple(numbers[len(old) :])
        return cls(before, after, types, Differences(forms, types))

    def merged(self) -> NumberedStacks:
        """Return the stacks with one number for forms that differ equally from all others.

        Such forms are interchangeable in a search, which then has fewer states to visit. A form
        in both stacks is equal to itself alone.
        """
        olds, news = dict.fromkeys(self.old), dict.fromkeys(self.new)
        only_old = [a for a in olds if a not in news]
        only_new = [b for b in news if b not in olds]
        if len(only_old) * len(news) + len(only_new) * len(olds) > _MOST_MERGED:
            return self
        count = self.differences.get
        rows = {a: (self.types[a], *(count((a, b)) for b in news)) for a in only_old}
        columns = {b: (self.types[b], *(count((a, b)) for a in olds)) for b in only_new}
        first = {row: a for a, row in reversed(rows.items())}
        first_new = {column: b for b, column in reversed(columns.items())}
        return NumberedStacks(
            tuple(first[rows[a]] if a in rows else a for a in self.old),
            tuple(first_new[columns[b]] if b in columns else b for b in self.new),
            self.types,
            self.differences,
        )


def _count_differences(a: JsonObject, b: JsonObject) -> int:
    if names_model(a.get("type")) and not is_same(a.get(_MODEL), b.get(_MODEL)):
        return 1  # another model is one finding
    return sum(
        1
        for key in a.keys() | b.keys()
        if key not in a or key not in b or not is_same(a[key], b[key])
    )


def number_forms(layers: Sequence[JsonObject]) -> tuple[list[int], list[JsonObject]]:
    """Return the number of each layer's form, and the forms; noise of numbers makes no other form.

    A layer has the number of the first form that is the same. That can only be one of equal text,
    or one of nearly the same size if it has the same shape.
    """
    forms: list[JsonObject] = []
    by_text: dict[str, int] = {}
    by_size: dict[tuple[str, int], list[int]] = {}
    numbers = []
    for layer in layers:
        text = json.dumps(layer, sort_keys=True)
        if text not in by_text:
            shape, size = _shape_and_size(layer)
            near = [n for at in (-1, 0, 1) for n in by_size.get((shape, size + at), ())]
            found = next((n for n in sorted(near) if is_same(layer, forms[n])), None)
            if found is None:
                found = len(forms)
                forms.append(layer)
                by_size.setdefault((shape, size), []).append(found)
            by_text[text] = found
        numbers.append(by_text[text])
    return numbers, forms


def _shape_and_size(layer: JsonObject) -> tuple[str, int]:
    """Return the text of a layer without its numbers, and about how large these are together."""
    found: list[float] = []
    shape = json.dumps(_without_numbers(layer, found), sort_keys=True)
    total = sum(abs(number) / (place + 2) for place, number in enumerate(found))
    return shape, round(math.log(min(total, sys.float_info.max)) / _STEP) if total else 0


def _without_numbers(value: Json, found: list[float]) -> Json:
    """Return a value with only the signs of its numbers, which are added to those found."""
    match value:
        case dict():
            return {key: _without_numbers(value[key], found) for key in sorted(value)}
        case list():
            return [_without_numbers(member, found) for member in value]
        case _ if is_number(value):
            found.append(value)
            return {"": (value > 0) - (value < 0)}
        case _:
            return value
