"""Alignment of two layer stacks at the least cost.

An edited layer of the same type costs 1, however many of its properties; an added, removed or
moved layer 2; another type in the same place 3. On a tie: fewer findings, then moved before
edited, then the earliest places. Of a run of twins the last is the one added or removed. A swap
of neighbours is the layer that stood first, moved behind the other.

The search is A* over (old index, new index, layers lifted but not yet put down). Its estimate,
the cheapest completion in which a half of a possible move costs 1, never exceeds the true cost,
so the result is exact. Stacks that share most layers in quite another order can defeat it; after
`MAX_STEPS` the cheapest alignment without moves is taken and equal leftovers are paired as moves.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from auditor.drift.equality import same
from auditor.drift.model import Json, JsonObject

MAX_STEPS = 20_000
_EDITED, _ADDED, _REMOVED, _LIFTED, _REPLACED = 1, 2, 2, 2, 3
_PLACE_BITS = 12  # findings at one place that a tie-break can count


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How an old stack became a new one, by places from 0.

    Attributes:
        pairs: (old, new) of layers that kept their order: equal, edited, or replaced where their
            types differ; ascending.
        moved: (old, new) of equal layers that did not.
    """

    pairs: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def align(old: Sequence[JsonObject], new: Sequence[JsonObject]) -> Alignment:
    """Return the cheapest alignment of two stacks of layers in canonical form."""
    stacks = _Stacks.of(old, new)
    steps = _search(stacks, moves=True) or _search(stacks, moves=False) or ()
    return _settled(stacks, _Draft.of(steps, stacks))


@dataclass(frozen=True, slots=True)
class _Stacks:
    """Both stacks with equal layers numbered alike, and what pairing any two costs."""

    old: tuple[int, ...]
    new: tuple[int, ...]
    old_types: tuple[Json, ...]
    new_types: tuple[Json, ...]
    kinds: tuple[JsonObject, ...]

    @classmethod
    def of(cls, old: Sequence[JsonObject], new: Sequence[JsonObject]) -> _Stacks:
        kinds: list[JsonObject] = []
        numbers = [_number_of(layer, kinds) for layer in (*old, *new)]
        return cls(
            tuple(numbers[: len(old)]),
            tuple(numbers[len(old) :]),
            tuple(layer.get("type") for layer in old),
            tuple(layer.get("type") for layer in new),
            tuple(kinds),
        )

    def pairing(self, i: int, j: int) -> tuple[int, int, int]:
        """Return cost, findings and whether it is an edit, of `i` becoming `j` in its place."""
        if self.old[i] == self.new[j]:
            return 0, 0, 0
        if self.old_types[i] == self.new_types[j]:
            return _EDITED, _differing(self.kinds[self.old[i]], self.kinds[self.new[j]]), 1
        return _REPLACED, 1, 0


def _number_of(layer: JsonObject, kinds: list[JsonObject]) -> int:
    for number, kind in enumerate(kinds):
        if same(layer, kind):
            return number
    kinds.append(layer)
    return len(kinds) - 1


def _differing(a: JsonObject, b: JsonObject) -> int:
    return sum(
        1
        for key in a.keys() | b.keys()
        if key not in a or key not in b or not same(a[key], b[key])
    )


_Pending = tuple[tuple[int, int], ...]  # (kind of layer, lifted minus put down early), no zeros
_State = tuple[int, int, _Pending]
_Cost = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Step:
    act: str  # pair, remove, add, lift, put
    i: int
    j: int
    to: _State
    cost: _Cost


@dataclass(slots=True)
class _Frontier:
    """Open states, cheapest estimate first; the counter keeps ties in order of discovery."""

    heap: list[tuple[int, _Cost, int, _State]] = field(default_factory=list)
    best: dict[_State, _Cost] = field(default_factory=dict)
    reached_by: dict[_State, tuple[_State, _Step]] = field(default_factory=dict)

    def offer(self, state: _State, cost: _Cost, estimate: int) -> bool:
        if state in self.best and self.best[state] <= cost:
            return False
        self.best[state] = cost
        heapq.heappush(self.heap, (cost[0] + estimate, cost, len(self.heap), state))
        return True

    def trail(self, state: _State) -> tuple[_Step, ...]:
        steps: list[_Step] = []
        while state in self.reached_by:
            state, step = self.reached_by[state]
            steps.append(step)
        return tuple(reversed(steps))


def _search(stacks: _Stacks, *, moves: bool) -> tuple[_Step, ...] | None:
    """Return the steps of the cheapest alignment, None where it took too many to find."""
    rest = _completion_costs(stacks, moves=moves)
    frontier, goal = _Frontier(), (len(stacks.old), len(stacks.new), ())
    frontier.offer((0, 0, ()), (0, 0, 0, 0), rest[0][0])
    for _ in range(MAX_STEPS if moves else 10**9):
        if not frontier.heap:
            return None
        _, cost, _, state = heapq.heappop(frontier.heap)
        if state == goal:
            return frontier.trail(state)
        if cost > frontier.best[state]:
            continue
        for step in _steps(stacks, state, moves=moves):
            total = _sum(cost, step.cost)
            i, j, pending = step.to
            estimate = max(0, rest[i][j] - sum(abs(count) for _, count in pending))
            if frontier.offer(step.to, total, estimate):
                frontier.reached_by[step.to] = (state, step)
    return None


def _sum(a: _Cost, b: _Cost) -> _Cost:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _completion_costs(stacks: _Stacks, *, moves: bool) -> list[list[int]]:
    """Return for every (i, j) a cost that aligning the rest cannot undercut."""
    shared = set(stacks.old) & set(stacks.new) if moves else set()
    rows, columns = len(stacks.old), len(stacks.new)
    rest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            options = []
            if i < rows:
                options.append(rest[i + 1][j] + (1 if stacks.old[i] in shared else _REMOVED))
            if j < columns:
                options.append(rest[i][j + 1] + (1 if stacks.new[j] in shared else _ADDED))
            if i < rows and j < columns:
                options.append(rest[i + 1][j + 1] + stacks.pairing(i, j)[0])
            rest[i][j] = min(options, default=0)
    return rest


def _steps(stacks: _Stacks, state: _State, *, moves: bool) -> Iterator[_Step]:
    i, j, pending = state
    if i < len(stacks.old) and j < len(stacks.new):
        cost, findings, edits = stacks.pairing(i, j)
        weight = findings * _weight(stacks, j)
        yield _Step("pair", i, j, (i + 1, j + 1, pending), (cost, findings, edits, weight))
    if i < len(stacks.old):
        yield _Step("remove", i, j, (i + 1, j, pending), (_REMOVED, 1, 0, _weight(stacks, i)))
        if moves:
            yield from _lift(stacks, state)
    if j < len(stacks.new):
        yield _Step("add", i, j, (i, j + 1, pending), (_ADDED, 1, 0, _weight(stacks, j)))
        if moves:
            yield from _put(stacks, state)


def _lift(stacks: _Stacks, state: _State) -> Iterator[_Step]:
    """Take a layer up: to put it down further on, or because it was put down already."""
    i, j, pending = state
    kind, held = stacks.old[i], dict(pending)
    waiting = held.get(kind, 0)
    if waiting >= 0 and stacks.new[j:].count(kind) <= waiting:
        return
    cost = (_LIFTED, 0, 0, 0) if waiting >= 0 else (0, 0, 0, 0)
    yield _Step("lift", i, j, (i + 1, j, _with(held, kind, waiting + 1)), cost)


def _put(stacks: _Stacks, state: _State) -> Iterator[_Step]:
    """Put a layer down: one lifted before, or one that is lifted further on."""
    i, j, pending = state
    kind, held = stacks.new[j], dict(pending)
    waiting = held.get(kind, 0)
    if waiting <= 0 and stacks.old[i:].count(kind) <= -waiting:
        return
    cost = (0 if waiting > 0 else _LIFTED, 1, 0, _weight(stacks, j))
    yield _Step("put", i, j, (i, j + 1, _with(held, kind, waiting - 1)), cost)


def _with(held: dict[int, int], kind: int, count: int) -> _Pending:
    changed = {**held, kind: count}
    return tuple(sorted((one, number) for one, number in changed.items() if number))


def _weight(stacks: _Stacks, place: int) -> int:
    """Return a penalty that is smaller the earlier the place, as big as to decide alone."""
    top = _PLACE_BITS * (max(len(stacks.old), len(stacks.new)) + 1)
    return int((1 << top) - (1 << (top - _PLACE_BITS * (place + 1))))


@dataclass(slots=True)
class _Draft:
    """An alignment while it is settled which of several equal layers is meant."""

    pairs: dict[int, int]
    moved: dict[int, int]
    removed: set[int]
    added: set[int]

    @classmethod
    def of(cls, steps: Sequence[_Step], stacks: _Stacks) -> _Draft:
        removed = {step.i for step in steps if step.act == "remove"}
        added = {step.j for step in steps if step.act == "add"}
        lifted = [step.i for step in steps if step.act == "lift"] + sorted(removed)
        put = [step.j for step in steps if step.act == "put"] + sorted(added)
        draft = cls({s.i: s.j for s in steps if s.act == "pair"}, {}, removed, added)
        for i in lifted:
            j = next((j for j in put if stacks.new[j] == stacks.old[i]), None)
            if j is not None:
                put.remove(j)
                draft.moved[i] = j
                draft.removed.discard(i)
                draft.added.discard(j)
        return draft


def _settled(stacks: _Stacks, draft: _Draft) -> Alignment:
    _keep_best_order(stacks, draft)
    _swap_neighbours(stacks, draft)
    for i in sorted(draft.removed | set(draft.moved), reverse=True):
        _drop_last_twin(stacks, draft, i)
    for j in sorted(draft.added | set(draft.moved.values()), reverse=True):
        _add_last_twin(stacks, draft, j)
    return Alignment(
        pairs=tuple(sorted(draft.pairs.items())),
        moved=tuple(sorted(draft.moved.items(), key=lambda places: places[1])),
        removed=tuple(sorted(draft.removed)),
        added=tuple(sorted(draft.added)),
    )


def _keep_best_order(stacks: _Stacks, draft: _Draft) -> None:
    """Choose which of the equal layers kept their order, where several choices move as many.

    One that stands in the same place as before has rather not moved; then the earliest have.
    """
    equal = {i: j for i, j in draft.pairs.items() if stacks.old[i] == stacks.new[j]} | draft.moved
    links = sorted((draft.pairs | draft.moved).items())
    best: list[tuple[int, tuple[tuple[int, int], ...]]] = []
    for place, (i, j) in enumerate(links):
        before = [chain for chain in best[:place] if chain[1][-1][1] < j]
        value, chain = max(before, default=(0, ()))
        best.append((value + _worth(stacks, i, j, is_free=i in equal), (*chain, (i, j))))
    kept = max(best, default=(0, ()))[1]
    draft.pairs = dict(kept)
    draft.moved = {i: j for i, j in links if (i, j) not in kept}


def _worth(stacks: _Stacks, i: int, j: int, *, is_free: bool) -> int:
    """Return what it is worth to keep a layer's order: edited ones must, then as many as can."""
    scale = _PLACE_BITS * (max(len(stacks.old), len(stacks.new)) + 3)
    worth = _weight(stacks, j) + (1 << scale) * (i == j) + (1 << scale + 16)
    return worth if is_free else worth + (1 << scale + 32)


def _swap_neighbours(stacks: _Stacks, draft: _Draft) -> None:
    """Tell a swap as the first layer moved back, not as the second moved forward."""
    for i, j in sorted(draft.moved.items()):
        is_kept = draft.pairs.get(i - 1) == j + 1 and stacks.old[i - 1] == stacks.new[j + 1]
        crossed = any((a < i) is not (b < j) for a, b in draft.moved.items() if a != i)
        if is_kept and not crossed and i - 1 != j + 1:
            del draft.moved[i], draft.pairs[i - 1]
            draft.moved[i - 1] = j + 1
            draft.pairs[i] = j


def _drop_last_twin(stacks: _Stacks, draft: _Draft, i: int) -> None:
    while i + 1 in draft.pairs and stacks.old[i + 1] == stacks.old[i]:
        draft.pairs[i] = draft.pairs.pop(i + 1)
        if i in draft.removed:
            draft.removed.remove(i)
            draft.removed.add(i + 1)
        else:
            draft.moved[i + 1] = draft.moved.pop(i)
        i += 1


def _add_last_twin(stacks: _Stacks, draft: _Draft, j: int) -> None:
    sources = {new: old for old, new in draft.pairs.items()}
    while j + 1 in sources and stacks.new[j + 1] == stacks.new[j]:
        i = sources.pop(j + 1)
        draft.pairs[i] = j
        sources[j] = i
        if j in draft.added:
            draft.added.remove(j)
            draft.added.add(j + 1)
        else:
            mover = next(old for old, new in draft.moved.items() if new == j)
            draft.moved[mover] = j + 1
        j += 1
