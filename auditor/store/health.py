"""How a database is: what it can be asked without changing anything in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, false, text

from auditor.store import schema
from auditor.store.database import Database
from auditor.store.tables import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A database that can be read and written.

    Attributes:
        kind: the program that keeps it, e.g. `SQLite`.
        schema: the version of its tables.
        size_bytes: what it takes on its disk.
        file: where it lies, None where a server keeps it.
    """

    kind: str
    schema: str
    size_bytes: int
    file: Path | None


def health(there: Database) -> Health:
    """Return how the database is.

    Raises:
        StoreUnreachableError: it cannot be written.
    """
    _require_writable(there)
    found = schema.revision(there) or "none"
    with there.reading() as connection:
        if there.where.is_sqlite:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
            return Health(kind="SQLite", schema=found, size_bytes=size, file=there.where.path)
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return Health(kind="PostgreSQL", schema=found, size_bytes=size, file=None)


def _require_writable(there: Database) -> None:
    # Takes the lock and the rights of a write, and writes nothing.
    with there.writing() as connection:
        connection.execute(delete(run).where(false()))
