"""Measure what a run costs when nothing changed, and compare it with a bare loop of its requests.

make bench, or: python -m bench.quiet_run --targets 5000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bench.fleet import Fleet
from bench.installation import ENVIRON, Installation
from bench.measuring import Usage, measured
from bench.servers import delayed, nginx
from bench.table import Repeated, Result, table

DISTANT = 32  # requests at once where each answer is 100 ms away


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A fleet, the folder for all files, how many requests at once and how often to measure."""

    folder: Path
    fleet: Fleet
    concurrency: int
    repeats: int

    def measure(self) -> Result:
        """Return the time, memory and disk space of every kind of run."""
        with nginx(self.fleet.folder, self.folder) as base_url:
            auditor, first = self._installed("auditor", self.fleet, base_url)
            first_bytes = auditor.store_bytes()
            repeated = self._in_turns(auditor, base_url)
            quiet_bytes = auditor.store_bytes()
            changed, edits = self._run_with_edits(auditor)
        return Result(
            targets=self.fleet.size,
            answer_bytes=self.fleet.answer_bytes(),
            concurrency=self.concurrency,
            edits=edits,
            repeated=repeated,
            first=first,
            changed=changed,
            first_bytes=first_bytes,
            quiet_bytes=(quiet_bytes - first_bytes) / self.repeats,
            changed_bytes=auditor.store_bytes() - quiet_bytes,
            page_bytes=auditor.page_bytes(),
            distant=self._distant(auditor),
        )

    def _installed(self, name: str, fleet: Fleet, base_url: str) -> tuple[Installation, Usage]:
        auditor = Installation(folder=self.folder / name, fleet=fleet)
        auditor.configure(base_url, concurrency=self.concurrency)
        return auditor, auditor.run(new=fleet.size)

    def _in_turns(self, auditor: Installation, base_url: str) -> Repeated:
        """Return the lowest values of alternating runs, so that other load affects all kinds."""
        alone = replace(self.fleet, size=1)
        small, _ = self._installed("alone", alone, base_url)
        rounds = [
            (
                auditor.run(in_sync=self.fleet.size),
                self._bare(base_url, self.fleet),
                small.run(in_sync=1),
                self._bare(base_url, alone),
            )
            for _ in range(self.repeats)
        ]
        quiet, bare, startup, bare_startup = map(Usage.least, zip(*rounds, strict=True))
        return Repeated(quiet=quiet, bare=bare, startup=startup, bare_startup=bare_startup)

    def _run_with_edits(self, auditor: Installation) -> tuple[Usage, int]:
        edits = self.fleet.edit(every=10)
        return auditor.run(drifted=edits), edits

    def _bare(self, base_url: str, fleet: Fleet) -> Usage:
        paths = self.folder / "paths"
        paths.write_text("\n".join(fleet.paths()))
        return measured(
            [sys.executable, "-m", "bench.bare_loop", base_url, str(self.concurrency), str(paths)],
            environ=ENVIRON,
            log=self.folder / "log",
        )

    def _distant(self, auditor: Installation) -> Usage:
        with delayed(self.fleet.folder) as base_url:
            auditor.configure(base_url, concurrency=DISTANT)
            return auditor.run(in_sync=self.fleet.size)


def main() -> None:
    """Create the fleet in a temporary folder, measure, and print a table."""
    args = _arguments()
    os.chdir(Path(__file__).resolve().parents[1])  # where `-m auditor` and `-m bench` are found
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as name:
        folder = Path(name)
        fleet = Fleet(folder=folder / "studio", size=args.targets)
        fleet.write()
        bench = Bench(
            folder=folder,
            fleet=fleet,
            concurrency=args.concurrency,
            repeats=args.repeats,
        )
        print(table(bench.measure()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quiet_run", description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=8, help="simultaneous requests")
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="number of quiet runs and bare loops; the lowest values count",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
