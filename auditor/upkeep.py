"""What keeps an installation in order: probes, pruning, new files and free disk space."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from auditor.errors import AuditorError, UsageError
from auditor.files import open_draft, sync
from auditor.listings import ProjectPages
from auditor.protocols import Store
from auditor.publishing import Site
from auditor.records import Pruned
from auditor.retention import RUNS_COMPARED, Retention, jumped_ahead

_MEBI, _GIBI = 2**20, 2**30
LEAST_ROOM_BYTES = 100 * 1024 * 1024
"""What must be free on a disk besides a copy of the database: for runs, reports, a journal."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to try; `attempt` raises an error if it fails."""

    what: str
    attempt: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of a probe, in words; `exit_code` is 0 if it succeeded."""

    what: str
    exit_code: int
    words: str


async def run_probes(probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
    """Run all probes, one after the other, whether earlier ones failed or not."""
    results = []
    for probe in probes:
        try:
            result = ProbeResult(probe.what, exit_code=0, words=await probe.attempt())
        except AuditorError as error:
            result = ProbeResult(probe.what, exit_code=error.exit_code, words=str(error))
        except Exception as error:  # noqa: BLE001 - one probe's surprise must not end the others
            words = f"a defect of the auditor, please report it: {type(error).__name__}: {error}"
            result = ProbeResult(probe.what, exit_code=AuditorError.exit_code, words=words)
        results.append(result)
    return tuple(results)


def prune(store: Store, site: Site, retention: Retention, *, now: datetime) -> Pruned:
    """Remove what the retention does not keep, and its pages; return what was removed.

    The caller holds the run lock, and publishes afterwards: the pages of blocks that lost
    versions have to be written again.

    Raises:
        UsageError: the clock seems to be ahead, so that what seems old may not be.
        OSError: a page cannot be removed; the next pruning tries again.
    """
    if jumped_ahead([now, *store.newest_starts(RUNS_COMPARED)]):
        raise UsageError(
            f"nothing is pruned: the clock ({now:%Y-%m-%d %H:%M} UTC) is far past the last runs; "
            "if it is right, a few more runs show that"
        )
    pruned = store.prune(retention, now=now)
    by_project = groupby(sorted(pruned.targets), key=lambda target: target.project_id)
    for project_id, targets in by_project:
        marks = site.project_marks(project_id)
        lost = {target.learn_id for target in targets}
        kept = {block_id: mark for block_id, mark in marks.targets.items() if block_id not in lost}
        site.keep_project(project_id, replace(marks, targets=kept))
    runs = {run.id for run in store.all_runs() if run.id is not None} - store.pruned_runs()
    site.prune(runs, partial(_pages_of, store))
    return pruned


def _pages_of(store: Store, project_id: int) -> ProjectPages:
    """Return the blocks and impulses of a project that are still known."""
    overviews = store.target_overviews([project_id])
    return ProjectPages(
        targets=frozenset(overview.status.target.learn_id for overview in overviews),
        impulses=frozenset(
            impulse.id for overview in overviews for impulse in overview.place.impulses
        ),
    )


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty file next to `path`, which replaces it at the end unless an error is raised.

    Only its owner may read it: a history holds more than its reports say.

    Raises:
        UsageError: there is a file of that name already, or it cannot be made.
    """
    _require_free(path, overwrite=overwrite)
    try:
        file, draft = open_draft(path, mode=0o600)
        os.close(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        yield draft
        sync(draft)
        _require_free(path, overwrite=overwrite)
        draft.replace(path)
        sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _require_free(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name the file in it")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise UsageError(f"{path} exists already: name another file, or add --overwrite")


def human_size(size_bytes: int) -> str:
    """Return a size as people read it, such as `1.4 MiB`; what is less than 0.1 counts as that."""
    if size_bytes < _GIBI:
        return f"{max(size_bytes / _MEBI, 0.1):,.1f} MiB"
    return f"{size_bytes / _GIBI:,.1f} GiB"


def require_room(folder: Path, *, free_bytes: int, beside_bytes: int = 0) -> None:
    """Refuse a disk without room for the next runs and another `beside_bytes`.

    An upgrade of the schema and a backup write the database once more.

    Raises:
        AuditorError: names what is lacking.
    """
    lacking = LEAST_ROOM_BYTES + beside_bytes - free_bytes
    if lacking > 0:
        raise AuditorError(
            f"the disk of {folder} is nearly full, {human_size(lacking)} short of what an upgrade "
            "or a backup takes: make room, or `auditor prune`"
        )
