"""The script: the same program, another one, none; folded in visual mode, alone in expert mode."""

from __future__ import annotations

from tests.signal.bases import DROPOUT, EI_KEY
from tests.signal.edits import every, insert, put, script
from tests.signal.pairs import (
    CATALOGUE,
    DATA,
    IDLE,
    LAYERS,
    NAME,
    PROFILING,
    RETRAIN,
    SAME_PROGRAM,
    SAMPLES,
    SCRIPT,
    TEMPLATE,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    UNKNOWN,
    on,
    pair,
)

_COMMENT = script("EPOCHS =", "# thirty\nEPOCHS =")
_OTHER = script("Adam(", "SGD(")
_BROKEN = script("EPOCHS =", "EPOCHS = (")
_AGAIN = put(selectedModelType="requiresRetrain")

_EXPERT = on(
    "keras-expert",
    pair("a comment", _COMMENT, SAME_PROGRAM.changed("script")),
    pair("a comment less", script("# if True, non", "# Non"), SAME_PROGRAM.changed("script")),
    pair("a blank line", script("EPOCHS =", "\nEPOCHS ="), SAME_PROGRAM.changed("script")),
    pair(
        "a blank line on top",
        script("import tensor", "\nimport tensor"),
        SAME_PROGRAM.changed("script"),
    ),
    pair("other quotes", script("'relu'", '"relu"'), SAME_PROGRAM.changed("script")),
    pair(
        "spaces within a line",
        script("beta_1=0.9", "beta_1 = 0.9"),
        SAME_PROGRAM.changed("script"),
    ),
    pair(
        "spaces at a line's end",
        script("Sequential()\n", "Sequential()  \n"),
        SAME_PROGRAM.changed("script"),
    ),
    pair(
        "a call over two lines",
        script("beta_1=0.9, beta_2", "beta_1=0.9,\n    beta_2"),
        SAME_PROGRAM.changed("script"),
    ),
    pair("a number written otherwise", script("0.00001", "1e-05"), SAME_PROGRAM.changed("script")),
    pair(
        "a whole number into another type",
        script("SIZE * 4", "SIZE * 4.0"),
        SCRIPT.changed("script"),
    ),
    pair(
        "false into 0",
        script("quantization = False", "quantization = 0"),
        SCRIPT.changed("script"),
    ),
    pair("a NUL in it", script("EPOCHS =", "\0EPOCHS ="), SCRIPT.changed("script")),
    pair("too deep to be parsed", put(script=f"x = {'-' * 20_000}1\n"), SCRIPT.changed("script")),
    pair("another optimizer", _OTHER, SCRIPT.changed("script")),
    pair("another number", script("beta_2=0.999", "beta_2=0.99"), SCRIPT.changed("script")),
    pair(
        "a flag turned",
        script("quantization = False", "quantization = True"),
        SCRIPT.changed("script"),
    ),
    pair(
        "a layer more",
        script("model = Sequential()", "model = Sequential()\nmodel.add(Flatten())"),
        SCRIPT.changed("script"),
    ),
    pair("no longer parses", _BROKEN, SCRIPT.changed("script")),
    pair("emptied", put(script=""), SCRIPT.changed("script")),
    pair(
        "another program, with other line ends",
        every(_OTHER, script("\n", "\r\n")),
        SCRIPT.changed("script"),
    ),
    pair(
        "another program, and a setting of its own",
        every(_OTHER, put(batchSize=64)),
        SCRIPT.changed("script"),
        TRAINING.changed("batchSize"),
    ),
    pair(
        "a comment, and other labels of their own",
        every(_COMMENT, put("dependencies", classes=["idle"])),
        SAME_PROGRAM.changed("script"),
        DATA.changed("dependencies.classes"),
    ),
    pair(
        "another program, and Studio asks to train again",
        every(_OTHER, _AGAIN),
        SCRIPT.changed("script", "selectedModelType"),
    ),
)

_PARSING = (
    *on(
        "broken script",
        pair("parses again", script("EPOCHS = (", "EPOCHS ="), SCRIPT.changed("script")),
    ),
    *on(
        "keyed script",
        pair(
            "another key of Studio in it",
            script(EI_KEY[:11], "ei_1b2c3d4e"),
            SCRIPT.changed("script"),
        ),
    ),
    *on(
        "keras-object-detection-yolo-pro",
        pair("a program for the first time", put(script="x = 1\n"), TEMPLATE.changed("script")),
    ),
)

_ALONE = on(
    "keras",
    pair("another program alone in visual mode", _OTHER, TEMPLATE.changed("script")),
    pair("a comment alone in visual mode", _COMMENT, TEMPLATE.changed("script")),
    pair("no longer parses, alone in visual mode", _BROKEN, TEMPLATE.changed("script")),
    pair(
        "another program and a threshold in visual mode",
        every(_OTHER, put("thresholds.0", value=0.5)),
        TEMPLATE.changed("script"),
        THRESHOLDS.changed("thresholds[min_score].value"),
    ),
    pair(
        "another program and a name in visual mode",
        every(_OTHER, put(name="Other")),
        TEMPLATE.changed("script"),
        NAME.changed("name"),
    ),
    pair(
        "another template with a release of the vendor",
        every(_OTHER, put(defaultBatchSize=64, isSharded=False)),
        TEMPLATE.changed("script"),
        CATALOGUE.changed("defaultBatchSize"),
        UNKNOWN.added("isSharded"),
    ),
    pair(
        "another program, and Studio asks to train again, in visual mode",
        every(_OTHER, _AGAIN),
        TEMPLATE.changed("script"),
        RETRAIN.changed("selectedModelType"),
    ),
)

_FOLDED = on(
    "keras",
    pair(
        "with a layer inserted",
        every(insert("visualLayers.1", DROPOUT), _OTHER),
        LAYERS.added("visualLayers[1]", "script"),
    ),
    pair(
        "with a layer edited",
        every(put("visualLayers.1", neurons=12), script("Dense(10", "Dense(12")),
        LAYERS.changed("visualLayers[1].neurons", "script"),
    ),
    pair(
        "with two layers edited",
        every(
            put("visualLayers.0", neurons=24),
            put("visualLayers.1", neurons=12),
            script("Dense(10", "Dense(12"),
        ),
        LAYERS.changed("visualLayers[0].neurons"),
        LAYERS.changed("visualLayers[1].neurons"),
        floating={"script"},
    ),
    pair(
        "with the cycles",
        every(put(trainingCycles=40), script("or 30", "or 40")),
        TRAINING.changed("trainingCycles", "script"),
    ),
    pair(
        "a comment with the cycles",
        every(put(trainingCycles=40), _COMMENT),
        TRAINING.changed("trainingCycles", "script"),
    ),
    pair(
        "with profiling",
        every(put(profileInt8=False), _OTHER),
        PROFILING.changed("profileInt8", "script"),
    ),
    pair(
        "with samples",
        every(put("dependencies", sampleCount=4000), _OTHER),
        SAMPLES.changed("dependencies.sampleCount", "script"),
    ),
    pair(
        "with a label in two lists",
        every(
            put("dependencies", classes=["idle"], outputClasses=["idle"]),
            _OTHER,
        ),
        DATA.changed("dependencies.classes", "dependencies.outputClasses", "script"),
    ),
    pair(
        "with a layer, a threshold and its mirror",
        every(
            put("visualLayers.1", neurons=12),
            put("thresholds.0", value=0.5),
            put(minimumConfidenceRating=0.5),
            _OTHER,
        ),
        LAYERS.changed("visualLayers[1].neurons", "script"),
        THRESHOLDS.changed("thresholds[min_score].value", "minimumConfidenceRating"),
    ),
    pair(
        "with a layer, and Studio asks to train again",
        every(put("visualLayers.1", neurons=12), _OTHER, _AGAIN),
        LAYERS.changed("visualLayers[1].neurons", "script", "selectedModelType"),
    ),
)

_OTHER_BLOCKS = (
    *on(
        "keras-untrained",
        pair(
            "another program and the first training",
            every(_OTHER, put(trained=True)),
            TEMPLATE.changed("script"),
            TRAINED.changed("trained"),
        ),
        pair(
            "first training with the layer edited before it",
            every(
                put("visualLayers.1", neurons=12),
                _OTHER,
                put(trained=True, selectedModelType="float32"),
            ),
            LAYERS.changed("visualLayers[1].neurons", "script"),
            TRAINED.changed("trained", "selectedModelType"),
        ),
    ),
    *on(
        "learned",
        pair(
            "with a rate that is ignored",
            every(put(learningRate=0.1), script("or 0.0005", "or 0.1")),
            IDLE.changed("learningRate", "script"),
        ),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "with the neurons of a transfer layer",
            every(put("visualLayers.0", neurons=32), _COMMENT),
            LAYERS.changed("visualLayers[0].neurons", "script"),
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "with the capacity, and Studio asks to train again",
            every(put(anomalyCapacity="high"), _OTHER, _AGAIN),
            TRAINING.changed("anomalyCapacity", "script", "selectedModelType"),
        ),
        pair(
            "a threshold, and Studio asks to train again",
            every(put("thresholds.0", value=8.5), _AGAIN),
            THRESHOLDS.changed("thresholds[min_anomaly_score].value"),
            RETRAIN.changed("selectedModelType"),
        ),
    ),
)

PAIRS = (*_EXPERT, *_PARSING, *_ALONE, *_FOLDED, *_OTHER_BLOCKS)
