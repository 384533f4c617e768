from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest

from auditor.errors import (
    DeliveryUnderWayError,
    LockLostError,
    RunUnderWayError,
    ServedError,
    StoreError,
)
from auditor.model import RunStatus
from auditor.records import RunConclusions
from auditor.store.store import SqlStore, open_database

from .examples import Sql, audited, first, night, opened, report

ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
Taking: TypeAlias = Callable[[SqlStore], AbstractContextManager[object]]
LOCKS: list[tuple[Taking, type[StoreError]]] = [
    (SqlStore.run_lock, RunUnderWayError),
    (SqlStore.outbox_lock, DeliveryUnderWayError),
    (SqlStore.service_lock, ServedError),
]


@pytest.mark.parametrize(("lock", "refusal"), LOCKS, ids=["run", "outbox", "service"])
def test_a_lock_is_of_one_process_at_a_time(
    store: SqlStore, database_url: str, lock: Taking, refusal: type[StoreError]
) -> None:
    with open_database(database_url, upgrade=False) as other:
        with lock(store), pytest.raises(refusal, match="another"), lock(other):
            pytest.fail("two hold one lock")
        with lock(other):
            pass


def test_locks_of_different_kinds_are_held_at_once(store: SqlStore, database_url: str) -> None:
    with (
        open_database(database_url, upgrade=False) as other,
        other.service_lock(),
        store.outbox_lock(),
        other.run_lock(),
    ):
        assert audited(other, 0, first()) == 1


def test_a_run_that_another_process_gave_up_stores_nothing_more(
    store: SqlStore, database_url: str
) -> None:
    run_id = opened(store)
    with open_database(database_url, upgrade=False) as other:
        other.abandon_open_runs(night(1))

    with pytest.raises(LockLostError, match=f"run {run_id} was given up"):
        store.save(run_id, [first()], at=night(0))
    with pytest.raises(LockLostError, match=f"run {run_id} was given up"):
        store.close_run(report(run_id), (), carried=(), conclusions=RunConclusions())
    last = store.last_run()
    assert last is not None
    assert last.status is RunStatus.ABANDONED
    assert store.statuses() == ()


def end_connections_that_lock(sql: Sql) -> None:
    query = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"
    assert all(sql.read(query))


@ONLY_POSTGRESQL
def test_a_run_whose_connection_was_lost_takes_its_lock_again(
    store: SqlStore, sql: Sql, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_database(database_url, upgrade=False) as other, store.run_lock():
        run_id = opened(store)
        end_connections_that_lock(sql)
        store.save(run_id, [first()], at=night(0))

        with pytest.raises(RunUnderWayError), other.run_lock():
            pytest.fail("two runs hold the database")
    assert "lock was lost" in caplog.text


@ONLY_POSTGRESQL
def test_a_run_whose_lock_another_run_has_by_now_does_not_go_on(
    store: SqlStore, sql: Sql, database_url: str
) -> None:
    with open_database(database_url, upgrade=False) as other, store.run_lock():
        run_id = opened(store)
        end_connections_that_lock(sql)
        with other.run_lock():
            with pytest.raises(LockLostError, match="another run on it is under way"):
                store.save(run_id, [first()], at=night(0))
            with pytest.raises(LockLostError):
                store.close_run(report(run_id), (), carried=(), conclusions=RunConclusions())


@ONLY_POSTGRESQL
def test_a_daemon_notices_that_its_lock_went(store: SqlStore, sql: Sql, database_url: str) -> None:
    with open_database(database_url, upgrade=False) as other, store.service_lock() as lock:
        lock.keep()
        end_connections_that_lock(sql)
        with other.service_lock(), pytest.raises(LockLostError):
            lock.keep()


def test_a_question_that_is_answered_keeps_nobody_waiting(store: SqlStore) -> None:
    with store.database.reading():
        assert store.busy_for().total_seconds() > 0
    assert store.busy_for().total_seconds() == 0
