"""Swaps of the base model, with layers that name none, and the model in use."""

from __future__ import annotations

from tests.signal.bases import DENSE
from tests.signal.edits import cut, every, insert, place, put, script
from tests.signal.pairs import (
    CATALOGUE,
    DATA,
    IDLE_LAYER,
    IN_USE,
    LAYERS,
    RATING,
    SUGGESTED,
    THRESHOLDS,
    TRAINING,
    on,
    pair,
)

_MODELS = "transferLearningModels"
_RATES = ("trainingCycles", "learningRate")
_XGBOOST = {"type": "transfer_organization", "organizationModelId": 900}
_YOLOV5 = {"type": "transfer_organization", "organizationModelId": 163}
_AGAIN = put(selectedModelType="requiresRetrain")
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}
_NMS = {"key": "nms", "description": "Suppression", "helpText": "", "value": 0.2}

_LAYERS_TO_MODEL = (
    *on(
        "one layer",
        pair(
            "a model for a layer that names none",
            every(
                put(visualLayers=[_XGBOOST], customParameters={"max-depth": "6"}),
                put(trainingCycles=10, learningRate=0.3, script=""),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters", *_RATES, "script"),
            state="stale",
        ),
        pair(
            "a model for a layer that names none, with a threshold and a batch of its own",
            every(
                put(visualLayers=[_XGBOOST], batchSize=64),
                insert("thresholds.1", _NMS),
            ),
            LAYERS.replaced("visualLayers[0]", "thresholds[nms]"),
            TRAINING.changed("batchSize"),
        ),
        pair(
            "a layer of another type, which is no swap of a model",
            every(put(visualLayers=[{"type": "flatten"}], trainingCycles=60)),
            LAYERS.replaced("visualLayers[0]"),
            TRAINING.changed("trainingCycles"),
        ),
    ),
    *on(
        "classical",
        pair(
            "a layer that names none for a model",
            every(
                put(visualLayers=[DENSE], script="x = 1\n", trainingCycles=50),
                cut("customParameters"),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters", "trainingCycles", "script"),
            state="stale",
        ),
        pair(
            "a layer that names none for a model, and thresholds that come and go",
            every(
                put(visualLayers=[{"type": "flatten"}], learningRate=0.1),
                place("thresholds.0", _NMS),
                cut("customParameters"),
            ),
            LAYERS.replaced(
                "visualLayers[0]",
                "customParameters",
                "learningRate",
                "thresholds[min_score]",
                "thresholds[nms]",
            ),
        ),
        pair(
            "one parameter without a swap",
            put("customParameters", **{"max-depth": "8"}),
            TRAINING.changed("customParameters.max-depth"),
        ),
        pair(
            "another model, every parameter another, cycles too",
            every(
                put("visualLayers.0", organizationModelId=902),
                put(customParameters={"solver": "lbfgs"}, trainingCycles=12),
            ),
            LAYERS.replaced(
                "visualLayers[0]",
                "trainingCycles",
                "customParameters.solver",
                "customParameters.learning-rate",
                "customParameters.max-depth",
            ),
        ),
        pair(
            "another model, and Studio asks to train again",
            every(
                put("visualLayers.0", organizationModelId=902),
                put("customParameters", **{"max-depth": "8"}),
                _AGAIN,
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters.max-depth", "selectedModelType"),
        ),
        pair(
            "another model with a moved label",
            every(
                put("visualLayers.0", organizationModelId=902),
                put("dependencies", outputClasses=["wave", "updown", "idle"]),
                put("customParameters", **{"max-depth": "8"}),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters.max-depth"),
            DATA.changed("dependencies.outputClasses"),
        ),
    ),
    *on(
        "keras",
        pair(
            "a model for the first of two layers",
            every(
                place("visualLayers.0", _XGBOOST),
                put(customParameters={"max-depth": "6"}, script=""),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters", "script"),
        ),
        pair(
            "parameters that belong to no swap",
            put(customParameters={"max-depth": "6"}, trainingCycles=60),
            TRAINING.added("customParameters"),
            TRAINING.changed("trainingCycles"),
        ),
    ),
    *on(
        "model off",
        pair(
            "another model that is off, with a parameter",
            every(
                put("visualLayers.0", organizationModelId=901),
                put("customParameters", **{"max-depth": "8"}),
            ),
            IDLE_LAYER.replaced("visualLayers[0]"),
            TRAINING.changed("customParameters.max-depth"),
            state="stale",
        ),
        pair(
            "another model, switched on with a parameter",
            every(
                place("visualLayers.0", {**_XGBOOST, "organizationModelId": 901}),
                put("customParameters", **{"max-depth": "8"}),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters.max-depth"),
        ),
    ),
)

_DETECTORS = (
    *on(
        "keras-object-detection-yolo-pro",
        pair(
            "one threshold for another with the model",
            every(put(visualLayers=[_YOLOV5]), place("thresholds.0", _NMS)),
            LAYERS.replaced("visualLayers[0]", "thresholds[min_score]", "thresholds[nms]"),
        ),
        pair(
            "two thresholds come with the model, one that stays is edited",
            every(
                put(visualLayers=[_YOLOV5]),
                put("thresholds.0", value=0.3),
                insert("thresholds.1", _NMS),
                insert("thresholds.1", {**_NMS, "key": "iou"}),
            ),
            LAYERS.replaced("visualLayers[0]", "thresholds[nms]", "thresholds[iou]"),
            THRESHOLDS.changed("thresholds[min_score].value"),
        ),
        pair(
            "a threshold that comes without a swap",
            insert("thresholds.1", _NMS),
            THRESHOLDS.added("thresholds[nms]"),
        ),
        pair(
            "the model, and the rating on its own",
            every(put(visualLayers=[_YOLOV5]), put(minimumConfidenceRating=0.9)),
            LAYERS.replaced("visualLayers[0]"),
            RATING.changed("minimumConfidenceRating"),
        ),
        pair(
            "the model to one that is withdrawn the same night",
            every(
                put(visualLayers=[_YOLOV5]),
                put(f"{_MODELS}.3", blockNoLongerAvailable=_WITHDRAWN),
            ),
            LAYERS.replaced("visualLayers[0]"),
            IN_USE.added(f"{_MODELS}[transfer_organization:163].blockNoLongerAvailable"),
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "another anomaly model with another suggestion",
            every(
                place("visualLayers.0", {"type": "fomo_ad_patchcore"}),
                put("thresholds.0", suggestedValue=3.5, suggestedValueText="3.50"),
            ),
            LAYERS.replaced("visualLayers[0]"),
            SUGGESTED.changed(
                "thresholds[min_anomaly_score].suggestedValue",
                "thresholds[min_anomaly_score].suggestedValueText",
            ),
        ),
    ),
    *on(
        "keras-object-detection",
        pair(
            "the first version of the model in use",
            put(f"{_MODELS}.0", implementationVersion=1),
            CATALOGUE.added(f"{_MODELS}[fomo_mobilenet_v2_a35].implementationVersion"),
            state="trained",
        ),
        pair(
            "another detector with the generated script, the cycles and a policy",
            every(
                place("visualLayers.0", {"type": "fomo_mobilenet_v2_a01"}),
                script("0.35", "0.1"),
                put(trainingCycles=90, augmentationPolicyImage="all"),
            ),
            LAYERS.replaced("visualLayers[0]", "trainingCycles", "script"),
            TRAINING.changed("augmentationPolicyImage"),
        ),
    ),
    *on(
        "versioned",
        pair(
            "the model in use of another version, with a batch",
            every(put(f"{_MODELS}.0", implementationVersion=2), put(batchSize=64)),
            IN_USE.changed(f"{_MODELS}[fomo_mobilenet_v2_a35].implementationVersion"),
            TRAINING.changed("batchSize"),
            state="stale",
        ),
    ),
)

PAIRS = (*_LAYERS_TO_MODEL, *_DETECTORS)
