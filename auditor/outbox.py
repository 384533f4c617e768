"""Messages to deliver, and their state after an attempt.

Delivery is at least once with a stable Message-ID; a message is delivered once the server took
it. An attempt is stored before the message leaves, with the time of the next one, so that a result
that cannot be stored does not repeat the attempt at once. Waits double from a minute to six hours;
after 27 attempts, between four and five days (RFC 5321 section 4.5.4.1), a message is dead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
MAX_ATTEMPTS = 27
CHANNEL = "channel "  # no address of mail has a space outside quotes
NO_RESULT = "an attempt is under way, or its result was not recorded"


class MessageState(StrEnum):
    """Whether a message is still to be delivered."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; a person may queue it again
    DROPPED = "dropped"  # nobody to send it to, or dropped by a person; without its content


NOT_DELIVERED = (MessageState.QUEUED, MessageState.DEAD, MessageState.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A report to deliver to one recipient.

    Attributes:
        id: the store's number, 0 before it is stored.
        recipient: an address of mail, or a channel as `channel_recipient` names it.
        message_id: the Message-ID header, angle brackets included; the same at every attempt.
        content: the whole MIME message, or what the channel's composer made.
        summary: a short form of it, for a server that refuses the whole; empty if there is none.
        attempts: how often it was sent, the attempt under way included.
        last_error: why the last attempt failed, empty before one did.
        holds: ids of the findings that it holds, None where it holds its whole report.
    """

    id: int
    run_id: int
    recipient: str
    message_id: str
    subject: str
    content: bytes
    state: MessageState
    attempts: int
    due_at: datetime
    last_error: str = ""
    delivered_at: datetime | None = None
    holds: frozenset[str] | None = None
    summary: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageInfo:
    """A message without its content, as lists show it."""

    id: int
    run_id: int
    recipient: str
    subject: str
    state: MessageState
    attempts: int
    due_at: datetime
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxOverview:
    """What is not delivered: how many messages by state, and the newest few of each state."""

    counts: Mapping[MessageState, int]
    newest: tuple[MessageInfo, ...]


NO_MESSAGES = OutboxOverview(counts=dict.fromkeys(NOT_DELIVERED, 0), newest=())


def channel_recipient(name: str) -> str:
    """Return the recipient of messages to the channel of that name."""
    return f"{CHANNEL}{name}"


def channel_of(recipient: str) -> str:
    """Return the name of the channel that messages are to; empty for an address of mail."""
    return recipient.removeprefix(CHANNEL) if recipient.startswith(CHANNEL) else ""


def begin_attempt(message: Message, *, now: datetime) -> Message:
    """Return the message with one more attempt, due again as if that attempt failed now."""
    attempts = message.attempts + 1
    due_at = now + _wait_after(attempts)
    return replace(message, attempts=attempts, due_at=due_at, last_error=NO_RESULT)


def mark_delivered(message: Message, *, now: datetime) -> Message:
    """Return a message whose attempt began as delivered."""
    return replace(message, state=MessageState.DELIVERED, last_error="", delivered_at=now)


def mark_failed(message: Message, reason: str, *, permanent: bool, now: datetime) -> Message:
    """Return a message whose attempt began as queued for another attempt, or as dead."""
    if permanent or message.attempts >= MAX_ATTEMPTS:
        return replace(message, state=MessageState.DEAD, last_error=reason)
    return replace(message, due_at=now + _wait_after(message.attempts), last_error=reason)


def _wait_after(attempts: int) -> timedelta:
    doubled: timedelta = FIRST_WAIT * 2 ** (attempts - 1)
    return min(doubled, LONGEST_WAIT)
