"""A database: how it is connected to, and its transactions, which read or write."""

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
from auditor.store.address import Address, parse_address
from auditor.store.translation import RESTORE, translated

_BUSY_TIMEOUT_S = 10
# For a PostgreSQL connection, unless the URL has its own. A network that drops packets is noticed
# after a minute or two, not after the two hours of Linux.
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
    """A database with its connections, opened when first used; raises only `StoreError`s."""

    def __init__(self, url: str, *, poolclass: type[Pool] | None = None) -> None:
        self.address = parse_address(url)
        self.engine = _engine(self.address, poolclass)
        self._under_way: dict[object, float] = {}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a transaction that sees one state of the database throughout."""
        options: dict[str, Any] = {}
        if not self.address.is_sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.timed(), translated(self.address), self.engine.connect() as connection:
            connection.execution_options(**options)
            yield connection

    @contextmanager
    def writing(self, *, outlasts_power: bool = False) -> Iterator[Connection]:
        """Yield a transaction that is committed at the end, or rolled back by an error.

        With `outlasts_power` it is on the disk when it is committed, with all before it. When
        the power fails, SQLite may lose other transactions, with all after them.
        """
        with self.timed(), translated(self.address), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True, _OUTLASTS: outlasts_power})
            with connection.begin():
                yield connection

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of a question to the database for `busy_for`."""
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


def database_exists(url: str) -> bool:
    """Return whether the auditor has a database at `url`; nothing is made or changed.

    Raises:
        StoreUnreachableError: the server of a PostgreSQL database does not answer.
    """
    address = parse_address(url)
    if address.is_sqlite and not _has_content(address):
        return False
    # Not a `Database`: setting up its connection would change the file.
    engine = create_engine(address.url, poolclass=NullPool)
    try:
        with translated(address), engine.connect() as connection:
            return inspect(connection).has_table("alembic_version")
    except StoreUnreachableError as error:
        if _is_missing_database(error):
            return False
        raise


def make_file(address: Address) -> None:
    """Make the file of a SQLite database, for its owner alone, where there is none.

    Raises:
        StoreUnreachableError: its folder is missing or cannot be written.
    """
    folder = address.path.absolute().parent
    if not folder.is_dir():
        raise StoreUnreachableError(
            f"database {address}: there is no folder {folder}; make it (mkdir), or correct "
            "database.url"
        )
    with translated(address):
        try:
            os.close(os.open(address.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return


def require_file(address: Address) -> None:
    """Raise `StoreUnreachableError` where a SQLite database has no file yet."""
    if not _has_content(address):
        raise StoreUnreachableError(
            f"database {address}: there is none yet; run `auditor db upgrade` to make it"
        )


def check_soundness(database: Database) -> None:
    """Let SQLite check its file.

    Raises:
        DamagedDatabaseError: it is corrupt; says how to restore it.
    """
    with database.reading() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise DamagedDatabaseError(
            f"database {database.address}: it is damaged; {RESTORE} ({found})"
        )


def _has_content(address: Address) -> bool:
    with translated(address):
        return address.path.exists() and address.path.stat().st_size > 0


def _is_missing_database(error: StoreUnreachableError) -> bool:
    state: object = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)
    words = str(error.__cause__)
    # psycopg has no SQLSTATE for a connection that was refused
    return state == "3D000" or ('database "' in words and "does not exist" in words)


def _engine(address: Address, poolclass: type[Pool] | None) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True}
    if poolclass is not None:
        options["poolclass"] = poolclass
    if address.is_sqlite:
        engine = create_engine(address.url, connect_args={"timeout": _BUSY_TIMEOUT_S}, **options)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    waits = {name: value for name, value in _LIBPQ.items() if name not in address.url.query}
    return create_engine(address.url, pool_pre_ping=True, connect_args=waits, **options)


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
