"""Delivers the outbox, one process at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from auditor.app.clock import now
from auditor.app.telling import mailer
from auditor.config import Settings
from auditor.deliver import Delivery, deliver
from auditor.errors import DeliveryUnderWayError
from auditor.outbox import Message, MessageState
from auditor.protocols import Mailer, Store

PATIENCE = timedelta(seconds=30)  # of a run by hand, with a daemon that delivers meanwhile
_ASK_AGAIN_S = 0.5

logger = logging.getLogger(__name__)


def deliver_all(
    chosen: Settings,
    held: Store,
    *,
    only_due: bool = False,
    patience: timedelta = timedelta(0),
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery | None:
    """Try the queued messages; None where no mail is configured.

    Where another process delivers, it is waited for with `patience`; what then still waits is
    left to it, and counts as waiting. With nothing to try, nobody is waited for.
    """
    to_server = mailer(chosen)
    if to_server is None:
        return None
    queued = held.queued_messages(due_by=now() if only_due else None)
    end = time.monotonic() + patience.total_seconds()
    while held.queued_messages(due_by=now() if only_due else None):
        try:
            return _delivered(held, to_server, only_due=only_due, stopping=stopping)
        except DeliveryUnderWayError as error:
            if stopping() or time.monotonic() >= end:
                logger.warning("messages left to another process: %s", error)
                break
            time.sleep(_ASK_AGAIN_S)
    return _by_another(held, queued)


def _delivered(
    held: Store, to_server: Mailer, *, only_due: bool, stopping: Callable[[], bool]
) -> Delivery:
    with held.outbox_lock():
        return deliver(held, to_server, now=now, only_due=only_due, stopping=stopping)


def _by_another(held: Store, queued: Sequence[Message]) -> Delivery:
    """Return what became of messages in the hands of another process."""
    unsettled = {one.id: one.state for one in held.messages()}
    states = [unsettled.get(one.id, MessageState.DELIVERED) for one in queued]
    return Delivery(
        delivered=states.count(MessageState.DELIVERED),
        waiting=states.count(MessageState.QUEUED),
        dead=states.count(MessageState.DEAD),
    )
