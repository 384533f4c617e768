"""The limits on the load on Studio, held over all machines of a run.

Each machine keeps its own circuit breaker and brings it together with the others' every moment:
what it met since then is applied, in its order, to the circuit of the run.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auditor.errors import StoreUnreachableError, StudioError
from auditor.model import Json, JsonObject
from auditor.studio.manners import Circuit, FailureStreak

if TYPE_CHECKING:
    from auditor.workers.exchange import Exchange

_RESERVED_S = 0.5  # of turns that one machine reserves at once


class SharedCircuit(Circuit):
    """A circuit breaker of one machine that is brought together with that of the run."""

    def __init__(self) -> None:
        super().__init__()
        self._unshared: list[tuple[int, StudioError | None]] = []

    def record_answer(self, project_id: int) -> None:
        """Record that Studio answered, whatever the answer was."""
        if self.of_all.projects or self.of_projects[project_id].projects:
            self._unshared.append((project_id, None))
        super().record_answer(project_id)

    def record_failure(self, project_id: int, error: StudioError) -> None:
        """Record a request that was given up after a transient error."""
        self._unshared.append((project_id, error))
        super().record_failure(project_id, error)

    async def share(self, exchange: Exchange, run: str) -> bool:
        """Bring the circuit together with that of the run; return whether the run goes on."""
        if self._unshared:
            met, self._unshared = self._unshared, []
            await exchange.change_circuit(run, lambda circuit: _replay(circuit, met))
        circuit = await exchange.read_circuit(run)
        if circuit is None:
            return False
        _load(self, circuit)
        for project_id, error in self._unshared:  # met meanwhile
            _apply(self, project_id, error)
        return True


class SharedPace:
    """Spaces the requests of all machines of a run."""

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
        span = timedelta(seconds=count * self._gap_s)
        try:
            begins_in = await self._exchange.reserve_turns(self._run, span)
        except StoreUnreachableError:  # the machine is alone
            begins_in = 0.0
        begin = self._clock() + max(begins_in or 0.0, 0.0)
        self._turns.extend(begin + place * self._gap_s for place in range(count))


def _replay(circuit: JsonObject, met: list[tuple[int, StudioError | None]]) -> JsonObject:
    """Return the circuit of a run after what a machine met."""
    merged = Circuit()
    _load(merged, circuit)
    for project_id, error in met:
        _apply(merged, project_id, error)
    return _dump(merged)


def _apply(circuit: Circuit, project_id: int, error: StudioError | None) -> None:
    if error is None:
        Circuit.record_answer(circuit, project_id)
    else:
        Circuit.record_failure(circuit, project_id, error)


def _dump(circuit: Circuit) -> JsonObject:
    own = {
        str(project_id): _row(streak)
        for project_id, streak in circuit.of_projects.items()
        if streak.projects or streak.cause
    }
    return {"all": _row(circuit.of_all), "projects": own}


def _load(circuit: Circuit, stored: JsonObject) -> None:
    of_all: Any = stored.get("all")
    rows: Any = stored.get("projects") or {}
    circuit.of_all = _streak(of_all)
    circuit.of_projects.clear()
    circuit.of_projects.update((int(key), _streak(row)) for key, row in rows.items())


def _row(streak: FailureStreak) -> Json:
    cause = streak.cause
    return [list(streak.projects), [cause.kind, cause.message] if cause else None]


def _streak(row: list[Any] | None) -> FailureStreak:
    if row is None:
        return FailureStreak()
    projects, cause = row
    error = StudioError(cause[0], cause[1], may_pass=True) if cause else None
    return FailureStreak(projects=projects, cause=error)
