"""Makes foreign text harmless, and puts numbers and times into words.

Names, values and error texts come from strangers. Whatever shows them (mail, page, subject,
log, terminal) passes them through `harmless` first: an invisible character is written as an
escape, so nothing can move a cursor, turn the reading direction or start a header.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import takewhile

from auditor.drift.block_kinds import kind_of
from auditor.drift.wording import close_brackets
from auditor.model import BlockKindName, ModelState, Starter, TargetId
from auditor.redaction import shown

LONGEST_NAME = 80
LONGEST_SENTENCE = 400
_LONG_SAME, _BEFORE_DIFFERENCE = 24, 8
_SHORTEST_FIELD = 10  # a name that is cut to less says nothing
_EXPLANATION = re.compile(r" \(.*\)$")
_SUGGESTION = re.compile(r", (?:now as Studio suggests|(?:away from|towards) the suggested .*)$")
_ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


def harmless(text: str) -> str:
    r"""Return `text` on one line, secrets hidden, every invisible character as an escape.

    Controls (NUL, ESC, CR, LF), format characters (bidi overrides and isolates, zero widths),
    separators other than a space, and lone surrogates become `\x1b`, `\u202e` or `\U000e0001`.
    """
    text = shown(text)
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def cap(text: str, limit: int) -> str:
    """Return `text`, or its first `limit` characters and how many were left out.

    A text that the note would not make shorter stays whole.
    """
    if len(text) <= limit:
        return text
    note = f"… ({count(len(text) - limit, 'more character')})"
    return text if len(text) <= limit + len(note) else text[:limit] + note


def name(text: str) -> str:
    """Return a stranger's name, harmless and of a length that a line can hold."""
    return cap(harmless(text), LONGEST_NAME)


def sentence(text: str) -> str:
    """Return a headline or reason, harmless and of a length that a paragraph can hold."""
    return cap(harmless(text), LONGEST_SENTENCE)


def project_page(studio_url: str, project_id: int) -> str:
    """Return the address of a project's page in Studio, empty without one; made of its id."""
    return studio_url and f"{studio_url}/studio/{project_id}"


def block_page(studio_url: str, target: TargetId, kind: BlockKindName, type_: str) -> str:
    """Return the address of a block's page in Studio, empty without one; made of ids and type.

    It is what public projects link to; Studio opens it in the project's current impulse.
    """
    return studio_url and studio_url + kind_of(kind).page_of(target, type_)


def describe_model(state: ModelState) -> str:
    """Return `model stale`, or `no model` for a block of a kind that has none."""
    return "no model" if state is ModelState.NONE else f"model {state}"


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` characters, with an ellipsis where it was cut."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def cut_words(text: str, width: int, mark: str = "…") -> str:
    """Return `text` in at most `width` characters, cut after a word, its brackets closed.

    A word that takes more than half of the room is cut where the room ends.
    """
    if len(text) <= width:
        return text
    for end in range(width - len(mark), width // 2, -1):
        if text[end] == " ":
            head = text[:end].rstrip(" ,;:([{“=-→>")
            short = f"{head}{mark}{close_brackets(head)}"
            if len(short) <= width:
                return short
    return f"{text[: width - len(mark)].rstrip()}{mark}"


def cut_change(text: str, width: int) -> str:
    """Return `block: field: before -> after`, in ASCII, in at most `width` characters.

    What explains the field and its values goes first, then the end of the field's name, so that
    both values stay. Where they have no room, both go: `80...` would be a wrong value.
    """
    if len(text) <= width or "->" not in text:
        return cut_words(text, width, "...")
    what, colon, before = text.partition("->")[0].rpartition(": ")
    values = f"{colon}{before}{text[len(what + colon + before) :]}"
    block, between, field = what.rpartition(": ")
    field, values = _EXPLANATION.sub("", field), _SUGGESTION.sub("", values)
    room = width - len(block + between + values)
    if colon and room >= min(len(field), _SHORTEST_FIELD):
        return f"{block}{between}{cut_words(field, room, '...')}{values}"
    short = cut_words(text, width, "...")
    if "->" in short:
        return short
    return f"{what}..." if colon and len(what) + 3 <= width and len(what) < len(short) else short


def start_at_difference(first: str, second: str) -> tuple[str, str]:
    """Return two texts shortly before they differ, where they are the same for long."""
    pairs = zip(first, second, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if same <= _LONG_SAME:
        return first, second
    start = same - _BEFORE_DIFFERENCE
    return f"…{first[start:]}", f"…{second[start:]}"


def count(number: int, noun: str) -> str:
    """Return `1 block`, `2 blocks`, `4,120 blocks`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def join_first(items: tuple[str, ...], *, most: int = 6, further: int = 0) -> str:
    """Return the items in a row, `a, b and 3 more` beyond `most`; `further` are not among them."""
    others = max(len(items) - most, 0) + further
    more = f" and {others} more" if others else ""
    return ", ".join(items[:most]) + more


@contextmanager
def times_in(zone: tzinfo) -> Iterator[None]:
    """Have the times that are put into words meanwhile in the zone of who reads them."""
    token = _ZONE.set(zone)
    try:
        yield
    finally:
        _ZONE.reset(token)


def moment(at: datetime) -> str:
    """Return a time in the reader's zone, as `2026-11-23 03:15 UTC`."""
    local = at.astimezone(_ZONE.get())
    return f"{local:%Y-%m-%d %H:%M} {_zone_name(local)}"


def in_reader_zone(at: datetime) -> tuple[datetime, str]:
    """Return a time in the reader's zone, and what that zone is called."""
    local = at.astimezone(_ZONE.get())
    return local, _zone_name(local)


def brief_moment(at: datetime) -> str:
    """Return a time in the reader's zone, as `2026-11-23 03:15`."""
    return f"{at.astimezone(_ZONE.get()):%Y-%m-%d %H:%M}"


def age(span: timedelta) -> str:
    """Return how long ago something was, in its largest unit, e.g. `3 d ago`."""
    seconds = max(round(span.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def period(start: datetime, end: datetime) -> str:
    """Return `between 2026-11-22 03:15 and 2026-11-23 03:15 UTC`."""
    first, last = moment(start), moment(end)
    zone = f" {_zone_name(end.astimezone(_ZONE.get()))}"
    return f"between {first.removesuffix(zone)} and {last}"


def day(at: datetime) -> date:
    """Return the day of a time in the reader's zone."""
    return at.astimezone(_ZONE.get()).date()


def describe_next_run(at: datetime | None, starter: Starter | None) -> str:
    """Return when the next run is, or what has to be done for one."""
    match starter:
        case Starter.NOBODY:
            return "no service was seen: start it, or use the timer"
        case Starter.TIMER:
            return "when the timer starts it"
        case _:
            return "" if at is None else moment(at)


def describe_decision(at: datetime, author: str, reason: str) -> str:
    """Return when a person decided something, who, and why."""
    return f"{moment(at)} by {name(author)}: {sentence(reason)}"


def length(span: timedelta) -> str:
    """Return a span in its two largest units, e.g. `3 min 12 s`, `2 d 4 h`."""
    seconds = max(round(span.total_seconds()), 0)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "less than a second"


def columns(text: str) -> int:
    """Return how many columns a terminal gives `text`."""
    return sum(_cells(character) for character in text)


def _zone_name(local: datetime) -> str:
    """Return `CET`, or `UTC+04` in a zone whose name is its offset."""
    zone = local.tzname() or "UTC"
    return f"UTC{zone}" if zone[0] in "+-" else zone


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
