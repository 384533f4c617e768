"""Changes that undo earlier changes: reverted values and flapping values.

A change is reverted by a change from its new value back to its old value, with no other change at
that path between them. More than three reversals in a week are flapping, which is reported as such
once and only counted after that. The likely cause is two people or scripts that set the value in
turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditor.drift.findings import finding_id
from auditor.model import Area, Finding, Kind, Recurrence, Since, TargetId

WEEK = timedelta(days=7)
MAX_REVERSALS = 3  # that are not flapping yet


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """A finding of an earlier run of the same target; `id` is the id of that finding."""

    id: str
    path: str
    since: Since
    at: datetime


def mark_recurrence(
    finding: Finding, target: TargetId, past: Sequence[PastChange], *, at: datetime
) -> Finding:
    """Return the finding, marked where it repeats or undoes `past` changes (oldest first)."""
    path, undone_id = _undone_change(finding, target)
    same_place = [
        change
        for change in past
        if change.path in (finding.path, path) and change.since is Since.LAST
    ]
    moments = _alternating_moments(same_place, (undone_id, finding.id))
    if not moments:
        return finding
    reversals = _count_reversals([at, *moments], at)
    recurrence = _recurrence(reversals, _count_reversals(moments, moments[0]))
    if recurrence is Recurrence.REVERTED and finding.area is Area.TRAINED:
        return finding  # a new training does not undo the loss of the old one
    return replace(
        finding,
        recurrence=recurrence,
        reversals=reversals,
        headline=f"{finding.headline} ({_words(recurrence, reversals)})",
    )


def open_since(finding: Finding, past: Sequence[PastChange], *, at: datetime) -> datetime:
    """Return since when a value has differed from the baseline; `at` for a new difference.

    That is the last change at its path, or else the first report of the same difference.
    """
    same_path = [change for change in past if change.path == finding.path]
    changed = [change.at for change in same_path if change.since is Since.LAST]
    reported = [
        change.at
        for change in same_path
        if change.since is Since.BASELINE and change.id == finding.id
    ]
    return changed[-1] if changed else min(reported, default=at)


def paths_overlap(path: str, other: str) -> bool:
    """Return whether two paths are equal, or one lies inside the other."""
    short, long = sorted((path, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")


def _undone_change(finding: Finding, target: TargetId) -> tuple[str, str]:
    """Return path and id of the change that this one would undo.

    A layer that moved back has the path of its old place; a swap of neighbours undoes itself.
    """
    before, after, path = finding.before, finding.after, finding.path
    if finding.kind is Kind.MOVED and isinstance(before, int) and isinstance(after, int):
        if abs(after - before) == 1:
            return path, finding.id
        path = f"visualLayers[{before}]"
    return path, finding_id(target, path, after, before)


def _alternating_moments(past: Sequence[PastChange], ids: tuple[str, str]) -> list[datetime]:
    """Return the times of the last changes that undo each other in turn, newest first."""
    moments = []
    for number, change in enumerate(reversed(past)):
        if change.id != ids[number % 2]:
            break
        moments.append(change.at)
    return moments


def _count_reversals(moments: Sequence[datetime], now: datetime) -> int:
    """Return how many changes in the week up to `now` undid the change before."""
    return sum(1 for moment in moments[:-1] if moment > now - WEEK)


def _recurrence(now: int, before: int) -> Recurrence:
    if now <= MAX_REVERSALS:
        return Recurrence.REVERTED
    return Recurrence.STILL_FLAPPING if before > MAX_REVERSALS else Recurrence.FLAPPING


def _words(recurrence: Recurrence, reversals: int) -> str:
    if recurrence is Recurrence.REVERTED:
        return "changed and reverted"
    return f"flapping: {reversals} reversals in 7 days; two people or scripts may set it in turn"
