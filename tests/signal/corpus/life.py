"""The model's life as two answers tell it: stale, trained, untrained."""

from __future__ import annotations

from tests.signal.edits import cut, every, put, reverse, script
from tests.signal.pairs import (
    DATA,
    IN_USE,
    LAYERS,
    LOST,
    MODEL_TYPE,
    SAME_PROGRAM,
    SAMPLES,
    SUGGESTED,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    on,
    pair,
)

_TYPE = "selectedModelType"
_ANOMALY = "thresholds[min_anomaly_score]"
_SUGGESTION = (f"{_ANOMALY}.suggestedValue", f"{_ANOMALY}.suggestedValueText")
_SUGGESTS = put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50")
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}

PAIRS = (
    *on(
        "keras",
        pair("nothing at all", put(), state="trained"),
        pair(
            "labels make it stale",
            put("dependencies", classes=["idle", "wave"]),
            DATA.changed("dependencies.classes"),
            state="stale",
        ),
        pair(
            "a moved output makes it stale",
            reverse("dependencies.outputClasses"),
            DATA.changed("dependencies.outputClasses"),
            state="stale",
        ),
        pair(
            "features make it stale",
            put("dependencies", featureCount=33),
            DATA.changed("dependencies.featureCount"),
            state="stale",
        ),
        pair(
            "samples do not make it stale",
            put("dependencies", sampleCount=1),
            SAMPLES.changed("dependencies.sampleCount"),
            state="trained",
        ),
        pair(
            "a threshold does not make it stale",
            put("thresholds.0", value=0.9),
            THRESHOLDS.changed("thresholds[min_score].value"),
            state="trained",
        ),
        pair(
            "a validation key makes it stale",
            put(customValidationMetadataKey="person"),
            TRAINING.changed("customValidationMetadataKey"),
            state="stale",
        ),
        pair(
            "another variant of the same model does not make it stale",
            put(selectedModelType="akida"),
            MODEL_TYPE.changed(_TYPE),
            state="trained",
        ),
        pair(
            "a layer and a lost training",
            every(put(trained=False), put("visualLayers.0", neurons=24)),
            LOST.changed("trained"),
            LAYERS.changed("visualLayers[0].neurons"),
            state="untrained",
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "a comment does not make it stale",
            script("EPOCHS =", "# thirty\nEPOCHS ="),
            SAME_PROGRAM.changed("script"),
            state="trained",
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "edits of what was never trained",
            put(trainingCycles=60, batchSize=64),
            TRAINING.changed("trainingCycles"),
            TRAINING.changed("batchSize"),
            state="untrained",
        ),
        pair(
            "edited and trained between two polls",
            every(put(trained=True, batchSize=64), put("dependencies", featureCount=33)),
            TRAINED.changed("trained"),
            TRAINING.changed("batchSize"),
            DATA.changed("dependencies.featureCount"),
            state="trained",
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "another suggestion is another training",
            _SUGGESTS,
            SUGGESTED.changed(*_SUGGESTION),
            state="trained",
        ),
        pair(
            "edited and another suggestion: trained between two polls",
            every(_SUGGESTS, put(anomalyCapacity="high")),
            SUGGESTED.changed(*_SUGGESTION),
            TRAINING.changed("anomalyCapacity"),
            state="trained",
        ),
        pair(
            "another suggestion, and Studio asks to train again",
            every(_SUGGESTS, put(anomalyCapacity="high", selectedModelType="requiresRetrain")),
            SUGGESTED.changed(*_SUGGESTION),
            TRAINING.changed("anomalyCapacity", _TYPE),
            state="stale",
        ),
        pair(
            "the scoring does not make it stale",
            put("thresholds.1", value="mean"),
            THRESHOLDS.changed("thresholds[anomaly_scoring_aggregation_method].value"),
            state="trained",
        ),
    ),
    *on(
        "retrain",
        pair("still asked for", put(), state="stale"),
        pair(
            "still asked for, edited further",
            put(anomalyCapacity="high"),
            TRAINING.changed("anomalyCapacity"),
            state="stale",
        ),
        pair(
            "still asked for, whatever is suggested",
            _SUGGESTS,
            SUGGESTED.changed(*_SUGGESTION),
            state="stale",
        ),
        pair(
            "no longer asked for",
            put(selectedModelType="float32"),
            MODEL_TYPE.changed(_TYPE),
            state="trained",
        ),
        pair(
            "no longer asked for, with an edit of the same night",
            put(selectedModelType="int8", anomalyCapacity="high"),
            MODEL_TYPE.changed(_TYPE),
            TRAINING.changed("anomalyCapacity"),
            state="trained",
        ),
        pair(
            "lost instead, with the model type",
            put(trained=False, selectedModelType="int8"),
            LOST.changed("trained", _TYPE),
            state="untrained",
        ),
    ),
    *on(
        "keras-object-detection",
        pair(
            "a withdrawn model is no stale model",
            put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN),
            IN_USE.added("transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable"),
            state="trained",
        ),
    ),
    *on(
        "keras-regression",
        pair(
            "a suggestion gone with the training",
            every(
                put(trained=False),
                cut("thresholds.0.suggestedValue", "thresholds.0.suggestedValueText"),
            ),
            LOST.changed("trained"),
            SUGGESTED.removed(
                "thresholds[max_abs_error].suggestedValue",
                "thresholds[max_abs_error].suggestedValueText",
            ),
            state="untrained",
        ),
    ),
)
