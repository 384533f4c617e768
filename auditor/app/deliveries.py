"""Delivers the outbox's messages for a run, for the service and for a while after a run.

Every pass first drops, visibly, what is queued for nobody: messages to recipients and channels
that the configuration no longer has. The next report has the findings that no other message holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from auditor.app.build import build_router, now
from auditor.config import Settings
from auditor.deliver import Delivery, deliver
from auditor.errors import DamagedDatabaseError, DeliveryUnderWayError, StoreError
from auditor.outbox import MessageState, channel_recipient
from auditor.protocols import OutboxStore, Store

_RETRY_LOCK_S = 0.5
_PAUSE_S = 60.0  # as the service: the first wait of a message is as long

logger = logging.getLogger(__name__)


def list_recipients(settings: Settings) -> frozenset[str]:
    """Return everybody who gets reports by the configuration, as the outbox names them."""
    channels = [channel_recipient(channel.name) for channel in settings.channels]
    if settings.email is None:
        return frozenset(channels)
    subscribers = (subscription.recipient for subscription in settings.subscriptions)
    return frozenset((*settings.email.recipients, *subscribers, *channels))


def deliver_messages(
    settings: Settings,
    store: Store,
    *,
    only_due: bool = False,
    patience: timedelta = timedelta(0),
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery | None:
    """Try the queued messages; return None where reports are sent to nobody.

    While another process delivers, this one waits for up to `patience`. Messages that are then
    still queued are left to the other process and count as waiting. Without a queued message
    there is no wait.
    """
    router = build_router(settings, stopping=stopping)
    recipients = list_recipients(settings)
    queued = store.queued_ids(due_by=now() if only_due else None)
    end = time.monotonic() + patience.total_seconds()
    while _has_work(store, recipients, only_due=only_due):
        try:
            with store.outbox_lock():
                _drop_unwanted(store, recipients)
                if router is None:
                    break
                return deliver(store, router, now=now, only_due=only_due, stopping=stopping)
        except DeliveryUnderWayError as error:
            if stopping() or time.monotonic() >= end:
                logger.warning("messages left to another process: %s", error)
                break
            time.sleep(_RETRY_LOCK_S)  # nothing tells when another process lets go of a lock
    if router is None:
        return None
    infos = store.message_infos(queued)
    states = [info.state for info in infos]
    return Delivery(
        delivered=states.count(MessageState.DELIVERED),
        waiting=states.count(MessageState.QUEUED),
        dead=states.count(MessageState.DEAD),
        recipients=len({info.recipient for info in infos if info.state is MessageState.DELIVERED}),
    )


def drop_unwanted_messages(settings: Settings, store: Store) -> None:
    """Drop what is queued for nobody, so that the report of a run that starts has it.

    What another process is delivering is left to it.
    """
    recipients = list_recipients(settings)
    if store.queued_recipients() - recipients:
        with suppress(DeliveryUnderWayError), store.outbox_lock():
            _drop_unwanted(store, recipients)


def _has_work(store: OutboxStore, recipients: frozenset[str], *, only_due: bool) -> bool:
    """Return whether a message is to be tried, or is to nobody of `recipients`."""
    due_by = now() if only_due else None
    return bool(store.queued_ids(due_by=due_by) or store.queued_recipients() - recipients)


def _drop_unwanted(store: OutboxStore, recipients: frozenset[str]) -> None:
    """Drop the queued messages to anybody who is not of `recipients`."""
    former = store.queued_recipients() - recipients
    if not former:
        return
    why = (
        "no longer a recipient"
        if recipients
        else "the configuration has neither [email] nor [[channels]]"
    )
    dropped = store.drop_messages_to(former, why=why)
    logger.warning("messages dropped: %s", why, extra={"messages": dropped})


def keep_delivering(
    settings: Settings,
    store: Store,
    *,
    limit: timedelta,
    wait: Callable[[float], bool],
    after_attempt: Callable[[], None] = lambda: None,
) -> bool:
    """Try queued messages as they become due, until none is queued or `limit` has passed.

    `wait` takes seconds and returns true once it is to stop: the messages that are then queued
    stay queued. A database that cannot be used for a while is asked again.

    Returns:
        Whether every message that was queued has been delivered, or dropped.

    Raises:
        DamagedDatabaseError: to continue would spread the damage.
    """
    end, dead = time.monotonic() + limit.total_seconds(), 0
    while _is_any_queued(store):
        left_s = end - time.monotonic()
        if left_s <= 0 or wait(min(_PAUSE_S, left_s)):
            return False
        with _logging_faults():
            delivery = deliver_messages(settings, store, only_due=True, stopping=lambda: wait(0))
            dead += delivery.dead if delivery is not None else 0
        after_attempt()
    return not dead


def _is_any_queued(store: Store) -> bool:
    with _logging_faults():
        return store.oldest_queued() is not None
    return True


@contextmanager
def _logging_faults() -> Iterator[None]:
    """Log that the database cannot be used, which may pass; raise that it is damaged."""
    try:
        yield
    except DamagedDatabaseError:
        raise
    except StoreError as error:
        logger.error("database not usable, tried again: %s", error)  # noqa: TRY400
