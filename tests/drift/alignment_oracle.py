"""Every alignment of two small stacks, ranked as the contract says: the oracle of the tests.

It shares no code with the search that it checks. A stack is a text, each letter a layer.
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


def count_differences(a: str, b: str) -> int:
    """Return in how many properties two layers differ."""
    old, new = LAYERS[a], LAYERS[b]
    return sum(1 for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def have_one_type(a: str, b: str) -> bool:
    """Return whether two layers are of the same type."""
    return LAYERS[a]["type"] == LAYERS[b]["type"]


@dataclass(frozen=True)
class Candidate:
    """One way in which the old stack may have become the new one."""

    old: str = field(repr=False)
    new: str = field(repr=False)
    pairs: Links
    moved: Links

    @property
    def removed(self) -> list[int]:
        """Return the old places of layers that were removed."""
        linked = {i for i, _ in (*self.pairs, *self.moved)}
        return [i for i in range(len(self.old)) if i not in linked]

    @property
    def added(self) -> list[int]:
        """Return the new places of layers that were added."""
        linked = {j for _, j in (*self.pairs, *self.moved)}
        return [j for j in range(len(self.new)) if j not in linked]

    @property
    def edited(self) -> Links:
        """Return the layers of the same type that differ, paired or moved."""
        links = (*self.pairs, *self.moved)
        return tuple(
            (i, j)
            for i, j in links
            if self.old[i] != self.new[j] and have_one_type(self.old[i], self.new[j])
        )

    @property
    def replaced(self) -> Links:
        """Return the pairs whose types differ."""
        return tuple((i, j) for i, j in self.pairs if not have_one_type(self.old[i], self.new[j]))

    @property
    def cost(self) -> int:
        """Return the cost by the contract."""
        twos = len(self.moved) + len(self.removed) + len(self.added)
        return len(self.edited) + 2 * twos + 3 * len(self.replaced)

    @property
    def places(self) -> list[int]:
        """Return the places of the findings in order."""
        edits = [
            j for i, j in self.edited for _ in range(count_differences(self.old[i], self.new[j]))
        ]
        others = [j for _, j in (*self.moved, *self.replaced)] + self.added + self.removed
        return sorted(edits + others)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Return cost, findings and edits: moved is preferred to edited."""
        return self.cost, len(self.places), len(self.edited)

    @property
    def late_rank(self) -> tuple[int, list[int]]:
        """Return how many layers moved to the same place, then the places of the findings."""
        return sum(i == j for i, j in self.moved), self.places


def best_candidates(old: str, new: str) -> list[Candidate]:
    """Return all candidates of the least cost, fewest findings and fewest edits."""
    found: list[Candidate] = []
    for pairs in _ordered_pairs(len(old), len(new)):
        floor = _least_cost(old, new, pairs)
        if found and floor > found[0].cost:
            continue
        for candidate in _with_moves(old, new, pairs):
            if found and candidate.rank > found[0].rank:
                continue
            if found and candidate.rank < found[0].rank:
                found.clear()
            found.append(candidate)
    return found


def _ordered_pairs(old: int, new: int) -> Iterator[Links]:
    """Yield every set of pairs that keep their order."""
    for size in range(min(old, new), -1, -1):
        for before in itertools.combinations(range(old), size):
            for after in itertools.combinations(range(new), size):
                yield tuple(zip(before, after, strict=True))


def _least_cost(old: str, new: str, pairs: Links) -> int:
    """Return the cost of the pairs and at least 2 for each layer that has no pair."""
    alone = Candidate(old, new, pairs, ())
    return (
        len(alone.edited)
        + 3 * len(alone.replaced)
        + 2 * max(len(old) - len(pairs), len(new) - len(pairs))
    )


def _with_moves(old: str, new: str, pairs: Links) -> Iterator[Candidate]:
    """Yield the pairs with each way to move the rest, one type at a time, because costs add."""
    alone = Candidate(old, new, pairs, ())
    ways = [
        _moves(
            alone,
            [i for i in alone.removed if LAYERS[old[i]]["type"] == name],
            [j for j in alone.added if LAYERS[new[j]]["type"] == name],
        )
        for name in sorted({str(LAYERS[letter]["type"]) for letter in old + new})
    ]
    for parts in itertools.product(*ways):
        yield Candidate(old, new, pairs, tuple(link for part in parts for link in part))


def _moves(alone: Candidate, removed: list[int], added: list[int]) -> list[Links]:
    """Return the best ways to turn removed and added layers of one type into moves."""
    ways = list(_ways_to_match(removed, added))
    ranks = [Candidate(alone.old, alone.new, alone.pairs, way).rank for way in ways]
    return [way for way, rank in zip(ways, ranks, strict=True) if rank == min(ranks)]


def _ways_to_match(removed: Sequence[int], added: Sequence[int]) -> Iterator[Links]:
    if not removed:
        yield ()
        return
    yield from _ways_to_match(removed[1:], added)
    for j in added:
        for rest in _ways_to_match(removed[1:], [place for place in added if place != j]):
            yield ((removed[0], j), *rest)


def findings_of(candidate: Candidate) -> frozenset[str]:
    """Return the findings: `-old`, `+new`, `old>new`, `=new`, and edits as `~new*properties`."""
    old, new = candidate.old, candidate.new
    return frozenset(
        [
            *(f"-{i}" for i in candidate.removed),
            *(f"+{j}" for j in candidate.added),
            *(f"{i}>{j}" for i, j in candidate.moved),
            *(f"={j}" for _, j in candidate.replaced),
            *(f"~{j}*{count_differences(old[i], new[j])}" for i, j in candidate.edited),
        ]
    )


def chosen_findings(candidate: Candidate) -> frozenset[str]:
    """Return the findings after the rules for equal layers and for swapped neighbours."""
    for _ in range(2):
        candidate = _take_last_of_twins(_with_swaps_among_twins(candidate))
    return findings_of(_take_last_of_twins(_with_swaps(candidate)))


def expected_findings(old: str, new: str) -> tuple[Candidate, set[frozenset[str]]]:
    """Return one of the best candidates, and the findings of each that the contract allows."""
    candidates = best_candidates(old, new)
    least = min(candidate.late_rank for candidate in candidates)
    first = [candidate for candidate in candidates if candidate.late_rank == least]
    return first[0], {chosen_findings(candidate) for candidate in first}


def _take_last_of_twins(candidate: Candidate) -> Candidate:
    """In each run of equal layers, remove or add the last, and move those before it.

    A run stays unchanged where a layer would otherwise move to the same place.
    """
    target = dict(candidate.moved)
    source = {j: i for i, j in candidate.moved}
    old = _renamed(candidate.old, [candidate.removed, list(target)], target)
    new = _renamed(candidate.new, [candidate.added], source)
    return Candidate(
        candidate.old,
        candidate.new,
        tuple((old[i], new[j]) for i, j in candidate.pairs),
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
        order = [p for p in places if not any(p in group for group in last)]
        for group in reversed(last):
            order += [p for p in places if p in group]
        if not any(ends.get(p) == name for p, name in zip(order, places, strict=True)):
            names.update(zip(order, places, strict=True))
    return names


def _with_swaps_among_twins(candidate: Candidate) -> Candidate:
    """Describe a move past equal layers as the swap of neighbours that it amounts to.

    Tried are all neighbours among the layers that the move passes, all of them equal to their
    counterparts; only where no other move crosses it.
    """
    for i, j in candidate.moved:
        others = [link for link in candidate.moved if link != (i, j)]
        if any((a < i) != (b < j) for a, b in others):
            continue
        passed = [link for link in candidate.pairs if (link[0] < i) != (link[1] < j)]
        kept = [link for link in candidate.pairs if link not in passed]
        olds, news = sorted([i, *(a for a, _ in passed)]), sorted([j, *(b for _, b in passed)])
        for p, q in itertools.product(olds, news):
            if p == q + 1 or p + 1 not in olds or q + 1 not in news:
                continue
            rest = (
                [place for place in side if place not in ends]
                for side, ends in ((olds, (p, p + 1)), (news, (q, q + 1)))
            )
            links = [*zip(*rest, strict=True), (p + 1, q)]
            is_equal = all(candidate.old[a] == candidate.new[b] for a, b in [*links, (p, q + 1)])
            pairs = tuple(sorted([*kept, *links]))
            is_ordered = list(pairs) == sorted(pairs, key=lambda link: link[1])
            if is_equal and is_ordered and candidate.old[p] != candidate.old[p + 1]:
                candidate = Candidate(
                    candidate.old, candidate.new, pairs, tuple(sorted([*others, (p, q + 1)]))
                )
                break
    return candidate


def _with_swaps(candidate: Candidate) -> Candidate:
    """Describe two neighbours that changed places by a move of the one that was first.

    Only where no other move crosses theirs, and where that one would not move to the same place.
    """
    for i, j in candidate.moved:
        first = (i - 1, j + 1)
        others = [link for link in candidate.moved if link != (i, j)]
        is_crossed = any((a < i) != (b < j) for a, b in others)
        if first not in candidate.pairs or is_crossed or first[0] == first[1]:
            continue
        if have_one_type(candidate.old[first[0]], candidate.new[first[1]]):
            pairs = [link for link in candidate.pairs if link != first]
            candidate = Candidate(
                candidate.old,
                candidate.new,
                tuple(sorted([*pairs, (i, j)])),
                tuple(sorted([*others, first])),
            )
    return candidate
