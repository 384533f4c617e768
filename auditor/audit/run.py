"""One run over all targets: fetch, judge, store in batches; `close` ends it.

No network inside a transaction: answers are fetched by coroutines, judged and stored by the one
thread that owns the database. What only the whole run can judge (is a change the vendor's?) is
stored at its end; if the run crashes before that, the next run finds it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TypeAlias, TypeVar

from auditor.audit.causes import Causes
from auditor.audit.close import complete_run
from auditor.audit.fetch import DEFECT, fetch_target, find_source
from auditor.audit.inventory import Inventory, ListedTarget
from auditor.audit.judge import Judge
from auditor.audit.notices import (
    notice_of_listing,
    notice_of_return,
    remember_rules,
    require_admissible,
)
from auditor.audit.pending import PendingResult, name_sort
from auditor.audit.plan import STOPPED, RunContext, RunControl, RunRequest
from auditor.audit.results import CompletedRun, Results
from auditor.audit.targets import (
    InventorySources,
    KnownProjects,
    error_of_project,
    take_inventory,
)
from auditor.context import TrainingNews
from auditor.drift.impulses import order_of_data
from auditor.errors import AuditorError, RunStoppedError
from auditor.fetching import (
    Answer,
    BlockSource,
    FetchFailure,
    Studio,
    UnchangedAnswer,
)
from auditor.model import Failure, RunInfo, RunStatus, TargetId
from auditor.protocols import RunStore
from auditor.records import NOT_COME_TO, KnownTarget
from auditor.results import BatchNews, NewVersion, TargetResult, Unchanged, Unreadable

BATCH = 200  # targets a transaction
_NEVER = datetime.min.replace(tzinfo=UTC)

logger = logging.getLogger(__name__)
_T = TypeVar("_T")
_Result = TypeVar("_Result", bound=TargetResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop(ListedTarget):
    """A target on its way to a worker, with what the store knows of it."""

    known: KnownTarget | None

    @property
    def source(self) -> BlockSource:
        """Return how Studio is asked for it."""
        return find_source(self.listed, self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetching:
    """What the workers of a run share."""

    run_id: int
    studio: Studio
    judge: Judge
    workers: int


_Queue: TypeAlias = "asyncio.Queue[_Stop | None]"


class Audit:
    """One run. `now` is called at its start, for each answer, at each batch and at its end."""

    def __init__(
        self,
        store: RunStore,
        studio: AbstractAsyncContextManager[Studio],
        *,
        now: Callable[[], datetime],
        control: RunControl | None = None,
    ) -> None:
        self._store = store
        self._studio = studio
        self._now = now
        self._control = control or RunControl()
        self._results = Results()
        self._batch: list[TargetResult] = []
        self._causes = Causes()
        self._contexts = self._results.contexts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, request: RunRequest) -> CompletedRun:
        """Fetch all targets in scope and store their results.

        Raises:
            UsageError: the scope names something that the configuration does not audit.
            AlreadyRunError: the slot of the schedule has its run.
            RunStoppedError: the run was stopped, and is abandoned.
            StoreError: the database failed; the run stays open and the next one abandons it.
        """
        try:
            return await self._run(request)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            self._thread.shutdown()

    async def _run(self, request: RunRequest) -> CompletedRun:
        started_at = self._now()
        context = RunContext(
            now=self._now,
            today=started_at.astimezone(request.zone).date(),
            rules=request.rules,
        )
        await self._in_store(self._prepare, context, started_at)
        async with self._studio as studio:
            sources = self._sources(studio)
            inventory = await take_inventory(
                request.plan, request.scope, sources, concurrency=request.concurrency
            )
            self._causes = self._known_causes(inventory)
            self._prepare_results(request, inventory)
            run_id = await self._in_store(self._open, request, started_at)
            if inventory.found is not None or inventory.notices:
                await self._in_store(
                    self._store.remember_inventory, run_id, inventory.found, inventory.notices
                )
            judge = await self._in_store(Judge, self._store, context, self._causes)
            starved = await self._starved_first(inventory)
            await self._ask_projects(inventory, studio)
            fetching = _Fetching(
                run_id=run_id,
                studio=studio,
                judge=judge,
                workers=min(request.concurrency, inventory.size),
            )
            await self._fetch_all(fetching, inventory, starved)
        if self._control.is_abandoned():
            await self._in_store(self._store.abandon_open_runs, self._now())
            raise RunStoppedError(_describe_stop(self._results.asked.total(), inventory))
        await self._settle(run_id, inventory)
        await self._settle_pending(run_id, judge)
        run = RunInfo(
            id=run_id, status=RunStatus.RUNNING, trigger=request.trigger, started_at=started_at
        )
        return await self._in_store(
            lambda: complete_run(run, request, self._results, store=self._store, context=context)
        )

    def _known_causes(self, inventory: Inventory) -> Causes:
        return Causes(
            inventory=inventory,
            is_settled=self._results.audited.__contains__,
            past_changes=self._store.past_changes,
        )

    def _prepare_results(self, request: RunRequest, inventory: Inventory) -> None:
        self._contexts.scope = request.context
        self._results.inventory = inventory
        self._results.lists_all = inventory.size + inventory.settled_size <= request.most_listed
        blocks = (scope.blocks for _, scope in request.scopes)
        self._results.named = frozenset().union(*blocks)

    def _record(self, result: TargetResult, known: KnownTarget | None) -> None:
        """Add the final result of a target."""
        self._results.add(result, known)
        self._causes.add(result)

    async def _ask_projects(self, inventory: Inventory, studio: Studio) -> None:
        """Ask for what stands beside the configuration of the projects whose blocks are read."""
        if self._control.halt() is not None:
            return
        names = list(inventory.projects().items())
        for start in range(0, len(names), BATCH):
            part = dict(names[start : start + BATCH])
            with_models = set(filter(inventory.has_models, part))
            before = await self._in_store(self._store.endpoint_states, list(part))
            await self._contexts.ask_projects(studio, part, before, with_models)

    def _prepare(self, context: RunContext, started_at: datetime) -> None:
        self._store.abandon_open_runs(started_at)
        require_admissible(context.rules, self._store, today=context.today)
        remember_rules(context.rules, self._store, today=context.today, at=started_at)

    def _open(self, request: RunRequest, started_at: datetime) -> int:
        run_id = self._store.open_run(
            request.trigger, started_at=started_at, schedule=request.schedule, slot=request.slot
        )
        if not self._control.is_abandoned():  # it was, while Studio listed the blocks
            what = "run started" if run_id else "dry run started"
            logger.info("%s", what, extra={"run": run_id, "trigger": str(request.trigger)})
        return run_id

    def _sources(self, studio: Studio) -> InventorySources:
        store = self._store
        known = KnownProjects(
            targets_of=partial(self._in_store, store.known_project_targets),
            audited=partial(self._in_store, store.audited_projects),
            found=partial(self._in_store, store.found_projects),
        )
        return InventorySources(studio=studio, known=known, halt=self._control.halt)

    async def _settle(self, run_id: int, inventory: Inventory) -> None:
        """Add what needs no fetch: missing blocks, projects without a listing."""
        for error in inventory.errors:
            self._results.add_error(error)
        self._results.notices.extend(inventory.notices)
        for part in inventory.settled_batches(BATCH):
            targets = [result.target for result in part]
            known = await self._in_store(self._store.known_targets, targets)
            for result in part:
                self._record(result, known.get(result.target))
            await self._save(run_id, part)

    async def _settle_pending(self, run_id: int, judge: Judge) -> None:
        """Judge the pending results, now that it is known what targets share; save each batch."""
        vendor_acts = self._results.pending.vendor_acts()
        self._results.pending.sort_by(_data_order)
        for batch in self._results.pending.take_batches(BATCH):
            known = await self._in_store(
                self._store.known_targets, [pending.target for pending in batch]
            )
            results = [
                await self._settle_one(
                    pending, known[pending.target], judge, vendor_acts.get(pending.type, ())
                )
                for pending in batch
            ]
            await self._save(run_id, results)

    async def _settle_one(
        self,
        pending: PendingResult,
        known: KnownTarget,
        judge: Judge,
        vendor_acts: Collection[str],
    ) -> TargetResult:
        result: TargetResult
        try:
            if self._control.stopping():  # the next run finds the same
                result = replace(_unreadable(pending, STOPPED), was_asked_for=False)
            else:
                result = await self._in_store(judge.settle, pending, known, vendor_acts)
        except AuditorError:
            raise  # of the store: it concerns every target
        except Exception:
            logger.exception("block not judged", extra={"target": str(pending.target)})
            result = _unreadable(pending, DEFECT)
        result = self._with_impulse(result)
        self._record(result, known)
        return result

    def _with_impulse(self, result: _Result) -> _Result:
        """Return the result with the impulse of its block, which a request to restore may need."""
        if not isinstance(result, NewVersion) or result.excerpt is None:
            return result
        impulses = self._results.inventory.place_of(result.target).impulses
        if not impulses:
            return result
        return replace(result, excerpt=replace(result.excerpt, impulse_id=impulses[0].id))

    async def _starved_first(self, inventory: Inventory) -> list[TargetId]:
        """Return the targets that the last run did not come to, oldest check first.

        Else a time limit that is too short would leave the same ones unchecked every time.
        """
        checks = await self._in_store(self._store.last_checks_of_starved)
        starved = filter(inventory.contains, checks)
        return sorted(starved, key=lambda target: (checks[target] or _NEVER, target))

    async def _fetch_all(
        self, fetching: _Fetching, inventory: Inventory, starved: Sequence[TargetId]
    ) -> None:
        self._control.planned(inventory.size)
        queue: _Queue = asyncio.Queue(maxsize=2 * BATCH)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(queue, inventory.in_order(starved), fetching.workers))
            for _ in range(fetching.workers):
                group.create_task(self._work(queue, fetching))
        await self._save_batch(fetching.run_id)

    async def _feed(self, queue: _Queue, targets: Iterator[ListedTarget], workers: int) -> None:
        while part := list(islice(targets, BATCH)):
            known = await self._in_store(
                self._store.known_targets, [listed.target for listed in part]
            )
            for each in part:
                before = known.get(each.target)
                name = each.project or (before.project if before else "")
                await queue.put(
                    _Stop(target=each.target, project=name, known=before, listed=each.listed)
                )
        for _ in range(workers):
            await queue.put(None)

    async def _work(self, queue: _Queue, fetching: _Fetching) -> None:
        while (stop := await queue.get()) is not None:
            try:
                await self._audit(stop, fetching.studio, fetching.judge)
            except AuditorError:
                raise  # of the store: it concerns every target
            except Exception:
                logger.exception("block not judged", extra={"target": str(stop.target)})
                self._add_failure(stop, DEFECT)
            self._control.checked(1)
            if len(self._batch) >= BATCH:
                await self._save_batch(fetching.run_id)

    async def _audit(self, stop: _Stop, studio: Studio, judge: Judge) -> None:
        """Fetch and judge one target."""
        if self._control.is_abandoned():
            return
        if (halted := self._control.halt()) is not None:
            self._add_failure(stop, halted, was_asked_for=False)
            return
        fetched = await fetch_target(
            stop.target,
            stop.source,
            stop.known,
            studio=studio,
            snapshot_of=partial(self._in_store, self._store.snapshot),
            today=judge.today,
        )
        if isinstance(fetched, FetchFailure) and fetched.failure.kind in NOT_COME_TO:
            self._add_failure(stop, fetched.failure, was_asked_for=False)
            return
        self._results.count_fetched(fetched)
        match fetched:
            case FetchFailure(failure=failure, whole_project=whole_project):
                self._add_failure(stop, failure, whole_project=whole_project)
            case Answer() as answer:
                judge.learn(stop.target, await self._training(stop, studio, answer))
                result = await self._in_store(
                    judge.judge_answer, stop.target, stop.known, answer, stop.project
                )
                self._add(result, stop.known)
            case UnchangedAnswer(validator=validator):
                judge.learn(stop.target, await self._training(stop, studio, None))
                self._add(await self._judge_unchanged(stop, judge, validator), stop.known)

    async def _training(
        self, stop: _Stop, studio: Studio, answer: Answer | None
    ) -> TrainingNews | None:
        return await self._contexts.learn_training(studio, stop.target, stop.known, answer)

    async def _judge_unchanged(self, stop: _Stop, judge: Judge, validator: str) -> Unchanged:
        known = stop.known
        if known is None or known.body_digest is None:
            raise AssertionError("an answer cannot equal one that was never read")
        work = partial(
            judge.judge_unchanged,
            known,
            stop.project,
            body_digest=known.body_digest,
            validator=validator,
        )
        # Most targets of most runs come here: without a need for the store, no thread is asked.
        return await self._in_store(work) if judge.needs_store(known) else work()

    def _add(
        self, result: Unchanged | NewVersion | PendingResult, known: KnownTarget | None
    ) -> None:
        if (back := notice_of_return(known)) is not None:
            self._results.notices.append(back)
        if (block_type := _type_compared(result, known)) is not None:
            self._results.pending.count_compared(block_type)
        if isinstance(result, PendingResult):
            self._results.pending.add(result)
            return
        result = self._with_impulse(result)
        self._record(result, known)
        self._batch.append(result)

    def _add_failure(
        self,
        stop: _Stop,
        failure: Failure,
        *,
        whole_project: bool = False,
        was_asked_for: bool = True,
    ) -> None:
        if whole_project:
            self._results.add_error(error_of_project(stop.target.project_id, failure))
        if was_asked_for and stop.listed is not None and (back := notice_of_listing(stop.known)):
            self._results.notices.append(back)
        result = Unreadable(
            target=stop.target,
            kind=stop.source.kinds[0],
            project=stop.project,
            failure=failure,
            was_asked_for=was_asked_for,
        )
        self._record(result, stop.known)
        self._batch.append(result)

    async def _save_batch(self, run_id: int) -> None:
        batch, self._batch = self._batch, []
        await self._save(run_id, batch)

    async def _save(self, run_id: int, results: Sequence[TargetResult]) -> None:
        if results:
            at = self._now()
            targets = [result.target for result in results]
            news = BatchNews(
                vendor=self._results.take_unsaved(),
                notices=self._results.news_of(targets),
                conditions=self._results.take_conditions(targets),
            )
            await self._in_store(lambda: self._store.save(run_id, results, at=at, news=news))

    async def _in_store(self, work: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)


def _describe_stop(read: int, inventory: Inventory) -> str:
    if not read:
        return "the run was stopped before it read a block; it is stored as abandoned"
    return (
        f"the run was stopped after {read:,} of {inventory.size:,} blocks, and is stored "
        "as abandoned; the next run reports what it found"
    )


def _type_compared(
    result: Unchanged | NewVersion | PendingResult, known: KnownTarget | None
) -> str | None:
    """Return the type of a block that was compared with an earlier version, None where it was not.

    A block that is new, or of another type than before, cannot show what the vendor changed.
    """
    if known is None or known.version_id is None:
        return None
    match result:
        case PendingResult():
            return result.type
        case Unchanged():
            return name_sort(result.kind, known.type)
        case NewVersion(snapshot=snapshot):
            block_type = snapshot.type or known.type
            is_same = known.kind is result.kind and known.type in ("", block_type)
            return name_sort(result.kind, block_type) if is_same else None


def _data_order(pending: PendingResult) -> int:
    """Return the place of a block in its impulse: what data follows is judged first."""
    return order_of_data(pending.snapshot.kind)


def _unreadable(pending: PendingResult, failure: Failure) -> Unreadable:
    return Unreadable(
        target=pending.target,
        kind=pending.snapshot.kind,
        project=pending.project,
        failure=failure,
    )
