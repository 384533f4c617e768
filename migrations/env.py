"""Runs the migrations on the database at the caller's URL, one process at a time."""

from __future__ import annotations

import sqlite3

from alembic import context
from sqlalchemy import Connection, NullPool, event, text

from auditor.errors import StoreError
from auditor.store.database import Database
from auditor.store.tables import add_postgresql_options, metadata

_LOCK = 0x61756401  # any number that no other program locks


def migrate(url: str) -> None:
    """Run them in ONE transaction, so that a failure leaves the old schema."""
    # NullPool: a pooled connection would outlive the command, and on SQLite keep the file open.
    database = Database(url, poolclass=NullPool)
    if database.address.is_sqlite:
        event.listen(database.engine, "connect", leave_references_alone)
    with database.writing() as connection:
        if not database.address.is_sqlite:
            # A table of years may take long; what others lock is not waited for any longer.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        add_postgresql_options()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=database.address.is_sqlite,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        if database.address.is_sqlite:
            check_references(connection)


def leave_references_alone(connection: sqlite3.Connection, _record: object) -> None:
    """Let a table be replaced that others refer to; inside a transaction it is too late."""
    connection.execute("PRAGMA foreign_keys = OFF")


def check_references(connection: Connection) -> None:
    """Raise where a reference is broken, which SQLite did not check; the upgrade is undone."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise StoreError(
            f"the upgrade would leave table {broken[0]} with rows that refer to nothing; the "
            "database is as it was: restore the auditor of before and report this"
        )


migrate(context.config.attributes["url"])
