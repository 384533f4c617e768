"""Layers with twins, moves and edits at once, and layers that are switched off."""

from __future__ import annotations

from tests.signal.bases import CONVOLUTION, DENSE, DROPOUT
from tests.signal.edits import cut, every, insert, move, place, put
from tests.signal.pairs import IDLE_LAYER, LAYERS, RETRAIN, on, pair

_NORMALIZATION = {"type": "batchNormalization"}

_TWINS = on(
    "twins",
    pair(
        "one more before its twin",
        insert("visualLayers.1", DROPOUT),
        LAYERS.added("visualLayers[2]"),
    ),
    pair(
        "one of a run edited, one gone",
        every(put("visualLayers.5", neurons=12), cut("visualLayers.6")),
        LAYERS.changed("visualLayers[5].neurons"),
        LAYERS.removed("visualLayers[7]"),
    ),
    pair(
        "two more in a run",
        every(insert("visualLayers.5", DENSE), insert("visualLayers.5", DENSE)),
        LAYERS.added("visualLayers[8]"),
        LAYERS.added("visualLayers[9]"),
    ),
    pair(
        "one more in a run, another edited before it",
        every(put("visualLayers.0", neurons=16), insert("visualLayers.6", DENSE)),
        LAYERS.changed("visualLayers[0].neurons"),
        LAYERS.added("visualLayers[8]"),
    ),
    pair(
        "one of a run switched off",
        put("visualLayers.6", enabled=False),
        LAYERS.added("visualLayers[6].enabled"),
    ),
    pair(
        "all of a run gone",
        cut("visualLayers.7", "visualLayers.6", "visualLayers.5"),
        LAYERS.removed("visualLayers[5]"),
        LAYERS.removed("visualLayers[6]"),
        LAYERS.removed("visualLayers[7]"),
    ),
    pair(
        "all of a run edited alike",
        every(*(put(f"visualLayers.{place}", neurons=12) for place in (5, 6, 7))),
        LAYERS.changed("visualLayers[5].neurons"),
        LAYERS.changed("visualLayers[6].neurons"),
        LAYERS.changed("visualLayers[7].neurons"),
    ),
    pair(
        "another type amid a run",
        place("visualLayers.6", _NORMALIZATION),
        LAYERS.replaced("visualLayers[6]"),
    ),
    pair(
        "another type between twins",
        insert("visualLayers.6", _NORMALIZATION),
        LAYERS.added("visualLayers[6]"),
    ),
)

_PLACES = on(
    "stack",
    pair(
        "the last moved behind the first",
        move("visualLayers", 4, 1),
        LAYERS.moved("visualLayers[1]"),
    ),
    pair(
        "last gone, neighbours swapped",
        every(move("visualLayers", 1, 2), cut("visualLayers.4")),
        LAYERS.removed("visualLayers[4]"),
        LAYERS.moved("visualLayers[2]"),
    ),
    pair(
        "another of its type before it",
        insert("visualLayers.1", {**CONVOLUTION, "neurons": 16}),
        LAYERS.added("visualLayers[1]"),
    ),
    pair(
        "another of its type before the last",
        insert("visualLayers.4", {"type": "dense", "neurons": 40}),
        LAYERS.added("visualLayers[4]"),
    ),
    pair(
        "its twin after it, edited",
        insert("visualLayers.5", {"type": "dense", "neurons": 10}),
        LAYERS.added("visualLayers[5]"),
    ),
    pair(
        "first and last swapped",
        every(move("visualLayers", 0, 4), move("visualLayers", 3, 0)),
        LAYERS.moved("visualLayers[0]"),
        LAYERS.moved("visualLayers[4]"),
    ),
    pair(
        "neighbours swapped, and one of them edited",
        move("visualLayers", 1, 2, neurons=16),
        LAYERS.moved("visualLayers[2]"),
        LAYERS.changed("visualLayers[2].neurons"),
    ),
    pair(
        "one moved, one added, one edited",
        every(
            put("visualLayers.4", neurons=40),
            move("visualLayers", 0, 3),
            insert("visualLayers.0", _NORMALIZATION),
        ),
        LAYERS.added("visualLayers[0]"),
        LAYERS.moved("visualLayers[4]"),
        LAYERS.changed("visualLayers[5].neurons"),
    ),
    pair(
        "one gone, one of another type in another place",
        every(place("visualLayers.3", _NORMALIZATION), cut("visualLayers.0")),
        LAYERS.removed("visualLayers[0]"),
        LAYERS.replaced("visualLayers[2]"),
    ),
    pair(
        "two added, one edited between them",
        every(
            put("visualLayers.2", dropoutRate=0.5),
            insert("visualLayers.5", _NORMALIZATION),
            insert("visualLayers.1", _NORMALIZATION),
        ),
        LAYERS.added("visualLayers[1]"),
        LAYERS.changed("visualLayers[3].dropoutRate"),
        LAYERS.added("visualLayers[6]"),
    ),
    pair(
        "one added that is off",
        insert("visualLayers.1", {"type": "dropout", "dropoutRate": 0.5, "enabled": False}),
        IDLE_LAYER.added("visualLayers[1]"),
        state="trained",
    ),
)

_OFF = on(
    "layer off",
    pair(
        "another type in its place, as off as before",
        place("visualLayers.1", {"type": "batchNormalization", "enabled": False}),
        IDLE_LAYER.replaced("visualLayers[1]"),
        state="trained",
    ),
    pair(
        "another type in its place, switched on",
        place("visualLayers.1", _NORMALIZATION),
        LAYERS.replaced("visualLayers[1]"),
        state="stale",
    ),
    pair(
        "another type in its place, off, and Studio asks to train again",
        every(
            place("visualLayers.1", {"type": "flatten", "enabled": False}),
            put(selectedModelType="requiresRetrain"),
        ),
        IDLE_LAYER.replaced("visualLayers[1]"),
        RETRAIN.changed("selectedModelType"),
        state="stale",
    ),
    pair(
        "gone while it was off, another edited",
        every(put("visualLayers.4", neurons=40), cut("visualLayers.1")),
        IDLE_LAYER.removed("visualLayers[1]"),
        LAYERS.changed("visualLayers[3].neurons"),
        state="stale",
    ),
    pair(
        "gone while it was off, and nothing else",
        cut("visualLayers.1"),
        IDLE_LAYER.removed("visualLayers[1]"),
        state="trained",
    ),
    pair(
        "off in so many words and again",
        put("visualLayers.1", enabled=False, dropoutRate=None),
        state="trained",
    ),
    pair(
        "another one before it",
        insert("visualLayers.1", _NORMALIZATION),
        LAYERS.added("visualLayers[1]"),
    ),
)

PAIRS = (*_TWINS, *_PLACES, *_OFF)
