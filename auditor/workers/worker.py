"""Does batches of runs: asks Studio for their blocks, and leaves what came of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Protocol, Self

from auditor.audit.fetch import DEFECT
from auditor.errors import RunStoppedError
from auditor.fetching import FetchFailure, Studio
from auditor.studio.manners import Turns
from auditor.workers.batches import BlockRequest, Outcome, pack_outcomes, unpack_requests
from auditor.workers.exchange import Exchange
from auditor.workers.manners import SharedCircuit, SharedPace

BATCHES = 2  # in hand at a time: while one waits for its last answers, another is asked for
_SHARE_EVERY_S = 0.5

logger = logging.getLogger(__name__)


class StudioBuilder(Protocol):
    """Returns the client for a run, with limits that are shared with other machines."""

    def __call__(
        self, *, circuit: SharedCircuit, pace: Turns | None, stopping: Callable[[], bool]
    ) -> AbstractAsyncContextManager[Studio]:
        """Return the client; it stops its retries once `stopping` returns true."""
        ...


class Member:
    """A machine that takes part in a run, as an async context manager.

    Attributes:
        run: the key of the run.
        studio: the machine's own client.
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
        stopping: Callable[[], bool],
    ) -> None:
        self.run = run
        self.in_hand = 0
        self._exchange = exchange
        self._stopping = stopping
        self._is_over = False
        self._circuit = SharedCircuit()
        pace = SharedPace(per_second, exchange, run) if per_second else None
        self._client = build(circuit=self._circuit, pace=pace, stopping=self.is_ended)

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
        """Return whether nothing more is asked: the run is over, or the machine stops."""
        return self._is_over or self._stopping()

    async def do(self, number: int) -> bool:
        """Do a batch of the run; return whether it was still to be done.

        Raises:
            RunStoppedError: the machine stops; another one does the batch.
            StoreError: the database failed.
        """
        content = await self._exchange.find_requests(self.run, number)
        if content is None:
            return False
        self.in_hand += 1
        try:
            async with self._sharing():
                outcomes = await self.ask(unpack_requests(content))
        finally:
            self.in_hand -= 1
        if self._stopping() and None in outcomes:
            raise RunStoppedError("the worker was stopped in the middle of a batch")
        await self._exchange.answer(self.run, number, pack_outcomes(outcomes))
        return True

    async def ask(self, requests: Sequence[BlockRequest]) -> list[Outcome]:
        """Return what Studio answers to each request, as many at a time as the client sends."""
        return await asyncio.gather(*(self._ask_once(request) for request in requests))

    async def _ask_once(self, request: BlockRequest) -> Outcome:
        if self.is_ended():
            return None
        try:
            return await self.studio.fetch(
                request.target, request.source, stored_body=request.stored_body
            )
        except Exception:
            logger.exception("block not asked for", extra={"target": str(request.target)})
            return FetchFailure(failure=DEFECT)

    @asynccontextmanager
    async def _sharing(self) -> AsyncIterator[None]:
        """Share the circuit with the other machines during the body."""
        sharing = asyncio.create_task(self._share())
        try:
            yield
        finally:
            sharing.cancel()
            with suppress(asyncio.CancelledError):
                await sharing
            await self._share_once()

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(_SHARE_EVERY_S)
            await self._share_once()

    async def _share_once(self) -> None:
        if not await self._circuit.share(self._exchange, self.run):
            self._is_over = True


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
