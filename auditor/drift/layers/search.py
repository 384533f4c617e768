"""A* for the cheapest alignment.

A state is a place in each stack and the moves of which one half is done. A layer can be lifted
and put down further on, or put down and lifted further on; which one it will have been is left
open among those that differ as much, so that fewer states are to be told apart.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from auditor.drift.layers.draft import Draft, joined
from auditor.drift.layers.estimate import Estimate, Half
from auditor.drift.layers.stacks import Prices, Stacks

MAX_STEPS = 12_000


class _State(NamedTuple):
    i: int
    j: int
    halves: tuple[Half, ...] = ()  # sorted

    def at(self, i: int, j: int) -> _State:
        """Return the state further on, its halves without the places that are passed."""
        halves = self.halves
        if any(0 <= half.place < (j if half.is_lifted else i) for half in halves):
            halves = tuple(sorted(half.seen_from(i, j) for half in halves))
        return _State(i, j, halves)

    def opened(self, half: Half) -> _State:
        """Return the state behind the first half of a move."""
        to = self.at(self.i + half.is_lifted, self.j + (not half.is_lifted))
        return to._replace(halves=tuple(sorted((*to.halves, half))))

    def closed(self, half: Half) -> _State:
        """Return the state behind the second half of a move."""
        at = self.halves.index(half)
        rest = self._replace(halves=self.halves[:at] + self.halves[at + 1 :])
        return rest.at(self.i + (not half.is_lifted), self.j + half.is_lifted)


class _Step(NamedTuple):
    price: int
    to: _State
    half: Half | None = None  # opened or closed


class Search:
    """One search between two stacks.

    Attributes:
        steps: how many states were looked at.
        max_steps: after so many the alignment behind the estimate is taken, its halves joined.
    """

    def __init__(self, stacks: Stacks, max_steps: int = MAX_STEPS) -> None:
        """Prepare a search."""
        self.steps = 0
        self.max_steps = max_steps
        self._whole, self._stacks = stacks, stacks.merged()
        self._prices = Prices.of(stacks)
        self._estimate = Estimate(self._stacks, self._prices)
        self._last = {kind: place for place, kind in enumerate(self._stacks.old)}
        self._sources = _sources(self._stacks)
        self._best: dict[_State, int] = {}
        self._reached_by: dict[_State, tuple[_State, Half | None]] = {}
        self._open: list[tuple[int, int, _State]] = []  # cheapest first, then furthest

    def cheapest(self) -> Draft:
        """Return the cheapest alignment."""
        goal = _State(len(self._stacks.old), len(self._stacks.new))
        self._offer(0, _State(0, 0))
        while self.steps < self.max_steps:
            self.steps += 1
            _, negative, state = heapq.heappop(self._open)
            if state == goal:
                return self._draft_of(goal)
            if -negative == self._best[state]:
                self._expand(state, -negative)
        path = self._estimate.path()
        return joined(self._whole, {i: j for i, j in path if i is not None and j is not None})

    def _offer(self, price: int, state: _State) -> bool:
        if state in self._best and self._best[state] <= price:
            return False
        self._best[state] = price
        estimate = price + self._estimate.remaining(*state)
        heapq.heappush(self._open, (estimate, -price, state))
        return True

    def _expand(self, state: _State, price: int) -> None:
        for step in self._steps(state):
            if self._offer(price + step.price, step.to):
                self._reached_by[step.to] = (state, step.half)

    def _steps(self, state: _State) -> Iterator[_Step]:
        i, j, _ = state
        old, new = self._stacks.old, self._stacks.new
        if i < len(old) and j < len(new):
            differing = self._stacks.differing.get((old[i], new[j]))
            yield _Step(self._prices.kept(differing, j), state.at(i + 1, j + 1))
        if i < len(old):
            yield _Step(self._prices.gone(i), state.at(i + 1, j))
            yield from self._lifts(state, old[i])
        if j < len(new):
            yield _Step(self._prices.gone(j), state.at(i, j + 1))
            yield from self._puts(state, new[j])

    def _lifts(self, state: _State, kind: int) -> Iterator[_Step]:
        for half in dict.fromkeys(state.halves):
            if not half.is_lifted and kind in half.kinds:
                still = self._prices.still if half.place == state.i else 0
                yield _Step(self._prices.cost + still, state.closed(half), half)
        half = Half(True, (kind,), self._place(state.i, state.j))
        if self._estimate.new_left[state.j][self._type(half)] > self._waiting(state, half):
            yield _Step(self._prices.cost, state.opened(half), half)

    def _puts(self, state: _State, kind: int) -> Iterator[_Step]:
        price = self._prices.cost + self._prices.findings[state.j]
        for half in dict.fromkeys(state.halves):
            differing = self._stacks.differing.get((half.kinds[0], kind))
            if half.is_lifted and differing is not None:
                still = self._prices.still if half.place == state.j else 0
                edit = self._prices.edited(differing, state.j)
                yield _Step(price + edit + still, state.closed(half), half)
        for differing, kinds in self._sources[kind].items():
            half = Half(False, kinds, self._place(state.j, state.i))
            if self._can_be_lifted(state, half):
                edit = self._prices.edited(differing, state.j)
                yield _Step(price + edit, state.opened(half), half)

    def _place(self, place: int, other: int) -> int:
        """Return a place where the other stack has yet a layer of the same type, else -1."""
        if other > place or place >= min(len(self._stacks.old), len(self._stacks.new)):
            return -1
        link = self._stacks.old[place], self._stacks.new[place]
        return place if link in self._stacks.differing else -1

    def _can_be_lifted(self, state: _State, half: Half) -> bool:
        left = self._estimate.old_left[state.i][self._type(half)]
        if left <= self._waiting(state, half):
            return False
        return any(self._last[kind] >= state.i for kind in half.kinds)

    def _waiting(self, state: _State, half: Half) -> int:
        """Return how many such halves of the same type wait for their others."""
        return sum(
            one.is_lifted is half.is_lifted and self._type(one) == self._type(half)
            for one in state.halves
        )

    def _type(self, half: Half) -> int:
        return self._stacks.types[half.kinds[0]]

    def _draft_of(self, state: _State) -> Draft:
        draft, open_at = Draft(), defaultdict[tuple[bool, tuple[int, ...]], list[int]](list)
        for before, half, after in self._trail(state):
            if half is None:
                _note(draft, before, after)
            elif len(after.halves) > len(before.halves):
                open_at[half[:2]].append(before.i if half.is_lifted else before.j)
            else:
                place = _opened_at(half, before, open_at[half[:2]])
                i, j = (place, before.j) if half.is_lifted else (before.i, place)
                draft.moved[i] = j
        return draft

    def _trail(self, state: _State) -> list[tuple[_State, Half | None, _State]]:
        trail: list[tuple[_State, Half | None, _State]] = []
        while state in self._reached_by:
            before, half = self._reached_by[state]
            trail.append((before, half, state))
            state = before
        return trail[::-1]


def _sources(stacks: Stacks) -> dict[int, dict[int, tuple[int, ...]]]:
    """Return by new kind the old ones that can become it, by how much they differ from it."""
    sources: dict[int, dict[int, tuple[int, ...]]] = {kind: {} for kind in stacks.new}
    for (a, b), differing in stacks.differing.items():
        sources[b][differing] = (*sources[b].get(differing, ()), a)
    return sources


def _opened_at(half: Half, before: _State, places: list[int]) -> int:
    """Return where a half began; of several alike that are past their places, the first."""
    marked = [one.place for one in before.halves if one[:2] == half[:2]]
    free = [place for place in places if place not in marked]
    place = half.place if half.place >= 0 else free[0]
    places.remove(place)
    return place


def _note(draft: Draft, before: _State, after: _State) -> None:
    if after.i > before.i and after.j > before.j:
        draft.pairs[before.i] = before.j
    elif after.i > before.i:
        draft.removed.add(before.i)
    else:
        draft.added.add(before.j)
