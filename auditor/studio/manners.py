"""Limits the load on Studio: waits, a rate limit, a retry budget and a circuit breaker.

Pure except for the clock and the sleep that are passed in; a run uses one instance of each class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

from auditor.errors import NoTokenError, StudioError

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=30)
LONGEST_RETRY_AFTER = timedelta(minutes=2)
"""The longest `Retry-After` that is respected; a longer one must not delay the run."""
DOUBTFUL_AFTER = 5
"""After so many failed requests in a row, requests are not retried."""
OPEN_AFTER = 25
"""After so many failed requests in a row, no further request is sent in this run."""
PROJECTS_DOWN = 3
"""Failures across so many projects mean that Studio is down, not a single project."""
SPARE_RETRIES = 200
RETRIES_PER_REQUEST = 0.5
"""A run may spend `SPARE_RETRIES` retries, and so many more for each request."""


def parse_retry_after(retry_after: str, *, now: datetime) -> timedelta | None:
    """Return how long a `Retry-After` header asks to wait, at most `LONGEST_RETRY_AFTER`.

    Seconds or an HTTP date (RFC 9110 section 10.2.3); None if it is neither or is in the past.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        # The length is compared first: there may be thousands of digits.
        seconds = int(text) if len(text) < 6 else 10**6
        return min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
    try:
        moment: datetime = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # its numbers may have any length
        return None
    wait: timedelta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(wait, LONGEST_RETRY_AFTER) if wait > timedelta() else None


def wait_before_retry(failures: int, *, retry_after: timedelta | None, jitter: float) -> timedelta:
    """Return the wait: exponential with full jitter, but at least `retry_after`.

    Args:
        failures: how often the request has failed, from 1.
        retry_after: the wait that the server asked for.
        jitter: from 0 to 1; spreads clients that failed at the same time.
    """
    doublings = min(failures - 1, 10)  # a timedelta overflows, an integer does not
    backoff = min(FIRST_WAIT * 2.0**doublings, LONGEST_WAIT) * jitter
    return max(backoff, retry_after or timedelta())


class Turns(Protocol):
    """Says when the next request may be sent."""

    async def wait_for_turn(self) -> None:
        """Wait until the next request may be sent."""
        ...


class Pace:
    """Spaces requests so that at most `per_second` are sent; None means no limit."""

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._gap_s = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next_at = 0.0

    async def wait_for_turn(self) -> None:
        """Wait until the next request may be sent."""
        if not self._gap_s:
            return
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + self._gap_s
        if at > now:
            await self._sleep(at - now)


class RetryBudget:
    """Limits the retries of a whole run."""

    def __init__(self) -> None:
        self._requests = 0
        self._retries = 0

    def count_request(self) -> None:
        """Count a request that is sent for the first time."""
        self._requests += 1

    def spend_retry(self) -> bool:
        """Return whether another retry is allowed, and count it if so."""
        if self._retries >= SPARE_RETRIES + RETRIES_PER_REQUEST * self._requests:
            return False
        self._retries += 1
        return True


class Circuit:
    """A circuit breaker that distinguishes a broken project from a Studio that is down.

    Closed: every request may be retried. In doubt: each request is sent once, and any answer
    closes the circuit. Open: nothing is sent, and every request fails with the same cause. The
    circuit opens for a project after `OPEN_AFTER` failed requests in a row, and for all projects
    if these belong to `PROJECTS_DOWN` projects or more.

    Attributes:
        of_all: the failures in a row of all projects together.
        of_projects: those of each project.
    """

    def __init__(self) -> None:
        self.of_all = FailureStreak()
        self.of_projects: dict[int, FailureStreak] = defaultdict(FailureStreak)

    def is_in_doubt(self, project_id: int) -> bool:
        """Return whether requests of the project are sent only once."""
        failures = max(len(streak.projects) for streak in self._streaks_of(project_id))
        return failures >= DOUBTFUL_AFTER

    def record_answer(self, project_id: int) -> None:
        """Record that Studio answered, whatever the answer was."""
        for streak in self._streaks_of(project_id):
            streak.projects.clear()

    def record_failure(self, project_id: int, error: StudioError) -> None:
        """Record a request that was given up after a transient error.

        A missing token says nothing about Studio's answers to other credentials.
        """
        of_all, of_project = self._streaks_of(project_id)
        of_project.add(project_id, error, least_projects=1)
        if not isinstance(error, NoTokenError):
            of_all.add(project_id, error, least_projects=PROJECTS_DOWN)

    def require_closed(self, project_id: int) -> None:
        """Raise the common cause, a `StudioError`, if the circuit is open for the project."""
        for streak in self._streaks_of(project_id):
            if streak.cause is not None:
                raise streak.cause.again()

    def _streaks_of(self, project_id: int) -> tuple[FailureStreak, FailureStreak]:
        return self.of_all, self.of_projects[project_id]


@dataclass(slots=True)
class FailureStreak:
    """Failed requests in a row: the project of each; `cause` is set once there are too many."""

    projects: list[int] = field(default_factory=list)
    cause: StudioError | None = None

    def add(self, project_id: int, error: StudioError, *, least_projects: int) -> None:
        """Add a failure; there are too many once they are of `least_projects` at least."""
        self.projects.append(project_id)
        is_full = len(self.projects) >= OPEN_AFTER and len(set(self.projects)) >= least_projects
        if is_full and self.cause is None:
            message = (
                f"not requested any more in this run: {OPEN_AFTER} requests in a row failed, "
                f"the last with: {error.message}"
            )
            self.cause = StudioError(error.kind, message, may_pass=True)
