"""Whether the service lives, and the clock it goes by. A loop that turns is not enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor import app

ANSWER_WITHIN = timedelta(minutes=10)  # of the database; it waits for a lock for ten seconds
OVERTIME = timedelta(hours=1)  # of a run past its limit: to close it and to write its pages
_JUMP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day, which people and daemons set; and one that only ever goes on."""

    now: Callable[[], datetime] = app.now
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Reading:
    """What both clocks showed at once."""

    now: datetime
    monotonic: float


def read(clock: Clock) -> Reading:
    """Return what the clock shows."""
    return Reading(clock.now(), clock.monotonic())


def jump(before: Reading, after: Reading) -> timedelta | None:
    """Return how far the time of day was set between two readings, None where it was not."""
    passed = timedelta(seconds=after.monotonic - before.monotonic)
    found = after.now - before.now - passed
    return found if abs(found) > _JUMP else None


def ailment(*, waiting: timedelta, running: timedelta, limit: timedelta) -> str:
    """Return why the service must be taken for dead, empty where it lives.

    `waiting` is the age of the oldest question to the database, `running` that of the run under
    way, which ends by itself at `limit`.
    """
    if waiting > ANSWER_WITHIN:
        return f"the database has not answered for {_minutes(waiting)}"
    if running > limit + OVERTIME:
        return f"the run under way does not end: it has taken {_minutes(running)}"
    return ""


def _minutes(time_: timedelta) -> str:
    return f"{time_ // timedelta(minutes=1)} minutes"
