"""Whose pages the folder of reports has: of one database, and of no run that this one lacks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from auditor.model import JsonObject
from tests.audit.stage import TEAM, Stage, block, stage, target
from tests.crawling import broken_links


@pytest.fixture
def pump(sqlite_template: Path, tmp_path: Path) -> Iterator[Stage]:
    shutil.copy(sqlite_template, tmp_path / "auditor.db")
    with stage(
        "sqlite:///auditor.db", tmp_path, {3: block(name="Motion")}, recipients=TEAM
    ) as set_up:
        yield set_up


def pages(pump: Stage) -> dict[str, bytes]:
    folder = pump.settings.reports.directory
    return {path.name: path.read_bytes() for path in folder.rglob("*.html")}


def test_a_second_database_on_a_folder_of_reports_leaves_the_pages_alone(
    pump: Stage, sqlite_template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pump.night()
    before = pages(pump)
    shutil.copy(sqlite_template, pump.folder / "other.db")
    text = (pump.folder / "config.toml").read_text()
    pump.configure(text.replace("auditor.db", "other.db"))
    pump.postbox.taken.clear()
    done = pump.night()

    assert pages(pump) == before
    assert "has the pages of another database" in caplog.text
    assert (done.page, len(pump.postbox.taken)) == (None, 2)


def _set_batch_size(size: int, answer: JsonObject) -> None:
    answer["batchSize"] = size


def test_after_a_restored_backup_the_pages_of_lost_runs_are_out_of_the_site(pump: Stage) -> None:
    pump.night()
    pump.close()  # a file is copied whole only while nobody has it open
    copy = (pump.folder / "auditor.db").read_bytes()
    for size in (64, 128, 256):
        edit: Callable[[JsonObject], None] = partial(_set_batch_size, size)
        pump.studio.edit(target(3), edit)
        pump.night()
    pump.close()  # as docs say: no service runs while a backup is restored
    (pump.folder / "auditor.db").write_bytes(copy)
    pump.night()

    folder = pump.settings.reports.directory
    assert sorted(path.name for path in folder.glob("run-*")) == [
        "run-000001.html",
        "run-000002.html",
        "run-000003.html.before-restore",
        "run-000004.html.before-restore",
    ]
    assert broken_links(folder) == []
