"""Layer keys: the same layer is known again, whatever its place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from auditor.drift.block_kinds import KERAS
from auditor.drift.compare import compare
from auditor.drift.layer_keys import (
    LayerKeys,
    LayerTrack,
    first_keys,
    following_keys,
    is_order,
    without_direction,
)
from auditor.model import Change, JsonObject, Kind

A: Any = {"type": "dense", "neurons": 20}
B: Any = {"type": "dropout", "dropoutRate": 0.25}
C: Any = {"type": "conv1d", "neurons": 8, "kernelSize": 3}
D: Any = {"type": "flatten"}


def _block(*layers: Any, mode: str = "visual") -> JsonObject:  # noqa: ANN401 - any JSON
    return {"mode": mode, "visualLayers": list(layers)}


def _step(
    before: LayerKeys | None, old: JsonObject, new: JsonObject
) -> tuple[LayerKeys, tuple[Change, ...]]:
    changes = compare(old, new, KERAS)
    return following_keys(before, old, new, changes), changes


def _through(*versions: JsonObject) -> list[tuple[int, ...]]:
    """Return the keys of each version's layers, in turn."""
    keys = first_keys(versions[0])
    found = [keys.keys]
    for old, new in pairwise(versions):
        keys, _ = _step(keys, old, new)
        found.append(keys.keys)
    return found


_EDITED = {**A, "neurons": 10}
_STEPS: dict[str, tuple[list[JsonObject], list[tuple[int, ...]]]] = {
    "inserted before": ([_block(A, B), _block(D, A, B)], [(0, 1), (2, 0, 1)]),
    "removed before": ([_block(D, A, B), _block(A, B)], [(0, 1, 2), (1, 2)]),
    "edited": ([_block(A, B), _block(_EDITED, B)], [(0, 1), (0, 1)]),
    "moved": ([_block(A, B, C), _block(B, C, A)], [(0, 1, 2), (1, 2, 0)]),
    "swapped": ([_block(A, B), _block(B, A)], [(0, 1), (1, 0)]),
    "replaced": ([_block(A, B), _block(A, C)], [(0, 1), (0, 1)]),
    "removed and back": (
        [_block(A, B), _block(B), _block(D, B), _block(D, A, B)],
        [(0, 1), (1,), (2, 1), (2, 0, 1)],
    ),
    "removed, and another one comes": (
        [_block(A, B), _block(B), _block(C, B)],
        [(0, 1), (1,), (2, 1)],
    ),
    "twins leave and come back": (
        [_block(A, A, A, B), _block(A, A, B), _block(A, B), _block(A, A, B), _block(A, A, A, B)],
        [(0, 1, 2, 3), (0, 1, 3), (0, 3), (0, 1, 3), (0, 1, 2, 3)],
    ),
    "to expert mode and back": (
        [_block(A, A, B), _block(mode="expert"), _block(A, A, D, B)],
        [(0, 1, 2), (), (0, 1, 3, 2)],
    ),
    "the mode alone": ([_block(A, B), _block(A, B, mode="expert")], [(0, 1), (0, 1)]),
    "no stack, and one again": (
        [_block(A), {"mode": "visual"}, _block(A)],
        [(0,), (), (0,)],
    ),
}


@pytest.mark.parametrize("name", _STEPS)
def test_a_layer_keeps_its_key(name: str) -> None:
    versions, keys = _STEPS[name]

    assert _through(*versions) == keys


def test_keys_that_are_the_places_need_not_be_stored() -> None:
    first, second = _block(A, B), _block(A, B, C)
    same, _ = _step(None, first, first)
    added, _ = _step(None, first, second)
    removed, _ = _step(None, second, first)

    assert [keys.are_places for keys in (same, added, removed)] == [True, True, False]


def _lasting(*versions: JsonObject) -> list[str]:
    """Return the lasting paths of the last step's changes."""
    keys = before = first_keys(versions[0])
    changes: tuple[Change, ...] = ()
    for old, new in pairwise(versions):
        before = keys
        keys, changes = _step(keys, old, new)
    track = LayerTrack(old=before.keys, new=keys.keys)
    return [track.lasting_path(change) for change in changes]


def test_a_lasting_path_names_a_layer_by_its_key() -> None:
    shifted, edited = _block(D, A, B), _block(D, _EDITED, B)

    assert _lasting(_block(A, B), _block(_EDITED, B)) == ["visualLayers[0].neurons"]
    assert _lasting(_block(A, B), shifted, edited) == ["visualLayers[0].neurons"]
    assert _lasting(_block(A, B), shifted) == ["visualLayers[2]"]
    assert _lasting(_block(A, B), shifted, _block(D, B)) == ["visualLayers[0]"]
    assert _lasting({**_block(A), "name": "a"}, {**_block(A), "name": "b"}) == ["name"]


@pytest.mark.parametrize(
    ("moves", "returns"),
    [
        ([_block(A, B), _block(B, A)], [_block(D, B, A), _block(D, A, B)]),
        ([_block(A, B, C), _block(B, C, A)], [_block(D, B, C, A), _block(D, A, B, C)]),
        ([_block(A, B, C), _block(C, A, B)], [_block(C, A, B, D), _block(A, B, C, D)]),
    ],
    ids=["neighbours", "to the end", "to the front"],
)
def test_a_move_and_the_move_back_share_their_place(
    moves: list[JsonObject], returns: list[JsonObject]
) -> None:
    (moved,), (returned,) = _lasting(*moves), _lasting(*moves, *returns)

    assert is_order(moved)
    assert moved != returned
    assert without_direction(moved) == without_direction(returned)


def test_another_move_has_another_place() -> None:
    (first,) = _lasting(_block(A, B, C), _block(B, A, C))
    (other,) = _lasting(_block(A, B, C), _block(A, C, B))

    assert without_direction(first) != without_direction(other)


def _random_stack(stack: Sequence[Any], random: Random) -> list[Any]:
    layers = [dict(layer) for layer in stack]
    for _ in range(random.randrange(3)):
        act = random.choice(["add", "remove", "move", "edit"])
        if act == "add" or not layers:
            layers.insert(random.randint(0, len(layers)), dict(random.choice([A, B, C, D])))
        elif act == "remove":
            layers.pop(random.randrange(len(layers)))
        elif act == "move":
            layers.insert(random.randrange(len(layers)), layers.pop())
        else:
            random.choice(layers)["neurons"] = random.randrange(99)
    return layers


def test_keys_are_unique_and_follow_each_kept_layer() -> None:
    random = Random(7)  # noqa: S311 - a walk, no secret
    old = _block(A, B, C, D)
    keys = first_keys(old)
    for _ in range(200):
        new = _block(*_random_stack(old["visualLayers"], random))  # type: ignore[arg-type]
        following, changes = _step(keys, old, new)
        came = {c.path for c in changes if c.kind is Kind.ADDED and c.path.endswith("]")}
        kept = [k for n, k in enumerate(following.keys) if f"visualLayers[{n}]" not in came]

        assert len(following.keys) == len(set(following.keys)) == len(new["visualLayers"])  # type: ignore[arg-type]
        assert set(kept) <= set(keys.keys)
        assert {key for key, _ in following.departed}.isdisjoint(following.keys)
        old, keys = new, following
