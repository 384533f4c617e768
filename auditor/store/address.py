"""The address of a database: its URL, checked, and its name in messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from auditor.errors import StoreError

LOCK_SUFFIX = ".lock"
"""Of the file beside a SQLite database that each run locks."""

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_EXAMPLES = "write sqlite:///auditor.db or postgresql+psycopg://user@host/name"


@dataclass(frozen=True, slots=True)
class Address:
    """A database's URL. Its text is without the password."""

    url: URL

    def __repr__(self) -> str:
        return f"Address({self})"

    def __str__(self) -> str:
        if self.is_sqlite:
            return str(self.path)
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.host or 'localhost'}{port}/{self.url.database or ''}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """Return the file of a SQLite database."""
        return Path(self.url.database or "")

    def hide_passwords(self, text: str) -> str:
        """Return `text`, which a driver wrote, with the URL's passwords replaced."""
        secrets = [self.url.password, *(self.url.query.get(key) for key in _SECRET_OPTIONS)]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


_SECRET_OPTIONS = ("password", "sslpassword")


def parse_address(url: str) -> Address:
    """Return the address of a database; `postgresql://` and `postgres://` mean psycopg 3.

    Raises:
        StoreError: no URL, a database of another kind, or one that is only in memory.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without its cause, which may quote the password.
        raise StoreError(f"database.url is not the URL of a database; {_EXAMPLES}") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise StoreError(f"no database of the kind {parsed.drivername!r} is known; {_EXAMPLES}")
    found = Address(parsed.set(drivername=driver))
    if found.is_sqlite and (parsed.database or ":memory:").startswith((":memory:", "file:")):
        raise StoreError(f"the SQLite database must be a plain file, to be kept; {_EXAMPLES}")
    return found


def is_used(address: Address) -> bool:
    """Return whether a run has locked the SQLite database before."""
    return address.path.with_name(f"{address.path.name}{LOCK_SUFFIX}").exists()
