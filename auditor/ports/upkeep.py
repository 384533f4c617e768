"""The store as upkeep needs it: what is dropped, copied, and moved to another database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from auditor.drift.model import TargetId
from auditor.ports.history import Breach
from auditor.retention import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a retention let go, or would.

    Attributes:
        targets: whose versions they were.
        catalogues: that no version that stays was seen with.
        runs: whose reports.
    """

    versions: int = 0
    targets: tuple[TargetId, ...] = ()
    catalogues: int = 0
    runs: tuple[int, ...] = ()
    messages: int = 0

    @property
    def is_nothing(self) -> bool:
        """Return whether everything stays."""
        return not (self.versions or self.catalogues or self.runs or self.messages)


class UpkeepStore(Protocol):
    """What `prune`, `backup`, `export`, `import` and `verify` ask of the store."""

    def run_lock(self) -> AbstractContextManager[None]:
        """Hold the database for one run; raises `RunUnderWayError` where another run has it."""
        ...

    def prune(self, retention: Retention, *, now: datetime, is_dry: bool = False) -> Pruned:
        """Drop what the retention lets go, in one transaction; a dry one only says what.

        Of a version its line and its links in the hash chain stay. What is current, was ever
        approved, a model is judged from, another is read with, or a finding cites that is open,
        accepted or untold is never dropped.
        """
        ...

    def pruned_versions(self) -> int:
        """Return of how many versions only the line and the links are left."""
        ...

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is at one moment, into an empty file; runs go on.

        SQLite's is a database, PostgreSQL's an export.
        """
        ...

    def export(self, stream: BinaryIO) -> int:
        """Write the whole history, as it is at one moment; return how many rows that are."""
        ...

    def load(self, stream: BinaryIO) -> int:
        """Take an export into an empty database, all or nothing; return how many rows."""
        ...

    def run_of_head(self, head_hash: str) -> int | None:
        """Return the run whose link in the hash chain this is (64 hex digits), None without."""
        ...

    def verify(self) -> Breach | None:
        """Walk the hash chain; return the first broken link, None where it is sound."""
        ...
