"""`auditor worker`: what it refuses, what ends it, and what happens where it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.audit.stage import KEY, TOKEN, Stage, block, target
from tests.cli.command import ROOT, Command, environment, python
from tests.workers.machines import DEADLINE_S, HookedStudio, machines, wait_for_workers

MOMENTS = (7, 19)  # requests at which a worker is killed


@contextmanager
def worker(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """Run `auditor worker` as a process of its own, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", "worker"],
        cwd=stage.folder,
        env=environment(EI_KEY=KEY, EI_TOKEN=TOKEN, AUDITOR_CONFIG="config.toml"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_every_block_is_read_where_two_workers_are_killed(
    shared: Stage, studio: HookedStudio
) -> None:
    for number in range(40, 68):
        studio.put(target(number), block(name=f"Block {number}"))
    shared.night()
    studio.edit(target(41), lambda answer: answer.update(batchSize=64))
    with worker(shared) as first, worker(shared) as second:
        wait_for_workers(shared.settings, 2)
        studio.hook(dict(zip(MOMENTS, (first.kill, second.kill), strict=True)))
        report = shared.json_of_night()
        ended = first.wait(DEADLINE_S), second.wait(DEADLINE_S)

    assert ended == (-signal.SIGKILL, -signal.SIGKILL)
    assert report["run"]["status"] == "complete"
    totals = report["totals"]
    assert (totals["checked"], totals["in_sync"], totals["findings"]) == (40, 39, 1)


def test_a_worker_that_is_asked_to_stop_leaves_its_batches_to_others(
    shared: Stage, studio: HookedStudio
) -> None:
    shared.night()
    with worker(shared) as process:
        wait_for_workers(shared.settings, 1)
        studio.hook({3: process.terminate})
        report = shared.json_of_night()
        code = process.wait(DEADLINE_S)

    assert (code, report["totals"]["in_sync"]) == (0, 12)


def test_a_worker_that_cannot_reach_studio_costs_the_run_nothing(shared: Stage) -> None:
    shared.night()
    shared.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    shared.change("studio", proxy="http://127.0.0.1:1")
    with machines(shared.settings, 2) as cut_off:
        cut_off.wait_until_ready()
        shared.change("studio", proxy=None)
        totals = shared.json_of_night()["totals"]

    assert (totals["checked"], totals["in_sync"], totals["findings"]) == (12, 11, 1)


def test_a_worker_waits_for_the_tables_that_the_first_run_makes(shared: Stage) -> None:
    with machines(shared.settings, 1) as workers:
        assert shared.json_of_night()["totals"]["new"] == 12
        workers.wait_until_ready()


def test_the_check_counts_the_workers(shared: Stage, auditor: Command) -> None:
    def workers() -> str:
        done = auditor("check", "--config", str(shared.folder / "config.toml"))
        (line,) = (line for line in done.out.splitlines() if "workers" in line)
        return line

    assert "the first run makes the tables that it shares" in workers()
    shared.night()
    assert "none gives a sign of life, so runs do without" in workers()
    with machines(shared.settings, 2) as both:
        both.wait_until_ready()
        assert "2 workers of any version and configuration" in workers()


def test_workers_need_postgresql(alone: Stage, auditor: Command) -> None:
    alone.reconfigure("[context]", "[workers]\nenabled = true\n[context]")
    for name in ("worker", "run"):
        done = auditor(name, "--config", str(alone.folder / "config.toml"))

        assert done.code == 2
        assert "workers need a PostgreSQL database: name one in database.url" in done.err


def test_a_worker_says_how_to_enable_workers(alone: Stage, auditor: Command) -> None:
    done = auditor("worker", "--config", str(alone.folder / "config.toml"))

    assert done.code == 2
    assert "set enabled = true in [workers]" in done.err


def test_workers_that_are_not_installed_are_named(alone: Stage, tmp_path: Path) -> None:
    alone.reconfigure("[context]", "[workers]\nenabled = true\n[context]")
    (tmp_path / "procrastinate.py").write_text("raise ImportError(name='procrastinate')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = python(
        *("-m", "auditor", "worker", "--config", "config.toml"),
        folder=alone.folder,
        PYTHONPATH=path,
        EI_KEY=KEY,
    )

    assert done.returncode == 2
    assert b"pip install 'drift-auditor[workers]'" in done.stderr
