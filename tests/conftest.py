from __future__ import annotations

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from auditor.store.schema import upgrade
from auditor.store.tables import metadata
from tests import processes

pytest_plugins = ["tests.postgres", "tests.statements"]


@pytest.fixture(scope="session", autouse=True)
def end_of_processes() -> Iterator[None]:
    """End what forks processes of the program with the session."""
    yield
    processes.close()


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay to the end."""
    gc.collect()
    gc.freeze()


class Postgres:
    """A server on which each test gets databases of its own."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._mark = f"{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self._count = 0
        self._template = ""
        self._made: list[str] = []
        self._lent: list[str] = []
        self._spare: list[str] = []
        self._schema: list[str] = []
        self._reset = ""
        self._server: psycopg.Connection[Any] | None = None

    def empty(self, *, encoding: str = "UTF8") -> str:
        """Return the URL of a new database without tables."""
        return self._url_of(
            self._make(f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        )

    def ready(self) -> str:
        """Return the URL of a database with this program's schema and no rows.

        A test often gets the one that the test before it gave back: to empty a database takes a
        tenth of the time that it takes to make one.
        """
        if not self._template:
            url = self.empty()
            upgrade(url)
            self._template = self._made.pop()
            self._learn_template()
        name = self._spare.pop() if self._spare else self._make(self._template)
        self._made = [made for made in self._made if made != name]
        self._lent.append(name)
        return self._url_of(name)

    def take_back(self) -> None:
        """Empty what `ready` lent, and drop everything else that was made."""
        for name in self._lent:
            self._ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name
            )
            # settings first: with one such as a statement_timeout nothing else can be asked
            is_as_made = self._ask(_SETTINGS, name) == _NO_SETTINGS
            (self._spare if is_as_made and self._is_emptied(name) else self._made).append(name)
        self._lent.clear()
        self._drop_made()

    def _is_emptied(self, name: str) -> bool:
        """Empty a database whose schema is still the template's."""
        with psycopg.connect(self._address_of(name), autocommit=True) as connection:
            if _rows(connection, _SCHEMA) != self._schema:
                return False
            connection.execute(self._reset)
        return True

    def drop_all(self) -> None:
        """Drop whatever was made, the template with it."""
        self._made += [*self._lent, *self._spare, *filter(None, [self._template])]
        self._drop_made()

    def close(self) -> None:
        """Close the connection to the server."""
        if self._server is not None:
            self._server.close()

    def _drop_made(self) -> None:
        for name in self._made:
            self._ask(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.clear()

    def _make(self, template: str) -> str:
        name = f"auditor_test_{self._mark}_{self._count}"
        self._count += 1
        self._ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        return name

    def _url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _address_of(self, name: str) -> str:
        url = self._url.set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)

    def _learn_template(self) -> None:
        """Remember the template's schema, and the statements that leave a database like it."""
        with psycopg.connect(self._address_of(self._template), autocommit=True) as connection:
            self._schema = _rows(connection, _SCHEMA)
            sequences = _rows(connection, _SEQUENCES)
        self._reset = "; ".join(
            [
                *(str(table.delete()) for table in reversed(metadata.sorted_tables)),
                *(f"SELECT setval('{sequence}', 1, false)" for sequence in sequences),
            ]
        )

    def _ask(self, statement: str, *values: str) -> list[str]:
        if self._server is None:
            self._server = psycopg.connect(
                self._url.set(drivername="postgresql").render_as_string(hide_password=False),
                autocommit=True,
            )
        return _rows(self._server, statement, *values)


def _rows(connection: psycopg.Connection[Any], statement: str, *values: str) -> list[str]:
    result = connection.execute(statement, values or None)
    return [str(row[0]) for row in result] if result.description else []


_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
_SETTINGS = """
SELECT concat_ws(' ', datconnlimit, datallowconn, count(setconfig)) FROM pg_database
  LEFT JOIN pg_db_role_setting ON pg_database.oid = setdatabase
  WHERE datname = %s GROUP BY datconnlimit, datallowconn
"""
_NO_SETTINGS = ["-1 t 0"]
_SCHEMA = """
SELECT concat_ws(' ', relname, relkind, relnatts, relacl) FROM pg_class
  WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws(' ', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT version_num FROM alembic_version
ORDER BY 1
"""


@pytest.fixture(scope="session")
def postgres_of_session(postgres_url: str) -> Iterator[Postgres]:
    server = Postgres(postgres_url)
    yield server
    if os.environ.get("AUDITOR_TEST_POSTGRES"):  # else the server goes, and its databases with it
        server.drop_all()
    server.close()


@pytest.fixture
def postgres_server(postgres_of_session: Postgres) -> Iterator[Postgres]:
    """A server that takes the test's databases back: hundreds take gigabytes of the disk."""
    yield postgres_of_session
    postgres_of_session.take_back()


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the store on both databases, one of whole nights on SQLite unless marked.

    A night costs three times as much on PostgreSQL, and most are about something else. The marked
    ones, with `tests/store`, reach there whatever the store does.
    """
    marks = metafunc.definition.iter_markers("parametrize")
    if "database_url" not in metafunc.fixturenames or any("database_url" in m.args for m in marks):
        return
    is_of_nights = metafunc.definition.path.parent.name in {"audit", "daemon"}
    is_marked = metafunc.definition.get_closest_marker("both_databases") is not None
    kinds = ["sqlite", "postgresql"] if is_marked or not is_of_nights else ["sqlite"]
    metafunc.parametrize("database_url", kinds, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with this program's schema and nothing in it."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        return server.ready()
    path = tmp_path / "auditor.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"
