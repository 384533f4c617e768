"""The folder of reports: a page per run, each file written whole or not at all.

Names of files are made of ids alone, digits that no stranger chooses. Only a file with such a
name belongs to the archive: it may be linked, replaced or removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from auditor.files import describe_unwritable, replace_file, sync
from auditor.model import TargetId
from auditor.report import Report

FOLDER_MODE = 0o750
FILE_MODE = 0o640
Page: TypeAlias = Callable[[Report, int | None, int | None], str]
INDEX = "index.html"
OWNER = ".database"
SET_ASIDE = ".before-restore"
TARGETS, PROJECTS, IMPULSES = "targets", "projects", "impulses"
_RUN = re.compile(r"run-([0-9]{6,19})\.html")
_YEAR = re.compile(r"runs-([0-9]{4,5})\.html")
_TARGET = re.compile(r"([0-9]{1,19})-([0-9]{1,19})\.html")
_PROJECT = re.compile(r"([0-9]{1,19})\.html")
_TARGET_WORDS = re.compile(r"([0-9]{1,19})/([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class FolderArchive:
    """Fulfils `protocols.Archive`.

    `page` renders the complete report; it takes the ids of the runs before and after that have
    a page, or None if there is none. `owner` names the database whose pages the folder has.
    """

    directory: Path
    page: Page
    owner: str = ""

    def path(self, report: Report) -> Path | None:
        """Return where the run's page is or would be; a dry run has none."""
        return None if report.run.id is None else self.directory / run_place(report.run.id)

    def write(self, report: Report) -> str:
        """Write the run's page and return its path; a dry run has none and returns nothing.

        Raises:
            OSError: the folder cannot be written; the text says what to do.
        """
        path, run_id = self.path(report), report.run.id
        if path is None or run_id is None:
            return ""
        before = max(
            (older for older in list_run_pages(self.directory) if older < run_id), default=None
        )
        page = self.page(report, before, None).encode()
        try:
            self._put(path, page)
        except OSError as error:
            raise OSError(describe_unwritable(self.directory, error)) from error
        return str(path)

    def _put(self, path: Path, page: bytes) -> None:
        if self.owner:
            claim_folder(self.directory, self.owner)
        self.directory.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(path, page, mode=FILE_MODE)
        sync(self.directory)


def claim_folder(folder: Path, owner: str) -> None:
    """Remember that the folder has the pages of this database.

    Raises:
        OSError: it has those of another database, or cannot be written.
    """
    path = folder / OWNER
    known = path.read_bytes() if path.exists() else b""
    if known == owner.encode():
        return
    if known:
        raise OSError(
            f"{folder} has the pages of another database: set reports.directory to another "
            f"folder, or remove {path} if these pages are no longer needed"
        )
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    replace_file(path, owner.encode(), mode=FILE_MODE)


def list_run_pages(folder: Path) -> Iterator[int]:
    """Yield the runs that have a page in the folder."""
    for name in list_names(folder):
        found = parse_run_place(name)
        if found is not None:
            yield found


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; none where there is no such folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - fast for ten thousand names
    except (FileNotFoundError, NotADirectoryError):
        return []


def run_place(run_id: int) -> str:
    """Return where a run's page is in the folder of reports."""
    return f"run-{run_id:06d}.html"


def year_place(year: int) -> str:
    """Return where the page of a year's older runs is."""
    return f"runs-{year:04d}.html"


def target_place(target: TargetId) -> str:
    """Return where a target's page is."""
    return f"{TARGETS}/{target.project_id}-{target.learn_id}.html"


def project_place(project_id: int) -> str:
    """Return where a project's page is."""
    return f"{PROJECTS}/{project_id}.html"


def impulse_place(project_id: int, impulse_id: int) -> str:
    """Return where an impulse's page is."""
    return f"{IMPULSES}/{project_id}-{impulse_id}.html"


def parse_impulse_place(name: str) -> tuple[int, int] | None:
    """Return project and id of the impulse whose page has this file name, None without one."""
    found = _TARGET.fullmatch(name)
    impulse = (int(found[1]), int(found[2])) if found else None
    return impulse if impulse and impulse_place(*impulse) == f"{IMPULSES}/{name}" else None


def parse_run_place(name: str) -> int | None:
    """Return the run whose page has this file name, or None if it is no page of a run."""
    found = _RUN.fullmatch(name)
    return int(found[1]) if found and run_place(int(found[1])) == name else None


def parse_year_place(name: str) -> int | None:
    """Return the year whose page has this file name, or None if it is no page of a year."""
    found = _YEAR.fullmatch(name)
    return int(found[1]) if found and year_place(int(found[1])) == name else None


def parse_target_place(name: str) -> TargetId | None:
    """Return the target whose page has this file name, or None if it is no page of a target."""
    found = _TARGET.fullmatch(name)
    target = TargetId(int(found[1]), int(found[2])) if found else None
    return target if target and target_place(target) == f"{TARGETS}/{name}" else None


def parse_project_place(name: str) -> int | None:
    """Return the project whose page has this file name, or None if it is no page of a project."""
    found = _PROJECT.fullmatch(name)
    return int(found[1]) if found and f"{int(found[1])}.html" == name else None


def find_place(words: str) -> str:
    """Return where the page is of the target (`1/3`) or project (`1`) that words name."""
    if words.isascii() and words.isdigit():
        return project_place(int(words))
    found = _TARGET_WORDS.fullmatch(words)
    return target_place(TargetId(int(found[1]), int(found[2]))) if found else ""
