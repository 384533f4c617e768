"""A slot whose run read too little is tried again; one whose run was stopped stays due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from auditor import app
from auditor.daemon.service import Service
from auditor.demo.faults import Fault
from auditor.model import RunStatus, Trigger
from auditor.store.store import SqlStore
from auditor.store.tables import run
from tests.audit.stage import Stage, target
from tests.daemon.clock import SetClock
from tests.daemon.conftest import schedule, scheduled_since

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def store(pump: Stage) -> Iterator[SqlStore]:
    scheduled_since(pump, app.now() - 3 * DAY)
    with app.open_store(pump.settings) as opened:
        yield opened


def serve(
    pump: Stage, store: SqlStore, act: Callable[[Service, SetClock], Awaitable[None]]
) -> None:
    """Let a service by a clock that the test sets act, without its scheduler running."""
    clock = SetClock(app.now())

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
            await act(service, clock)

    asyncio.run(work())


def runs(store: SqlStore) -> list[tuple[int | None, RunStatus]]:
    return [(each.id, each.status) for each in reversed(store.all_runs())]


def mails(pump: Stage) -> list[str]:
    """Return what one of the recipients got."""
    return [
        " ".join(mail.get_body(("plain",)).get_content().split())  # type: ignore[union-attr] # each has text
        for to, mail in pump.postbox.taken
        if to == "ops@example.org"
    ]


def end_at(store: SqlStore, clock: SetClock) -> None:
    """Let the newest run have ended by the test's clock, as its own is the machine's."""
    newest = store.last_run()
    assert newest is not None
    with store.database.writing() as connection:
        connection.execute(update(run).where(run.c.id == newest.id).values(finished_at=clock.now))


def test_a_boot_before_the_network_is_one_report_of_the_run_that_succeeded(
    pump: Stage, store: SqlStore
) -> None:
    pump.studio.fail(Fault.CLOSE)

    async def boot(service: Service, clock: SetClock) -> None:
        await service._tick()
        pump.studio.heal()
        clock.pass_(4 * MINUTE)
        await service._tick()
        assert runs(store) == [(1, RunStatus.FAILED)]
        assert mails(pump) == []
        clock.pass_(MINUTE)
        await service._tick()

    serve(pump, store, boot)

    assert runs(store) == [(1, RunStatus.FAILED), (2, RunStatus.COMPLETE)]
    [mail] = mails(pump)
    assert "Run 1 of the same time checked less than half" in mail
    last = store.last_run()
    assert last is not None
    assert last.trigger is Trigger.CATCH_UP


@pytest.mark.both_databases
def test_an_outage_is_tried_after_5_15_and_45_minutes_and_then_hourly_and_reported_once(
    pump: Stage, store: SqlStore
) -> None:
    pump.studio.fail(Fault.CLOSE)
    counts: list[tuple[int, int]] = []

    async def outage(service: Service, clock: SetClock) -> None:
        await service._tick()
        for minutes in (5, 15, 45, 60, 60):
            end_at(store, clock)
            clock.pass_(timedelta(minutes=minutes - 1))
            await service._tick()
            before = len(store.all_runs())
            clock.pass_(MINUTE)
            await service._tick()
            counts.append((len(store.all_runs()) - before, len(mails(pump))))
        end_at(store, clock)
        pump.studio.heal()
        clock.pass_(60 * MINUTE)
        await service._tick()
        clock.pass_(60 * MINUTE)
        await service._tick()

    serve(pump, store, outage)

    assert counts == [(1, 1)] * 5
    assert len(mails(pump)) == 2
    assert runs(store)[-1] == (7, RunStatus.COMPLETE)


def test_a_try_is_due_by_the_ledger_whoever_made_the_one_before(
    pump: Stage, store: SqlStore
) -> None:
    pump.studio.fail(Fault.CLOSE)

    async def tick(service: Service, clock: SetClock) -> None:
        del clock
        await service._tick()

    async def later(service: Service, clock: SetClock) -> None:
        clock.pass_(5 * MINUTE)
        await service._tick()

    serve(pump, store, tick)
    serve(pump, store, tick)
    assert runs(store) == [(1, RunStatus.FAILED)]
    pump.studio.heal()
    serve(pump, store, later)

    assert runs(store)[1:] == [(2, RunStatus.COMPLETE)]


def test_what_half_a_run_found_is_in_the_report_of_the_next_try(
    pump: Stage, store: SqlStore
) -> None:
    pump.night()
    pump.postbox.taken.clear()
    pump.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    for learn_id in (4, 5):
        pump.studio.fail(Fault.CLOSE, target=target(learn_id))

    async def act(service: Service, clock: SetClock) -> None:
        await service._tick()
        assert mails(pump) == []
        pump.studio.heal()
        clock.pass_(5 * MINUTE)
        await service._tick()

    serve(pump, store, act)

    assert runs(store)[1:] == [(2, RunStatus.INCOMPLETE), (3, RunStatus.COMPLETE)]
    [mail] = mails(pump)
    assert "64" in mail


def test_a_wrong_key_does_not_pass_and_is_not_tried_again(pump: Stage, store: SqlStore) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)

    async def act(service: Service, clock: SetClock) -> None:
        await service._tick()
        clock.pass_(60 * MINUTE)
        await service._tick()

    serve(pump, store, act)

    assert runs(store) == [(1, RunStatus.FAILED)]
    assert len(mails(pump)) == 1


def test_a_failure_is_reported_at_once_where_the_next_slot_comes_before_the_next_try(
    pump: Stage, store: SqlStore
) -> None:
    schedule(pump, "*/5 * * * *")
    scheduled_since(pump, app.now() - 3 * DAY)
    pump.studio.fail(Fault.CLOSE)

    async def act(service: Service, clock: SetClock) -> None:
        del clock
        await service._tick()

    serve(pump, store, act)

    assert len(mails(pump)) == 1


@pytest.mark.both_databases
def test_stops_use_up_no_try_of_a_slot(pump: Stage, store: SqlStore) -> None:
    async def stopped_run(service: Service, clock: SetClock) -> None:
        del clock
        service._stop.is_set = iter([False, *[True] * 99]).__next__  # type: ignore[method-assign]
        for listed in app.find_schedules(service._settings):
            await service._run_if_due(listed, is_wake_up=False)

    async def tick(service: Service, clock: SetClock) -> None:
        del clock
        await service._tick()

    for _ in range(4):
        serve(pump, store, stopped_run)
    serve(pump, store, tick)

    assert [status for _, status in runs(store)] == [RunStatus.FAILED] * 4 + [RunStatus.COMPLETE]


def rename(pump: Stage) -> None:
    """Give the project a schedule of its own in place of the default one."""
    config = pump.folder / "config.toml"
    hour = (app.now() - timedelta(hours=6)).hour
    table = f'[[schedules]]\nname = "pumps"\ncron = "0 {hour} * * *"\nprojects = [7]\n'
    pump.configure(config.read_text().partition("\n[schedule]")[0] + "\n" + table)


@pytest.mark.both_databases
def test_a_schedule_that_was_renamed_while_it_owed_a_run_has_it_once(
    pump: Stage, store: SqlStore
) -> None:
    rename(pump)

    async def act(service: Service, clock: SetClock) -> None:
        await service._tick()
        clock.pass_(MINUTE)
        await service._tick()

    serve(pump, store, act)
    serve(pump, store, act)

    assert runs(store) == [(1, RunStatus.COMPLETE)]
    assert store.schedule_names() == {"pumps"}
    assert "runs were missed between" in mails(pump)[0]


def test_a_schedule_that_was_removed_and_owes_nothing_is_forgotten(
    pump: Stage, store: SqlStore
) -> None:
    async def act(service: Service, clock: SetClock) -> None:
        del clock
        await service._tick()

    serve(pump, store, act)
    rename(pump)
    serve(pump, store, act)

    assert runs(store) == [(1, RunStatus.COMPLETE)]
    assert store.schedule_names() == {"pumps"}
