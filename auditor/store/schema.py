"""The schema of a database, and its upgrade to the one that this program needs.

Alembic is imported only for an upgrade: any other start reads and compares one row.
"""

from __future__ import annotations

from sqlalchemy import NullPool, inspect, text

from auditor.errors import SchemaVersionError
from auditor.resources import folder
from auditor.store.address import parse_address
from auditor.store.database import Database, make_file
from auditor.store.tables import metadata
from auditor.store.translation import translated

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""Every revision of `migrations/`, oldest first; a test compares the two."""

HEAD = REVISIONS[-1]


def revision(database: Database) -> str | None:
    """Return the database's schema version, or None if it has none.

    Raises:
        SchemaVersionError: its tables are not the auditor's.
    """
    with database.reading() as connection:
        tables = set(inspect(connection).get_table_names())
        if "alembic_version" not in tables and tables & metadata.tables.keys():
            raise SchemaVersionError(
                f"database {database.address} belongs to another program: give the auditor one "
                "of its own in database.url"
            )
        if "alembic_version" not in tables:
            return None
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def is_current(database: Database) -> bool:
    """Return whether the database has this program's schema, False where it is older.

    Raises:
        SchemaVersionError: it is newer.
    """
    found = revision(database)
    if found is not None and found not in REVISIONS:
        raise SchemaVersionError(
            f"database {database.address} has schema {found}, newer than {HEAD}, which this "
            "program knows; install the auditor that made it, or restore a backup from before"
        )
    return found == HEAD


def upgrade(url: str) -> None:
    """Upgrade the database at `url` to this program's schema; make it where it is missing.

    Raises:
        SchemaVersionError: it is newer.
    """
    # Here, so that a start without an upgrade does not load Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    address = parse_address(url)
    if address.is_sqlite:
        make_file(address)
    _refuse_newer(url)
    settings = Config(attributes={"url": url})
    settings.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    with translated(address):
        command.upgrade(settings, "head")


def require_current(database: Database) -> None:
    """Raise `SchemaVersionError` where the database does not have this program's schema."""
    if not is_current(database):
        found = revision(database) or "none"
        raise SchemaVersionError(
            f"database {database.address} has schema {found}, this program needs {HEAD}; run "
            "`auditor db upgrade`"
        )


def _refuse_newer(url: str) -> None:
    database = Database(url, poolclass=NullPool)
    try:
        is_current(database)
    finally:
        database.close()
