"""What only one process at a time may do with a database (ADR 0010).

A lock ends with its process, however that ends.
"""

from __future__ import annotations

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
from auditor.files import try_lock
from auditor.protocols import Lock
from auditor.store.database import Database
from auditor.store.translation import translated

# A machine that is gone keeps its lock until the server notices: after two minutes with these, not
# after the two hours of Linux. Over a socket file the server ignores them.
_KEEPALIVES = tuple(
    text(f"SET tcp_keepalives_{name}") for name in ("idle = 60", "interval = 10", "count = 6")
)
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock_all()")
_HAS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND pid = pg_backend_pid() AND classid = 0 AND objid = :key"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """What a lock is for.

    Attributes:
        suffix: of the file next to a SQLite database.
        key: of the advisory lock: a number below 2**32 that no other program locks.
        error: what is raised when another process holds it.
        refusal: the text of that error, after the database's name.
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
def hold(database: Database, role: Role) -> Iterator[Lock]:
    """Hold the lock of a role.

    Raises:
        StoreError: another process holds it; the role says which error.
    """
    if database.address.is_sqlite:
        with _hold_file(database, role):
            yield _FileLock()
        return
    lock = _ServerLock(database, role)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


class _FileLock:
    """A lock on a file; it lasts as long as the file is open."""

    def keep(self) -> None:
        """Do nothing: the kernel takes no lock away."""


@contextmanager
def _hold_file(database: Database, role: Role) -> Iterator[None]:
    """Lock a file next to the database. It is not removed: the next process may have it open."""
    name = f"{database.address.path}{role.suffix}"
    with translated(database.address):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(file):
            raise _refusal(database, role)
        yield
    finally:
        os.close(file)


class _ServerLock:
    """An advisory lock on a connection of its own, outside any transaction.

    The server drops it with the connection, without a word.
    """

    def __init__(self, database: Database, role: Role) -> None:
        self._database = database
        self._role = role
        self._connection: Connection | None = None

    def take(self) -> None:
        """Lock, or raise the role's error."""
        with self._database.timed(), translated(self._database.address):
            connection = self._database.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for setting in _KEEPALIVES:
                self._connection.execute(setting)
            is_ours = self._connection.execute(_TRY, {"key": self._role.key}).scalar_one()
        if not is_ours:
            self.release()
            raise _refusal(self._database, self._role)

    def keep(self) -> None:
        """Take the lock again where the connection was lost, or raise `LockLostError`."""
        if self._is_ours():
            return
        self.release()
        try:
            self.take()
        except self._role.error as error:
            address = self._database.address
            text = f"database {address}: the connection that held it was lost, and {error}"
            raise LockLostError(text) from error
        logger.warning("lock was lost with its connection and is taken again")

    def release(self) -> None:
        """Unlock and close; a lost connection has no lock any more."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            connection.execute(_UNLOCK)
        connection.invalidate()
        connection.close()

    def _is_ours(self) -> bool:
        if self._connection is None:
            return False
        try:
            with self._database.timed():
                found = self._connection.execute(_HAS, {"key": self._role.key}).scalar_one()
        except SQLAlchemyError:
            return False
        return bool(found)


def _refusal(database: Database, role: Role) -> StoreError:
    return role.error(f"database {database.address}: {role.refusal}")
