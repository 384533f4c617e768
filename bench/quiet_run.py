"""Measure what runs cost, and compare them with bare loops of their requests.

make bench, or: python -m bench.quiet_run --targets 5000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.fleet import Fleet
from bench.installation import ENVIRON, Installation
from bench.measuring import Usage, measured
from bench.servers import delayed, nginx
from bench.table import Ratio, Result, list_ratios, show_ratios, show_usages

RESULTS = Path(__file__).parent / "results"
DISTANT = 32  # requests at once where each answer is 100 ms away
_FIRST_RUNS = 2
_IMPORTS = "import httpx, aiohttp, sqlalchemy"


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
            auditor, firsts = self._first_runs(base_url)
            first_bytes = auditor.store_bytes()
            usages = {**firsts, **self._in_turns(auditor, base_url)}
            quiet_bytes = auditor.store_bytes()
            usages["edits"], edits = self._run_with_edits(auditor)
        changed_bytes = auditor.store_bytes() - quiet_bytes
        return Result(
            targets=self.fleet.size,
            answer_bytes=self.fleet.answer_bytes(),
            edits=edits,
            usages={**usages, "distant": self._distant(auditor)},
            first_bytes=first_bytes,
            quiet_bytes=(quiet_bytes - first_bytes) / self.repeats,
            changed_bytes=changed_bytes,
        )

    def _first_runs(self, base_url: str) -> tuple[Installation, dict[str, Usage]]:
        """Return an installation after its first run, and what such runs take."""
        rounds = [
            (
                self._installed(f"auditor-{number}", self.fleet, base_url),
                self._bare(base_url, self.fleet.first_paths()),
            )
            for number in range(_FIRST_RUNS)
        ]
        (auditor, _), _ = rounds[-1]
        first = Usage.least([usage for (_, usage), _ in rounds])
        return auditor, {"first": first, "bare_first": Usage.least([bare for _, bare in rounds])}

    def _installed(self, name: str, fleet: Fleet, base_url: str) -> tuple[Installation, Usage]:
        auditor = Installation(folder=self.folder / name, fleet=fleet)
        auditor.configure(base_url, concurrency=self.concurrency)
        return auditor, auditor.run(new=fleet.size)

    def _in_turns(self, auditor: Installation, base_url: str) -> dict[str, Usage]:
        """Return the lowest values of alternating runs, so that other load affects all kinds."""
        alone = replace(self.fleet, size=1)
        small, _ = self._installed("alone", alone, base_url)
        rounds = [
            {
                "quiet": auditor.run(in_sync=self.fleet.size),
                "bare": self._bare(base_url, self.fleet.paths()),
                "start": small.run(in_sync=1),
                "bare_start": self._bare(base_url, alone.paths()),
                "imports": self._measured("-c", _IMPORTS),
            }
            for _ in range(self.repeats)
        ]
        return {key: Usage.least([each[key] for each in rounds]) for key in rounds[0]}

    def _run_with_edits(self, auditor: Installation) -> tuple[Usage, int]:
        edits = self.fleet.edit(every=10)
        return auditor.run(drifted=edits), edits

    def _bare(self, base_url: str, requested: Sequence[str]) -> Usage:
        paths = self.folder / "paths"
        paths.write_text("\n".join(requested))
        return self._measured("-m", "bench.bare_loop", base_url, str(self.concurrency), str(paths))

    def _measured(self, *arguments: str) -> Usage:
        return measured([sys.executable, *arguments], environ=ENVIRON, log=self.folder / "log")

    def _distant(self, auditor: Installation) -> Usage:
        with delayed(self.fleet.folder) as base_url:
            auditor.configure(base_url, concurrency=DISTANT)
            return auditor.run(in_sync=self.fleet.size)


def main() -> None:
    """Measure each fleet, print the tables, and keep the result as JSON."""
    args = _arguments()
    before = _read_ratios(args.against)
    os.chdir(Path(__file__).resolve().parents[1])  # where `-m auditor` and `-m bench` are found
    results = []
    for size in args.targets:
        with _bench(size, args) as bench:
            results.append(bench.measure())
        print(show_usages(results[-1]), end="\n\n")
    ratios = list({each.name: each for result in results for each in list_ratios(result)}.values())
    print(show_ratios(ratios, before))
    print(f"\nkept as {_keep(results, ratios, concurrency=args.concurrency)}")


@contextmanager
def _bench(size: int, args: argparse.Namespace) -> Iterator[Bench]:
    """Yield a bench of a fleet in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as name:
        folder = Path(name)
        fleet = Fleet(folder=folder / "studio", size=size)
        fleet.write()
        yield Bench(folder=folder, fleet=fleet, concurrency=args.concurrency, repeats=args.repeats)


def _keep(results: Sequence[Result], ratios: Sequence[Ratio], *, concurrency: int) -> Path:
    """Write the results to a file of their own and return its path."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    at = datetime.now(UTC)
    document = {
        "at": at.isoformat(timespec="seconds"),
        "commit": commit,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "concurrency": concurrency,
        "ratios": {ratio.name: round(ratio.value, 3) for ratio in ratios},
        "results": [asdict(result) for result in results],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{at:%Y%m%dT%H%M%SZ}-{commit or 'unknown'}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def _read_ratios(path: Path | None) -> Mapping[str, float]:
    if path is None:
        return {}
    ratios: dict[str, float] = json.loads(path.read_bytes())["ratios"]
    return ratios


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quiet_run", description=__doc__)
    parser.add_argument("--targets", type=int, nargs="+", default=[1000])
    parser.add_argument("--concurrency", type=int, default=8, help="simultaneous requests")
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="number of quiet runs and bare loops; the lowest values count",
    )
    parser.add_argument("--against", type=Path, help="an earlier result, a file in bench/results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
