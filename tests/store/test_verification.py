from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.model import BlockKindName
from auditor.store.store import SqlStore

from .examples import (
    FAN,
    PUMP,
    Sql,
    audited,
    changed,
    first,
    night,
    opened,
    quiet,
    snapshot,
    vendor_finding,
)


@pytest.fixture
def history(store: SqlStore) -> SqlStore:
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    audited(store, 1, changed(PUMP, "second"), quiet(FAN, "fan"))
    audited(store, 2, changed(PUMP, "third"), changed(FAN, "second fan"))
    return store


def test_an_untouched_history_is_sound(history: SqlStore) -> None:
    opened(history, 3)

    assert history.verify() is None


def test_an_empty_history_is_sound(store: SqlStore) -> None:
    assert store.verify() is None


def test_a_history_with_an_abandoned_run_is_sound(store: SqlStore) -> None:
    run_id = opened(store)
    store.save(run_id, [first()], at=night(0))
    store.abandon_open_runs(night(1))
    audited(store, 1, changed())

    assert store.verify() is None


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        ("UPDATE version SET headline = 'nothing' WHERE id = 3", "version 3 of 1/3"),
        ("UPDATE version SET name = 'x' WHERE id = 1", "version 1 of 1/3"),
        ("UPDATE version SET type = 'x' WHERE id = 1", "version 1 of 1/3"),
        ("UPDATE version SET kind = 'anomaly' WHERE id = 1", "version 1 of 1/3"),
        ("UPDATE version SET model_state = 'trained' WHERE id = 3", "version 3 of 1/3"),
        ("UPDATE version SET digest = hash WHERE id = 3", "version 3 of 1/3"),
        ("UPDATE version SET hash = digest WHERE id = 2", "version 2 of 1/7"),
        ("UPDATE version SET previous_hash = digest WHERE id = 2", "version 2 of 1/7"),
        ("UPDATE version SET run_id = 2 WHERE id = 1", "run 1"),
        ("UPDATE version SET learn_id = 8 WHERE id = 2", "version 2 of 1/8"),
        ("UPDATE version SET anchor_id = 2 WHERE id = 3", "version 3 of 1/3"),
        ("UPDATE version SET anchor_id = 1 WHERE id = 1", "version 1 of 1/3"),
        ("UPDATE version SET document = hash WHERE id = 3", "version 3 of 1/3"),
        ("DELETE FROM version WHERE id = 3", "run 2"),
        ("DELETE FROM version WHERE id = 4", "run 3"),
        ("UPDATE catalogue SET document = content_hash", "catalogue"),
        ("UPDATE catalogue SET content_hash = digest", "catalogue"),
        ("DELETE FROM catalogue", "version 1 of 1/3"),
        ("DELETE FROM run WHERE id = 2", "run 2"),
        ("DELETE FROM run WHERE id = 3", "run 3"),
        ("UPDATE run SET head_hash = NULL WHERE id = 2", "run 2"),
        ("UPDATE run SET head_hash = NULL, status = 'running' WHERE id = 2", "run 3"),
        ("UPDATE run SET trigger = 'schedule' WHERE id = 1", "run 1"),
        ("UPDATE target SET version_id = 1 WHERE learn_id = 3", "target 1/3"),
        ("UPDATE target SET version_id = NULL WHERE learn_id = 3", "target 1/3"),
        ("DELETE FROM target WHERE learn_id = 7", "target 1/7"),
    ],
)
def test_an_altered_or_missing_row_is_the_first_broken_link(
    history: SqlStore, sql: Sql, tampering: str, where: str
) -> None:
    sql.write(tampering)

    breach = history.verify()

    assert breach is not None
    assert breach.where.startswith(where)


def test_a_block_of_another_kind_is_not_made_a_keras_block(store: SqlStore, sql: Sql) -> None:
    dsp = BlockKindName.PROCESSING
    audited(store, 0, replace(first(), kind=dsp, snapshot=replace(snapshot(), kind=dsp)))
    before = store.verify()
    sql.write("UPDATE version SET kind = 'keras'")
    breach = store.verify()

    assert before is None
    assert breach is not None
    assert breach.where == "version 1 of 1/3"


@pytest.mark.parametrize(
    ("table", "column", "key"),
    [
        ("version", "document", "id = 1"),
        ("version", "document", "id = 3"),
        ("version", "hash", "id = 4"),
        ("version", "previous_hash", "id = 4"),
        ("version", "digest", "id = 4"),
        ("version", "catalogue_digest", "id = 4"),
        ("catalogue", "document", "1 = 1"),
        ("catalogue", "digest", "1 = 1"),
        ("catalogue", "content_hash", "1 = 1"),
        ("run", "head_hash", "id = 3"),
    ],
)
def test_no_byte_of_a_blob_can_be_altered_unseen(
    history: SqlStore, sql: Sql, table: str, column: str, key: str
) -> None:
    query = f"SELECT {column} FROM {table} WHERE {key}"  # noqa: S608 # the test's own words
    change = f"UPDATE {table} SET {column} = :blob WHERE {key}"  # noqa: S608 # the same
    (blob,) = (bytes(stored) for stored in sql.read(query))
    # What is hashed is the same on both: on PostgreSQL, where it takes longer, some bytes will do.
    step = 1 if history.database.address.is_sqlite else 11
    unseen = []

    for place in range(0, len(blob), step):
        altered = bytearray(blob)
        altered[place] ^= 1 << place % 8
        sql.write(change, blob=bytes(altered))
        if history.verify() is None:
            unseen.append(place)
    sql.write(change, blob=blob + b"\x00")

    assert unseen == []
    assert history.verify() is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL refuses it
def test_a_value_of_another_type_is_a_breach(history: SqlStore, sql: Sql) -> None:
    sql.write("UPDATE version SET seen_at = 'yesterday' WHERE id = 1")

    breach = history.verify()

    assert breach is not None
    assert "never stored" in breach.what


@pytest.mark.parametrize("naming", ["message", "finding", "notice"])
def test_a_removed_last_run_is_missed_by_whatever_it_left(
    history: SqlStore, sql: Sql, naming: str
) -> None:
    run_id = audited(
        history, 3, quiet(PUMP, "third"), messages=("a@b.example",), vendor=(vendor_finding(),)
    )
    sql.write(
        "INSERT INTO notice (run_id, reported_run_id, kind, severity, text) "
        "VALUES (4, 4, 'rule_held', 'info', '')",
        "UPDATE target SET last_run_id = 3",
        *(f"DELETE FROM {table}" for table in ("message", "finding", "notice") if table != naming),  # noqa: S608 # the test's own words
        "DELETE FROM run WHERE id = 4",
    )

    breach = history.verify()

    assert run_id == 4
    assert breach is not None
    assert breach.where == "run 4"


def test_the_same_versions_in_another_order_have_another_head(store: SqlStore) -> None:
    run_id = audited(store, 0, first(PUMP), first(FAN))
    other = audited(store, 1, changed(FAN), changed(PUMP))

    assert store.head(run_id) != store.head(other)
    assert len(store.head(run_id)) == 64


def test_a_head_is_the_same_before_and_after_its_run_is_closed(store: SqlStore) -> None:
    run_id = opened(store)
    store.save(run_id, [first()], at=night(0))
    before = store.head(run_id)
    store.abandon_open_runs(night(1))

    assert store.head(run_id) == before
