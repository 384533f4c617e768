"""The messages of the outbox as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from auditor.errors import UsageError
from auditor.outbox import Message, MessageState
from auditor.store import findings
from auditor.store.packing import pack, unpack
from auditor.store.tables import holding, message


def queue_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Store new messages."""
    for queued in messages:
        row = {
            "run_id": queued.run_id,
            "recipient": queued.recipient,
            "message_id": queued.message_id,
            "subject": queued.subject,
            "content": pack(queued.content),
            "is_whole": queued.holds is None,
            **_state(queued),
        }
        number = connection.execute(insert(message).returning(message.c.id), row).scalar_one()
        held = [
            {"message_id": number, "fingerprint": fingerprint}
            for fingerprint in sorted(queued.holds or ())
        ]
        if held:
            connection.execute(insert(holding), held)


def queued_messages(connection: Connection, *, due_by: datetime | None) -> tuple[Message, ...]:
    """Return queued messages, oldest first; only those due by then where `due_by` is given."""
    query = select(message).where(message.c.state == MessageState.QUEUED)
    if due_by is not None:
        query = query.where(message.c.due_at <= due_by)
    return _messages(connection, query)


def messages(connection: Connection) -> tuple[Message, ...]:
    """Return the messages that are queued or dead, oldest first."""
    return _messages(connection, select(message).where(message.c.state != MessageState.DELIVERED))


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
    values = _state(next_state) if at is None else {**_state(next_state), "content": None}
    was_queued = connection.execute(update(message).where(*queued).values(**values)).rowcount > 0
    if at is None:
        return was_queued
    if is_whole:
        findings.mark_reported(connection, next_state.run_id, at=at)
    else:
        findings.mark_held_reported(connection, next_state.id, next_state.run_id, at=at)
    return was_queued


def _messages(connection: Connection, query: Select[Any]) -> tuple[Message, ...]:
    rows = connection.execute(query.order_by(message.c.id)).mappings()
    return tuple(map(_message, rows))


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
        state=MessageState(row["state"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        last_error=row["last_error"],
        delivered_at=row["delivered_at"],
    )
