"""Runs the migrations on the database whose URL the caller gives; one at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import NullPool, text

from auditor.store.database import database
from auditor.store.tables import metadata

_LOCK = 0x61756401  # any number that nobody else locks


def migrate(url: str) -> None:
    """Run them in ONE transaction, so that a failure leaves the old schema."""
    # NullPool: a pooled connection would outlive the command, and on SQLite keep the file open
    there = database(url, poolclass=NullPool)
    with there.writing() as connection:
        if not there.where.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=there.where.is_sqlite,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


migrate(context.config.attributes["url"])
