"""What was decided and reported cannot be altered unseen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from auditor.records import Acknowledgement, Approval, Retraction, RetractionKind
from auditor.store.store import SqlStore, open_database

from .examples import FAN, PUMP, Sql, audited, changed, finding, first, night, opened, quiet

_FORGED = (
    "INSERT INTO approval (project_id, learn_id, version_id, approved_at, author, reason) "
    "SELECT project_id, learn_id, 3, approved_at, author, reason FROM approval WHERE id = 1"
)


def approval(version_id: int, number: int = 1, *, of_fan: bool = False) -> Approval:
    return Approval(
        target=FAN if of_fan else PUMP,
        version_id=version_id,
        at=night(number),
        author="Ann",
        reason="as ordered",
    )


def acknowledgement(number: int = 2) -> Acknowledgement:
    return Acknowledgement(
        finding=finding().id,
        target=PUMP,
        path="trainingCycles",
        value=60,
        at=night(number),
        author="Ann",
        reason="a test",
        until=date(2026, 12, 24),
    )


@pytest.fixture
def history(store: SqlStore) -> SqlStore:
    """Three runs; an approval of each block; an acknowledgement in force, and one that ended."""
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    store.approve([approval(1), approval(2, of_fan=True)])
    audited(store, 1, changed(PUMP, "second"), quiet(FAN, "fan"))
    store.acknowledge(acknowledgement())
    store.acknowledge(acknowledgement(3))  # the one before ends
    audited(store, 2, quiet(PUMP, "second"), quiet(FAN, "fan"))
    opened(store, 3)
    return store


def test_an_untouched_history_of_decisions_is_sound(history: SqlStore) -> None:
    assert history.verify() is None


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        ("UPDATE approval SET author = 'Eve' WHERE id = 1", "approval 1 of 1/3"),
        ("UPDATE approval SET reason = '' WHERE id = 2", "approval 2 of 1/7"),
        ("UPDATE approval SET version_id = 3 WHERE id = 1", "approval 1 of 1/3"),
        ("DELETE FROM approval WHERE id = 2", "approval 2"),
        (
            _FORGED,
            "approval 3 of 1/3",
        ),
        ("UPDATE target SET baseline_version_id = 3 WHERE learn_id = 3", "target 1/3"),
        ("UPDATE target SET baseline_version_id = NULL WHERE learn_id = 7", "target 1/7"),
        ("UPDATE acknowledgement SET reason = 'x' WHERE id = 2", "acknowledgement 2 of 1/3"),
        ("UPDATE acknowledgement SET until = NULL WHERE id = 1", "acknowledgement 1 of 1/3"),
        ("UPDATE acknowledgement SET value = fingerprint WHERE id = 2", "acknowledgement 2"),
        ("DELETE FROM acknowledgement WHERE id = 2", "acknowledgement 2"),
        ("UPDATE acknowledgement SET ended_at = NULL", "acknowledgement end 1"),
        (
            "UPDATE acknowledgement SET ended_at = acknowledged_at WHERE id = 2",
            "acknowledgement end 2 of 1/3",
        ),
        (
            "UPDATE acknowledgement SET ended_why = 'until' WHERE id = 1",
            "acknowledgement end 1 of 1/3",
        ),
        ("UPDATE run SET status = 'abandoned' WHERE id = 2", "run 2"),
        ("UPDATE run SET finished_at = started_at WHERE id = 3", "run 3"),
        ("UPDATE run SET report = head_hash WHERE id = 1", "report of run 1"),
        ("UPDATE run SET report_hash = head_hash WHERE id = 1", "run 1"),
        ("UPDATE run SET report = NULL, roster_digest = NULL WHERE id = 3", "report of run 3"),
        ("DELETE FROM roster", "report of run 1"),
        ("UPDATE roster SET document = digest", "list of targets"),
        ("UPDATE ledger SET row_id = 7 WHERE id = 1", "ledger entry 1"),
        ("UPDATE ledger SET content_hash = hash WHERE id = 5", "ledger entry 5"),
        ("DELETE FROM ledger WHERE id = 2", "ledger entry 3"),
        ("DELETE FROM ledger WHERE id > 6", "ledger"),
        ("DELETE FROM ledger", "ledger"),
        ("UPDATE run SET ledger_head = NULL WHERE id = 3", "run 3"),
        ("UPDATE run SET ledger_head = head_hash WHERE id = 2", "run 2"),
    ],
)
def test_an_altered_decision_or_report_is_named(
    history: SqlStore, sql: Sql, tampering: str, where: str
) -> None:
    if "value = fingerprint" in tampering and not sql.is_sqlite:
        tampering = tampering.replace("fingerprint", "fingerprint::bytea")

    sql.write(tampering)

    broken = history.verify()
    assert broken is not None
    assert broken.where.startswith(where)


def test_no_byte_of_a_report_can_be_altered_unseen(history: SqlStore, sql: Sql) -> None:
    (blob,) = (bytes(stored) for stored in sql.read("SELECT report FROM run WHERE id = 2"))
    unseen = []

    for place in range(0, len(blob), 7):
        altered = bytearray(blob)
        altered[place] ^= 1 << place % 8
        sql.write("UPDATE run SET report = :blob WHERE id = 2", blob=bytes(altered))
        if history.verify() is None:
            unseen.append(place)

    assert unseen == []


def test_decisions_that_were_removed_with_their_entries_are_missed(
    history: SqlStore, sql: Sql
) -> None:
    """The head of run 3, which its mail has, covers all that was decided before it."""
    sql.write(
        "DELETE FROM ledger WHERE id > 3",
        "DELETE FROM acknowledgement",
        "UPDATE run SET ledger_head = (SELECT hash FROM ledger WHERE id = 3) WHERE id >= 3",
    )

    broken = history.verify()

    assert broken is not None
    assert broken.where == "run 3"


def test_an_abandoned_run_is_covered_too(history: SqlStore, sql: Sql) -> None:
    history.abandon_open_runs(night(4))
    assert history.verify() is None

    sql.write("UPDATE run SET status = 'complete' WHERE id = 4")

    broken = history.verify()
    assert broken is not None
    assert broken.where == "run 4"


@pytest.fixture
def open_again(database_url: str) -> Callable[[], SqlStore]:
    return lambda: open_database(database_url, upgrade=False)


def test_decisions_made_at_once_are_one_chain(
    history: SqlStore, open_again: Callable[[], SqlStore]
) -> None:
    def decide(number: int) -> None:
        with open_again() as store:
            for _ in range(5):
                store.approve([approval(1, number), approval(2, number, of_fan=True)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decide, range(4)))

    assert history.verify() is None
    assert len(history.approvals(PUMP)) == 21


def retraction(kind: RetractionKind, number: int = 4, *, of_fan: bool = False) -> Retraction:
    return Retraction(
        kind=kind,
        target=FAN if of_fan else PUMP,
        at=night(number),
        author="Ann",
        reason="a mistake",
        finding=finding().id if kind is RetractionKind.UNACKNOWLEDGED else "",
    )


@pytest.fixture
def taken_back(history: SqlStore) -> SqlStore:
    """The history, in which a baseline and an acknowledgement end, and a block is forgotten."""
    history.unapprove([retraction(RetractionKind.UNAPPROVED)])
    history.unacknowledge([retraction(RetractionKind.UNACKNOWLEDGED)])
    history.forget([retraction(RetractionKind.FORGOTTEN, of_fan=True)])
    return history


def test_what_was_taken_back_is_sound_and_has_its_history(taken_back: SqlStore) -> None:
    assert taken_back.verify() is None
    assert [each.kind for each in taken_back.retractions(PUMP)] == ["unacknowledged", "unapproved"]
    assert taken_back.retractions(FAN) == (retraction(RetractionKind.FORGOTTEN, of_fan=True),)
    assert taken_back.all_acknowledgements(PUMP)[0].ended_why == "unacknowledged"
    assert taken_back.known_targets([PUMP])[PUMP].baseline_version_id is None
    assert taken_back.known_targets([FAN]) == {}
    assert [status.target for status in taken_back.statuses()] == [PUMP]


def test_a_block_is_approved_again_after_its_baseline_was_dropped(taken_back: SqlStore) -> None:
    taken_back.approve([approval(3, 5)])

    assert taken_back.verify() is None
    assert taken_back.known_targets([PUMP])[PUMP].baseline_version_id == 3


def test_what_is_accepted_below_a_value_is_chained(history: SqlStore, sql: Sql) -> None:
    history.acknowledge(replace(acknowledgement(4), folded={"script": "ab"}))
    assert history.verify() is None
    assert history.acknowledgements()[0].folded == {"script": "ab"}

    sql.write("UPDATE acknowledgement SET folded = NULL WHERE id = 3")

    broken = history.verify()
    assert broken is not None
    assert broken.where == "acknowledgement folded 3"


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        ("UPDATE retraction SET reason = '' WHERE id = 1", "retraction 1 of 1/3"),
        ("UPDATE retraction SET approval_id = NULL WHERE id = 1", "retraction 1 of 1/3"),
        ("DELETE FROM retraction WHERE id = 3", "retraction 3"),
        ("UPDATE target SET baseline_version_id = 1 WHERE learn_id = 3", "target 1/3"),
        ("UPDATE target SET forgotten_at = last_checked_at WHERE learn_id = 3", "target 1/3"),
        ("UPDATE target SET baseline_version_id = 2 WHERE learn_id = 7", "target 1/7"),
    ],
)
def test_an_altered_way_back_is_named(
    taken_back: SqlStore, sql: Sql, tampering: str, where: str
) -> None:
    sql.write(tampering)

    broken = taken_back.verify()
    assert broken is not None
    assert broken.where.startswith(where)
