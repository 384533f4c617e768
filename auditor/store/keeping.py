"""The part of the store that upkeep needs; see `ports.UpkeepStore`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select

from auditor.records import BrokenLink, Pruned
from auditor.retention import Retention
from auditor.store import export, pruning, reports, runs, verification
from auditor.store.database import Database
from auditor.store.packing import has_gone
from auditor.store.tables import version


class Keeping:
    """What `prune`, `backup`, `export`, `import` and `verify` read and write."""

    _there: Database

    def verify(self) -> BrokenLink | None:
        """Return the first broken link of the hash chain, None where it is sound."""
        with self._there.reading() as connection:
            return verification.verify(connection)

    def run_of_head(self, head_hash: str) -> int | None:
        """Return the run whose link in the hash chain this is, None where none has it."""
        with self._there.reading() as connection:
            return runs.of_head(connection, head_hash)

    def prune(self, retention: Retention, *, now: datetime, is_dry: bool = False) -> Pruned:
        """Drop what the retention lets go; a dry one only says what."""
        transaction = self._there.reading() if is_dry else self._there.writing()
        with transaction as connection:
            return pruning.prune(connection, retention, now=now, is_dry=is_dry)

    def pruned_versions(self) -> int:
        """Return of how many versions only the line and the links are left."""
        query = select(func.count()).select_from(version).where(has_gone(version.c.document))
        with self._there.reading() as connection:
            return connection.execute(query).scalar_one()

    def pruned_runs(self) -> frozenset[int]:
        """Return the closed runs whose reports were pruned."""
        with self._there.reading() as connection:
            return reports.pruned(connection)

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is at one moment, into an empty file."""
        if not self._there.where.is_sqlite:
            with path.open("wb") as stream:
                self.write_export(stream)
            return
        with self._there.reading() as connection:
            connection.exec_driver_sql("COMMIT")  # VACUUM is no part of a transaction
            connection.exec_driver_sql("VACUUM INTO ?", (str(path),))

    def write_export(self, stream: BinaryIO) -> int:
        """Write the whole history, as it is at one moment; return how many rows that are."""
        with self._there.reading() as connection:
            return export.write_export(connection, stream)

    def load_export(self, stream: BinaryIO) -> int:
        """Take an export into an empty database, all or nothing; return how many rows."""
        with self._there.writing() as connection:
            return export.load_export(connection, stream)
