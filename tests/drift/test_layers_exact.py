"""Alignment of small stacks, compared with every possible alignment.

`AUDITOR_EXAMPLES` raises the number of random stacks. By default a sample of edits is tried;
`AUDITOR_EXHAUSTIVE=1` tries every two edits of every stack of up to five layers (half an hour).
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.layers import align
from tests.drift.alignment_oracle import (
    LAYERS,
    Candidate,
    best_candidates,
    expected_findings,
    findings_of,
    have_one_type,
    stack,
)

_EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "60"))
_IS_EXHAUSTIVE = os.environ.get("AUDITOR_EXHAUSTIVE") == "1"

# The letters a, b and e are of one type (a and e differ in two properties), c and f of another.
_ALPHABETS = [("abc", 5), ("ace", 5), ("abcdef", 3), ("abce", 4)]


def _aligned(old: str, new: str) -> Candidate:
    alignment = align(stack(old), stack(new))
    candidate = Candidate(old, new, alignment.pairs, alignment.moved)
    assert list(alignment.removed) == candidate.removed
    assert list(alignment.added) == candidate.added
    return candidate


def _check(old: str, new: str) -> None:
    found = _aligned(old, new)
    best, allowed = expected_findings(old, new)

    assert found.rank == best.rank, f"{old} to {new}: not the least cost"
    assert findings_of(found) in allowed, f"{old} to {new}"


def _edits(old: str, alphabet: str) -> Iterator[str]:
    """Yield every stack that one insertion, removal, move, swap, edit or replacement makes."""
    places = range(len(old))
    for at, letter in itertools.product(range(len(old) + 1), alphabet):
        yield old[:at] + letter + old[at:]
    for at in places:
        rest = old[:at] + old[at + 1 :]
        yield rest
        yield from (rest[:to] + old[at] + rest[to:] for to in places)
        yield from (old[:at] + letter + old[at + 1 :] for letter in alphabet)


def _stacks(alphabet: str, longest: int) -> list[str]:
    return [
        "".join(letters)
        for size in range(longest + 1)
        for letters in itertools.product(alphabet, repeat=size)
    ]


def _sample(alphabet: str, longest: int) -> Iterator[tuple[str, str]]:
    sampler = random.Random(f"{alphabet}{longest}")  # noqa: S311 - a sample, no secret
    olds = _stacks(alphabet, longest)
    for _ in range(5 * _EXAMPLES):
        old = sampler.choice(olds)
        once = sampler.choice([*_edits(old, alphabet)])
        yield old, sampler.choice([*_edits(once, alphabet)])


def _all(alphabet: str, longest: int) -> Iterator[tuple[str, str]]:
    for old in _stacks(alphabet, longest):
        once = set(_edits(old, alphabet))
        yield from (
            (old, new) for new in sorted({two for e in once for two in _edits(e, alphabet)})
        )


@pytest.mark.parametrize(("alphabet", "longest"), _ALPHABETS)
def test_two_edits_of_a_small_stack_are_aligned_as_the_contract_says(
    alphabet: str, longest: int
) -> None:
    for old, new in (_all if _IS_EXHAUSTIVE else _sample)(alphabet, longest):
        _check(old, new)


_LETTERS = "".join(LAYERS)
_STACK = st.text(alphabet=_LETTERS, max_size=8)


@st.composite
def _edited(draw: st.DrawFn) -> tuple[str, str]:
    """A stack and what up to four edits made of it, a layer moved and edited among them."""
    old = draw(_STACK)
    new = list(old)
    for _ in range(draw(st.integers(0, 4))):
        edit = draw(st.sampled_from(["insert", "remove", "change", "move", "move and change"]))
        if edit == "insert" and len(new) < 8:
            new.insert(draw(st.integers(0, len(new))), draw(st.sampled_from(_LETTERS)))
        elif edit != "insert" and new:
            layer = new.pop(at := draw(st.integers(0, len(new) - 1)))
            if edit.endswith("change"):
                alike = [letter for letter in _LETTERS if have_one_type(layer, letter)]
                layer = draw(st.sampled_from(alike))
            if edit.startswith("move"):
                at = draw(st.integers(0, len(new)))
            if edit != "remove":
                new.insert(at, layer)
    return old, "".join(new)


_PAIRS = st.one_of(_edited(), st.tuples(_STACK, _STACK))


@settings(max_examples=_EXAMPLES, deadline=None)
@given(_PAIRS)
def test_any_two_stacks_are_aligned_as_the_contract_says(stacks: tuple[str, str]) -> None:
    _check(*stacks)


@settings(max_examples=_EXAMPLES, deadline=None)
@given(_PAIRS)
def test_the_reverse_edit_is_the_mirror_image(stacks: tuple[str, str]) -> None:
    old, new = stacks

    forward, backward = _aligned(old, new), _aligned(new, old)

    assert forward.rank == backward.rank
    candidates = best_candidates(old, new)
    if len(candidates) == 1:
        assert backward.pairs == tuple(sorted((j, i) for i, j in forward.pairs))
        assert sorted(backward.moved) == sorted((j, i) for i, j in forward.moved)


@settings(max_examples=_EXAMPLES, deadline=None)
@given(_PAIRS)
def test_every_layer_is_named_once(stacks: tuple[str, str]) -> None:
    old, new = stacks

    found = _aligned(old, new)

    links = (*found.pairs, *found.moved)
    assert sorted([*(i for i, _ in links), *found.removed]) == list(range(len(old)))
    assert sorted([*(j for _, j in links), *found.added]) == list(range(len(new)))
    assert list(found.pairs) == sorted(found.pairs, key=lambda link: link[1])
    assert all(have_one_type(old[i], new[j]) for i, j in found.moved)
