"""What only one process at a time may do with a database (ADR 0010).

A lock ends with its process, however that ends.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from auditor.errors import (
    DeliveryUnderWayError,
    LockLostError,
    RunUnderWayError,
    ServedError,
    StoreError,
)
from auditor.files import try_lock
from auditor.locks import Lock
from auditor.store.address import LOCK_SUFFIX
from auditor.store.database import Database
from auditor.store.translation import refused_writes, shared_sessions, translated

_TRY = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock_all()")
_HAS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND pid = pg_backend_pid() AND classid = 0 AND objid = :key "
    "AND current_setting('transaction_read_only') = 'off'"
)
# Also a standby locks; it has the setting on.
_WRITES = text("SELECT current_setting('transaction_read_only') = 'off'")
# By any session. The server drops a lock with the connection of a process that was killed.
_IS_HELD = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND classid = 0 AND objid = :key "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_PID = text("SELECT pg_backend_pid()")

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
    LOCK_SUFFIX, 0x61756402, RunUnderWayError, "another run on it is under way; wait for its end"
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
    require_sessions(database)
    lock = _ServerLock(database, role)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


def is_held(database: Database, role: Role) -> bool | None:
    """Return whether a process holds the lock of a role; None where that cannot be found out.

    On SQLite the lock is taken for a moment, shared: whoever starts just then tries again.
    """
    if not database.address.is_sqlite:
        with database.timed(), translated(database.address), database.engine.connect() as session:
            return bool(session.execute(_IS_HELD, {"key": role.key}).scalar_one())
    try:
        file = os.open(f"{database.address.path}{role.suffix}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        return not try_lock(file, is_shared=True)
    except OSError:
        return None
    finally:
        os.close(file)


def require_sessions(database: Database) -> None:
    """Raise if a PostgreSQL database is behind a pooler that shares sessions between clients.

    Advisory locks and settings belong to a session, so no lock would hold.

    Raises:
        UnfitDatabaseError: two connections had one session, or one had two.
    """
    if database.address.is_sqlite or database.has_own_sessions:
        return
    with database.timed(), translated(database.address), ExitStack() as stack:
        first, second = (
            stack.enter_context(database.engine.connect()).execution_options(
                isolation_level="AUTOCOMMIT"
            )
            for _ in range(2)
        )
        # A pooler gives out the session that it got back last, or each in turn.
        order = (first, second, second, first, second, first)
        sessions = [(client, client.execute(_PID).scalar_one()) for client in order]
    if len({pid for _, pid in sessions}) != 2 or len(set(sessions)) != 2:
        raise shared_sessions(database.address)
    database.has_own_sessions = True


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
        self._was_lost = False

    def take(self) -> None:
        """Lock, or raise the role's error.

        Raises:
            StoreUnreachableError: the server refuses to write.
        """
        # The address may lead to another server than for the connections of the pool.
        self._database.close()
        with self._database.timed(), translated(self._database.address):
            connection = self._database.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not self._ask(_WRITES):
            self.release()
            raise refused_writes(self._database.address)
        if not self._ask(_TRY):
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
        # Once: something between here and the server may end idle connections all day.
        level = logging.INFO if self._was_lost else logging.WARNING
        logger.log(level, "lock was lost with its connection and is taken again")
        self._was_lost = True

    def release(self) -> None:
        """Unlock and close; a lost connection has no lock any more."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            connection.execute(_UNLOCK)
        connection.invalidate()
        connection.close()

    def _ask(self, question: TextClause) -> bool:
        """Return the answer, no where there is no connection; one that fails is closed."""
        if self._connection is None:
            return False
        key = {"key": self._role.key} if question is not _WRITES else {}
        try:
            with self._database.timed(), translated(self._database.address):
                return bool(self._connection.execute(question, key).scalar_one())
        except StoreError:
            self.release()
            raise

    def _is_ours(self) -> bool:
        try:
            return self._ask(_HAS)
        except StoreError:
            return False


def _refusal(database: Database, role: Role) -> StoreError:
    return role.error(f"database {database.address}: {role.refusal}")
