"""Where the archive's pages lie: names made of ids alone, digits that no stranger chooses.

Only what has such a name is the archive's own, to be linked, replaced or removed.
"""

from __future__ import annotations

import re

from auditor.model import TargetId

INDEX = "index.html"
TARGETS, PROJECTS = "targets", "projects"
_RUN = re.compile(r"run-([0-9]{6,19})\.html")
_YEAR = re.compile(r"runs-([0-9]{4,5})\.html")
_TARGET = re.compile(r"([0-9]{1,19})-([0-9]{1,19})\.html")
_PROJECT = re.compile(r"([0-9]{1,19})\.html")
_TARGET_WORDS = re.compile(r"([0-9]{1,19})/([0-9]{1,19})")


def run_place(run_id: int) -> str:
    """Return where a run's page lies in the folder of reports."""
    return f"run-{run_id:06d}.html"


def year_place(year: int) -> str:
    """Return where the page of a year's older runs lies."""
    return f"runs-{year:04d}.html"


def target_place(target: TargetId) -> str:
    """Return where a target's page lies."""
    return f"{TARGETS}/{target.project_id}-{target.learn_id}.html"


def project_place(project_id: int) -> str:
    """Return where a project's page lies."""
    return f"{PROJECTS}/{project_id}.html"


def run_of(name: str) -> int | None:
    """Return the run whose page has this file name, None where it is none's."""
    found = _RUN.fullmatch(name)
    return int(found[1]) if found and run_place(int(found[1])) == name else None


def year_of(name: str) -> int | None:
    """Return the year whose page has this file name, None where it is none's."""
    found = _YEAR.fullmatch(name)
    return int(found[1]) if found and year_place(int(found[1])) == name else None


def target_of(name: str) -> TargetId | None:
    """Return the target whose page has this file name in its folder, None where it is none's."""
    found = _TARGET.fullmatch(name)
    target = TargetId(int(found[1]), int(found[2])) if found else None
    return target if target and target_place(target) == f"{TARGETS}/{name}" else None


def project_of(name: str) -> int | None:
    """Return the project whose page has this file name in its folder, None where it is none's."""
    found = _PROJECT.fullmatch(name)
    return int(found[1]) if found and f"{int(found[1])}.html" == name else None


def place_in_words(words: str) -> str:
    """Return where the page lies of the target (`1/3`) or project (`1`) that words name."""
    if words.isascii() and words.isdigit():
        return project_place(int(words))
    found = _TARGET_WORDS.fullmatch(words)
    return target_place(TargetId(int(found[1]), int(found[2]))) if found else ""
