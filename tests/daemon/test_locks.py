"""What the service does about locks, clocks, schedules and a database that gives no answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from auditor import app
from auditor.app.deliveries import deliver_messages
from auditor.daemon.service import RETRY_AFTER, Service
from auditor.deliver import Delivery, attempt
from auditor.locks import Lock
from auditor.model import RunInfo, TargetId, Trigger
from auditor.outbox import MessageState
from auditor.store.store import SqlStore
from tests.audit.stage import KEY, Stage, block
from tests.cli.gate import DEADLINE_S
from tests.daemon.clock import SetClock
from tests.daemon.conftest import scheduled_since
from tests.store.examples import Sql

pytestmark = pytest.mark.both_databases

DAYS = timedelta(days=1)
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def store(pump: Stage) -> Iterator[SqlStore]:
    with app.open_store(pump.settings) as store:
        yield store


def serve(
    pump: Stage, store: SqlStore, act: Callable[[Service], Awaitable[None]], clock: SetClock
) -> None:
    """Let a service that has the lock adopt its configuration and act."""

    async def work() -> None:
        service = Service(
            pump.settings,
            store,
            load=lambda: pump.settings,
            stop=asyncio.Event(),
            clock=clock.clock,
        )
        with store.service_lock() as service._lock:
            await service._adopt(pump.settings)
            await act(service)

    asyncio.run(work())


def runs(store: SqlStore) -> list[RunInfo]:
    return list(reversed(store.all_runs()))


def queue_two(pump: Stage) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later", "ops@example.org": "450 later"}
    pump.night()
    pump.postbox.refuses.clear()


@ONLY_POSTGRESQL
def test_a_service_whose_lock_another_daemon_took_steps_back(
    pump: Stage, store: SqlStore, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"

    async def lose_it_twice(service: Service) -> None:
        with Sql(database_url) as sql, app.open_store(pump.settings) as other:
            sql.read(end)
            await service._keep_lock()
            assert service._lock is not None
            sql.read(end)
            with other.service_lock():
                await service._keep_lock()
                assert service._lock is None
                assert "Standing by" in await service._status()

    serve(pump, store, lose_it_twice, SetClock(app.now()))
    assert "no longer served from here" in caplog.text


@ONLY_SQLITE
def test_a_run_is_not_kept_by_messages_nor_messages_by_a_run(pump: Stage, store: SqlStore) -> None:
    queue_two(pump)
    scheduled_since(pump, app.now() - 3 * DAYS)

    async def both_at_once(service: Service) -> None:
        async with service._delivering:  # a mail server that hangs
            await service._tick()
        async with service._running:
            await service._tick()

    serve(pump, store, both_at_once, SetClock(app.now()))
    assert [run.trigger for run in runs(store)] == [Trigger.MANUAL, Trigger.CATCH_UP]
    assert len(pump.postbox.taken) == 2  # of the run; the two before it wait for their time


@ONLY_SQLITE
def test_the_outbox_is_left_to_the_process_that_has_it(pump: Stage, store: SqlStore) -> None:
    queue_two(pump)
    with app.open_store(pump.settings) as other, other.outbox_lock():
        meanwhile = deliver_messages(pump.settings, store)
    afterwards = deliver_messages(pump.settings, store)

    assert (meanwhile, afterwards) == (Delivery(waiting=2), Delivery(delivered=2))
    assert len(pump.postbox.taken) == 2


class AskingStore(SqlStore):
    """A store that says when the outbox was asked for."""

    asked = threading.Event()

    def outbox_lock(self) -> AbstractContextManager[Lock]:
        self.asked.set()
        return super().outbox_lock()


@ONLY_SQLITE
def test_who_waits_for_the_outbox_tells_what_the_other_delivered(
    pump: Stage, store: SqlStore
) -> None:
    queue_two(pump)
    found: list[Delivery | None] = []
    asking = AskingStore(store.database)
    waits = threading.Thread(
        target=lambda: found.append(
            deliver_messages(pump.settings, asking, patience=timedelta(seconds=DEADLINE_S))
        )
    )
    with app.open_store(pump.settings) as other, other.outbox_lock():
        waits.start()
        assert asking.asked.wait(DEADLINE_S)
        for message in other.queued_messages(due_by=None):
            mailer = app.build_mailer(pump.settings)
            assert mailer is not None
            other.record(attempt(message, mailer, now=app.now)[0])
    waits.join(DEADLINE_S)

    assert len(pump.postbox.taken) == 2
    assert found == [Delivery(delivered=2)]


@ONLY_SQLITE
def test_with_nothing_to_deliver_the_outbox_is_left_alone(pump: Stage, store: SqlStore) -> None:
    with app.open_store(pump.settings) as other, other.outbox_lock():
        assert deliver_messages(pump.settings, store) == Delivery()


@ONLY_SQLITE
def test_each_schedule_runs_over_its_projects(pump: Stage, store: SqlStore) -> None:
    pump.studio.add_project(8, name="fan", api_key=KEY)
    pump.studio.put(TargetId(8, 1), block())
    text = (pump.folder / "config.toml").read_text()
    pump.configure(
        f'{text}\n[[projects]]\nid = 8\napi_key = {{ env = "EI_KEY" }}\n'
        '[[schedules]]\nname = "often"\ncron = "* * * * *"\nprojects = [8]\n'
    )
    scheduled_since(pump, app.now() - 3 * DAYS)

    async def tick(service: Service) -> None:
        await service._tick()

    serve(pump, store, tick, SetClock(app.now() + timedelta(minutes=5)))
    reports = [store.report(number) for number in (1, 2)]

    assert [
        sorted(result.target.project_id for result in report.targets)
        for report in reports
        if report
    ] == [
        [7, 7, 7],
        [8],
    ]
    assert reports[1] is not None
    assert "1,000 or more runs were missed between" in reports[1].notes[0]
    assert "by often, * * * * * (UTC);" in reports[1].notes[0]


@ONLY_SQLITE
def test_a_clock_that_is_set_back_silences_no_retry(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SetClock(app.now())
    scheduled_since(pump, app.now() - 9 * DAYS)

    async def fail_then_set_the_clock(service: Service) -> None:
        service._store = StoreWithoutRuns(store.database)
        await service._tick()
        service._store = store
        clock.set_by(-3 * DAYS)
        clock.pass_(RETRY_AFTER)
        await service._tick()

    serve(pump, store, fail_then_set_the_clock, clock)

    assert [run.trigger for run in runs(store)] == [Trigger.CATCH_UP]
    assert "clock was set" in caplog.text


class StoreWithoutRuns(SqlStore):
    def open_run(self, trigger: Trigger, **_: object) -> int:
        raise OSError(f"no room for a run by {trigger}")


@ONLY_SQLITE
def test_a_clock_behind_the_last_run_is_reported(pump: Stage, store: SqlStore) -> None:
    pump.night()
    said: list[str] = []

    async def status(service: Service) -> None:
        said.append(await service._status())

    serve(pump, store, status, SetClock(app.now() - DAYS))
    serve(pump, store, status, SetClock(app.now()))

    assert "the clock is behind the last run: no run is due before 20" in said[0]
    assert said[1].endswith("; 0 undelivered")


@ONLY_SQLITE
def test_messages_are_dropped_once_email_is_no_longer_configured(
    pump: Stage, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    queue_two(pump)
    pump.without_mail()
    shown: list[str] = []

    async def deliver_and_read_status(service: Service) -> None:
        await service._deliver()
        shown.append(await service._status())

    serve(pump, store, deliver_and_read_status, SetClock(app.now()))

    assert shown[0].endswith("; 0 undelivered")
    assert (
        "messages dropped: the configuration has neither [email] nor [[channels]]" in caplog.text
    )
    assert store.count_messages()[MessageState.DROPPED] == 2
    assert store.undelivered_runs([1]) == frozenset()


class HungStore(SqlStore):
    """A store that does not answer one question until it is let go."""

    asked, go = threading.Event(), threading.Event()

    def last_run(self) -> RunInfo | None:
        with self.database.reading():
            self.asked.set()
            self.go.wait(DEADLINE_S)
        return None


@ONLY_SQLITE
def test_a_database_without_an_answer_does_not_stop_the_loop(pump: Stage, store: SqlStore) -> None:
    hung = HungStore(store.database)

    async def ask(service: Service) -> None:
        service._store = hung
        asking = asyncio.create_task(service._notify_status())
        while not hung.asked.is_set():
            await asyncio.sleep(0.01)  # the loop goes on
        assert hung.busy_for() > timedelta()
        assert service._fault() == ""
        hung.go.set()
        await asking

    serve(pump, store, ask, SetClock(app.now()))
