"""A change as a few signed lines: the old value and the new one.

A script is shown as a unified diff, a list of plain values as the members that were added and
removed, an object as one line per key, anything else as the two values in JSON. Every line is
harmless and short, and there are few of them. Where an old and a new line would look alike, what
differs between them is written as escapes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from auditor.drift.lookalikes import outline_of_line, tell_apart
from auditor.drift.sequences import Hunk, find_hunks
from auditor.model import Finding, Json, JsonObject, Kind, VendorFinding
from auditor.rendering.words import cap, count, harmless, start_at_difference

MOST_LINES = 40
LONGEST_LINE = 160
_ONE_LINE = 56
_BEFORE_DIFFERENCE = 20
_CONTEXT = 2  # unchanged lines around changed ones
_LONGEST_TEXT = 200_000  # lines, about a second


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One line of a change.

    Attributes:
        sign: `-` removed, `+` added, a space for context, `@` for a position or a remark.
    """

    sign: str
    text: str


def draw_change(finding: Finding | VendorFinding) -> tuple[ChangeLine, ...]:
    """Return the change as at most `MOST_LINES` lines, then how many were left out."""
    limited = _limited(list(_lines(finding.kind, finding.before, finding.after)))
    return tuple(ChangeLine(line.sign, _shortened(line.text)) for line in _distinguished(limited))


def _distinguished(lines: Sequence[ChangeLine]) -> Iterable[ChangeLine]:
    """Yield the lines, removed and added ones that look alike with escapes."""
    removed, added = (
        {outline_of_line(line.text): line.text for line in lines if line.sign == sign}
        for sign in ("-", "+")
    )
    others = {"-": added, "+": removed}
    for line in lines:
        other = others.get(line.sign, {}).get(outline_of_line(line.text), line.text)
        if line.text == other:
            yield line
        else:
            yield ChangeLine(line.sign, tell_apart(line.text, other)[0])


def _lines(kind: Kind, before: Json, after: Json) -> Iterable[ChangeLine]:
    match kind:
        case Kind.ADDED:
            return _value("+", after)
        case Kind.REMOVED:
            return _value("-", before)
        case Kind.MOVED:
            return [ChangeLine("-", _place(before)), ChangeLine("+", _place(after))]
        case Kind.CHANGED | Kind.REPLACED:
            return _both(before, after)


def _both(before: Json, after: Json) -> Iterable[ChangeLine]:
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        return _text_diff(before, after)
    if isinstance(before, list) and isinstance(after, list) and _plain([*before, *after]):
        return _list_diff(before, after)
    if isinstance(before, dict) and isinstance(after, dict):
        before, after = _distinct(before, after)
    old, new = [*_value("-", before)], [*_value("+", after)]
    if [_shortened(line.text) for line in old] == [_shortened(line.text) for line in new]:
        return _alike(before, after)
    return [*old, *new]


def _distinct(before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return two objects whose long texts start where they differ, if a cut would hide that."""
    old, new = dict(before), dict(after)
    for key in before.keys() & after.keys():
        first, second = before[key], after[key]
        if not isinstance(first, str) or not isinstance(second, str) or first == second:
            continue
        if _shortened(f"{key}: {_literal(first)}") == _shortened(f"{key}: {_literal(second)}"):
            old[key], new[key] = start_at_difference(first, second)
    return old, new


def _alike(before: Json, after: Json) -> Iterable[ChangeLine]:
    """Return where two values differ that look equal, since they are cut or secret."""
    old, new = (harmless(_literal(value)) for value in (before, after))
    start = _first_difference(old, new) - _BEFORE_DIFFERENCE
    if old == new:
        return [ChangeLine("@", "changed; the hidden values differ")]
    return [
        ChangeLine("@", f"the same up to character {max(start, 0):,}"),
        ChangeLine("-", cap(old[max(start, 0) :], LONGEST_LINE)),
        ChangeLine("+", cap(new[max(start, 0) :], LONGEST_LINE)),
    ]


def _first_difference(old: str, new: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _text_diff(before: str, after: str) -> Iterable[ChangeLine]:
    old, new = _text_lines(before), _text_lines(after)
    if max(len(old), len(new)) > _LONGEST_TEXT:
        yield ChangeLine("@", f"too long to compare: {count(len(old), 'line')}, now {len(new):,}")
        return
    for hunks in _nearby(find_hunks(old, new)):
        start, end = max(hunks[0].old_start - _CONTEXT, 0), hunks[-1].old_end + _CONTEXT
        shift = hunks[0].new_start - hunks[0].old_start
        removed, added = (
            sum(hunk.old_end - hunk.old_start for hunk in hunks),
            sum(hunk.new_end - hunk.new_start for hunk in hunks),
        )
        length = min(end, len(old)) - start
        places = _range(start, length), _range(start + shift, length - removed + added)
        yield ChangeLine("@", f"@@ -{places[0]} +{places[1]} @@")
        for hunk in hunks:
            yield from (ChangeLine(" ", line) for line in old[start : hunk.old_start])
            yield from (ChangeLine("-", line) for line in old[hunk.old_start : hunk.old_end])
            yield from (ChangeLine("+", line) for line in new[hunk.new_start : hunk.new_end])
            start = hunk.old_end
        yield from (ChangeLine(" ", line) for line in old[start:end])


def _nearby(hunks: Iterable[Hunk]) -> Iterator[list[Hunk]]:
    """Yield hunks together whose context would overlap or touch."""
    group: list[Hunk] = []
    for hunk in hunks:
        if group and hunk.old_start - group[-1].old_end > 2 * _CONTEXT:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _range(start: int, length: int) -> str:
    """Return lines as a unified diff counts them."""
    if length == 1:
        return f"{start + 1}"
    return f"{start + bool(length)},{length}"


def _list_diff(before: Sequence[Json], after: Sequence[Json]) -> Iterable[ChangeLine]:
    old, new = [*map(_literal, before)], [*map(_literal, after)]
    if Counter(old) == Counter(new):
        yield ChangeLine("@", "same entries in another order")
        yield ChangeLine("-", ", ".join(old))
        yield ChangeLine("+", ", ".join(new))
        return
    yield from (ChangeLine("-", member) for member in (Counter(old) - Counter(new)).elements())
    yield from (ChangeLine("+", member) for member in (Counter(new) - Counter(old)).elements())
    kept = (Counter(old) & Counter(new)).total()
    if kept:
        same = "1 entry" if kept == 1 else f"{kept:,} entries"
        yield ChangeLine("@", f"{same} unchanged")


def _value(sign: str, value: Json) -> Iterable[ChangeLine]:
    if isinstance(value, str) and "\n" in value:
        return (ChangeLine(sign, line) for line in _text_lines(value))
    literal = _literal(value)
    if isinstance(value, dict) and len(literal) > _ONE_LINE:
        return (ChangeLine(sign, f"{key}: {_literal(member)}") for key, member in value.items())
    return [ChangeLine(sign, literal)]


def _place(index: Json) -> str:
    # Headlines and people count layers from 1, paths and the API from 0.
    return f"place {index + 1}" if isinstance(index, int) else f"place {_literal(index)}"


def _text_lines(text: str) -> list[str]:
    # Not splitlines: it would swallow form feeds and separators that ought to be seen.
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _literal(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(members: Sequence[Json]) -> bool:
    return not any(isinstance(member, (list, dict)) for member in members)


def _shortened(text: str) -> str:
    return cap(harmless(text.expandtabs(4)), LONGEST_LINE)


def _limited(every: list[ChangeLine]) -> tuple[ChangeLine, ...]:
    if len(every) <= MOST_LINES:
        return tuple(every)
    rest = ChangeLine("@", f"{count(len(every) - MOST_LINES, 'more line')} not shown")
    return (*every[:MOST_LINES], rest)
