"""Changes that undo earlier changes: values changed and reverted, or back and forth.

A change is reverted by a change from its new value back to its old value, with no other change at
that path between them. More than three reversals in a week are reported as back and forth once and
only counted after that. The likely cause is two people or scripts that set the value in
turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditor.drift.findings import finding_id
from auditor.drift.layer_keys import is_order, without_direction
from auditor.model import Area, Finding, Recurrence, Severity, Since, TargetId

WEEK = timedelta(days=7)
MAX_REVERSALS = 3  # that are not reported as back and forth yet


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """A finding of an earlier run of the same target.

    Attributes:
        id: of that finding.
        lasting_path: as `Finding.lasting_path`.
    """

    id: str
    path: str
    since: Since
    at: datetime
    lasting_path: str = ""
    area: Area = Area.UNKNOWN
    severity: Severity = Severity.LOW


@dataclass(frozen=True, slots=True)
class PastFolding:
    """The paths of the changes that a finding of an earlier run folded."""

    paths: tuple[str, ...]
    at: datetime


def mark_recurrence(
    finding: Finding, target: TargetId, past: Sequence[PastChange], *, at: datetime
) -> Finding:
    """Return the finding, marked where it repeats or undoes `past` changes (oldest first)."""
    place = place_of(finding)
    same_place = [
        change for change in past if change.since is Since.LAST and place_of(change) == place
    ]
    moments = _alternating_moments(finding, target, same_place)
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


def open_since(
    finding: Finding,
    target: TargetId,
    past: Sequence[PastChange],
    foldings: Sequence[PastFolding] = (),
    *,
    at: datetime,
) -> datetime:
    """Return since when a value has differed from the baseline; `at` for a new difference.

    That is the last change at its place, also one that was folded, or else the first report of
    the same difference. What was folded names a layer by a place that may be another one's now.
    """
    place = place_of(finding)
    changed = [
        change.at
        for change in past
        if change.since is Since.LAST and paths_overlap(place_of(change), place)
    ]
    if finding.area is not Area.LAYERS:
        changed += [
            folding.at
            for folding in foldings
            if any(paths_overlap(path, place) for path in folding.paths)
        ]
    reported = [
        change.at
        for change in past
        if change.since is Since.BASELINE
        and place_of(change) == place
        and _is_same(finding, target, change, is_undone=False)
    ]
    return max(changed) if changed else min(reported, default=at)


def place_of(change: Finding | PastChange) -> str:
    """Return where something changed: a layer by its key, a move like the move back."""
    return without_direction(change.lasting_path or change.path)


def paths_overlap(path: str, other: str) -> bool:
    """Return whether two paths are equal, or one lies inside the other."""
    short, long = sorted((path, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")


def _alternating_moments(
    finding: Finding, target: TargetId, past: Sequence[PastChange]
) -> list[datetime]:
    """Return the times of the last changes that undo each other in turn, newest first.

    `past` are the changes at the finding's place, oldest first.
    """
    moments = []
    for number, change in enumerate(reversed(past)):
        if not _is_same(finding, target, change, is_undone=number % 2 == 0):
            break
        moments.append(change.at)
    return moments


def _is_same(finding: Finding, target: TargetId, change: PastChange, *, is_undone: bool) -> bool:
    """Return whether a change at a finding's place is the same, or else what the finding undoes.

    The id of a change has the place that the layer had then.
    """
    if is_order(change.lasting_path) and is_order(finding.lasting_path):
        return (change.lasting_path != finding.lasting_path) is is_undone
    before, after = finding.before, finding.after
    if is_undone:
        before, after = after, before
    return change.id == finding_id(target, change.path, before, after)


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
    return (
        f"changed back and forth: {reversals} reversals in 7 days; "
        "two people or scripts may set it in turn"
    )
