from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor import outbox
from auditor.errors import UsageError
from auditor.outbox import MessageState
from auditor.records import RunConclusions
from auditor.store.store import SqlStore

from .examples import (
    NIGHT,
    Sql,
    audited,
    dead,
    delivered,
    first,
    message,
    opened,
    queued,
    report,
)


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


def test_the_short_form_is_kept_until_the_message_is_delivered(store: SqlStore, sql: Sql) -> None:
    audited(store, 0, first())
    run_id = opened(store, 1)
    outgoing = [replace(message(run_id, to), summary=b"short") for to in ("a", "b")]
    store.close_run(report(run_id), outgoing, carried=(), conclusions=RunConclusions())
    assert queued(store, "a").summary == b"short"
    delivered(store, "a")

    assert sql.read("SELECT recipient FROM message WHERE summary IS NULL") == ["a"]


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


def queue_many(store: SqlStore, sql: Sql, number: int) -> None:
    """Store a run whose messages are dead, all but the last."""
    recipients = tuple(f"r{place}" for place in range(number))
    audited(store, 0, first(), messages=recipients)
    sql.write("UPDATE message SET state = 'dead' WHERE id < (SELECT max(id) FROM message)")


def test_messages_are_counted_and_the_newest_of_each_state_listed(
    store: SqlStore, sql: Sql
) -> None:
    queue_many(store, sql, 9)

    overview = store.outbox_overview(most=2)

    assert overview.counts == {
        MessageState.QUEUED: 1,
        MessageState.DEAD: 8,
        MessageState.DROPPED: 0,
    }
    assert [info.id for info in overview.newest] == [9, 8, 7]
    assert store.undelivered_runs([1, 2]) == {1}
    assert store.message_ids(MessageState.DEAD) == tuple(range(1, 9))


def test_messages_to_former_recipients_are_dropped_with_their_content(
    drift: SqlStore, sql: Sql
) -> None:
    dead(drift, "a")
    former = drift.queued_recipients() - {"a"}

    assert drift.drop_messages_to(former, why="no longer a recipient") == 1
    assert drift.drop_messages_to(former, why="again") == 0
    assert sql.read("SELECT recipient FROM message WHERE content IS NULL") == ["b"]
    [dropped, given_up] = drift.message_infos([2, 1, 7])[::-1]
    assert (dropped.state, dropped.last_error) == (MessageState.DROPPED, "no longer a recipient")
    assert given_up.state is MessageState.DEAD
    assert [found.finding for found in drift.unreported_findings(opened(drift, 4))] != []


def test_thousands_of_messages_are_settled_in_batches(store: SqlStore, sql: Sql) -> None:
    queue_many(store, sql, 1_203)
    every = range(1, 1_204)

    assert store.requeue_messages(every, now=NIGHT) == 1_203
    assert len(store.queued_ids(due_by=NIGHT)) == 1_203
    assert store.drop_messages(every[:1_201], why="dropped by hand") == 1_201
    assert [message.id for message in store.queued_messages(due_by=None)] == [1_202, 1_203]
