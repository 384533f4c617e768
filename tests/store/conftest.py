from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.protocols import Store
from auditor.store.store import SqlStore, open_database

from .examples import Sql


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
