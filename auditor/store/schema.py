"""Which schema a database has, and how it comes to this program's.

Alembic is imported only to upgrade: at a usual start one row is read and compared.
"""

from __future__ import annotations

from sqlalchemy import NullPool, inspect, text

from auditor.errors import SchemaVersionError
from auditor.resources import folder
from auditor.store.address import address
from auditor.store.database import Database, database, make_file
from auditor.store.tables import metadata
from auditor.store.translation import translated

REVISIONS = ("0001", "0002", "0003")
"""Every revision of `migrations/`, oldest first; a test holds the two together."""

HEAD = REVISIONS[-1]


def revision(there: Database) -> str | None:
    """Return the schema version that the database has, None where it has none.

    Raises:
        SchemaVersionError: the tables in it are not the auditor's.
    """
    with there.reading() as connection:
        tables = set(inspect(connection).get_table_names())
        if "alembic_version" not in tables and tables & metadata.tables.keys():
            raise SchemaVersionError(
                f"database {there.where} belongs to another program: give the auditor one of its "
                "own in database.url"
            )
        if "alembic_version" not in tables:
            return None
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def is_current(there: Database) -> bool:
    """Return whether the database has this program's schema, False where it is older.

    Raises:
        SchemaVersionError: it is newer.
    """
    found = revision(there)
    if found is not None and found not in REVISIONS:
        raise SchemaVersionError(
            f"database {there.where} has schema {found}, newer than {HEAD}, which this program "
            "knows; install the auditor that made it, or restore a backup from before"
        )
    return found == HEAD


def upgrade(url: str) -> None:
    """Bring the database at `url` to this program's schema; make it where there is none.

    Raises:
        SchemaVersionError: it is newer.
    """
    # here for speed: a start without an upgrade need not pay for Alembic
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    where = address(url)
    if where.is_sqlite:
        make_file(where)
    _refuse_newer(url)
    settings = Config(attributes={"url": url})
    settings.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    with translated(where):
        command.upgrade(settings, "head")


def require_current(there: Database) -> None:
    """Raise `SchemaVersionError` where the database does not have this program's schema."""
    if not is_current(there):
        found = revision(there) or "none"
        raise SchemaVersionError(
            f"database {there.where} has schema {found}, this program needs {HEAD}; run "
            "`auditor db upgrade`"
        )


def _refuse_newer(url: str) -> None:
    there = database(url, poolclass=NullPool)
    try:
        is_current(there)
    finally:
        there.close()
