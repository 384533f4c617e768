"""Runs: what is ordered, and what becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.app.asking import plan, studio
from auditor.app.clock import now
from auditor.app.keeping import prune_after_run
from auditor.app.posting import PATIENCE, deliver_all
from auditor.app.schedules import Schedule, next_run_at, schedules
from auditor.app.telling import archive, mail_plan, publish
from auditor.app.vitals import did_its_work, heart, measure, totals_line
from auditor.audit.close import close
from auditor.audit.plan import RunControl, Scope
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit, RunRequest
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.model import Report
from auditor.protocols import RunStore, Store
from auditor.store.dry import DryStore

if TYPE_CHECKING:  # TLS takes its time
    from auditor.heartbeat import Heartbeat

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a run: its report, its page, its messages.

    Attributes:
        page: the path of the report's page, None where it could not be written.
        delivery: None where no mail is configured.
    """

    report: Report
    page: str | None
    delivery: Delivery | None

    @property
    def is_told(self) -> bool:
        """Return whether the server took every message; without mail, the page was written."""
        return self.delivery.is_complete if self.delivery else self.page is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A run that is stored, with its page, and whose messages are queued.

    Attributes:
        heart: waits for the run's end; see `beat`.
        is_well: it was not stopped, and checked something.
    """

    report: Report
    page: str | None
    heart: Heartbeat
    is_well: bool

    def beat(self, *, is_told: bool) -> None:
        """Ping how the run ended; one that is not told yet is no success."""
        self.heart.end(totals_line(self.report), is_well=self.is_well and is_told)


async def run_and_tell(
    chosen: Settings, order: RunRequest, held: Store, *, watch: RunControl | None = None
) -> Told:
    """Run, close, write the pages; then try every queued message, with no run's lock held.

    A run over all targets pings the heartbeat as it begins, and once it is told.

    Raises:
        RunUnderWayError: another run holds the database.
    """
    watch = watch or RunControl()
    closed = await run_and_close(chosen, order, held, watch=watch)
    async with _pinging_failure(closed.heart):
        delivery = await asyncio.to_thread(
            deliver_all, chosen, held, patience=PATIENCE, stopping=watch.stopping
        )
        await asyncio.to_thread(measure, chosen, held)
    told = Told(report=closed.report, page=closed.page, delivery=delivery)
    await asyncio.to_thread(closed.beat, is_told=told.is_told)
    return told


async def run_and_close(
    chosen: Settings, order: RunRequest, held: Store, *, watch: RunControl
) -> Closed:
    """Run, close and write the pages under the run's lock; the messages stay queued.

    The heartbeat waits for its end: `Closed.beat`.

    Raises:
        RunUnderWayError: another run holds the database.
    """
    async with _in_thread(held.run_lock()):
        pulse = heart(chosen, is_whole=not order.is_narrowed)
        pulse.start()
        async with _pinging_failure(pulse):
            watch = _limited(watch, chosen)
            asked = studio(chosen, stopping=lambda: watch.halt() is not None)
            ended = await Audit(held, asked, now=now, watch=watch).run(order)
            page = await asyncio.to_thread(_close, chosen, ended, held, watch)
    is_well = did_its_work(ended.report) and not watch.stopping()
    return Closed(report=ended.report, page=page, heart=pulse, is_well=is_well)


@asynccontextmanager
async def _pinging_failure(pulse: Heartbeat) -> AsyncIterator[None]:
    """Ping that the run failed where it breaks."""
    try:
        yield
    except BaseException as error:
        words = f"run failed: {type(error).__name__}"
        await asyncio.to_thread(pulse.end, words, is_well=False)
        raise


def _close(chosen: Settings, ended: CompletedRun, held: Store, watch: RunControl) -> str | None:
    page = close(ended, held, archive=archive(chosen), mail=mail_plan(chosen), now=now)
    if not watch.stopping():
        prune_after_run(chosen, held)
    publish(chosen, held, stopping=watch.stopping)
    return page


async def run_dry(
    chosen: Settings, order: RunRequest, held: RunStore | None, *, watch: RunControl | None = None
) -> Report:
    """Run without storing or sending anything; the report has no run id."""
    watch = _limited(watch or RunControl(), chosen)
    asked = studio(chosen, stopping=lambda: watch.halt() is not None)
    ended = await Audit(DryStore(held), asked, now=now, watch=watch).run(order)
    return replace(ended.report, run=replace(ended.report.run, id=None))


def _limited(watch: RunControl, chosen: Settings) -> RunControl:
    """Return the watch, from now on as long as a run may take; no clock's jump shortens that."""
    end = time.monotonic() + chosen.schedule.limit.total_seconds()
    return replace(watch, is_late=lambda: time.monotonic() >= end)


@asynccontextmanager
async def _in_thread(manager: AbstractContextManager[object]) -> AsyncIterator[None]:
    """Enter and leave in a thread: a server that gives no answer must not stop the loop."""
    await asyncio.to_thread(manager.__enter__)
    try:
        yield
    finally:  # what was raised is raised anyway: the lock's own end asks nothing of it
        await asyncio.to_thread(manager.__exit__, None, None, None)


def order(chosen: Settings, scope: Scope | None = None) -> RunRequest:
    """Return the order for a manual run."""
    return RunRequest(
        plan=plan(chosen),
        scope=scope or Scope(),
        concurrency=chosen.studio.concurrency,
        next_run_at=next_run_at(chosen, now()),
        schedule_line="; ".join(schedule.label for schedule in schedules(chosen)),
        rules=chosen.rules,
        zone=chosen.schedule.timezone,
    )


def scheduled_order(chosen: Settings, schedule: Schedule) -> RunRequest:
    """Return the order for a run of a schedule, still without its slot."""
    return replace(
        order(chosen, schedule.scope),
        schedule=schedule.name,
        schedule_line=schedule.label,
        next_run_at=schedule.next_after(now()),
    )


def quickly(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, on uvloop where it is there."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
