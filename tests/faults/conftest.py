from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stage import KEY
from tests.cli.command import Command
from tests.faults.disk import small_disk
from tests.faults.stage import Installation, installation


@pytest.fixture
def auditor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call the command line in an environment that holds the key."""
    monkeypatch.setenv("EI_KEY", KEY)
    return Command(capsys)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, which may be filled and made read-only."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    with small_disk(tmp_path / "disk") as place:
        if place is None:
            pytest.skip("no disk can be mounted here")
        yield place


@pytest.fixture
def pump(
    sqlite_template: Path, tmp_path: Path, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation on SQLite that the command line finds by $AUDITOR_CONFIG."""
    del auditor  # for its environment
    shutil.copy(sqlite_template, tmp_path / "auditor.db")
    monkeypatch.setenv("AUDITOR_CONFIG", str(tmp_path / "config.toml"))
    with installation("sqlite:///auditor.db", tmp_path) as set_up:
        yield set_up
