from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from auditor.errors import (
    DamagedDatabaseError,
    SchemaVersionError,
    StoreError,
    StoreUnreachableError,
    UnfitDatabaseError,
)
from auditor.model import TargetId
from auditor.resources import folder
from auditor.store.address import parse_address
from auditor.store.database import database_exists
from auditor.store.schema import HEAD, REVISIONS, upgrade
from auditor.store.store import SqlStore, open_database

from .examples import Sql, first, night, opened

ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def settings(url: str) -> Config:
    made = Config(attributes={"url": url})
    made.set_main_option("script_location", str(folder("migrations")))
    return made


def file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


def test_a_database_is_made_at_the_first_start(empty_database_url: str) -> None:
    assert not database_exists(empty_database_url)

    with open_database(empty_database_url, upgrade=True) as store:
        assert store.statuses() == ()

    assert database_exists(empty_database_url)
    open_database(empty_database_url, upgrade=False).close()


def test_looking_for_a_database_makes_none(empty_database_url: str) -> None:
    database_exists(empty_database_url)

    assert not database_exists(empty_database_url)
    assert not file_of(empty_database_url).exists()


def test_a_missing_database_is_not_made_without_leave(empty_database_url: str) -> None:
    with pytest.raises(StoreError, match="auditor db upgrade"):
        open_database(empty_database_url, upgrade=False)

    assert not database_exists(empty_database_url)


def test_a_newer_database_is_refused_and_both_versions_named(database_url: str, sql: Sql) -> None:
    sql.write("UPDATE alembic_version SET version_num = '0999'")

    for leave in (True, False):
        with pytest.raises(SchemaVersionError, match=f"0999.*{HEAD}.*backup"):
            open_database(database_url, upgrade=leave)
    with pytest.raises(SchemaVersionError, match="0999"):
        upgrade(database_url)


def test_a_database_can_be_upgraded_twice(database_url: str) -> None:
    upgrade(database_url)

    open_database(database_url, upgrade=True).close()


def test_the_tables_are_what_the_migrations_make(database_url: str) -> None:
    command.check(settings(database_url))


def test_the_programs_revisions_are_those_of_the_script_directory() -> None:
    scripts = ScriptDirectory.from_config(settings("sqlite:///unused.db"))

    in_order = [script.revision for script in scripts.walk_revisions()]

    assert tuple(reversed(in_order)) == REVISIONS


@ONLY_SQLITE
def test_a_usual_start_does_without_alembic(database_url: str) -> None:
    program = (
        "import sys; from auditor.store.store import open_database; "
        f"open_database({database_url!r}, upgrade=True).close(); "
        "sys.exit('alembic' in sys.modules)"
    )

    assert started(program).wait() == 0


def test_starts_at_once_make_one_database(empty_database_url: str) -> None:
    url = empty_database_url
    program = (
        f"from auditor.store.store import open_database; open_database({url!r}, upgrade=True)"
    )
    starts = [started(program) for _ in range(3)]

    assert [start.wait() for start in starts] == [0, 0, 0]


def started(program: str) -> subprocess.Popen[bytes]:
    root = folder("migrations").parent
    return subprocess.Popen([sys.executable, "-c", program], cwd=root)  # noqa: S603 # our own


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"

    with open_database(url, upgrade=True) as own, own.run_lock():
        opened(own)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("own.db*")}

    assert modes.pop("own.db.lock") == 0o600
    assert modes == dict.fromkeys(["own.db", "own.db-wal", "own.db-shm"], 0o600)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachableError, match=f"no folder {tmp_path}/none; make it"):
        open_database(f"sqlite:///{tmp_path}/none/auditor.db", upgrade=True)


@ONLY_SQLITE
@pytest.mark.parametrize("at", [0, 20_000], ids=["header", "page"])
def test_a_scribbled_file_is_damaged_and_exits_78(database_url: str, at: int) -> None:
    with file_of(database_url).open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 4096)

    with pytest.raises(DamagedDatabaseError, match="your last backup") as caught:
        open_database(database_url, upgrade=True)
    assert caught.value.exit_code == 78


@ONLY_SQLITE
def test_a_file_of_another_kind_is_refused_and_not_called_damaged(database_url: str) -> None:
    file_of(database_url).write_text("not a database, but long enough to look like one " * 999)

    for ask in (database_exists, partial(open_database, upgrade=True)):
        with pytest.raises(UnfitDatabaseError, match="another kind; name another one") as caught:
            ask(database_url)
        assert caught.value.exit_code == 2


@ONLY_SQLITE
def test_a_file_that_a_run_has_locked_was_a_database_and_is_damaged(database_url: str) -> None:
    with open_database(database_url, upgrade=False) as store, store.run_lock():
        pass
    file_of(database_url).write_bytes(b"\0" * 8192)

    with pytest.raises(DamagedDatabaseError):
        open_database(database_url, upgrade=False)


@ONLY_SQLITE
def test_a_full_disk_is_an_error_with_a_remedy(store: SqlStore) -> None:
    run_id = opened(store)
    many = [first(TargetId(project, 3), f"{project}") for project in range(300)]
    with store.database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreUnreachableError, match="disk is full; make room"):
        store.save(run_id, many, at=night(0))

    assert store.statuses() == ()


def test_a_read_only_database_is_an_error_with_a_remedy(
    store: SqlStore, database_url: str, sql: Sql
) -> None:
    if sql.is_sqlite:
        with store.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
    else:
        name = make_url(database_url).database
        sql.write(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        store.database.engine.dispose()

    remedy = "give the auditor's user" if sql.is_sqlite else "target_session_attrs=read-write"
    with pytest.raises(StoreUnreachableError, match=f"read-only; .*{remedy}"):
        opened(store)


@contextmanager
def locked(url: str) -> Iterator[Callable[[], object]]:
    """Let another program hold the table of the runs; yield what lets go of it."""
    if make_url(url).get_backend_name() == "sqlite":
        path = file_of(url)
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield file.rollback
        return
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as server:
        server.execute("LOCK TABLE run IN EXCLUSIVE MODE")
        yield server.rollback
        server.rollback()


def test_a_database_that_is_locked_for_a_moment_is_waited_for(
    store: SqlStore, database_url: str
) -> None:
    with locked(database_url) as let_go:
        release = threading.Timer(0.1, let_go)
        release.start()

        assert opened(store) == 1
        release.join()


def test_a_locked_database_is_an_error_with_a_remedy(store: SqlStore, database_url: str) -> None:
    with store.database.writing() as connection:  # of the pool, to be taken again
        if store.database.address.is_sqlite:
            connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        else:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "10s"
            connection.exec_driver_sql("SET lock_timeout = '1ms'")

    with (
        locked(database_url),
        pytest.raises(StoreUnreachableError, match="locked for too long; end that program"),
    ):
        opened(store)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"port": "1"}, "check that the server runs"),
        ({"dbname": "no_such_database"}, "no such database on the server; make it"),
        ({"user": "nobody_of_that_name"}, "refuses the user; check user and password"),
        ({"port": "many"}, "an option is wrong; correct database.url"),
        ({"bogus": "1"}, "an option is wrong; correct database.url"),
    ],
    ids=["port", "database", "user", "no-port", "option"],
)
@ONLY_POSTGRESQL
def test_a_server_that_is_not_reached_is_an_error_without_the_password(
    database_url: str, changes: dict[str, str], remedy: str
) -> None:
    url = make_url(database_url).set(password="canary-pa55word").update_query_dict(changes)
    plain = url.render_as_string(hide_password=False)

    with pytest.raises((StoreUnreachableError, UnfitDatabaseError), match=remedy) as caught:
        open_database(plain, upgrade=True)

    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value.__cause__)


@ONLY_POSTGRESQL
def test_a_database_that_the_server_lacks_is_no_empty_history(database_url: str) -> None:
    missing = make_url(database_url).set(database="no_such_database", password="canary")

    with pytest.raises(StoreUnreachableError, match="no such database on the server; make it"):
        database_exists(missing.render_as_string(hide_password=False))


@ONLY_POSTGRESQL
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_url_without_a_driver_means_psycopg_3(database_url: str, scheme: str) -> None:
    plain = make_url(database_url).set(drivername=scheme)

    open_database(plain.render_as_string(hide_password=False), upgrade=False).close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:a.db?uri=true",
        "mysql://user:canary@host/name",
        "postgresql+psycopg2://user:canary@host/name",
        "canary",
        "postgresql://user:canary@host:port/name",
    ],
)
def test_what_is_no_database_of_ours_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:///auditor\.db or postgresql") as caught:
        open_database(url, upgrade=True)

    assert "canary" not in str(caught.value)


def test_an_address_shows_itself_without_secrets() -> None:
    where = parse_address("postgresql://user:canary@host:5433/name?sslpassword=bird")

    assert repr(where) == "Address(host:5433/name)"
    assert where.hide_passwords("no canary, no bird") == "no ***, no ***"


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE run (id INTEGER)")
        other.commit()

    with pytest.raises(SchemaVersionError, match="belongs to another program"):
        open_database(f"sqlite:///{path}", upgrade=True)


def test_the_health_of_a_database_has_its_kind_schema_and_size(store: SqlStore, sql: Sql) -> None:
    found = store.health()

    assert (found.kind, found.schema) == ("SQLite" if sql.is_sqlite else "PostgreSQL", HEAD)
    assert found.size_bytes > 4096
    assert (found.file is not None) == sql.is_sqlite
    assert found.file is None or found.file.stat().st_size == found.size_bytes


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_is_only_readable_has_no_health(database_url: str) -> None:
    as_reader = f"{database_url}?options=-c%20role%3Dpg_read_all_data"

    with (
        open_database(as_reader, upgrade=False) as store,
        pytest.raises(StoreUnreachableError, match="the user lacks a right on it; make"),
    ):
        store.health()
