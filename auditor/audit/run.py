"""One run over all targets: fetch, judge, store in batches; closing it is `closing`'s.

No network inside a transaction: answers are fetched by coroutines, judged and stored by the one
thread that owns the database. What only the whole run can judge (is a change the vendor's?) is
stored at its end; a crash before then finds it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import TypeAlias, TypeVar

from auditor.audit.close import SHOWN, with_nights
from auditor.audit.fetch import DEFECT, ask
from auditor.audit.judge import Judge, Look, RunContext
from auditor.audit.notices import (
    Missed,
    aftermath,
    note_of_crash,
    note_of_missed,
    notice_of_return,
    notices_of_leavers,
    remember_rules,
    require_admissible,
    still_broken,
)
from auditor.audit.plan import Plan, RunControl, Scope
from auditor.audit.results import CompletedRun, Results, told_unread
from auditor.audit.targets import (
    Inventory,
    InventorySources,
    KnownProjects,
    take_inventory,
    with_replacement,
)
from auditor.drift.policy import apply_rules_to_vendor, is_ignored
from auditor.drift.rules import Rules
from auditor.errors import AuditorError
from auditor.model import (
    Failure,
    Notice,
    Report,
    RunInfo,
    RunStatus,
    TargetId,
    Trigger,
    VendorFinding,
)
from auditor.protocols import Answer, FetchFailure, RunStore, Studio, UnchangedAnswer
from auditor.records import (
    KnownTarget,
    RunConclusions,
    TargetResult,
    Unreadable,
    UnreportedFinding,
)

BATCH = 200  # targets a transaction

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run: the plan, narrowed by a scope, and what started it.

    `schedule` and `slot` are those of a scheduled run, empty for a manual one; `schedule_line`
    and `next_run_at` are what its report says of the schedule. `missed` are the slots before this
    run that had none, up to its own where that was missed too. `rules` are the operator's; their
    days are days in `zone`, the schedule's.
    """

    plan: Plan
    scope: Scope = field(default_factory=Scope)
    trigger: Trigger = Trigger.MANUAL
    schedule: str = ""
    slot: str = ""
    missed: Missed | None = None
    concurrency: int = 8
    schedule_line: str = ""
    next_run_at: datetime | None = None
    rules: Rules = field(default_factory=Rules)
    zone: tzinfo = UTC

    @property
    def is_narrowed(self) -> bool:
        """Return whether somebody left targets out by hand, and not the schedule."""
        return not self.scope.is_whole and not self.schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop:
    target: TargetId
    project: str
    known: KnownTarget | None


_Queue: TypeAlias = "asyncio.Queue[_Stop | None]"


class Audit:
    """One run. `now` is asked at its start, at each batch and at its end."""

    def __init__(
        self,
        store: RunStore,
        studio: AbstractAsyncContextManager[Studio],
        *,
        now: Callable[[], datetime],
        watch: RunControl | None = None,
    ) -> None:
        self._store = store
        self._studio = studio
        self._now = now
        self._watch = watch or RunControl()
        self._tally = Results()
        self._batch: list[TargetResult] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, order: RunRequest) -> CompletedRun:
        """Ask for all targets in scope and store what was seen.

        Raises:
            UsageError: the scope names what the configuration does not audit.
            AlreadyRunError: the slot of the schedule has its run.
            StoreError: the database failed; the run stays open and is abandoned by the next.
        """
        try:
            return await self._run(order)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            self._thread.shutdown()

    async def _run(self, order: RunRequest) -> CompletedRun:
        started_at = self._now()
        bench = _bench(order, started_at, self._now)
        await self._in_store(self._prepare, bench, started_at)
        async with self._studio as studio:
            inventory = await take_inventory(order.plan, order.scope, self._sources(studio))
            run = await self._in_store(self._opened, order, started_at)
            if inventory.found is not None:
                await self._in_store(self._store.remember_found_projects, inventory.found)
            judge = await self._in_store(Judge, self._store, bench)
            await self._ask_all(run, inventory, studio, judge, order.concurrency)
        # Late, so that what is gone is news again where a crash keeps this run from telling it.
        await self._settle(run, inventory)
        settled, shared = await self._in_store(self._tally.settle, judge)
        await self._save(run, [look.outcome for look in settled], shared)
        if order.scope.is_whole and run.id is not None:
            await self._in_store(self._retire_others, run.id, order.scope)
        return await self._in_store(self._ended, run, order, bench, shared)

    def _prepare(self, bench: RunContext, started_at: datetime) -> None:
        self._store.abandon_open_runs(started_at)
        require_admissible(bench.rules, self._store, today=bench.today)
        remember_rules(bench.rules, self._store, today=bench.today, at=started_at)

    def _opened(self, order: RunRequest, started_at: datetime) -> RunInfo:
        run_id = self._store.open_run(
            order.trigger, started_at=started_at, schedule=order.schedule, slot=order.slot
        )
        logger.info("run started", extra={"run": run_id, "trigger": str(order.trigger)})
        return RunInfo(
            id=run_id, status=RunStatus.RUNNING, trigger=order.trigger, started_at=started_at
        )

    def _retire_others(self, run_id: int, scope: Scope) -> None:
        self._store.retire_others(run_id, only=scope.only, elsewhere=scope.elsewhere)

    def _sources(self, studio: Studio) -> InventorySources:
        store = self._store
        known = KnownProjects(
            targets_of=partial(self._in_store, store.known_project_targets),
            audited=partial(self._in_store, store.audited_projects),
            found=partial(self._in_store, store.found_projects),
        )
        return InventorySources(studio=studio, known=known, halt=self._watch.halt)

    async def _settle(self, run: RunInfo, inventory: Inventory) -> None:
        """Keep what needs no asking: what is gone, unserved or in a project that is not listed."""
        for error in inventory.errors:
            self._tally.add_error(error)
        self._tally.notices.extend(inventory.notices)
        for start in range(0, len(inventory.settled), BATCH):
            part = inventory.settled[start : start + BATCH]
            known = await self._in_store(self._store.known_targets, [one.target for one in part])
            outcomes = [with_replacement(one, known.get(one.target)) for one in part]
            for outcome in outcomes:
                self._tally.add_unread(outcome, known.get(outcome.target))
            await self._save(run, outcomes)

    async def _ask_all(
        self, run: RunInfo, inventory: Inventory, studio: Studio, judge: Judge, concurrency: int
    ) -> None:
        """Ask with as many workers as may ask at once; a feeder keeps them supplied."""
        self._watch.planned(len(inventory.targets))
        queue: _Queue = asyncio.Queue(maxsize=2 * BATCH)
        workers = min(concurrency, len(inventory.targets))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(queue, inventory.targets, workers))
            for _ in range(workers):
                group.create_task(self._work(queue, run, studio, judge))
        await self._save(run, self._take_batch())

    async def _feed(
        self, queue: _Queue, targets: Sequence[tuple[TargetId, str]], workers: int
    ) -> None:
        for start in range(0, len(targets), BATCH):
            part = targets[start : start + BATCH]
            known = await self._in_store(self._store.known_targets, [target for target, _ in part])
            for target, project in part:
                before = known.get(target)
                name = project or (before.project if before else "")
                await queue.put(_Stop(target=target, project=name, known=before))
        for _ in range(workers):
            await queue.put(None)

    async def _work(self, queue: _Queue, run: RunInfo, studio: Studio, judge: Judge) -> None:
        while (stop := await queue.get()) is not None:
            try:
                await self._ask(stop, studio, judge)
            except AuditorError:
                raise  # of the store: it concerns every target
            except Exception:
                logger.exception("block not judged", extra={"target": str(stop.target)})
                self._keep_unread(stop, DEFECT)
            self._watch.checked(1)
            if len(self._batch) >= BATCH:
                await self._save(run, self._take_batch())

    async def _ask(self, stop: _Stop, studio: Studio, judge: Judge) -> None:
        if (halted := self._watch.halt()) is not None:
            self._keep_unread(stop, halted)
            return
        fetched = await ask(
            stop.target,
            stop.known,
            studio=studio,
            snapshot_of=partial(self._in_store, self._store.snapshot),
            today=judge.today,
        )
        self._tally.add_fetched(fetched)
        match fetched:
            case FetchFailure(failure=failure, whole_project=whole_project):
                if whole_project:
                    self._tally.add_failure(stop.target.project_id, failure)
                self._keep_unread(stop, failure)
            case Answer() as answer:
                look = await self._in_store(
                    judge.answer, stop.target, stop.known, answer, stop.project
                )
                self._keep(look, stop.known)
            case UnchangedAnswer(validator=validator) if stop.known is not None:
                marks = (stop.known, stop.project, validator)
                if judge.needs_store(stop.known):
                    look = await self._in_store(judge.same_body, *marks)
                else:
                    look = judge.same_body(*marks)
                self._keep(look, stop.known)
            case UnchangedAnswer():
                raise AssertionError("an answer cannot equal one that was never seen")

    def _keep(self, look: Look, known: KnownTarget | None) -> None:
        if (back := notice_of_return(known)) is not None:
            self._tally.notices.append(back)
        if look.shareable:
            self._tally.held.append(look)
            return
        self._tally.add(look)
        self._batch.append(look.outcome)

    def _keep_unread(self, stop: _Stop, failure: Failure) -> None:
        outcome = Unreadable(target=stop.target, project=stop.project, failure=failure)
        self._tally.told[stop.target] = told_unread(outcome, stop.known)
        self._batch.append(outcome)

    def _take_batch(self) -> list[TargetResult]:
        batch, self._batch = self._batch, []
        return batch

    async def _save(
        self, run: RunInfo, outcomes: Sequence[TargetResult], shared: Sequence[VendorFinding] = ()
    ) -> None:
        if outcomes and run.id is not None:
            run_id, at = run.id, self._now()
            vendor = (*self._tally.take_unsaved(), *shared)
            await self._in_store(lambda: self._store.save(run_id, outcomes, at=at, vendor=vendor))

    def _ended(
        self,
        run: RunInfo,
        order: RunRequest,
        bench: RunContext,
        shared: tuple[VendorFinding, ...],
    ) -> CompletedRun:
        run_id = run.id or 0
        carried = self._carried(run_id, bench)
        vendor, hidden = apply_rules_to_vendor(
            [*self._tally.of_vendor(), *shared], bench.rules, today=bench.today
        )
        self._tally.suppressed.update(one.rule for one in hidden)
        report = self._tally.report(run, finished_at=self._now(), vendor=vendor, carried=carried)
        after = aftermath(self._tally, bench, self._store, scope=order.scope)
        left = [one for one in carried if self._has_left(one, order.scope)]
        after = replace(after, notices=(*after.notices, *notices_of_leavers(left)))
        completed = self._completed(report, order, after)
        return CompletedRun(
            report=self._with_nights(completed),
            carried=(*(one for one in carried if self._tally.tells(one)), *left),
            aftermath=replace(after, suppressed_vendor=hidden),
        )

    def _has_left(self, one: UnreportedFinding, scope: Scope) -> bool:
        """Return whether nobody was told of a block's finding, and no later report can hold it."""
        return one.target is not None and not self._tally.tells(one) and scope.settles(one.target)

    def _carried(self, run_id: int, bench: RunContext) -> tuple[UnreportedFinding, ...]:
        """Return what nobody was told, as tonight's rules have it."""
        unreported = self._store.unreported_findings(run_id)
        return tuple(one for one in unreported if not self._is_ignored(one, bench))

    @staticmethod
    def _is_ignored(one: UnreportedFinding, bench: RunContext) -> bool:
        """Return whether a change of the vendor's is ignored; a target's own was judged before."""
        found = one.finding
        return isinstance(found, VendorFinding) and is_ignored(
            found.path, found.area, bench.rules, target=None, today=bench.today
        )

    def _completed(self, report: Report, order: RunRequest, after: RunConclusions) -> Report:
        """Return the report with what stands around the targets."""
        run_id = report.run.id or 0
        previous = self._store.previous_run_id(run_id)
        notices = [*after.notices, *self._store.unreported_notices(run_id)]
        return replace(
            report,
            head_hash=self._store.head(run_id),
            previous_run_id=previous,
            schedule=order.schedule_line,
            next_run_at=order.next_run_at,
            notes=(*self._notes(order, previous), *self._tally.news_of_api()),
            notices=tuple(sorted(notices, key=_notice_order)),
            broken_rules=still_broken(after, self._store),
            is_whole=not order.is_narrowed,
        )

    def _with_nights(self, report: Report) -> Report:
        if not report.totals.drifted:
            return report
        return with_nights(report, self._store.run_summaries(SHOWN - 1))

    def _notes(self, order: RunRequest, previous: int | None) -> tuple[str, ...]:
        before = self._store.run_info(previous) if previous is not None else None
        notes = []
        if before is not None and before.status is RunStatus.ABANDONED:
            notes.append(note_of_crash(before.id or 0, is_whole=order.scope.is_all))
        if order.missed is not None:
            takes_place = order.trigger is Trigger.CATCH_UP
            notes.append(note_of_missed(order.missed, takes_place=takes_place))
        return tuple(notes)

    async def _in_store(self, work: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)


def _notice_order(one: Notice) -> tuple[int, TargetId, str]:
    return -one.severity.rank, one.target or TargetId(0, 0), one.text


def _bench(order: RunRequest, started_at: datetime, now: Callable[[], datetime]) -> RunContext:
    return RunContext(now=now, today=started_at.astimezone(order.zone).date(), rules=order.rules)
