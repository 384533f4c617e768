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

from auditor.drift.layers.corridor import find_corridor
from auditor.drift.layers.draft import AlignmentDraft, draft_from_pairs
from auditor.drift.layers.halves import HalfMove, WaitingHalves
from auditor.drift.layers.numbers import NumberedStacks
from auditor.drift.layers.prices import LowerBound, Prices

MAX_STEPS = 12_000
MAX_CARRIED = 75 * MAX_STEPS  # halves of moves that wait, in all states visited
MAX_PLACES = 200_000  # pairs of an old and a new place that are worth a look


class _State(NamedTuple):
    """The next place in each stack, and the halves of moves that wait for the other half."""

    i: int
    j: int
    waiting: WaitingHalves

    def advanced_to(self, i: int, j: int) -> _State:
        """Return the state at later places; halves forget places that are passed."""
        return _State(i, j, self.waiting.at(i, j))


class _Step(NamedTuple):
    price: int
    to: _State
    half: HalfMove | None = None  # opened or closed


class AlignmentSearch:
    """One search between two stacks.

    Attributes:
        steps: how many states were visited.
        carried: how many halves of moves waited in all of them.
        max_steps: the limit, after which the result is a good alignment, not always the best.
        is_hopeless: whether the stacks are too large and too different to be searched.
    """

    def __init__(self, stacks: NumberedStacks, max_steps: int = MAX_STEPS) -> None:
        """Prepare a search."""
        self.steps = self.carried = 0
        self.max_steps = max_steps
        self._unmerged, self._stacks = stacks, stacks.merged()
        self._prices = Prices.of(stacks)
        corridor = find_corridor(stacks)
        self._known = corridor.known
        self._limit = self._prices.sum_of(corridor.known, stacks)
        self.is_hopeless = not corridor.is_whole or corridor.size > MAX_PLACES
        if self.is_hopeless:
            return
        self._bound = LowerBound(self._stacks, self._prices, corridor)
        self._last_places = {form: place for place, form in enumerate(self._stacks.old)}
        self._old_forms: dict[int, dict[int, tuple[int, ...]]] = {}
        self._best: dict[_State, int] = {}
        self._reached_by: dict[_State, tuple[_State, HalfMove | None]] = {}
        self._open: list[tuple[int, int, _State]] = []  # cheapest first, then furthest

    def cheapest(self) -> AlignmentDraft:
        """Return the cheapest alignment."""
        if self.is_hopeless:
            return self._known
        nothing = WaitingHalves.none(len(self._bound.old_remaining[0]))
        goal = _State(len(self._stacks.old), len(self._stacks.new), nothing)
        self._offer(0, _State(0, 0, nothing))
        while self._open and self.steps < self.max_steps and self.carried < MAX_CARRIED:
            self.steps += 1
            _, negative, state = heapq.heappop(self._open)
            self.carried += len(state.waiting.halves)
            if state == goal:
                return self._draft_of(goal)
            if -negative == self._best[state]:
                self._expand(state, -negative)
        return self._good_alignment()

    def _good_alignment(self) -> AlignmentDraft:
        path = self._bound.path()
        pairs = {i: j for i, j in path if i is not None and j is not None}
        draft = draft_from_pairs(self._unmerged, pairs)
        is_better = self._prices.sum_of(draft, self._unmerged) < self._limit
        return draft if is_better else self._known

    def _offer(self, price: int, state: _State) -> bool:
        if state in self._best and self._best[state] <= price:
            return False
        estimate = price + self._bound.remaining(*state)
        if estimate > self._limit:
            return False
        self._best[state] = price
        heapq.heappush(self._open, (estimate, -price, state))
        return True

    def _expand(self, state: _State, price: int) -> None:
        for step in self._steps(state, price):
            if self._offer(price + step.price, step.to):
                self._reached_by[step.to] = (state, step.half)

    def _steps(self, state: _State, price: int) -> Iterator[_Step]:
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
            if self._may_put(state, price):
                yield from self._new_puts(state, new[j])

    def _lifts(self, state: _State, form: int) -> Iterator[_Step]:
        for half in state.waiting.of_put():
            if form in half.forms:
                same_place = self._prices.same_place if half.place == state.i else 0
                yield _Step(self._prices.cost + same_place, self._closed(state, half), half)
        half = HalfMove(True, (form,), self._possible_place(state.i, state.j))
        type_ = self._type(half)
        if self._bound.new_remaining[state.j][type_] > state.waiting.lifted[type_]:
            yield _Step(self._prices.cost, self._opened(state, half), half)

    def _puts(self, state: _State, form: int) -> Iterator[_Step]:
        price = self._prices.cost + self._prices.findings[state.j]
        for half in state.waiting.of_lifted():
            differences = self._stacks.differences.get((half.forms[0], form))
            if differences is not None:
                same_place = self._prices.same_place if half.place == state.j else 0
                edit = self._prices.edited(differences, state.j)
                yield _Step(price + edit + same_place, self._closed(state, half), half)

    def _may_put(self, state: _State, price: int) -> bool:
        """Return whether any layer put down now could still be cheap enough."""
        least = price + self._prices.cost + self._bound.distance(state.i, state.j + 1)
        return least + state.waiting.pull - self._bound.max_pull <= self._limit

    def _new_puts(self, state: _State, form: int) -> Iterator[_Step]:
        price = self._prices.cost + self._prices.findings[state.j]
        for differences, forms in self._old_forms_of(form).items():
            half = HalfMove(False, forms, self._possible_place(state.j, state.i))
            if self._can_be_lifted(state, half):
                edit = self._prices.edited(differences, state.j)
                yield _Step(price + edit, self._opened(state, half), half)

    def _possible_place(self, place: int, other: int) -> int:
        """Return a place where the other half could still be done as well, else -1."""
        if other > place or place >= min(len(self._stacks.old), len(self._stacks.new)):
            return -1
        link = self._stacks.old[place], self._stacks.new[place]
        return place if link in self._stacks.differences else -1

    def _can_be_lifted(self, state: _State, half: HalfMove) -> bool:
        type_ = self._type(half)
        if self._bound.old_remaining[state.i][type_] <= state.waiting.put[type_]:
            return False
        return any(self._last_places[form] >= state.i for form in half.forms)

    def _opened(self, state: _State, half: HalfMove) -> _State:
        """Return the state after the first half of a move."""
        to = state.advanced_to(state.i + half.is_lifted, state.j + (not half.is_lifted))
        pull = self._bound.pull_of(half.forms)
        return to._replace(waiting=to.waiting.opened(half, self._type(half), pull))

    def _closed(self, state: _State, half: HalfMove) -> _State:
        """Return the state after the second half of a move."""
        pull = self._bound.pull_of(half.forms)
        i, j = state.i + (not half.is_lifted), state.j + half.is_lifted
        return _State(i, j, state.waiting.closed(half, self._type(half), pull).at(i, j))

    def _type(self, half: HalfMove) -> int:
        return self._stacks.types[half.forms[0]]

    def _old_forms_of(self, form: int) -> dict[int, tuple[int, ...]]:
        """Return, by number of differences, the old forms that can become a new one."""
        found = self._old_forms.get(form)
        if found is None:
            found = self._old_forms[form] = {}
            for old in self._last_places:
                differences = self._stacks.differences.get((old, form))
                if differences is not None:
                    found[differences] = (*found.get(differences, ()), old)
        return found

    def _draft_of(self, state: _State) -> AlignmentDraft:
        draft = AlignmentDraft()
        open_at = defaultdict[tuple[bool, tuple[int, ...]], list[int]](list)
        for before, half, after in self._trail(state):
            if half is None:
                _add_single_step(draft, before, after)
            elif len(after.waiting.halves) > len(before.waiting.halves):
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


def _opened_at(half: HalfMove, before: _State, places: list[int]) -> int:
    """Return where a move began; among halves that forgot their place, the first of them."""
    known = [other.place for other in before.waiting.halves if other[:2] == half[:2]]
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
