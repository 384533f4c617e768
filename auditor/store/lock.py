"""One run at a time on a database, whoever starts it. A crash lets go of the lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from auditor.errors import RunUnderWayError
from auditor.store.database import Database
from auditor.store.translation import translated

_KEY = 0x61756402  # any number that nobody else locks
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_LET_GO = text("SELECT pg_advisory_unlock_all()")


@contextmanager
def held(there: Database) -> Iterator[None]:
    """Hold the database for one run.

    Raises:
        RunUnderWayError: another run has it.
    """
    with _file_held(there) if there.where.is_sqlite else _server_held(there):
        yield


@contextmanager
def _file_held(there: Database) -> Iterator[None]:
    """Hold a file beside the database; it stays, for to remove it would race with the next."""
    with translated(there.where):
        file = os.open(f"{there.where.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _under_way(there) from error
        yield
    finally:
        os.close(file)


@contextmanager
def _server_held(there: Database) -> Iterator[None]:
    """Hold an advisory lock on a connection of its own, outside any transaction."""
    with translated(there.where):
        connection = there.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with translated(there.where):
            has_it = connection.execute(_TRY, {"key": _KEY}).scalar_one()
        if not has_it:
            raise _under_way(there)
        yield
    finally:
        with suppress(DBAPIError):  # a lost connection has let go already
            connection.execute(_LET_GO)
        connection.invalidate()
        connection.close()


def _under_way(there: Database) -> RunUnderWayError:
    return RunUnderWayError(
        f"another run on database {there.where} is under way; wait for its end"
    )
