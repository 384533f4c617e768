"""kill -9 at each step of a run, and at moments that nobody chose."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.faults.stage import Gate, Installation, installation, running, wait_until

# Each stop yields a function that says whether the run has reached it.
Step: TypeAlias = Callable[[Installation], AbstractContextManager[Callable[[], bool]]]


@pytest.fixture(scope="module")
def pump(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One installation that lives through all of it."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copy(sqlite_template, folder / "auditor.db")
    with installation("sqlite:///auditor.db", folder) as set_up:
        yield set_up


@contextmanager
def before_it_opens(pump: Installation) -> Iterator[Callable[[], bool]]:
    lock = pump.database.with_name("auditor.db.lock")
    lock.unlink()  # nobody has it
    with closing(_connected(pump)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield lock.exists


@contextmanager
def amid_the_questions(pump: Installation) -> Iterator[Callable[[], bool]]:
    with _shut(pump.studio.gate) as reached:
        yield reached


@contextmanager
def amid_the_last_batch(pump: Installation) -> Iterator[Callable[[], bool]]:
    with _endless(pump, "INSERT ON version", when="1"), _shut(pump.studio.gate) as asked:
        yield lambda: asked() and _releases(pump.studio.gate) and _is_busy(pump)


@contextmanager
def after_the_last_batch_before_the_end(pump: Installation) -> Iterator[Callable[[], bool]]:
    pages = pump.stage.folder / "reports"
    before = set(pages.glob("run-*.html"))
    with _endless(pump, "UPDATE ON run", when="NEW.status <> 'running'"):
        # The page is written after the last batch, and then the run is closed.
        yield lambda: set(pages.glob("run-*.html")) > before and _is_busy(pump)


@contextmanager
def after_the_end_before_delivery(pump: Installation) -> Iterator[Callable[[], bool]]:
    with _shut(pump.postbox.asked) as reached:
        yield reached


@contextmanager
def after_the_server_took_a_message(pump: Installation) -> Iterator[Callable[[], bool]]:
    with _shut(pump.postbox.took) as reached:
        yield reached


STEPS: tuple[Step, ...] = (
    before_it_opens,
    amid_the_questions,
    amid_the_last_batch,
    after_the_last_batch_before_the_end,
    after_the_end_before_delivery,
    after_the_server_took_a_message,
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_run_killed_at_any_step_loses_and_doubles_nothing(
    pump: Installation, step: Step
) -> None:
    pump.edit(3)
    with step(pump) as reached, running(pump.stage.folder) as process:
        wait_until(lambda: process.poll() is not None or reached())
        assert process.poll() is None, process.stderr and process.stderr.read()
        process.kill()
        process.wait()

    pump.hold_to_the_law()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_a_random_moment_loses_and_doubles_nothing(
    pump: Installation, seed: int
) -> None:
    pump.edit(3)
    with running(pump.stage.folder) as process:
        try:
            process.wait(random.Random(seed).uniform(0.05, 0.4))  # noqa: S311 - no secret
        except subprocess.TimeoutExpired:
            process.kill()

    pump.hold_to_the_law()


@contextmanager
def _shut(gate: Gate) -> Iterator[Callable[[], bool]]:
    with gate.shut():
        yield gate.reached.is_set


@contextmanager
def _endless(pump: Installation, event: str, *, when: str) -> Iterator[None]:
    """Let a statement of the run never end, with its transaction open."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    body = f"SELECT count(*) FROM ({numbers});"  # noqa: S608 - no stranger's words
    with closing(_connected(pump)) as other:
        other.execute(f"CREATE TRIGGER endless BEFORE {event} WHEN {when} BEGIN {body} END")
        try:
            yield
        finally:
            other.execute("DROP TRIGGER endless")


def _releases(gate: Gate) -> bool:
    gate.open()
    return True


def _is_busy(pump: Installation) -> bool:
    """Return whether the run is writing."""
    with closing(_connected(pump)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def _connected(pump: Installation) -> sqlite3.Connection:
    return sqlite3.connect(pump.database, isolation_level=None, timeout=0)
