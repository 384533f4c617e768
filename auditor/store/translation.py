"""Translates SQLAlchemy's errors into the auditor's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from auditor.errors import DamagedDatabaseError, StoreError, StoreUnreachableError
from auditor.store.address import Address

RESTORE = (
    "stop the auditor, move the database away with everything named like it, put a copy of your "
    "last backup (of `auditor backup`) in its place, and start again; docs/upkeep.md has the steps"
)
_LOCKED = "another program has held it locked for too long; end that program, or try again later"
_READ_ONLY = "it is read-only; give the auditor's user the right to write it and its folder"
_FULL = "its disk is full; make room, then run again (nothing of this step was stored)"
_NOT_OPENED = (
    "it cannot be opened; check that its disk is not read-only, and that the auditor's user may "
    "read and write it and its folder"
)
_NOT_REACHED = (
    "it cannot be reached; check that the server runs, and host, port, name and user in "
    "database.url"
)
_DAMAGED = f"it is damaged; {RESTORE}"

_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_FULL": _FULL,
    "SQLITE_CANTOPEN": _NOT_OPENED,
    "SQLITE_PERM": _NOT_OPENED,
    "SQLITE_AUTH": _NOT_OPENED,
    "SQLITE_IOERR": "its disk cannot be read or written; check the disk and its free room",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
}

# SQLSTATE codes (Appendix A of PostgreSQL's manual); the first two digits are the class.
_POSTGRESQL = {
    "08": _NOT_REACHED,
    "28": "it refuses the user; check user and password in database.url",
    "3D": "there is no such database on the server; make it (createdb), or correct database.url",
    "42501": "the user lacks a right on it; make that user the owner of the database",
    "25006": _READ_ONLY,
    "40": _LOCKED,
    "53100": _FULL,
    "53": "the server lacks room or connections; free some, then run again",
    "55P03": _LOCKED,
    "57": _NOT_REACHED,
    "58": "the server cannot read or write its disk; check its log",
    "XX": (
        "it is damaged; look at the server's log and restore it from the last backup, as "
        "docs/upkeep.md has it"
    ),
}
_DAMAGE = frozenset({_DAMAGED, _POSTGRESQL["XX"]})


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise a database's errors as the auditor's, with the remedy and without a password."""
    try:
        yield
    except DBAPIError as error:
        raise _of_driver(error, address) from error
    except PoolTimeoutError as error:
        raise StoreUnreachableError(f"database {address}: {_LOCKED}") from error
    except SQLAlchemyError as error:
        raise _refused(error, address) from error
    except OSError as error:
        text = f"database {address}: {error.strerror or error}; {_NOT_OPENED}"
        raise StoreUnreachableError(text) from error


def _of_driver(error: DBAPIError, address: Address) -> StoreError:
    remedy = _remedy(error)
    if remedy is None:
        return _refused(error, address)
    kind = DamagedDatabaseError if remedy in _DAMAGE else StoreUnreachableError
    words = address.hide_passwords(_first_line(error.orig))
    return kind(f"database {address}: {remedy} ({words})")


def _remedy(error: DBAPIError) -> str | None:
    if isinstance(error.orig, sqlite3.Error):
        return _SQLITE.get(_sqlite_name(error.orig))
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # the server did not answer
        return _NOT_REACHED if error.connection_invalidated or _is_operational(error) else None
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])


def _sqlite_name(error: sqlite3.Error) -> str:
    """Return the primary name of the error: SQLITE_IOERR of SQLITE_IOERR_WRITE."""
    name: str = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])


def _is_operational(error: DBAPIError) -> bool:
    return type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout", "InterfaceError"}


def _refused(error: SQLAlchemyError, address: Address) -> StoreError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = address.hide_passwords(_first_line(cause))
    return StoreError(f"database {address} refused a statement: {words}")


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
