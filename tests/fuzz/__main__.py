"""Tries many mutated answers by hand: python -m tests.fuzz [COUNT [SEED [FIRST]]]."""

from __future__ import annotations

import sys
import time
import traceback

from tests.fuzz.law import try_all


def fuzz(count: int, seed: int, first: int) -> int:
    """Print what breaks the law; return 1 where anything does."""
    started, refused, believed, broken = time.monotonic(), 0, 0, 0
    for tried in try_all(seed, range(first, first + count)):
        refused, believed = refused + tried.refused, believed + tried.believed
        for failure in tried.broken:
            broken += 1
            print(f"\nseed {seed}, number {failure.number}:")  # noqa: T201 - its answer
            traceback.print_exception(failure.error, limit=-6, file=sys.stdout)
    took = time.monotonic() - started
    print(  # noqa: T201 - its answer
        f"{count} answers: {refused} refused, {believed} believed, {broken} broke the law "
        f"({took:.0f} s)"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(fuzz(*given, *(100_000, 1, 0)[len(given) :]))
