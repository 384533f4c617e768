"""The folder of reports: a page per run, each file written whole or not at all.

Names of files are made of ids alone, digits that no stranger chooses. Only a file with such a
name belongs to the archive: it may be linked, replaced or removed.

A project has a folder of its own for the pages of its blocks, and another for those of its
impulses. What has an id of 1000 or more is in a folder that its last three digits name, so that no
folder has more than some thousand names, however many projects and blocks there are.
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
_SHARDS = 1000
_RUN = re.compile(r"run-([0-9]{6,19})\.html")
_YEAR = re.compile(r"runs-([0-9]{4,5})\.html")
_LISTED = re.compile(r"list-([0-9]{4,19})\.html")
_PAGE = re.compile(r"([0-9]{1,19})\.html")
_ID = re.compile(r"[0-9]{1,19}")
_SHARD = re.compile(r"[0-9]{3}")
_OLD_PAGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19})\.html")
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
    return f"{blocks_folder(target.project_id)}/{_sharded(target.learn_id)}.html"


def project_place(project_id: int) -> str:
    """Return where a project's page is."""
    return f"{PROJECTS}/{_sharded(project_id)}.html"


def project_list_place(number: int) -> str:
    """Return where a page of the list of all projects is, by its number from 1."""
    return f"{PROJECTS}/list-{number:04d}.html"


def impulse_place(project_id: int, impulse_id: int) -> str:
    """Return where an impulse's page is."""
    return f"{impulses_folder(project_id)}/{_sharded(impulse_id)}.html"


def blocks_folder(project_id: int) -> str:
    """Return the folder with the pages of a project's blocks."""
    return f"{TARGETS}/{_sharded(project_id)}"


def impulses_folder(project_id: int) -> str:
    """Return the folder with the pages of a project's impulses."""
    return f"{IMPULSES}/{_sharded(project_id)}"


def root_of(place: str) -> str:
    """Return the path from a page up to the folder of reports."""
    return "../" * place.count("/")


def _sharded(number: int) -> str:
    """Return an id, in the folder that its last digits name unless it is a low one."""
    return str(number) if number < _SHARDS else f"{number % _SHARDS:03d}/{number}"


def list_pages(folder: Path) -> Iterator[int]:
    """Yield the ids that have a page in a folder whose pages are named by an id."""
    names = list_names(folder)
    shards = filter(_SHARD.fullmatch, names)
    places = (
        *names,
        *(f"{shard}/{name}" for shard in shards for name in list_names(folder / shard)),
    )
    for place in places:
        found = _PAGE.fullmatch(place.rpartition("/")[2])
        if found is not None and place == f"{_sharded(int(found[1]))}.html":
            yield int(found[1])


def list_project_folders(folder: Path) -> Iterator[int]:
    """Yield the projects that have a folder in the folder of all blocks or of all impulses."""
    names = list_names(folder)
    shards = filter(_SHARD.fullmatch, names)
    places = (
        *names,
        *(f"{shard}/{name}" for shard in shards for name in list_names(folder / shard)),
    )
    for place in places:
        digits = place.rpartition("/")[2]
        if _ID.fullmatch(digits) and place == _sharded(int(digits)):
            yield int(digits)


def list_old_pages(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield where pages are as earlier releases had them, each with where it is now."""
    for name in list_names(directory / TARGETS):
        if (found := _OLD_PAGE.fullmatch(name)) is not None:
            yield f"{TARGETS}/{name}", target_place(TargetId(int(found[1]), int(found[2])))
    for name in list_names(directory / IMPULSES):
        if (found := _OLD_PAGE.fullmatch(name)) is not None:
            yield f"{IMPULSES}/{name}", impulse_place(int(found[1]), int(found[2]))
    for name in list_names(directory / PROJECTS):
        if (found := _PAGE.fullmatch(name)) is not None and int(found[1]) >= _SHARDS:
            yield f"{PROJECTS}/{name}", project_place(int(found[1]))


def list_project_lists(folder: Path) -> Iterator[int]:
    """Yield the numbers of the pages of the list of all projects."""
    for name in list_names(folder):
        if (found := _LISTED.fullmatch(name)) is not None:
            yield int(found[1])


def parse_run_place(name: str) -> int | None:
    """Return the run whose page has this file name, or None if it is no page of a run."""
    found = _RUN.fullmatch(name)
    return int(found[1]) if found and run_place(int(found[1])) == name else None


def parse_year_place(name: str) -> int | None:
    """Return the year whose page has this file name, or None if it is no page of a year."""
    found = _YEAR.fullmatch(name)
    return int(found[1]) if found and year_place(int(found[1])) == name else None


def find_place(words: str) -> str:
    """Return where the page is of the target (`1/3`) or project (`1`) that words name."""
    if words.isascii() and words.isdigit():
        return project_place(int(words))
    found = _TARGET_WORDS.fullmatch(words)
    return target_place(TargetId(int(found[1]), int(found[2]))) if found else ""
