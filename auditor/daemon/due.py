"""What is due, by the ledger: a slot runs once, and none is lost without a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from auditor.app import Schedule
from auditor.audit.plan import Missed
from auditor.model import Trigger
from auditor.protocols import Ledger
from auditor.schedule import Cron, Slot, gap, newest_due, parse_cron, slot_named

MISSED_AFTER = timedelta(minutes=2)  # a slot this old was not started by its own wake-up
_JUST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run to make now.

    Attributes:
        missed: the slots without a run before it, and its own where it catches up.
    """

    slot: Slot
    trigger: Trigger
    missed: Missed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the ledger is asked, and on what occasion.

    Attributes:
        up_since: slots since then have a wake-up of their own.
        is_woken: such a wake-up asks.
    """

    at: datetime
    up_since: datetime
    is_woken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line in force: what it names from `since` on has to have its run."""

    name: str
    cron: Cron
    zone: ZoneInfo
    since: datetime
    told: str


def find_due(one: Schedule, ledger: Ledger, moment: Moment) -> Due | None:
    """Return the run of the schedule that is due, None where there is none."""
    owed = take_line(one, ledger, moment.at)
    if owed is not None:
        return owed
    since = ledger.schedule_start(one.name, one.line, now=moment.at)
    line = _Line(name=one.name, cron=one.cron, zone=one.zone, since=since, told=one.label)
    slot = _unserved(line, ledger, moment.at)
    if slot is None or (not moment.is_woken and _has_wake_up(slot, moment)):
        return None
    trigger = Trigger.SCHEDULE if moment.is_woken else Trigger.CATCH_UP
    return _due(slot, line, ledger, trigger)


def take_line(one: Schedule, ledger: Ledger, at: datetime) -> Due | None:
    """Remember the schedule's line; where a former line still owes a run, return that instead."""
    remembered = ledger.schedule_in_force(one.name)
    if remembered is not None and remembered[0] != one.line:
        former = _former(one.name, *remembered)
        slot = _unserved(former, ledger, at) if former else None
        if former is not None and slot is not None:
            return _due(slot, former, ledger, Trigger.CATCH_UP)
    ledger.schedule_start(one.name, one.line, now=at)
    return None


def _former(name: str, text: str, since: datetime) -> _Line | None:
    cron, _, zone = text.rpartition(" ")
    try:
        return _Line(
            name=name,
            cron=parse_cron(cron),
            zone=ZoneInfo(zone),
            since=since,
            told=f"{cron} ({zone})",
        )
    except (ValueError, KeyError):  # not of this version, or a zone that is no more
        return None


def _unserved(line: _Line, ledger: Ledger, at: datetime) -> Slot | None:
    """Return the line's newest slot where it has no run."""
    slot = newest_due(line.cron, line.zone, at)
    if slot is None or slot.at < line.since or ledger.has_run(line.name, slot.local):
        return None
    return slot


def _has_wake_up(slot: Slot, moment: Moment) -> bool:
    return slot.at > moment.up_since and moment.at - slot.at < MISSED_AFTER


def _due(slot: Slot, line: _Line, ledger: Ledger, trigger: Trigger) -> Due:
    last = ledger.last_slot(line.name, since=line.since)
    after = slot_named(last, line.zone).at if last else line.since - _JUST
    until = slot.at if trigger is Trigger.CATCH_UP else slot.at - _JUST
    missing = gap(line.cron, line.zone, after=after, until=until)
    missed = Missed(missing, line.told) if missing else None
    return Due(slot=slot, trigger=trigger, missed=missed)
