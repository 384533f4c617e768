"""The service's own decisions, in this process."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from auditor import app
from auditor.config import Settings
from auditor.daemon.due import DueCheck, find_due_run
from auditor.daemon.monitoring import Clock
from auditor.daemon.service import RETRY_AFTER, Service
from auditor.errors import ConfigError, Problem, StoreUnreachableError
from auditor.model import RunInfo, RunStatus, Trigger
from auditor.outbox import NO_MESSAGES, MessageState
from auditor.results import NO_NEWS, BatchNews, TargetResult
from auditor.store.store import SqlStore
from tests.audit.stage import Stage
from tests.daemon.clock import SetClock
from tests.daemon.conftest import schedule, scheduled_since
from tests.daemon.manager import ears

DAYS = timedelta(days=1)
# The store's tests try the ledger on both databases, the daemon's a missed night.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def store(pump: Stage) -> Iterator[SqlStore]:
    with app.open_store(pump.settings) as store:
        yield store


def serve(
    pump: Stage,
    store: SqlStore,
    act: Callable[[Service], Awaitable[None]],
    *,
    load: Callable[[], Settings] | None = None,
    clock: Clock | None = None,
) -> None:
    """Let a service adopt its configuration and act, without its scheduler running."""

    async def work() -> None:
        taken = load or (lambda: pump.settings)
        service = Service(
            pump.settings, store, load=taken, stop=asyncio.Event(), clock=clock or Clock()
        )
        with store.service_lock() as service._lock:
            await service._adopt(pump.settings)
            await act(service)

    asyncio.run(work())


async def tick(service: Service) -> None:
    await service._tick()


async def night(service: Service) -> None:
    for listed in app.find_schedules(service._settings):
        await service._wake_up(listed.name)


async def stopped_tick(service: Service) -> None:
    service._stop.set()
    await service._tick()


async def reload(service: Service) -> None:
    await service.reload()


def ran(store: SqlStore) -> tuple[int | None, Trigger] | None:
    run = store.last_run()
    return (run.id, run.trigger) if run else None


def test_a_missed_slot_is_caught_up_once(pump: Stage, store: SqlStore) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, tick)
    serve(pump, store, tick)

    assert ran(store) == (1, Trigger.CATCH_UP)


def test_a_slot_that_its_wake_up_started_is_not_caught_up(pump: Stage, store: SqlStore) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, night)
    serve(pump, store, tick)

    assert ran(store) == (1, Trigger.SCHEDULE)


def test_a_wake_up_that_comes_twice_runs_once(pump: Stage, store: SqlStore) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, night)
    serve(pump, store, night)

    assert ran(store) == (1, Trigger.SCHEDULE)


def test_a_run_by_hand_satisfies_no_slot(pump: Stage, store: SqlStore) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    pump.night()
    serve(pump, store, tick)

    assert ran(store) == (2, Trigger.CATCH_UP)


@pytest.mark.parametrize("act", [tick, night])
def test_a_slot_before_the_schedule_was_in_force_was_not_missed(
    pump: Stage, store: SqlStore, act: Callable[[Service], Awaitable[None]]
) -> None:
    serve(pump, store, act)

    assert ran(store) is None


def test_another_line_of_the_schedule_starts_anew(pump: Stage, store: SqlStore) -> None:
    schedule(pump, f"30 {(app.now() - timedelta(hours=6)).hour} * * *")
    scheduled_since(pump, app.now())
    serve(pump, store, tick)

    assert ran(store) is None


def test_a_stopped_service_starts_nothing_and_sends_nothing(pump: Stage, store: SqlStore) -> None:
    _queue_what_is_due(pump, store)
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, stopped_tick)

    assert ran(store) == (1, Trigger.MANUAL)
    assert pump.postbox.taken == []


def _queue_what_is_due(pump: Stage, store: SqlStore) -> None:
    pump.postbox.refuses = dict.fromkeys(["ml@example.org", "ops@example.org"], "450 later")
    pump.night()
    pump.postbox.refuses.clear()
    for message in store.queued_messages(due_by=None):
        store.record(replace(message, due_at=app.now() - DAYS))


def test_a_tick_delivers_what_is_due(pump: Stage, store: SqlStore) -> None:
    _queue_what_is_due(pump, store)
    serve(pump, store, tick)

    assert store.outbox_overview(most=9) == NO_MESSAGES
    assert len(pump.postbox.taken) == 2


def test_a_message_that_waits_is_left_to_its_time(pump: Stage, store: SqlStore) -> None:
    pump.postbox.refuses["ml@example.org"] = "450 later"
    pump.night()
    pump.postbox.refuses.clear()
    serve(pump, store, tick)

    [message] = store.outbox_overview(most=9).newest
    assert (message.state, message.attempts) == (MessageState.QUEUED, 1)


def test_a_slot_waits_while_a_run_by_hand_is_under_way(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    with caplog.at_level("INFO"), app.open_store(pump.settings) as other, other.run_lock():
        serve(pump, store, tick)
    assert ran(store) is None
    assert "another run is under way" in caplog.text

    serve(pump, store, tick)

    assert ran(store) == (1, Trigger.CATCH_UP)


class FaultyStore(SqlStore):
    """A store whose database does not open a run; `faults` says how often still."""

    faults = 1

    def open_run(self, trigger: Trigger, **how: object) -> int:
        if self.faults:
            self.faults -= 1
            raise OSError("the disk is on fire")
        return super().open_run(trigger, **how)  # type: ignore[arg-type] # handed on as they came


def test_a_fault_of_this_machine_is_logged_and_tried_again_later(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    faulty = FaultyStore(store.database)

    async def tick_twice(service: Service) -> None:
        await service._tick()
        await service._tick()

    serve(pump, faulty, tick_twice)
    too_soon = ran(store)
    serve(pump, faulty, tick)

    assert (too_soon, ran(store)) == (None, (1, Trigger.CATCH_UP))
    assert "job failed, tried again later" in caplog.text
    assert "the disk is on fire" in caplog.text


def test_the_night_of_a_run_that_failed_is_not_repeated(pump: Stage, store: SqlStore) -> None:
    """What Studio refuses tonight is reported as unknown; it is no fault of this machine."""
    pump.studio.change_key(7, "ei_" + "00" * 24)
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, tick)
    serve(pump, store, tick)

    run: RunInfo | None = store.last_run()
    assert run is not None
    assert (run.id, run.status) == (1, RunStatus.FAILED)


def test_a_reload_keeps_the_database_until_the_next_restart(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    database = pump.settings.database.model_copy(update={"url": "sqlite:////nowhere/a.db"})
    changed = pump.settings.with_database(database)

    async def reload_twice_and_tick(service: Service) -> None:
        await service.reload()
        await service.reload()
        await service._tick()

    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, reload_twice_and_tick, load=lambda: changed)

    assert caplog.text.count("used after the next restart") == 2
    assert ran(store) == (1, Trigger.CATCH_UP)


def test_a_reload_of_what_cannot_be_used_names_every_wrong_key(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Settings:
        problems = (Problem("a.b", "is wrong", "mend it"), Problem("c", "is wrong", "mend it"))
        raise ConfigError("config.toml", problems)

    serve(pump, store, reload, load=load)

    assert re.search(r"the old one stays: config\.toml.*\n.*a\.b.*\n.*c: ", caplog.text)


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), ZeroDivisionError("odd")],
    ids=["the machine", "a defect"],
)
def test_a_reload_that_meets_an_unexpected_error_ends_in_ready_with_the_old_configuration(
    pump: Stage,
    store: SqlStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    address = f"@auditor-test-odd-reload-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    def load() -> Settings:
        raise error

    with ears(address) as heard:
        serve(pump, store, reload, load=load)

        assert heard.hear("READY=1")
    assert "new configuration not adopted" in caplog.text
    assert str(error) in caplog.text


def test_a_reload_starts_no_schedule_anew(pump: Stage, store: SqlStore) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)

    async def reload_and_tick(service: Service) -> None:
        await service.reload()
        await service._tick()

    serve(pump, store, reload_and_tick)

    assert ran(store) == (1, Trigger.CATCH_UP)


class UnreachableStore(SqlStore):
    is_lost = False

    def schedule_start(self, schedule: str, line: str, *, now: datetime) -> datetime:
        if self.is_lost:
            raise StoreUnreachableError("gone")
        self.is_lost = True
        return super().schedule_start(schedule, line, now=now)


def test_a_reload_ends_in_ready_even_while_the_database_is_away(
    pump: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", f"@auditor-test-reload-{os.getpid()}")

    with (
        app.open_store(pump.settings) as store,
        ears(f"@auditor-test-reload-{os.getpid()}") as heard,
    ):
        serve(pump, UnreachableStore(store.database), reload)
        assert heard.hear("READY=1")


class StoreThatFailsOnce(SqlStore):
    has_failed = False

    def save(
        self,
        run_id: int,
        results: Sequence[TargetResult],
        *,
        at: datetime,
        news: BatchNews = NO_NEWS,
    ) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise StoreUnreachableError("disk full")
        super().save(run_id, results, at=at, news=news)


def test_a_night_that_failed_half_way_is_tried_again(pump: Stage, store: SqlStore) -> None:
    clock = SetClock(app.now())
    scheduled_since(pump, app.now() - 3 * DAYS)

    async def failed_then_tried_again(service: Service) -> None:
        await service._tick()
        clock.pass_(RETRY_AFTER)
        await service._tick()

    serve(pump, StoreThatFailsOnce(store.database), failed_then_tried_again, clock=clock.clock)

    last = store.last_run()
    assert last is not None
    assert (last.id, last.status) == (2, RunStatus.COMPLETE)


async def night_that_is_stopped(service: Service) -> None:
    [listed] = app.find_schedules(service._settings)
    check = DueCheck(at=app.now(), up_since=app.now(), is_wake_up=False)
    due = find_due_run(listed, service._store, check)
    assert due is not None
    service._stop.set()
    await service._run(listed, due)


def test_a_night_that_was_stopped_is_had_again_at_the_next_start(
    pump: Stage, store: SqlStore
) -> None:
    scheduled_since(pump, app.now() - 3 * DAYS)
    serve(pump, store, night_that_is_stopped)
    stopped = store.last_run()
    serve(pump, store, tick)

    last = store.last_run()
    assert stopped is not None
    assert last is not None
    assert stopped.status is not RunStatus.COMPLETE
    assert (last.id, last.status) == (2, RunStatus.COMPLETE)
