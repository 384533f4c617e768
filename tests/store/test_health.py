from __future__ import annotations

import pytest

from auditor.errors import StoreUnreachableError
from auditor.store.schema import HEAD
from auditor.store.store import SqlStore, open_database

from .examples import Sql


def test_a_database_that_is_well_tells_what_it_is(store: SqlStore, sql: Sql) -> None:
    found = store.health()

    assert (found.kind, found.schema) == ("SQLite" if sql.is_sqlite else "PostgreSQL", HEAD)
    assert found.size_bytes > 4096
    assert (found.file is not None) == sql.is_sqlite
    assert found.file is None or found.file.stat().st_size == found.size_bytes


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_one_may_only_read_is_not_well(database_url: str) -> None:
    as_reader = f"{database_url}?options=-c%20role%3Dpg_read_all_data"

    with (
        open_database(as_reader, upgrade=False) as store,
        pytest.raises(StoreUnreachableError, match="the user lacks a right on it; make"),
    ):
        store.health()
