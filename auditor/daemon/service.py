"""The service, from the start of its process to the end.

APScheduler only wakes it; the ledger in the database says whether a slot had its run. So a run
that was missed while the service was down takes place at its start, and a slot that occurs twice
when clocks are set back runs once. Every question to the database is asked in a thread: a
database that does not answer must not stop the loop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from auditor import app
from auditor.app import Schedule
from auditor.audit.plan import RunControl
from auditor.config import Settings, warnings
from auditor.daemon.due import (
    DueCheck,
    DueRun,
    find_due_run,
    find_former_schedules,
    find_next_try,
    remember_line,
)
from auditor.daemon.monitoring import Clock, Monitor, find_clock_jump, find_fault
from auditor.daemon.systemd import (
    extension_request,
    notify,
    notify_reloading,
    read_watchdog_period,
)
from auditor.errors import (
    AlreadyRunError,
    AuditorError,
    ConfigError,
    LockLostError,
    RunUnderWayError,
    ServedError,
    StoreError,
    StoreUnreachableError,
)
from auditor.locks import Lock
from auditor.model import RunStatus
from auditor.outbox import MessageState
from auditor.protocols import Store
from auditor.records import SignKind, SlotRelease
from auditor.rendering.words import moment, times_in
from auditor.schedule import Cron, next_due

if TYPE_CHECKING:  # the application imports the store
    from auditor.store.store import SqlStore

TICK = timedelta(minutes=1)
STAND_BY = timedelta(seconds=2)  # between two attempts to take the lock of another daemon
EXTENSION = timedelta(minutes=1)  # asked of systemd, repeatedly, while the service stops
RETRY_AFTER = timedelta(minutes=15)  # for a run that failed because of this machine
AHEAD = timedelta(minutes=5)  # a run that started so far in the future: the clock was set back
REOPEN_AFTER = timedelta(seconds=10)  # for a database that could not be reached at start

_STATUS_RUNNING = "STATUS=Run under way"
_STATUS_STANDING_BY = "STATUS=Standing by: another daemon serves the database"
_STATUS_NO_DATABASE = "STATUS=Waiting for the database"

logger = logging.getLogger(__name__)


async def serve(load: Callable[[], Settings]) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Raises:
        ConfigError: the configuration cannot be used at start.
        StoreError: the database cannot be used at start.
        UsageError: the environment names a proxy or certificates that cannot be used.
    """
    settings, stop = load(), asyncio.Event()
    app.require_usable_environment(settings)
    handlers: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
        signal.SIGHUP: lambda: None,  # there is no service to reload yet
    }
    with _signals(handlers):
        store = await _open_store(settings, stop)
        if store is None:
            return 0
        with store:
            service = Service(settings, store, load=load, stop=stop)
            with _signals({signal.SIGHUP: service.reload_soon}):
                await service.run()
    return 0


async def _open_store(settings: Settings, stop: asyncio.Event) -> SqlStore | None:
    """Open the database, and wait while it cannot be reached; None if stopped meanwhile.

    The units do not start the service again after exit code 2, so it must not exit for this.
    """
    while not stop.is_set():
        try:
            return await asyncio.to_thread(app.open_store, settings)
        except StoreUnreachableError as error:
            logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
            notify(_STATUS_NO_DATABASE)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REOPEN_AFTER.total_seconds())
    return None


@contextmanager
def _signals(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


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
        self._lock: Lock | None = None
        # Each of these jobs is done by one task at a time.
        self._running, self._delivering = asyncio.Lock(), asyncio.Lock()
        self._housekeeping, self._reloading = asyncio.Lock(), asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry_at: dict[str, float] = {}  # of schedules whose run failed, by name
        self._former: tuple[Schedule, ...] = ()  # no longer configured, and owe a run
        self._run_began: float | None = None
        self._reported_fault = ""
        self._monitor = Monitor(store)
        self._reading = self._clock.read()
        self._up_since = self._reading.now
        self._scheduler = _new_scheduler()

    async def run(self) -> None:
        """Serve until stopped, or stand by while another daemon serves the database."""
        self._spawn(self._send_watchdog())
        while (lock := await self._take_lock()) is not None:
            try:
                await self._serve()
            except StoreUnreachableError as error:
                logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
                await self._pause(STAND_BY)
            finally:
                self._lock = None
                await asyncio.to_thread(lock.__exit__, None, None, None)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        logger.info("service stopped")

    def reload_soon(self) -> None:
        """Start a reload; a signal handler cannot wait for it."""
        self._spawn(self.reload())

    async def reload(self) -> None:
        """Adopt a changed configuration; if it cannot be used, keep the present one."""
        async with self._reloading:
            notify_reloading()
            try:
                settings = self._load()
                app.require_usable_environment(settings)
                await self._adopt(self._keep_database(settings))
            except ConfigError as error:
                logger.error("new configuration refused, the old one stays: %s", error)  # noqa: TRY400
            except (AuditorError, OSError) as error:
                logger.error("new configuration not adopted: %s", error)  # noqa: TRY400
            except Exception:  # systemd waits for READY=1 whatever a reload meets
                logger.exception("new configuration not adopted")
            else:
                logger.info("new configuration adopted", extra={"next_run": self._next_run()})
            notify("READY=1", await self._status())

    def _keep_database(self, settings: Settings) -> Settings:
        if settings.database != self._settings.database:
            logger.warning("a changed [database] is used after the next restart, not at a reload")
        return settings.with_database(self._settings.database)

    async def _take_lock(self) -> AbstractContextManager[Lock] | None:
        """Wait for the service's lock on the database; None if stopped meanwhile."""
        is_logged = False
        while not self._stop.is_set():
            lock = self._store.service_lock()
            try:
                self._lock = await asyncio.to_thread(lock.__enter__)
            except ServedError as error:
                if not is_logged:
                    logger.warning("standing by: %s", error)
                is_logged = True
                # It is ready although it stands by: systemd ends what is not ready in time.
                notify("READY=1", _STATUS_STANDING_BY)
            except StoreUnreachableError as error:
                logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
                notify(_STATUS_NO_DATABASE)
            else:
                return lock
            await self._pause(STAND_BY)
        return None

    async def _serve(self) -> None:
        """Serve while the lock is held, and let a run under way finish its blocks."""
        await self._adopt(self._settings)
        await self._log_failure(self._abandon_open_runs)
        self._scheduler.start()
        notify("READY=1")
        logger.info("service started", extra={"next_run": self._next_run()})
        # By a clock that nobody sets: an interval of APScheduler would wait for one set back.
        while not self._stop.is_set() and self._lock is not None:
            self._spawn(self._tick())
            await self._pause(TICK)
        await self._finish()

    async def _finish(self) -> None:
        """Wait for the work under way, which ends between two blocks or two messages."""
        if self._stop.is_set():
            after = "" if self._run_began is None else ", after the blocks under way"
            logger.info("service stopping%s", after)
            words = f"STATUS=Stopping{after}"
            notify("STOPPING=1", extension_request(EXTENSION), words)
            self._spawn(self._extend_stop())
        self._scheduler.pause()
        async with self._running, self._delivering, self._housekeeping:
            self._scheduler.shutdown(wait=False)  # it would cancel a job under way
            await self._log_failure(self._sign_off)
        self._scheduler = _new_scheduler()

    async def _extend_stop(self) -> None:
        """Ask systemd for more time, repeatedly, unless the database does not answer."""
        while True:
            await asyncio.sleep(EXTENSION.total_seconds() / 3)
            if not self._fault():
                notify(extension_request(EXTENSION))

    async def _adopt(self, settings: Settings) -> None:
        for warning in warnings(settings):
            logger.warning("%s", warning)
        if self._lock is not None:  # else another daemon writes the ledger
            await asyncio.to_thread(self._check_history, settings)
        self._settings = settings
        self._monitor.expire_metrics()
        self._plan_wake_ups()

    def _check_history(self, settings: Settings) -> None:
        """Refuse what the history shows to be wrong, and store when schedules began."""
        app.claim_database(settings, self._store)
        app.admit_rules(settings, self._store)
        self._forget_schedules(settings)
        for schedule in app.find_schedules(settings):
            remember_line(schedule, self._store, self._clock.now())

    def _forget_schedules(self, settings: Settings) -> None:
        """Forget the schedules that are no longer configured, unless they owe a run."""
        names = {schedule.name for schedule in app.find_schedules(settings)}
        self._former = find_former_schedules(names, self._store, self._clock.now())
        names.update(schedule.name for schedule in self._former)
        self._store.forget_other_schedules(names)

    def _plan_wake_ups(self) -> None:
        """Have APScheduler wake the service for each slot of each schedule."""
        self._scheduler.remove_all_jobs()
        for schedule in app.find_schedules(self._settings):
            trigger = SlotTrigger(schedule.cron, schedule.zone)
            self._scheduler.add_job(self._wake_up, trigger, args=[schedule.name], id=schedule.name)

    async def _wake_up(self, name: str) -> None:
        """Run the slot of a schedule, then deliver."""
        for schedule in app.find_schedules(self._settings):
            if schedule.name == name:
                async with self._running:
                    await self._log_failure(self._run_if_due, schedule, is_wake_up=True)
        await self._unless_busy(self._delivering, self._deliver)

    async def _tick(self) -> None:
        """Catch up missed runs, and try the messages that are due.

        Neither waits for the other: a mail server that keeps the messages waiting delays no run.
        """
        await self._unless_busy(self._housekeeping, self._keep_lock)
        await self._unless_busy(self._housekeeping, self._leave_sign)
        await self._unless_busy(self._running, self._catch_up)
        await self._unless_busy(self._delivering, self._deliver)
        await self._unless_busy(self._housekeeping, self._notify_status)

    async def _unless_busy(self, lock: asyncio.Lock, job: Callable[[], Awaitable[None]]) -> None:
        """Do a job unless the same job is under way."""
        if not lock.locked():
            async with lock:
                await self._log_failure(job)

    async def _log_failure(
        self, job: Callable[..., Awaitable[None]], *arguments: object, **named: object
    ) -> None:
        """Do a job and log whatever it raises, so that the service goes on.

        An expected error is one line: a database that is away is met again with each tick.
        """
        try:
            await job(*arguments, **named)
        except AuditorError as error:
            extra = {"job": job.__name__}
            logger.error("job failed, tried again later: %s", error, extra=extra)  # noqa: TRY400
        except Exception:
            logger.exception("job failed, tried again later", extra={"job": job.__name__})

    async def _keep_lock(self) -> None:
        if self._lock is None:
            return
        try:
            await asyncio.to_thread(self._lock.keep)
        except LockLostError as error:
            logger.error("lock lost, the database is no longer served from here: %s", error)  # noqa: TRY400
            self._lock = None

    async def _leave_sign(self) -> None:
        """Leave a sign of life, by which commands know that the service runs."""
        if self._lock is not None:
            await asyncio.to_thread(app.sign, self._store, SignKind.SERVICE)

    async def _sign_off(self) -> None:
        if self._lock is not None:
            await asyncio.to_thread(app.sign, self._store, SignKind.SERVICE, is_over=True)

    async def _catch_up(self) -> None:
        self._check_clock()
        for schedule in (*self._former, *app.find_schedules(self._settings)):
            await self._log_failure(self._run_if_due, schedule, is_wake_up=False)
        if self._former:
            await asyncio.to_thread(self._forget_schedules, self._settings)

    def _check_clock(self) -> None:
        """Plan the wake-ups again if the clock was set: they were planned by the old time."""
        before, self._reading = self._reading, self._clock.read()
        jump = find_clock_jump(before, self._reading)
        if jump is not None:
            seconds = round(jump.total_seconds())
            logger.warning("clock was set, or the machine slept", extra={"seconds": seconds})
            self._up_since = self._reading.now
            self._plan_wake_ups()

    async def _run_if_due(self, schedule: Schedule, *, is_wake_up: bool) -> None:
        retry_at, now = self._retry_at.get(schedule.name), self._clock.monotonic()
        if retry_at is not None and now < retry_at:
            return
        if retry_at is not None:
            await self._abandon_open_runs()  # else the failed run would keep its slot
        check = DueCheck(at=self._clock.now(), up_since=self._up_since, is_wake_up=is_wake_up)
        due = await asyncio.to_thread(find_due_run, schedule, self._store, check)
        if due is None or self._stop.is_set():
            return
        # Set before the run, so that it holds if the run raises.
        self._retry_at[schedule.name] = now + RETRY_AFTER.total_seconds()
        try:
            await self._run(schedule, due)
        except AlreadyRunError:
            logger.info("slot has its run already", extra={"slot": due.slot.local})
        except RunUnderWayError:
            logger.info("another run is under way, tried again later")
        del self._retry_at[schedule.name]

    async def _run(self, schedule: Schedule, due: DueRun) -> None:
        request = replace(
            app.build_scheduled_request(self._settings, schedule),
            trigger=due.trigger,
            slot=due.slot.local,
            missed=due.missed,
            earlier_tries=tuple(run.id for run in due.tries if run.id is not None),
        )
        if schedule in self._former:
            next_run_at = app.find_next_run(self._settings, self._clock.now())
            request = replace(request, next_run_at=next_run_at)
        else:
            request = replace(request, next_try=partial(find_next_try, schedule, due))
        self._run_began = self._clock.monotonic()
        notify(_STATUS_RUNNING)
        try:
            control = RunControl(stopping=self._stop.is_set)
            closed = await app.run_and_close(self._settings, request, self._store, control=control)
        finally:
            self._run_began = None
        if closed.is_withheld:
            self._monitor.expire_metrics()
        else:
            self._monitor.add(closed)
        run = closed.report.run
        if self._stop.is_set() and run.status is not RunStatus.COMPLETE and run.id is not None:
            # The next start must catch the slot up.
            await asyncio.to_thread(self._store.release_slot, run.id, why=SlotRelease.STOPPED)

    async def _abandon_open_runs(self) -> None:
        """Close the runs that a crash left open, so that their slots count as missed."""

        def abandon(at: datetime) -> None:
            with suppress(RunUnderWayError), self._store.run_lock():
                self._store.abandon_open_runs(at)

        await asyncio.to_thread(abandon, self._clock.now())

    async def _deliver(self) -> None:
        """Try the messages that are due, then end the heartbeat of the runs that they are of."""
        closed, delivery = self._monitor.pending(), None
        if not self._stop.is_set():
            delivery = await asyncio.to_thread(
                app.deliver_messages,
                self._settings,
                self._store,
                only_due=True,
                stopping=self._stop.is_set,
            )
        await asyncio.to_thread(self._monitor.report, self._settings, closed, delivery)

    async def _notify_status(self) -> None:
        notify(await self._status())

    async def _status(self) -> str:
        if self._run_began is not None:
            return _STATUS_RUNNING
        if self._lock is None:
            return _STATUS_STANDING_BY
        try:
            queued, clock = await asyncio.to_thread(self._outlook)
        except StoreError:
            return "STATUS=The database cannot be reached"
        return f"STATUS=Next run {self._next_run()}; {queued} undelivered{clock}"

    def _outlook(self) -> tuple[int, str]:
        """Return how many messages are queued, and words on a clock that was set back."""
        last = self._store.last_run()
        if last is None or last.started_at - self._clock.now() < AHEAD:
            return self._count_queued(), ""
        until = self._words_of(last.started_at)
        words = f"; the clock is behind the last run: no run is due before {until}"
        return self._count_queued(), words

    def _count_queued(self) -> int:
        return self._store.count_messages()[MessageState.QUEUED]

    def _next_run(self) -> str:
        at = app.find_next_run(self._settings, self._clock.now())
        return "never" if at is None else self._words_of(at)

    def _words_of(self, at: datetime) -> str:
        with times_in(self._settings.reader_zone):
            return moment(at)

    async def _send_watchdog(self) -> None:
        """Send `WATCHDOG=1` from the loop that works, as long as the work goes on."""
        period = read_watchdog_period()
        pause_s = max(0.2, (period or TICK).total_seconds())
        while True:
            fault = self._fault()
            if not fault and period is not None:
                notify("WATCHDOG=1")
            if fault and not self._reported_fault:
                logger.critical("the watchdog is no longer notified: %s", fault)
                notify(f"STATUS=Stuck: {fault}")
            self._reported_fault = fault
            await asyncio.sleep(pause_s)

    def _fault(self) -> str:
        running = 0.0 if self._run_began is None else self._clock.monotonic() - self._run_began
        return find_fault(
            waiting=self._store.busy_for(),
            running=timedelta(seconds=running),
            limit=self._settings.schedule.limit,
        )

    async def _pause(self, time: timedelta) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), time.total_seconds())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps no reference to a task
        task.add_done_callback(self._tasks.discard)


def _new_scheduler() -> AsyncIOScheduler:
    return AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )


class SlotTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Fires at every slot of a schedule.

    In place of APScheduler's `CronTrigger`: `from_crontab` counts Monday as 0, refuses 7 and
    `@daily`, and requires both a day of month and a day of week where crontab(5) takes either;
    `jitter=` skips a day when clocks go forward (apscheduler#606), and so does a slot at midnight
    without it.
    """

    def __init__(self, cron: Cron, zone: ZoneInfo) -> None:
        self._cron = cron
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the first slot after both `previous_fire_time` and `now`."""
        slot = next_due(self._cron, self._zone, max(now, previous_fire_time or now))
        return slot.at if slot else None
