"""Studio as a run sees it whose requests several machines share.

It is the coordinator: it makes batches of what the run asks for, leaves them in the database, does
some itself, and gives the run what came of them. What a run judges, stores and reports is judged,
stored and reported by this one process, as in a run without workers.

Workers say of a block that it still has the stored answer; this process asks for every other one,
so that no answer passes through the database. Where the exchange with the others fails, the run
goes on alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self

from auditor.context import Deployment, ModelMetadata, NewTrainings
from auditor.drift.block_kinds import kind_of
from auditor.errors import StoreUnreachableError
from auditor.fetching import (
    BlockSource,
    FetchFailure,
    FetchResult,
    ListedBlock,
    StoredBody,
    UnchangedAnswer,
)
from auditor.model import BlockKindName, Failure, TargetId
from auditor.redaction import shown
from auditor.workers.batches import BlockRequest, Outcome, pack_requests, unpack_outcomes
from auditor.workers.exchange import Causes, Exchange
from auditor.workers.manners import list_causes
from auditor.workers.worker import BATCHES, Member

AHEAD = 20
"""How many batches a run asks for at the same time; a machine has `BATCHES` of them in hand."""
_GATHER_S = 0.02
_LONGEST_GATHER_S = 0.2  # for more blocks, before a batch that is not full is left to others
_POLL_S = 0.1

logger = logging.getLogger(__name__)
_Waiting = tuple[BlockRequest, "asyncio.Future[Outcome]"]


class SharedStudio:
    """Fulfils `auditor.fetching.Studio` for one run, as an async context manager.

    Args:
        member: this machine's part in the run.
        batch: how many blocks a batch has at most.
        halt: returns why nothing more is asked for, None while the run goes on.
    """

    def __init__(
        self,
        exchange: Exchange,
        member: Member,
        *,
        batch: int,
        halt: Callable[[], Failure | None],
    ) -> None:
        self._size = batch
        self._exchange = exchange
        self._member = member
        self._halt = halt
        self._gathered: list[_Waiting] = []
        self._is_wanted = asyncio.Event()
        self._out: dict[int, list[_Waiting]] = {}
        self._left = self._own = 0  # batches, in all and of this machine
        self._is_alone = self._is_closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._member)
        try:
            await self._opened.enter_async_context(self._exchange)
            await self._exchange.begin(self._member.run)
            workers = await self._exchange.count_workers()
        except StoreUnreachableError as error:
            self._go_on_alone(error)
            return self
        extra = {"queue": self._exchange.queue, "workers": workers}
        logger.info("run shared with workers", extra=extra)
        own_work = self._exchange.work(self._do_own, batches=BATCHES)
        for work in (self._leave_batches(), self._take_outcomes(), self._care(), own_work):
            self._tasks.append(asyncio.create_task(self._guarded(work)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_closing = True
        self._member.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            with suppress(StoreUnreachableError):
                await self._exchange.forget(self._member.run)
        shares = {"batches": self._left, "by_workers": self._left - self._own}
        logger.info("end of the run's requests", extra=shares)
        await self._opened.__aexit__(kind, error, traceback)

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        """Return the block's answer; a worker may say that it is the stored one.

        A block that was never read is not shared.
        """
        if stored_body is not None and _may_be_shared(source):
            request = BlockRequest(target=target, source=source, stored_body=stored_body)
            validator = None if self._is_alone else await self._ask_in_batch(request)
            if validator is not None:
                return UnchangedAnswer(validator=validator)
        async with self._member.slots:
            if (halted := self._halt()) is not None:
                return FetchFailure(failure=halted)
            return await self._member.studio.fetch(target, source, stored_body=stored_body)

    async def _ask_in_batch(self, request: BlockRequest) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._gathered.append((request, future))
        self._is_wanted.set()
        return await future

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that lasts as long as the run; where it ends before, the run goes on alone."""
        why: object = "the work on batches ended"
        try:
            await work
        except StoreUnreachableError as error:
            why = error
        except Exception as error:
            logger.exception("batches not shared")
            why = error
        self._go_on_alone(why)
        with suppress(StoreUnreachableError):  # nobody waits for what workers still do
            await self._exchange.end(self._member.run)

    def _go_on_alone(self, why: object) -> None:
        if not (self._is_alone or self._is_closing):
            logger.warning("the run goes on without workers: %s", why)
        self._is_alone = True
        waiting = [*self._gathered, *itertools.chain.from_iterable(self._out.values())]
        self._gathered.clear()
        self._out.clear()
        for _, future in waiting:
            if not future.done():
                future.set_result(None)

    async def _leave_batches(self) -> None:
        """Leave what is gathered: as soon as a batch is full, or after a moment."""
        while True:
            await self._is_wanted.wait()
            waited = 0.0
            while len(self._gathered) < self._size and waited < _LONGEST_GATHER_S:
                await asyncio.sleep(_GATHER_S)
                waited += _GATHER_S
            # By project: what one machine learns of a project holds for most of its blocks.
            self._gathered.sort(key=lambda waiting: waiting[0].target)
            batch, self._gathered = self._gathered[: self._size], self._gathered[self._size :]
            if not self._gathered:
                self._is_wanted.clear()
            number, self._left = self._left, self._left + 1
            self._out[number] = batch
            requests = pack_requests(request for request, _ in batch)
            await self._exchange.put(self._member.run, number, requests)

    async def _take_outcomes(self) -> None:
        causes: Causes = {}
        is_ended = False
        while True:
            await self._take()
            if (found := list_causes(self._member.circuit)) != causes:
                causes = found
                await self._exchange.write_circuit(self._member.run, causes)
            if self._halt() is not None and not is_ended:
                is_ended = True
                await self._exchange.end(self._member.run)
            if is_ended:
                await self._do_forsaken()
            await asyncio.sleep(_POLL_S)

    async def _take(self) -> None:
        for number, content in await self._exchange.take(self._member.run):
            self._resolve(number, unpack_outcomes(content))

    def _resolve(self, number: int, outcomes: Sequence[Outcome]) -> None:
        waiting = self._out.pop(number, ())  # empty where another machine was faster
        for place, (_, future) in enumerate(waiting):
            if not future.done():
                future.set_result(outcomes[place] if place < len(outcomes) else None)

    async def _care(self) -> None:
        """Give the batches of lost workers to others, and do what no worker could do."""
        while True:
            await asyncio.sleep(self._exchange.lost_after.total_seconds() / 2)
            await self._do_forsaken()

    async def _do_forsaken(self) -> None:
        """Ask outside of batches for those without a job: no worker could, or the run is ended."""
        out = set(self._out)
        forsaken = out - await self._exchange.revive(self._member.run)
        if forsaken:  # or it was done a moment ago
            await self._take()
        for number in forsaken & self._out.keys():
            self._own += 1
            self._resolve(number, ())

    async def _do_own(self, run: str, number: int) -> None:
        if run == self._member.run and await self._member.do(number):
            self._own += 1

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        """Wait, then return the block's full answer again."""
        return await self._member.studio.fetch_again(target, source)

    async def wait_to_settle(self) -> None:
        """Wait until Studio is consistent again."""
        await self._member.studio.wait_to_settle()

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every block of the project's impulses once, ordered by id."""
        async with self._member.slots:
            return self._halt() or await self._member.studio.list_blocks(project_id)

    async def list_projects(self) -> Mapping[int, str] | Failure:
        """Return the name of every project that the shared credential sees, by id."""
        return await self._member.studio.list_projects()

    async def fetch_project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty if Studio does not give it."""
        return await self._member.studio.fetch_project_name(project_id)

    async def list_trainings(self, project_id: int, since: int | None) -> NewTrainings | Failure:
        """Return the jobs that trained blocks since the job `since`."""
        return await self._member.studio.list_trainings(project_id, since)

    async def fetch_metadata(
        self, target: TargetId, kind: BlockKindName
    ) -> ModelMetadata | Failure:
        """Return what Studio says of a block's trained model."""
        return await self._member.studio.fetch_metadata(target, kind)

    async def list_deployments(self, project_id: int) -> tuple[Deployment, ...] | Failure:
        """Return the newest deployment of each impulse of a project."""
        return await self._member.studio.list_deployments(project_id)


def _may_be_shared(source: BlockSource) -> bool:
    """Return whether a block is asked for at all, and its entry in the listing holds no key."""
    entry = json.dumps(source.entry)
    return not kind_of(source.kinds[0]).is_alone and shown(entry) == entry
