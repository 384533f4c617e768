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
        self._made: list[str] = []

    def empty(self, *, encoding: str = "UTF8") -> str:
        """Return the URL of a new database without tables."""
        return self._make(f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")

    def ready(self) -> str:
        """Return the URL of a new database with this program's schema."""
        if not self._template:
            url = self.empty()
            upgrade(url)
            self._template = self._made.pop()
        return self._make(self._template)

    def drop_made(self) -> None:
        """Drop what was made, but keep the template."""
        for name in self._made:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.clear()

    def close(self) -> None:
        """Drop what was made, and the template."""
        if self._template:
            self._made.append(self._template)
        self.drop_made()

    def _make(self, template: str) -> str:
        name = f"auditor_test_{self._mark}_{self._count}"
        self._count += 1
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgres_of_session(postgres_url: str) -> Iterator[Postgres]:
    server = Postgres(postgres_url)
    yield server
    if os.environ.get("AUDITOR_TEST_POSTGRES"):  # else the server goes, and its databases with it
        server.close()


@pytest.fixture
def postgres_server(postgres_of_session: Postgres) -> Iterator[Postgres]:
    """A server that loses the test's databases after it: hundreds take gigabytes of the disk."""
    yield postgres_of_session
    postgres_of_session.drop_made()


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
