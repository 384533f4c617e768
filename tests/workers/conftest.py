"""An installation on PostgreSQL whose runs are shared, and its twin without workers on SQLite."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stage import KEY, Stage, block, stage
from tests.cli.command import Command
from tests.conftest import Postgres
from tests.workers.machines import DEADLINE_S, HookedStudio

BLOCKS = {3 + number: block(name=f"Block {number}") for number in range(12)}
WORKERS = "[workers]\nenabled = true\nbatch = 2\nlost_after_s = 3\n"


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let asyncio say here, and not in a later test, which job could not be ended."""
    yield
    gc.collect()


@pytest.fixture
def shared(postgres_server: Postgres, tmp_path: Path) -> Iterator[Stage]:
    """An installation of twelve blocks, which are asked for in batches of two."""
    with stage(postgres_server.ready(), tmp_path, BLOCKS, studio=HookedStudio()) as set_up:
        set_up.reconfigure("[context]", f"{WORKERS}[context]")
        # Else a request that is held gives up after five seconds.
        set_up.reconfigure("timeout_s = 5", f"timeout_s = {DEADLINE_S}")
        yield set_up


@pytest.fixture
def studio(shared: Stage) -> HookedStudio:
    """The Studio of the shared installation."""
    assert isinstance(shared.studio, HookedStudio)
    return shared.studio


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An installation of the same twelve blocks, without workers."""
    folder = tmp_path_factory.mktemp("alone")
    with stage(f"sqlite:///{folder / 'auditor.db'}", folder, BLOCKS) as set_up:
        yield set_up


@pytest.fixture
def auditor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call the command line in an environment that holds the key."""
    monkeypatch.setenv("EI_KEY", KEY)
    return Command(capsys)
