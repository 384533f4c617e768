"""A database: how it is connected to, and its transactions, which read or write."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    NullPool,
    Pool,
    create_engine,
    event,
    inspect,
    text,
)

from auditor.errors import DamagedDatabaseError, StoreUnreachableError
from auditor.store.address import Address, parse_address
from auditor.store.session import connect_arguments, set_up_session
from auditor.store.translation import (
    RESTORE,
    is_refused_write,
    lacking_rights,
    refused_writes,
    translated,
)

_BUSY_TIMEOUT_S = 10
_VERSION_TABLE = "alembic_version"
_MAY_CREATE = text(
    "SELECT current_schema(), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
)
_FORBIDDEN = text(
    "SELECT relname FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND NOT ("
    "has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND "
    "has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')) "
    "ORDER BY relname"
)
_WRITES = "auditor_writes"
_OUTLASTS = "auditor_outlasts_power"
# Where a role has it off, the server says committed before the transaction is on the disk. What
# waits for other servers too (remote_apply) is left as it is.
_SYNCHRONOUS = text(
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)


class Database:
    """A database with its connections, opened when first used; raises only `StoreError`s.

    Attributes:
        has_own_sessions: whether it is known that no pooler shares its sessions.
    """

    def __init__(self, url: str, *, poolclass: type[Pool] | None = None) -> None:
        self.address = parse_address(url)
        with translated(self.address):
            self.engine = _engine(self.address, poolclass)
        self.has_own_sessions = False
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
                if outlasts_power and not self.address.is_sqlite:
                    connection.execute(_SYNCHRONOUS)
                yield connection

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the time of a query for `busy_for`."""
        mark = object()
        self._under_way[mark] = time.monotonic()
        try:
            yield
        finally:
            del self._under_way[mark]

    def busy_for(self) -> timedelta:
        """Return the age of the oldest query that is still running."""
        now = time.monotonic()
        return timedelta(seconds=now - min((now, *self._under_way.values())))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def database_exists(url: str) -> bool:
    """Return whether the auditor has tables at `url`; nothing is made or changed.

    Raises:
        StoreUnreachableError: a PostgreSQL server does not answer, or lacks the database: no
            command makes it.
    """
    address = parse_address(url)
    if address.is_sqlite and not _has_content(address):
        return False
    with translated(address):
        if not address.is_sqlite:
            engine = _engine(address, NullPool)
        else:  # without what sets up a connection, which would change the file
            engine = create_engine(address.url, poolclass=NullPool)
        with engine.connect() as connection:
            return inspect(connection).has_table(_VERSION_TABLE)


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


def require_rights(database: Database) -> None:
    """Raise if a PostgreSQL server or its user cannot do what a run needs; nothing is changed.

    Raises:
        StoreUnreachableError: the server refuses to write.
        StoreError: the user may not make the tables, or not use them.
    """
    address = database.address
    if address.is_sqlite:
        return
    with database.writing() as connection:
        if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
            raise refused_writes(address)
        if not inspect(connection).has_table(_VERSION_TABLE):
            schema, may_create = connection.execute(_MAY_CREATE).one()
            if not may_create:
                raise lacking_rights(address, f"to make tables in schema {schema or 'public'}")
        forbidden = connection.execute(_FORBIDDEN).scalars().first()
    if forbidden is not None:
        raise lacking_rights(address, f"to read and write table {forbidden}")


def _has_content(address: Address) -> bool:
    with translated(address):
        return address.path.exists() and address.path.stat().st_size > 0


def _engine(address: Address, poolclass: type[Pool] | None) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True}
    if poolclass is not None:
        options["poolclass"] = poolclass
    if address.is_sqlite:
        engine = create_engine(address.url, connect_args={"timeout": _BUSY_TIMEOUT_S}, **options)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        address.url, pool_pre_ping=True, connect_args=connect_arguments(address), **options
    )

    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg's own
        set_up_session(connection, address)

    # First: SQLAlchemy itself reads text from a new connection.
    event.listen(engine, "connect", set_up, insert=True)
    event.listen(engine, "handle_error", _leave_server_without_writes)
    return engine


def _leave_server_without_writes(context: ExceptionContext) -> None:
    """Close every connection of the pool to a server that refuses to write.

    It may have been demoted, and the address may lead to another one by now.
    """
    if is_refused_write(context.original_exception):
        context.is_disconnect = True


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
