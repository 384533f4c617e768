"""What each mail of a night carries beside its words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stage import TEAM, Stage, block, stage


@pytest.fixture
def pump(sqlite_template: Path, tmp_path: Path) -> Iterator[Stage]:
    shutil.copy(sqlite_template, tmp_path / "auditor.db")
    with stage("sqlite:///auditor.db", tmp_path, {3: block()}, recipients=TEAM) as set_up:
        yield set_up


def test_both_parts_of_the_mail_show_the_head_of_the_chain(pump: Stage) -> None:
    run = pump.night().report.run
    with pump.open_store() as store:
        head = store.head(run.id or 0)
    _, mail = pump.postbox.taken[0]
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]

    assert all(part is not None and head in part.get_content() for part in parts)


def test_a_run_of_a_restored_backup_does_not_repeat_a_message_id(pump: Stage) -> None:
    pump.night()
    database = pump.folder / "auditor.db"
    pump.close()  # a file is copied whole only while nobody has it open
    copy = database.read_bytes()
    pump.night()
    pump.close()  # as docs say: no service runs while a backup is restored
    database.write_bytes(copy)
    run = pump.night().report.run
    ids = [mail["Message-ID"] for _, mail in pump.postbox.taken]

    assert run.id == 2
    assert len(ids) == len(set(ids)) == 6
