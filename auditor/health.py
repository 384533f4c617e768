"""Is the auditor itself well? What a monitoring system asks of the database.

Drift is not a complaint: the reports say it. A complaint is a run or a delivery that did not
take place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from auditor.listings import TargetStatus
from auditor.locks import SignStore
from auditor.model import RunInfo, RunStatus, Starter, TargetState, Trigger
from auditor.outbox import MessageInfo, MessageState
from auditor.protocols import HistoryStore, Ledger
from auditor.records import Presence, SignKind, SignOfLife
from auditor.schedule import Slot

WORKED = (RunStatus.COMPLETE, RunStatus.INCOMPLETE)
CLOSED = (*WORKED, RunStatus.FAILED)
LATELY = timedelta(minutes=10)  # the service leaves a sign each minute
_TIMER_PERIOD = timedelta(days=8)  # a timer may start a run each week
_MOST_NAMED = 5
_MOST_DEAD = 1_000  # a run has a message to each recipient


class HealthStore(HistoryStore, SignStore, Ledger, Protocol):
    """The part of the store that shows whether the auditor is well."""


@dataclass(frozen=True, slots=True)
class Due:
    """The newest slot of a schedule whose run should have ended."""

    schedule: str
    line: str
    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the database shows of the auditor's health.

    Attributes:
        newest: the newest run over all targets that was closed, or any that crashed and that no
            person had started and saw end.
        newest_closed: the newest run over all targets that was closed, whatever its status.
        under_way: the run that has not ended.
        watched_since: nothing was due before then; None where nothing ever ran.
        overdue: schedules whose run has not ended.
        queued: how many messages are queued, of whatever run.
        dead: messages of `newest_closed`. What an older run did not report is in a later report.
        zone: of the times in complaints.
    """

    newest: RunInfo | None
    newest_closed: RunInfo | None
    under_way: RunInfo | None
    watched_since: datetime | None
    overdue: Sequence[Due]
    statuses: Sequence[TargetStatus]
    presence: Presence
    queued: int
    oldest_queued: MessageInfo | None
    dead: Sequence[MessageInfo]
    zone: tzinfo = UTC

    def words_of(self, at: datetime) -> str:
        """Return a time as people read it."""
        local = at.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def read_signs(
    store: HealthStore, dues: Sequence[Due], *, now: datetime, zone: tzinfo = UTC
) -> Signs:
    """Return what the database shows; `dues` name schedules as the ledger does.

    A run that lies ahead was made by a wrong clock, and stands in for no slot.
    """
    runs = store.all_runs()
    presence = find_presence(store, now=now)
    under_way = runs[0] if runs and runs[0].status is RunStatus.RUNNING else None
    # A run of another schedule does not stand in for this schedule's: only a manual one can.
    manual = [run for run in runs if run.trigger is Trigger.MANUAL and run.started_at <= now]
    newest_manual = find_newest_whole(store, manual, CLOSED)
    first = runs[-1].started_at if runs else None
    # Where neither a service nor a timer was ever seen, a person starts the runs: none is due.
    is_served = presence.service_seen_at is not None or presence.timer_seen_at is not None
    watched = first if is_served else None
    newest_closed = find_newest_whole(store, runs, CLOSED)
    unattended = [run for run in runs if not _was_left_by_hand(run, presence)]
    since = {due: store.schedule_since(due.schedule, due.line) or watched for due in dues}
    return Signs(
        newest=find_newest_whole(store, unattended, (*CLOSED, RunStatus.ABANDONED)),
        newest_closed=newest_closed,
        under_way=under_way,
        watched_since=min((at for at in (*since.values(), first) if at), default=None),
        overdue=tuple(
            due
            for due, at in since.items()
            if at is not None and due.slot.at >= at and not _has_run(store, due, newest_manual)
        ),
        statuses=store.statuses(),
        presence=presence,
        queued=store.count_messages()[MessageState.QUEUED],
        oldest_queued=store.oldest_queued(),
        dead=()
        if newest_closed is None
        else store.newest_messages(MessageState.DEAD, most=_MOST_DEAD, run_id=newest_closed.id),
        zone=zone,
    )


def find_presence(store: SignStore, *, now: datetime) -> Presence:
    """Return who is at work on the database."""
    return judge_presence(store.signs_of_life(), is_served=store.is_served(), now=now)


def judge_presence(
    signs: Sequence[SignOfLife], *, now: datetime, is_served: bool | None = None
) -> Presence:
    """Return who is at work on the database by the signs of life.

    A sign further ahead than `LATELY` was given by a wrong clock, and counts for nothing. Where a
    service's lock is free (`is_served` is false), no service runs, however new its last sign is.
    """
    last = {sign.kind: sign for sign in signs if sign.seen_at <= now + LATELY}
    alive = {
        kind for kind, sign in last.items() if not sign.is_over and sign.seen_at >= now - LATELY
    }
    if is_served is False:
        alive.discard(SignKind.SERVICE)
    service, timer = last.get(SignKind.SERVICE), last.get(SignKind.TIMER)
    starter = Starter.NOBODY
    if SignKind.SERVICE in alive:
        starter = Starter.SERVICE
    elif timer is not None and timer.seen_at >= now - _TIMER_PERIOD and _is_newer(timer, service):
        starter = Starter.TIMER
    return Presence(
        starter=starter,
        is_delivering=bool(alive & {SignKind.SERVICE, SignKind.DELIVERY}),
        service_seen_at=service.seen_at if service is not None else None,
        was_stopped=service is not None and service.is_over,
        timer_seen_at=timer.seen_at if timer is not None else None,
        judged_at=now,
    )


def _is_newer(sign: SignOfLife, other: SignOfLife | None) -> bool:
    return other is None or sign.seen_at > other.seen_at


def find_newest_whole(
    store: HistoryStore, runs: Sequence[RunInfo], statuses: Collection[RunStatus]
) -> RunInfo | None:
    """Return the newest of `runs` (newest first) with one of the statuses and over all targets."""
    return next((run for run in runs if run.status in statuses and _is_whole(store, run)), None)


def list_complaints(signs: Signs, *, unknown_for: timedelta, now: datetime) -> tuple[str, ...]:
    """Return what is not well, one sentence each."""
    return (
        *_complain_of_absence(signs),
        *_complain_of_runs(signs),
        *_complain_of_overdue_runs(signs),
        *_complain_of_messages(signs),
        *_complain_of_unknown_targets(signs, unknown_for, now),
    )


def _has_run(store: HealthStore, due: Due, newest_manual: RunInfo | None) -> bool:
    """Return whether a slot's run ended, or a manual one over all targets in its place."""
    if newest_manual is not None and newest_manual.started_at >= due.slot.at:
        return True
    return store.slot_ended(due.schedule, due.slot.local)


def _was_left_by_hand(run: RunInfo, presence: Presence) -> bool:
    """Return whether a run did not end that a person had started, and saw end (by Ctrl-C, say).

    A timer's run is a manual one too; the timer leaves its sign right before.
    """
    if run.trigger is not Trigger.MANUAL or run.status is not RunStatus.ABANDONED:
        return False
    timer_seen_at = presence.timer_seen_at
    return timer_seen_at is None or timer_seen_at < run.started_at - LATELY


def _is_whole(store: HistoryStore, run: RunInfo) -> bool:
    # A schedule always audits all that is its own. What a crashed manual run was asked for is
    # not stored, so it counts.
    if run.trigger is not Trigger.MANUAL or run.status is RunStatus.ABANDONED:
        return True
    return run.id is not None and any(brief.is_whole for brief in store.brief_reports([run.id]))


def _complain_of_absence(signs: Signs) -> Iterator[str]:
    """Complain of a service that ended without a word.

    One that was never seen is nothing to complain of, as runs may be started by hand, nor is one
    that a person stopped: once a run is overdue, that is the complaint.
    """
    presence = signs.presence
    seen_at, is_absent = presence.service_seen_at, presence.starter is Starter.NOBODY
    if is_absent and seen_at is not None and not presence.was_stopped:
        seen = signs.words_of(seen_at)
        yield f"no service was seen since {seen}, and it was not stopped: start it"


def _complain_of_runs(signs: Signs) -> Iterator[str]:
    if signs.watched_since is None:
        yield "no run was ever made"
    newest = signs.newest
    if newest is None:
        return
    which = f"run {newest.id} of {signs.words_of(newest.started_at)}"
    if newest.status is RunStatus.FAILED:
        yield f"{which} failed: nothing could be checked"
    if newest.status is RunStatus.ABANDONED:
        yield f"{which} did not end"


def _complain_of_overdue_runs(signs: Signs) -> Iterator[str]:
    run = signs.under_way
    more = f"; run {run.id} has not ended since {signs.words_of(run.started_at)}" if run else ""
    for due in signs.overdue:
        yield f"the {due.schedule} run due at {signs.words_of(due.slot.at)} has not ended{more}"


def _complain_of_messages(signs: Signs) -> Iterator[str]:
    if signs.oldest_queued is not None:
        first = signs.oldest_queued
        why = f": {first.last_error}" if first.last_error else ""
        yield f"{_count(signs.queued)} undelivered, the oldest of run {first.run_id}{why}"
    if signs.dead:
        first = signs.dead[-1]
        yield f"{_count(len(signs.dead))} of run {first.run_id} given up: {first.last_error}"


def _complain_of_unknown_targets(signs: Signs, limit: timedelta, now: datetime) -> Iterator[str]:
    old = [status.target for status in signs.statuses if _is_unknown(status, limit, now)]
    if not old:
        return
    hours = f"{limit.total_seconds() / 3600:g} h"
    named = ", ".join(map(str, old[:_MOST_NAMED]))
    more = f" and {len(old) - _MOST_NAMED} more" if len(old) > _MOST_NAMED else ""
    yield f"not checked for more than {hours}, or never: {named}{more}"


def _is_unknown(status: TargetStatus, limit: timedelta, now: datetime) -> bool:
    if status.state is not TargetState.UNKNOWN:
        return False
    checked = status.last_checked_at
    return checked is None or not checked <= now <= checked + limit


def _count(messages: int) -> str:
    return f"{messages} message{'s' if messages > 1 else ''}"
