"""Names, and another block under the same id."""

from __future__ import annotations

from tests.signal.bases import SAMPLES
from tests.signal.edits import become, every, put
from tests.signal.pairs import BLOCK, NAME, THRESHOLDS, on, pair

# What differs between two whole answers is too long a list for a label.
_REPLACED = BLOCK.replaced("type").open()

PAIRS = (
    *on(
        "keras",
        pair("renamed", put(name="Other"), NAME.changed("name")),
        pair("name emptied", put(name=""), NAME.changed("name")),
        pair(
            "renamed, with a threshold",
            every(put(name="Other"), put("thresholds.0", value=0.5)),
            NAME.changed("name"),
            THRESHOLDS.changed("thresholds[min_score].value"),
        ),
        pair("another type, all else equal", put(type="keras-akida"), BLOCK.replaced("type")),
        pair("a type that the schema lacks", put(type="keras-quantum"), BLOCK.replaced("type")),
        pair(
            "another type and another name",
            put(type="keras-akida", name="Other"),
            BLOCK.replaced("type", "name"),
        ),
        pair("a regression", become(SAMPLES["keras-regression"]), _REPLACED),
        pair("a transfer block", become(SAMPLES["keras-transfer-image"]), _REPLACED),
        pair(
            "a detector of an organization",
            become(SAMPLES["keras-object-detection-yolo-pro"]),
            _REPLACED,
        ),
        pair(
            "a regression that was renamed in expert mode",
            every(
                become(SAMPLES["keras-regression"]),
                put(
                    name="Other", mode="expert", visualLayers=[], trainingCycles=0, learningRate=0
                ),
            ),
            _REPLACED,
        ),
    ),
    *on(
        "keras-expert",
        pair("a keyword block", become(SAMPLES["keras-transfer-kws"]), _REPLACED),
    ),
    *on(
        "keras-object-detection",
        pair("a visual anomaly block", become(SAMPLES["keras-visual-anomaly"]), _REPLACED),
        pair("a detector renamed", put(name="Cars"), NAME.changed("name")),
        pair(
            "another type, and a page opened",
            put(type="keras-akida-object-detection", showAdvancedTrainingSettings=True),
            BLOCK.replaced("type").open(),
            suppressed=1,
        ),
    ),
    *on(
        "keras-untrained",
        pair("a trained regression", become(SAMPLES["keras-regression"]), _REPLACED),
        pair(
            "another type, as untrained as before",
            put(type="keras-akida", batchSize=64),
            BLOCK.replaced("type", "batchSize"),
        ),
        pair(
            "another type, trained since",
            put(type="keras-akida", trained=True),
            BLOCK.replaced("type", "trained"),
        ),
    ),
)
