"""Switches of the mode that meet another program, other settings and the model's life."""

from __future__ import annotations

from tests.signal.edits import cut, every, insert, put, script
from tests.signal.pairs import (
    DATA,
    LAYERS,
    LOST,
    NAME,
    SAMPLES,
    SCRIPT,
    THRESHOLDS,
    TRAINING,
    on,
    pair,
)

_RESET = ("visualLayers", "trainingCycles", "learningRate")
_TO_EXPERT = put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)
_TO_VISUAL = put(
    mode="visual", visualLayers=[{"type": "flatten"}], trainingCycles=30, learningRate=0.0005
)
_AGAIN = put(selectedModelType="requiresRetrain")
_SWITCH = LAYERS.changed("mode", *_RESET)
_SWITCH_WITH_SCRIPT = LAYERS.changed("mode", *_RESET, "script")

PAIRS = (
    *on(
        "keras",
        pair(
            "to expert, imports in another order",
            every(
                _TO_EXPERT,
                script(
                    "from tensorflow.keras.models import Sequential, Model\n"
                    "from tensorflow.keras.optimizers.legacy import Adam\n",
                    "from tensorflow.keras.optimizers.legacy import Adam\n"
                    "from tensorflow.keras.models import Model, Sequential\n",
                ),
            ),
            _SWITCH_WITH_SCRIPT,
            state="stale",
        ),
        pair(
            "to expert with a script that no longer parses",
            every(_TO_EXPERT, script("EPOCHS =", "EPOCHS = (")),
            _SWITCH,
            SCRIPT.changed("script"),
        ),
        pair(
            "to expert with another program, and Studio asks to train again",
            every(_TO_EXPERT, script("Adam(", "SGD("), _AGAIN),
            _SWITCH,
            SCRIPT.changed("script"),
            floating={"selectedModelType"},
            state="stale",
        ),
        pair(
            "to expert with another program, training lost",
            every(_TO_EXPERT, script("Adam(", "SGD("), put(trained=False)),
            _SWITCH,
            SCRIPT.changed("script"),
            LOST.changed("trained"),
            state="untrained",
        ),
        pair(
            "to expert, training lost, and Studio asks for it",
            every(_TO_EXPERT, put(trained=False), _AGAIN),
            _SWITCH,
            LOST.changed("trained", "selectedModelType"),
            state="untrained",
        ),
        pair(
            "to expert with samples, a name and a threshold that comes",
            every(
                _TO_EXPERT,
                put("dependencies", sampleCount=4000),
                put(name="Other"),
                insert(
                    "thresholds.1", {"key": "iou", "description": "", "helpText": "", "value": 1}
                ),
            ),
            _SWITCH,
            SAMPLES.changed("dependencies.sampleCount"),
            NAME.changed("name"),
            THRESHOLDS.added("thresholds[iou]"),
        ),
        pair(
            "to expert, the cycles and the rate kept",
            put(mode="expert", visualLayers=[]),
            LAYERS.changed("mode", "visualLayers"),
        ),
        pair(
            "to expert, the script emptied",
            every(_TO_EXPERT, put(script="")),
            _SWITCH,
            SCRIPT.changed("script"),
        ),
    ),
    *on(
        "learned",
        pair(
            "to expert with the learned optimizer",
            _TO_EXPERT,
            _SWITCH,
        ),
    ),
    *on(
        "classical",
        pair(
            "a model of an organization to expert, its parameters gone",
            every(_TO_EXPERT, cut("customParameters")),
            _SWITCH,
            TRAINING.removed("customParameters"),
        ),
    ),
    *on(
        "keras-untrained",
        pair("to expert, never trained", _TO_EXPERT, _SWITCH, state="untrained"),
    ),
    *on(
        "keras-expert",
        pair(
            "to visual with a script that no longer parses",
            every(_TO_VISUAL, script("EPOCHS =", "EPOCHS = (")),
            _SWITCH,
            SCRIPT.changed("script"),
        ),
        pair(
            "to visual with a comment and other labels",
            every(
                _TO_VISUAL,
                script("EPOCHS =", "# thirty\nEPOCHS ="),
                put("dependencies", classes=["idle"]),
            ),
            _SWITCH_WITH_SCRIPT,
            DATA.changed("dependencies.classes"),
        ),
        pair(
            "to visual, and Studio asks to train again",
            every(_TO_VISUAL, _AGAIN),
            LAYERS.changed("mode", *_RESET, "selectedModelType"),
            state="stale",
        ),
        pair(
            "to visual with a model, its parameters and a threshold",
            every(
                put(
                    mode="visual",
                    visualLayers=[{"type": "transfer_organization", "organizationModelId": 900}],
                    trainingCycles=30,
                    learningRate=0.3,
                    customParameters={"max-depth": "6"},
                ),
                put("thresholds.0", value=0.5),
                put(minimumConfidenceRating=0.5),
            ),
            _SWITCH,
            TRAINING.added("customParameters"),
            THRESHOLDS.changed("thresholds[min_score].value", "minimumConfidenceRating"),
        ),
    ),
)
