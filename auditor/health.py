"""Is the auditor itself well? What a monitoring system asks of the database.

Drift is no illness: reports tell it. Ill is who did not look, or told nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from auditor.model import RunInfo, RunStatus, TargetState, Trigger
from auditor.outbox import Message, MessageState
from auditor.protocols import HistoryStore, Ledger
from auditor.records import TargetStatus
from auditor.schedule import Slot

WORKED = (RunStatus.COMPLETE, RunStatus.INCOMPLETE)
CLOSED = (*WORKED, RunStatus.FAILED)
_MOST_NAMED = 5


class Records(HistoryStore, Ledger, Protocol):
    """The part of the store that tells how the auditor is."""


@dataclass(frozen=True, slots=True)
class Due:
    """The newest slot of a schedule whose run should have come to its end."""

    schedule: str
    line: str
    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the database shows of the auditor.

    Attributes:
        newest: the newest run over all targets that ended, or any that crashed.
        newest_closed: the newest over all targets that came to its end, well or not.
        under_way: the run that has not ended.
        watched_since: before then nothing was due; None where nothing ever ran.
        overdue: schedules whose run has not come to its end.
    """

    newest: RunInfo | None
    newest_closed: RunInfo | None
    under_way: RunInfo | None
    watched_since: datetime | None
    overdue: Sequence[Due]
    statuses: Sequence[TargetStatus]
    messages: Sequence[Message]


def signs(records: Records, dues: Sequence[Due]) -> Signs:
    """Return what the database shows; `dues` are of the schedules, as the ledger names them."""
    runs = records.all_runs()
    under_way = runs[0] if runs and runs[0].status is RunStatus.RUNNING else None
    closed = newest_whole(records, runs, CLOSED)
    # One of another schedule is no run of this one.
    manual = [one for one in runs if one.trigger is Trigger.MANUAL]
    by_hand = newest_whole(records, manual, CLOSED)
    first = runs[-1].started_at if runs else None
    since = {one: records.schedule_since(one.schedule, one.line) or first for one in dues}
    return Signs(
        newest=newest_whole(records, runs, (*CLOSED, RunStatus.ABANDONED)),
        newest_closed=closed,
        under_way=under_way,
        watched_since=min((at for at in (*since.values(), first) if at), default=None),
        overdue=tuple(
            one
            for one, at in since.items()
            if at is not None and one.slot.at >= at and not _came(records, one, by_hand)
        ),
        statuses=records.statuses(),
        messages=records.messages(),
    )


def newest_whole(
    records: HistoryStore, runs: Sequence[RunInfo], statuses: Collection[RunStatus]
) -> RunInfo | None:
    """Return the newest of `runs` (newest first) with such a status that left no target out."""
    return next((one for one in runs if one.status in statuses and _is_whole(records, one)), None)


def complaints(seen: Signs, *, unknown_for: timedelta, now: datetime) -> tuple[str, ...]:
    """Return what is not well, a sentence each."""
    return (
        *_of_runs(seen),
        *_overdue(seen),
        *_of_messages(seen),
        *_unknown(seen, unknown_for, now),
    )


def _came(records: Records, due: Due, by_hand: RunInfo | None) -> bool:
    """Return whether a slot's run ended, or one over all targets by hand or by a timer."""
    if by_hand is not None and by_hand.started_at >= due.slot.at:
        return True
    return records.slot_ended(due.schedule, due.slot.local)


def _is_whole(records: HistoryStore, run: RunInfo) -> bool:
    # A schedule orders all that is its own. What a crashed one by hand was to be, nobody knows.
    if run.trigger is not Trigger.MANUAL or run.status is RunStatus.ABANDONED:
        return True
    return run.id is not None and any(one.is_whole for one in records.brief_reports([run.id]))


def _of_runs(seen: Signs) -> Iterator[str]:
    if seen.watched_since is None:
        yield "no run was ever made"
    newest = seen.newest
    if newest is not None and newest.status is RunStatus.FAILED:
        yield f"run {newest.id} of {_text(newest.started_at)} failed: nothing could be checked"
    if newest is not None and newest.status is RunStatus.ABANDONED:
        yield f"run {newest.id} of {_text(newest.started_at)} did not end"


def _overdue(seen: Signs) -> Iterator[str]:
    hangs = seen.under_way
    more = f"; run {hangs.id} has not ended since {_text(hangs.started_at)}" if hangs else ""
    for one in seen.overdue:
        yield f"the {one.schedule} run due at {_text(one.slot.at)} has not come to its end{more}"


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
