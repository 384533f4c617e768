"""The loop of the service.

APScheduler only wakes it; whether a night happened is asked of the ledger in the database. So a
night missed while down runs at start, and one that summer time names twice runs once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from auditor import app
from auditor.audit.run import Watch
from auditor.config import Settings, warnings
from auditor.daemon.notify import notify, reloading, watchdog_period
from auditor.daemon.triggers import SlotTrigger
from auditor.drift.model import Report, RunStatus, Trigger
from auditor.errors import (
    AlreadyRunError,
    ConfigError,
    RunUnderWayError,
    StoreError,
    StoreUnreachableError,
)
from auditor.outbox import MessageState
from auditor.ports import Store
from auditor.schedule import Slot, newest_due

TICK = timedelta(minutes=1)
REOPEN_AFTER = timedelta(seconds=10)  # a database that could not be reached at start
MISSED_AFTER = timedelta(minutes=2)  # a slot this old was not started by its own wake-up
RETRY_AFTER = timedelta(minutes=15)  # a run that failed for a fault of this machine

if TYPE_CHECKING:  # the store is the application's to import
    from auditor.store.store import SqlStore

logger = logging.getLogger(__name__)


async def serve(load: Callable[[], Settings]) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Raises:
        ConfigError: the configuration cannot be used at start.
        StoreError: the database cannot be used at start.
    """
    settings, stop = load(), asyncio.Event()
    with _signals({signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: _ignore}):
        store = await _opened(settings, stop)
        if store is None:
            return 0
        with store:
            service = Service(settings, store, load=load, stop=stop)
            with _signals({signal.SIGHUP: service.reload}):
                await service.run()
    return 0


async def _opened(settings: Settings, stop: asyncio.Event) -> SqlStore | None:
    """Open the database, waiting for one that cannot be reached; None where told to stop.

    To exit would be the end: the units do not start it again after exit code 2.
    """
    while not stop.is_set():
        try:
            return await asyncio.to_thread(app.store, settings)
        except StoreUnreachableError as error:
            logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
            notify("STATUS=Waiting for the database")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REOPEN_AFTER.total_seconds())
    return None


class Service:
    """One service over one database; every method runs on the event loop."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        load: Callable[[], Settings],
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._load = load
        self._stop = stop
        self._busy = asyncio.Lock()
        self._is_measured = False
        self._not_before: datetime | None = None
        self._not_yet_told: Report | None = None  # its heartbeat said so
        self._since = self._up_since = app.now()
        self._scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    async def run(self) -> None:
        """Serve until told to stop; a run under way ends its targets in hand first."""
        self._adopt(self._settings)
        await self._guarded(self._close_what_crashed)
        self._scheduler.start()
        notify("READY=1")
        logger.info("service started", extra={"next_run": _text(app.next_run_at(self._settings))})
        await self._tick()
        await self._stop.wait()
        logger.info("service stopping, after the blocks under way")
        notify("STOPPING=1")
        self._scheduler.pause()
        async with self._busy:  # AsyncIOScheduler.shutdown would cancel a job under way
            self._scheduler.shutdown(wait=False)
        logger.info("service stopped")

    def reload(self) -> None:
        """Take a changed configuration; one that cannot be used is refused and the old stays."""
        reloading()
        try:
            settings = self._keeping_database(self._load())
            self._adopt(settings)
        except ConfigError as error:
            logger.error("configuration not taken, the old one stays: %s", error)  # noqa: TRY400
        except StoreError as error:
            logger.error("configuration not taken: %s", error)  # noqa: TRY400 - it says all
        else:
            next_run = _text(app.next_run_at(settings))
            logger.info("configuration taken", extra={"next_run": next_run})
        notify("READY=1", self._status())

    def _keeping_database(self, settings: Settings) -> Settings:
        if settings.database != self._settings.database:
            logger.warning("a changed [database] is taken at the next restart, not at a reload")
        return replace(settings, database=self._settings.database)

    def _adopt(self, settings: Settings) -> None:
        for advice in warnings(settings):
            logger.warning("%s", advice)
        app.admit_rules(settings, self._store)
        schedule = settings.schedule
        line = app.schedule_line(settings)
        self._since = self._store.schedule_start(app.SCHEDULE, line, now=app.now())
        self._settings = settings
        self._is_measured = False
        self._scheduler.add_job(
            self._night,
            SlotTrigger(schedule.cron, schedule.timezone),
            id="night",
            replace_existing=True,
        )
        self._scheduler.add_job(
            self._tick,
            IntervalTrigger(seconds=int(TICK.total_seconds())),
            id="tick",
            replace_existing=True,
        )
        self._add_watchdog()

    def _add_watchdog(self) -> None:
        period = watchdog_period()
        if period is not None:
            self._scheduler.add_job(
                notify,
                IntervalTrigger(seconds=max(0.2, period.total_seconds())),
                args=["WATCHDOG=1"],
                id="watchdog",
                replace_existing=True,
            )

    async def _close_what_crashed(self) -> None:
        """Close a run that a crash left open, so that its slot counts as missed."""
        with suppress(RunUnderWayError), self._store.run_lock():
            self._store.abandon_open_runs(app.now())

    async def _night(self) -> None:
        async with self._busy:
            await self._guarded(self._run_if_due, Trigger.SCHEDULE)

    async def _tick(self) -> None:
        """Catch up a missed night, and try the messages that are due."""
        if self._busy.locked():
            return
        async with self._busy:
            await self._guarded(self._run_if_due, Trigger.CATCH_UP)
            await self._guarded(self._deliver)
            await self._guarded(self._measure)
            await self._guarded(self._tell_status)

    async def _guarded(self, job: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Do a job; a fault of this machine is logged whole and must not end the service."""
        try:
            await job(*arguments)
        except Exception:
            logger.exception("job failed, tried again later", extra={"job": job.__name__})

    async def _run_if_due(self, why: Trigger) -> None:
        if self._not_before is not None and app.now() >= self._not_before:
            await self._close_what_crashed()  # the failed run would keep its slot
        slot = self._due_slot(why)
        if slot is None:
            return
        self._not_before = app.now() + RETRY_AFTER  # should it fail for a fault of this machine
        try:
            await self._run(slot, why)
        except AlreadyRunError:
            logger.info("slot has its run", extra={"slot": slot.local})
        except RunUnderWayError:
            logger.info("another run is under way, tried again later")
        self._not_before = None

    def _due_slot(self, why: Trigger) -> Slot | None:
        schedule, moment = self._settings.schedule, app.now()
        slot = newest_due(schedule.cron, schedule.timezone, moment)
        if slot is None or slot.at < self._since or self._stop.is_set():
            return None
        # Its own wake-up starts a slot that came while the service was up.
        if why is Trigger.CATCH_UP and slot.at > self._up_since and _is_young(slot, moment):
            return None
        if self._not_before is not None and moment < self._not_before:
            return None
        return None if self._store.has_run(app.SCHEDULE, slot.local) else slot

    async def _run(self, slot: Slot, why: Trigger) -> None:
        order = replace(
            app.order(self._settings), trigger=why, schedule=app.SCHEDULE, slot=slot.local
        )
        notify("STATUS=Run under way")
        with self._store.run_lock():
            told = await app.run_and_tell(
                self._settings, order, self._store, watch=Watch(stopping=self._stop.is_set)
            )
            run = told.report.run
            self._not_yet_told = None if told.is_told else told.report
            if self._stop.is_set() and run.status is not RunStatus.COMPLETE and run.id is not None:
                self._store.release_slot(run.id)  # the night is still to be had

    async def _deliver(self) -> None:
        """Try what is due; a run by hand holds the lock and delivers all itself.

        With nothing due the lock is left alone: else a run by hand could be refused for it.
        """
        if not self._store.undelivered(due_by=app.now()):
            return
        self._is_measured = False
        with suppress(RunUnderWayError), self._store.run_lock():
            await asyncio.to_thread(
                app.deliver_all,
                self._settings,
                self._store,
                only_due=True,
                stopping=self._stop.is_set,
            )
        await self._beat_late()

    async def _beat_late(self) -> None:
        """Ping success for a run of this service once the server took all its messages."""
        late = self._not_yet_told
        if late is None or any(one.run_id == late.run.id for one in self._store.messages()):
            return
        self._not_yet_told = None
        await asyncio.to_thread(app.beat_late, self._settings, late)

    async def _measure(self) -> None:
        """Write the metrics where a run does not: at the start, and after messages were tried."""
        if not self._is_measured:
            self._is_measured = True
            await asyncio.to_thread(app.measure, self._settings, self._store)

    async def _tell_status(self) -> None:
        notify(self._status())

    def _status(self) -> str:
        try:
            messages = self._store.messages()
        except StoreError:
            return "STATUS=The database cannot be reached"
        waiting = [one for one in messages if one.state is MessageState.QUEUED]
        next_run = _text(app.next_run_at(self._settings))
        return f"STATUS=Next run {next_run}; {len(waiting)} undelivered"


def _is_young(slot: Slot, moment: datetime) -> bool:
    return moment - slot.at < MISSED_AFTER


def _text(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _ignore() -> None:
    return


@contextmanager
def _signals(acts: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number, act in acts.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in acts:
            loop.remove_signal_handler(number)
