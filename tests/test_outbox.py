from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.outbox import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    Message,
    MessageState,
    begin_attempt,
    mark_delivered,
    mark_failed,
)

NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
QUEUED = Message(
    id=4,
    run_id=7,
    recipient="ops@example.org",
    message_id="<run-7.ops@example.org>",
    subject="[EI drift] no change",
    content=b"Subject: no change\r\n\r\nNothing.\r\n",
    state=MessageState.QUEUED,
    attempts=0,
    due_at=NOW,
)

ATTEMPTS = st.integers(0, MAX_ATTEMPTS - 1)
MOMENTS = st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1))  # noqa: DTZ001 - the strategy adds the zone
REASONS = st.text(max_size=40)


def failed(message: Message, reason: str, *, permanent: bool, now: datetime) -> Message:
    """The message after an attempt that failed."""
    return mark_failed(begin_attempt(message, now=now), reason, permanent=permanent, now=now)


def waits() -> list[timedelta]:
    """The waits between the attempts at one message that is never taken, until it is dead."""
    message, found = QUEUED, []
    while message.state is MessageState.QUEUED:
        before = message
        message = failed(message, "450 later", permanent=False, now=before.due_at)
        found.append(message.due_at - before.due_at)
    return found[:-1]  # the last attempt is followed by none


def identity(message: Message) -> tuple[object, ...]:
    return (
        message.id,
        message.run_id,
        message.recipient,
        message.message_id,
        message.subject,
        message.content,
    )


def test_waits_double_from_a_minute_to_six_hours() -> None:
    minutes = [wait // timedelta(minutes=1) for wait in waits()]

    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[360] * 17]


def test_a_message_is_given_up_between_four_and_five_days() -> None:
    # RFC 5321 section 4.5.4.1: the give-up time is at least four to five days
    assert timedelta(days=4) < sum(waits(), timedelta()) < timedelta(days=5)
    assert len(waits()) == MAX_ATTEMPTS - 1


@given(ATTEMPTS, REASONS, MOMENTS)
def test_a_temporary_failure_waits_at_least_as_long_as_the_one_before(
    attempts: int, reason: str, now: datetime
) -> None:
    before = replace(QUEUED, attempts=attempts)
    after = failed(before, reason, permanent=False, now=now)

    is_last = attempts + 1 == MAX_ATTEMPTS
    assert (after.attempts, after.last_error) == (attempts + 1, reason)
    assert after.state is (MessageState.DEAD if is_last else MessageState.QUEUED)
    if not is_last:
        assert FIRST_WAIT <= after.due_at - now <= LONGEST_WAIT
        again = failed(after, reason, permanent=False, now=now)
        assert again.state is MessageState.DEAD or again.due_at >= after.due_at


@given(ATTEMPTS, REASONS, MOMENTS)
def test_a_permanent_failure_is_the_end_at_any_attempt(
    attempts: int, reason: str, now: datetime
) -> None:
    after = failed(replace(QUEUED, attempts=attempts), reason, permanent=True, now=now)

    assert after.state is MessageState.DEAD
    assert (after.attempts, after.last_error) == (attempts + 1, reason)
    assert after.delivered_at is None


@given(ATTEMPTS, REASONS, MOMENTS)
def test_a_delivered_message_forgets_why_it_failed_before(
    attempts: int, reason: str, now: datetime
) -> None:
    before = replace(QUEUED, attempts=attempts, last_error=reason)
    after = mark_delivered(begin_attempt(before, now=now), now=now)

    assert after.state is MessageState.DELIVERED
    assert (after.attempts, after.last_error, after.delivered_at) == (attempts + 1, "", now)


@given(st.lists(st.booleans(), max_size=MAX_ATTEMPTS), MOMENTS)
def test_no_attempt_changes_what_is_sent_to_whom(takes: list[bool], now: datetime) -> None:
    message = QUEUED
    for is_taken in takes:
        before, copy = message, replace(message)
        message = (
            mark_delivered(begin_attempt(message, now=now), now=now)
            if is_taken
            else failed(message, "450", permanent=False, now=now)
        )
        assert before == copy
        assert identity(message) == identity(QUEUED)


@given(ATTEMPTS, MOMENTS)
def test_an_attempt_that_ends_without_a_result_waits_as_one_that_failed(
    attempts: int, now: datetime
) -> None:
    begun = begin_attempt(replace(QUEUED, attempts=attempts), now=now)

    assert begun.state is MessageState.QUEUED
    if attempts + 1 < MAX_ATTEMPTS:
        assert begun.due_at == mark_failed(begun, "450", permanent=False, now=now).due_at


def test_a_message_cannot_be_altered_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        QUEUED.state = MessageState.DELIVERED  # type: ignore[misc] # that is the point
