"""Statements and transactions of a fleet that is larger than a database takes at once.

The databases are real, with their limits lowered: then some hundred blocks cross what 20,000
cross. PostgreSQL's limit cannot be lowered as far as SQLite's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, event, make_url, text

from auditor.decide import Decision
from auditor.model import ConditionKind, OpenCondition, TargetId
from auditor.outbox import mark_failed
from auditor.protocols import Store
from auditor.retention import Retention
from auditor.store.store import SqlStore, open_database
from tests.decisions import approve, approve_all_new
from tests.scale.fleet import LargeFleet, LargeStudio, configure

_BLOCKS = {"sqlite": 240, "postgresql": 400}
_NOTHING_KEPT = Retention(keep=timedelta(), versions=1, monthly=False)
_MOST_VARIABLES = 450  # of a statement; 32,766 in the usual build of SQLite
_STACK = "100kB"  # the least that PostgreSQL takes; 2 MB by default


@pytest.fixture
def tight_store(database_url: str) -> Iterator[SqlStore]:
    if not database_url.startswith("sqlite"):
        _lower_stack(database_url)
    with open_database(database_url, upgrade=False) as store:
        engine = store.database.engine
        engine.dispose()
        if database_url.startswith("sqlite"):
            event.listen(engine, "connect", _lower_variables)
        yield store


@pytest.fixture
def fleet(tight_store: SqlStore, database_url: str, tmp_path: Path) -> LargeFleet:
    studio = LargeStudio(_BLOCKS[make_url(database_url).get_backend_name()], is_short=True)
    return LargeFleet(studio, tight_store, configure(database_url, tmp_path, studio))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # an edit's statements, below
def test_a_night_on_which_the_vendor_changes_every_answer_is_stored_and_the_next_is_quiet(
    fleet: LargeFleet,
) -> None:
    fleet.audit()
    fleet.studio.release = 1
    vendors, quiet = fleet.audit(), fleet.audit()
    blocks = fleet.studio.size

    assert (vendors.totals.in_sync, vendors.totals.findings) == (blocks, 0)
    assert {found.targets for found in vendors.catalogue} == {blocks}
    assert len(vendors.catalogue) == 2  # a field and the template of the scripts
    assert quiet.totals.in_sync == blocks
    assert quiet.catalogue == ()


def test_whatever_is_done_to_a_whole_fleet_takes_more_than_one_statement(
    fleet: LargeFleet,
) -> None:
    """Every block is approved, edited, approved again, carried; the history is pruned."""
    store, everything = fleet.store, fleet.studio.targets()
    fleet.audit()
    decision = Decision(author="anna", reason="as built", at=fleet.now())
    assert len(approve_all_new(store, decision)) == len(everything)
    fleet.studio.edit(*everything)
    edited = fleet.audit()
    _give_up(store, fleet.now())
    assert len(approve(everything, store, decision)) == len(everything)
    carried = fleet.audit()
    assert edited.totals.findings == len(everything)
    assert _off_baseline(edited.open) == everything
    assert _off_baseline(store.open_conditions()) == []
    assert [len(line.late) for line in carried.targets] == [1] * len(everything)

    pruned = store.prune(_NOTHING_KEPT, now=fleet.now() + timedelta(days=900))
    assert pruned.versions == 0
    assert store.verify() is None


def _off_baseline(conditions: Iterable[OpenCondition]) -> list[TargetId]:
    return sorted(each.target for each in conditions if each.kind is ConditionKind.OFF_BASELINE)


def _give_up(store: Store, at: datetime) -> None:
    for message in store.queued_messages(due_by=None):
        store.record(mark_failed(message, "550 no such user", permanent=True, now=at))


def _lower_variables(connection: sqlite3.Connection, _record: object) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, _MOST_VARIABLES)


def _lower_stack(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        name = make_url(url).database
        connection.execute(text(f"ALTER DATABASE {name} SET max_stack_depth = '{_STACK}'"))
