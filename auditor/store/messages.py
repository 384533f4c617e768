"""Messages as rows: the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from auditor.errors import UsageError
from auditor.outbox import Message, MessageState
from auditor.store import findings, notices
from auditor.store.packing import pack, unpack
from auditor.store.tables import holding, message


def queue(connection: Connection, messages: Sequence[Message]) -> None:
    """Store new messages."""
    for one in messages:
        row = {**_state(one), **_identity(one)}
        number = connection.execute(insert(message).returning(message.c.id), row).scalar_one()
        held = [{"message_id": number, "fingerprint": found} for found in sorted(one.holds or ())]
        if held:
            connection.execute(insert(holding), held)


def queued_messages(connection: Connection, *, due_by: datetime | None) -> tuple[Message, ...]:
    """Return queued messages, oldest first."""
    query = select(message).where(message.c.state == MessageState.QUEUED)
    return _read_all(
        connection, query if due_by is None else query.where(message.c.due_at <= due_by)
    )


def unsettled(connection: Connection) -> tuple[Message, ...]:
    """Return the messages that are queued or dead, oldest first."""
    return _read_all(connection, select(message).where(message.c.state != MessageState.DELIVERED))


def record(connection: Connection, one: Message) -> None:
    """Store a message's next state; a delivered one makes told what it holds.

    One that another program has delivered or given up meanwhile stays as it is.
    """
    here = update(message).where(message.c.id == one.id, message.c.state == MessageState.QUEUED)
    if connection.execute(here.values(**_state(one))).rowcount != 1:
        _require(connection, one.id)
    if one.delivered_at is None:
        return
    is_whole = select(message.c.is_whole).where(message.c.id == one.id)
    if not connection.execute(is_whole).scalar_one():
        findings.mark_part_reported(connection, one.id, one.run_id, at=one.delivered_at)
    else:
        findings.mark_reported(connection, one.run_id, at=one.delivered_at)
        notices.mark_reported(connection, one.run_id, at=one.delivered_at)


def _require(connection: Connection, message_id: int) -> None:
    query = select(message.c.id).where(message.c.id == message_id)
    if connection.execute(query).first() is None:
        raise UsageError(f"the database holds no message {message_id}")


def _read_all(connection: Connection, query: Select[Any]) -> tuple[Message, ...]:
    rows = connection.execute(query.order_by(message.c.id)).mappings()
    return tuple(_read(row) for row in rows)


def _identity(one: Message) -> dict[str, object]:
    return {
        "run_id": one.run_id,
        "recipient": one.recipient,
        "message_id": one.message_id,
        "subject": one.subject,
        "is_whole": one.holds is None,
    }


def _state(one: Message) -> dict[str, object]:
    is_delivered = one.state is MessageState.DELIVERED
    return {
        "state": one.state,
        "attempts": one.attempts,
        "due_at": one.due_at,
        "last_error": one.last_error,
        "delivered_at": one.delivered_at,
        "content": None if is_delivered else pack(one.content),
    }


def _read(row: RowMapping) -> Message:
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
