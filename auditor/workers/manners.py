"""The limits on the load on Studio, held over all machines of a run.

The pace is one for all. The circuit breaker of the run's own process holds for every machine, and
each worker has another one for what only it meets: a machine whose network is broken must not
keep the others from asking.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor.errors import StoreUnreachableError, StudioError
from auditor.model import EVERY_PROJECT
from auditor.studio.manners import Circuit

if TYPE_CHECKING:
    from auditor.workers.exchange import Causes, Exchange

_RESERVED_S = 0.5  # of turns that one machine reserves at once


def list_causes(circuit: Circuit) -> Causes:
    """Return the circuits that are open."""
    streaks = [(EVERY_PROJECT, circuit.of_all), *circuit.of_projects.items()]
    return {
        project_id: (streak.cause.kind, streak.cause.message)
        for project_id, streak in streaks
        if streak.cause is not None
    }


class FollowingCircuit(Circuit):
    """The circuit breaker of a worker, which is open where that of the run is.

    Attributes:
        of_run: the open circuits of the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_run: Causes = {}

    def require_closed(self, project_id: int) -> None:
        """Raise the cause, a `StudioError`, if either circuit is open for the project."""
        super().require_closed(project_id)
        cause = self.of_run.get(EVERY_PROJECT) or self.of_run.get(project_id)
        if cause is not None:
            raise StudioError(*cause, may_pass=True)


class SharedPace:
    """Spaces the requests of all machines of a run; alone, those of this machine."""

    def __init__(
        self,
        per_second: float,
        exchange: Exchange,
        run: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap_s = 1 / per_second
        self._exchange = exchange
        self._run = run
        self._clock = clock
        self._sleep = sleep
        self._turns: deque[float] = deque()
        self._reserved_until = 0.0
        self._is_alone = False
        self._lock = asyncio.Lock()

    async def wait_for_turn(self) -> None:
        """Wait until the next request may be sent."""
        async with self._lock:
            now = self._clock()
            while self._turns and self._turns[0] < now - self._gap_s:  # it went by unused
                self._turns.popleft()
            if not self._turns:
                await self._reserve()
            at = self._turns.popleft()
        if (wait := at - self._clock()) > 0:
            await self._sleep(wait)

    async def _reserve(self) -> None:
        count = max(1, int(_RESERVED_S / self._gap_s))
        span_s = count * self._gap_s
        begins_in = None if self._is_alone else await self._ask_for_turns(span_s)
        begin = max(self._clock() + max(begins_in or 0.0, 0.0), self._reserved_until)
        self._reserved_until = begin + span_s
        self._turns.extend(begin + place * self._gap_s for place in range(count))

    async def _ask_for_turns(self, span_s: float) -> float | None:
        try:
            return await self._exchange.reserve_turns(self._run, timedelta(seconds=span_s))
        except StoreUnreachableError:
            self._is_alone = True
            return None
