from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard

from auditor.errors import StoreError
from auditor.retention import Retention
from auditor.store.schema import REVISIONS
from auditor.store.store import SqlStore, open_database
from auditor.store.tables import metadata
from tests.conftest import Postgres

from .examples import FAN, PUMP, Sql, audited, changed, first, night, opened
from .histories import TARGETS, varied

# What is wrong with an export is found before any database has a part in it.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def other_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the other engine."""
    if database_url.startswith("sqlite"):
        server: Postgres = request.getfixturevalue("postgres_server")
        return server.ready()
    path = tmp_path / "other.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def other(other_url: str) -> Iterator[SqlStore]:
    with open_database(other_url, upgrade=False) as opened_too:
        yield opened_too


@pytest.fixture
def empty(sqlite_template: Path, tmp_path: Path) -> Iterator[SqlStore]:
    path = tmp_path / "empty.db"
    shutil.copy(sqlite_template, path)
    with open_database(f"sqlite:///{path}", upgrade=False) as opened_too:
        yield opened_too


def exported(store: SqlStore) -> bytes:
    stream = io.BytesIO()
    store.write_export(stream)
    return stream.getvalue()


def moved(store: SqlStore, other: SqlStore) -> None:
    other.load_export(io.BytesIO(exported(store)))


def rewritten(export: bytes, change: Callable[[list[str]], list[str]]) -> io.BytesIO:
    """An export with other lines, and its compression whole again."""
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(export).decode().split("\n")
    return io.BytesIO(zstandard.ZstdCompressor().compress("\n".join(change(lines)).encode()))


@pytest.mark.parametrize("seed", range(2))
def test_a_history_is_the_same_in_the_other_database(
    store: SqlStore, other: SqlStore, sql: Sql, seed: int
) -> None:
    varied(store, seed)
    assert columns_without_a_value(sql) == []
    store.prune(Retention(keep=timedelta(), versions=2, monthly=False), now=night(9))
    moved(store, other)

    assert other.verify() is None
    assert exported(other) == exported(store)
    assert other.fingerprint_key() == store.fingerprint_key()
    queued = tuple(store.queued_messages(due_by=None))
    assert tuple(other.queued_messages(due_by=None)) == queued != ()
    assert other.all_acknowledgements() == store.all_acknowledgements()
    assert other.statuses() == store.statuses()
    for target in TARGETS:
        assert other.target_versions(target) == store.target_versions(target)
        assert other.approvals(target) == store.approvals(target)
    for run in store.all_runs():
        if run.id not in store.pruned_runs():
            assert other.report(run.id) == store.report(run.id)


def columns_without_a_value(sql: Sql) -> list[tuple[str, str]]:
    """Return the columns that are NULL in every row: whether they are moved shows nowhere."""
    columns = [
        (table.name, column.name) for table in metadata.tables.values() for column in table.c
    ]
    query = "SELECT count({1}) FROM {0}"  # the program's own names
    return [each for each in columns if sql.read(query.format(*each)) == [0]]


def test_after_an_import_the_history_goes_on(store: SqlStore, other: SqlStore) -> None:
    varied(store, 1)
    moved(store, other)
    last = store.last_run()
    going_on = [opened(database, 99) for database in (store, other)]
    for database, run_id in zip((store, other), going_on, strict=True):
        database.save(run_id, [changed(PUMP, "new"), first(FAN)], at=night(99))
        database.abandon_open_runs(night(99))
        audited(database, 100, changed(PUMP, "newer"), messages=("ops@example.org",))

    assert last is not None
    assert going_on == [(last.id or 0) + 1] * 2
    assert exported(other) == exported(store)
    assert other.verify() is None


def test_an_empty_history_is_moved_too(store: SqlStore, other: SqlStore) -> None:
    moved(store, other)

    assert exported(other) == exported(store)


def test_only_an_empty_database_takes_an_import(store: SqlStore, other: SqlStore) -> None:
    audited(store, 0, first())
    audited(other, 0, first())

    with pytest.raises(StoreError, match=r"not empty: its table .* has rows"):
        moved(store, other)


@on_sqlite
@pytest.mark.parametrize("at", [0, 1, 100, -30, -1])
def test_an_export_that_was_cut_off_is_refused_whole(
    store: SqlStore, empty: SqlStore, at: int
) -> None:
    audited(store, 0, first())

    with pytest.raises(StoreError):
        empty.load_export(io.BytesIO(exported(store)[:at]))
    assert empty.last_run() is None


@on_sqlite
@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda lines: lines[:-2], "not whole", id="without its end"),
        pytest.param(lambda lines: lines[:3] + lines[4:], "not whole", id="a line is missing"),
        pytest.param(lambda lines: [*lines[:-1], "[]", ""], "not whole", id="more behind its end"),
        pytest.param(lambda lines: [*lines[:3], "[1]", *lines[3:]], "not whole", id="no row"),
        pytest.param(lambda lines: [*lines[:3], "{", *lines[3:]], "not whole", id="no JSON"),
        pytest.param(
            lambda lines: [line.replace('"manual"', '"schedule"') for line in lines],
            "not whole",
            id="a value is another",
        ),
        pytest.param(
            lambda _: ['{"format": "x"}', ""], "not an export of the auditor", id="other"
        ),
        pytest.param(lambda _: ["[]", ""], "not an export of the auditor", id="a list"),
    ],
)
def test_an_altered_export_is_refused_whole(
    store: SqlStore, empty: SqlStore, change: Callable[[list[str]], list[str]], said: str
) -> None:
    audited(store, 0, first())

    with pytest.raises(StoreError, match=said):
        empty.load_export(rewritten(exported(store), change))
    assert empty.last_run() is None


@on_sqlite
def test_what_is_no_export_at_all_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match=r"not an export of the auditor .* in database\.url"):
        store.load_export(io.BytesIO(b"SQLite format 3\x00" * 99))


@on_sqlite
@pytest.mark.parametrize("size", [5, 60])
def test_an_export_that_was_cut_off_is_not_whole(store: SqlStore, size: int) -> None:
    with pytest.raises(StoreError, match="the export is not whole: it was cut off"):
        store.load_export(io.BytesIO(exported(store)[:size]))


@on_sqlite
@pytest.mark.parametrize(
    ("schema", "remedy"),
    [(REVISIONS[0], "auditor db upgrade"), ("0999", "a newer one")],
    ids=["older", "newer"],
)
def test_an_export_of_another_schema_is_refused_with_the_remedy(
    store: SqlStore, empty: SqlStore, schema: str, remedy: str
) -> None:
    header = {"format": "auditor.export/1", "schema": schema}
    other_schema = rewritten(exported(store), lambda lines: [json.dumps(header), *lines[1:]])

    with pytest.raises(StoreError, match=f"schema .*{schema}.*{remedy}"):
        empty.load_export(other_schema)


def test_an_export_sees_one_moment_while_a_run_goes_on(store: SqlStore) -> None:
    audited(store, 0, first())

    class Meanwhile(io.BytesIO):
        """A stream on whose first write another run is made."""

        written = False

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            if not self.written:
                self.written = True
                audited(store, 1, changed())
            return super().write(data)

    stream = Meanwhile()
    before = exported(store)
    store.write_export(stream)

    assert stream.getvalue() == before
    assert [run.id for run in store.all_runs()] == [2, 1]


def test_a_backup_is_whole_and_of_one_moment(
    store: SqlStore, other: SqlStore, sql: Sql, tmp_path: Path
) -> None:
    varied(store, 2)
    path = tmp_path / "backup"
    path.touch(mode=0o600)
    store.backup(path)
    before = exported(store)
    audited(store, 99, first(FAN))

    if sql.is_sqlite:
        with open_database(f"sqlite:///{path}", upgrade=False) as backup:
            assert exported(backup) == before
            assert backup.verify() is None
    else:
        with path.open("rb") as stream:
            other.load_export(stream)
        assert exported(other) == before
