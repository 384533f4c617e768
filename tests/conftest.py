from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from auditor.store.schema import upgrade
from auditor.store.tables import metadata

pytest_plugins = ["tests.postgres"]


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
        self._schema: tuple[str, ...] = ()
        self._reset = ""

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
            self._schema, self._reset = self._schema_of(self._template), self._emptying()
        name = self._spare.pop() if self._spare else self._make(self._template)
        self._made = [made for made in self._made if made != name]
        self._lent.append(name)
        return self._url_of(name)

    def take_back(self) -> None:
        """Empty what `ready` lent, and drop everything else that was made."""
        for name in self._lent:
            self._execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name",
                name=name,
            )
            # settings first: with one such as a statement_timeout nothing else can be asked
            settings = self._execute(_SETTINGS, name=name)
            if settings == _NO_SETTINGS and self._schema_of(name) == self._schema:
                self._execute(self._reset, database=name)
                self._spare.append(name)
            else:
                self._made.append(name)
        self._lent.clear()
        self._drop_made()

    def close(self) -> None:
        """Drop whatever was made, the template with it."""
        self._made += [*self._lent, *self._spare, *filter(None, [self._template])]
        self._drop_made()

    def _drop_made(self) -> None:
        for name in self._made:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.clear()

    def _make(self, template: str) -> str:
        name = f"auditor_test_{self._mark}_{self._count}"
        self._count += 1
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        return name

    def _url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _schema_of(self, name: str) -> tuple[str, ...]:
        """Return what a test may have altered besides rows and settings."""
        return tuple(self._execute(_SCHEMA, database=name))

    def _emptying(self) -> str:
        """Return the statements that leave a database as the template is."""
        sequences = self._execute(_SEQUENCES, database=self._template)
        return "; ".join(
            [
                *(str(table.delete()) for table in reversed(metadata.sorted_tables)),
                *(f"SELECT setval('{sequence}', 1, false)" for sequence in sequences),
            ]
        )

    def _execute(self, statement: str, *, database: str = "", **values: str) -> list[str]:
        url = self._url.set(database=database) if database else self._url
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            result = connection.execute(text(statement), values)
            return [str(row[0]) for row in result] if result.returns_rows else []


_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
_SETTINGS = """
SELECT concat_ws(' ', datconnlimit, datallowconn, count(setconfig)) FROM pg_database
  LEFT JOIN pg_db_role_setting ON pg_database.oid = setdatabase
  WHERE datname = :name GROUP BY datconnlimit, datallowconn
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
