"""What only one process at a time may do on a database (ADR 0010). A crash lets go of a lock."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from auditor.errors import (
    DeliveryUnderWayError,
    LockLostError,
    RunUnderWayError,
    ServedError,
    StoreError,
)
from auditor.protocols import Lock
from auditor.store.database import Database
from auditor.store.translation import translated

# A machine that went away keeps its lock until the server misses it: after two minutes, not the
# two hours of Linux. Where server and auditor share a socket file the server ignores these.
_MISS_US_SOON = tuple(
    text(f"SET tcp_keepalives_{name}") for name in ("idle = 60", "interval = 10", "count = 6")
)
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_LET_GO = text("SELECT pg_advisory_unlock_all()")
_HAS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND pid = pg_backend_pid() AND classid = 0 AND objid = :key"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """What a lock is for.

    Attributes:
        suffix: of the file beside a SQLite database.
        key: of the advisory lock: a number below 2**32 that nobody else locks.
        error: what is raised where another process has it.
        refusal: its words, after the database's name.
    """

    suffix: str
    key: int
    error: type[StoreError]
    refusal: str


RUN = Role(
    ".lock", 0x61756402, RunUnderWayError, "another run on it is under way; wait for its end"
)
OUTBOX = Role(
    ".outbox.lock",
    0x61756403,
    DeliveryUnderWayError,
    "another process delivers its messages; it tries every one that is due",
)
SERVICE = Role(
    ".service.lock",
    0x61756404,
    ServedError,
    "another auditor daemon serves it; end that one, or let this one wait",
)


@contextmanager
def held(there: Database, role: Role) -> Iterator[Lock]:
    """Hold the database for what the role says.

    Raises:
        StoreError: another process does; the role says which error.
    """
    if there.where.is_sqlite:
        with _file_held(there, role):
            yield _FileLock()
        return
    lock = _ServerLock(there, role)
    lock.take()
    try:
        yield lock
    finally:
        lock.let_go()


class _FileLock:
    """Lasts as long as the file is open."""

    def keep(self) -> None:
        """Do nothing: the kernel takes no lock away."""


@contextmanager
def _file_held(there: Database, role: Role) -> Iterator[None]:
    """Hold a file beside the database; it stays, for to remove it would race with the next."""
    name = f"{there.where.path}{role.suffix}"
    with translated(there.where):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _refusal(there, role) from error
        yield
    finally:
        os.close(file)


class _ServerLock:
    """An advisory lock on a connection of its own, outside any transaction.

    The server drops it with the connection, and tells nobody.
    """

    def __init__(self, there: Database, role: Role) -> None:
        self._there = there
        self._role = role
        self._connection: Connection | None = None

    def take(self) -> None:
        """Lock, or raise the role's error."""
        with self._there.timed(), translated(self._there.where):
            connection = self._there.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for setting in _MISS_US_SOON:
                self._connection.execute(setting)
            has_it = self._connection.execute(_TRY, {"key": self._role.key}).scalar_one()
        if not has_it:
            self.let_go()
            raise _refusal(self._there, self._role)

    def keep(self) -> None:
        """Take the lock again where the connection was lost, or raise `LockLostError`."""
        if self._has_it():
            return
        self.let_go()
        try:
            self.take()
        except self._role.error as error:
            text = (
                f"database {self._there.where}: the connection that held it was lost, and {error}"
            )
            raise LockLostError(text) from error
        logger.warning("lock was lost with its connection and is taken again")

    def let_go(self) -> None:
        """Unlock and close; a lost connection has let go already."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            connection.execute(_LET_GO)
        connection.invalidate()
        connection.close()

    def _has_it(self) -> bool:
        if self._connection is None:
            return False
        try:
            with self._there.timed():
                found = self._connection.execute(_HAS, {"key": self._role.key}).scalar_one()
        except SQLAlchemyError:
            return False
        return bool(found)


def _refusal(there: Database, role: Role) -> StoreError:
    return role.error(f"database {there.where}: {role.refusal}")
