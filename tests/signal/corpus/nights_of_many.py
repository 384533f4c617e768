"""Nights on which several people and Studio did several things to one block."""

from __future__ import annotations

from tests.signal.bases import DROPOUT
from tests.signal.edits import cut, every, insert, move, put, reverse, script
from tests.signal.pairs import (
    CATALOGUE,
    DATA,
    IN_USE,
    LAYERS,
    LOST,
    NAME,
    RETRAIN,
    SAMPLES,
    SCRIPT,
    SUGGESTED,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    UNKNOWN,
    on,
    pair,
)

_AGAIN = put(selectedModelType="requiresRetrain")
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}

PAIRS = (
    *on(
        "stack",
        pair(
            "a layer more, one moved, a policy, a threshold with its mirror, and the script",
            every(
                move("visualLayers", 0, 4),
                insert("visualLayers.0", DROPOUT),
                put(augmentationPolicySpectrogram={"enabled": True, "warping": True}),
                put("thresholds.0", value=0.5),
                put(minimumConfidenceRating=0.5),
                script("Adam(", "SGD("),
            ),
            LAYERS.added("visualLayers[0]"),
            LAYERS.moved("visualLayers[5]"),
            TRAINING.changed("augmentationPolicySpectrogram").open(),
            THRESHOLDS.changed("thresholds[min_score].value", "minimumConfidenceRating"),
            floating={"script"},
            state="stale",
        ),
        pair(
            "a release of the vendor, a name and a page opened",
            every(
                put(defaultBatchSize=64, heads=2, name="Other", showAdvancedTrainingSettings=True),
                put("transferLearningModels.0", description="Other words."),
            ),
            CATALOGUE.changed("defaultBatchSize"),
            CATALOGUE.changed("transferLearningModels[transfer_organization:900].description"),
            UNKNOWN.added("heads"),
            NAME.changed("name"),
            suppressed=1,
            state="trained",
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "trained again after an edit, its suggestion taken over",
            every(
                put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50", value=9.5),
                put(minimumConfidenceRating=9.5, anomalyCapacity="high"),
            ),
            SUGGESTED.changed(
                "thresholds[min_anomaly_score].suggestedValue",
                "thresholds[min_anomaly_score].suggestedValueText",
            ),
            THRESHOLDS.changed("thresholds[min_anomaly_score].value", "minimumConfidenceRating"),
            TRAINING.changed("anomalyCapacity"),
            state="trained",
        ),
        pair(
            "everything asks to train again",
            every(
                put(anomalyCapacity="high", trainingCycles=60),
                put("dependencies", sampleCount=4000, featureCount=12),
                _AGAIN,
            ),
            TRAINING.changed("anomalyCapacity"),
            TRAINING.changed("trainingCycles"),
            SAMPLES.changed("dependencies.sampleCount"),
            DATA.changed("dependencies.featureCount"),
            floating={"selectedModelType"},
            state="stale",
        ),
    ),
    *on(
        "keras-object-detection",
        pair(
            "the model in use withdrawn, a threshold and the training lost",
            every(
                put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN),
                put("thresholds.0", value=0.3),
                put(trained=False),
            ),
            IN_USE.added("transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable"),
            THRESHOLDS.changed("thresholds[min_score].value"),
            LOST.changed("trained"),
            state="untrained",
        ),
        pair(
            "a model withdrawn, and Studio asks to train again",
            every(put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN), _AGAIN),
            IN_USE.added("transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable"),
            RETRAIN.changed("selectedModelType"),
            state="stale",
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "another program, labels and a moved output",
            every(
                script("Adam(", "SGD("),
                put("dependencies", classes=["idle", "wave"], outputClasses=["wave", "idle"]),
            ),
            SCRIPT.changed("script"),
            DATA.changed("dependencies.classes"),
            DATA.changed("dependencies.outputClasses"),
            state="stale",
        ),
        pair(
            "another program, and Studio asks to train again after samples",
            every(script("Adam(", "SGD("), put("dependencies", sampleCount=4000), _AGAIN),
            SCRIPT.changed("script", "selectedModelType"),
            SAMPLES.changed("dependencies.sampleCount"),
            state="stale",
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "first trained after a layer more, with samples and a moved output",
            every(
                insert("visualLayers.1", DROPOUT),
                put("dependencies", sampleCount=4000),
                reverse("dependencies.outputClasses"),
                put(trained=True, selectedModelType="float32"),
            ),
            LAYERS.added("visualLayers[1]"),
            SAMPLES.changed("dependencies.sampleCount"),
            DATA.changed("dependencies.outputClasses"),
            TRAINED.changed("trained", "selectedModelType"),
            state="trained",
        ),
    ),
    *on(
        "two overlaps",
        pair(
            "a model more, a threshold gone, a parameter",
            every(
                put("customParameters", sizing="large"),
                cut("thresholds.1"),
                put("transferLearningModels.0", hasNeurons=True),
            ),
            TRAINING.changed("customParameters.sizing"),
            THRESHOLDS.removed("thresholds[iou]"),
            CATALOGUE.changed("transferLearningModels[fomo_mobilenet_v2_a35].hasNeurons"),
            state="stale",
        ),
    ),
)
