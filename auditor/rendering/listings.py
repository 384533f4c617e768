"""Status, history, runs and undelivered messages as plain text, in tables and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from auditor.context import Training
from auditor.listings import TargetStatus
from auditor.model import ModelState, OpenCondition, RunInfo, Starter, TargetId, TargetState
from auditor.outbox import MessageInfo, MessageState, OutboxOverview
from auditor.records import (
    NO_PRESENCE,
    Acknowledgement,
    Approval,
    Presence,
    Retraction,
    RetractionKind,
    VersionLine,
)
from auditor.rendering.text import wrap_text
from auditor.rendering.trainings import list_trainings
from auditor.rendering.verdict import RunLine
from auditor.rendering.words import (
    age,
    brief_moment,
    columns,
    count,
    cut,
    describe_decision,
    describe_next_run,
    moment,
    name,
    sentence,
)

_LONGEST_CELL = 40
TableRow: TypeAlias = Sequence[str]
TableLayout: TypeAlias = Callable[[Sequence[TableRow]], list[str]]
_STATUS_HEAD = ("TARGET", "BLOCK", "STATE", "MODEL", "CHANGED", "CHECKED", "ATTEMPTED")
_WORST_STATES = (
    TargetState.UNKNOWN,
    TargetState.MISSING,
    TargetState.DRIFTED,
    TargetState.NEW,
    TargetState.IN_SYNC,
    TargetState.UNSUPPORTED,
)
_WORST_MODELS = (
    ModelState.UNTRAINED,
    ModelState.STALE,
    ModelState.UNKNOWN,
    ModelState.TRAINED,
    ModelState.NONE,
)


def render_status(
    statuses: Sequence[TargetStatus],
    *,
    last_run: RunInfo | None,
    next_run_at: datetime | None,
    outbox: OutboxOverview,
    presence: Presence = NO_PRESENCE,
    layout: TableLayout | None = None,
) -> str:
    """Return the service's lines, then a table of the targets with the errors below it.

    The worst targets come first. With a `layout`, for a terminal, the table has fewer columns, and
    says how long ago each time was.
    """
    head = [
        f"Service:      {_service(presence)}",
        f"Last run:     {_run(last_run)}",
        f"Next run:     {_next_run(next_run_at, presence)}",
        f"Undelivered:  {_undelivered(outbox)}",
        *_newest_messages(outbox, presence),
    ]
    ordered = sorted(statuses, key=_badness)
    if layout is None:
        table = _table([_STATUS_HEAD, *map(_status, ordered)])
    else:
        table = layout(
            [_STATUS_HEAD[:-1], *(_brief_status(each, presence.judged_at) for each in ordered)]
        )
    errors = [
        f"{status.target}: {sentence(status.error.message)}" for status in ordered if status.error
    ]
    return _joined(head, table if statuses else ["No target to list."], errors)


def render_messages(outbox: OutboxOverview, presence: Presence = NO_PRESENCE) -> str:
    """Return how many messages were not delivered, then a line for each of the newest."""
    return "\n".join([f"{_undelivered(outbox)}.", *_newest_messages(outbox, presence)]) + "\n"


def render_runs(lines: Sequence[RunLine], *, layout: TableLayout | None = None) -> str:
    """Return one line per run, in the order given; with a `layout`, shorter for a terminal."""
    if not lines:
        return "No run is stored.\n"
    unread = "NOT CHECKED" if layout is None else "UNREAD"
    rows = [("RUN", "STARTED", "STATUS", "VERDICT", "CHECKED", "FINDINGS", unread, "BY")]
    for line in lines:
        totals = line.totals
        counts = ("-", "-", "-")
        if totals is not None:
            counts = (
                f"{totals.checked} of {totals.targets}",
                str(totals.findings),
                str(totals.unknown),
            )
        started = (moment if layout is None else brief_moment)(line.run.started_at)
        verdict = line.verdict or "-"
        rows.append(
            (str(line.run.id), started, str(line.run.status), verdict, *counts, line.run.trigger)
        )
    return _joined((layout or _table)(rows), [])


def render_history(
    versions: Sequence[VersionLine],
    approvals: Sequence[Approval] = (),
    *,
    acknowledgements: Sequence[Acknowledgement] = (),
    retractions: Sequence[Retraction] = (),
    trainings: Sequence[Training] = (),
    layout: TableLayout | None = None,
) -> str:
    """Return one line per version and training, then one per decision, each newest first.

    A baseline says who approved it and why. A training made no version by itself.
    """
    if not versions:
        return "No version is stored.\n"
    dated = [
        (v.seen_at, (str(v.run_id), _model(v.model_state), _headline(v, approvals, retractions)))
        for v in versions
    ]
    dated += [
        (at, ("-", str(ModelState.TRAINED), headline))
        for at, headline in list_trainings(trainings, since=versions[-1].seen_at)
    ]
    dated.sort(key=lambda line: line[0], reverse=True)
    rows = [("SEEN", "RUN", "MODEL", "WHAT"), *((moment(at), *line) for at, line in dated)]
    return _joined((layout or _table)(rows), _decisions(acknowledgements, retractions))


def _decisions(
    acknowledgements: Sequence[Acknowledgement], retractions: Sequence[Retraction]
) -> list[str]:
    """Return a line per decision that is no approval, newest first."""
    made: list[tuple[str, Acknowledgement | Retraction]] = [
        ("acknowledged", each) for each in acknowledgements
    ]
    made += [(str(each.kind), each) for each in retractions]
    made.sort(key=lambda entry: entry[1].at, reverse=True)
    return [
        f"{word} {_finding_of(each)}{describe_decision(each.at, each.author, each.reason)}"
        for word, each in made
    ]


def _finding_of(decision: Acknowledgement | Retraction) -> str:
    return f"{sentence(decision.path)} (id {decision.finding}) " if decision.path else ""


def render_conditions(
    conditions: Sequence[OpenCondition], statuses: Sequence[TargetStatus]
) -> str:
    """Return the open conditions, worst first; an empty text where there are none."""
    if not conditions:
        return ""
    names = {status.target: status.name for status in statuses}
    lines = [f"Open conditions: {len(conditions):,}"]
    for each in conditions:
        block = name(names.get(each.target, "")) or "block"
        since = f"since {moment(each.since)}"
        text = f"[{each.severity}] {block} ({each.target}): {sentence(each.headline)}; {since}"
        lines += wrap_text(text, "  ", "    ")
    return "\n".join(lines) + "\n\n"


def _headline(
    version: VersionLine, approvals: Sequence[Approval], retractions: Sequence[Retraction]
) -> str:
    what = sentence(version.headline) + (" (pruned)" if version.is_pruned else "")
    for place, approval in enumerate(approvals):
        if approval.version_id == version.id:
            is_over = any(
                each.at > approval.at and each.kind is not RetractionKind.UNACKNOWLEDGED
                for each in retractions
            )
            word = "an earlier baseline" if place or is_over else "baseline"
            why = describe_decision(approval.at, approval.author, approval.reason)
            return f"{what} [{word}, approved {why}]"
    return what


def _model(state: ModelState) -> str:
    return "-" if state is ModelState.NONE else str(state)


def _badness(status: TargetStatus) -> tuple[int, int, TargetId]:
    model = _WORST_MODELS.index(status.model_state)
    return _WORST_STATES.index(status.state), model, status.target


def _brief_status(status: TargetStatus, now: datetime | None) -> TableRow:
    return (
        str(status.target),
        _block(status),
        str(status.state),
        _model(status.model_state),
        *(
            _when(at) if at is None or now is None else age(now - at)
            for at in (status.last_changed_at, status.last_checked_at)
        ),
    )


def _block(status: TargetStatus) -> str:
    own = name(status.name)
    return cut(f"{name(status.project)} / {own}" if status.project else own, _LONGEST_CELL)


def _status(status: TargetStatus) -> TableRow:
    return (
        str(status.target),
        _block(status),
        str(status.state),
        _model(status.model_state),
        _when(status.last_changed_at),
        _when(status.last_checked_at),
        _when(status.last_attempted_at),
    )


def _run(run: RunInfo | None) -> str:
    if run is None:
        return "none so far"
    return f"{run.id}, {run.status}, {moment(run.started_at)} ({run.trigger})"


def _undelivered(outbox: OutboxOverview) -> str:
    counts = outbox.counts
    dropped = counts[MessageState.DROPPED]
    return (
        f"{count(counts[MessageState.QUEUED], 'message')} queued, "
        f"{counts[MessageState.DEAD]:,} dead" + (f", {dropped:,} dropped" if dropped else "")
    )


def _newest_messages(outbox: OutboxOverview, presence: Presence) -> Iterator[str]:
    for message in outbox.newest:
        yield f"  {_message(message, presence)}"
    more = sum(outbox.counts.values()) - len(outbox.newest)
    if more > 0:
        yield f"  and {more:,} older"
    if outbox.newest:
        yield "  to settle them by hand: auditor messages --drop ID or --retry ID"


def _next_run(at: datetime | None, presence: Presence) -> str:
    if presence.starter is Starter.NOBODY and presence.service_seen_at is not None:
        return "none while the service does not run: start it, or use the timer"
    return describe_next_run(at, presence.starter) or "never due"


def _service(presence: Presence) -> str:
    """Return whether a service runs, or what starts runs in its place."""
    seen = _when(presence.service_seen_at)
    if presence.starter is Starter.SERVICE:
        return f"runs, seen {seen}"
    if presence.starter is Starter.TIMER:
        return f"none, a timer started a run {_when(presence.timer_seen_at)}"
    if presence.service_seen_at is None:
        return "never seen"
    return f"stopped {seen}" if presence.was_stopped else f"ended unexpectedly, last seen {seen}"


def _message(message: MessageInfo, presence: Presence) -> str:
    due = ""
    if message.state is MessageState.QUEUED:
        at = moment(message.due_at) if presence.is_delivering else "with the next run"
        due = f", next try {at}"
    reason = f": {sentence(message.last_error)}" if message.last_error else ""
    tried = count(message.attempts, "attempt")
    which = f"{message.id}: run {message.run_id} to {name(message.recipient)}"
    return f"{which}, {message.state}, {tried}{due}{reason}"


def _when(at: datetime | None, otherwise: str = "never") -> str:
    return otherwise if at is None else moment(at)


def _table(rows: Sequence[TableRow]) -> list[str]:
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _joined(*parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
