"""Changes that come back: reverted, and flapping.

A change is reverted by one that leads from its value after to its value before, with no other
change at that path between them. More than three reversals in a week is flapping: it is told as
such once, then counted. Two writers that disagree are the likely cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditor.drift.findings import finding_id
from auditor.model import Area, Finding, Kind, Recurrence, Since, TargetId

WEEK = timedelta(days=7)
MOST_REVERSALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """A finding of an earlier run at some path of a target. `id` is the finding's."""

    id: str
    path: str
    since: Since
    at: datetime


def with_recurrence(
    finding: Finding, target: TargetId, past: Sequence[PastChange], *, at: datetime
) -> Finding:
    """Return tonight's finding with what `past` (oldest first) says of it."""
    path, reverse = _way_back(finding, target)
    here = [one for one in past if one.path in (finding.path, path) and one.since is Since.LAST]
    moments = _alternating(here, (reverse, finding.id))
    if not moments:
        return finding
    tonight = _reversals([at, *moments], at)
    recurrence = _recurrence(tonight, _reversals(moments, moments[0]))
    if recurrence is Recurrence.REVERTED and finding.area is Area.TRAINED:
        return finding  # to train again takes nothing back
    return replace(
        finding,
        recurrence=recurrence,
        reversals=tonight,
        headline=f"{finding.headline} ({_words(recurrence, tonight)})",
    )


def stands_since(finding: Finding, past: Sequence[PastChange], *, at: datetime) -> datetime:
    """Return since when a value differs from the baseline as it does; `at` where that is new.

    That is when the value at its path changed last; else when the difference was first told.
    """
    here = [one for one in past if one.path == finding.path]
    changed = [one.at for one in here if one.since is Since.LAST]
    told = [one.at for one in here if one.since is Since.BASELINE and one.id == finding.id]
    return changed[-1] if changed else min(told, default=at)


def meets(path: str, other: str) -> bool:
    """Return whether two places are the same, or one lies inside the other."""
    short, long = sorted((path, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")


def _way_back(finding: Finding, target: TargetId) -> tuple[str, str]:
    """Return path and id of the change that this one undoes.

    A move back stands at the place of old; a swap of neighbours done again is its own way back.
    """
    before, after, path = finding.before, finding.after, finding.path
    if finding.kind is Kind.MOVED and isinstance(before, int) and isinstance(after, int):
        if abs(after - before) == 1:
            return path, finding.id
        path = f"visualLayers[{before}]"
    return path, finding_id(target, path, after, before)


def _alternating(here: Sequence[PastChange], expected: tuple[str, str]) -> list[datetime]:
    """Return when the changes were made that tonight's undoes in turn, newest first."""
    moments = []
    for number, one in enumerate(reversed(here)):
        if one.id != expected[number % 2]:
            break
        moments.append(one.at)
    return moments


def _reversals(moments: Sequence[datetime], now: datetime) -> int:
    """Return how many of the changes undid the one before, in the week up to `now`."""
    return sum(1 for moment in moments[:-1] if moment > now - WEEK)


def _recurrence(tonight: int, before: int) -> Recurrence:
    if tonight <= MOST_REVERSALS:
        return Recurrence.REVERTED
    return Recurrence.STILL_FLAPPING if before > MOST_REVERSALS else Recurrence.FLAPPING


def _words(recurrence: Recurrence, reversals: int) -> str:
    if recurrence is Recurrence.REVERTED:
        return "changed and reverted"
    return f"flapping: {reversals} reversals in 7 days; do two writers disagree?"
