"""Random edits of a stack of layers that can be reported in one way only."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.signal.acts import Act, Choice, choice, fraction, kind, whole
from tests.signal.edits import Answer, put
from tests.signal.pairs import IDLE_LAYER, LAYERS, UNKNOWN, ExpectedFinding, Row

_Layers: TypeAlias = list[Answer]
_Values: TypeAlias = dict[str, Any]
_Order: TypeAlias = list[int | Answer]
"""A new stack: a layer's place in the old one, or a layer that is new."""

_NEW_TYPES = st.sampled_from(("batchNormalization", "conv2d", "lstm"))
_NUMBERS = ("neurons", "kernelSize", "columns", "stack")
_MODELS = ("transfer_", "fomo_", "object_")


def choices(base: Answer) -> list[Choice]:
    """Return the edits that the stack of an answer can be given, none where it is empty."""
    layers = base["visualLayers"]
    if not layers:
        return []
    types = [layer["type"] for layer in layers]
    ways = [_edited(layers), _inserted(layers)]
    if not types[0].startswith(_MODELS):
        ways += [_replaced(layers), _removed(layers)]
    if len(layers) >= 3 and _are_distinct(layers):
        ways += [_moved(layers)] * 3 + [_swapped(layers)]
    return [choice("layers", st.one_of(ways))]


@st.composite
def _edited(draw: st.DrawFn, layers: _Layers) -> Act:
    edits = draw(_edits(layers, _places(layers), at_least=1))
    return _act(layers, list(range(len(layers))), edits)


@st.composite
def _inserted(draw: st.DrawFn, layers: _Layers) -> Act:
    at = draw(st.integers(0, len(layers)))
    order: _Order = list(range(len(layers)))
    order.insert(at, {"type": draw(_NEW_TYPES)})
    edits = draw(_edits(layers, _places(layers)))
    return _act(layers, order, edits, LAYERS.added(f"visualLayers[{at}]"))


@st.composite
def _replaced(draw: st.DrawFn, layers: _Layers) -> Act:
    at = draw(st.sampled_from(_places(layers)))
    order: _Order = list(range(len(layers)))
    order[at] = {"type": draw(_NEW_TYPES)}
    edits = draw(_edits(layers, [i for i in _places(layers) if i != at]))
    return _act(layers, order, edits, LAYERS.replaced(f"visualLayers[{at}]"))


@st.composite
def _removed(draw: st.DrawFn, layers: _Layers) -> Act:
    """Remove a layer; edit others only where none could be taken for the one that went."""
    at = draw(st.sampled_from(_places(layers)))
    kept = [i for i in _places(layers) if i != at]
    edits = draw(_edits(layers, kept if _are_distinct(layers) else []))
    while (
        layers[at : at + 1] == layers[at + 1 : at + 2]
    ):  # the last of a row of equal layers is reported
        at += 1
    kept = [i for i in _places(layers) if i != at]
    row = _row(layers[at], {})
    return _act(layers, [*kept], edits, row.removed(f"visualLayers[{at}]"))


@st.composite
def _moved(draw: st.DrawFn, layers: _Layers) -> Act:
    """Move a layer by two places at least: by one, either neighbour may have moved."""
    old = draw(st.sampled_from(_places(layers)))
    new = draw(st.sampled_from([i for i in _places(layers) if abs(i - old) > 1] or [old]))
    order: _Order = [i for i in _places(layers) if i != old]
    order.insert(new, old)
    edits = draw(_edits(layers, _places(layers)))
    row = _row(layers[old], edits.get(old, {}))
    own = [row.moved(f"visualLayers[{new}]")] if new != old else []
    return _act(layers, order, edits, *own)


@st.composite
def _swapped(draw: st.DrawFn, layers: _Layers) -> Act:
    first = draw(st.integers(0, len(layers) - 2))
    order: _Order = list(range(len(layers)))
    order[first : first + 2] = [first + 1, first]
    others = [i for i in _places(layers) if i not in {first, first + 1}]
    own = _row(layers[first], {}).moved(f"visualLayers[{first + 1}]")
    return _act(layers, order, draw(_edits(layers, others)), own)


@st.composite
def _edits(
    draw: st.DrawFn, layers: _Layers, places: list[int], *, at_least: int = 0
) -> dict[int, _Values]:
    """Return by place the properties that get other values, of some of the layers at `places`."""
    if not places:
        return {}
    drawn = draw(st.lists(st.sampled_from(places), min_size=at_least, max_size=2, unique=True))
    return {place: draw(_values(layers[place])) for place in drawn}


@st.composite
def _values(draw: st.DrawFn, layer: Answer) -> _Values:
    names = (*_NUMBERS, "dropoutRate", "enabled", "units")
    drawn = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    values = {name: draw(_value(layer, name)) for name in drawn}
    if not _is_on(layer, values):
        values.pop("units", None)  # what nobody knows on a layer that is off: no rule
    return values or {"enabled": True}


def _value(layer: Answer, name: str) -> st.SearchStrategy[Any]:
    """Return values that no layer has: else two edits may look like a swap."""
    if name == "enabled":
        return st.just(layer.get("enabled") is False)
    return fraction(layer.get(name)) if name == "dropoutRate" else whole(None, 600)


def _act(layers: _Layers, order: _Order, edits: dict[int, _Values], *own: ExpectedFinding) -> Act:
    new = [
        item if isinstance(item, dict) else {**layers[item], **edits.get(item, {})}
        for item in order
    ]
    expected = [
        finding
        for place, item in enumerate(order)
        if isinstance(item, int)
        for finding in _expected(layers[item], place, edits.get(item, {}))
    ]
    return Act(edit=put(visualLayers=new), expected=(*own, *expected))


def _expected(layer: Answer, place: int, values: _Values) -> list[ExpectedFinding]:
    row = _row(layer, values)
    rows = {"units": UNKNOWN, "enabled": LAYERS}
    return [
        rows.get(name, row).finding(kind(layer, name), f"visualLayers[{place}].{name}")
        for name in values
    ]


def _row(layer: Answer, values: _Values) -> Row:
    """Return as what an edit counts: whatever happens to a layer that is off has no effect."""
    return LAYERS if _is_on(layer, values) else IDLE_LAYER


def _is_on(layer: Answer, values: _Values) -> bool:
    return {**layer, **values}.get("enabled", True) is True


def _places(layers: _Layers) -> list[int]:
    return list(range(len(layers)))


def _are_distinct(layers: _Layers) -> bool:
    return len({layer["type"] for layer in layers}) == len(layers)
