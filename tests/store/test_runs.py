from __future__ import annotations

import multiprocessing
from datetime import timedelta
from multiprocessing.connection import Connection

import pytest

from auditor.errors import AlreadyRunError, RunUnderWayError, UsageError
from auditor.model import RunInfo, RunStatus, Trigger
from auditor.records import SlotRelease
from auditor.store.store import SqlStore, open_database

from .examples import NIGHT, PUMP, audited, first, night, opened, quiet, report

SLOT = {"schedule": "15 3 * * * UTC", "slot": "2026-11-23T03:15"}


def test_a_slot_of_the_schedule_is_run_once(store: SqlStore) -> None:
    store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **SLOT)

    with pytest.raises(AlreadyRunError, match="2026-11-23T03:15"):
        store.open_run(Trigger.CATCH_UP, started_at=NIGHT, **SLOT)


def test_another_schedule_may_have_the_same_slot(store: SqlStore) -> None:
    store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **SLOT)
    other = {**SLOT, "schedule": "15 3 * * * Europe/Berlin"}

    assert store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **other)


def test_manual_runs_fill_no_slot(store: SqlStore) -> None:
    assert opened(store) < opened(store)


def test_the_last_run_is_the_newest_one(store: SqlStore) -> None:
    assert store.last_run() is None
    opened(store, 0)
    run_id = opened(store, 1)

    assert store.last_run() == RunInfo(
        id=run_id, status=RunStatus.RUNNING, trigger=Trigger.MANUAL, started_at=night(1)
    )


def test_what_a_crash_left_open_is_abandoned_with_its_head(store: SqlStore) -> None:
    whole = audited(store, 0, first())
    first_crash, second_crash = opened(store, 1), opened(store, 2)
    heads = [store.head(first_crash)]

    assert store.abandon_open_runs(night(3)) == (first_crash, second_crash)

    last = store.last_run()
    assert last is not None
    assert (last.id, last.status, last.finished_at) == (
        second_crash,
        RunStatus.ABANDONED,
        night(3),
    )
    assert store.head(first_crash) == heads[0]
    assert store.abandon_open_runs(night(4)) == ()
    assert store.report(None) == store.report(whole)


def test_the_run_before_is_named(store: SqlStore) -> None:
    earlier, other = opened(store), opened(store)

    assert store.previous_run_id(earlier) is None
    assert store.previous_run_id(other) == earlier


def test_a_run_that_is_not_stored_has_no_head_and_no_report(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="no run 9"):
        store.head(9)
    assert store.report(9) is None
    assert store.report(None) is None


def test_only_one_run_holds_the_database(store: SqlStore, database_url: str) -> None:
    with open_database(database_url, upgrade=False) as other, store.run_lock():
        with pytest.raises(RunUnderWayError, match="under way"), other.run_lock():
            pytest.fail("two runs hold the database")
        assert other.last_run() is None


def test_the_next_run_gets_the_lock_that_the_run_before_released(store: SqlStore) -> None:
    with store.run_lock():
        pass
    with pytest.raises(ZeroDivisionError), store.run_lock():
        raise ZeroDivisionError

    with store.run_lock():
        audited(store, 0, first())


def test_a_process_that_dies_lets_go_of_the_lock(store: SqlStore, database_url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    holder = spawning.Process(target=hold, args=(database_url, theirs))
    holder.start()
    assert ours.recv() == "held"
    with pytest.raises(RunUnderWayError), store.run_lock():
        pytest.fail("two runs hold the database")

    holder.kill()
    holder.join()

    while not may_run(store):  # the server notices the death in its own time
        pass


def hold(url: str, theirs: Connection) -> None:
    with open_database(url, upgrade=False) as other, other.run_lock():
        theirs.send("held")
        theirs.recv()


def may_run(store: SqlStore) -> bool:
    try:
        with store.run_lock():
            return True
    except RunUnderWayError:
        return False


def test_a_closed_run_has_the_status_and_times_of_its_report(store: SqlStore) -> None:
    run_id = audited(store, 0, first())

    last = store.last_run()

    assert last is not None
    assert last == report(run_id).run
    assert last.finished_at == NIGHT + timedelta(seconds=9)


def test_the_fingerprint_key_is_random_and_stays(store: SqlStore, database_url: str) -> None:
    key = store.fingerprint_key()

    with open_database(database_url, upgrade=False) as again:
        assert again.fingerprint_key() == key
    assert len(key) == 32


def test_secret_parameters_are_remembered_once(store: SqlStore) -> None:
    store.add_secret_parameters(["token", "x\x00\ud800"])
    store.add_secret_parameters(["token", "n" * 100_000])

    assert store.secrets().names == {"token", "x\x00\ud800", "n" * 100_000}


def test_a_slot_has_its_run_once_that_is_started(store: SqlStore) -> None:
    assert not store.has_run(**SLOT)
    store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **SLOT)

    assert store.has_run(**SLOT)
    assert not store.has_run(SLOT["schedule"], "2026-11-24T03:15")


def test_a_slot_whose_run_was_abandoned_is_due_again_but_not_for_ever(store: SqlStore) -> None:
    has_run = []
    for _ in range(3):
        store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **SLOT)
        store.abandon_open_runs(night(1))
        has_run.append(store.has_run(**SLOT))

    assert has_run == [False, False, True]


def test_a_slot_whose_run_was_stopped_is_due_again(store: SqlStore) -> None:
    run_id = store.open_run(Trigger.SCHEDULE, started_at=NIGHT, **SLOT)
    store.release_slot(run_id, why=SlotRelease.STOPPED)

    assert not store.has_run(**SLOT)


def test_a_run_is_known_however_it_ended(store: SqlStore) -> None:
    run_id = store.open_run(Trigger.MANUAL, started_at=NIGHT)
    store.abandon_open_runs(night(1))

    found, closed = store.run_info(run_id), store.report(run_id)
    assert found is not None
    assert found.status is RunStatus.ABANDONED
    assert closed is not None
    assert closed.run == found
    assert store.run_info(run_id + 1) is None


def test_a_schedule_starts_anew_with_another_line(store: SqlStore) -> None:
    assert store.schedule_start("audit", "15 3 * * *", now=night(0)) == night(0)
    assert store.schedule_start("audit", "15 3 * * *", now=night(1)) == night(0)
    assert store.schedule_start("audit", "15 4 * * *", now=night(2)) == night(2)
    assert store.schedule_start("audit", "15 3 * * *", now=night(3)) == night(3)
    assert store.schedule_start("other", "15 3 * * *", now=night(4)) == night(4)


def test_since_when_a_schedule_is_in_force_cannot_lie_ahead(store: SqlStore) -> None:
    store.schedule_start("audit", "15 3 * * *", now=night(9))

    assert store.schedule_start("audit", "15 3 * * *", now=night(1)) == night(1)
    assert store.schedule_in_force("audit") == ("15 3 * * *", night(1))


def test_a_schedule_that_is_no_longer_configured_is_forgotten(store: SqlStore) -> None:
    for name in ("audit", "other"):
        store.schedule_start(name, "15 3 * * *", now=night(0))
    store.forget_other_schedules({"audit"})

    assert store.schedule_in_force("other") is None
    assert store.schedule_in_force("audit") == ("15 3 * * *", night(0))


def test_the_last_slot_is_the_newest_with_a_run_since_then(store: SqlStore) -> None:
    slots = ["2026-11-23T03:15", "2026-11-24T03:15", "2026-11-25T03:15"]
    runs = [
        store.open_run(Trigger.SCHEDULE, started_at=night(number), schedule="audit", slot=slot)
        for number, slot in enumerate(slots)
    ]
    store.release_slot(runs[-1], why=SlotRelease.STOPPED)

    def last(schedule: str = "audit", *, since: int, until: int = 3, before: str = "-") -> object:
        between = {"since": night(since), "until": night(until)}
        return store.last_slot(schedule, **between, before=before)

    assert last(since=0) == slots[1]
    assert last(since=2) is None
    assert last("other", since=0) is None
    assert last(since=0, until=0) == slots[0]  # the other run was made by a clock that was ahead
    assert last(since=0, before=slots[1]) == slots[0]


def test_a_slot_whose_runs_read_too_little_was_tried_and_is_due(store: SqlStore) -> None:
    for number in range(4):
        run_id = store.open_run(Trigger.SCHEDULE, started_at=night(0), **SLOT)
        store.release_slot(run_id, why=SlotRelease.READ_TOO_LITTLE)
        store.abandon_open_runs(night(number))

    assert [run.id for run in store.slot_tries(**SLOT)] == [1, 2, 3, 4]
    assert not store.has_run(**SLOT)
    assert store.slot_ended(**SLOT)
    assert store.slot_tries("other", SLOT["slot"]) == ()


def test_runs_come_newest_first_however_they_ended(store: SqlStore) -> None:
    audited(store, 0, first(PUMP))
    opened(store, 1)
    store.abandon_open_runs(night(1))
    audited(store, 2, quiet(PUMP))

    assert [(run.id, run.status) for run in store.all_runs()] == [
        (3, RunStatus.COMPLETE),
        (2, RunStatus.ABANDONED),
        (1, RunStatus.COMPLETE),
    ]
