"""What training leaves behind, and what asks for it."""

from __future__ import annotations

from tests.signal.edits import every, put
from tests.signal.pairs import (
    DATA,
    LAYERS,
    LOST,
    MODEL_TYPE,
    NAME,
    RETRAIN,
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
_AGAIN = put(selectedModelType="requiresRetrain")

_CLASSIFIER = on(
    "keras",
    pair("training lost", put(trained=False), LOST.changed("trained")),
    pair(
        "training lost, with the model type",
        put(trained=False, selectedModelType="float32"),
        LOST.changed("trained", _TYPE),
    ),
    pair(
        "training lost, and Studio asks for it",
        every(put(trained=False), _AGAIN),
        LOST.changed("trained", _TYPE),
    ),
    pair(
        "training lost with a setting",
        put(trained=False, batchSize=64),
        LOST.changed("trained"),
        TRAINING.changed("batchSize"),
    ),
    pair(
        "training lost with a setting, and Studio asks for it",
        every(put(trained=False, batchSize=64), _AGAIN),
        LOST.changed("trained"),
        TRAINING.changed("batchSize"),
        floating={_TYPE},
    ),
    pair("float model", put(selectedModelType="float32"), MODEL_TYPE.changed(_TYPE)),
    pair("akida model", put(selectedModelType="akida"), MODEL_TYPE.changed(_TYPE)),
    pair(
        "float model, shown so",
        put(selectedModelType="float32", lastShownModelVariant="float32"),
        MODEL_TYPE.changed(_TYPE),
        suppressed=1,
    ),
    pair("Studio asks to train again", _AGAIN, RETRAIN.changed(_TYPE)),
    pair(
        "a setting, and Studio asks to train again",
        every(put(batchSize=64), _AGAIN),
        TRAINING.changed("batchSize", _TYPE),
    ),
    pair(
        "a layer, and Studio asks to train again",
        every(put("visualLayers.0", neurons=24), _AGAIN),
        LAYERS.changed("visualLayers[0].neurons", _TYPE),
    ),
    pair(
        "data, and Studio asks to train again",
        every(put("dependencies", sampleCount=4000), _AGAIN),
        SAMPLES.changed("dependencies.sampleCount"),
        RETRAIN.changed(_TYPE),
    ),
    pair(
        "two settings, and Studio asks to train again",
        every(put(batchSize=64, trainingCycles=60), _AGAIN),
        TRAINING.changed("batchSize"),
        TRAINING.changed("trainingCycles"),
        floating={_TYPE},
    ),
    pair(
        "a threshold, and Studio asks to train again",
        every(put("thresholds.0", value=0.5), _AGAIN),
        THRESHOLDS.changed("thresholds[min_score].value"),
        RETRAIN.changed(_TYPE),
    ),
    pair(
        "a name, and Studio asks to train again",
        every(put(name="Other"), _AGAIN),
        NAME.changed("name"),
        RETRAIN.changed(_TYPE),
    ),
    pair(
        "a setting, and a float model",
        put(batchSize=64, selectedModelType="float32"),
        TRAINING.changed("batchSize"),
        MODEL_TYPE.changed(_TYPE),
    ),
)

_FIRST = on(
    "keras-untrained",
    pair("first training", put(trained=True), TRAINED.changed("trained")),
    pair(
        "first training, with the model type and what is shown",
        put(trained=True, selectedModelType="float32", lastShownModelVariant="float32"),
        TRAINED.changed("trained", _TYPE),
        suppressed=1,
    ),
    pair(
        "first training with a suggestion",
        every(
            put(trained=True), put("thresholds.0", suggestedValue=0.7, suggestedValueText="0.7")
        ),
        TRAINED.changed("trained"),
        SUGGESTED.added(
            "thresholds[min_score].suggestedValue", "thresholds[min_score].suggestedValueText"
        ),
    ),
    pair(
        "first training of an edited block",
        every(put(trained=True, trainingCycles=60), put("visualLayers.0", neurons=24)),
        TRAINED.changed("trained"),
        TRAINING.changed("trainingCycles"),
        LAYERS.changed("visualLayers[0].neurons"),
    ),
)

_AGAIN_TRAINED = on(
    "retrain",
    pair("trained again", put(selectedModelType="int8"), MODEL_TYPE.changed(_TYPE)),
    pair(
        "trained again, with another suggestion",
        every(
            put(selectedModelType="int8"),
            put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50"),
        ),
        MODEL_TYPE.changed(_TYPE),
        SUGGESTED.changed(f"{_ANOMALY}.suggestedValue", f"{_ANOMALY}.suggestedValueText"),
    ),
    pair(
        "trained again after another label",
        every(
            put(selectedModelType="float32"),
            put("dependencies", outputClasses=["idle", "updown", "wave", "snake"]),
        ),
        MODEL_TYPE.changed(_TYPE),
        DATA.changed("dependencies.outputClasses"),
    ),
    pair("lost instead", put(trained=False), LOST.changed("trained")),
)

_OTHER_BLOCKS = (
    *on(
        "keras-transfer-image",
        pair("transfer training lost", put(trained=False), LOST.changed("trained")),
    ),
    *on(
        "keras-transfer-kws",
        pair("float keyword model", put(selectedModelType="float32"), MODEL_TYPE.changed(_TYPE)),
    ),
    *on("keras-object-detection", pair("asked for", _AGAIN, RETRAIN.changed(_TYPE))),
    *on("keras-regression", pair("regression lost", put(trained=False), LOST.changed("trained"))),
)

PAIRS = (*_CLASSIFIER, *_FIRST, *_AGAIN_TRAINED, *_OTHER_BLOCKS)
