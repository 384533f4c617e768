"""Every alignment of two small stacks, judged by the contract's words: the oracle of the tests.

It knows nothing of how the alignment is found. A stack is a text, each letter a layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.model import JsonObject

LAYERS: dict[str, JsonObject] = {
    "a": {"type": "dense", "neurons": 10},
    "b": {"type": "dense", "neurons": 20},
    "c": {"type": "conv1d", "neurons": 10, "kernelSize": 3},
    "d": {"type": "flatten"},
    "e": {"type": "dense", "neurons": 20, "dropoutRate": 0.5},
    "f": {"type": "conv1d", "neurons": 20, "kernelSize": 5},
}

Links = tuple[tuple[int, int], ...]  # (old, new) places


def stack(letters: str) -> list[JsonObject]:
    """Return a stack of layers."""
    return [LAYERS[letter] for letter in letters]


def differing(a: str, b: str) -> int:
    """Return in how many properties two layers differ."""
    one, other = LAYERS[a], LAYERS[b]
    return sum(1 for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def are_of_one_type(a: str, b: str) -> bool:
    """Return whether two layers are of the same type."""
    return LAYERS[a]["type"] == LAYERS[b]["type"]


@dataclass(frozen=True)
class Candidate:
    """One way in which the old stack may have become the new one."""

    old: str = field(repr=False)
    new: str = field(repr=False)
    kept: Links
    moved: Links

    @property
    def removed(self) -> list[int]:
        """The old places of layers that went."""
        gone = {i for i, _ in (*self.kept, *self.moved)}
        return [i for i in range(len(self.old)) if i not in gone]

    @property
    def added(self) -> list[int]:
        """The new places of layers that came."""
        there = {j for _, j in (*self.kept, *self.moved)}
        return [j for j in range(len(self.new)) if j not in there]

    @property
    def edited(self) -> Links:
        """The layers of the same type that differ, whether they kept their order or moved."""
        links = (*self.kept, *self.moved)
        return tuple(
            (i, j)
            for i, j in links
            if self.old[i] != self.new[j] and are_of_one_type(self.old[i], self.new[j])
        )

    @property
    def replaced(self) -> Links:
        """The layers of another type."""
        return tuple((i, j) for i, j in self.kept if not are_of_one_type(self.old[i], self.new[j]))

    @property
    def cost(self) -> int:
        """Return what the contract says it costs."""
        twos = len(self.moved) + len(self.removed) + len(self.added)
        return len(self.edited) + 2 * twos + 3 * len(self.replaced)

    @property
    def places(self) -> list[int]:
        """The places of its findings in order."""
        edits = [j for i, j in self.edited for _ in range(differing(self.old[i], self.new[j]))]
        others = [j for _, j in (*self.moved, *self.replaced)] + self.added + self.removed
        return sorted(edits + others)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Cost; then findings; then edits, for moved goes before edited."""
        return self.cost, len(self.places), len(self.edited)

    @property
    def late_rank(self) -> tuple[int, list[int]]:
        """A layer where it stood has rather not moved; then the earliest places."""
        return sum(i == j for i, j in self.moved), self.places


def best(old: str, new: str) -> list[Candidate]:
    """Return all candidates of the least cost, fewest findings and fewest edits."""
    found: list[Candidate] = []
    for kept in _chains(len(old), len(new)):
        floor = _least(old, new, kept)
        if found and floor > found[0].cost:
            continue
        for candidate in _with_moves(old, new, kept):
            if found and candidate.rank > found[0].rank:
                continue
            if found and candidate.rank < found[0].rank:
                found.clear()
            found.append(candidate)
    return found


def _chains(old: int, new: int) -> Iterator[Links]:
    """Yield every set of pairs that keep their order."""
    for size in range(min(old, new), -1, -1):
        for before in itertools.combinations(range(old), size):
            for after in itertools.combinations(range(new), size):
                yield tuple(zip(before, after, strict=True))


def _least(old: str, new: str, kept: Links) -> int:
    """Return what the kept cost and 2 for every other layer, or two of them that are one."""
    alone = Candidate(old, new, kept, ())
    return (
        len(alone.edited)
        + 3 * len(alone.replaced)
        + 2 * max(len(old) - len(kept), len(new) - len(kept))
    )


def _with_moves(old: str, new: str, kept: Links) -> Iterator[Candidate]:
    """Yield the kept with each way to move the rest; a type at a time, as costs add."""
    alone = Candidate(old, new, kept, ())
    ways = [
        _moves(
            alone,
            [i for i in alone.removed if LAYERS[old[i]]["type"] == name],
            [j for j in alone.added if LAYERS[new[j]]["type"] == name],
        )
        for name in sorted({str(LAYERS[letter]["type"]) for letter in old + new})
    ]
    for parts in itertools.product(*ways):
        yield Candidate(old, new, kept, tuple(link for part in parts for link in part))


def _moves(alone: Candidate, gone: list[int], come: list[int]) -> list[Links]:
    """Return the best ways to make moves of layers of one type that went and came."""
    ways = list(_matchings(gone, come))
    ranks = [Candidate(alone.old, alone.new, alone.kept, way).rank for way in ways]
    return [way for way, rank in zip(ways, ranks, strict=True) if rank == min(ranks)]


def _matchings(gone: Sequence[int], come: Sequence[int]) -> Iterator[Links]:
    if not gone:
        yield ()
        return
    yield from _matchings(gone[1:], come)
    for j in come:
        for rest in _matchings(gone[1:], [one for one in come if one != j]):
            yield ((gone[0], j), *rest)


def findings(candidate: Candidate) -> frozenset[str]:
    """Return its findings: `-old`, `+new`, `old>new`, `=new`, and edits as `~new*properties`."""
    old, new = candidate.old, candidate.new
    return frozenset(
        [
            *(f"-{i}" for i in candidate.removed),
            *(f"+{j}" for j in candidate.added),
            *(f"{i}>{j}" for i, j in candidate.moved),
            *(f"={j}" for _, j in candidate.replaced),
            *(f"~{j}*{differing(old[i], new[j])}" for i, j in candidate.edited),
        ]
    )


def told(candidate: Candidate) -> frozenset[str]:
    """Return its findings once it is settled which twin and which neighbour is meant."""
    return findings(_twins_last(_with_swaps(_twins_last(candidate))))


def expected(old: str, new: str) -> tuple[Candidate, set[frozenset[str]]]:
    """Return one of the best candidates and all that could be told of them."""
    candidates = best(old, new)
    least = min(candidate.late_rank for candidate in candidates)
    first = [candidate for candidate in candidates if candidate.late_rank == least]
    return first[0], {told(candidate) for candidate in first}


def _twins_last(candidate: Candidate) -> Candidate:
    """In each run of twins let the last be removed, before it those moved away, or be added.

    Not in a run where a layer would then have moved to where it stood.
    """
    target = dict(candidate.moved)
    source = {j: i for i, j in candidate.moved}
    old = _renamed(candidate.old, [candidate.removed, list(target)], target)
    new = _renamed(candidate.new, [candidate.added], source)
    return Candidate(
        candidate.old,
        candidate.new,
        tuple((old[i], new[j]) for i, j in candidate.kept),
        tuple((old[i], new[j]) for i, j in candidate.moved),
    )


def _renamed(
    letters: str, last: Sequence[Sequence[int]], ends: Mapping[int, int]
) -> dict[int, int]:
    names = {place: place for place in range(len(letters))}
    start = 0
    for _, run in itertools.groupby(letters):
        places = range(start, start + len(list(run)))
        start = places.stop
        order = [p for p in places if not any(p in ones for ones in last)]
        for ones in reversed(last):
            order += [p for p in places if p in ones]
        if not any(ends.get(p) == name for p, name in zip(order, places, strict=True)):
            names.update(zip(order, places, strict=True))
    return names


def _with_swaps(candidate: Candidate) -> Candidate:
    """Tell two neighbours that changed places, no other layer between, by the one that was first.

    Only where no other move crosses theirs, and where that one does not stand where it stood.
    """
    for i, j in candidate.moved:
        first = (i - 1, j + 1)
        others = [link for link in candidate.moved if link != (i, j)]
        crossed = any((a < i) != (b < j) for a, b in others)
        if first not in candidate.kept or crossed or first[0] == first[1]:
            continue
        if are_of_one_type(candidate.old[first[0]], candidate.new[first[1]]):
            kept = [link for link in candidate.kept if link != first]
            candidate = Candidate(
                candidate.old,
                candidate.new,
                tuple(sorted([*kept, (i, j)])),
                tuple(sorted([*others, first])),
            )
    return candidate
