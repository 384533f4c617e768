"""Which run is due, according to the ledger: each slot runs once, and a missed one is reported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from auditor.app import Schedule
from auditor.audit.plan import Missed, Scope
from auditor.model import RunInfo, Trigger
from auditor.protocols import Ledger
from auditor.schedule import Cron, Slot, gap, newest_due, next_due, parse_cron, slot_named

MISSED_AFTER = timedelta(minutes=2)  # a slot this old was not started by its own wake-up
TRY_WAITS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 45, 60))
"""How long a slot waits after each run that read too little; the last wait is repeated."""
_JUST = timedelta(microseconds=1)
_SLACK = timedelta(seconds=30)  # half a tick: a wait ends with the nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRun:
    """A run to start now.

    Attributes:
        missed: the earlier slots without a run; for a catch-up also its own slot.
        tries: the runs of the slot that read too little.
    """

    slot: Slot
    trigger: Trigger
    missed: Missed | None
    tries: tuple[RunInfo, ...] = ()


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
    if slot is None:
        return None
    tries = ledger.slot_tries(line.name, slot.local)
    if tries and _has_waited(tries, check.at):
        return replace(_due_run(slot, line, ledger, tries[0].trigger, check.at), tries=tries)
    if tries or (not check.is_wake_up and _has_wake_up(slot, check)):
        return None
    trigger = Trigger.SCHEDULE if check.is_wake_up else Trigger.CATCH_UP
    return _due_run(slot, line, ledger, trigger, check.at)


def find_next_try(schedule: Schedule, due: DueRun, ended_at: datetime) -> datetime | None:
    """Return when the slot is tried again if its run reads too little and ends at that time.

    None if the next slot is due before that.
    """
    newest = newest_due(schedule.cron, schedule.zone, ended_at)
    following = next_due(schedule.cron, schedule.zone, ended_at)
    at = ended_at + _wait_after(len(due.tries) + 1)
    is_over = newest is not None and newest.at > due.slot.at
    return None if is_over or (following is not None and following.at <= at) else at


def find_former_schedules(
    names: Collection[str], ledger: Ledger, at: datetime
) -> tuple[Schedule, ...]:
    """Return the schedules that are no longer configured and owe a run.

    Which projects were theirs is not stored: such a run audits everything.
    """
    owing = []
    for name in sorted(ledger.schedule_names().difference(names)):
        remembered = ledger.schedule_in_force(name)
        former = _former_line(name, *remembered) if remembered else None
        if former is not None and _owed_slot(former, ledger, at) is not None:
            schedule = Schedule(name=name, cron=former.cron, zone=former.zone, scope=Scope())
            owing.append(schedule)
    return tuple(owing)


def remember_line(schedule: Schedule, ledger: Ledger, at: datetime) -> DueRun | None:
    """Store the schedule's line, unless the former line still owes a run: then return that."""
    remembered = ledger.schedule_in_force(schedule.name)
    if remembered is not None and remembered[0] != schedule.line:
        former = _former_line(schedule.name, *remembered)
        slot = _owed_slot(former, ledger, at) if former else None
        if former is not None and slot is not None:
            return _due_run(slot, former, ledger, Trigger.CATCH_UP, at)
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


def _owed_slot(former: _LineInForce, ledger: Ledger, at: datetime) -> Slot | None:
    """Return the newest slot of a former line if nobody tried to run it."""
    slot = _unserved(former, ledger, at)
    return None if slot is None or ledger.slot_tries(former.name, slot.local) else slot


def _has_waited(tries: Sequence[RunInfo], at: datetime) -> bool:
    """Return whether the slot is tried again; the clock was wrong if the last end lies ahead."""
    ended_at = tries[-1].finished_at or tries[-1].started_at
    wait = _wait_after(len(tries))
    return not ended_at - _SLACK <= at < ended_at + wait - _SLACK


def _wait_after(tries: int) -> timedelta:
    return TRY_WAITS[min(tries, len(TRY_WAITS)) - 1]


def _has_wake_up(slot: Slot, check: DueCheck) -> bool:
    return slot.at > check.up_since and check.at - slot.at < MISSED_AFTER


def _due_run(
    slot: Slot, line: _LineInForce, ledger: Ledger, trigger: Trigger, at: datetime
) -> DueRun:
    last = ledger.last_slot(line.name, since=line.since, until=at, before=slot.local)
    after = slot_named(last, line.zone).at if last else line.since - _JUST
    until = slot.at if trigger is Trigger.CATCH_UP else slot.at - _JUST
    missing = gap(line.cron, line.zone, after=after, until=until)
    missed = Missed(missing, line.label) if missing else None
    return DueRun(slot=slot, trigger=trigger, missed=missed)
