"""How long a block's versions are kept: which of them may be removed.

A version is kept while it is current and for `keep` after that, so that every day of that time
can be shown. Which versions are approved, compared with or cited, only the store knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


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


def _month(moment: datetime) -> tuple[int, int]:
    in_utc = moment.astimezone(UTC)
    return in_utc.year, in_utc.month


def _is_edge(months: Sequence[tuple[int, int]], place: int) -> bool:
    is_first = place == 0 or months[place - 1] != months[place]
    return is_first or months[place + 1] != months[place]
