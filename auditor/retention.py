"""How long a block's versions are kept: which of them a retention lets go.

A version is needed for as long as it was current and `keep` beyond, so that every day of that
time can be looked at. What is approved, judged from or cited is the store's to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Each rule keeps on its own: a version goes where none of them holds it.

    Attributes:
        keep: for how long after it was followed by another.
        versions: how many of a block's newest, the current one among them.
        monthly: the first and the last of every month, in UTC.
    """

    keep: timedelta
    versions: int
    monthly: bool

    def outlived(self, seen_at: Sequence[datetime], now: datetime) -> tuple[int, ...]:
        """Return the places of the versions that may go; `seen_at` is of all, oldest first."""
        months = [_month(moment) for moment in seen_at]
        return tuple(
            place
            for place in range(len(seen_at) - max(self.versions, 1))
            if seen_at[place + 1] <= now - self.keep
            and not (self.monthly and _is_edge(months, place))
        )


def _month(moment: datetime) -> tuple[int, int]:
    in_utc = moment.astimezone(UTC)
    return in_utc.year, in_utc.month


def _is_edge(months: Sequence[tuple[int, int]], place: int) -> bool:
    is_first = place == 0 or months[place - 1] != months[place]
    return is_first or months[place + 1] != months[place]
