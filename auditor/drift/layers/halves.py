"""The moves of which a search has done only one half."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

_NO_PLACE = 1 << 30


class HalfMove(NamedTuple):
    """One half of a move: a layer lifted from the old stack, or put down in the new one.

    Attributes:
        forms: the form that was lifted, or the old forms of which one was put down.
        place: where this half was done, while the other half can still be at the same place;
            -1 after that.
    """

    is_lifted: bool
    forms: tuple[int, ...]
    place: int = -1

    def forget_passed_place(self, i: int, j: int) -> HalfMove:
        """Return the half without its place where the search has passed that place."""
        if 0 <= self.place < (j if self.is_lifted else i):
            return HalfMove(self.is_lifted, self.forms)
        return self


class WaitingHalves(NamedTuple):
    """The halves that wait for the other half, and what is asked of them again and again.

    Attributes:
        halves: sorted, so those that were put down come first.
        pull: the sum of the pulls, of halves that were put down subtracted.
        lifted: the number of lifted layers, by type.
        put: the number of layers that were put down, by type.
        kept_places: the first old and the first new place that a half remembers.
    """

    halves: tuple[HalfMove, ...]
    pull: int
    lifted: tuple[int, ...]
    put: tuple[int, ...]
    kept_places: tuple[int, int] = (_NO_PLACE, _NO_PLACE)

    @classmethod
    def none(cls, types: int) -> WaitingHalves:
        """Return no halves, of so many types."""
        return cls((), 0, (0,) * types, (0,) * types)

    def at(self, i: int, j: int) -> WaitingHalves:
        """Return the halves without places that are passed when the search is at two places."""
        if i <= self.kept_places[0] and j <= self.kept_places[1]:
            return self
        halves = tuple(sorted(half.forget_passed_place(i, j) for half in self.halves))
        return self._replace(halves=halves, kept_places=_kept_places(halves))

    def opened(self, half: HalfMove, type_: int, pull: int) -> WaitingHalves:
        """Return the halves with another one, of a layer of a type."""
        at = bisect_left(self.halves, half)
        return self._changed((*self.halves[:at], half, *self.halves[at:]), half, type_, 1, pull)

    def closed(self, half: HalfMove, type_: int, pull: int) -> WaitingHalves:
        """Return the halves without one of them."""
        at = bisect_left(self.halves, half)
        return self._changed(self.halves[:at] + self.halves[at + 1 :], half, type_, -1, -pull)

    def of_put(self) -> tuple[HalfMove, ...]:
        """Return the halves that were put down, equal ones once."""
        return tuple(dict.fromkeys(self.halves[: sum(self.put)]))

    def of_lifted(self) -> tuple[HalfMove, ...]:
        """Return the halves that were lifted, equal ones once."""
        return tuple(dict.fromkeys(self.halves[sum(self.put) :]))

    def _changed(
        self, halves: tuple[HalfMove, ...], half: HalfMove, type_: int, by: int, pull: int
    ) -> WaitingHalves:
        places = self.kept_places if half.place < 0 else _kept_places(halves)
        if half.is_lifted:
            lifted = _counted(self.lifted, type_, by)
            return WaitingHalves(halves, self.pull + pull, lifted, self.put, places)
        put = _counted(self.put, type_, by)
        return WaitingHalves(halves, self.pull - pull, self.lifted, put, places)


def _counted(counts: Sequence[int], type_: int, by: int) -> tuple[int, ...]:
    return (*counts[:type_], counts[type_] + by, *counts[type_ + 1 :])


def _kept_places(halves: Sequence[HalfMove]) -> tuple[int, int]:
    olds = [half.place for half in halves if half.place >= 0 and not half.is_lifted]
    news = [half.place for half in halves if half.place >= 0 and half.is_lifted]
    return min(olds, default=_NO_PLACE), min(news, default=_NO_PLACE)
