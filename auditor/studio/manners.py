"""How gently Studio is asked: a pace, a budget of tries, a circuit that opens when it is down.

Pure but for the clock and the sleep that are handed in; one of each serves one run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from auditor.errors import NoTokenError, StudioError

DOUBTED_AFTER = 5
"""So many requests in a row given up, and each further one is sent once only."""
OPEN_AFTER = 25
"""So many in a row given up, and nothing more is asked in this run."""
PROJECTS_DOWN = 3
"""Over so many projects: then it is not one project that is broken, it is Studio that is down."""
SPARE_TRIES = 200
TRIES_A_REQUEST = 0.5
"""Further tries that a whole run may spend: `SPARE_TRIES` and these for each request."""


class Pace:
    """Spaces requests so that at most `per_second` go out; None lets each go at once."""

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

    async def turn(self) -> None:
        """Wait for the turn to send a request."""
        if not self._gap_s:
            return
        now = self._clock()
        at = max(now, self._next_at)
        self._next_at = at + self._gap_s
        if at > now:
            await self._sleep(at - now)


class Budget:
    """Counts the further tries of a run, so that a bad night stays a bounded one."""

    def __init__(self) -> None:
        self._requests = 0
        self._tries = 0

    def begin(self) -> None:
        """Count a request that is sent for the first time."""
        self._requests += 1

    def spend(self) -> bool:
        """Return whether a further try may be sent, and count it if so."""
        if self._tries >= SPARE_TRIES + TRIES_A_REQUEST * self._requests:
            return False
        self._tries += 1
        return True


class Circuit:
    """Tells a Studio that is down from a project that is broken, and from what fails at times.

    Closed, every request has its tries. In doubt, each is sent once: one that answers closes it
    again. Open, nothing is sent any more: the cause is one, and told as one. It opens for a
    project after `OPEN_AFTER` of its requests in a row were given up, and for all where so many
    were over `PROJECTS_DOWN` projects or more.
    """

    def __init__(self) -> None:
        self._all = _Row()
        self._own: dict[int, _Row] = defaultdict(_Row)

    def is_in_doubt(self, project_id: int) -> bool:
        """Return whether a request is sent once only."""
        given_up = max(len(self._all.given_up), len(self._own[project_id].given_up))
        return given_up >= DOUBTED_AFTER

    def heard(self, project_id: int) -> None:
        """Take note of an answer: Studio is there, whatever it said."""
        for row in (self._all, self._own[project_id]):
            row.given_up.clear()

    def lost(self, project_id: int, error: StudioError) -> None:
        """Take note of a request that was given up for a fault that may pass.

        A token that is not to be had says nothing of Studio's answers to others.
        """
        self._own[project_id].add(project_id, error, projects=1)
        if not isinstance(error, NoTokenError):
            self._all.add(project_id, error, projects=PROJECTS_DOWN)

    def require_closed(self, project_id: int) -> None:
        """Raise the one cause, a `StudioError`, where the circuit is open for a project."""
        for row in (self._all, self._own[project_id]):
            if row.cause is not None:
                raise StudioError(row.cause.kind, row.cause.message)


@dataclass(slots=True)
class _Row:
    """Requests given up in a row, by their projects; `cause` once they are too many."""

    given_up: list[int] = field(default_factory=list)
    cause: StudioError | None = None

    def add(self, project_id: int, error: StudioError, *, projects: int) -> None:
        self.given_up.append(project_id)
        is_full = len(self.given_up) >= OPEN_AFTER and len(set(self.given_up)) >= projects
        if is_full and self.cause is None:
            self.cause = StudioError(error.kind, _not_asked(error))


def _not_asked(error: StudioError) -> str:
    return (
        f"not asked any more in this run, as {OPEN_AFTER} requests in a row failed, "
        f"the last one so: {error.message}"
    )
