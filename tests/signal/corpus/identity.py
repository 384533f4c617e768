"""Names, and another block under the same id."""

from __future__ import annotations

from tests.signal.bases import SAMPLES
from tests.signal.edits import become, every, put
from tests.signal.pairs import BLOCK, BLOCK_LOST, NAME, THRESHOLDS, on, pair

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
        pair(
            "another type, not trained",
            put(type="keras-akida", trained=False),
            BLOCK_LOST.replaced("type", "trained"),
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
        pair(
            "another type in expert mode, no longer trained, with another program",
            put(type="keras-freeform", trained=False, script="x = 1\n"),
            BLOCK_LOST.replaced("type", "trained", "script"),
        ),
    ),
    *on(
        "keras-object-detection",
        pair("a visual anomaly block", become(SAMPLES["keras-visual-anomaly"]), _REPLACED),
        pair("a detector renamed", put(name="Cars"), NAME.changed("name")),
        pair(
            "an untrained visual anomaly block",
            every(become(SAMPLES["keras-visual-anomaly"]), put(trained=False)),
            BLOCK_LOST.replaced("type").open(),
        ),
        pair(
            "another type with all that one night can bring",
            every(
                put(type="keras-akida-object-detection", name="Other", trained=False),
                put(selectedModelType="requiresRetrain", trainingCycles=90),
                put("thresholds.0", value=0.3),
                put(minimumConfidenceRating=0.3),
                put("visualLayers.0", type="fomo_akidanet_a50"),
                put("dependencies", sampleCount=4000),
            ),
            BLOCK_LOST.replaced(
                "type",
                "name",
                "trained",
                "selectedModelType",
                "trainingCycles",
                "thresholds[min_score].value",
                "minimumConfidenceRating",
                "visualLayers[0]",
                "dependencies.sampleCount",
            ),
        ),
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
