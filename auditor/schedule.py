"""When a schedule is due: the arithmetic of crontab(5) lines. Pure, so it reads no clock.

A slot is a local time that the line names. Each slot has one run. If a clock change skips the
slot, the run is as much later as the clock was put forward (02:30 runs at 03:30); if the local
time occurs twice, the run is at the first. Slots that fall on one instant by this rule are one
slot, with the name of the later.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

DEFAULT_SCHEDULE = "nightly"  # the name in the ledger of `[schedule]`, which has no key for one
MOST_COUNTED = 1000  # slots of a gap

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
NICKNAMES = frozenset(_NICKNAMES)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_NOTHING = timedelta(0)
# The longest so far: Samoa skipped the 30th of December 2011.
_LONGEST_JUMP = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """What a crontab(5) line names.

    Attributes:
        line: as it was written; two lines that name the same times are equal.
        weekdays: 0 is Sunday, 6 is Saturday.
        either_day: whether a date matches by `days` or by `weekdays`, in place of by both.
            crontab(5) has it so if neither of the two fields starts with `*`.
    """

    line: str = field(compare=False)
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def falls_on(self, day: date) -> bool:
        """Return whether the line has slots on that date."""
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        matches = by_day or by_weekday if self.either_day else by_day and by_weekday
        return matches and day.month in self.months


@dataclass(frozen=True, slots=True)
class Slot:
    """One time that a schedule names.

    Attributes:
        local: the local time as the line names it, `2026-11-23T03:15`; unique to the slot.
        at: the instant of the run, in UTC.
    """

    local: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots without a run; `first` and `last` are local times.

    Attributes:
        count: how many; `MOST_COUNTED` means that many or more.
    """

    count: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields; `names` are those of the numbers from `first` on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


def parse_cron(line: str) -> Cron:
    """Return the times that the line names.

    A line has five fields with lists, ranges, steps and English names of three letters, or it is
    a nickname such as `@daily`. Sunday is 0 or 7, and `fri-sun` is a range.

    Raises:
        ValueError: the line is not valid, or no date ever matches it; the text names the field.
    """
    texts = _fields_of(line)
    minutes, hours, days, months, weekdays = (
        _numbers(text, field) for text, field in zip(texts, _FIELDS, strict=True)
    )
    either_day = not texts[2].startswith("*") and not texts[4].startswith("*")
    if not either_day and not any(min(days) <= _LONGEST_DAYS[month - 1] for month in months):
        raise ValueError(f"day of month: {texts[2]} does not exist in month {texts[3]}")
    return Cron(
        line=line,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(number % 7 for number in weekdays),
        either_day=either_day,
    )


def newest_due(cron: Cron, zone: ZoneInfo, now: datetime) -> Slot | None:
    """Return the newest slot at or before `now` (aware), None if the calendar has none."""
    start = _wall_time(now, zone) + max(-_jump(now, zone), _NOTHING)
    newest: Slot | None = None
    earliest = datetime.min  # noqa: DTZ901 - wall times have no zone
    for local in _wall_times(cron, start, step=-1):
        if local < earliest:
            break
        slot = _slot(local, zone)
        if slot.at > now:
            continue
        if newest is None:
            # A skipped local time before this one may run after it.
            earliest = local - max(_jump(slot.at, zone), _NOTHING)
        if newest is None or slot.at > newest.at:
            newest = slot
    return newest


def next_due(cron: Cron, zone: ZoneInfo, now: datetime) -> Slot | None:
    """Return the first slot after `now` (aware), None if the calendar has none."""
    start = _wall_time(now, zone) - max(_jump(now, zone), _NOTHING)
    soonest: Slot | None = None
    latest = datetime.max  # noqa: DTZ901 - wall times have no zone
    for local in _wall_times(cron, start, step=1):
        if local > latest:
            break
        slot = _slot(local, zone)
        if slot.at <= now:
            continue
        if soonest is None:
            # If this local time is skipped, later ones up to its run may run before it.
            latest = _wall_time(slot.at, zone)
        if soonest is None or slot.at <= soonest.at:
            soonest = slot
    return soonest


def gap(cron: Cron, zone: ZoneInfo, *, after: datetime, until: datetime) -> Gap | None:
    """Return the slots after `after` up to and including `until`, None if there are none."""
    newest = newest_due(cron, zone, until)
    first = next_due(cron, zone, after)
    if newest is None or first is None or first.at > newest.at:
        return None
    count, slot = 1, first
    while slot.at < newest.at and count < MOST_COUNTED:
        following = next_due(cron, zone, slot.at)
        if following is None:
            break
        count, slot = count + 1, following
    return Gap(count, first.local, newest.local)


def slot_named(local: str, zone: ZoneInfo) -> Slot:
    """Return the slot whose name in the ledger is `local`."""
    return _slot(datetime.fromisoformat(local), zone)


def _fields_of(line: str) -> list[str]:
    text = line.strip().lower()
    if text.startswith("@"):
        if text not in _NICKNAMES:
            raise ValueError(f"{text} is not one of {', '.join(sorted(_NICKNAMES))}")
        text = _NICKNAMES[text]
    texts = text.split()
    if len(texts) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        fields = "1 field" if len(texts) == 1 else f"{len(texts)} fields"
        raise ValueError(f"has {fields}, not five: {names}")
    return texts


def _numbers(text: str, field: _Field) -> frozenset[int]:
    return frozenset(number for part in text.split(",") for number in _part(part, field))


def _part(text: str, field: _Field) -> range:
    """Return the numbers of one member of a list: a number, or a range or `*`, with a step."""
    span, slash, step = text.partition("/")
    first, last = _span(span, field)
    if not slash:
        return range(first, last + 1)
    if span != "*" and "-" not in span:
        raise ValueError(f"{field.name}: the step in {text!r} must follow * or a range")
    if re.fullmatch("[0-9]{1,3}", step) is None or int(step) == 0:
        raise ValueError(f"{field.name}: the step in {text!r} must be 1 or more")
    return range(first, last + 1, int(step))


def _span(text: str, field: _Field) -> tuple[int, int]:
    if text == "*":
        return field.first, field.last
    first_text, dash, last_text = text.partition("-")
    first = _number(first_text, field)
    last = _number(last_text, field) if dash else first
    if first > last and last_text == "sun":
        last = 7
    if first > last:
        raise ValueError(f"{field.name}: the range {text!r} runs backwards")
    return first, last


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.first
    if re.fullmatch("[0-9]{1,3}", text) is None:
        example = f" or a name such as {field.names[0]}" if field.names else ""
        raise ValueError(f"{field.name}: {text!r} is not a number{example}")
    if not field.first <= int(text) <= field.last:
        raise ValueError(f"{field.name}: {text} is not within {field.first} to {field.last}")
    return int(text)


def _slot(local: datetime, zone: ZoneInfo) -> Slot:
    # fold=0 is both rules of the module's docstring: the offset before a skip, the first of two.
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return Slot(local.isoformat(timespec="minutes"), at)


def _wall_time(at: datetime, zone: ZoneInfo) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"the time must be aware, not {at!r}")
    return at.astimezone(zone).replace(tzinfo=None)


def _jump(at: datetime, zone: ZoneInfo) -> timedelta:
    """Return how far the clock was put forward, or back (negative), in the day before `at`."""
    return _wall_time(at, zone) - _wall_time(at - _LONGEST_JUMP, zone) - _LONGEST_JUMP


def _wall_times(cron: Cron, start: datetime, *, step: Literal[1, -1]) -> Iterator[datetime]:
    """Yield the local times that the line names, from `start` on in one direction of time."""
    hours = sorted(cron.hours)[::step]
    minutes = sorted(cron.minutes)[::step]
    for day in _dates(cron, start.date(), step=step):
        for hour in hours:
            for minute in minutes:
                local = datetime.combine(day, time(hour, minute))
                if (local - start) * step >= _NOTHING:
                    yield local


def _dates(cron: Cron, start: date, *, step: Literal[1, -1]) -> Iterator[date]:
    ordinal = start.toordinal()
    while 1 <= ordinal <= date.max.toordinal():
        day = date.fromordinal(ordinal)
        if cron.falls_on(day):
            yield day
        ordinal = _past_month(day, step) if day.month not in cron.months else ordinal + step


def _past_month(day: date, step: Literal[1, -1]) -> int:
    """Return the ordinal of the nearest date outside the month, in that direction."""
    if step < 0:
        return day.replace(day=1).toordinal() - 1
    return day.toordinal() + monthrange(day.year, day.month)[1] - day.day + 1
