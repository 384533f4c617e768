"""Which run is due, according to the ledger: each slot runs once, and a missed one is reported."""

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
class DueRun:
    """A run to start now.

    Attributes:
        missed: the earlier slots without a run; for a catch-up also its own slot.
    """

    slot: Slot
    trigger: Trigger
    missed: Missed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCheck:
    """When and why the ledger is asked for a due run.

    Attributes:
        up_since: each slot since then has its own wake-up.
        is_wake_up: whether such a wake-up asks.
    """

    at: datetime
    up_since: datetime
    is_wake_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineInForce:
    """A line of a schedule; each of its slots from `since` on needs a run."""

    name: str
    cron: Cron
    zone: ZoneInfo
    since: datetime
    label: str


def find_due_run(schedule: Schedule, ledger: Ledger, check: DueCheck) -> DueRun | None:
    """Return the run of the schedule that is due, if there is one."""
    owed = remember_line(schedule, ledger, check.at)
    if owed is not None:
        return owed
    line = _LineInForce(
        name=schedule.name,
        cron=schedule.cron,
        zone=schedule.zone,
        since=ledger.schedule_start(schedule.name, schedule.line, now=check.at),
        label=schedule.label,
    )
    slot = _unserved(line, ledger, check.at)
    if slot is None or (not check.is_wake_up and _has_wake_up(slot, check)):
        return None
    trigger = Trigger.SCHEDULE if check.is_wake_up else Trigger.CATCH_UP
    return _due_run(slot, line, ledger, trigger)


def remember_line(schedule: Schedule, ledger: Ledger, at: datetime) -> DueRun | None:
    """Store the schedule's line, unless the former line still owes a run: then return that."""
    remembered = ledger.schedule_in_force(schedule.name)
    if remembered is not None and remembered[0] != schedule.line:
        former = _former_line(schedule.name, *remembered)
        slot = _unserved(former, ledger, at) if former else None
        if former is not None and slot is not None:
            return _due_run(slot, former, ledger, Trigger.CATCH_UP)
    ledger.schedule_start(schedule.name, schedule.line, now=at)
    return None


def _former_line(name: str, text: str, since: datetime) -> _LineInForce | None:
    line, _, zone = text.rpartition(" ")
    try:
        return _LineInForce(
            name=name,
            cron=parse_cron(line),
            zone=ZoneInfo(zone),
            since=since,
            label=f"{line} ({zone})",
        )
    except (ValueError, KeyError):  # written by another version, or the zone does not exist now
        return None


def _unserved(line: _LineInForce, ledger: Ledger, at: datetime) -> Slot | None:
    """Return the line's newest slot if it has no run."""
    slot = newest_due(line.cron, line.zone, at)
    if slot is None or slot.at < line.since or ledger.has_run(line.name, slot.local):
        return None
    return slot


def _has_wake_up(slot: Slot, check: DueCheck) -> bool:
    return slot.at > check.up_since and check.at - slot.at < MISSED_AFTER


def _due_run(slot: Slot, line: _LineInForce, ledger: Ledger, trigger: Trigger) -> DueRun:
    last = ledger.last_slot(line.name, since=line.since)
    after = slot_named(last, line.zone).at if last else line.since - _JUST
    until = slot.at if trigger is Trigger.CATCH_UP else slot.at - _JUST
    missing = gap(line.cron, line.zone, after=after, until=until)
    missed = Missed(missing, line.label) if missing else None
    return DueRun(slot=slot, trigger=trigger, missed=missed)
