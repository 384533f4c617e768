"""Alignment of layers: examples, and a brute-force oracle on small stacks."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.layers import Alignment, align
from auditor.drift.model import JsonObject

_LETTERS: dict[str, JsonObject] = {
    "a": {"type": "dense", "neurons": 10},
    "b": {"type": "dense", "neurons": 20},
    "c": {"type": "conv1d", "neurons": 10, "kernelSize": 3},
    "d": {"type": "flatten"},
    "e": {"type": "dense", "neurons": 20, "dropoutRate": 0.5},
}


def _stack(letters: str) -> list[JsonObject]:
    return [_LETTERS[letter] for letter in letters]


def _told(alignment: Alignment, old: str, new: str) -> list[str]:
    told = [f"-{i}" for i in alignment.removed] + [f"+{j}" for j in alignment.added]
    told += [f"{i}>{j}" for i, j in alignment.moved]
    return told + [f"~{j}" for i, j in alignment.pairs if old[i] != new[j]]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abd", "abd", []),
        ("abd", "acbd", ["+1"]),
        ("acbd", "abd", ["-1"]),
        ("ad", "da", ["0>1"]),
        ("cda", "acd", ["2>0"]),
        ("acd", "cda", ["0>2"]),
        ("aa", "a", ["-1"]),
        ("a", "aa", ["+1"]),
        ("caad", "cad", ["-2"]),
        ("aaaa", "aa", ["-2", "-3"]),
        ("adc", "cda", ["2>0", "0>2"]),
        ("aa", "aaaa", ["+2", "+3"]),
        ("aad", "ada", ["1>2"]),
        ("ab", "aa", ["~1"]),
        ("acd", "add", ["~1"]),
        ("", "ad", ["+0", "+1"]),
        ("ad", "", ["-0", "-1"]),
    ],
)
def test_an_edit_is_told_as_what_was_done(old: str, new: str, expected: list[str]) -> None:
    assert _told(align(_stack(old), _stack(new)), old, new) == expected


def test_one_layer_inserted_into_forty_is_one() -> None:
    old: list[JsonObject] = [{"type": "dense", "neurons": place} for place in range(40)]
    new: list[JsonObject] = [*old[:17], {"type": "flatten"}, *old[17:]]

    alignment = align(old, new)

    assert (alignment.added, alignment.removed, alignment.moved) == ((17,), (), ())


_STACKS = st.text(alphabet="abcde", max_size=5)


@settings(max_examples=150, deadline=None)
@given(_STACKS, _STACKS)
def test_no_alignment_is_cheaper(old: str, new: str) -> None:
    assert _cost(align(_stack(old), _stack(new)), old, new) == _cheapest(old, new)


@settings(max_examples=100, deadline=None)
@given(_STACKS, _STACKS)
def test_every_layer_is_told_of_once(old: str, new: str) -> None:
    alignment = align(_stack(old), _stack(new))

    before = [i for i, _ in (*alignment.pairs, *alignment.moved)] + list(alignment.removed)
    after = [j for _, j in (*alignment.pairs, *alignment.moved)] + list(alignment.added)
    assert sorted(before) == list(range(len(old)))
    assert sorted(after) == list(range(len(new)))
    assert all(old[i] == new[j] for i, j in alignment.moved)


def _cost(alignment: Alignment, old: str, new: str) -> tuple[int, int]:
    """Return cost and number of findings, as the contract counts."""
    pairs = [_pair_cost(old[i], new[j]) for i, j in alignment.pairs]
    others = len(alignment.removed) + len(alignment.added) + len(alignment.moved)
    return sum(c for c, _ in pairs) + 2 * others, sum(f for _, f in pairs) + others


def _pair_cost(before: str, after: str) -> tuple[int, int]:
    if before == after:
        return 0, 0
    a, b = _LETTERS[before], _LETTERS[after]
    if a["type"] != b["type"]:
        return 3, 1
    return 1, sum(1 for key in a.keys() | b.keys() if a.get(key) != b.get(key))


def _cheapest(old: str, new: str) -> tuple[int, int]:
    """Try every order-keeping pairing; what is left over is moved where it can be."""
    return min(
        _with_leftovers(old, new, tuple(zip(kept_old, kept_new, strict=True)))
        for size in range(min(len(old), len(new)) + 1)
        for kept_old in itertools.combinations(range(len(old)), size)
        for kept_new in itertools.combinations(range(len(new)), size)
    )


def _with_leftovers(old: str, new: str, pairs: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    costs = [_pair_cost(old[i], new[j]) for i, j in pairs]
    removed = Counter(x for i, x in enumerate(old) if i not in {i for i, _ in pairs})
    added = Counter(x for j, x in enumerate(new) if j not in {j for _, j in pairs})
    moves = (removed & added).total()
    others = removed.total() + added.total() - moves
    return sum(c for c, _ in costs) + 2 * others, sum(f for _, f in costs) + others
