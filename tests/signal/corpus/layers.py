"""Edits of the stack of layers."""

from __future__ import annotations

from tests.signal.bases import CONVOLUTION, DENSE, DROPOUT, FLATTEN
from tests.signal.edits import cut, every, insert, move, place, put, reverse
from tests.signal.pairs import IDLE_LAYER, LAYERS, UNKNOWN, on, pair

_NORMALIZATION = {"type": "batchNormalization"}

_FIELDS = on(
    "keras",
    pair(
        "neurons changed",
        put("visualLayers.1", neurons=12),
        LAYERS.changed("visualLayers[1].neurons"),
    ),
    pair(
        "dropout rate set for the first time",
        put("visualLayers.1", dropoutRate=0.1),
        LAYERS.added("visualLayers[1].dropoutRate"),
    ),
    pair(
        "dropout rate of 0 is not an absent one",
        put("visualLayers.1", dropoutRate=0),
        LAYERS.added("visualLayers[1].dropoutRate"),
    ),
    pair(
        "kernel size, stack and columns set on one layer",
        put("visualLayers.0", kernelSize=3, stack=1, columns=2),
        LAYERS.added("visualLayers[0].kernelSize"),
        LAYERS.added("visualLayers[0].stack"),
        LAYERS.added("visualLayers[0].columns"),
    ),
    pair(
        "two properties of one layer",
        put("visualLayers.1", neurons=12, dropoutRate=0.1),
        LAYERS.changed("visualLayers[1].neurons"),
        LAYERS.added("visualLayers[1].dropoutRate"),
    ),
    pair(
        "two layers edited",
        every(put("visualLayers.0", neurons=24), put("visualLayers.1", neurons=12)),
        LAYERS.changed("visualLayers[0].neurons"),
        LAYERS.changed("visualLayers[1].neurons"),
    ),
    pair(
        "switched off",
        put("visualLayers.1", enabled=False),
        LAYERS.added("visualLayers[1].enabled"),
    ),
    pair(
        "a key that the schema lacks",
        put("visualLayers.0", units=3),
        UNKNOWN.added("visualLayers[0].units"),
    ),
    pair(
        "a key that the schema lacks beside one that it has",
        put("visualLayers.0", units=3, neurons=24),
        UNKNOWN.added("visualLayers[0].units"),
        LAYERS.changed("visualLayers[0].neurons"),
    ),
)

_PLACES = on(
    "keras",
    pair("one inserted first", insert("visualLayers.0", FLATTEN), LAYERS.added("visualLayers[0]")),
    pair(
        "one inserted between", insert("visualLayers.1", DROPOUT), LAYERS.added("visualLayers[1]")
    ),
    pair("one appended", insert("visualLayers.2", DROPOUT), LAYERS.added("visualLayers[2]")),
    pair(
        "one of the type around it inserted between",
        insert("visualLayers.1", {"type": "dense", "neurons": 15}),
        LAYERS.added("visualLayers[1]"),
    ),
    pair(
        "one inserted first and one appended",
        every(insert("visualLayers.0", FLATTEN), insert("visualLayers.3", DROPOUT)),
        LAYERS.added("visualLayers[0]"),
        LAYERS.added("visualLayers[3]"),
    ),
    pair(
        "one inserted, both others edited",
        every(
            put("visualLayers.0", neurons=24),
            put("visualLayers.1", neurons=12),
            insert("visualLayers.1", DROPOUT),
        ),
        LAYERS.added("visualLayers[1]"),
        LAYERS.changed("visualLayers[0].neurons"),
        LAYERS.changed("visualLayers[2].neurons"),
    ),
    pair("first removed", cut("visualLayers.0"), LAYERS.removed("visualLayers[0]")),
    pair("last removed", cut("visualLayers.1"), LAYERS.removed("visualLayers[1]")),
    pair(
        "all removed",
        put(visualLayers=[]),
        LAYERS.removed("visualLayers[0]"),
        LAYERS.removed("visualLayers[1]"),
    ),
    pair("neighbours swapped", reverse("visualLayers"), LAYERS.moved("visualLayers[1]")),
    pair(
        "another type in the last place",
        place("visualLayers.1", FLATTEN),
        LAYERS.replaced("visualLayers[1]"),
    ),
    pair(
        "another type in the first place",
        place("visualLayers.0", CONVOLUTION),
        LAYERS.replaced("visualLayers[0]"),
    ),
    pair(
        "a type that the schema lacks in the last place",
        place("visualLayers.1", {"type": "lstm", "neurons": 10}),
        LAYERS.replaced("visualLayers[1]"),
    ),
)

_STACK_FIELDS = on(
    "stack",
    pair("columns", put("visualLayers.0", columns=39), LAYERS.changed("visualLayers[0].columns")),
    pair(
        "kernel size",
        put("visualLayers.1", kernelSize=5),
        LAYERS.changed("visualLayers[1].kernelSize"),
    ),
    pair("stack", put("visualLayers.1", stack=2), LAYERS.changed("visualLayers[1].stack")),
    pair(
        "three properties of a convolution",
        put("visualLayers.1", neurons=16, kernelSize=5, stack=2),
        LAYERS.changed("visualLayers[1].neurons"),
        LAYERS.changed("visualLayers[1].kernelSize"),
        LAYERS.changed("visualLayers[1].stack"),
    ),
    pair(
        "dropout rate changed by little, yet more than noise",
        put("visualLayers.2", dropoutRate=0.2500001),
        LAYERS.changed("visualLayers[2].dropoutRate"),
    ),
    pair(
        "dropout rate taken away",
        cut("visualLayers.2.dropoutRate"),
        LAYERS.removed("visualLayers[2].dropoutRate"),
    ),
    pair(
        "dropout rate set to null",
        put("visualLayers.2", dropoutRate=None),
        LAYERS.changed("visualLayers[2].dropoutRate"),
    ),
    pair(
        "three layers edited",
        every(
            put("visualLayers.1", neurons=16),
            put("visualLayers.2", dropoutRate=0.5),
            put("visualLayers.4", neurons=40),
        ),
        LAYERS.changed("visualLayers[1].neurons"),
        LAYERS.changed("visualLayers[2].dropoutRate"),
        LAYERS.changed("visualLayers[4].neurons"),
    ),
    pair(
        "switched off and edited at once",
        put("visualLayers.1", enabled=False, neurons=16),
        LAYERS.added("visualLayers[1].enabled"),
        IDLE_LAYER.changed("visualLayers[1].neurons"),
    ),
)

_STACK_PLACES = on(
    "stack",
    pair("one in the middle removed", cut("visualLayers.2"), LAYERS.removed("visualLayers[2]")),
    pair(
        "one removed, another edited",
        every(put("visualLayers.4", neurons=40), cut("visualLayers.0")),
        LAYERS.removed("visualLayers[0]"),
        LAYERS.changed("visualLayers[3].neurons"),
    ),
    pair(
        "one removed, one of another type appended",
        every(cut("visualLayers.2"), insert("visualLayers.4", _NORMALIZATION)),
        LAYERS.removed("visualLayers[2]"),
        LAYERS.added("visualLayers[4]"),
    ),
    pair(
        "one inserted first, another edited",
        every(insert("visualLayers.0", _NORMALIZATION), put("visualLayers.5", neurons=40)),
        LAYERS.added("visualLayers[0]"),
        LAYERS.changed("visualLayers[5].neurons"),
    ),
    pair(
        "a second one of its type appended",
        insert("visualLayers.5", {"type": "dense", "neurons": 10}),
        LAYERS.added("visualLayers[5]"),
    ),
    pair(
        "another type in the middle, another edited",
        every(place("visualLayers.2", _NORMALIZATION), put("visualLayers.4", neurons=40)),
        LAYERS.replaced("visualLayers[2]"),
        LAYERS.changed("visualLayers[4].neurons"),
    ),
    pair(
        "other types in two places",
        every(
            place("visualLayers.2", _NORMALIZATION), place("visualLayers.3", {"type": "conv2d"})
        ),
        LAYERS.replaced("visualLayers[2]"),
        LAYERS.replaced("visualLayers[3]"),
    ),
    pair("first moved to the end", move("visualLayers", 0, 4), LAYERS.moved("visualLayers[4]")),
    pair("last moved to the front", move("visualLayers", 4, 0), LAYERS.moved("visualLayers[0]")),
    pair("one moved by two", move("visualLayers", 2, 4), LAYERS.moved("visualLayers[4]")),
    pair(
        "neighbours swapped in the middle",
        move("visualLayers", 1, 2),
        LAYERS.moved("visualLayers[2]"),
    ),
    pair(
        "one moved, another edited",
        every(move("visualLayers", 0, 4), put("visualLayers.0", neurons=16)),
        LAYERS.moved("visualLayers[4]"),
        LAYERS.changed("visualLayers[0].neurons"),
    ),
    pair(
        "one moved and edited",
        move("visualLayers", 2, 4, dropoutRate=0.5),
        LAYERS.moved("visualLayers[4]"),
        LAYERS.changed("visualLayers[4].dropoutRate"),
    ),
    pair(
        "one moved and edited in two properties",
        move("visualLayers", 1, 4, neurons=16, kernelSize=5),
        LAYERS.moved("visualLayers[4]"),
        LAYERS.changed("visualLayers[4].neurons"),
        LAYERS.changed("visualLayers[4].kernelSize"),
    ),
    pair(
        "the last moved to the front and edited",
        move("visualLayers", 4, 0, neurons=40, dropoutRate=0.1),
        LAYERS.moved("visualLayers[0]"),
        LAYERS.changed("visualLayers[0].neurons"),
        LAYERS.added("visualLayers[0].dropoutRate"),
    ),
    pair(
        "one moved and switched off",
        move("visualLayers", 1, 4, enabled=False),
        IDLE_LAYER.moved("visualLayers[4]"),
        LAYERS.added("visualLayers[4].enabled"),
    ),
)

_TWINS = on(
    "twins",
    pair("one of a run removed", cut("visualLayers.5"), LAYERS.removed("visualLayers[7]")),
    pair(
        "two of a run removed",
        cut("visualLayers.5", "visualLayers.5"),
        LAYERS.removed("visualLayers[6]"),
        LAYERS.removed("visualLayers[7]"),
    ),
    pair("one more in a run", insert("visualLayers.5", DENSE), LAYERS.added("visualLayers[8]")),
    pair(
        "one in the middle of a run edited",
        put("visualLayers.6", neurons=12),
        LAYERS.changed("visualLayers[6].neurons"),
    ),
    pair(
        "the second of two convolutions edited",
        put("visualLayers.2", neurons=16),
        LAYERS.changed("visualLayers[2].neurons"),
    ),
    pair("the first of two dropouts", cut("visualLayers.1"), LAYERS.removed("visualLayers[1]")),
    pair("the second of two dropouts", cut("visualLayers.3"), LAYERS.removed("visualLayers[3]")),
)

_OFF = on(
    "layer off",
    pair(
        "edited while it is off",
        put("visualLayers.1", neurons=16),
        IDLE_LAYER.changed("visualLayers[1].neurons"),
    ),
    pair(
        "two properties edited while it is off",
        put("visualLayers.1", kernelSize=5, dropoutRate=0.1),
        IDLE_LAYER.changed("visualLayers[1].kernelSize"),
        IDLE_LAYER.added("visualLayers[1].dropoutRate"),
    ),
    pair(
        "a property taken away while it is off, another layer edited",
        every(cut("visualLayers.1.stack"), put("visualLayers.4", neurons=40)),
        IDLE_LAYER.removed("visualLayers[1].stack"),
        LAYERS.changed("visualLayers[4].neurons"),
    ),
    pair(
        "switched on by taking the key away",
        cut("visualLayers.1.enabled"),
        LAYERS.removed("visualLayers[1].enabled"),
    ),
    pair(
        "switched on in so many words",
        put("visualLayers.1", enabled=True),
        LAYERS.changed("visualLayers[1].enabled"),
    ),
    pair(
        "switched on and edited",
        put("visualLayers.1", enabled=True, neurons=16),
        LAYERS.changed("visualLayers[1].enabled"),
        LAYERS.changed("visualLayers[1].neurons"),
    ),
    pair("moved while it is off", move("visualLayers", 1, 4), IDLE_LAYER.moved("visualLayers[4]")),
    pair(
        "moved and edited while it is off",
        move("visualLayers", 1, 4, neurons=16),
        IDLE_LAYER.moved("visualLayers[4]"),
        IDLE_LAYER.changed("visualLayers[4].neurons"),
    ),
    pair("removed while it was off", cut("visualLayers.1"), IDLE_LAYER.removed("visualLayers[1]")),
)

_OTHER_BLOCKS = (
    *on(
        "keras-transfer-image",
        pair(
            "neurons and dropout of a transfer layer",
            put("visualLayers.0", neurons=32, dropoutRate=0.2),
            LAYERS.changed("visualLayers[0].neurons"),
            LAYERS.changed("visualLayers[0].dropoutRate"),
        ),
        pair(
            "a layer after the transfer layer",
            insert("visualLayers.1", DENSE),
            LAYERS.added("visualLayers[1]"),
        ),
    ),
    *on(
        "keras-transfer-kws",
        pair(
            "dropout rate of a keyword layer",
            put("visualLayers.0", dropoutRate=0.5),
            LAYERS.changed("visualLayers[0].dropoutRate"),
        ),
    ),
    *on(
        "keras-regression",
        pair(
            "a regression's first layer",
            put("visualLayers.0", neurons=40),
            LAYERS.changed("visualLayers[0].neurons"),
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "a layer of an untrained block",
            insert("visualLayers.1", DROPOUT),
            LAYERS.added("visualLayers[1]"),
        ),
    ),
)

PAIRS = (
    *_FIELDS,
    *_PLACES,
    *_STACK_FIELDS,
    *_STACK_PLACES,
    *_TWINS,
    *_OFF,
    *_OTHER_BLOCKS,
)
