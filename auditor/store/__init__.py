"""The store: what was seen, found and sent, on SQLite or PostgreSQL."""

from auditor.store.database import database_exists
from auditor.store.schema import upgrade
from auditor.store.store import SqlStore, open_database

__all__ = ["SqlStore", "database_exists", "open_database", "upgrade"]
