"""Acts of several kinds in one night: each is reported, and nothing that was not done."""

from __future__ import annotations

from tests.signal.bases import (
    BASES,
    CONVOLUTION,
    DENSE,
    DROPOUT,
    FLATTEN,
    RESHAPE,
)
from tests.signal.edits import cut, every, move, put, reverse, script
from tests.signal.pairs import (
    BLOCK,
    CATALOGUE,
    DATA,
    IDLE,
    IDLE_LAYER,
    IN_USE,
    LAYERS,
    LOST,
    MODEL_TYPE,
    NAME,
    RETRAIN,
    SAME_PROGRAM,
    SAMPLES,
    SCRIPT,
    SUGGESTED,
    TEMPLATE,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    UNKNOWN,
    on,
    pair,
)

_CLASSES, _OUTPUT = "dependencies.classes", "dependencies.outputClasses"
_SCORE, _RATING = "thresholds[min_score].value", "minimumConfidenceRating"
_TYPE = "selectedModelType"
_SUGGESTED = "thresholds[min_anomaly_score].suggestedValue"
_AGAIN = put(selectedModelType="requiresRetrain")
_YOLO = BASES["keras-object-detection-yolo-pro"]
_FOMO = "transferLearningModels[fomo_mobilenet_v2_a35]"
_SSD = "transferLearningModels[object_ssd_mobilenet_v2_fpnlite_320x320]"
_MORE = ["idle", "updown", "wave", "zoom"]
_WITHDRAWN = {"reasonMarkdown": "Gone", "reasonHtml": "Gone"}

_LAYERS_AND_MODES = (
    *on(
        "keras",
        pair(
            "to expert mode, a threshold moved, and Studio asks to train again",
            every(
                put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0),
                put(minimumConfidenceRating=0.7, selectedModelType="requiresRetrain"),
                put("thresholds.0", value=0.7),
            ),
            LAYERS.changed("mode", "visualLayers", "trainingCycles", "learningRate", _TYPE),
            THRESHOLDS.changed(_SCORE, _RATING),
        ),
        pair(
            "to expert mode with the layers kept, one of them edited in both",
            every(
                put(mode="expert"),
                put("visualLayers.0", neurons=24),
                script("Dense(20,", "Dense(24,"),
            ),
            LAYERS.changed("mode").open(),
            SCRIPT.changed("script"),
        ),
        pair(
            "a type that the schema lacks",
            put("visualLayers.1", type="quantumDense"),
            LAYERS.replaced("visualLayers[1]"),
        ),
    ),
    *on(
        "keras-object-detection",
        pair(
            "another base, and the threshold moved",
            every(
                put(visualLayers=_YOLO["visualLayers"], script="", minimumConfidenceRating=0.6),
                put(customParameters=_YOLO["customParameters"], trainingCycles=30),
                put(learningRate=0.0005),
                put("thresholds.0", value=0.6),
            ),
            LAYERS.replaced(
                "visualLayers[0]", "customParameters", "trainingCycles", "learningRate", "script"
            ),
            THRESHOLDS.changed(_SCORE, _RATING),
        ),
        pair(
            "another base, and a label more",
            every(
                put(visualLayers=[{"type": "fomo_mobilenet_v2_a01"}]),
                put("dependencies", classes=_MORE, outputClasses=_MORE),
            ),
            LAYERS.replaced("visualLayers[0]"),
            DATA.changed(_CLASSES, _OUTPUT),
        ),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "another base with its head and its images, augmentation off",
            every(
                put("visualLayers.0", type="transfer_mobilenetv2_a35", neurons=32),
                put(augmentationPolicyImage="none", shape="(96, 96, 3)"),
                put("dependencies", featureCount=27648),
            ),
            LAYERS.replaced("visualLayers[0]"),
            TRAINING.changed("augmentationPolicyImage"),
            DATA.changed("shape", "dependencies.featureCount"),
        ),
    ),
    *on(
        "stack",
        pair(
            "neighbours swapped, a layer twice, another edited",
            put(
                visualLayers=[
                    CONVOLUTION,
                    RESHAPE,
                    DROPOUT,
                    FLATTEN,
                    DROPOUT,
                    {**DENSE, "neurons": 32},
                ]
            ),
            LAYERS.moved("visualLayers[1]"),
            LAYERS.added("visualLayers[4]"),
            LAYERS.changed("visualLayers[5].neurons"),
        ),
        pair(
            "a layer switched off and edited",
            put("visualLayers.1", enabled=False, neurons=16),
            LAYERS.added("visualLayers[1].enabled"),
            IDLE_LAYER.changed("visualLayers[1].neurons"),
        ),
        pair(
            "one replaced, one moved, one edited",
            put(
                visualLayers=[
                    {"type": "batchNormalization"},
                    CONVOLUTION,
                    FLATTEN,
                    DROPOUT,
                    {**DENSE, "neurons": 5},
                ]
            ),
            LAYERS.replaced("visualLayers[0]"),
            LAYERS.moved("visualLayers[3]"),
            LAYERS.changed("visualLayers[4].neurons"),
        ),
    ),
    *on(
        "twins",
        pair(
            "one of two alike switched off, and a swap with one of three alike",
            every(put("visualLayers.2", enabled=False), move("visualLayers", 4, 5)),
            LAYERS.added("visualLayers[2].enabled"),
            LAYERS.moved("visualLayers[5]"),
        ),
    ),
    *on(
        "layer off",
        pair(
            "a layer that was off is edited and switched on",
            put("visualLayers.1", enabled=True, kernelSize=5),
            LAYERS.changed("visualLayers[1].enabled"),
            LAYERS.changed("visualLayers[1].kernelSize"),
        ),
    ),
)

_DATA_AND_THRESHOLDS = (
    *on(
        "keras",
        pair(
            "a label renamed, the outputs in another order, a threshold moved",
            every(
                put("dependencies", classes=["rest", "updown", "wave"]),
                put("dependencies", outputClasses=["updown", "rest", "wave"]),
                put(minimumConfidenceRating=0.7),
                put("thresholds.0", value=0.7),
            ),
            DATA.changed(_CLASSES),
            DATA.changed(_OUTPUT),
            THRESHOLDS.changed(_SCORE, _RATING),
        ),
        pair(
            "a label and another input with their features",
            every(
                put("dependencies", classes=_MORE, outputClasses=_MORE, featureCount=52),
                put("dependencies", blockNames=["Spectral features", "Flatten"]),
                put(shape="(52,)"),
            ),
            DATA.changed("shape", "dependencies.featureCount", "dependencies.blockNames"),
            DATA.changed(_CLASSES, _OUTPUT),
        ),
        pair(
            "the learned optimizer on, and a rate that acts no more",
            put(useLearnedOptimizer=True, learningRate=0.01),
            TRAINING.changed("useLearnedOptimizer"),
            IDLE.changed("learningRate"),
        ),
        pair(
            "unknown keys of all shapes, at three depths",
            every(
                put(shardCount=4, nested={"a": {"b": 1}}, tagList=["x"], nothing=None),
                put("visualLayers.0", quantised=True),
                put("dependencies", axisCount=3),
            ),
            UNKNOWN.added("shardCount"),
            UNKNOWN.added("nested"),
            UNKNOWN.added("tagList"),
            UNKNOWN.added("visualLayers[0].quantised"),
            UNKNOWN.added("dependencies.axisCount"),
        ),
        pair(
            "every part of a visual block",
            every(
                put(name="N", trainingCycles=50, showAdvancedTrainingSettings=True),
                put("visualLayers.0", neurons=21),
                put("thresholds.0", value=0.61),
                put("dependencies", classes=["idle", "wave"], outputClasses=["idle", "wave"]),
                put("dependencies", sampleCount=1),
                script("Dense(20,", "Dense(21,"),
            ),
            NAME.changed("name"),
            TRAINING.changed("trainingCycles").open(),
            LAYERS.changed("visualLayers[0].neurons").open(),
            THRESHOLDS.changed(_SCORE),
            DATA.changed(_CLASSES).open(),
            DATA.changed(_OUTPUT).open(),
            SAMPLES.changed("dependencies.sampleCount"),
            floating=("script",),
            suppressed=1,
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "thresholds in another order, a number as text, a method chosen",
            every(
                put("thresholds.0", value="7.23"),
                put("thresholds.1", value="mean"),
                reverse("thresholds"),
            ),
            THRESHOLDS.changed("thresholds[anomaly_scoring_aggregation_method].value"),
        ),
    ),
    *on(
        "newer Studio",
        pair(
            "an unknown key renamed, another to null, two of other types",
            every(
                cut("isSharded"),
                put(sharded=True, tags=None, flags=[False, True], __seen="1", note=False),
            ),
            UNKNOWN.removed("isSharded"),
            UNKNOWN.added("sharded"),
            UNKNOWN.changed("tags"),
            UNKNOWN.changed("flags"),
            UNKNOWN.changed("__seen"),
            UNKNOWN.changed("note"),
        ),
    ),
    *on(
        "bare",
        pair(
            "what is not set in many ways, and a zero",
            every(
                put(batchSize=None, autoClassWeights=None, customValidationMetadataKey=None),
                put(augmentationPolicySpectrogram={}, useLearnedOptimizer=False),
                put(akidaEdgeLearningConfig={"enabled": False}, customParameters={}),
                put(trainTestSplit=0),
            ),
            TRAINING.added("trainTestSplit"),
        ),
    ),
)

_LIFE_AND_VENDOR = (
    *on(
        "retrain",
        pair(
            "edited, and trained since",
            every(
                put(selectedModelType="int8", trainingCycles=40),
                put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50"),
            ),
            MODEL_TYPE.changed(_TYPE),
            SUGGESTED.changed(_SUGGESTED, f"{_SUGGESTED}Text"),
            TRAINING.changed("trainingCycles"),
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "trained at last with a layer edited",
            every(put(trained=True), put("visualLayers.1", neurons=12)),
            TRAINED.changed("trained"),
            LAYERS.changed("visualLayers[1].neurons"),
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "a training lost with its script edited",
            every(put(trained=False), script("epochs or 30", "epochs or 60")),
            LOST.changed("trained"),
            SCRIPT.changed("script"),
        ),
        pair(
            "a comment, and Studio asks to train again",
            every(script("# Use this flag", "# Set this flag"), _AGAIN),
            SAME_PROGRAM.changed("script"),
            RETRAIN.changed(_TYPE),
        ),
    ),
    *on(
        "keras",
        pair(
            "another template, and Studio asks to train again",
            every(script("activation='relu'", "activation='gelu'"), _AGAIN),
            TEMPLATE.changed("script"),
            RETRAIN.changed(_TYPE),
        ),
        pair(
            "the vendor's words above one edit",
            every(
                put("thresholds.0", description="Score", helpText="Lower is uncertain."),
                put("transferLearningModels.0", description="Trees."),
                put("transferLearningModels.3", name="Ridge"),
                put(trainTestSplit=0.3),
            ),
            CATALOGUE.changed("thresholds[min_score].description"),
            CATALOGUE.changed("thresholds[min_score].helpText"),
            CATALOGUE.changed("transferLearningModels[transfer_organization:900].description"),
            CATALOGUE.changed("transferLearningModels[transfer_organization:903].name"),
            TRAINING.changed("trainTestSplit"),
        ),
        pair(
            "a batch size left to a default that moved",
            every(cut("batchSize"), put(defaultBatchSize=64)),
            TRAINING.removed("batchSize"),
            CATALOGUE.changed("defaultBatchSize"),
        ),
        pair(
            "another type under the same id with all that goes with it",
            every(
                put(type="keras-akida", extra=1, defaultBatchSize=64, visualLayers=[DENSE]),
                put("thresholds.0", value=0.9),
            ),
            BLOCK.replaced("type").open(),
        ),
    ),
    *on(
        "versioned",
        pair(
            "the model in use in another version and withdrawn, another model's first version",
            every(
                put("transferLearningModels.0", implementationVersion=2),
                put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN),
                put("transferLearningModels.2", implementationVersion=1),
            ),
            IN_USE.changed(f"{_FOMO}.implementationVersion"),
            IN_USE.added(f"{_FOMO}.blockNoLongerAvailable"),
            CATALOGUE.added(f"{_SSD}.implementationVersion"),
        ),
    ),
    *on(
        "two overlaps",
        pair(
            "two thresholds moved, the rating with the second",
            every(
                put("thresholds.0", value=0.4),
                put("thresholds.1", value=0.7),
                put(minimumConfidenceRating=0.7),
            ),
            THRESHOLDS.changed(_SCORE),
            THRESHOLDS.changed("thresholds[iou].value", _RATING),
        ),
    ),
)

PAIRS = (*_LAYERS_AND_MODES, *_DATA_AND_THRESHOLDS, *_LIFE_AND_VENDOR)
