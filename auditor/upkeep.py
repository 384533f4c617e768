"""What an operator asks of the installation: does it answer, what may go, where is a copy."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from auditor.errors import AuditorError, UsageError
from auditor.files import open_draft, sync
from auditor.protocols import Site, Store
from auditor.records import Pruned
from auditor.retention import Retention

LEAST_ROOM_BYTES = 100 * 1024 * 1024
"""What must be free on a disk beside a copy of the database: nights, reports, a journal."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to try; `attempt` raises an `AuditorError` where it does not answer."""

    what: str
    attempt: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a probe came to, in words; `exit_code` is 0 where it is well."""

    what: str
    exit_code: int
    words: str


async def examine(probes: Sequence[Probe]) -> tuple[Answered, ...]:
    """Try everything, one after the other, whatever fails before."""
    return tuple([await _examined(probe) for probe in probes])


async def _examined(probe: Probe) -> Answered:
    try:
        return Answered(probe.what, exit_code=0, words=await probe.attempt())
    except AuditorError as error:
        return Answered(probe.what, exit_code=error.exit_code, words=str(error))


def prune(store: Store, site: Site, retention: Retention, *, now: datetime) -> Pruned:
    """Drop what the retention lets go, and the pages that show it; return what that was.

    The caller holds the run lock, and publishes afterwards: the pages of blocks whose versions
    went are to be written anew.

    Raises:
        OSError: a page cannot be removed; the next pruning tries again.
    """
    pruned = store.prune(retention, now=now)
    marks = site.marks()
    stale = set(pruned.targets)
    kept = {one: mark for one, mark in marks.targets.items() if one not in stale}
    site.keep(replace(marks, targets=kept))
    runs = {one.id for one in store.all_runs() if one.id is not None} - store.pruned_runs()
    site.prune(runs, [one.status.target for one in store.target_overviews()])
    return pruned


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty file beside `path`; at the end it is there whole, or not at all.

    It is its owner's alone, for a history holds more than its reports tell.

    Raises:
        UsageError: there is a file of that name already, or it cannot be made.
    """
    _require_free(path, overwrite=overwrite)
    try:
        file, beside = open_draft(path, mode=0o600)
        os.close(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        yield beside
        sync(beside)
        _require_free(path, overwrite=overwrite)
        beside.replace(path)
        sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def _require_free(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name the file in it")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise UsageError(f"{path} is there already: name another file, or add --overwrite")


def require_room(folder: Path, *, free_bytes: int, beside_bytes: int = 0) -> None:
    """Refuse a disk without room for the nights to come and one more `beside_bytes`.

    An upgrade of the schema and a backup write the database once more.

    Raises:
        AuditorError: names what is lacking.
    """
    lacking = LEAST_ROOM_BYTES + beside_bytes - free_bytes
    if lacking > 0:
        raise AuditorError(
            f"the disk of {folder} is nearly full, {lacking:,} bytes short of what an upgrade or "
            "a backup takes: make room, or `auditor prune`"
        )
