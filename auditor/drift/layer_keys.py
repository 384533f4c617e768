"""Which layer of a stack is which over the versions of a block, whatever its place.

A layer of the first version has its place there as its key. It keeps the key where it is edited,
replaced or moved, and where others come or go. A new layer gets the next key; one that equals a
layer which left gets the key of that.

A finding names a layer by its place, as people count it. Its *lasting path* names it by its key,
and is the same over versions.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.model import Change, Finding, Json, JsonObject, Kind

_STACK = "visualLayers"
_LAYER = "visualLayers[]"
_PLACE = re.compile(r"visualLayers\[(\d+)\]")
_ORDER = re.compile(r"visualLayers\[order ([0-9a-f]{16}) ([<>])\]")
_MOST_GONE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerKeys:
    """The keys of a version's layers.

    Attributes:
        keys: of each layer, in the order of the stack.
        next_key: the key of the next layer that is new.
        departed: key and digest of layers that left, the last one first to come back.
    """

    keys: tuple[int, ...]
    next_key: int
    departed: tuple[tuple[int, str], ...] = ()

    @property
    def are_places(self) -> bool:
        """Return whether each layer has its place as its key, and none ever left."""
        return not self.departed and self.keys == tuple(range(self.next_key))


def first_keys(document: JsonObject) -> LayerKeys:
    """Return the keys of a version before which nothing is known."""
    number = len(_stack(document))
    return LayerKeys(keys=tuple(range(number)), next_key=number)


def following_keys(
    before: LayerKeys | None, old: JsonObject, new: JsonObject, changes: Sequence[Change]
) -> LayerKeys:
    """Return the keys of an answer's layers from those of the version before.

    Args:
        before: None where each layer's key is its place.
        old: the version before.
        new: the answer.
        changes: every change between the two.
    """
    earlier = before or first_keys(old)
    old_layers, new_layers = _stack(old), _stack(new)
    if len(earlier.keys) != len(old_layers):
        earlier = _renewed(earlier, len(old_layers))
    kept = _kept_places(changes, len(old_layers), len(new_layers))
    if len(kept) == len(old_layers) == len(new_layers) and all(i == j for i, j in kept.items()):
        return earlier
    keys = {j: earlier.keys[i] for i, j in kept.items()}
    left = [
        (earlier.keys[i], _digest(layer)) for i, layer in enumerate(old_layers) if i not in kept
    ]
    departed = [*earlier.departed, *reversed(left)]
    next_key = earlier.next_key
    for place, layer in enumerate(new_layers):
        if place in keys:
            continue
        returned = _last_equal(departed, _digest(layer))
        if returned is not None:
            keys[place] = departed.pop(returned)[0]
        else:
            keys[place] = next_key
            next_key += 1
    return LayerKeys(
        keys=tuple(keys[place] for place in range(len(new_layers))),
        next_key=next_key,
        departed=tuple(departed[-_MOST_GONE:]),
    )


def keys_of(layers: LayerKeys | None, document: JsonObject) -> tuple[int, ...]:
    """Return the keys of a document's layers; without `layers` they are their places."""
    return (layers or first_keys(document)).keys


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTrack:
    """The keys of the layers on both sides of a comparison."""

    old: tuple[int, ...]
    new: tuple[int, ...]

    def lasting_path(self, change: Change | Finding) -> str:
        """Return the path of a change by the key of its layer."""
        found = _PLACE.match(change.path)
        if found is None:
            return change.path
        is_whole = found.end() == len(change.path)
        if is_whole and change.kind is Kind.MOVED:
            return self._path_of_move(change) or change.path
        keys = self.old if is_whole and change.kind is Kind.REMOVED else self.new
        place = int(found[1])
        if place >= len(keys):
            return change.path
        return f"{_STACK}[{keys[place]}]{change.path[found.end() :]}"

    def _path_of_move(self, change: Change | Finding) -> str | None:
        """Return a path that says which layers a layer passed, whatever their places."""
        i, j = change.before, change.after
        if not isinstance(i, int) or not isinstance(j, int) or j >= len(self.new):
            return None
        moved = self.new[j]
        old_places = {key: place for place, key in enumerate(self.old)}
        passed = [
            (key, place < j)
            for place, key in enumerate(self.new)
            if key != moved and key in old_places and (old_places[key] < i) is not (place < j)
        ]
        if not passed:
            return None
        pairs = sorted((min(key, moved), max(key, moved)) for key, _ in passed)
        key, precedes = passed[0]
        is_ascending = (key < moved) is precedes
        which = hashlib.sha256(repr(pairs).encode()).hexdigest()[:16]
        return f"{_STACK}[order {which} {'<' if is_ascending else '>'}]"


def is_order(lasting_path: str) -> bool:
    """Return whether a lasting path is that of a moved layer."""
    return _ORDER.fullmatch(lasting_path) is not None


def lasting_value(lasting_path: str, value: Json) -> Json:
    """Return the value at a lasting path: of a moved layer none, as its path says all."""
    return None if is_order(lasting_path) else value


def without_direction(lasting_path: str) -> str:
    """Return what a move and the move back have in common, else the path itself."""
    found = _ORDER.fullmatch(lasting_path)
    return f"{_STACK}[order {found[1]}]" if found else lasting_path


def _digest(layer: Json) -> str:
    text = json.dumps(layer, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _stack(document: JsonObject) -> list[Json]:
    layers = document.get(_STACK)
    return layers if isinstance(layers, list) else []


def _renewed(keys: LayerKeys, number: int) -> LayerKeys:
    """Return new keys for so many layers, in place of those of another stack."""
    end = keys.next_key + number
    return LayerKeys(keys=tuple(range(keys.next_key, end)), next_key=end, departed=keys.departed)


def _kept_places(changes: Sequence[Change], old: int, new: int) -> dict[int, int]:
    """Return the new place of each layer that stayed, by its old place.

    Layers that are neither removed, added nor moved kept their order.
    """
    if any(change.path == _STACK for change in changes):  # not aligned: another mode
        return {}
    of_layers = [change for change in changes if change.pattern == _LAYER]
    moved = {
        change.before: change.after
        for change in of_layers
        if change.kind is Kind.MOVED
        and isinstance(change.before, int)
        and isinstance(change.after, int)
    }
    left = {*_places(of_layers, Kind.REMOVED), *moved}
    came = {*_places(of_layers, Kind.ADDED), *moved.values()}
    stayed = (
        [place for place in range(old) if place not in left],
        [place for place in range(new) if place not in came],
    )
    if len(stayed[0]) != len(stayed[1]):  # a stack that is no list of layers on one side
        return {}
    return dict(zip(*stayed, strict=True)) | moved


def _places(changes: Sequence[Change], kind: Kind) -> Iterator[int]:
    for change in changes:
        if change.kind is kind and (found := _PLACE.fullmatch(change.path)):
            yield int(found[1])


def _last_equal(departed: Sequence[tuple[int, str]], digest: str) -> int | None:
    return next((n for n in reversed(range(len(departed))) if departed[n][1] == digest), None)
