"""Is the auditor itself well? What a monitoring system asks of the database.

Drift is no illness: reports tell it. Ill is who did not look, or told nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from auditor.drift.model import RunInfo, RunStatus, TargetState, Trigger
from auditor.outbox import Message, MessageState
from auditor.ports import HistoryStore, Ledger, TargetStatus
from auditor.schedule import Slot

WORKED = (RunStatus.COMPLETE, RunStatus.INCOMPLETE)
CLOSED = (*WORKED, RunStatus.FAILED)
_MOST_NAMED = 5


class Records(HistoryStore, Ledger, Protocol):
    """The part of the store that tells how the auditor is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the database shows of the auditor.

    Attributes:
        newest: the newest run over all targets that ended, or any that crashed.
        newest_closed: the newest over all targets that came to its end, well or not.
        under_way: the run that has not ended.
        watched_since: before then nothing was due; None where nothing ever ran.
    """

    newest: RunInfo | None
    newest_closed: RunInfo | None
    under_way: RunInfo | None
    watched_since: datetime | None
    statuses: Sequence[TargetStatus]
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a block may be unknown, and how late a run may be."""

    unknown: timedelta
    overdue: timedelta


def signs(records: Records, *, schedule: str, line: str) -> Signs:
    """Return what the database shows; `schedule` and `line` are as the ledger has them."""
    runs = records.runs()
    since = records.schedule_since(schedule, line)
    return Signs(
        newest=newest_whole(records, runs, (*CLOSED, RunStatus.ABANDONED)),
        newest_closed=newest_whole(records, runs, CLOSED),
        under_way=runs[0] if runs and runs[0].status is RunStatus.RUNNING else None,
        watched_since=since or (runs[-1].started_at if runs else None),
        statuses=records.statuses(),
        messages=records.messages(),
    )


def newest_whole(
    records: HistoryStore, runs: Sequence[RunInfo], statuses: Collection[RunStatus]
) -> RunInfo | None:
    """Return the newest of `runs` (newest first) with such a status that left no target out."""
    return next((one for one in runs if one.status in statuses and _is_whole(records, one)), None)


def complaints(seen: Signs, limits: Limits, *, due: Slot | None, now: datetime) -> tuple[str, ...]:
    """Return what is not well, a sentence each.

    `due` is the newest slot of the schedule that is older than `limits.overdue`.
    """
    return (
        *_of_runs(seen),
        *_overdue(seen, due),
        *_of_messages(seen),
        *_unknown(seen, limits.unknown, now),
    )


def _is_whole(records: HistoryStore, run: RunInfo) -> bool:
    # The schedule orders whole runs only. What a crashed one by hand was to be, nobody knows.
    if run.trigger is not Trigger.MANUAL or run.status is RunStatus.ABANDONED:
        return True
    return run.id is not None and any(one.is_whole for one in records.briefs([run.id]))


def _of_runs(seen: Signs) -> Iterator[str]:
    if seen.watched_since is None:
        yield "no run was ever made"
    newest = seen.newest
    if newest is not None and newest.status is RunStatus.FAILED:
        yield f"run {newest.id} of {_text(newest.started_at)} failed: nothing could be checked"
    if newest is not None and newest.status is RunStatus.ABANDONED:
        yield f"run {newest.id} of {_text(newest.started_at)} did not end"


def _overdue(seen: Signs, due: Slot | None) -> Iterator[str]:
    if due is None or seen.watched_since is None or due.at < seen.watched_since:
        return
    last = seen.newest_closed
    if last is not None and last.started_at >= due.at:
        return
    hangs = seen.under_way
    more = f"; run {hangs.id} has not ended since {_text(hangs.started_at)}" if hangs else ""
    yield f"the run due at {_text(due.at)} has not come to its end{more}"


def _of_messages(seen: Signs) -> Iterator[str]:
    waiting = [one for one in seen.messages if one.state is MessageState.QUEUED]
    if waiting:
        first = waiting[0]
        why = f": {first.last_error}" if first.last_error else ""
        yield f"{_messages(len(waiting))} undelivered, the oldest of run {first.run_id}{why}"
    # What an older one left untold stands in a later report.
    last = seen.newest_closed
    dead = [one for one in seen.messages if one.state is MessageState.DEAD]
    given_up = [one for one in dead if last is not None and one.run_id == last.id]
    if given_up:
        first = given_up[0]
        yield f"{_messages(len(given_up))} of run {first.run_id} given up: {first.last_error}"


def _unknown(seen: Signs, limit: timedelta, now: datetime) -> Iterator[str]:
    old = [one for one in seen.statuses if _is_unknown(one, limit, now)]
    if not old:
        return
    hours = f"{limit.total_seconds() / 3600:g} h"
    named = ", ".join(str(one.target) for one in old[:_MOST_NAMED])
    more = f" and {len(old) - _MOST_NAMED} more" if len(old) > _MOST_NAMED else ""
    yield f"not checked for more than {hours}, or never: {named}{more}"


def _is_unknown(one: TargetStatus, limit: timedelta, now: datetime) -> bool:
    checked = one.last_checked_at
    return one.state is TargetState.UNKNOWN and (checked is None or now - checked > limit)


def _messages(number: int) -> str:
    return f"{number} message{'s' if number > 1 else ''}"


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
