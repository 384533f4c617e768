"""Switches of the mode, and swaps of the base model with all that Studio resets."""

from __future__ import annotations

from tests.signal.bases import SAMPLES
from tests.signal.edits import cut, every, insert, place, put, script
from tests.signal.pairs import (
    IN_USE,
    LAYERS,
    LOST,
    SCRIPT,
    THRESHOLDS,
    TRAINING,
    on,
    pair,
)

_YOLO = "keras-object-detection-yolo-pro"
_STACK, _RATES = "visualLayers", ("trainingCycles", "learningRate")
_TO_EXPERT = put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)
_TO_VISUAL = put(
    mode="visual", visualLayers=[{"type": "flatten"}], trainingCycles=30, learningRate=0.0005
)
_MINE = script("EPOCHS =", "# mine now\nEPOCHS =")
_OTHER = script("Adam(", "SGD(")
_AGAIN = put(selectedModelType="requiresRetrain")
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.45}
_YOLOV5 = {"type": "transfer_organization", "organizationModelId": 163}
_SPARSE = LAYERS.changed("mode", _STACK, *_RATES)

_EXPERT = (
    *on(
        "keras",
        pair("to expert", _TO_EXPERT, _SPARSE),
        pair(
            "to expert, the script the same program",
            every(_TO_EXPERT, _MINE),
            LAYERS.changed("mode", _STACK, *_RATES, "script"),
        ),
        pair(
            "to expert with another program",
            every(_TO_EXPERT, _OTHER),
            _SPARSE,
            SCRIPT.changed("script"),
        ),
        pair("to expert, nothing else yet", put(mode="expert"), LAYERS.changed("mode")),
        pair(
            "to expert with a setting",
            every(_TO_EXPERT, put(batchSize=64)),
            _SPARSE,
            TRAINING.changed("batchSize"),
        ),
        pair(
            "to expert with a setting and another program",
            every(_TO_EXPERT, _OTHER, put(batchSize=64)),
            _SPARSE,
            SCRIPT.changed("script"),
            TRAINING.changed("batchSize"),
        ),
        pair(
            "to expert with a threshold and its mirror",
            every(_TO_EXPERT, put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.5)),
            _SPARSE,
            THRESHOLDS.changed("thresholds[min_score].value", "minimumConfidenceRating"),
        ),
        pair(
            "to expert, and Studio asks to train again",
            every(_TO_EXPERT, _AGAIN),
            LAYERS.changed("mode", _STACK, *_RATES, "selectedModelType"),
        ),
        pair(
            "to expert, training lost",
            every(_TO_EXPERT, put(trained=False, selectedModelType="float32")),
            _SPARSE,
            LOST.changed("trained", "selectedModelType"),
        ),
        pair(
            "to expert, another variant shown",
            every(_TO_EXPERT, put(lastShownModelVariant="float32")),
            _SPARSE,
            suppressed=1,
        ),
    ),
    *on("keras-transfer-image", pair("transfer block to expert", _TO_EXPERT, _SPARSE)),
    *on("keras-transfer-kws", pair("keyword block to expert", _TO_EXPERT, _SPARSE)),
    *on("keras-regression", pair("regression to expert", _TO_EXPERT, _SPARSE)),
    *on("keras-visual-anomaly", pair("anomaly block to expert", _TO_EXPERT, _SPARSE)),
    *on(
        "keras-object-detection",
        pair("detector to expert", _TO_EXPERT, _SPARSE),
        pair(
            "detector to expert, the model of its last stack withdrawn",
            every(_TO_EXPERT, put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN)),
            _SPARSE,
            IN_USE.added("transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable"),
        ),
    ),
    *on(
        "keras-expert",
        pair("to visual", _TO_VISUAL, _SPARSE),
        pair(
            "to visual with the program generated anew",
            every(_TO_VISUAL, _OTHER),
            _SPARSE,
            SCRIPT.changed("script"),
        ),
        pair(
            "to visual with a setting and a comment",
            every(_TO_VISUAL, _MINE, put(batchSize=64)),
            LAYERS.changed("mode", _STACK, *_RATES, "script"),
            TRAINING.changed("batchSize"),
        ),
        pair(
            "to visual with a setting and another program",
            every(_TO_VISUAL, _OTHER, put(batchSize=64)),
            _SPARSE,
            TRAINING.changed("batchSize"),
            SCRIPT.changed("script"),
        ),
    ),
)

_DETECTORS = (
    *on(
        "keras-object-detection",
        pair(
            "a smaller detector",
            place("visualLayers.0", {"type": "fomo_mobilenet_v2_a01"}),
            LAYERS.replaced("visualLayers[0]"),
        ),
        pair(
            "another detector with its rates",
            every(
                place("visualLayers.0", {"type": "object_ssd_mobilenet_v2_fpnlite_320x320"}),
                put(trainingCycles=25, learningRate=0.15),
            ),
            LAYERS.replaced("visualLayers[0]", *_RATES),
        ),
        pair(
            "an organization's model with all that comes with it",
            every(
                put(visualLayers=[_YOLOV5], customParameters={"epochs": "30", "model-size": "n"}),
                put(trainingCycles=30, learningRate=0.0005, script=""),
                insert("thresholds.1", _IOU),
            ),
            LAYERS.replaced(
                "visualLayers[0]", "customParameters", *_RATES, "script", "thresholds[iou]"
            ),
        ),
        pair(
            "another detector, another program and a batch size of its own",
            every(
                place("visualLayers.0", {"type": "fomo_mobilenet_v2_a01"}),
                script("0.35", "0.1"),
                put(batchSize=16),
            ),
            LAYERS.replaced("visualLayers[0]", "script"),
            TRAINING.changed("batchSize"),
        ),
        pair(
            "another detector, and Studio asks to train again",
            every(place("visualLayers.0", {"type": "fomo_mobilenet_v2_a01"}), _AGAIN),
            LAYERS.replaced("visualLayers[0]", "selectedModelType"),
        ),
        pair(
            "another detector, training lost",
            every(
                place("visualLayers.0", {"type": "fomo_mobilenet_v2_a01"}),
                put(trained=False, learningRate=0.01),
                _AGAIN,
            ),
            LAYERS.replaced("visualLayers[0]", "learningRate"),
            LOST.changed("trained", "selectedModelType"),
        ),
    ),
    *on(
        _YOLO,
        pair(
            "another model of an organization",
            place("visualLayers.0", _YOLOV5),
            LAYERS.replaced("visualLayers[0]"),
        ),
        pair(
            "another model of an organization, parameters and thresholds",
            every(
                put(visualLayers=[_YOLOV5], customParameters={"epochs": "30"}, trainingCycles=25),
                put("thresholds.0", value=0.4),
                insert("thresholds.1", _IOU),
            ),
            LAYERS.replaced(
                "visualLayers[0]",
                "trainingCycles",
                "customParameters.epochs",
                "customParameters.sizing",
                "customParameters.architecture-type",
                "thresholds[iou]",
            ),
            THRESHOLDS.changed("thresholds[min_score].value"),
        ),
        pair(
            "a detector of the vendor, parameters and threshold gone",
            every(
                put(visualLayers=[{"type": "fomo_mobilenet_v2_a35"}]),
                put(trainingCycles=60, learningRate=0.001),
                put(script=SAMPLES["keras-object-detection"]["script"]),
                cut("customParameters", "thresholds.0"),
            ),
            LAYERS.replaced(
                "visualLayers[0]",
                "customParameters",
                *_RATES,
                "script",
                "thresholds[min_score]",
            ),
        ),
    ),
)

_OTHER_MODELS = (
    *on(
        "keras-transfer-image",
        pair(
            "another transfer model with its own head",
            every(
                place(
                    "visualLayers.0",
                    {"type": "transfer_mobilenetv2_a35", "neurons": 0, "dropoutRate": 0.2},
                ),
                put(learningRate=0.001),
            ),
            LAYERS.replaced("visualLayers[0]", "learningRate"),
        ),
        pair(
            "another transfer model, a threshold and its mirror",
            every(
                put("visualLayers.0", type="transfer_mobilenetv2_a35"),
                put("thresholds.0", value=0.8),
                put(minimumConfidenceRating=0.8),
            ),
            LAYERS.replaced("visualLayers[0]"),
            THRESHOLDS.changed("thresholds[min_score].value", "minimumConfidenceRating"),
        ),
        pair(
            "a model of an organization, another input",
            every(
                place("visualLayers.0", {**_YOLOV5, "organizationModelId": 8}),
                put(customParameters={"epochs": "5"}, script="", augmentationPolicyImage="none"),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters", "script"),
            TRAINING.changed("augmentationPolicyImage"),
        ),
    ),
    *on(
        "keras-transfer-kws",
        pair(
            "another keyword model with its rate",
            every(
                place("visualLayers.0", {"type": "transfer_kws_conv2d_tiny", "dropoutRate": 0.5}),
                put(learningRate=0.005),
            ),
            LAYERS.replaced("visualLayers[0]", "learningRate"),
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "another anomaly model, its block parameters and capacity",
            every(
                place("visualLayers.0", {"type": "fomo_ad_patchcore"}),
                put("blockParameters", numLayers=2, poolSize=3),
                put(anomalyCapacity="low"),
            ),
            LAYERS.replaced("visualLayers[0]"),
            TRAINING.added("blockParameters.numLayers"),
            TRAINING.added("blockParameters.poolSize"),
            TRAINING.changed("anomalyCapacity"),
        ),
        pair(
            "another anomaly model, one threshold gone, one value changed",
            every(
                place("visualLayers.0", {"type": "fomo_ad_patchcore"}),
                put("thresholds.0", value=3.5),
                cut("thresholds.1"),
            ),
            LAYERS.replaced("visualLayers[0]", "thresholds[anomaly_scoring_aggregation_method]"),
            THRESHOLDS.changed("thresholds[min_anomaly_score].value"),
        ),
    ),
    *on(
        "classical",
        pair(
            "another classical model with its parameters",
            every(
                put("visualLayers.0", organizationModelId=901),
                put("customParameters", **{"num-iterations": "10"}),
                cut("customParameters.learning-rate"),
            ),
            LAYERS.replaced(
                "visualLayers[0]",
                "customParameters.num-iterations",
                "customParameters.learning-rate",
            ),
        ),
    ),
)

PAIRS = (*_EXPERT, *_DETECTORS, *_OTHER_MODELS)
