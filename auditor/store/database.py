"""The engine: connections set up alike, transactions that read or write, damage found early."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, Pool, create_engine, event, inspect

from auditor.errors import DamagedDatabaseError, StoreUnreachableError
from auditor.store.address import Address, address
from auditor.store.translation import RESTORE, translated

_BUSY_TIMEOUT_S = 10
# Of a PostgreSQL connection, unless the URL says so. A network that swallows what is sent is
# noticed after a minute or two, not after the two hours of Linux.
_LIBPQ: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
_WRITES = "auditor_writes"
_OUTLASTS = "auditor_outlasts_power"


class Database:
    """A database with its connections. Every error it lets out is of the auditor's tree."""

    def __init__(self, where: Address, *, poolclass: type[Pool] | None = None) -> None:
        self.where = where
        self.engine = _engine(where, poolclass)
        self._under_way: dict[object, float] = {}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a transaction that sees one state of the database throughout."""
        options: dict[str, Any] = {}
        if not self.where.is_sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.timed(), translated(self.where), self.engine.connect() as connection:
            connection.execution_options(**options)
            yield connection

    @contextmanager
    def writing(self, *, outlasts_power: bool = False) -> Iterator[Connection]:
        """Give a transaction that is committed at the end, or rolled back by an error.

        One that `outlasts_power` is on the disk when it is committed, with all that came before
        it. SQLite may lose any other, with all that came after it, where the power goes.
        """
        with self.timed(), translated(self.where), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True, _OUTLASTS: outlasts_power})
            with connection.begin():
                yield connection

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Let `busy_for` know of a question to the database, until it is answered."""
        mark = object()
        self._under_way[mark] = time.monotonic()
        try:
            yield
        finally:
            del self._under_way[mark]

    def busy_for(self) -> timedelta:
        """Return the age of the oldest question that is not answered yet."""
        now = time.monotonic()
        return timedelta(seconds=now - min((now, *self._under_way.values())))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def database(url: str, *, poolclass: type[Pool] | None = None) -> Database:
    """Return the database at `url`; nothing is opened yet."""
    return Database(address(url), poolclass=poolclass)


def database_exists(url: str) -> bool:
    """Return whether the auditor has a database at `url`; makes and changes nothing.

    Raises:
        StoreUnreachableError: the server of a PostgreSQL database gives no answer.
    """
    where = address(url)
    if where.is_sqlite and not _has_content(where):
        return False
    # a bare engine: setting up a connection as ours would change the file
    engine = create_engine(where.url, poolclass=NullPool)
    try:
        with translated(where), engine.connect() as connection:
            return inspect(connection).has_table("alembic_version")
    except StoreUnreachableError as error:
        if _names_no_database(error):
            return False
        raise


def make_file(where: Address) -> None:
    """Make the file of a SQLite database, for its owner alone, where there is none.

    Raises:
        StoreUnreachableError: its folder is missing or not to be written.
    """
    folder = where.path.absolute().parent
    if not folder.is_dir():
        raise StoreUnreachableError(
            f"database {where}: there is no folder {folder}; make it (mkdir), or correct "
            "database.url"
        )
    with translated(where):
        try:
            os.close(os.open(where.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return


def require_file(where: Address) -> None:
    """Raise `StoreUnreachableError` where a SQLite database has no file yet."""
    if not _has_content(where):
        raise StoreUnreachableError(
            f"database {where}: there is none yet; run `auditor db upgrade` to make it"
        )


def check_soundness(there: Database) -> None:
    """Have SQLite look over its file.

    Raises:
        DamagedDatabaseError: it is corrupt; says how to restore it.
    """
    with there.reading() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise DamagedDatabaseError(f"database {there.where}: it is damaged; {RESTORE} ({found})")


def _has_content(where: Address) -> bool:
    with translated(where):
        return where.path.exists() and where.path.stat().st_size > 0


def _names_no_database(error: StoreUnreachableError) -> bool:
    state: object = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)
    said = str(error.__cause__)
    # psycopg tells no SQLSTATE of a connection that was refused
    return state == "3D000" or ('database "' in said and "does not exist" in said)


def _engine(where: Address, poolclass: type[Pool] | None) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True}
    if poolclass is not None:
        options["poolclass"] = poolclass
    if where.is_sqlite:
        engine = create_engine(where.url, connect_args={"timeout": _BUSY_TIMEOUT_S}, **options)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    waits = {name: value for name, value in _LIBPQ.items() if name not in where.url.query}
    return create_engine(where.url, pool_pre_ping=True, connect_args=waits, **options)


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else the driver begins transactions of its own
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"busy_timeout = {_BUSY_TIMEOUT_S * 1000}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a read that turns into a write cannot wait for it."""
    options = connection.get_execution_options()
    writes = options.get(_WRITES, False)
    if writes:
        level = "FULL" if options.get(_OUTLASTS, False) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
