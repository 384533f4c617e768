"""Delivers the messages of the outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from auditor.errors import DeliveryError
from auditor.outbox import Message, MessageState, begin_attempt, mark_delivered, mark_failed
from auditor.protocols import Mailer, OutboxStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How many messages one pass over the outbox delivered, left queued or gave up.

    Attributes:
        recipients: how many different recipients got those that were delivered.
    """

    delivered: int = 0
    waiting: int = 0
    dead: int = 0
    recipients: int = field(default=0, compare=False)

    @property
    def is_complete(self) -> bool:
        """Return whether the server took every message that was attempted."""
        return not self.waiting and not self.dead


def deliver(
    store: OutboxStore,
    mailer: Mailer,
    *,
    now: Callable[[], datetime],
    only_due: bool,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Attempt the queued messages, with `only_due` only those; store the state of each.

    Each attempt is stored before the message leaves: where the database cannot be written,
    nothing is sent, else the same message would leave at every call.

    Raises:
        StoreError: an attempt or its result cannot be stored.
    """
    counts = dict.fromkeys(MessageState, 0)
    reached = set()
    for message in store.queued_messages(due_by=now() if only_due else None):
        if stopping():
            break
        begun = begin_attempt(message, now=now())
        if not store.record(begun):
            continue  # another process settled it meanwhile
        after = attempt(begun, mailer, now=now)
        store.record(after)
        counts[after.state] += 1
        if after.state is MessageState.DELIVERED:
            reached.add(message.recipient)
    return Delivery(
        delivered=counts[MessageState.DELIVERED],
        waiting=counts[MessageState.QUEUED],
        dead=counts[MessageState.DEAD],
        recipients=len(reached),
    )


def attempt(message: Message, mailer: Mailer, *, now: Callable[[], datetime]) -> Message:
    """Hand a message whose attempt began to the server and return its next state."""
    about = {"run": message.run_id, "recipient": message.recipient}
    try:
        mailer.send(message)
    except DeliveryError as error:
        after = mark_failed(message, str(error), permanent=error.permanent, now=now())
        if after.state is MessageState.DEAD:
            logger.error("message given up: %s", error, extra=about)  # noqa: TRY400 - expected
        else:
            logger.warning("message not delivered, will be tried again: %s", error, extra=about)
        return after
    except Exception as error:
        # One attempt, as any other failure: else this message would stop all that are behind it.
        logger.exception("message not delivered, a defect of the auditor", extra=about)
        reason = f"a defect of the auditor: {type(error).__name__}: {error}"
        return mark_failed(message, reason, permanent=False, now=now())
    logger.info("message delivered", extra=about)
    return mark_delivered(message, now=now())
