"""`make scale`: a fleet of 20,000 blocks on SQLite and on PostgreSQL; some minutes each.

A first run, a night on which the vendor changes every answer, and the quiet night after it, each
in a process of its own, so that each has its own peak of memory.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor import app
from auditor.store.schema import upgrade
from auditor.store.store import open_database
from tests.conftest import Postgres
from tests.postgres import server
from tests.scale.fleet import LargeFleet, LargeStudio, configure

PHASES = ("first run", "vendor's night", "quiet night", "second vendor's night")
_RELEASES = (0, 1, 1, 2)
_TARGETS = 20_000


def main() -> int:
    """Audit the fleet on both databases; exit 1 if a night reported something else than it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--targets", type=int, default=_TARGETS)
    parser.add_argument("--pages", action="store_true", help="write the archive's pages, too")
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    parser.add_argument("--phase", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.url:
        return _night(args)
    failures = 0
    for name, database in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        if args.database not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as url:
            print(f"{name}, {args.targets:,} blocks", flush=True)
            for phase in range(len(PHASES)):
                command = [sys.executable, "-m", "tests.scale", "--url", url]
                command += ["--phase", str(phase), "--targets", str(args.targets)]
                command += ["--pages"] if args.pages else []
                done = subprocess.run(command, check=False)  # noqa: S603 - this very program
                failures += done.returncode != 0
    return 1 if failures else 0


def _night(args: argparse.Namespace) -> int:
    logging.disable(logging.CRITICAL)
    studio = LargeStudio(args.targets, release=_RELEASES[args.phase])
    with tempfile.TemporaryDirectory() as folder, open_database(args.url, upgrade=False) as store:
        settings = configure(args.url, Path(folder), studio)
        fleet = LargeFleet(studio, store, settings, nights=args.phase)
        rest = _rss_mib("VmRSS")
        begun = time.monotonic()
        totals = fleet.audit().totals
        audited = time.monotonic()
        if args.pages:
            app.publish_pages(settings, store)
        pages_s = time.monotonic() - audited
    peak = _rss_mib("VmHWM")
    print(
        f"  {PHASES[args.phase]:22} {audited - begun:6.1f} s, pages {pages_s:6.1f} s, "
        f"{rest:4.0f} MiB before, {peak:4.0f} MiB at its peak; {totals}",
        flush=True,
    )
    is_right = totals.findings == 0 and totals.checked == totals.targets == args.targets
    return 0 if is_right else 1


def _rss_mib(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    url = f"sqlite:///{folder / 'auditor.db'}"
    upgrade(url)
    yield url


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    del folder  # the server has one of its own, which its user may enter
    with server() as server_url:
        yield Postgres(server_url).ready()


if __name__ == "__main__":
    sys.exit(main())
