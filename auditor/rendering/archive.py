"""The folder of reports: a page a run, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor.drift.model import Report
from auditor.rendering.outline import page_name

_FOLDER_MODE = 0o750
_FILE_MODE = 0o640


@dataclass(frozen=True, slots=True)
class FolderArchive:
    """Fulfils `ports.Archive`. `page` renders the complete report."""

    directory: Path
    page: Callable[[Report], str]

    def path(self, report: Report) -> Path | None:
        """Return where the run's page lies or would; a dry run has none."""
        return None if report.run.id is None else self.directory / page_name(report.run.id)

    def write(self, report: Report) -> str:
        """Write the run's page and return its path; a dry run has none and returns nothing.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self.path(report)
        if path is None:
            return ""
        self.directory.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        _replace(path, self.page(report).encode())
        return str(path)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees all of it or none."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), _FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Without it the rename itself may be lost with the power.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
