"""Values in the words of a headline: one value, two that differ, two lists.

Where two values would look alike, what differs between them is shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from auditor.drift.lookalikes import name_difference, outline_of, tell_apart
from auditor.model import Json
from auditor.redaction import HIDDEN, shown

_MAX_VALUE = 60  # characters of one value; the report shows the whole value below the headline
_MAX_MEMBERS = 5  # of a list, listed by name
_BEFORE_DIFFERENCE = 8
_CLOSING = {"(": ")", "[": "]", "{": "}", "“": "”"}
_TYPES = {str: "text", bool: "on or off", int: "a number", float: "a number"}


def value_words(value: Json) -> str:
    """Return a value as a headline writes it, cut where it is long."""
    return _cut(_whole_words(value))


def describe_pair(before: Json, after: Json) -> str:
    """Return `: 1 → 2` for two values that differ."""
    old, new = _whole_words(before), _whole_words(after)
    if old == new == HIDDEN:
        return " changed (hidden)"
    if isinstance(before, str) and isinstance(after, str):
        if outline_of(before) == outline_of(after):
            old, new, note = _apart(before, after)
            old, new = _from_difference(old, new)
            return f": {old} → {new} ({note})"
    elif old == new:
        old, new = _literal(before), _literal(after)
        if isinstance(before, str) or isinstance(after, str):
            return f": {_cut(old)} → {_cut(new)} ({_type(before)}, now {_type(after)})"
    old, new = _from_difference(old, new)
    return f": {old} → {new}"


def describe_list(before: Sequence[Json], after: Sequence[Json]) -> str:
    """Return `: a added, b removed` for two lists, or that their order changed."""
    members = _Members([*before, *after])
    old, new = Counter(map(_literal, before)), Counter(map(_literal, after))
    added, removed = list((new - old).elements()), list((old - new).elements())
    shown_members = members.words({*added, *removed})
    parts = [f"{_listed(shown_members.of(added))} added"] if added else []
    parts += [f"{_listed(shown_members.of(removed))} removed"] if removed else []
    if not parts:
        orders = (_listed(map(value_words, side)) for side in (before, after))
        return f" reordered: {' → '.join(orders)}"
    note = f" ({shown_members.note})" if shown_members.note else ""
    return f": {', '.join(parts)}{note}"


def describe_outputs(before: Sequence[Json], after: Sequence[Json]) -> str:
    """Return what two lists of output classes mean for a device, which knows outputs by number."""
    moves = _moves(before, after)
    changed = describe_list(before, after)
    if not moves:
        return changed
    first = "" if changed.startswith(" reordered") else f"{changed};"
    words = _listed(
        f"{label} from {old} to {new}" if place else f"{label} moved from output {old} to {new}"
        for place, (label, old, new) in enumerate(moves)
    )
    them = "it" if len(moves) == 1 else "them"
    return f"{first or ' reordered:'} {words}: firmware built before maps {them} wrongly"


def _moves(before: Sequence[Json], after: Sequence[Json]) -> list[tuple[str, int, int]]:
    """Return the labels that stay and have another place, with both places, counted from 0."""
    old, new = list(map(_literal, before)), list(map(_literal, after))
    numbers, new_numbers = Counter(old), Counter(new)
    places = {key: place for place, key in enumerate(new)}
    return [
        (value_words(label), place, places[key])
        for place, (key, label) in enumerate(zip(old, before, strict=True))
        if numbers[key] == new_numbers[key] == 1 and places[key] != place
    ]


def close_brackets(text: str) -> str:
    """Return what closes the brackets that a text leaves open, the innermost first."""
    closing: list[str] = []
    for character in text:
        if character in _CLOSING:
            closing.append(_CLOSING[character])
        elif closing and character == closing[-1]:
            closing.pop()
    return "".join(reversed(closing))


class _ShownMembers(NamedTuple):
    words: dict[str, str]
    note: str

    def of(self, keys: Iterable[str]) -> Iterator[str]:
        return (self.words[key] for key in keys)


class _Members:
    """The members of two lists, by their JSON: some may look alike."""

    def __init__(self, values: Iterable[Json]) -> None:
        self._values = {_literal(value): value for value in values}
        self._alike: dict[str, list[str]] = {}
        for key, value in self._values.items():
            self._alike.setdefault(outline_of(_whole_words(value)), []).append(key)

    def words(self, wanted: set[str]) -> _ShownMembers:
        """Return the words of members, and what differs between the first that look alike."""
        words, notes = {}, []
        for key in wanted:
            value = self._values[key]
            alike = self._alike[outline_of(_whole_words(value))]
            other = next((each for each in alike if each != key), None)
            if other is None or _whole_words(value) == HIDDEN:
                words[key] = value_words(value)
                continue
            words[key], note = _against(value, self._values[other])
            notes.append(note)
        return _ShownMembers(words, min(notes, default=""))


def _against(value: Json, other: Json) -> tuple[str, str]:
    """Return a value that looks like another one, and what differs."""
    if isinstance(value, str) and isinstance(other, str):
        old, _new, note = _apart(*sorted((value, other)))
        return _cut(old if value < other else _new), note
    types = sorted({_type(value), _type(other)})
    return _cut(_literal(value)), " and ".join(types)


def _apart(before: str, after: str) -> tuple[str, str, str]:
    first, second = shown(before), shown(after)
    old, new = tell_apart(first, second)
    return old, new, name_difference(first, second)


def _from_difference(old: str, new: str) -> tuple[str, str]:
    """Return two words cut so that they differ."""
    if _cut(old) != _cut(new) or old == new:
        return _cut(old), _cut(new)
    pairs = zip(old, new, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = max(same - _BEFORE_DIFFERENCE, 0)
    return _cut(f"…{old[start:]}"), _cut(f"…{new[start:]}")


def _listed(words: Iterable[str]) -> str:
    every = list(words)
    listed = ", ".join(every[:_MAX_MEMBERS])
    rest = len(every) - _MAX_MEMBERS
    return f"{listed} and {rest} more" if rest > 0 else listed


def _whole_words(value: Json) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = value if isinstance(value, str) else _literal(value)
    return shown(text) or "(empty)"  # before a cut, else half a secret could remain


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _literal(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _type(value: Json) -> str:
    return "none" if value is None else _TYPES.get(type(value), "a list or object")
