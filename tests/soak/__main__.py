"""`make soak`: 400 nights of 200 blocks of all kinds, on SQLite and on PostgreSQL."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.store.schema import upgrade
from tests.conftest import Postgres
from tests.postgres import server
from tests.soak.years import Footprint, Soak, soak

_WARM = 20  # nights after which nothing but the history may grow


def main() -> int:
    """Soak both databases; exit 1 if something was not reported exactly once, or grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failures = 0
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as url:
            begun = time.monotonic()
            with soak(url, Path(folder), targets=args.targets, seed=args.seed) as years:
                years.pass_nights(args.nights)
            failures += _print_result(name, years, time.monotonic() - begun)
    return 1 if failures else 0


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


def _print_result(name: str, years: Soak, seconds: float) -> int:
    prints = years.footprints
    warm, last = prints[min(_WARM, len(prints) - 1)], prints[-1]
    wrong = [*years.wrong(), *_grown(warm, last)]
    print(f"{name}: {len(prints)} nights of {len(years.targets)} targets in {seconds:.0f} s")
    _print_books(years)
    quarters = [prints[len(prints) * quarter // 4 - 1].memory >> 20 for quarter in (1, 2, 3, 4)]
    print(f"  memory {warm.memory >> 20} MiB, after each quarter {quarters}")
    print(f"  open files {warm.files}, in the end {last.files}")
    if last.stored:
        grown = (last.stored - warm.stored) / max(len(prints) - _WARM, 1)
        print(f"  stored {last.stored >> 10} KiB, {grown:.0f} bytes a night")
    for error in wrong:
        print(f"  WRONG: {error}")
    return len(wrong)


def _print_books(years: Soak) -> None:
    books, news, vendor = years.books, years.news, years.vendor
    chains = f"of these {years.chains} with features that followed, {years.trainings} trainings"
    reported = f"reported {books.reported_edits}, of these late {books.late_edits}"
    print(f"  edits {books.edits}, {chains}, {reported}")
    kinds = ", ".join(f"{kind} {number}" for kind, number in news.happened.items())
    print(f"  news {kinds}; late {news.late}")
    print(f"  steps of releases {vendor.steps}, in reports {vendor.reported_steps}")
    print(
        f"  crashes {years.crashes}, read-only {years.read_only}, clock set wrong {years.jumps}, "
        f"pruning held back {years.held_back}, one mail sent at most "
        f"{max(years.postbox.sent.values())} times"
    )


def _grown(warm: Footprint, last: Footprint) -> Iterator[str]:
    if last.files > warm.files:
        yield f"open files grew from {warm.files} to {last.files}"
    if last.memory > warm.memory * 1.5:
        yield f"memory grew from {warm.memory} to {last.memory} bytes"


if __name__ == "__main__":
    sys.exit(main())
