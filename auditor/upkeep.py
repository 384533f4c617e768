"""What an operator asks of the installation: does it answer, what may go, where is a copy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auditor.errors import AuditorError
from auditor.ports import Pruned, Site, Store
from auditor.retention import Retention


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
    runs = {one.id for one in store.runs() if one.id is not None} - store.pruned_runs()
    site.prune(runs, [one.status.target for one in store.standings()])
    return pruned
