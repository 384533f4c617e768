"""What a run has to say only once reaches somebody, whatever happens to that run."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.audit.stage import PROJECT, TEAM, Stage, block, stage, target
from tests.faults.stage import RECIPIENTS, running, wait_until
from tests.store.examples import Sql

NEWS = (
    "new",
    "missing",
    "block_back",
    "left_out",
    "project_renamed",
    "read_anew",
)


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A project after two nights, in the second of which block 5 was missing."""
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in (3, 4, 5, 6, 7)}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.reconfigure('name = "Pump"\n', "")
        set_up.night()
        set_up.studio.remove(target(5))
        set_up.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
        set_up.night()
        yield set_up


def _make_news(set_up: Stage, url: str) -> None:
    """Let everything happen that a run says once."""
    studio = set_up.studio
    studio.put(target(8), block(name="Block 8"))
    studio.remove(target(4))
    studio.put(target(5), block(name="Block 5"))
    studio.rename_project(PROJECT, "mill")
    set_up.reconfigure(
        'learn_blocks = "all"', 'learn_blocks = "all"\nexclude = { names = ["Block 7"] }'
    )
    with Sql(url) as sql:  # as a release left it that saw nothing in the edit of block 3
        sql.write(
            "UPDATE target SET form = :form, version_id = "
            "(SELECT min(id) FROM version WHERE learn_id = 3) WHERE learn_id = 3",
            form=b"\x01" * 32,
        )


def _said(report: Any) -> Counter[str]:  # noqa: ANN401 - any JSON
    return Counter(notice["kind"] for notice in report.get("notices", ()))


def test_a_dead_message_leaves_every_kind_of_news_to_the_next_report_once(
    pump: Stage, database_url: str
) -> None:
    _make_news(pump, database_url)
    pump.postbox.refuses = dict.fromkeys(RECIPIENTS, "550 no such user")
    pump.night()
    pump.postbox.refuses = {}
    pump.postbox.taken.clear()
    report = pump.json_of_night()
    (text, _) = (mail.get_body(("plain",)) for _, mail in pump.postbox.taken)

    assert _said(report) == Counter(NEWS)
    assert {(found["late"], found["run"]) for found in report["notices"]} == {(True, 3)}
    assert [found["text"] for found in report["notices"] if found["kind"] == "new"] == [
        "Block 8 (7/8) was new"
    ]
    assert text is not None
    assert "Block 8 (7/8) was new; found by run 3," in " ".join(text.get_content().split())
    assert _said(pump.json_of_night()) == Counter()


def test_a_run_killed_after_its_last_batch_leaves_every_kind_of_news_to_the_next_report_once(
    pump: Stage, database_url: str
) -> None:
    _make_news(pump, database_url)
    with _held_before_the_end(database_url) as reached, running(pump.folder) as process:
        wait_until(lambda: process.poll() is not None or reached())
        assert process.poll() is None, process.stderr and process.stderr.read()
        process.kill()
        process.wait()
    report = pump.json_of_night()

    assert report["run"]["status"] == "complete"
    assert _said(report) == Counter(NEWS)
    assert _said(pump.json_of_night()) == Counter()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_of_many_blocks_is_one_notice_with_their_number(
    database_url: str, tmp_path: Path
) -> None:
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in range(1, 9)}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.postbox.refuses = dict.fromkeys(RECIPIENTS, "550 no such user")
        set_up.night()
        set_up.postbox.refuses = {}
        (notice,) = set_up.json_of_night()["notices"]

    assert notice["text"] == (
        "8 blocks were new: Block 1 (7/1), Block 2 (7/2), Block 3 (7/3), Block 4 (7/4), "
        "Block 5 (7/5) and others"
    )
    assert (notice["project_id"], notice["learn_id"]) == (7, None)


@contextmanager
def _held_before_the_end(url: str) -> Iterator[Callable[[], bool]]:
    """Hold a run once all its batches are stored; yield whether it is there."""
    hold = _held_on_sqlite if url.startswith("sqlite") else _held_on_postgresql
    with hold(url) as reached:
        yield reached


@contextmanager
def _held_on_sqlite(url: str) -> Iterator[Callable[[], bool]]:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    body = f"SELECT count(*) FROM ({numbers});"  # noqa: S608 - no stranger's words
    when = "NEW.status NOT IN ('running', 'abandoned')"
    path = Path(url.removeprefix("sqlite:///"))
    pages = path.parent / "reports"
    before = set(pages.glob("run-*.html"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"CREATE TRIGGER endless BEFORE UPDATE ON run WHEN {when} BEGIN {body} END")
        try:
            # The page is written after the last batch, and then the run is closed.
            yield lambda: set(pages.glob("run-*.html")) > before
        finally:
            other.execute("DROP TRIGGER endless")


@contextmanager
def _held_on_postgresql(url: str) -> Iterator[Callable[[], bool]]:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'holding'::regclass"
    address = url.replace("+psycopg", "")
    with psycopg.connect(address) as lock, psycopg.connect(address, autocommit=True) as other:
        lock.execute("LOCK TABLE holding IN ACCESS EXCLUSIVE MODE")  # the end of a run reads it

        def is_waited_for() -> bool:
            row = other.execute(waits).fetchone()
            return row is not None and row[0] > 0

        yield is_waited_for
        lock.rollback()
