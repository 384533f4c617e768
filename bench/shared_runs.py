"""Measure quiet runs on PostgreSQL that workers share: what each machine takes of them.

python -m bench.shared_runs --targets 5000 --workers 1 2
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fleet import Fleet
from bench.installation import ENVIRON, Installation
from bench.measuring import Usage
from bench.servers import nginx
from tests.conftest import Postgres
from tests.postgres import server

_READY_S = 10  # for workers to start; they are idle by then
_TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInstallation(Installation):
    """An installation on PostgreSQL; with `shares`, its runs are shared."""

    url: str
    shares: bool

    def _lines(self, base_url: str, concurrency: int) -> Iterator[str]:
        yield from ("[database]", f'url = "{self.url}"')
        yield from ("[workers]", f"enabled = {str(self.shares).lower()}")
        # Not super(): a dataclass with slots is another class than the one it was made of.
        yield from Installation._lines(self, base_url, concurrency)  # noqa: SLF001

    def shares_of_batches(self) -> str:
        """Return how many batches the last run had, and how many of them workers did."""
        found = re.search(r"batches=(\d+) by_workers=(\d+)", (self.folder / "log").read_text())
        return f"{found[1]}, {found[2]} by workers" if found else ""

    @contextmanager
    def workers(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Have so many workers, which are idle at first."""
        with ExitStack() as stack:
            log = stack.enter_context((self.folder / "workers.log").open("wb"))
            started = [
                subprocess.Popen(self._command("worker"), env=ENVIRON, stdout=log, stderr=log)
                for _ in range(count)
            ]
            for process in started:
                stack.callback(process.wait)
                stack.callback(process.terminate)
            time.sleep(_READY_S if count else 0)
            yield started


def main() -> None:
    """Measure a run alone, then shared with more and more workers, and print a table."""
    args = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auditor-bench-")))
        database = Postgres(stack.enter_context(server())).ready()
        fleet = Fleet(folder=folder / "studio", size=args.targets)
        fleet.write()
        base_url = stack.enter_context(nginx(fleet.folder, folder))
        print(f"quiet runs of {args.targets} targets, CPU in seconds")
        print(f"{'run':24}{'this machine':>14}{'each worker':>16}{'wall':>8}{'MiB':>6}  batches")
        for count in (None, 0, *args.workers):
            installed = SharedInstallation(
                folder=folder / "auditor", fleet=fleet, url=database, shares=count is not None
            )
            installed.configure(base_url, concurrency=8)
            if count is None:
                installed.run(new=fleet.size)
            usage, others, shares = _least(installed, count or 0, args.repeats)
            name = "alone" if count is None else f"shared, {count} workers"
            spent = " ".join(f"{seconds:.2f}" for seconds in others)
            row = f"{name:24}{usage.cpu_s:>14.2f}{spent:>16}{usage.wall_s:>8.2f}"
            print(f"{row}{usage.peak_mib:>6.0f}  {shares}", flush=True)


def _least(
    installed: SharedInstallation, count: int, repeats: int
) -> tuple[Usage, list[float], str]:
    """Return the cheapest of several runs, the CPU seconds of each worker, and who did what."""
    rounds = []
    with installed.workers(count) as workers:
        for _ in range(repeats):
            before = [_cpu_s(process.pid) for process in workers]
            usage = installed.run(in_sync=installed.fleet.size)
            spent = [
                _cpu_s(process.pid) - earlier
                for process, earlier in zip(workers, before, strict=True)
            ]
            rounds.append((usage, spent, installed.shares_of_batches()))
    return min(rounds, key=lambda each: each[0].cpu_s + sum(each[1]))


def _cpu_s(pid: int) -> float:
    """Return the user and system time of a process so far (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_S


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.shared_runs", description=__doc__)
    parser.add_argument("--targets", type=int, default=5000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
