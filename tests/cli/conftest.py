from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model import JsonObject
from tests.audit.stage import KEY, TEAM, Stage, block, stage, target
from tests.cli.command import Command

_SIX = [
    {"type": "reshape", "columns": 13},
    {"type": "conv1d", "neurons": 8, "kernelSize": 3},
    {"type": "conv1d", "neurons": 16, "kernelSize": 3},
    {"type": "flatten"},
    {"type": "dense", "neurons": 20},
    {"type": "dense", "neurons": 10},
]


@pytest.fixture
def auditor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call the command line in an environment that holds the key and no configuration."""
    monkeypatch.setenv("EI_KEY", KEY)
    monkeypatch.delenv("AUDITOR_CONFIG", raising=False)
    return Command(capsys)


@pytest.fixture
def pump(
    sqlite_template: Path, tmp_path: Path, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """An installation of two blocks that the command line finds by $AUDITOR_CONFIG."""
    del auditor  # for its environment
    shutil.copy(sqlite_template, tmp_path / "auditor.db")
    monkeypatch.setenv("AUDITOR_CONFIG", str(tmp_path / "config.toml"))
    with stage("sqlite:///auditor.db", tmp_path, two_blocks(), recipients=TEAM) as set_up:
        yield set_up


@pytest.fixture(scope="session")
def three_nights(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("three-nights")
    shutil.copy(sqlite_template, folder / "auditor.db")
    with stage("sqlite:///auditor.db", folder, two_blocks(), recipients=TEAM) as set_up:
        set_up.night()
        set_up.night()
        set_up.studio.edit(target(3), lambda a: a.update(batchSize=64))
        set_up.night()
        yield set_up


@pytest.fixture
def history(three_nights: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An installation to read from: three nights, block 3 edited before the last of them."""
    del auditor  # for its environment
    monkeypatch.setenv("AUDITOR_CONFIG", str(three_nights.folder / "config.toml"))
    return three_nights


def two_blocks() -> dict[int, JsonObject]:
    """Answers for the learn blocks of an installation."""
    return {
        3: block(name="Motion", visualLayers=_SIX),
        4: block("keras-object-detection", name="Screws"),
    }
