"""Watches the service: its clock, its faults, the heartbeat of its runs, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor import app
from auditor.app import ClosedRun
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.protocols import Store
from auditor.report import Report

ANSWER_WITHIN = timedelta(minutes=10)  # of the database, which itself waits 10 s for a lock
OVERTIME = timedelta(hours=1)  # of a run past its limit, to close it and to write its pages
_JUMP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What both clocks showed at the same time."""

    now: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day, which people and daemons set, and the seconds that really passed."""

    now: Callable[[], datetime] = app.now
    monotonic: Callable[[], float] = time.monotonic

    def read(self) -> ClockReading:
        """Return what both clocks show."""
        return ClockReading(self.now(), self.monotonic())


def find_clock_jump(before: ClockReading, after: ClockReading) -> timedelta | None:
    """Return by how much the time of day was set between two readings, None if it was not."""
    passed = timedelta(seconds=after.monotonic - before.monotonic)
    jump = after.now - before.now - passed
    return jump if abs(jump) > _JUMP else None


def find_fault(*, waiting: timedelta, running: timedelta, limit: timedelta) -> str:
    """Return why the service must be considered dead, empty while it works.

    `waiting` is the age of the oldest unanswered question to the database, `running` the age of
    the run under way, which ends by itself at `limit`.
    """
    if waiting > ANSWER_WITHIN:
        return f"the database has not answered for {_minutes(waiting)}"
    if running > limit + OVERTIME:
        return f"the run under way does not end: it has taken {_minutes(running)}"
    return ""


def _minutes(time_: timedelta) -> str:
    return f"{time_ // timedelta(minutes=1)} minutes"


class Monitor:
    """Sends the heartbeat of runs and writes the metrics; every method may block."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._closed: list[ClosedRun] = []
        self._late: Report | None = None  # its heartbeat failed because it was not delivered yet
        self._has_current_metrics = False

    def add(self, closed: ClosedRun) -> None:
        """Remember a run that has ended: the next `report` sends its heartbeat."""
        self._closed.append(closed)
        self._has_current_metrics = False

    def expire_metrics(self) -> None:
        """Have the metrics written again: a new configuration may name another file."""
        self._has_current_metrics = False

    def pending(self) -> tuple[ClosedRun, ...]:
        """Return the runs whose heartbeat has not ended; their messages may be tried next."""
        return tuple(self._closed)

    def report(
        self, settings: Settings, closed: Sequence[ClosedRun], delivery: Delivery | None
    ) -> None:
        """Ping for runs whose messages were tried and for one delivered late; write metrics."""
        if delivery is not None and delivery != Delivery():
            self._has_current_metrics = False
        late = self._late
        reports = [run.report for run in closed] + ([late] if late is not None else [])
        ids = {report.run.id for report in reports if report.run.id is not None}
        unsettled = self._store.undelivered_runs(ids) if ids else frozenset()
        if late is not None and late.run.id not in unsettled:
            self._late = None
            app.ping_late_success(settings, late)
        for run in closed:
            self._end_heartbeat(settings, run, unsettled)
        if not self._has_current_metrics:
            self._has_current_metrics = True
            app.write_metrics(settings, self._store)

    def _end_heartbeat(
        self, settings: Settings, closed: ClosedRun, unsettled: frozenset[int]
    ) -> None:
        is_waiting = closed.report.run.id in unsettled
        self._closed.remove(closed)
        self._late = closed.report if is_waiting else None
        is_delivered = not is_waiting if settings.sends_reports else closed.page is not None
        closed.end_heartbeat(is_delivered=is_delivered)
