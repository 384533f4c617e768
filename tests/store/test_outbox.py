from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor import outbox
from auditor.errors import UsageError
from auditor.outbox import MessageState
from auditor.store.store import SqlStore

from .examples import NIGHT, Sql, dead, delivered, message, queued


def test_a_message_comes_back_as_it_was_queued(drift: SqlStore) -> None:
    assert tuple(drift.queued_messages(due_by=None)) == (
        replace(message(2, "a"), id=1),
        replace(message(2, "b"), id=2),
    )


def test_only_messages_that_are_due_are_given_out(drift: SqlStore) -> None:
    begun = outbox.begin_attempt(queued(drift, "a"), now=NIGHT)
    late = outbox.mark_failed(begun, "451 later", permanent=False, now=NIGHT)
    drift.record(late)

    assert [due_message.recipient for due_message in drift.queued_messages(due_by=NIGHT)] == ["b"]
    due = tuple(drift.queued_messages(due_by=NIGHT + timedelta(minutes=1)))
    assert due[0] == late
    assert tuple(drift.queued_messages(due_by=None)) == due


def test_a_message_that_a_clock_ahead_put_off_is_due(drift: SqlStore) -> None:
    ahead = NIGHT + timedelta(days=365)
    begun = outbox.begin_attempt(queued(drift, "a"), now=ahead)
    drift.record(outbox.mark_failed(begun, "451 later", permanent=False, now=ahead))

    assert [due.recipient for due in drift.queued_messages(due_by=NIGHT)] == ["a", "b"]


def test_the_content_of_a_delivered_message_is_dropped(drift: SqlStore, sql: Sql) -> None:
    delivered(drift, "a")
    dead(drift, "b")

    assert sql.read("SELECT recipient FROM message WHERE content IS NULL") == ["a"]
    (left,) = drift.outbox_overview(most=9).newest
    assert (left.recipient, left.state) == ("b", MessageState.DEAD)


def test_a_message_that_was_settled_meanwhile_stays_as_it_is(drift: SqlStore) -> None:
    message = queued(drift, "a")
    assert drift.record(outbox.begin_attempt(message, now=NIGHT))
    dead(drift, "a")

    assert not drift.record(outbox.begin_attempt(message, now=NIGHT))
    states = [found.state for found in drift.outbox_overview(most=9).newest]
    assert states == [MessageState.QUEUED, MessageState.DEAD]


def test_a_message_that_is_not_stored_is_refused_by_name(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="no message 0"):
        store.record(message(1))
