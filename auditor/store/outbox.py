"""The messages of the outbox as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from auditor.errors import UsageError
from auditor.outbox import (
    LONGEST_WAIT,
    NOT_DELIVERED,
    Message,
    MessageInfo,
    MessageState,
    OutboxOverview,
)
from auditor.store import findings
from auditor.store.batches import in_batches
from auditor.store.packing import pack, unpack
from auditor.store.tables import holding, message

_Item = TypeVar("_Item")
_MOST_NAMED = 500  # in one statement; PostgreSQL takes 65,535 parameters
_NO_CONTENT = {"content": None, "summary": None}
# Without the content, which only sending needs.
_INFO = (
    message.c.id,
    message.c.run_id,
    message.c.recipient,
    message.c.subject,
    message.c.state,
    message.c.attempts,
    message.c.due_at,
    message.c.last_error,
)


def queue_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Store new messages."""
    for queued in messages:
        row = {
            "run_id": queued.run_id,
            "recipient": queued.recipient,
            "message_id": queued.message_id,
            "subject": queued.subject,
            "content": pack(queued.content),
            "summary": pack(queued.summary) if queued.summary else None,
            "is_whole": queued.holds is None,
            **_state(queued),
        }
        number = connection.execute(insert(message).returning(message.c.id), row).scalar_one()
        for batch in in_batches(sorted(queued.holds or ())):
            rows = [{"message_id": number, "fingerprint": fingerprint} for fingerprint in batch]
            connection.execute(insert(holding), rows)


def queued_ids(connection: Connection, *, due_by: datetime | None) -> tuple[int, ...]:
    """Return the ids of queued messages, oldest first; with `due_by`, of those due by then.

    No message waits longer than `LONGEST_WAIT`: one that is due later than that was put off by a
    clock that was ahead, and is due too.
    """
    query = select(message.c.id).where(message.c.state == MessageState.QUEUED)
    if due_by is not None:
        query = query.where(
            (message.c.due_at <= due_by) | (message.c.due_at > due_by + LONGEST_WAIT)
        )
    return tuple(connection.execute(query.order_by(message.c.id)).scalars())


def queued_message(connection: Connection, number: int) -> Message | None:
    """Return a message with its content, or None if it is no longer queued."""
    is_queued = message.c.state == MessageState.QUEUED
    row = connection.execute(select(message).where(message.c.id == number, is_queued)).mappings()
    return next(map(_message, row), None)


def count_messages(connection: Connection) -> dict[MessageState, int]:
    """Return how many messages are queued, dead and dropped."""
    counted = message.c.state.in_(NOT_DELIVERED)
    query = select(message.c.state, func.count()).where(counted).group_by(message.c.state)
    counts = {MessageState(state): number for state, number in connection.execute(query)}
    return {state: counts.get(state, 0) for state in NOT_DELIVERED}


def newest_messages(
    connection: Connection, state: MessageState, *, most: int, run_id: int | None = None
) -> tuple[MessageInfo, ...]:
    """Return the newest messages in a state, the newest first; with `run_id`, of that run."""
    query = select(*_INFO).where(message.c.state == state)
    if run_id is not None:
        query = query.where(message.c.run_id == run_id)
    rows = connection.execute(query.order_by(message.c.id.desc()).limit(most)).mappings()
    return tuple(map(_message_info, rows))


def outbox_overview(connection: Connection, *, most: int) -> OutboxOverview:
    """Return the counts, and `most` messages of each state, the newest first."""
    newest = [
        info for state in NOT_DELIVERED for info in newest_messages(connection, state, most=most)
    ]
    return OutboxOverview(counts=count_messages(connection), newest=tuple(newest))


def message_ids(connection: Connection, state: MessageState) -> tuple[int, ...]:
    """Return the ids of the messages in a state, oldest first."""
    query = select(message.c.id).where(message.c.state == state).order_by(message.c.id)
    return tuple(connection.execute(query).scalars())


def oldest_queued(connection: Connection) -> MessageInfo | None:
    """Return the queued message that was queued first."""
    query = select(*_INFO).where(message.c.state == MessageState.QUEUED)
    rows = connection.execute(query.order_by(message.c.id).limit(1)).mappings()
    return next(map(_message_info, rows), None)


def message_infos(connection: Connection, ids: Sequence[int]) -> tuple[MessageInfo, ...]:
    """Return those of the messages that are stored, whatever their state, by id."""
    found: list[MessageInfo] = []
    for some in in_batches(sorted(ids)):
        query = select(*_INFO).where(message.c.id.in_(some)).order_by(message.c.id)
        found.extend(map(_message_info, connection.execute(query).mappings()))
    return tuple(found)


def undelivered_runs(connection: Connection, run_ids: Collection[int]) -> frozenset[int]:
    """Return those of the runs that have a message which is queued or dead."""
    found: set[int] = set()
    for some in in_batches(sorted(run_ids)):
        query = select(message.c.run_id).distinct().where(message.c.run_id.in_(some))
        is_open = message.c.state.in_((MessageState.QUEUED, MessageState.DEAD))
        found.update(connection.execute(query.where(is_open)).scalars())
    return frozenset(found)


def queued_recipients(connection: Connection) -> frozenset[str]:
    """Return whom the queued messages are to."""
    query = select(message.c.recipient).distinct()
    is_queued = message.c.state == MessageState.QUEUED
    return frozenset(connection.execute(query.where(is_queued)).scalars())


def drop_messages_to(connection: Connection, recipients: Collection[str], *, why: str) -> int:
    """Drop the queued messages to recipients, with their content; return how many.

    The next report has the findings that no other message holds.
    """
    dropped = 0
    is_queued = message.c.state == MessageState.QUEUED
    for some in in_batches(sorted(recipients)):
        update_of = update(message).where(is_queued, message.c.recipient.in_(some))
        dropped += connection.execute(update_of.values(**_dropped(why))).rowcount
    return dropped


def drop_messages(connection: Connection, ids: Sequence[int], *, why: str) -> int:
    """Drop those of the messages that are queued or dead; return how many."""
    is_open = message.c.state.in_((MessageState.QUEUED, MessageState.DEAD))
    dropped = 0
    for some in in_batches(sorted(ids)):
        update_of = update(message).where(is_open, message.c.id.in_(some))
        dropped += connection.execute(update_of.values(**_dropped(why))).rowcount
    return dropped


def requeue_messages(connection: Connection, ids: Sequence[int], *, now: datetime) -> int:
    """Queue dead messages again and make queued ones due, both as if untried; return how many."""
    is_open = message.c.state.in_((MessageState.QUEUED, MessageState.DEAD))
    fresh = {"state": MessageState.QUEUED, "attempts": 0, "due_at": now}
    queued = 0
    for some in in_batches(sorted(ids)):
        update_of = update(message).where(is_open, message.c.id.in_(some))
        queued += connection.execute(update_of.values(**fresh)).rowcount
    return queued


def record(connection: Connection, next_state: Message) -> bool:
    """Store a message's next state; a delivered one makes the findings that it holds reported.

    A message that another process has delivered or given up meanwhile stays as it is, and False
    is returned.

    Raises:
        UsageError: no such message is stored.
    """
    stored = select(message.c.is_whole).where(message.c.id == next_state.id)
    is_whole = connection.execute(stored).scalar_one_or_none()
    if is_whole is None:
        raise UsageError(f"the database holds no message {next_state.id}")
    queued = (message.c.id == next_state.id, message.c.state == MessageState.QUEUED)
    at = next_state.delivered_at
    values = _state(next_state) if at is None else {**_state(next_state), **_NO_CONTENT}
    was_queued = connection.execute(update(message).where(*queued).values(**values)).rowcount > 0
    if at is None:
        return was_queued
    if is_whole:
        findings.mark_reported(connection, next_state.run_id, at=at)
    else:
        findings.mark_part_reported(connection, next_state.id, next_state.run_id, at=at)
    return was_queued


def _dropped(why: str) -> dict[str, object]:
    return {"state": MessageState.DROPPED, "last_error": why, **_NO_CONTENT}


def _state(queued: Message) -> dict[str, object]:
    return {
        "state": queued.state,
        "attempts": queued.attempts,
        "due_at": queued.due_at,
        "last_error": queued.last_error,
        "delivered_at": queued.delivered_at,
    }


def _message(row: RowMapping) -> Message:
    return Message(
        id=row["id"],
        run_id=row["run_id"],
        recipient=row["recipient"],
        message_id=row["message_id"],
        subject=row["subject"],
        content=b"" if row["content"] is None else unpack(row["content"]),
        summary=b"" if row["summary"] is None else unpack(row["summary"]),
        state=MessageState(row["state"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        last_error=row["last_error"],
        delivered_at=row["delivered_at"],
    )


def _message_info(row: RowMapping) -> MessageInfo:
    return MessageInfo(**{**row, "state": MessageState(row["state"])})
