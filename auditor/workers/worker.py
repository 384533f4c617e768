"""Does batches of runs: asks Studio for their blocks, and says which are as they were."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Protocol, Self

from auditor.errors import StoreUnreachableError
from auditor.fetching import Studio, UnchangedAnswer
from auditor.studio.manners import Circuit, Turns
from auditor.workers.batches import BlockRequest, Outcome, pack_outcomes, unpack_requests
from auditor.workers.exchange import Exchange
from auditor.workers.manners import FollowingCircuit, SharedPace

BATCHES = 2  # in hand at a time: while one waits for its last answers, another is asked for
_FOLLOW_EVERY_S = 0.5

logger = logging.getLogger(__name__)


class StudioBuilder(Protocol):
    """Returns the client for a run, with limits that are shared with other machines."""

    def __call__(
        self, *, circuit: Circuit, pace: Turns | None, stopping: Callable[[], bool]
    ) -> AbstractAsyncContextManager[Studio]:
        """Return the client; it stops its retries once `stopping` returns true."""
        ...


class Member:
    """A machine that takes part in a run, as an async context manager.

    Args:
        per_second: the pace of the whole run, None for no limit.
        concurrency: how many requests this machine sends at the same time.
        stopping: returns whether the machine is to ask for nothing more.

    Attributes:
        run: the key of the run.
        studio: the machine's own client.
        circuit: its circuit breaker.
        slots: taken for each request.
        in_hand: how many batches it does now.
    """

    studio: Studio

    def __init__(
        self,
        run: str,
        exchange: Exchange,
        build: StudioBuilder,
        *,
        per_second: float | None,
        concurrency: int,
        stopping: Callable[[], bool],
    ) -> None:
        self.run = run
        self.in_hand = 0
        self.circuit = FollowingCircuit()
        self.slots = asyncio.Semaphore(concurrency)
        self._exchange = exchange
        self._stopping = stopping
        self._is_over = False
        pace = SharedPace(per_second, exchange, run) if per_second else None
        self._client = build(circuit=self.circuit, pace=pace, stopping=self.is_ended)

    async def __aenter__(self) -> Self:
        self.studio = await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    def end(self) -> None:
        """Ask for nothing more: the run is over."""
        self._is_over = True

    def is_ended(self) -> bool:
        """Return whether nothing more is asked for: the run is over, or the machine stops."""
        return self._is_over or self._stopping()

    async def do(self, number: int) -> bool:
        """Do a batch of the run; return whether it was still to be done.

        Raises:
            StoreError: the database failed.
        """
        content = await self._exchange.find_requests(self.run, number)
        if content is None:
            return False
        self.in_hand += 1
        try:
            async with self._following():
                outcomes = await self.ask(unpack_requests(content))
        finally:
            self.in_hand -= 1
        await self._exchange.answer(self.run, number, pack_outcomes(outcomes))
        return True

    async def ask(self, requests: Sequence[BlockRequest]) -> list[Outcome]:
        """Return what came of each request, as many at a time as the machine may send."""
        return await asyncio.gather(*(self._ask_once(request) for request in requests))

    async def _ask_once(self, request: BlockRequest) -> Outcome:
        async with self.slots:
            if self.is_ended():
                return None
            try:
                fetched = await self.studio.fetch(
                    request.target, request.source, stored_body=request.stored_body
                )
            except Exception:
                logger.exception("block not asked for", extra={"target": str(request.target)})
                return None
        return fetched.validator if isinstance(fetched, UnchangedAnswer) else None

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        """Follow the run's circuit during the body, and notice that the run is over."""
        is_done = asyncio.Event()
        following = asyncio.create_task(self._follow(is_done))
        try:
            yield
        finally:
            # Not cancelled: in the middle of a query that may come out as an error of the driver.
            is_done.set()
            await following

    async def _follow(self, is_done: asyncio.Event) -> None:
        while not is_done.is_set():
            with suppress(StoreUnreachableError):  # the next look may succeed
                causes = await self._exchange.read_circuit(self.run)
                if causes is None:
                    self._is_over = True
                else:
                    self.circuit.of_run = causes
            with suppress(TimeoutError):
                await asyncio.wait_for(is_done.wait(), _FOLLOW_EVERY_S)


class Worker:
    """A machine that does batches of one run after another, as an async context manager.

    Attributes:
        batches: how many it has in hand at a time.
    """

    batches = BATCHES

    def __init__(self, join: Callable[[str], Member]) -> None:
        self._join = join
        self._members: dict[str, Member] = {}
        self._joining = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self._members.values():
            await member.__aexit__(kind, error, traceback)

    async def do(self, run: str, number: int) -> None:
        """Do a batch of a run; raises as `Member.do`."""
        member = await self._member_of(run)
        await member.do(number)

    async def _member_of(self, run: str) -> Member:
        """Return the machine's part in a run; what it had of runs before is closed."""
        async with self._joining:
            if run not in self._members:
                for old in [m for m in self._members.values() if not m.in_hand]:
                    await self._members.pop(old.run).__aexit__(None, None, None)
                self._members[run] = await self._join(run).__aenter__()
                logger.info("doing batches of a run", extra={"run_key": run})
            return self._members[run]
