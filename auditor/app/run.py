"""Runs and what follows them: pages, deliveries, upkeep, heartbeat and metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from auditor import __version__, health
from auditor.app.build import (
    build_archive,
    build_client,
    build_mail_plan,
    build_mailer,
    build_plan,
    build_site,
    now,
    publish_pages,
)
from auditor.app.schedules import Schedule, find_next_run, find_schedules
from auditor.audit.close import close
from auditor.audit.plan import RunControl, Scope
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit, RunRequest
from auditor.config import Settings
from auditor.deliver import Delivery, deliver
from auditor.errors import DamagedDatabaseError, DeliveryUnderWayError, StoreError, UsageError
from auditor.health import Records
from auditor.model import Report
from auditor.outbox import Message, MessageState
from auditor.protocols import Mailer, RunStore, Store
from auditor.records import Pruned
from auditor.schedule import newest_due
from auditor.store.dry import DryStore
from auditor.upkeep import prune

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.heartbeat import Heartbeat
    from auditor.rendering.metrics import Measured

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredRun:
    """What became of a run: its report, its page, its messages.

    Attributes:
        page: the path of the report's page, None where it could not be written.
        delivery: None where no mail is configured.
    """

    report: Report
    page: str | None
    delivery: Delivery | None

    @property
    def is_delivered(self) -> bool:
        """Return whether the server took every message; without mail, the page was written."""
        return self.delivery.is_complete if self.delivery else self.page is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRun:
    """A run that is stored, with its page, and whose messages are queued.

    Attributes:
        heart: waits for the run's end; see `beat`.
        is_well: it was not stopped, and checked something.
    """

    report: Report
    page: str | None
    heart: Heartbeat
    is_well: bool

    def beat(self, *, is_delivered: bool) -> None:
        """Ping how the run ended; one that is not told yet is no success."""
        self.heart.end(describe_totals(self.report), is_well=self.is_well and is_delivered)


async def run_and_deliver(
    chosen: Settings, order: RunRequest, held: Store, *, watch: RunControl | None = None
) -> DeliveredRun:
    """Run, close, write the pages; then try every queued message, with no run's lock held.

    A run over all targets pings the heartbeat as it begins, and once it is told.

    Raises:
        RunUnderWayError: another run holds the database.
    """
    watch = watch or RunControl()
    closed = await run_and_close(chosen, order, held, watch=watch)
    async with _pinging_failure(closed.heart):
        delivery = await asyncio.to_thread(
            deliver_messages, chosen, held, patience=PATIENCE, stopping=watch.stopping
        )
        await asyncio.to_thread(write_metrics, chosen, held)
    told = DeliveredRun(report=closed.report, page=closed.page, delivery=delivery)
    await asyncio.to_thread(closed.beat, is_delivered=told.is_delivered)
    return told


async def run_and_close(
    chosen: Settings, order: RunRequest, held: Store, *, watch: RunControl
) -> ClosedRun:
    """Run, close and write the pages under the run's lock; the messages stay queued.

    The heartbeat waits for its end: `ClosedRun.beat`.

    Raises:
        RunUnderWayError: another run holds the database.
    """
    async with _in_thread(held.run_lock()):
        pulse = build_heartbeat(chosen, is_whole=not order.is_narrowed)
        pulse.start()
        async with _pinging_failure(pulse):
            watch = _limited(watch, chosen)
            asked = build_client(chosen, stopping=lambda: watch.halt() is not None)
            ended = await Audit(held, asked, now=now, watch=watch).run(order)
            page = await asyncio.to_thread(_close, chosen, ended, held, watch)
    is_well = has_worked(ended.report) and not watch.stopping()
    return ClosedRun(report=ended.report, page=page, heart=pulse, is_well=is_well)


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
    page = close(ended, held, archive=build_archive(chosen), mail=build_mail_plan(chosen), now=now)
    if not watch.stopping():
        prune_after_run(chosen, held)
    publish_pages(chosen, held, stopping=watch.stopping)
    return page


async def run_dry(
    chosen: Settings, order: RunRequest, held: RunStore | None, *, watch: RunControl | None = None
) -> Report:
    """Run without storing or sending anything; the report has no run id."""
    watch = _limited(watch or RunControl(), chosen)
    asked = build_client(chosen, stopping=lambda: watch.halt() is not None)
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


def build_request(chosen: Settings, scope: Scope | None = None) -> RunRequest:
    """Return the order for a manual run."""
    return RunRequest(
        plan=build_plan(chosen),
        scope=scope or Scope(),
        concurrency=chosen.studio.concurrency,
        next_run_at=find_next_run(chosen, now()),
        schedule_line="; ".join(schedule.label for schedule in find_schedules(chosen)),
        rules=chosen.rules,
        zone=chosen.schedule.timezone,
    )


def build_scheduled_request(chosen: Settings, schedule: Schedule) -> RunRequest:
    """Return the order for a run of a schedule, still without its slot."""
    return replace(
        build_request(chosen, schedule.scope),
        schedule=schedule.name,
        schedule_line=schedule.label,
        next_run_at=schedule.next_after(now()),
    )


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, on uvloop where it is there."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


PATIENCE = timedelta(seconds=30)  # of a run by hand, with a daemon that delivers meanwhile
_ASK_AGAIN_S = 0.5


def deliver_messages(
    chosen: Settings,
    held: Store,
    *,
    only_due: bool = False,
    patience: timedelta = timedelta(0),
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery | None:
    """Try the queued messages; None where no mail is configured.

    Where another process delivers, it is waited for with `patience`; what then still waits is
    left to it, and counts as waiting. With nothing to try, nobody is waited for.
    """
    to_server = build_mailer(chosen)
    if to_server is None:
        return None
    queued = held.queued_messages(due_by=now() if only_due else None)
    end = time.monotonic() + patience.total_seconds()
    while held.queued_messages(due_by=now() if only_due else None):
        try:
            return _delivered(held, to_server, only_due=only_due, stopping=stopping)
        except DeliveryUnderWayError as error:
            if stopping() or time.monotonic() >= end:
                logger.warning("messages left to another process: %s", error)
                break
            time.sleep(_ASK_AGAIN_S)
    return _by_another(held, queued)


def _delivered(
    held: Store, to_server: Mailer, *, only_due: bool, stopping: Callable[[], bool]
) -> Delivery:
    with held.outbox_lock():
        return deliver(held, to_server, now=now, only_due=only_due, stopping=stopping)


def _by_another(held: Store, queued: Sequence[Message]) -> Delivery:
    """Return what became of messages in the hands of another process."""
    unsettled = {one.id: one.state for one in held.messages()}
    states = [unsettled.get(one.id, MessageState.DELIVERED) for one in queued]
    return Delivery(
        delivered=states.count(MessageState.DELIVERED),
        waiting=states.count(MessageState.QUEUED),
        dead=states.count(MessageState.DEAD),
    )


def prune_history(chosen: Settings, held: Store, *, is_dry: bool) -> Pruned:
    """Drop what `[retention]` lets go and bring the pages up to date; the caller holds the lock.

    Raises:
        UsageError: the configuration keeps everything.
    """
    if chosen.retention is None:
        raise UsageError("everything is kept: add [retention] to the configuration to prune")
    if is_dry:
        return held.prune(chosen.retention, now=now(), is_dry=True)
    pruned = prune(held, build_site(chosen), chosen.retention, now=now())
    publish_pages(chosen, held)
    return pruned


def prune_after_run(chosen: Settings, held: Store) -> None:
    """Drop what `[retention]` lets go, where it is there; what goes wrong keeps nothing back.

    Raises:
        DamagedDatabaseError: going on would spread the damage.
    """
    if chosen.retention is None:
        return
    try:
        pruned = prune(held, build_site(chosen), chosen.retention, now=now())
    except DamagedDatabaseError:
        raise
    except OSError as error:
        logger.error("pages not pruned: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("history not pruned")
    else:
        if not pruned.is_nothing:
            counted = {"versions": pruned.versions, "runs": len(pruned.runs)}
            logger.info("history pruned", extra=counted)


_FOR_ALL = 0o644  # the collector runs as another user


def build_heartbeat(chosen: Settings, *, is_whole: bool = True) -> Heartbeat:
    """Return what pings around a run; silent for one that leaves targets out."""
    from auditor.heartbeat import Heartbeat  # noqa: PLC0415 - TLS takes its time

    return Heartbeat(chosen.heartbeat.url if is_whole else None)


def find_complaints(
    chosen: Settings, held: Records, *, unknown_for: timedelta, overdue_by: timedelta
) -> tuple[str, ...]:
    """Return what is not well with the auditor, a sentence each."""
    at = now()
    slots = [
        (one, newest_due(one.cron, one.zone, at - overdue_by)) for one in find_schedules(chosen)
    ]
    dues = [health.Due(one.name, one.line, slot) for one, slot in slots if slot]
    return health.complaints(health.signs(held, dues), unknown_for=unknown_for, now=at)


def ping_late_success(chosen: Settings, report: Report) -> None:
    """Ping success for a run whose last message was taken only now."""
    if has_worked(report):
        build_heartbeat(chosen).end(f"{describe_totals(report)}, told late", is_well=True)


def write_metrics(chosen: Settings, held: Records) -> None:
    """Write the file of metrics where one is wanted; what goes wrong is logged, no more."""
    if chosen.metrics.textfile is None:
        return
    from auditor.rendering.archive import replace_file  # noqa: PLC0415
    from auditor.rendering.metrics import metrics_text  # noqa: PLC0415

    try:
        text = metrics_text(_measured(held))
        replace_file(chosen.metrics.textfile, text.encode(), mode=_FOR_ALL)
    except (OSError, StoreError) as error:
        logger.error("metrics not written: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("metrics not written")


def _measured(held: Records) -> Measured:
    from auditor.rendering.metrics import Measured  # noqa: PLC0415

    runs = held.all_runs()
    last = health.newest_whole(held, runs, health.CLOSED)
    briefs = held.brief_reports([last.id]) if last is not None and last.id is not None else ()
    return Measured(
        version=__version__,
        last=briefs[0] if briefs else None,
        success=health.newest_whole(held, runs, health.WORKED),
        statuses=held.statuses(),
        messages=held.messages(),
    )


def describe_totals(report: Report) -> str:
    """Return a run in numbers: no names, since the server of a heartbeat is a stranger."""
    run, totals = report.run, report.totals
    return (
        f"run {run.id} {run.status}: {totals.checked} of {totals.targets} blocks checked, "
        f"{totals.drifted} drifted, {totals.findings} findings"
    )


def has_worked(report: Report) -> bool:
    """Return whether a run came to something: what it could not check is told by its report."""
    return report.run.status in health.WORKED
