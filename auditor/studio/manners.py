"""How gently Studio is asked: a pace, a budget of tries, a circuit that opens when it is down.

Pure but for the clock and the sleep that are handed in; one of each serves one run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from auditor.errors import StudioError

DOUBTED_AFTER = 5
"""So many requests in a row given up, and each further one is sent once only."""
OPEN_AFTER = 25
"""So many in a row given up, and nothing more is asked in this run."""
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
    """Tells a Studio that is down from one that fails now and then.

    Closed, every request has its tries. In doubt, each is sent once: a block that answers closes
    it again. Open, nothing is sent any more: the cause is one, and told as one.
    """

    def __init__(self) -> None:
        self._given_up = 0
        self._cause: StudioError | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Return whether a request is sent once only."""
        return self._given_up >= DOUBTED_AFTER

    def heard(self) -> None:
        """Take note of an answer: Studio is there, whatever it said."""
        if self._cause is None:
            self._given_up = 0

    def lost(self, error: StudioError) -> None:
        """Take note of a request that was given up for a fault that may pass."""
        self._given_up += 1
        if self._given_up >= OPEN_AFTER and self._cause is None:
            self._cause = StudioError(error.kind, _not_asked(error))

    def require_closed(self) -> None:
        """Raise the one cause, a `StudioError`, where the circuit is open."""
        if self._cause is not None:
            raise StudioError(self._cause.kind, self._cause.message)


def _not_asked(error: StudioError) -> str:
    return (
        f"not asked any more in this run, as {OPEN_AFTER} requests in a row failed, "
        f"the last one so: {error.message}"
    )
