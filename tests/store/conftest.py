from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.protocols import Store
from auditor.store.store import SqlStore, open_database

from .examples import Sql, audited, changed, first


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    with open_database(database_url, upgrade=False) as opened:
        _fulfilled: Store = opened  # mypy holds the store to its port
        yield opened


@pytest.fixture
def sql(database_url: str) -> Iterator[Sql]:
    """The database behind the store's back."""
    with Sql(database_url) as behind:
        yield behind


@pytest.fixture
def drift(store: SqlStore) -> SqlStore:
    """A store whose second run found something and queued it for two recipients."""
    audited(store, 0, first())
    audited(store, 1, changed(), messages=("a", "b"))
    return store
