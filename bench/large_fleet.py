"""What runs over a large fleet cost: CPU, memory, bytes of the database, pages and folders.

python -m bench.large_fleet --targets 100000
python -m bench.large_fleet --targets 1000000 --database postgresql

A first run, a quiet run and a run in which one block in a thousand was edited, each a process of
its own. The answers are made up by another process (`bench.generated`). Progress is on standard
error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from bench import KEY_NAME
from bench.installation import ENVIRON
from bench.measuring import Usage
from bench.servers import free_port, serving
from tests.conftest import Postgres
from tests.postgres import server

EDITED_EVERY = 1000
_CONFIG = """
[studio]
base_url = "{base_url}/v1"
projects = "all"
api_key = {{ env = "{key}" }}
concurrency = {concurrency}
[database]
url = "{database}"
[reports]
directory = "reports"
[schedule]
limit_s = 172800
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What a run took and left behind.

    Attributes:
        store_bytes: the size of the database after it.
        pages_bytes, files: of the reports folder after it.
        largest_folder: how many names the fullest folder of it has.
        json_bytes: the size of `report --format json`.
    """

    name: str
    usage: Usage
    store_bytes: int
    pages_bytes: int
    files: int
    largest_folder: int
    json_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFleet:
    """An installation in `folder`, whose database has this URL."""

    folder: Path
    database: str
    size: int
    concurrency: int

    def measure(self, phases: Sequence[str]) -> Iterator[Phase]:
        """Yield each phase once it is done.

        Raises:
            ValueError: a run came to something else than it should.
        """
        edits = -(-self.size // EDITED_EVERY)
        expected = {
            "first": (0, {"new": self.size}),
            "quiet": (0, {"in_sync": self.size, "findings": 0}),
            "edits": (EDITED_EVERY, {"drifted": edits, "in_sync": self.size - edits}),
        }
        for name in phases:
            edited_every, totals = expected[name]
            port = free_port()
            arguments = [str(port), str(self.size), str(edited_every)]
            command = [sys.executable, "-m", "bench.generated", *arguments]
            with serving(command, port):
                self._configure(f"http://127.0.0.1:{port}")
                usage = self._run(name, port)
            json_bytes = self._check(totals)
            yield self._phase(name, usage, json_bytes)

    def _configure(self, base_url: str) -> None:
        words = {"base_url": base_url, "key": KEY_NAME, "concurrency": self.concurrency}
        text = _CONFIG.format(**words, database=self.database)
        (self.folder / "config.toml").write_text(text)

    def _command(self, *words: str) -> list[str]:
        config = str(self.folder / "config.toml")
        return [sys.executable, "-m", "auditor", *words, "--config", config]

    def _run(self, name: str, port: int) -> Usage:
        log = self.folder / "log"
        with log.open("wb") as sink:
            began = time.monotonic()
            child = subprocess.Popen(self._command("run"), stdout=sink, stderr=sink, env=ENVIRON)
            status, used = _wait(child, name, port, began)
            wall_s = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise ChildProcessError(f"the run ended with {child.returncode}:\n{log.read_text()}")
        return Usage(
            cpu_s=used.ru_utime + used.ru_stime, wall_s=wall_s, peak_mib=used.ru_maxrss / 1024
        )

    def _check(self, expected: dict[str, int]) -> int:
        """Return the size of the run's report as JSON; raise ValueError where it is another."""
        path = self.folder / "report.json"
        with path.open("wb") as sink:
            command = self._command("report", "--format", "json")
            subprocess.run(command, env=ENVIRON, stdout=sink, check=True)
        totals = json.loads(path.read_bytes())["totals"]
        if {key: totals[key] for key in expected} != expected:
            raise ValueError(f"expected {expected}, the run came to {totals}")
        return path.stat().st_size

    def _phase(self, name: str, usage: Usage, json_bytes: int) -> Phase:
        files = pages_bytes = largest = 0
        for folder, _, names in os.walk(self.folder / "reports"):
            files += len(names)
            largest = max(largest, len(os.listdir(folder)))  # noqa: PTH208 - names alone, fast
            pages_bytes += sum(os.path.getsize(os.path.join(folder, each)) for each in names)  # noqa: PTH118, PTH202
        return Phase(
            name=name,
            usage=usage,
            store_bytes=self._store_bytes(),
            pages_bytes=pages_bytes,
            files=files,
            largest_folder=largest,
            json_bytes=json_bytes,
        )

    def _store_bytes(self) -> int:
        if self.database.startswith("sqlite"):
            with closing(sqlite3.connect(self.folder / "auditor.db")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return sum(file.stat().st_size for file in self.folder.glob("auditor.db*"))
        with psycopg.connect(self.database.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return int(row[0]) if row else 0


def _wait(
    child: subprocess.Popen[bytes], name: str, port: int, began: float
) -> tuple[int, resource.struct_rusage]:
    """Wait for the run, and say now and then how far it is; return its status and usage."""
    said = began
    while True:
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
        if pid:
            return status, used
        time.sleep(0.05)
        if time.monotonic() - said > 20:
            said = time.monotonic()
            served = _served(port)
            peak = _peak_mib(child.pid)
            sys.stderr.write(
                f"{name}: {said - began:,.0f} s, {served} requests, peak {peak:,.0f} MiB\n"
            )


def _served(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/served", timeout=5) as answer:
            return f"{int(answer.read()):,}"
    except OSError:
        return "?"


def _peak_mib(pid: int) -> float:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def _database(kind: str) -> Iterator[str]:
    """Yield the URL of a new database."""
    if kind == "sqlite":
        yield "sqlite:///auditor.db"
        return
    with server() as url:
        yield Postgres(url).ready()


def _show(phase: Phase) -> str:
    usage = phase.usage
    return (
        f"{phase.name:<8}{usage.cpu_s:>9.1f}{usage.wall_s:>9.1f}{usage.peak_mib:>10.0f}"
        f"{phase.store_bytes / 2**20:>12.1f}{phase.pages_bytes / 2**20:>11.1f}"
        f"{phase.files:>10,}{phase.largest_folder:>10,}{phase.json_bytes:>12,}"
    )


_HEAD = (
    f"{'run':<8}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'store MiB':>12}{'pages MiB':>11}"
    f"{'files':>10}{'a folder':>10}{'JSON bytes':>12}"
)


def main() -> None:
    """Measure each size on each database, print a table for each, keep the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.large_fleet", description=__doc__)
    parser.add_argument("--targets", type=int, nargs="+", default=[20_000])
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--phases", nargs="+", default=["first", "quiet", "edits"])
    parser.add_argument("--concurrency", type=int, default=8, help="simultaneous requests")
    parser.add_argument("--keep", type=Path, help="a folder for the files, kept at the end")
    parser.add_argument("--result", type=Path, help="a file for the figures as JSON")
    args = parser.parse_args()
    kept: list[dict[str, object]] = []
    for size in args.targets:
        for kind in args.database:
            print(f"{size:,} targets, {kind}\n{_HEAD}", flush=True)
            for phase in _measured(size, kind, args):
                print(_show(phase), flush=True)
                kept.append({"targets": size, "database": kind, **asdict(phase)})
    if args.result:
        args.result.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _measured(size: int, kind: str, args: argparse.Namespace) -> Iterator[Phase]:
    with ExitStack() as stack:
        if args.keep:
            folder = args.keep / f"{kind}-{size}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-large-")))
        url = stack.enter_context(_database(kind))
        fleet = LargeFleet(folder=folder, database=url, size=size, concurrency=args.concurrency)
        yield from fleet.measure(args.phases)


if __name__ == "__main__":
    main()
