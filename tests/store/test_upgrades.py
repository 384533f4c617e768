"""Histories of earlier releases: each opens, says what it said, and goes on without a flood."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import zstandard
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from auditor import app
from auditor.errors import StoreError
from auditor.model import BlockKindName, Since, TargetState, Trigger
from auditor.rendering.json import encode_report
from auditor.report import Report
from auditor.resources import folder
from auditor.store.database import Database
from auditor.store.schema import HEAD, REVISIONS, revision
from auditor.store.store import open_database
from tests.audit.stage import KEY, TEAM, Stage, stage, target
from tests.cli.command import Command
from tests.conftest import Postgres
from tests.kinds import sample_answer, sample_entry
from tests.released import CANARY, RELEASED

_STORED = sorted(release.name for release in RELEASED.iterdir() if release.is_dir())
_KINDS = ("sqlite", "postgresql")
_EACH = [(release, kind) for release in _STORED for kind in _KINDS]
_IN_TURN = [
    (release, _KINDS[place % 2]) for place, release in enumerate(_STORED)
]  # nights take time

# A migration that a machine does not survive: it has changed tables, and goes on for long.
_ENDLESS = """
import time
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "(head)"
def upgrade():
    op.add_column("target", sa.Column("half", sa.Integer()))
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("UPDATE target SET half = 1, name = 'half'")
    op.drop_table("episode")
    with op.batch_alter_table("notice", recreate="auto") as batch:
        batch.alter_column("text", nullable=True)
    print("halfway", flush=True)
    time.sleep(600)  # it is killed here, long before
"""
_ANEW = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "(head)"
def upgrade():
    for table in ("run", "version", "message", "catalogue"):
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.add_column(sa.Column("half", sa.Integer()))
"""
_LOSING = """
from alembic import op
revision, down_revision = "9999", "(head)"
def upgrade():
    op.execute("DELETE FROM run WHERE id = 1")
"""
_MIGRATE = """
import sys
from alembic import command
from alembic.config import Config
settings = Config(attributes={"url": sys.argv[1]})
settings.set_main_option("script_location", sys.argv[2])
command.upgrade(settings, "head")
"""


def unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


def restored(which: str, kind: str, place: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a database that holds the stored history of a release."""
    if kind == "sqlite":
        path = place / "auditor.db"
        path.write_bytes(unpacked(RELEASED / which / "sqlite.db.zst"))
        return f"sqlite:///{path}"
    server: Postgres = request.getfixturevalue("postgres_server")
    url = server.empty()
    dump = unpacked(RELEASED / which / "postgresql.sql.zst")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(dump)
    return url


def beside(which: str, kind: str) -> dict[str, Any]:
    stored = json.loads(unpacked(RELEASED / which / f"{kind}.json.zst"))
    return cast(dict[str, Any], stored)


@pytest.fixture(params=_EACH, ids="-".join)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """The URL of a history of an earlier release, and the files beside it."""
    which, kind = request.param
    return restored(which, kind, tmp_path, request), beside(which, kind)


def schema_of(url: str) -> dict[str, object]:
    """Everything that a database says of its tables, in no order."""
    database = Database(url)
    with database.reading() as connection:
        found = inspect(connection)
        described: dict[str, object] = {
            table: {
                "columns": sorted(
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in found.get_columns(table)
                ),
                "key": found.get_pk_constraint(table)["constrained_columns"],
                "foreign": _sorted(found.get_foreign_keys(table)),
                "indexes": _sorted(found.get_indexes(table)),
                "unique": _sorted(found.get_unique_constraints(table)),
            }
            for table in found.get_table_names()
        }
    database.close()
    return described


def _sorted(described: Any) -> list[str]:  # noqa: ANN401 # whatever SQLAlchemy reflects
    return sorted(json.dumps(line, sort_keys=True, default=str) for line in described)


def test_an_old_history_opens_with_the_schema_of_a_new_one_and_is_sound(
    old: tuple[str, dict[str, Any]], database_url_like: str
) -> None:
    url, _ = old

    with open_database(url, upgrade=True) as store:
        assert store.verify() is None

    assert schema_of(url) == schema_of(database_url_like)


@pytest.fixture
def database_url_like(old: tuple[str, Any], request: pytest.FixtureRequest) -> str:
    """A new database of the same kind as the old one."""
    if old[0].startswith("sqlite"):
        return f"sqlite:///{request.getfixturevalue('sqlite_template')}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.ready()


def test_every_report_says_what_it_said(
    old: tuple[str, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, stored = old
    config = configured(url, tmp_path)
    auditor = Command(capsys)

    for before in stored["reports"]:
        run = str(before["run"]["id"])
        now = auditor("report", run, "--format", "json", "--config", config).json
        assert without_news(now, before) == before
        words = " ".join(auditor("report", run, "--config", config).out.split())
        assert [
            headline for headline in headlines_of(before) if headline[:60].strip() not in words
        ] == []
    assert len(stored["reports"]) > 2


def configured(url: str, place: Path, *more: str) -> str:
    path = place / "config.toml"
    lines = ["[database]", f'url = "{url}"', *more, "[[projects]]", "id = 7"]
    path.write_text("\n".join([*lines, 'api_key = { env = "EI_KEY" }\n']))
    return str(path)


def without_news(now: Any, before: Any) -> Any:  # noqa: ANN401 # any JSON
    """Return JSON less the keys that a later release added."""
    if isinstance(now, dict) and isinstance(before, dict):
        return {key: without_news(now[key], before[key]) for key in before if key in now}
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        return [without_news(a, b) for a, b in zip(now, before, strict=True)]
    return now


def headlines_of(report: Any) -> list[str]:  # noqa: ANN401 # any JSON
    own = [found["headline"] for block in report["targets"] for found in block["findings"]]
    return [*own, *(found["headline"] for found in report["catalogue"])]


@pytest.mark.parametrize("old", _IN_TURN, indirect=True, ids="-".join)
def test_nights_go_on_without_a_flood(old: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    url, stored = old
    answers = {int(learn_id): answer for learn_id, answer in stored["answers"].items()}
    before = stored["reports"][-1]

    with stage(url, tmp_path, answers, recipients=TEAM) as set_up:
        ask_of_everything(set_up)
        quiet = set_up.night().report
        assert paths_of(quiet) <= paths_of(before)
        assert quiet.totals.findings == 0
        new = [each.target.learn_id for each in quiet.targets if each.state is TargetState.NEW]
        assert new == [1, 2, 9]
        assert (quiet.catalogue, quiet.notices) == ((), ())
        assert subjects(set_up, f"run-{before['run']['id']}.") == 2  # were queued before

        set_up.studio.edit(target(7), lambda answer: answer.update(batchSize=64))
        drifted = set_up.night().report
        assert (drifted.totals.new, drifted.notices) == (0, ())
        reported = [found for block in drifted.targets for found in block.findings]
        assert [found.path for found in reported if found.since is Since.LAST] == ["batchSize"]
        assert paths_of(drifted) == paths_of(quiet) | {"7 batchSize"}

        with app.open_store(set_up.settings) as store:
            assert store.verify() is None
        assert CANARY not in repr(drifted)


def ask_of_everything(set_up: Stage) -> None:
    """Put the blocks around the learn blocks in place, which old releases did not ask for.

    Block 9 is an anomaly block, which they called unsupported. All models are trained.
    """
    set_up.reconfigure("training = false", "training = true")
    set_up.reconfigure("deployments = false", "deployments = true")
    put = set_up.studio.put_block
    listed: dict[str, Any] = {"type": "anomaly", "name": "Outliers", "dsp": [2]}
    put(target(9), BlockKindName.ANOMALY, sample_answer("anomaly"), entry=listed)
    put(target(1), BlockKindName.INPUT, {}, entry=sample_entry("inputBlocks"))
    spectral = sample_answer("dsp-spectral-analysis")
    put(target(2), BlockKindName.PROCESSING, spectral, entry=sample_entry("dspBlocks"))


def paths_of(report: Report | dict[str, Any]) -> set[str]:
    """Return the paths of the findings, by block."""
    reported: Any = encode_report(report) if isinstance(report, Report) else report
    return {
        f"{block['learn_id']} {found['path']}"
        for block in reported["targets"]
        for found in block["findings"]
    }


def subjects(set_up: Stage, message_id: str) -> int:
    taken = [mail["Message-ID"] for _, mail in set_up.postbox.taken]
    return sum(message_id in mail for mail in taken)


@pytest.mark.parametrize("old", _IN_TURN[:1], indirect=True, ids="-".join)
def test_an_older_database_is_left_alone_where_the_operator_wants_it(
    old: tuple[str, dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, _ = old
    before = revision_of(url)
    monkeypatch.setenv("EI_KEY", KEY)

    config = configured(url, tmp_path, "auto_upgrade = false")

    done = Command(capsys)("run", "--config", config)

    assert done.code == 2
    assert f"has schema {before}, this program needs {HEAD}" in done.err
    assert "`auditor db upgrade`" in done.err
    assert revision_of(url) == before
    assert Command(capsys)("db", "upgrade", "--config", config).code == 0
    assert revision_of(url) == HEAD


def revision_of(url: str) -> str | None:
    database = Database(url)
    try:
        return revision(database)
    finally:
        database.close()


def test_a_migration_that_is_killed_halfway_leaves_the_old_schema(
    database_url: str, tmp_path: Path
) -> None:
    scripts = with_migration(tmp_path, _ENDLESS)
    before = schema_of(database_url)
    with migrating(database_url, scripts) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halfway\n"
        process.send_signal(signal.SIGKILL)

    with open_database(database_url, upgrade=True) as store:
        assert store.verify() is None
        assert store.open_run(Trigger.MANUAL, started_at=datetime.now(UTC)) == 1
    assert schema_of(database_url) == before


_NEWEST = pytest.mark.parametrize("old", [(_STORED[-1], "sqlite")], indirect=True, ids="-".join)


@_NEWEST
def test_a_migration_may_make_tables_anew_that_others_refer_to(
    old: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    url, _ = old

    migrate(url, with_migration(tmp_path, _ANEW))

    with closing(sqlite3.connect(tmp_path / "auditor.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [HEAD])
        connection.commit()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM version").fetchone() > (6,)
    with open_database(url, upgrade=False) as store:
        assert store.verify() is None


@_NEWEST
def test_a_migration_that_leaves_rows_without_what_they_refer_to_is_taken_back(
    old: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    url, _ = old
    before = revision_of(url)

    with pytest.raises(StoreError, match="refer to nothing; the database is as it was"):
        migrate(url, with_migration(tmp_path, _LOSING))

    assert revision_of(url) == before
    with open_database(url, upgrade=True) as store:
        assert store.verify() is None


@_NEWEST
def test_what_was_reported_before_the_upgrade_is_covered_from_then_on(
    old: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    url, _ = old
    with open_database(url, upgrade=True) as store:
        assert store.verify() is None

    with closing(sqlite3.connect(tmp_path / "auditor.db")) as connection:
        connection.execute("UPDATE run SET report = head_hash WHERE id = 1")
        connection.commit()

    with open_database(url, upgrade=False) as store:
        broken = store.verify()
    assert broken is not None
    assert broken.where == "report of run 1"


def migrate(url: str, scripts: Path) -> None:
    settings = Config(attributes={"url": url})
    settings.set_main_option("script_location", str(scripts))
    command.upgrade(settings, "head")


def with_migration(place: Path, text: str) -> Path:
    """Return a folder of the migrations and one more."""
    scripts = place / "migrations"
    shutil.copytree(folder("migrations"), scripts)
    (scripts / "versions" / "9999_more.py").write_text(text.replace("(head)", HEAD))
    return scripts


@contextmanager
def migrating(url: str, scripts: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603 # our own program
        [sys.executable, "-c", _MIGRATE, url, str(scripts)],
        cwd=folder("migrations").parent,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def test_every_release_has_its_history() -> None:
    assert set(_STORED) <= set(REVISIONS)
    assert _STORED[0] == REVISIONS[0]
