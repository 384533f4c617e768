"""Rewritings that mean the same, and what the interface remembers: nothing to tell."""

from __future__ import annotations

from typing import Any

from tests.signal.edits import Answer, cut, every, insert, move, place, put, reverse, script
from tests.signal.pairs import on, pair

_YOLO = "keras-object-detection-yolo-pro"
_MODELS = "transferLearningModels"
_NOISE = 1 + 4e-10


def _keys_reversed(answer: Answer) -> None:
    turned = _turned(answer)
    answer.clear()
    answer.update(turned)


def _turned(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _turned(part) for key, part in reversed(value.items())}
    return [_turned(part) for part in value] if isinstance(value, list) else value


_ROUNDED = every(
    put(trainingCycles=30.0, batchSize=32.0, defaultBatchSize=32.0),
    put("dependencies", featureCount=39.0, sampleCount=3214.0),
    put("visualLayers.0", neurons=20.0),
)

_NUMBERS = (
    *on(
        "keras",
        pair("whole numbers with a point", _ROUNDED),
        pair("noise in a rate", put(learningRate=0.0005 * _NOISE)),
        pair("noise in a split", put(trainTestSplit=0.1 + 0.1 + 1e-17)),
        pair("noise in a threshold", put("thresholds.0", value=0.6 * _NOISE)),
        pair("noise in the mirror", put(minimumConfidenceRating=0.6 / _NOISE)),
        pair("a threshold as text", put("thresholds.0", value="0.6")),
        pair(
            "noise in all at once",
            every(
                put(learningRate=0.0005 * _NOISE, trainTestSplit=0.2 / _NOISE),
                put(minimumConfidenceRating=0.6 * _NOISE),
                put("thresholds.0", value=0.6 / _NOISE),
            ),
        ),
    ),
    *on(
        "akida on",
        pair(
            "noise beside a whole number",
            put("akidaEdgeLearningConfig", additionalClasses=2 + 1e-9),
        ),
    ),
    *on(
        "newer Studio",
        pair(
            "a whole number with a point in an unknown object",
            put("shardingConfig.seed", value=1.0),
        ),
        pair("a whole number with a point in an unknown list", put(flags=[False, 1.0])),
    ),
    *on("text score", pair("a threshold as number", put("thresholds.0", value=0.6))),
    *on("stack", pair("noise in a dropout", put("visualLayers.2", dropoutRate=0.25 * _NOISE))),
    *on(
        "keras-visual-anomaly",
        pair("noise in a suggestion", put("thresholds.0", suggestedValue=7.23 * _NOISE)),
    ),
    *on("keras-expert", pair("a rate of 0 less than nothing", put(learningRate=-0.0))),
    *on(
        "keras-expert", pair("a rate of 0 with a point", put(learningRate=0.0, trainingCycles=0.0))
    ),
    *on(
        "patchcore",
        pair("noise in a block parameter", put("blockParameters", samplingRatio=0.1 * _NOISE)),
    ),
)

_ORDER = (
    *on("keras", pair("keys", _keys_reversed)),
    *on(_YOLO, pair("keys of an organization's block", _keys_reversed)),
    *on(
        "keras",
        pair("labels", reverse("dependencies.classes")),
        pair("models", reverse(_MODELS)),
        pair("parameters in the catalogue", reverse(f"{_MODELS}.0.customParameters")),
        pair("options in the catalogue", reverse(f"{_MODELS}.2.customParameters.0.selectOptions")),
        pair("one model moved to the end", move(_MODELS, 0, 3)),
    ),
    *on("keras-object-detection", pair("detectors", reverse(_MODELS))),
    *on(
        "keras-visual-anomaly",
        pair("thresholds", reverse("thresholds")),
        pair("options of a threshold", reverse("thresholds.1.dropdownOptions")),
    ),
    *on("keras-regression", pair("sixty labels", reverse("dependencies.classes"))),
    *on(
        "keras-transfer-image",
        pair("models and labels of a transfer block", reverse(_MODELS, "dependencies.classes")),
    ),
    *on(
        _YOLO,
        pair(
            "parameters",
            put(
                customParameters={
                    "architecture-type": "no_attn_relu",
                    "sizing": "medium",
                    "epochs": "100",
                }
            ),
        ),
    ),
)

_SCRIPT = (
    *on(
        "keras-expert",
        pair("line ends of Windows", script("\n", "\r\n")),
        pair("line ends of old", script("\n", "\r")),
        pair("one line end of Windows", script("Sequential()\n", "Sequential()\r\n")),
        pair(
            "trailing blank lines", script("quantization = False\n", "quantization = False\n\n\n")
        ),
        pair("no line end at the end", script("quantization = False\n", "quantization = False")),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "both, in visual mode",
            every(
                script("quantization = False\n", "quantization = False\n\n"), script("\n", "\r\n")
            ),
        ),
    ),
    *on(_YOLO, pair("a script of blank lines for an empty one", put(script="\n\n"))),
)

_ABSENT = (
    *on(
        "keras",
        pair("false gone", cut("autoClassWeights", "useLearnedOptimizer")),
        pair("false to null", put(autoClassWeights=None, useLearnedOptimizer=None)),
        pair("an empty text gone", cut("customValidationMetadataKey")),
        pair("an empty text to null", put(customValidationMetadataKey=None)),
        pair("what is switched off gone", cut("augmentationPolicySpectrogram")),
        pair("what is switched off to null", put(augmentationPolicySpectrogram=None)),
        pair("what is switched off to an empty object", put(augmentationPolicySpectrogram={})),
        pair("an empty object appears", put(customParameters={}, blockParameters={})),
        pair(
            "null appears", put(customParameters=None, anomalyCapacity=None, blockParameters=None)
        ),
        pair("what is switched off appears", put(akidaEdgeLearningConfig={"enabled": False})),
        pair(
            "a false detail of what is switched off",
            put("augmentationPolicySpectrogram", warping=False),
        ),
        pair("an empty text appears", put(anomalyCapacity="")),
        pair(
            "lists that are switched off",
            every(
                put("thresholds.0", dropdownOptions={"enabled": False}),
                put(f"{_MODELS}.0.customParameters.0", selectOptions={"enabled": False}),
            ),
        ),
        pair("no options", put("thresholds.0", dropdownOptions=[], suggestedValueText="")),
        pair("null in a layer", put("visualLayers.0", dropoutRate=None, kernelSize=None)),
        pair("a layer on in so many words", put("visualLayers.0", enabled=True)),
        pair(
            "all layers on in so many words",
            every(put("visualLayers.0", enabled=True), put("visualLayers.1", enabled=True)),
        ),
        pair("an unknown field of null", put(shardingConfig=None)),
        pair("an unknown field of null in a layer", put("visualLayers.0", units=None)),
        pair(
            "empties in the catalogue",
            put(
                f"{_MODELS}.0",
                abbreviatedName="",
                hasImageAugmentation=False,
                repositoryUrl=None,
                blockNoLongerAvailable={},
            ),
        ),
        pair(
            "empties of a parameter in the catalogue",
            put(f"{_MODELS}.0.customParameters.0", multiline=False, selectOptions=[], hint=""),
        ),
        pair(
            "an option not selected",
            cut(f"{_MODELS}.2.customParameters.0.selectOptions.1.selected"),
        ),
    ),
    *on(
        "keras-object-detection",
        pair("no organization in so many words", put(f"{_MODELS}.0", organizationModelId=None)),
        pair("no organization as an empty text", put(f"{_MODELS}.0", organizationModelId="")),
        pair(
            "a list of parameters, switched off",
            put(f"{_MODELS}.0", customParameters={"enabled": False}),
        ),
    ),
    *on(
        "bare", pair("false appears", put(autoClassWeights=False, customValidationMetadataKey=""))
    ),
    *on("null batch", pair("null gone", cut("batchSize"))),
    *on(
        "newer Studio",
        pair("an unknown null gone", cut("note")),
        pair("an unknown null in an unknown object", put("shardingConfig", mode=None)),
    ),
    *on(_YOLO, pair("a parameter of null", put("customParameters", depth=None))),
)

_ENVELOPE = on(
    "keras",
    pair("an error's words", put(error="")),
    pair("other words of an error", put(error="Try again")),
    pair("success put elsewhere", every(cut("success"), put(success=True))),
)

_COMPOSED = (
    *on(
        "keras-visual-anomaly",
        pair(
            "all at once",
            every(
                _keys_reversed,
                reverse("thresholds", "dependencies.classes", _MODELS),
                script("\n", "\r\n"),
                cut("augmentationPolicySpectrogram"),
                put("visualLayers.0", enabled=True, neurons=None),
                put(trainingCycles=30.0, learningRate=0.0005 * _NOISE),
            ),
        ),
    ),
    *on("keras-untrained", pair("nothing", put())),
    *on(
        "keras",
        pair(
            "a layer taken out and put back",
            every(
                cut("visualLayers.0"), insert("visualLayers.0", {"neurons": 20, "type": "dense"})
            ),
        ),
        pair(
            "a threshold written anew",
            place(
                "thresholds.0",
                {
                    "value": "0.6",
                    "helpText": "Results scored below this are tagged as uncertain.",
                    "description": "Confidence threshold",
                    "key": "min_score",
                },
            ),
        ),
    ),
)

_INTERFACE = (
    *on(
        "keras",
        pair("advanced settings shown", put(showAdvancedTrainingSettings=True), suppressed=1),
        pair("augmentation shown", put(showAugmentationTrainingSettings=True), suppressed=1),
        pair("another variant shown", put(lastShownModelVariant="float32"), suppressed=1),
        pair("no variant shown", cut("lastShownModelVariant"), suppressed=1),
        pair(
            "a page opened",
            put(
                lastShownModelVariant="akida",
                showAdvancedTrainingSettings=True,
                showAugmentationTrainingSettings=True,
            ),
            suppressed=3,
        ),
        pair(
            "a page opened on another order of labels",
            every(put(showAdvancedTrainingSettings=True), reverse("dependencies.classes")),
            suppressed=1,
        ),
    ),
    *on(
        "bare",
        pair("a variant for the first time", put(lastShownModelVariant="int8"), suppressed=1),
    ),
)

PAIRS = (
    *_NUMBERS,
    *_ORDER,
    *_SCRIPT,
    *_ABSENT,
    *_ENVELOPE,
    *_COMPOSED,
    *_INTERFACE,
)
