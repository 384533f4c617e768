"""A* search for the cheapest alignment.

A state is a place in each stack and the moves of which only one half is done. A layer can be
lifted first and put down later, or put down first and lifted later. In the second case it stays
open which of the layers that differ equally it will be, so that there are fewer states.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from auditor.drift.layers.draft import AlignmentDraft, draft_from_pairs
from auditor.drift.layers.prices import HalfMove, LowerBound, NumberedStacks, Prices

MAX_STEPS = 12_000


class _State(NamedTuple):
    """The next place in each stack, and the halves of moves that wait for the other half."""

    i: int
    j: int
    halves: tuple[HalfMove, ...] = ()  # sorted

    def advanced_to(self, i: int, j: int) -> _State:
        """Return the state at later places; halves forget places that are passed."""
        halves = self.halves
        if any(0 <= half.place < (j if half.is_lifted else i) for half in halves):
            halves = tuple(sorted(half.forget_passed_place(i, j) for half in halves))
        return _State(i, j, halves)

    def opened(self, half: HalfMove) -> _State:
        """Return the state after the first half of a move."""
        to = self.advanced_to(self.i + half.is_lifted, self.j + (not half.is_lifted))
        return to._replace(halves=tuple(sorted((*to.halves, half))))

    def closed(self, half: HalfMove) -> _State:
        """Return the state after the second half of a move."""
        at = self.halves.index(half)
        rest = self._replace(halves=self.halves[:at] + self.halves[at + 1 :])
        return rest.advanced_to(self.i + (not half.is_lifted), self.j + half.is_lifted)


class _Step(NamedTuple):
    price: int
    to: _State
    half: HalfMove | None = None  # opened or closed


class AlignmentSearch:
    """One search between two stacks.

    Attributes:
        steps: how many states were visited.
        max_steps: the limit, after which the result is a good alignment, not always the best.
    """

    def __init__(self, stacks: NumberedStacks, max_steps: int = MAX_STEPS) -> None:
        """Prepare a search."""
        self.steps = 0
        self.max_steps = max_steps
        self._unmerged, self._stacks = stacks, stacks.merged()
        self._prices = Prices.of(stacks)
        self._bound = LowerBound(self._stacks, self._prices)
        self._last_places = {form: place for place, form in enumerate(self._stacks.old)}
        self._old_forms = _old_forms_by_difference(self._stacks)
        self._best: dict[_State, int] = {}
        self._reached_by: dict[_State, tuple[_State, HalfMove | None]] = {}
        self._open: list[tuple[int, int, _State]] = []  # cheapest first, then furthest

    def cheapest(self) -> AlignmentDraft:
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
        path = self._bound.path()
        pairs = {i: j for i, j in path if i is not None and j is not None}
        return draft_from_pairs(self._unmerged, pairs)

    def _offer(self, price: int, state: _State) -> bool:
        if state in self._best and self._best[state] <= price:
            return False
        self._best[state] = price
        estimate = price + self._bound.remaining(*state)
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
            differences = self._stacks.differences.get((old[i], new[j]))
            yield _Step(self._prices.paired(differences, j), state.advanced_to(i + 1, j + 1))
        if i < len(old):
            yield _Step(self._prices.unpaired(i), state.advanced_to(i + 1, j))
            yield from self._lifts(state, old[i])
        if j < len(new):
            yield _Step(self._prices.unpaired(j), state.advanced_to(i, j + 1))
            yield from self._puts(state, new[j])

    def _lifts(self, state: _State, form: int) -> Iterator[_Step]:
        for half in dict.fromkeys(state.halves):
            if not half.is_lifted and form in half.forms:
                same_place = self._prices.same_place if half.place == state.i else 0
                yield _Step(self._prices.cost + same_place, state.closed(half), half)
        half = HalfMove(True, (form,), self._possible_place(state.i, state.j))
        if self._bound.new_remaining[state.j][self._type(half)] > self._waiting(state, half):
            yield _Step(self._prices.cost, state.opened(half), half)

    def _puts(self, state: _State, form: int) -> Iterator[_Step]:
        price = self._prices.cost + self._prices.findings[state.j]
        for half in dict.fromkeys(state.halves):
            differences = self._stacks.differences.get((half.forms[0], form))
            if half.is_lifted and differences is not None:
                same_place = self._prices.same_place if half.place == state.j else 0
                edit = self._prices.edited(differences, state.j)
                yield _Step(price + edit + same_place, state.closed(half), half)
        for differences, forms in self._old_forms[form].items():
            half = HalfMove(False, forms, self._possible_place(state.j, state.i))
            if self._can_be_lifted(state, half):
                edit = self._prices.edited(differences, state.j)
                yield _Step(price + edit, state.opened(half), half)

    def _possible_place(self, place: int, other: int) -> int:
        """Return a place where the other half could still be done as well, else -1."""
        if other > place or place >= min(len(self._stacks.old), len(self._stacks.new)):
            return -1
        link = self._stacks.old[place], self._stacks.new[place]
        return place if link in self._stacks.differences else -1

    def _can_be_lifted(self, state: _State, half: HalfMove) -> bool:
        left = self._bound.old_remaining[state.i][self._type(half)]
        if left <= self._waiting(state, half):
            return False
        return any(self._last_places[form] >= state.i for form in half.forms)

    def _waiting(self, state: _State, half: HalfMove) -> int:
        """Return how many halves like this one, of the same type, wait for their other half."""
        return sum(
            waiting.is_lifted is half.is_lifted and self._type(waiting) == self._type(half)
            for waiting in state.halves
        )

    def _type(self, half: HalfMove) -> int:
        return self._stacks.types[half.forms[0]]

    def _draft_of(self, state: _State) -> AlignmentDraft:
        draft = AlignmentDraft()
        open_at = defaultdict[tuple[bool, tuple[int, ...]], list[int]](list)
        for before, half, after in self._trail(state):
            if half is None:
                _add_single_step(draft, before, after)
            elif len(after.halves) > len(before.halves):
                open_at[half[:2]].append(before.i if half.is_lifted else before.j)
            else:
                place = _opened_at(half, before, open_at[half[:2]])
                i, j = (place, before.j) if half.is_lifted else (before.i, place)
                draft.moved[i] = j
        return draft

    def _trail(self, state: _State) -> list[tuple[_State, HalfMove | None, _State]]:
        trail: list[tuple[_State, HalfMove | None, _State]] = []
        while state in self._reached_by:
            before, half = self._reached_by[state]
            trail.append((before, half, state))
            state = before
        return trail[::-1]


def _old_forms_by_difference(stacks: NumberedStacks) -> dict[int, dict[int, tuple[int, ...]]]:
    """Return, by new form and number of differences, the old forms that can become it."""
    forms: dict[int, dict[int, tuple[int, ...]]] = {form: {} for form in stacks.new}
    for (a, b), differences in stacks.differences.items():
        forms[b][differences] = (*forms[b].get(differences, ()), a)
    return forms


def _opened_at(half: HalfMove, before: _State, places: list[int]) -> int:
    """Return where a move began; among halves that forgot their place, the first of them."""
    known = [other.place for other in before.halves if other[:2] == half[:2]]
    free = [place for place in places if place not in known]
    place = half.place if half.place >= 0 else free[0]
    places.remove(place)
    return place


def _add_single_step(draft: AlignmentDraft, before: _State, after: _State) -> None:
    if after.i > before.i and after.j > before.j:
        draft.pairs[before.i] = before.j
    elif after.i > before.i:
        draft.removed.add(before.i)
    else:
        draft.added.add(before.j)
