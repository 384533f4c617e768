"""What a session on PostgreSQL is set to, and servers that refuse to write or share sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, make_url

from auditor.errors import LockLostError, StoreError, StoreUnreachableError, UnfitDatabaseError
from auditor.results import NewVersion
from auditor.store.database import database_exists
from auditor.store.store import SqlStore, open_database
from tests.conftest import Postgres

from .examples import Sql, audited, first, night, opened

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
_DEFAULTS = {
    "datestyle": "German, DMY",
    "timezone": "Asia/Tokyo",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-15",
    "client_encoding": "LATIN1",
    "idle_session_timeout": "1s",
    "idle_in_transaction_session_timeout": "1s",
    "statement_timeout": "100ms",
    "lock_timeout": "0",
    "default_transaction_isolation": "serializable",
}


def named(project: str) -> NewVersion:
    return replace(first(), project=project)


@pytest.fixture
def odd_url(database_url: str, sql: Sql) -> str:
    """The URL of a database whose sessions have other defaults than usual."""
    name = make_url(database_url).database
    sql.write(
        *(f"ALTER DATABASE {name} SET {key} = '{value}'" for key, value in _DEFAULTS.items())
    )
    return database_url


def test_no_default_of_the_server_changes_what_is_stored_and_read(
    odd_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    with open_database(odd_url, upgrade=False) as store:
        assert audited(store, 0, named("ポンプ")) == 1
        (status,) = store.statuses()
        last = store.last_run()

        assert store.verify() is None
    assert status.project == "ポンプ"
    assert last is not None
    assert last.started_at == night(0)


def test_a_lock_is_waited_for_ten_seconds_and_an_idle_session_stays(odd_url: str) -> None:
    with (
        open_database(odd_url, upgrade=False) as store,
        store.database.reading() as connection,
    ):
        values = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_session_timeout")
        }
    assert values == {
        "lock_timeout": "10s",
        "statement_timeout": "10min",
        "idle_session_timeout": "0",
    }


def test_a_database_without_an_encoding_holds_every_name(
    database_url: str, postgres_server: Postgres
) -> None:
    del database_url
    url = postgres_server.empty(encoding="SQL_ASCII")
    with open_database(url, upgrade=True) as store:
        audited(store, 0, named("ポンプ naïve"))
    with open_database(url, upgrade=False) as store:
        (status,) = store.statuses()

        assert store.verify() is None
    assert status.project == "ポンプ naïve"


def test_bytes_that_are_no_text_are_an_error_of_the_database(
    database_url: str, postgres_server: Postgres
) -> None:
    del database_url
    url = postgres_server.empty(encoding="SQL_ASCII")
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with open_database(url, upgrade=True) as store:
        audited(store, 0, first())
        with psycopg.connect(plain) as other:
            other.execute(r"UPDATE target SET project = E'\xff'")

        with pytest.raises(StoreError, match=r"cannot hold a text.*0xff"):
            store.statuses()


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP"])
def test_an_encoding_that_cannot_hold_every_name_is_refused(
    database_url: str, postgres_server: Postgres, encoding: str
) -> None:
    del database_url
    url = postgres_server.empty(encoding=encoding)

    with pytest.raises(UnfitDatabaseError, match=f"{encoding} .*--encoding UTF8 --template"):
        open_database(url, upgrade=True)
    with pytest.raises(UnfitDatabaseError, match=encoding):
        database_exists(url)


class Sessions:
    """The sessions of a store, as their server sees them."""

    def __init__(self, store: SqlStore) -> None:
        self._open: list[psycopg.Connection[Any]] = []
        store.close()
        event.listen(store.database.engine, "connect", self._add)

    def _add(self, connection: psycopg.Connection[Any], _record: object) -> None:
        self._open.append(connection)

    def demote(self) -> None:
        """Let the server of every session so far refuse to write, as after a failover."""
        for connection in self._open:
            if connection.closed:
                continue
            connection.rollback()
            connection.execute("SET default_transaction_read_only = on")
            connection.commit()


def test_a_server_that_refuses_to_write_is_left_with_every_connection(store: SqlStore) -> None:
    sessions = Sessions(store)
    with store.database.writing(), store.database.writing():
        pass  # two connections in the pool
    sessions.demote()

    with pytest.raises(StoreUnreachableError, match=r"refuses to write.*=read-write"):
        opened(store)

    assert opened(store) == 1
    with store.database.reading(), store.database.reading() as second:
        assert second.exec_driver_sql("SHOW default_transaction_read_only").scalar() == "off"


def test_a_lock_is_not_taken_on_a_server_that_refuses_to_write(store: SqlStore) -> None:
    sessions = Sessions(store)
    with store.database.writing():
        pass
    sessions.demote()

    with store.run_lock():
        assert opened(store) == 1


def test_a_lock_on_a_server_that_was_demoted_is_taken_again_on_the_next(
    store: SqlStore, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions(store)
    with store.service_lock() as lock, open_database(database_url, upgrade=False) as other:
        sessions.demote()
        lock.keep()

        with pytest.raises(Exception, match="another auditor daemon"), other.service_lock():
            pytest.fail("two hold one lock")
    assert "lock was lost" in caplog.text


def test_a_lock_on_a_server_that_was_demoted_is_lost_to_who_took_it_on_the_next(
    store: SqlStore, database_url: str, sql: Sql
) -> None:
    sessions = Sessions(store)
    with store.service_lock() as lock, open_database(database_url, upgrade=False) as other:
        sessions.demote()
        sql.read("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with other.service_lock(), pytest.raises(LockLostError):
            lock.keep()


def test_a_standby_is_refused_with_the_remedy(
    store: SqlStore, database_url: str, sql: Sql
) -> None:
    name = make_url(database_url).database
    sql.write(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store.close()

    with pytest.raises(StoreUnreachableError, match="=read-write"), store.run_lock():
        pytest.fail("a lock where nothing can be written")


def test_sessions_of_a_database_that_was_made_read_only_are_left_with_the_first_refusal(
    store: SqlStore, database_url: str, sql: Sql
) -> None:
    name = make_url(database_url).database
    assert opened(store, 0) == 1
    sql.write(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert opened(store, 1) == 2  # PostgreSQL lets sessions from before go on
    with store.database.reading(), pytest.raises(StoreUnreachableError, match="refuses to write"):
        opened(store, 2)  # by a new session

    with pytest.raises(StoreUnreachableError, match="refuses to write"):
        opened(store, 2)  # the one from before is gone
    reset = f"ALTER DATABASE {name} RESET default_transaction_read_only"
    sql.write("SET TRANSACTION READ WRITE", reset)
    assert opened(store, 2) == 3


def test_a_pooler_that_shares_sessions_is_refused(store: SqlStore, database_url: str) -> None:
    shared = psycopg.connect(
        make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    )
    store.close()
    event.listen(store.database.engine, "do_connect", lambda *_: shared)

    with pytest.raises(UnfitDatabaseError, match="pool_mode = session"), store.run_lock():
        pytest.fail("a lock that would not hold")
    shared.close()
