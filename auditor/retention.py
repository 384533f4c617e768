"""How long a block's versions are kept: which of them may be removed.

A version is kept while it is current and for `keep` after that, so that every day of that time
can be shown. Which versions are approved, compared with or cited, only the store knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

LONGEST_PAUSE = timedelta(days=14)  # between two runs, unless earlier ones were as far apart
RUNS_COMPARED = 12
_NEWEST = 4  # of the steps between runs; only a jump among them holds pruning back


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Which versions are kept: those that at least one of these rules keeps.

    Attributes:
        keep: for how long after the next version was stored.
        versions: how many of a block's newest, the current one among them.
        monthly: the first and the last of every month, in UTC.
    """

    keep: timedelta
    versions: int
    monthly: bool

    def find_removable(self, seen_at: Sequence[datetime], now: datetime) -> tuple[int, ...]:
        """Return the indices of the versions that may be removed; `seen_at` is oldest first."""
        months = [_month(moment) for moment in seen_at]
        return tuple(
            place
            for place in range(len(seen_at) - max(self.versions, 1))
            if seen_at[place + 1] <= now - self.keep
            and not (self.monthly and _is_edge(months, place))
        )


def jumped_ahead(times: Sequence[datetime]) -> bool:
    """Return whether one of the newest of these times lies far past the one before it.

    `times` are when runs started, newest first, perhaps after the time of now. Either nothing ran
    for long, or the clock was ahead: until a few more runs have followed, a version that seems
    outlived may be of yesterday.
    """
    steps = [later - earlier for later, earlier in pairwise(times)]
    # A start past a newer one was by a clock that was ahead, and no pause came before it.
    pauses = (
        step
        for place, step in enumerate(steps[_NEWEST:], _NEWEST)
        if times[place] == min(times[: place + 1])
    )
    usual = max(pauses, default=timedelta(0))
    longest = max(LONGEST_PAUSE, 3 * usual)
    return any(step > longest for step in steps[:_NEWEST])


def _month(moment: datetime) -> tuple[int, int]:
    in_utc = moment.astimezone(UTC)
    return in_utc.year, in_utc.month


def _is_edge(months: Sequence[tuple[int, int]], place: int) -> bool:
    is_first = place == 0 or months[place - 1] != months[place]
    return is_first or months[place + 1] != months[place]
