"""Alignment of large stacks: exact after few edits, bounded after many. Places are counted."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.canonical import is_same
from auditor.drift.layers import Alignment, align
from auditor.drift.layers.corridor import find_corridor
from auditor.drift.layers.numbers import NumberedStacks, number_forms
from auditor.drift.layers.search import MAX_CARRIED, MAX_PLACES, MAX_STEPS, AlignmentSearch
from auditor.model import JsonObject

Layers = list[JsonObject]
_LENGTH = 2_000
_FRESH: JsonObject = {"type": "dense", "neurons": 99_999}


def _few_forms() -> Layers:
    random = Random(1)  # noqa: S311 - a sample, no secret
    types = ["dense", "dropout", "conv1d", "conv2d", "flatten", "reshape"]
    return [
        {"type": random.choice(types), "neurons": random.choice([8, 16, 20])}
        for _ in range(_LENGTH)
    ]


def _all_different() -> Layers:
    return [{"type": "dense", "neurons": place} for place in range(_LENGTH)]


def _all_different_rates() -> Layers:
    return [{"type": "dropout", "dropoutRate": place / 2001} for place in range(_LENGTH)]


_STACKS = [_few_forms, _all_different, _all_different_rates]


@pytest.mark.parametrize("make", _STACKS, ids=lambda make: make.__name__.strip("_"))
def test_an_edit_of_thousands_of_layers_is_found_near_the_diagonal(
    make: Callable[[], Layers],
) -> None:
    old = make()
    edited, longer, shorter = [*old], [*old], [*old]
    edited[1500] = {"type": old[1500]["type"], "future": 1}
    longer.insert(1500, _FRESH)
    del shorter[1500]

    assert find_corridor(NumberedStacks.of(old, longer)).size < 10 * _LENGTH
    assert _named(align(old, edited)) == ((), (), ())
    assert _named(align(old, longer)) == ((), (), (1500,))
    assert _named(align(old, shorter)) == ((), (1500,), ())


def _named(
    alignment: Alignment,
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...]]:
    return alignment.moved, alignment.removed, alignment.added


def test_a_layer_that_passed_thousands_of_others_moved() -> None:
    old = _all_different()
    new = [*old]
    new.insert(1900, new.pop(100))

    assert _named(align(old, new)) == (((100, 1900),), (), ())


def test_of_thousands_of_twins_the_last_was_added() -> None:
    twins: Layers = [{"type": "dense", "neurons": 20}] * _LENGTH

    assert _named(align(twins, [*twins, twins[0]])) == ((), (), (_LENGTH,))


def test_one_of_several_repeated_patterns_was_added_at_the_earliest_place() -> None:
    pattern: Layers = [{"type": "conv1d"}, {"type": "dropout"}]

    assert _named(align(pattern * 1000, pattern * 1001)) == ((), (), (0, 1))


def test_hundreds_of_edits_of_thousands_of_layers_are_found() -> None:
    old = _few_forms()
    new = [*old]
    for place in range(0, _LENGTH, 10):
        new[place] = {**new[place], "future": 1}

    assert _named(align(old, new)) == ((), (), ())


@pytest.mark.parametrize(
    ("make", "length"),
    [(_few_forms, 300), (_all_different, 300), (_few_forms, _LENGTH), (_all_different, _LENGTH)],
)
def test_a_shuffled_stack_is_aligned_within_bounds(
    make: Callable[[], Layers], length: int
) -> None:
    old = make()[:length]
    new = [*old]
    Random(2).shuffle(new)  # noqa: S311 - a sample, no secret
    search = AlignmentSearch(NumberedStacks.of(old, new))

    draft = search.cheapest()

    assert search.steps <= MAX_STEPS
    assert sorted([*draft.pairs, *draft.moved]) == list(range(length))
    assert sorted([*draft.pairs.values(), *draft.moved.values()]) == list(range(length))
    assert all(old[i]["type"] == new[j]["type"] for i, j in draft.moved.items())


def test_no_limit_is_met_by_a_block_of_layers_that_moved() -> None:
    old = _all_different()[:300]
    search = AlignmentSearch(NumberedStacks.of(old, [*old[40:], *old[:40]]))

    draft = search.cheapest()

    assert search.steps < MAX_STEPS
    assert search.carried < MAX_CARRIED
    assert len(draft.moved) == 40
    assert MAX_PLACES > 300 * 300


_NUMBERS = st.sampled_from(
    [0, 1, -1, 0.1, 0.1 + 1e-12, 0.1 * (1 + 9e-10), 0.1001, 1 + 1e-11, 1e308]
)
_LAYERS = st.dictionaries(
    st.sampled_from(["a", "b"]), st.one_of(_NUMBERS, st.lists(_NUMBERS, max_size=2), st.none())
)


@given(st.lists(_LAYERS, max_size=8))
def test_a_layer_has_the_number_of_the_first_that_is_the_same(layers: Layers) -> None:
    numbers, forms = number_forms(layers)

    first: Layers = []
    for number, layer in zip(numbers, layers, strict=True):
        same = [place for place, form in enumerate(first) if is_same(layer, form)]
        if not same:
            first.append(layer)
        assert number == (same[0] if same else len(first) - 1)
    assert forms == first
