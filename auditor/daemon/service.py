"""The loop of the service.

APScheduler only wakes it; whether a night happened is asked of the ledger in the database. So a
night missed while down runs at start, and one that summer time names twice runs once. Whatever
asks the database does so in a thread: one that gives no answer must not stop the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from auditor import app
from auditor.app import Schedule
from auditor.audit.plan import RunControl
from auditor.config import Settings, warnings
from auditor.daemon.due import Due, Moment, find_due, take_line
from auditor.daemon.notify import extend, notify, reloading, watchdog_period
from auditor.daemon.pulse import Clock, ailment, jump, read
from auditor.daemon.triggers import SlotTrigger
from auditor.daemon.vitals import Vitals
from auditor.errors import (
    AlreadyRunError,
    ConfigError,
    LockLostError,
    RunUnderWayError,
    ServedError,
    StoreError,
    StoreUnreachableError,
)
from auditor.model import RunStatus
from auditor.outbox import MessageState
from auditor.protocols import Lock, Store

TICK = timedelta(minutes=1)
STAND_BY = timedelta(seconds=2)  # between two looks whether the other daemon is gone
EXTEND = timedelta(minutes=1)  # what systemd is asked for while the service ends
RETRY_AFTER = timedelta(minutes=15)  # a run that failed for a fault of this machine
AHEAD = timedelta(minutes=5)  # of the clock: a run that started there shows a clock set back

logger = logging.getLogger(__name__)


class Service:
    """One service over one database; every method runs on the event loop."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        load: Callable[[], Settings],
        stop: asyncio.Event,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._load = load
        self._stop = stop
        self._clock = clock or Clock()
        self._held: Lock | None = None
        self._running, self._posting = asyncio.Lock(), asyncio.Lock()
        self._minding, self._reloading = asyncio.Lock(), asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry: dict[str, float] = {}  # when a schedule's failed run is tried again
        self._run_began: float | None = None
        self._said = ""
        self._vitals = Vitals(store)
        self._reading = read(self._clock)
        self._up_since = self._reading.now
        self._scheduler = _scheduler()

    async def run(self) -> None:
        """Serve until told to stop, or stand by while another daemon serves the database."""
        self._spawn(self._ping())
        while (lock := await self._service_lock()) is not None:
            try:
                await self._serve()
            except StoreUnreachableError as error:
                logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
                await self._pause(STAND_BY)
            finally:
                self._held = None
                await asyncio.to_thread(lock.__exit__, None, None, None)
        await self._end_tasks()
        logger.info("service stopped")

    def reload_soon(self) -> None:
        """Reload as soon as the loop comes to it."""
        self._spawn(self.reload())

    async def reload(self) -> None:
        """Take a changed configuration; one that cannot be used is refused and the old stays."""
        async with self._reloading:
            reloading()
            try:
                await self._adopt(self._keeping_database(self._load()))
            except ConfigError as error:
                logger.error("configuration not taken, the old one stays: %s", error)  # noqa: TRY400
            except StoreError as error:
                logger.error("configuration not taken: %s", error)  # noqa: TRY400 - it says all
            else:
                logger.info("configuration taken", extra={"next_run": self._next_run()})
            notify("READY=1", await self._status())

    def _keeping_database(self, settings: Settings) -> Settings:
        if settings.database != self._settings.database:
            logger.warning("a changed [database] is taken at the next restart, not at a reload")
        return settings.with_database(self._settings.database)

    async def _service_lock(self) -> AbstractContextManager[Lock] | None:
        """Wait for the lock of the service; None where told to stop."""
        is_told = False
        while not self._stop.is_set():
            lock = self._store.service_lock()
            try:
                self._held = await asyncio.to_thread(lock.__enter__)
            except ServedError as error:
                if not is_told:
                    logger.warning("standing by: %s", error)
                is_told = True
                # Ready: to stand by is a service too, and systemd ends what does not get ready.
                notify("READY=1", "STATUS=Standing by: another daemon serves the database")
            except StoreUnreachableError as error:
                logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
                notify("STATUS=Waiting for the database")
            else:
                return lock
            await self._pause(STAND_BY)
        return None

    async def _serve(self) -> None:
        """Serve while the lock is held; a run under way ends its targets in hand first."""
        await self._adopt(self._settings)
        await self._guarded(self._close_what_crashed)
        self._scheduler.start()
        notify("READY=1")
        logger.info("service started", extra={"next_run": self._next_run()})
        # By a clock that nobody sets: APScheduler's own intervals would wait for one set back.
        while not self._stop.is_set() and self._held is not None:
            self._spawn(self._tick())
            await self._pause(TICK)
        await self._finish()

    async def _finish(self) -> None:
        """Wait for what is under way: it ends between two blocks, or two messages."""
        if self._stop.is_set():
            logger.info("service stopping, after the blocks under way")
            notify("STOPPING=1", extend(EXTEND), "STATUS=Stopping, after the blocks under way")
            self._spawn(self._extend())
        self._scheduler.pause()
        async with self._running, self._posting, self._minding:
            self._scheduler.shutdown(wait=False)  # it would cancel a job under way
        self._scheduler = _scheduler()

    async def _extend(self) -> None:
        """Ask systemd for patience, again and again; not where the database gives no answer."""
        while True:
            await asyncio.sleep(EXTEND.total_seconds() / 3)
            if not self._ailment():
                notify(extend(EXTEND))

    async def _adopt(self, settings: Settings) -> None:
        for advice in warnings(settings):
            logger.warning("%s", advice)
        if self._held is not None:  # else the ledger is another daemon's to write
            await asyncio.to_thread(self._take, settings)
        self._settings = settings
        self._vitals.forget_measure()
        self._plan()

    def _take(self, settings: Settings) -> None:
        """Refuse what the history shows to be wrong, and remember since when schedules hold."""
        app.admit_rules(settings, self._store)
        found = app.find_schedules(settings)
        self._store.forget_other_schedules({one.name for one in found})
        for one in found:
            take_line(one, self._store, self._clock.now())
        queued = self._queued()
        if settings.email is None and queued:
            logger.warning("messages wait, and there is no [email] to send them by: %s", queued)

    def _plan(self) -> None:
        """Have APScheduler wake the service for each slot of each schedule."""
        self._scheduler.remove_all_jobs()
        for one in app.find_schedules(self._settings):
            self._scheduler.add_job(
                self._night, SlotTrigger(one.cron, one.zone), args=[one.name], id=one.name
            )

    async def _night(self, name: str) -> None:
        for one in app.find_schedules(self._settings):
            if one.name == name:
                async with self._running:
                    await self._guarded(self._run_if_due, one, is_woken=True)
        await self._alone(self._posting, self._deliver)

    async def _tick(self) -> None:
        """Catch up missed nights, and try the messages that are due.

        A run goes on while a mail server keeps the messages waiting, and the other way round.
        """
        await self._alone(self._minding, self._keep_lock)
        await self._alone(self._running, self._catch_up)
        await self._alone(self._posting, self._deliver)
        await self._alone(self._minding, self._tell_status)

    async def _alone(self, lock: asyncio.Lock, job: Callable[[], Awaitable[None]]) -> None:
        """Do a job unless the same is under way."""
        if not lock.locked():
            async with lock:
                await self._guarded(job)

    async def _guarded(
        self, job: Callable[..., Awaitable[None]], *arguments: object, **named: object
    ) -> None:
        """Do a job; a fault of this machine is logged whole and must not end the service."""
        try:
            await job(*arguments, **named)
        except Exception:
            logger.exception("job failed, tried again later", extra={"job": job.__name__})

    async def _keep_lock(self) -> None:
        if self._held is None:
            return
        try:
            await asyncio.to_thread(self._held.keep)
        except LockLostError as error:
            logger.error("no longer served from here: %s", error)  # noqa: TRY400 - it says all
            self._held = None

    async def _catch_up(self) -> None:
        self._mind_clock()
        for one in app.find_schedules(self._settings):
            await self._guarded(self._run_if_due, one, is_woken=False)

    def _mind_clock(self) -> None:
        """Plan anew where somebody set the clock: the wake-ups were planned by the old one."""
        before, self._reading = self._reading, read(self._clock)
        set_by = jump(before, self._reading)
        if set_by is not None:
            seconds = round(set_by.total_seconds())
            logger.warning("clock was set, or the machine slept", extra={"seconds": seconds})
            self._up_since = self._reading.now
            self._plan()

    async def _run_if_due(self, one: Schedule, *, is_woken: bool) -> None:
        again, moment = self._retry.get(one.name), self._clock.monotonic()
        if again is not None and moment < again:
            return
        if again is not None:
            await self._close_what_crashed()  # the failed run would keep its slot
        asked = Moment(at=self._clock.now(), up_since=self._up_since, is_woken=is_woken)
        due = await asyncio.to_thread(find_due, one, self._store, asked)
        if due is None or self._stop.is_set():
            return
        # should it fail for a fault of this machine
        self._retry[one.name] = moment + RETRY_AFTER.total_seconds()
        try:
            await self._run(one, due)
        except AlreadyRunError:
            logger.info("slot has its run", extra={"slot": due.slot.local})
        except RunUnderWayError:
            logger.info("another run is under way, tried again later")
        del self._retry[one.name]

    async def _run(self, one: Schedule, due: Due) -> None:
        order = replace(
            app.build_scheduled_request(self._settings, one),
            trigger=due.trigger,
            slot=due.slot.local,
            missed=due.missed,
        )
        self._run_began = self._clock.monotonic()
        notify("STATUS=Run under way")
        try:
            watch = RunControl(stopping=self._stop.is_set)
            closed = await app.run_and_close(self._settings, order, self._store, control=watch)
        finally:
            self._run_began = None
        self._vitals.take(closed)
        run = closed.report.run
        if self._stop.is_set() and run.status is not RunStatus.COMPLETE and run.id is not None:
            # the night is still to be had
            await asyncio.to_thread(self._store.release_slot, run.id)

    async def _close_what_crashed(self) -> None:
        """Close a run that a crash left open, so that its slot counts as missed."""
        await asyncio.to_thread(self._abandon, self._clock.now())

    def _abandon(self, at: datetime) -> None:
        with suppress(RunUnderWayError), self._store.run_lock():
            self._store.abandon_open_runs(at)

    async def _deliver(self) -> None:
        """Try what is due and say how runs ended; what another process delivers is left to it."""
        closed, delivery = self._vitals.pending(), None
        if not self._stop.is_set():
            delivery = await asyncio.to_thread(
                app.deliver_messages,
                self._settings,
                self._store,
                only_due=True,
                stopping=self._stop.is_set,
            )
        await asyncio.to_thread(self._vitals.tell, self._settings, closed, delivery)

    async def _tell_status(self) -> None:
        notify(await self._status())

    async def _status(self) -> str:
        if self._run_began is not None:
            return "STATUS=Run under way"
        if self._held is None:
            return "STATUS=Standing by: another daemon serves the database"
        try:
            queued, ahead = await asyncio.to_thread(self._outlook)
        except StoreError:
            return "STATUS=The database cannot be reached"
        mail = "" if self._settings.email or not queued else ", and there is no [email]"
        return f"STATUS=Next run {self._next_run()}; {queued} undelivered{mail}{ahead}"

    def _outlook(self) -> tuple[int, str]:
        """Return how many messages wait, and what is told of a clock that was set back."""
        last = self._store.last_run()
        if last is None or last.started_at - self._clock.now() < AHEAD:
            return self._queued(), ""
        until = f"{last.started_at:%Y-%m-%d %H:%M} UTC"
        return self._queued(), f"; the clock is behind the last run: none is due before {until}"

    def _queued(self) -> int:
        return sum(one.state is MessageState.QUEUED for one in self._store.messages())

    def _next_run(self) -> str:
        moment = app.find_next_run(self._settings, self._clock.now())
        return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"

    async def _ping(self) -> None:
        """Say `WATCHDOG=1` from the loop that works, as long as the work goes on."""
        period = watchdog_period()
        pause_s = max(0.2, (period or TICK).total_seconds())
        while True:
            ails = self._ailment()
            if not ails and period is not None:
                notify("WATCHDOG=1")
            if ails and not self._said:
                logger.critical("no sign of life is given any more: %s", ails)
                notify(f"STATUS=Stuck: {ails}")
            self._said = ails
            await asyncio.sleep(pause_s)

    def _ailment(self) -> str:
        running = 0.0 if self._run_began is None else self._clock.monotonic() - self._run_began
        return ailment(
            waiting=self._store.busy_for(),
            running=timedelta(seconds=running),
            limit=self._settings.schedule.limit,
        )

    async def _pause(self, time: timedelta) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), time.total_seconds())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds no task
        task.add_done_callback(self._tasks.discard)

    async def _end_tasks(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _scheduler() -> AsyncIOScheduler:
    return AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
