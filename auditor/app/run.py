"""Runs and what follows them: pages, deliveries, upkeep, heartbeat and metrics."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from auditor import __version__, config, health
from auditor.app.build import (
    build_archive,
    build_client,
    build_delivery_plan,
    build_plan,
    build_site,
    claim_reports_folder,
    now,
    publish_pages,
)
from auditor.app.claim import claim_database, require_own_database
from auditor.app.deliveries import deliver_messages, drop_unwanted_messages
from auditor.app.schedules import Schedule, find_next_run, find_schedules
from auditor.app.workers import build_shared_studio, count_at_once
from auditor.audit.close import close_run, leave_to_next_message
from auditor.audit.plan import RunControl, RunRequest, Scope
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.drift.report import read_too_little
from auditor.errors import DamagedDatabaseError, StoreError, UsageError
from auditor.fetching import Studio
from auditor.health import HealthStore
from auditor.locks import SignStore
from auditor.model import RunInfo, RunStatus, Starter
from auditor.protocols import RunStore, Store
from auditor.records import Presence, Pruned, SignKind, SignOfLife, SlotRelease
from auditor.report import Report
from auditor.schedule import newest_due
from auditor.store.dry import DryStore
from auditor.upkeep import prune

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.heartbeat import Heartbeat

PATIENCE = timedelta(seconds=30)  # of a manual run while a daemon delivers
_DESCRIPTORS_OF_A_LOOP = 16
_REPORTED_TRY = 2  # of the runs of a slot that read too little
_READABLE_BY_ALL = 0o644  # the collector of metrics runs as another user

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredRun:
    """A run with its page, after the first attempt to deliver its messages.

    Attributes:
        page: the path of the report's page, None if it could not be written.
        delivery: None where reports are sent to nobody.
    """

    report: Report
    page: str | None
    delivery: Delivery | None

    @property
    def is_delivered(self) -> bool:
        """Return whether every message was taken; where none is sent: the page was written."""
        return self.delivery.is_complete if self.delivery else self.page is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRun:
    """A stored run with its page, whose messages are queued.

    Attributes:
        heartbeat: to be ended by `end_heartbeat`.
        is_well: whether the run was not stopped and checked something.
        is_withheld: whether it is reported to nobody, as another try follows.
    """

    report: Report
    page: str | None
    heartbeat: Heartbeat
    is_well: bool
    is_withheld: bool = False

    def end_heartbeat(self, *, is_delivered: bool) -> None:
        """Ping how the run ended; a run that is not delivered yet is no success."""
        self.heartbeat.end(_totals(self.report), is_well=self.is_well and is_delivered)


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, on uvloop where that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.run(work)
    try:
        _require_descriptors()
    except OSError:
        work.close()
        raise
    return uvloop.run(work)


def _require_descriptors() -> None:
    """Raise OSError unless an event loop can be made: without descriptors uvloop aborts."""
    with ExitStack() as opened:
        for _ in range(_DESCRIPTORS_OF_A_LOOP):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def build_request(
    settings: Settings, scope: Scope | None = None, *, starter: Starter = Starter.NOBODY
) -> RunRequest:
    """Return the request for a manual run; `starter` is what starts the next one."""
    return RunRequest(
        plan=build_plan(settings),
        scope=scope or Scope(),
        concurrency=settings.studio.concurrency,
        starter=starter,
        next_run_at=find_next_run(settings, now()) if starter is Starter.SERVICE else None,
        schedule_line="; ".join(schedule.label for schedule in find_schedules(settings)),
        rules=settings.rules,
        siblings=settings.siblings,
        context=settings.context.scope,
        scopes=tuple(config.scopes(settings)),
        zone=settings.schedule.timezone,
        reader_zone=settings.reader_zone,
    )


def build_scheduled_request(settings: Settings, schedule: Schedule) -> RunRequest:
    """Return the request for a run of a schedule, still without its slot."""
    return replace(
        build_request(settings, schedule.scope, starter=Starter.SERVICE),
        schedule=schedule.name,
        schedule_line=schedule.label,
        next_run_at=schedule.next_after(now()),
    )


async def run_and_deliver(
    settings: Settings,
    request: RunRequest,
    store: Store,
    *,
    control: RunControl | None = None,
    sends: bool = True,
) -> DeliveredRun:
    """Run, close and write the pages; then, without the run's lock, try every queued message.

    A run over all targets pings the heartbeat at its start and after the delivery. Unless it
    `sends`, it is reported to nobody and pings nothing: the next report has what it found.

    Raises:
        RunUnderWayError: another run is under way on the database.
    """
    control = control or RunControl()
    closed = await run_and_close(settings, request, store, control=control, sends=sends)
    if not sends:
        await asyncio.to_thread(write_metrics, settings, store)
        return DeliveredRun(report=closed.report, page=closed.page, delivery=None)
    async with _pinging_failure(closed.heartbeat):
        delivery = await asyncio.to_thread(
            deliver_messages, settings, store, patience=PATIENCE, stopping=control.stopping
        )
        await asyncio.to_thread(write_metrics, settings, store)
    delivered = DeliveredRun(report=closed.report, page=closed.page, delivery=delivery)
    await asyncio.to_thread(closed.end_heartbeat, is_delivered=delivered.is_delivered)
    return delivered


async def run_and_close(
    settings: Settings,
    request: RunRequest,
    store: Store,
    *,
    control: RunControl,
    sends: bool = True,
) -> ClosedRun:
    """Run, close and write the pages under the run's lock; the messages stay queued.

    The caller ends the heartbeat: `ClosedRun.end_heartbeat`.

    Raises:
        RunUnderWayError: another run is under way on the database.
        UnfitDatabaseError: the database is another configuration's.
    """
    async with _in_thread(store.run_lock()):
        await asyncio.to_thread(claim_database, settings, store)
        heartbeat = _heartbeat(settings, is_whole=sends and not request.is_narrowed)
        heartbeat.start()
        async with _pinging_failure(heartbeat):
            await asyncio.to_thread(drop_unwanted_messages, settings, store)
            plan = build_delivery_plan(settings)
            request = replace(request, is_for_digests=plan is not None and plan.is_for_digests)
            completed = await _audit(settings, request, store, control)
            completed, is_withheld = await asyncio.to_thread(
                _plan_next_try, completed, request, store
            )
            report, page = await asyncio.to_thread(
                _close, settings, completed, store, control, is_withheld=is_withheld or not sends
            )
    is_well = _has_worked(report) and not control.stopping()
    return ClosedRun(
        report=report,
        page=page,
        heartbeat=heartbeat,
        is_well=is_well,
        is_withheld=is_withheld,
    )


def _plan_next_try(
    completed: CompletedRun, request: RunRequest, store: Store
) -> tuple[CompletedRun, bool]:
    """Leave the slot of a run that read too little due; return whether the run is withheld.

    The second such run of a slot is reported. Of the first nobody needs to know if the second
    succeeds, and the others are no news.
    """
    report, tries = completed.report, len(request.earlier_tries) + 1
    if report.run.id is None or not read_too_little(report):
        return completed, False
    next_try = request.next_try(now())
    if next_try is None:
        return completed, tries > _REPORTED_TRY
    # Before the run is closed: whatever happens in between, the slot is not lost.
    store.release_slot(report.run.id, why=SlotRelease.READ_TOO_LITTLE)
    logger.warning(
        "less than half was read, the run is tried again",
        extra={"run": report.run.id, "at": f"{next_try:%Y-%m-%dT%H:%MZ}"},
    )
    return replace(completed, report=replace(report, next_run_at=next_try)), tries != _REPORTED_TRY


async def run_dry(
    settings: Settings,
    request: RunRequest,
    store: RunStore | None,
    *,
    control: RunControl | None = None,
) -> Report:
    """Run without storing or sending anything; the report has no run id."""
    siblings = {target for group in settings.siblings for target in group}
    dry = DryStore(store, siblings)
    control = control or RunControl()
    completed = await _audit(settings, request, dry, control, is_stored=False)
    return replace(completed.report, run=replace(completed.report.run, id=None))


@asynccontextmanager
async def _pinging_failure(heartbeat: Heartbeat) -> AsyncIterator[None]:
    """Ping that the run failed if the body raises."""
    try:
        yield
    except BaseException as error:
        words = f"run failed: {type(error).__name__}"
        await asyncio.to_thread(heartbeat.end, words, is_well=False)
        raise


async def _audit(
    settings: Settings,
    request: RunRequest,
    store: RunStore,
    control: RunControl,
    *,
    is_stored: bool = True,
) -> CompletedRun:
    """Audit until every target is checked or the time limit of a run is reached.

    Only a run that is stored shares its requests with workers.
    """
    # Measurements by a clock that nobody sets: a jump of the time of day must not end a run.
    end = time.monotonic() + settings.schedule.limit.total_seconds()
    limited = replace(control, is_late=lambda: time.monotonic() >= end)
    studio: AbstractAsyncContextManager[Studio]
    if is_stored and settings.workers.enabled:
        studio = build_shared_studio(settings, halt=limited.halt)
        request = replace(request, concurrency=count_at_once(settings))
    else:
        studio = build_client(settings, stopping=lambda: limited.halt() is not None)
    return await Audit(store, studio, now=control.clock or now, control=limited).run(request)


def _close(
    settings: Settings,
    completed: CompletedRun,
    store: Store,
    control: RunControl,
    *,
    is_withheld: bool,
) -> tuple[Report, str | None]:
    """Close the run and write the pages; return the report as it was stored, and its page."""
    archive, plan = build_archive(settings, store), build_delivery_plan(settings)
    completed = leave_to_next_message(completed, plan)
    page = close_run(
        completed,
        store,
        archive=archive,
        plan=plan,
        now=control.clock or now,
        is_withheld=is_withheld,
    )
    if not control.stopping():
        _prune_after_run(settings, store)
    publish_pages(settings, store, stopping=control.stopping)
    return completed.report, page


@asynccontextmanager
async def _in_thread(manager: AbstractContextManager[object]) -> AsyncIterator[None]:
    """Enter and leave in a thread: a server that does not answer must not stop the loop."""
    await asyncio.to_thread(manager.__enter__)
    try:
        yield
    finally:  # the error is not handed to the lock, which ends in the same way with and without
        await asyncio.to_thread(manager.__exit__, None, None, None)


def prune_history(settings: Settings, store: Store, *, is_dry: bool) -> Pruned:
    """Prune by `[retention]` and bring the pages up to date; the caller holds the run's lock.

    Raises:
        UsageError: the configuration has no `[retention]`, or the clock seems to be ahead.
        UnfitDatabaseError: the database is another configuration's.
    """
    if settings.retention is None:
        raise UsageError("everything is kept: add [retention] to the configuration to prune")
    if is_dry:
        return store.prune(settings.retention, now=now(), is_dry=True)
    require_own_database(settings, store)
    claim_reports_folder(settings, store)
    pruned = prune(store, build_site(settings), settings.retention, now=now())
    publish_pages(settings, store)
    return pruned


def _prune_after_run(settings: Settings, store: Store) -> None:
    """Prune by `[retention]`, if configured; a failure is logged and not raised.

    Raises:
        DamagedDatabaseError: to continue would spread the damage.
    """
    if settings.retention is None:
        return
    try:
        claim_reports_folder(settings, store)
        pruned = prune(store, build_site(settings), settings.retention, now=now())
    except DamagedDatabaseError:
        raise
    except UsageError as error:
        logger.warning("%s", error)
    except OSError as error:
        logger.error("pages not pruned: %s", error)  # noqa: TRY400 - the message says it all
    except Exception:
        logger.exception("history not pruned")
    else:
        if not pruned.is_nothing:
            counts = {"versions": pruned.versions, "runs": len(pruned.runs)}
            logger.info("history pruned", extra=counts)


def find_presence(store: SignStore) -> Presence:
    """Return who starts the next run and who tries messages again."""
    return health.find_presence(store, now=now())


def sign(store: SignStore, kind: SignKind, *, is_over: bool = False) -> None:
    """Leave a sign of life; a failure is logged and not raised."""
    try:
        store.record_sign(SignOfLife(kind=kind, seen_at=now(), is_over=is_over))
    except DamagedDatabaseError:
        raise
    except StoreError as error:
        logger.warning("no sign of life left: %s", error)


def find_last_run(store: Store) -> RunInfo | None:
    """Return the newest run; one that is open although no process makes it is abandoned."""
    last = store.last_run()
    if last is None or last.status is not RunStatus.RUNNING:
        return last
    # Another process makes it, or whether one does cannot be found out.
    with suppress(StoreError), store.run_lock():
        last = store.last_run() or last
        if last.status is RunStatus.RUNNING:
            return replace(last, status=RunStatus.ABANDONED)
    return last


def ping_late_success(settings: Settings, report: Report) -> None:
    """Ping success for a run whose last message was delivered only now."""
    if _has_worked(report):
        _heartbeat(settings).end(f"{_totals(report)}, delivered late", is_well=True)


def find_complaints(
    settings: Settings, records: HealthStore, *, unknown_for: timedelta, overdue_by: timedelta
) -> tuple[str, ...]:
    """Return what is wrong with the auditor itself, a sentence each."""
    at = now()
    slots = [
        (schedule, newest_due(schedule.cron, schedule.zone, at - overdue_by))
        for schedule in find_schedules(settings)
    ]
    dues = [health.Due(schedule.name, schedule.line, slot) for schedule, slot in slots if slot]
    return health.list_complaints(
        health.read_signs(records, dues, now=at, zone=settings.reader_zone),
        unknown_for=unknown_for,
        now=at,
    )


def write_metrics(settings: Settings, records: HealthStore) -> None:
    """Write the metrics file, if configured; a failure is logged and not raised."""
    if settings.metrics.textfile is None:
        return
    from auditor.files import replace_file  # noqa: PLC0415
    from auditor.rendering.metrics import Measurements, render_metrics  # noqa: PLC0415

    try:
        runs = records.all_runs()
        last = health.find_newest_whole(records, runs, health.CLOSED)
        briefs = (
            records.brief_reports([last.id]) if last is not None and last.id is not None else ()
        )
        measured = Measurements(
            version=__version__,
            last=briefs[0] if briefs else None,
            success=health.find_newest_whole(records, runs, health.WORKED),
            states=records.count_states(),
            messages=records.count_messages(),
            open_conditions=records.open_conditions(),
        )
        text = render_metrics(measured)
        replace_file(settings.metrics.textfile, text.encode(), mode=_READABLE_BY_ALL)
    except (OSError, StoreError) as error:
        logger.error("metrics not written: %s", error)  # noqa: TRY400 - the message says it all
    except Exception:
        logger.exception("metrics not written")


def _heartbeat(settings: Settings, *, is_whole: bool = True) -> Heartbeat:
    """Return the heartbeat of a run, which is silent for a run that leaves targets out."""
    from auditor.heartbeat import Heartbeat  # noqa: PLC0415 - TLS takes its time

    return Heartbeat(settings.heartbeat.url if is_whole else None)


def _totals(report: Report) -> str:
    """Return a run in numbers, without names: the server of a heartbeat is a third party."""
    run, totals = report.run, report.totals
    return (
        f"run {run.id} {run.status}: {totals.checked} of {totals.targets} blocks checked, "
        f"{totals.drifted} drifted, {totals.findings} findings"
    )


def _has_worked(report: Report) -> bool:
    """Return whether a run checked something; its report names what it could not check."""
    return report.run.status in health.WORKED
