from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from auditor.store.schema import upgrade

pytest_plugins = ["tests.postgres"]


class Postgres:
    """A server on which each test gets databases of its own."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._mark = f"{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self._count = 0
        self._template = ""

    def empty(self, *, encoding: str = "UTF8") -> str:
        """Return the URL of a new database without tables."""
        return self._make(f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")

    def ready(self) -> str:
        """Return the URL of a new database with this program's schema."""
        if not self._template:
            url = self.empty()
            upgrade(url)
            self._template = make_url(url).database or ""
        return self._make(self._template)

    def drop_all(self) -> None:
        """Drop every database that was made."""
        for number in range(self._count):
            self._execute(f"DROP DATABASE {self._name(number)} WITH (FORCE)")

    def _make(self, template: str) -> str:
        name = self._name(self._count)
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._count += 1
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _name(self, number: int) -> str:
        return f"auditor_test_{self._mark}_{number}"

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgres_server(postgres_url: str) -> Iterator[Postgres]:
    server = Postgres(postgres_url)
    yield server
    if os.environ.get("AUDITOR_TEST_POSTGRES"):  # else the server goes, and its databases with it
        server.drop_all()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "auditor.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has no tables yet (on SQLite: no file)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'auditor.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.empty()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with this program's schema and nothing in it."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        return server.ready()
    path = tmp_path / "auditor.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"
