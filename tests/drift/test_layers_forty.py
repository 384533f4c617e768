"""Alignment of forty layers after a few edits: found without the fallback, at no higher cost.

Steps are counted, never time. `AUDITOR_EXAMPLES` raises the number of stacks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from auditor.drift.canonical import is_same
from auditor.drift.layers import align
from auditor.drift.layers.numbers import NumberedStacks
from auditor.drift.layers.search import MAX_STEPS, AlignmentSearch
from auditor.model import JsonObject

_ROUNDS = max(1, int(os.environ.get("AUDITOR_EXAMPLES", "60")) // 30)
_LENGTH = 40

Layers = list[JsonObject]


def _of_every_type(random: Random) -> Layers:
    choices: list[Callable[[], JsonObject]] = [
        lambda: {
            "type": random.choice(["conv1d", "conv2d"]),
            "neurons": random.choice([8, 16, 32]),
            "kernelSize": random.choice([3, 5]),
        },
        lambda: {"type": "dense", "neurons": random.choice([10, 20, 40])},
        lambda: {"type": "dropout", "dropoutRate": random.choice([0.1, 0.25, 0.5])},
        lambda: {"type": "reshape", "columns": random.choice([13, 32])},
        lambda: {"type": "flatten"},
    ]
    return [random.choice(choices)() for _ in range(_LENGTH)]


def _all_different(random: Random) -> Layers:
    start = random.randrange(10)
    return [{"type": "dense", "neurons": start + place} for place in range(_LENGTH)]


def _alternating(random: Random) -> Layers:
    rate = random.choice([0.1, 0.5])
    pair: Layers = [
        {"type": "conv1d", "neurons": 16, "kernelSize": 3},
        {"type": "dropout", "dropoutRate": rate},
    ]
    return [pair[place % 2] for place in range(_LENGTH)]


def _all_twins(random: Random) -> Layers:
    return [{"type": "dense", "neurons": random.choice([20])} for _ in range(_LENGTH)]


_STACKS = [_of_every_type, _all_different, _alternating, _all_twins]


def _changed(layer: JsonObject, random: Random) -> JsonObject:
    keys = random.sample(["neurons", "kernelSize", "dropoutRate"], random.choice([1, 1, 2]))
    return layer | {key: random.choice([8, 16, 32, 99]) for key in keys}


def _insert(layers: Layers, random: Random) -> int:
    fresh: JsonObject = {"type": "dense", "neurons": random.randrange(100, 120)}
    layers.insert(random.randrange(len(layers)), random.choice([fresh, random.choice(layers)]))
    return 2


def _remove(layers: Layers, random: Random) -> int:
    layers.pop(random.randrange(len(layers)))
    return 2


def _move(layers: Layers, random: Random) -> int:
    layer = layers.pop(random.randrange(len(layers)))
    layers.insert(random.randrange(len(layers) + 1), layer)
    return 2


def _move_and_edit(layers: Layers, random: Random) -> int:
    layer = layers.pop(random.randrange(len(layers)))
    layers.insert(random.randrange(len(layers) + 1), _changed(layer, random))
    return 3


def _edit(layers: Layers, random: Random) -> int:
    at = random.randrange(len(layers))
    layers[at] = _changed(layers[at], random)
    return 1


def _replace(layers: Layers, random: Random) -> int:
    layers[random.randrange(len(layers))] = {"type": "batch", "size": random.randrange(3)}
    return 3


def _swap(layers: Layers, random: Random) -> int:
    at = random.randrange(len(layers) - 1)
    layers[at], layers[at + 1] = layers[at + 1], layers[at]
    return 2


def _any(layers: Layers, random: Random) -> int:
    return random.choice(_EDITS)(layers, random)


_EDITS = [_insert, _remove, _move, _move_and_edit, _edit, _replace, _swap]


def _cost(old: Layers, new: Layers) -> int:
    alignment = align(old, new)
    links = [(old[i], new[j]) for i, j in (*alignment.pairs, *alignment.moved)]
    replaced = sum(a["type"] != b["type"] for a, b in links)
    edited = sum(not is_same(a, b) for a, b in links) - replaced
    others = len(alignment.moved) + len(alignment.removed) + len(alignment.added)
    return edited + 3 * replaced + 2 * others


@pytest.mark.parametrize("edit", [*_EDITS, _any], ids=lambda edit: edit.__name__.strip("_"))
@pytest.mark.parametrize("make", _STACKS, ids=lambda make: make.__name__.strip("_"))
def test_up_to_six_edits_of_forty_layers_are_found(
    make: Callable[[Random], Layers], edit: Callable[[Layers, Random], int]
) -> None:
    for seed in range(_ROUNDS):
        random = Random(seed)  # noqa: S311 - a sample, no secret
        old = make(random)
        new, edit_cost = list(old), 0
        for _ in range(6):
            edit_cost += edit(new, random)

            search = AlignmentSearch(NumberedStacks.of(old, new))
            search.cheapest()

            assert search.steps < MAX_STEPS
            assert _cost(old, new) <= edit_cost


def test_an_insertion_into_forty_layers_is_one_addition() -> None:
    old: Layers = [{"type": "dense", "neurons": place} for place in range(_LENGTH)]
    new: Layers = [*old[:17], {"type": "flatten"}, *old[17:]]

    alignment = align(old, new)

    assert (alignment.added, alignment.removed, alignment.moved) == ((17,), (), ())
