"""Folding meets severity: nothing is folded into what is less severe."""

from __future__ import annotations

from tests.signal.edits import cut, every, insert, put, script
from tests.signal.pairs import (
    DATA,
    IDLE,
    IDLE_LAYER,
    LAYERS,
    LOST,
    MODEL_TYPE,
    NAME,
    PROFILING,
    RATING,
    RETRAIN,
    SAME_PROGRAM,
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

_TYPE = "selectedModelType"
_RATING = "minimumConfidenceRating"
_SCORE = "thresholds[min_score]"
_AGAIN = put(selectedModelType="requiresRetrain")
_OTHER = script("Adam(", "SGD(")
_COMMENT = script("EPOCHS =", "# thirty\nEPOCHS =")

_REQUIRES_RETRAIN = (
    *on(
        "keras",
        pair(
            "profiling, and Studio asks to train again",
            every(put(profileInt8=False), _AGAIN),
            PROFILING.changed("profileInt8"),
            RETRAIN.changed(_TYPE),
            state="stale",
        ),
        pair(
            "profiling and a batch, and Studio asks to train again",
            every(put(profileInt8=False, batchSize=64), _AGAIN),
            PROFILING.changed("profileInt8"),
            TRAINING.changed("batchSize", _TYPE),
        ),
        pair(
            "samples and a batch, and Studio asks to train again",
            every(put("dependencies", sampleCount=4000), put(batchSize=64), _AGAIN),
            SAMPLES.changed("dependencies.sampleCount"),
            TRAINING.changed("batchSize", _TYPE),
        ),
        pair(
            "samples with the generated script, and Studio asks to train again",
            every(put("dependencies", sampleCount=4000), _OTHER, _AGAIN),
            SAMPLES.changed("dependencies.sampleCount", "script"),
            RETRAIN.changed(_TYPE),
        ),
        pair(
            "an unknown field, and Studio asks to train again",
            every(put(heads=2), _AGAIN),
            UNKNOWN.added("heads"),
            RETRAIN.changed(_TYPE),
        ),
        pair(
            "the rating, and Studio asks to train again",
            every(put(minimumConfidenceRating=0.7), _AGAIN),
            RATING.changed(_RATING),
            RETRAIN.changed(_TYPE),
        ),
    ),
    *on(
        "learned",
        pair(
            "a rate that is ignored, and Studio asks to train again",
            every(put(learningRate=0.1), _AGAIN),
            IDLE.changed("learningRate"),
            RETRAIN.changed(_TYPE),
        ),
    ),
    *on(
        "layer off",
        pair(
            "a layer that is off, and Studio asks to train again",
            every(put("visualLayers.1", neurons=16), _AGAIN),
            IDLE_LAYER.changed("visualLayers[1].neurons"),
            RETRAIN.changed(_TYPE),
        ),
        pair(
            "a layer that is off, with the generated script",
            every(put("visualLayers.1", neurons=16), _OTHER),
            IDLE_LAYER.changed("visualLayers[1].neurons", "script"),
            state="trained",
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "a comment, and Studio asks to train again",
            every(_COMMENT, _AGAIN),
            SAME_PROGRAM.changed("script"),
            RETRAIN.changed(_TYPE),
            state="stale",
        ),
        pair(
            "a comment and a batch, and Studio asks to train again",
            every(_COMMENT, put(batchSize=64), _AGAIN),
            SAME_PROGRAM.changed("script"),
            TRAINING.changed("batchSize", _TYPE),
        ),
        pair(
            "another program and a batch, and Studio asks to train again",
            every(_OTHER, put(batchSize=64), _AGAIN),
            SCRIPT.changed("script"),
            TRAINING.changed("batchSize"),
            floating={_TYPE},
        ),
    ),
)

_TRAINED = (
    *on(
        "keras",
        pair(
            "training lost with samples, and Studio asks for it",
            every(put(trained=False), put("dependencies", sampleCount=4000), _AGAIN),
            LOST.changed("trained", _TYPE),
            SAMPLES.changed("dependencies.sampleCount"),
            state="untrained",
        ),
        pair(
            "training lost with the generated script",
            every(put(trained=False), _OTHER, put(batchSize=64)),
            LOST.changed("trained"),
            TRAINING.changed("batchSize", "script"),
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "first training as a float model, with a name",
            put(trained=True, selectedModelType="float32", name="Other"),
            TRAINED.changed("trained", _TYPE),
            NAME.changed("name"),
            state="trained",
        ),
        pair(
            "a float model, never trained",
            put(selectedModelType="float32"),
            MODEL_TYPE.changed(_TYPE),
            state="untrained",
        ),
    ),
)

_RATINGS = (
    *on(
        "keras",
        pair(
            "a suggestion that the rating follows",
            every(
                put("thresholds.0", suggestedValue=0.7, suggestedValueText="0.70"),
                put(minimumConfidenceRating=0.7),
            ),
            SUGGESTED.added(f"{_SCORE}.suggestedValue", f"{_SCORE}.suggestedValueText"),
            RATING.changed(_RATING),
        ),
        pair(
            "rating and a setting of the same number",
            put(minimumConfidenceRating=0.25, trainTestSplit=0.25),
            RATING.changed(_RATING),
            TRAINING.changed("trainTestSplit"),
        ),
        pair(
            "value and rating, with a layer and the generated script",
            every(
                put("thresholds.0", value=0.5),
                put(minimumConfidenceRating=0.5),
                put("visualLayers.0", neurons=24),
                _OTHER,
            ),
            THRESHOLDS.changed(f"{_SCORE}.value", _RATING),
            LAYERS.changed("visualLayers[0].neurons", "script"),
        ),
    ),
    *on(
        "two overlaps",
        pair(
            "two values, the rating as the second",
            every(
                put("thresholds.0", value=0.4),
                put("thresholds.1", value=0.3),
                put(minimumConfidenceRating=0.3),
            ),
            THRESHOLDS.changed(f"{_SCORE}.value"),
            THRESHOLDS.changed("thresholds[iou].value", _RATING),
        ),
        pair(
            "two values, the rating as the second, which is a text",
            every(
                put("thresholds.0", value=0.4),
                put("thresholds.1", value="0.3"),
                put(minimumConfidenceRating=0.3),
            ),
            THRESHOLDS.changed(f"{_SCORE}.value"),
            THRESHOLDS.changed("thresholds[iou].value", _RATING),
        ),
        pair(
            "one gone, the other's value and the rating",
            every(
                put("thresholds.0", value=0.4),
                cut("thresholds.1"),
                put(minimumConfidenceRating=0.4),
            ),
            THRESHOLDS.removed("thresholds[iou]"),
            THRESHOLDS.changed(f"{_SCORE}.value", _RATING),
        ),
        pair(
            "one gone, the rating to its value",
            every(cut("thresholds.1"), put(minimumConfidenceRating=0.45)),
            THRESHOLDS.removed("thresholds[iou]"),
            RATING.changed(_RATING),
        ),
        pair(
            "in another order, one value and the rating",
            every(
                put("thresholds.0", value=0.4),
                lambda answer: answer["thresholds"].reverse(),
                put(minimumConfidenceRating=0.4),
            ),
            THRESHOLDS.changed(f"{_SCORE}.value", _RATING),
        ),
        pair(
            "a third, one value, and the rating as nobody",
            every(
                put("thresholds.1", value=0.3),
                insert(
                    "thresholds.0",
                    {"key": "unclip_ratio", "description": "", "helpText": "", "value": 1.5},
                ),
                put(minimumConfidenceRating=0.9),
            ),
            THRESHOLDS.added("thresholds[unclip_ratio]"),
            THRESHOLDS.changed("thresholds[iou].value"),
            RATING.changed(_RATING),
        ),
    ),
)

_SCRIPTS = on(
    "keras",
    pair(
        "a broken generated script with the cycles",
        every(put(trainingCycles=40), script("EPOCHS =", "EPOCHS = (")),
        TRAINING.changed("trainingCycles", "script"),
    ),
    pair(
        "the generated script with a label that moved",
        every(put("dependencies", outputClasses=["updown", "idle", "wave"]), _OTHER),
        DATA.changed("dependencies.outputClasses", "script"),
        state="stale",
    ),
)

PAIRS = (*_REQUIRES_RETRAIN, *_TRAINED, *_RATINGS, *_SCRIPTS)
