"""Status and history as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from auditor.model import RunInfo
from auditor.outbox import Message, MessageState
from auditor.records import Approval, TargetStatus, Version
from auditor.rendering.words import columns, count, cut, moment, name, sentence

_LONGEST_CELL = 40
Row: TypeAlias = Sequence[str]


def status_text(
    statuses: Sequence[TargetStatus],
    *,
    last_run: RunInfo | None,
    next_run_at: datetime | None,
    messages: Sequence[Message],
) -> str:
    """Return the service's lines, then a table of the targets with the errors below it."""
    head = [
        f"Last run:     {_run(last_run)}",
        f"Next run:     {_when(next_run_at, 'not scheduled here')}",
        f"Undelivered:  {_undelivered(messages)}",
    ]
    head += [f"  {_message(message)}" for message in messages]
    rows: list[Row] = [("TARGET", "BLOCK", "STATE", "MODEL", "CHANGED", "CHECKED", "ATTEMPTED")]
    rows += map(_status, statuses)
    errors = [
        f"{status.target}: {sentence(status.error.message)}" for status in statuses if status.error
    ]
    return _joined(head, list(_table(rows)) if statuses else ["No target is known."], errors)


def history_text(versions: Sequence[Version], approvals: Sequence[Approval] = ()) -> str:
    """Return one line a version, in the order given; baselines say who approved them, and why."""
    if not versions:
        return "No version is stored.\n"
    rows = [("SEEN", "RUN", "MODEL", "WHAT")]
    rows += [
        (moment(v.seen_at), str(v.run_id), str(v.model_state), _what(v, approvals))
        for v in versions
    ]
    return _joined(list(_table(rows)))


def _what(version: Version, approvals: Sequence[Approval]) -> str:
    what = sentence(version.headline) + (" (pruned)" if version.is_pruned else "")
    for place, one in enumerate(approvals):
        if one.version_id == version.id:
            word = "baseline" if place == 0 else "a baseline before"
            why = f"approved {moment(one.at)} by {name(one.author)}: {sentence(one.reason)}"
            return f"{what} [{word}, {why}]"
    return what


def _status(status: TargetStatus) -> Row:
    block = (
        f"{name(status.project)} / {name(status.name)}" if status.project else name(status.name)
    )
    return (
        str(status.target),
        cut(block, _LONGEST_CELL),
        str(status.state),
        str(status.model_state),
        _when(status.last_changed_at),
        _when(status.last_checked_at),
        _when(status.last_attempted_at),
    )


def _run(run: RunInfo | None) -> str:
    if run is None:
        return "none so far"
    return f"{run.id}, {run.status}, {moment(run.started_at)} ({run.trigger})"


def _undelivered(messages: Sequence[Message]) -> str:
    dead = sum(message.state is MessageState.DEAD for message in messages)
    queued = len(messages) - dead
    return f"{count(queued, 'message')} queued, {dead:,} dead"


def _message(message: Message) -> str:
    due = f", next try {moment(message.due_at)}" if message.state is MessageState.QUEUED else ""
    reason = f": {sentence(message.last_error)}" if message.last_error else ""
    tried = count(message.attempts, "attempt")
    return (
        f"run {message.run_id} to {name(message.recipient)}, {message.state}, {tried}{due}{reason}"
    )


def _when(at: datetime | None, otherwise: str = "never") -> str:
    return otherwise if at is None else moment(at)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _joined(*parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
