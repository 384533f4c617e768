"""Translates the errors of SQLAlchemy and of the drivers into the auditor's."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from auditor.errors import (
    DamagedDatabaseError,
    StoreError,
    StoreUnreachableError,
    UnfitDatabaseError,
)
from auditor.resources import locate
from auditor.store.address import Address, is_used

RESTORE = (
    "stop the auditor, move the database away with everything named like it, put a copy of your "
    "last backup (of `auditor backup`) in its place, and start again; "
    f"{locate('docs/upkeep.md')} has the steps"
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
_NO_SQLITE = (
    "it is a file of another kind; name another one in database.url, or move this one away"
)

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
    "SQLITE_NOTADB": _NO_SQLITE,
}

_MISSING = (
    "there is no such database on the server; make it (createdb --encoding UTF8 --template "
    "template0), or correct database.url"
)
_NO_RIGHT = (
    "the user lacks a right on it; make that user its owner (ALTER DATABASE … OWNER TO …), and "
    "of its tables"
)
_USER_REFUSED = "the server refuses the user; check user and password in database.url"
_SHARED = (
    "the connection goes through a pooler that shares sessions, where no lock holds; let it keep "
    "a session for each client (PgBouncer: pool_mode = session for this database), or name the "
    "server itself in database.url"
)
_OPTION = "an option is wrong; correct database.url"
_WRITES_REFUSED = (
    "the server refuses to write: it is a standby or was made read-only; name the server that "
    "writes in database.url, or all of them with ?target_session_attrs=read-write"
)
_ENCODING = (
    "its encoding cannot hold a text; make a database of UTF8, as "
    f"{locate('docs/install.md')} has it, and move the history into it"
)

# SQLSTATE codes (Appendix A of PostgreSQL's manual); the first two digits are the class.
_POSTGRESQL = {
    "08": _NOT_REACHED,
    "0A000": _WRITES_REFUSED,  # what a standby does not do at all
    "22021": _ENCODING,
    "22P05": _ENCODING,
    "25006": _WRITES_REFUSED,
    "28": _USER_REFUSED,
    "3D": _MISSING,
    "40": _LOCKED,
    "42501": _NO_RIGHT,
    "53100": _FULL,
    "53": "the server lacks room or connections; free some, then run again",
    "55P03": _LOCKED,
    "57014": "a statement took too long, and the server ended it; try again later",
    "57": _NOT_REACHED,
    "58": "the server cannot read or write its disk; check its log",
    "XX": (
        "it is damaged; look at the server's log and restore it from the last backup, as "
        f"{locate('docs/upkeep.md')} has it"
    ),
}
# A connection that the server refuses has no code, only words, in English unless the server
# speaks another language.
_POSTGRESQL_WORDS = (
    (re.compile('database ".*" does not exist'), _MISSING),
    (re.compile("permission denied for database"), _NO_RIGHT),
    (re.compile('role ".*" does not exist|authentication failed|no password'), _USER_REFUSED),
    (re.compile("session is read-only|server is in hot standby"), _WRITES_REFUSED),
    (
        re.compile("invalid (URI query parameter|connection option|port number|integer value)"),
        _OPTION,
    ),
)
_DAMAGE = frozenset({_DAMAGED, _POSTGRESQL["XX"]})

_UNFIT = frozenset({_ENCODING, _OPTION, _SHARED})

_PAGE_BYTES = 4096
_PAGE_KINDS = (b"\x02", b"\x05", b"\x0a", b"\x0d")  # sqlite.org/fileformat2.html#b_tree_pages


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise a database's errors as the auditor's, with the remedy and without a password."""
    try:
        yield
    except DBAPIError as error:
        raise _of_driver(error.orig, address) from error
    except PoolTimeoutError as error:
        raise StoreUnreachableError(f"database {address}: {_LOCKED}") from error
    except ArgumentError as error:
        raise UnfitDatabaseError(f"database {address}: {_OPTION} ({error})") from error
    except SQLAlchemyError as error:
        raise _refused(error, address) from error
    except OSError as error:
        text = f"database {address}: {error.strerror or error}; {_NOT_OPENED}"
        raise StoreUnreachableError(text) from error
    except Exception as error:
        # SQLAlchemy wraps what a statement raises, and not what the driver raises while it sets
        # up a connection, nor text in the database that is not UTF-8.
        if not (_is_of_driver(error) or isinstance(error, UnicodeDecodeError)):
            raise
        raise _of_driver(error, address) from error


def is_refused_write(error: BaseException | None) -> bool:
    """Return whether a PostgreSQL server answered that it does not write."""
    return _POSTGRESQL.get(getattr(error, "sqlstate", None) or "") is _WRITES_REFUSED


def refused_writes(address: Address) -> StoreUnreachableError:
    """Return the error for a PostgreSQL server that does not write."""
    return StoreUnreachableError(f"database {address}: {_WRITES_REFUSED}")


def shared_sessions(address: Address) -> UnfitDatabaseError:
    """Return the error for a PostgreSQL server behind a pooler that shares its sessions."""
    return UnfitDatabaseError(f"database {address}: {_SHARED}")


def lacking_rights(address: Address, what: str) -> StoreError:
    """Return the error for a PostgreSQL user who may not do something."""
    return StoreError(f"database {address}: {_NO_RIGHT} ({what})")


def _is_of_driver(error: BaseException) -> bool:
    modules = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return not modules.isdisjoint({"psycopg", "sqlite3"})


def _of_driver(error: BaseException | None, address: Address) -> StoreError:
    remedy = _remedy(error)
    if remedy is _NO_SQLITE:
        return _of_no_sqlite(address)
    if remedy is None:
        return _refused(error, address)
    words = address.hide_passwords(_first_line(error))
    return _kind(remedy)(f"database {address}: {remedy} ({words})")


def _kind(remedy: str) -> type[StoreError]:
    if remedy in _DAMAGE:
        return DamagedDatabaseError
    return UnfitDatabaseError if remedy in _UNFIT else StoreUnreachableError


def _of_no_sqlite(address: Address) -> StoreError:
    """Return that the file is damaged if all else shows that it is the auditor's database."""
    if is_used(address) or _has_pages(address):
        return DamagedDatabaseError(f"database {address}: {_DAMAGED} (its header is not SQLite's)")
    return UnfitDatabaseError(f"database {address}: {_NO_SQLITE}")


def _has_pages(address: Address) -> bool:
    """Return whether most of the file, behind its first page, are pages of tables and indexes."""
    kinds = []
    with suppress(OSError), address.path.open("rb") as file:
        for start in range(_PAGE_BYTES, address.path.stat().st_size, _PAGE_BYTES):
            file.seek(start)
            kinds.append(file.read(1) in _PAGE_KINDS)
    return 2 * sum(kinds) > len(kinds)


def _remedy(error: BaseException | None) -> str | None:
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(_sqlite_name(error))
    state, words = getattr(error, "sqlstate", None), str(error)
    if "statement pooling mode" in words:
        return _SHARED
    if state is not None:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    found = (remedy for pattern, remedy in _POSTGRESQL_WORDS if pattern.search(words))
    return next(found, _NOT_REACHED if _is_operational(error) else None)


def _sqlite_name(error: sqlite3.Error) -> str:
    """Return the primary name of the error: SQLITE_IOERR of SQLITE_IOERR_WRITE."""
    name: str = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])


def _is_operational(error: BaseException | None) -> bool:
    return type(error).__name__ in {"OperationalError", "ConnectionTimeout", "InterfaceError"}


def _refused(error: BaseException | None, address: Address) -> StoreError:
    words = address.hide_passwords(_first_line(error))
    return StoreError(f"database {address} refused a statement: {words}")


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
