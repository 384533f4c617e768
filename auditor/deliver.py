"""Delivers the messages of the outbox."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from auditor.errors import DeliveryError, StoreError
from auditor.outbox import (
    Message,
    MessageState,
    begin_attempt,
    channel_of,
    mark_delivered,
    mark_failed,
)
from auditor.protocols import OutboxStore
from auditor.publishing import Mailer

_LOOK_S = 1.0  # for new messages, while an attempt is under way
_Attempted: TypeAlias = tuple[Message, bool]
_Running: TypeAlias = dict[str, Future[_Attempted]]

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

    Mail and each channel have a lane of their own, so that none waits for another. A lane attempts
    its messages one after the other, and ends where its service takes none at all.

    Each attempt is stored before the message leaves: where the database cannot be written,
    nothing is sent, else the same message would leave at every call. Only the calling thread uses
    the store.

    Raises:
        StoreError: an attempt or its result cannot be stored.
    """
    outgoing = _Outgoing(store, mailer, now=now, only_due=only_due)
    outgoing.look()
    running: _Running = {}
    try:
        while _begin(outgoing, running, stopping):
            ended, _ = wait(running.values(), timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for lane in [lane for lane, future in running.items() if future in ended]:
                outgoing.finish(lane, *running.pop(lane).result())
            if not ended:
                outgoing.look()
    except StoreError:
        _finish_rest(outgoing, running)
        raise
    return outgoing.delivery()


def _begin(outgoing: _Outgoing, running: _Running, stopping: Callable[[], bool]) -> bool:
    """Begin an attempt in each lane that has none under way; return whether any is."""
    for lane in tuple(outgoing.lanes):
        if lane in running or stopping():
            continue
        begun = outgoing.begin(lane)
        if begun is not None:
            running[lane] = _start(outgoing, begun)
    return bool(running)


def _start(outgoing: _Outgoing, begun: Message) -> Future[_Attempted]:
    """Attempt a message in a thread of its own."""
    future: Future[_Attempted] = Future()

    def work() -> None:
        try:
            future.set_result(outgoing.attempt(begun))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            future.set_exception(error)

    try:
        threading.Thread(target=work, name="delivery").start()
    except RuntimeError:  # the machine has no thread left
        work()
    return future


def _finish_rest(outgoing: _Outgoing, running: _Running) -> None:
    """Store what the attempts under way come to, as far as the store takes it again."""
    for lane, future in running.items():
        with suppress(StoreError):
            outgoing.finish(lane, *future.result())


class _Outgoing:
    """The messages of one pass, by lane, and what became of them."""

    def __init__(
        self,
        store: OutboxStore,
        mailer: Mailer,
        *,
        now: Callable[[], datetime],
        only_due: bool,
    ) -> None:
        self.lanes: dict[str, deque[int]] = {}
        self._store = store
        self._mailer = mailer
        self._now = now
        self._only_due = only_due
        self._seen: set[int] = set()
        self._counts = dict.fromkeys(MessageState, 0)
        self._reached: set[str] = set()

    def look(self) -> None:
        """Add what is queued and not yet known to its lane."""
        queued = self._store.queued_ids(due_by=self._now() if self._only_due else None)
        new = [number for number in queued if number not in self._seen]
        self._seen.update(new)
        for info in self._store.message_infos(new):
            self.lanes.setdefault(channel_of(info.recipient), deque()).append(info.id)

    def begin(self, lane: str) -> Message | None:
        """Return the lane's next message whose attempt is stored, None where it has none left."""
        while self.lanes[lane]:
            queued = self._store.queued_message(self.lanes[lane].popleft())
            if queued is None:
                continue  # another process settled it meanwhile
            begun = begin_attempt(queued, now=self._now())
            if self._store.record(begun):
                return begun
        return None

    def attempt(self, begun: Message) -> tuple[Message, bool]:
        """Return the next state, and whether the service takes no message at all now."""
        return attempt(begun, self._mailer, now=self._now)

    def finish(self, lane: str, after: Message, is_unavailable: bool) -> None:
        """Store the state after an attempt."""
        self._store.record(after)
        self._counts[after.state] += 1
        if after.state is MessageState.DELIVERED:
            self._reached.add(after.recipient)
        if is_unavailable:
            self._counts[MessageState.QUEUED] += len(self.lanes[lane])
            self.lanes[lane].clear()

    def delivery(self) -> Delivery:
        """Return the counts."""
        return Delivery(
            delivered=self._counts[MessageState.DELIVERED],
            waiting=self._counts[MessageState.QUEUED],
            dead=self._counts[MessageState.DEAD],
            recipients=len(self._reached),
        )


def attempt(
    message: Message, mailer: Mailer, *, now: Callable[[], datetime]
) -> tuple[Message, bool]:
    """Hand a message whose attempt began to its service.

    Returns:
        Its next state, and whether the service takes no message at all now.
    """
    about = {"run": message.run_id, "recipient": message.recipient}
    try:
        mailer.send(message)
    except DeliveryError as error:
        after = mark_failed(message, str(error), permanent=error.permanent, now=now())
        if after.state is MessageState.DEAD:
            logger.error("message given up: %s", error, extra=about)  # noqa: TRY400 - expected
        else:
            logger.warning("message not delivered, will be tried again: %s", error, extra=about)
        return after, error.is_unavailable
    except Exception as error:
        # One attempt, as any other failure: else this message would stop all that are behind it.
        logger.exception("message not delivered, a defect of the auditor", extra=about)
        reason = f"a defect of the auditor: {type(error).__name__}: {error}"
        return mark_failed(message, reason, permanent=False, now=now()), False
    logger.info("message delivered", extra=about)
    return mark_delivered(message, now=now()), False
