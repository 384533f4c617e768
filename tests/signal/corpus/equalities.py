"""What is equal and what is not, where it is easily mistaken: absent, null, false, 0, noise."""

from __future__ import annotations

from tests.signal.edits import cut, every, put
from tests.signal.pairs import (
    CATALOGUE,
    LAYERS,
    NAME,
    RATING,
    SUGGESTED,
    THRESHOLDS,
    TRAINING,
    UNKNOWN,
    on,
    pair,
)

_SCORE = "thresholds[min_score]"

_ZEROS = (
    *on(
        "bare",
        pair("a split of 0", put(trainTestSplit=0), TRAINING.added("trainTestSplit")),
        pair("the default batch in so many words", put(batchSize=32)),
        pair("the default batch with a point", put(batchSize=32.0)),
        pair(
            "another default batch",
            put(defaultBatchSize=64),
            CATALOGUE.changed("defaultBatchSize"),
        ),
        pair("an empty variant appears", put(lastShownModelVariant="")),
    ),
    *on(
        "keras",
        pair(
            "a kernel of 0",
            put("visualLayers.0", kernelSize=0),
            LAYERS.added("visualLayers[0].kernelSize"),
        ),
        pair(
            "a suggestion of 0",
            put("thresholds.0", suggestedValue=0),
            SUGGESTED.added(f"{_SCORE}.suggestedValue"),
        ),
        pair("a batch of 0 for 32", put(batchSize=0), TRAINING.changed("batchSize")),
        pair(
            "the batch gone with another default",
            every(cut("batchSize"), put(defaultBatchSize=64)),
            TRAINING.removed("batchSize"),
            CATALOGUE.changed("defaultBatchSize"),
        ),
        pair(
            "more than noise in a rate",
            put(learningRate=0.0005 * (1 + 3e-9)),
            TRAINING.changed("learningRate"),
        ),
        pair(
            "more than noise in the rating",
            put(minimumConfidenceRating=0.6 * (1 + 3e-9)),
            RATING.changed("minimumConfidenceRating"),
        ),
        pair("a threshold as a longer text", put("thresholds.0", value="0.60")),
        pair(
            "a threshold as a word",
            put("thresholds.0", value="high"),
            THRESHOLDS.changed(f"{_SCORE}.value"),
        ),
        pair("a NUL in the name", put(name="Class\0ifier"), NAME.changed("name")),
        pair("a blank at the end of the name", put(name="Classifier "), NAME.changed("name")),
        pair("an unknown 0.0 is not an absent one", put(weight=0.0), UNKNOWN.added("weight")),
        pair("an unknown null in the data", put("dependencies", origin=None)),
        pair(
            "an unknown false in the data",
            put("dependencies", origin=False),
            UNKNOWN.added("dependencies.origin"),
        ),
    ),
    *on("null batch", pair("the default batch from null", put(batchSize=32))),
    *on(
        "class weights",
        pair("class weights gone", cut("autoClassWeights"), TRAINING.removed("autoClassWeights")),
        pair(
            "class weights to null",
            put(autoClassWeights=None),
            TRAINING.changed("autoClassWeights"),
        ),
        pair(
            "class weights to an empty text",
            put(autoClassWeights=""),
            TRAINING.changed("autoClassWeights"),
        ),
    ),
    *on(
        "newer Studio",
        pair(
            "an unknown false in an unknown object",
            put("shardingConfig", mode=False),
            UNKNOWN.added("shardingConfig.mode"),
        ),
        pair(
            "an unknown empty list in an unknown object",
            put("shardingConfig", modes=[]),
            UNKNOWN.added("shardingConfig.modes"),
        ),
        pair("an unknown null into an empty text", put(note=""), UNKNOWN.changed("note")),
        pair("an unknown null into 0", put(note=0), UNKNOWN.changed("note")),
        pair("an unknown list emptied", put(tags=[]), UNKNOWN.changed("tags")),
        pair("an unknown truth into a text", put(isSharded="true"), UNKNOWN.changed("isSharded")),
    ),
    *on(
        "keras-object-detection-yolo-pro",
        pair(
            "a parameter as a number",
            put("customParameters", epochs=100),
            TRAINING.changed("customParameters.epochs"),
        ),
        pair(
            "a parameter of 0 as a text",
            put("customParameters", depth="0"),
            TRAINING.added("customParameters.depth"),
        ),
    ),
)

PAIRS = _ZEROS
