"""Makes the stored history of a release: `python -m tests.released [FOLDER OF THE PROGRAM]`.

Really run: the program's own command line against the built-in Studio, night after night. The
history goes to `tests/data/released/REVISION/`, which the tests of upgrades read.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import zstandard

from auditor.demo.faults import Fault
from tests import postgres
from tests.audit.stage import KEY, TEAM, Stage, block, stage, target

RELEASED = Path(__file__).parent / "data" / "released"
CANARY = "canary-5ecret"
_ROOT = Path(__file__).parents[1]
_VENDOR = "kFoldsValidationConfig"


@dataclass(frozen=True, slots=True)
class Program:
    """An auditor in a folder, and the configuration of one installation."""

    folder: Path
    config: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(  # noqa: S603 # a program of ours
            [sys.executable, "-m", "auditor", *words, "--config", str(self.config)],
            cwd=self.folder,
            env={**os.environ, "EI_KEY": KEY, "PYTHONPATH": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command and return its answer."""
        out, err = (process := self.start(*words)).communicate()
        if process.returncode not in codes:
            raise SystemExit(f"auditor {' '.join(words)}: exit {process.returncode}\n{err}")
        return out

    def knows(self, command: str) -> bool:
        """Return whether this release has a command."""
        out, _ = self.start(command, "--help").communicate()
        return f"auditor {command}" in out


def main() -> None:
    """Make the history of a program on both databases."""
    program = Path(sys.argv[1]) if sys.argv[1:] else _ROOT
    with tempfile.TemporaryDirectory() as folder, postgres.server() as server:
        place = Path(folder)
        of_sqlite = f"sqlite:///{place / 'auditor.db'}"
        _keep("sqlite", program, of_sqlite, place)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE released")
        of_postgres = server.rpartition("/")[0] + "/released"
        _keep("postgresql", program, of_postgres, place)


def _keep(kind: str, program: Path, url: str, place: Path) -> None:
    """Make some runs on a database and store what they left."""
    blocks = {3: _with_secret(), 4: block(name="Wave"), 5: block("keras-regression")}
    blocks |= {6: block("keras-expert"), 7: block("keras-object-detection"), 8: block("keras")}
    blocks[9] = block(type="anomaly", name="Outliers")
    with stage(
        url.replace("postgresql:", "postgresql+psycopg:"), place, blocks, recipients=TEAM
    ) as set_up:
        if not (program / "auditor" / "context.py").exists():  # it refuses what it does not know
            set_up.reconfigure("[context]\ntraining = false\ndeployments = false\n", "")
        auditor = Program(program, place / "config.toml")
        _live(auditor, set_up)
        reports = _reports(auditor)
        answers = {n: set_up.studio.answer(target(n)) for n in blocks if n != 5}
    revision, content = _dumped(kind, url)
    folder = RELEASED / revision
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{kind}.{'db' if kind == 'sqlite' else 'sql'}.zst", content)
    _write(folder / f"{kind}.json.zst", json.dumps({"answers": answers, "reports": reports}))


def _live(auditor: Program, set_up: Stage) -> None:
    """Make the runs; the README beside the histories says what each brings."""
    auditor("run")
    decides = auditor.knows("approve")
    if decides:
        auditor("approve", "7/3", "7/6", "7/7", "--reason", "as released")
    _busy_day(set_up)
    report = json.loads(auditor("run", "--format", "json", codes=[2]))
    if decides:
        finding = next(
            found["id"]
            for block_report in report["targets"]
            for found in block_report["findings"]
            if found["path"] == "learningRate"
        )
        auditor("acknowledge", finding, "--reason", "agreed with the team")
    _crash(auditor, set_up)
    set_up.studio.edit(target(6), lambda answer: answer.update(script="import os\n"))
    set_up.studio.edit(target(8), lambda answer: answer.update(trained=False))
    for name in ("ops@example.org", "ml@example.org"):
        set_up.postbox.refuses[name] = "451 come back later"
    auditor("run", codes=[2])


def _busy_day(set_up: Stage) -> None:
    studio = set_up.studio
    studio.edit(target(3), lambda answer: answer["customParameters"].update(token=f"{CANARY}-2"))
    studio.edit(target(4), lambda answer: answer["visualLayers"].insert(1, {"type": "flatten"}))
    studio.remove(target(5))
    studio.edit(target(6), lambda answer: answer.update(learningRate=0.125))
    studio.edit(target(7), lambda answer: answer["thresholds"][0].update(value=0.25))
    for learn_id in (3, 4, 6, 7, 8):
        studio.edit(target(learn_id), _vendor_release)
    studio.fail(Fault.HTTP_500, target=target(8))


def _vendor_release(answer: dict[str, Any]) -> None:
    answer[_VENDOR] = {"enabled": True, "folds": 5}
    answer["transferLearningModels"][0]["description"] += " Now with better defaults."


def _crash(auditor: Program, set_up: Stage) -> None:
    """Kill a run in the middle of its night."""
    studio = set_up.studio
    studio.heal()
    studio.fail(Fault.DRIP, target=target(4))
    asked = len(studio.requests)
    process = auditor.start("run")
    while not any(request.path.endswith("/keras/4") for request in studio.requests[asked:]):
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        raise SystemExit("the run that was to be killed ended by itself")
    process.kill()
    process.communicate()
    studio.heal()


def _with_secret() -> dict[str, Any]:
    answer = block("keras-object-detection-yolo-pro", name="Finder")
    parameter = {"param": "token", "name": "Token", "type": "secret", "value": CANARY}
    answer["transferLearningModels"][0]["customParameters"] = [parameter]
    answer["customParameters"] = {"token": CANARY, "epochs": "100"}
    return answer


def _reports(auditor: Program) -> list[Any]:
    """Return every report as this release writes it; the killed run has none."""
    last = json.loads(auditor("report", "--format", "json"))
    earlier = [
        auditor("report", str(run_id), "--format", "json", codes=[0, 2])
        for run_id in range(1, last["run"]["id"])
    ]
    return [*(json.loads(printed) for printed in earlier if printed), last]


def _dumped(kind: str, url: str) -> tuple[str, bytes]:
    """Return a database's revision, and all of it as a file."""
    if kind == "sqlite":
        return _sqlite(Path(url.removeprefix("sqlite:///")))
    with psycopg.connect(url) as connection:
        [[revision]] = connection.execute("SELECT version_num FROM alembic_version")
    programs = postgres.programs()
    tool = shutil.which("pg_dump") or str(programs / "pg_dump" if programs else "pg_dump")
    options = ["--inserts", "--no-owner", "--no-privileges", "--no-comments"]
    done = subprocess.run(  # noqa: S603 # the system's own
        [tool, *options, url], check=True, capture_output=True, text=True
    )
    noise = ("--", "SET ", "SELECT pg_catalog.set_config", "CREATE SCHEMA", "\\")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(noise)]
    return revision, "\n".join(lines).encode()


def _sqlite(path: Path) -> tuple[str, bytes]:
    with _closed_copy(path) as copy:
        with closing(sqlite3.connect(copy)) as connection:
            [[revision]] = connection.execute("SELECT version_num FROM alembic_version")
        return revision, copy.read_bytes()


@contextmanager
def _closed_copy(path: Path) -> Iterator[Path]:
    copy = path.with_suffix(".copy")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", [str(copy)])
    yield copy
    copy.unlink()


def _write(path: Path, content: bytes | str) -> None:
    plain = content.encode() if isinstance(content, str) else content
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(plain))
    sys.stdout.write(f"{path.relative_to(_ROOT)}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
