"""What the pairs start from: the nine samples, and samples with more in them."""

from __future__ import annotations

from typing import Any

from auditor.demo.studio_server import sample_blocks
from tests.signal.edits import Answer, Edit, cut, edited, every, insert, place, put, script

SAMPLES: dict[str, Answer] = dict(sample_blocks())
EI_KEY = "ei_" + "0a1b2c3d" * 6
KEY_OF_LETTERS = "ei_" + "Own-key_" * 5
CANARY = "canary-7f3a"

RESHAPE = {"type": "reshape", "columns": 13}
CONVOLUTION = {"type": "conv1d", "neurons": 8, "kernelSize": 3, "stack": 1}
DROPOUT = {"type": "dropout", "dropoutRate": 0.25}
FLATTEN = {"type": "flatten"}
DENSE = {"type": "dense", "neurons": 20}
_STACK = [RESHAPE, CONVOLUTION, DROPOUT, FLATTEN, DENSE]
_TWINS = [CONVOLUTION, DROPOUT, CONVOLUTION, DROPOUT, FLATTEN, DENSE, DENSE, DENSE]

_OPTIONAL = (
    "batchSize",
    "trainTestSplit",
    "autoClassWeights",
    "useLearnedOptimizer",
    "augmentationPolicySpectrogram",
    "customValidationMetadataKey",
    "lastShownModelVariant",
)
_PATCHCORE = {
    "backbone": "mobilenet_v2",
    "numLayers": 2,
    "poolSize": 3,
    "samplingRatio": 0.1,
    "numNearestNeighbors": 9,
}
_WITHDRAWN = {"reasonMarkdown": "Use *v2*", "reasonHtml": "Use <i>v2</i>"}
_TOKEN = {
    "name": "Token",
    "type": "secret",
    "param": "token",
    "value": CANARY,
    "defaultValue": "",
    "readonly": False,
    "shouldShow": True,
    "required": False,
    "showClickToSet": True,
}
_OPTION = {
    "value": "lbfgs",
    "selected": True,
    "optionLabel": "lbfgs",
    "priority": 1,
    "romEstimate": 1000,
    "needsOps": ["ADD", "MUL"],
    "needsFeatures": ["fpu"],
}
_UNKNOWN: dict[str, Any] = {
    "isSharded": True,
    "note": None,
    "shardingConfig": {"folds": 5, "seed": {"value": 1}},
    "tags": ["a", "b"],
    "flags": [False, 1],
    "__seen": 1,
}
_KNOWN: dict[str, Any] = {
    "isMultiHead": True,
    "kFoldsValidationConfig": {"folds": 5},
    "customBlockRef": "block-1",
}
_ACCENTED = ["idle", "na\u00efve", "wave"]
_PROGRAM = '''import os
import sys
import tensorflow as tf
from tensorflow.keras.layers import Dense, Dropout

EPOCHS = 30


def head(model, units=20):
    """Add the head."""
    model.add(Dense(units, activation="relu"))
    return model


class Stop(tf.keras.callbacks.Callback):
    """Stop early."""

    patience = 3


model = head(tf.keras.Sequential())
model.fit(train_dataset, epochs=EPOCHS, callbacks=[Stop()])
'''
_BINDING_ONE_NAME = "from keras.layers import Dense\nfrom mine import Dense\nx = Dense(1)\n"
_NOTEBOOK = "!pip install qkeras\n%load_ext tensorboard\nimport qkeras\n\nEPOCHS = 30\n"
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.45}


def _spectrogram(*, enabled: bool) -> Edit:
    details = {"warping": True, "freqMasking": "low", "timeMasking": "low", "gaussianNoise": "low"}
    return put(augmentationPolicySpectrogram={"enabled": enabled, **details})


def _akida(*, enabled: bool) -> Edit:
    details = {"additionalClasses": 2, "neuronsPerClass": 10}
    return put(akidaEdgeLearningConfig={"enabled": enabled, **details})


_MODELS = "transferLearningModels"
_YOLO = "keras-object-detection-yolo-pro"
_FOMO = "keras-object-detection"
_MADE: dict[str, tuple[str, Edit]] = {
    "stack": ("keras", put(visualLayers=_STACK)),
    "twins": ("keras", put(visualLayers=_TWINS)),
    "layer off": (
        "keras",
        put(visualLayers=[RESHAPE, {**CONVOLUTION, "enabled": False}, *_STACK[2:]]),
    ),
    "bare": ("keras", cut(*_OPTIONAL)),
    "null batch": ("keras", put(batchSize=None)),
    "learned": ("keras", put(useLearnedOptimizer=True)),
    "spectrogram on": ("keras-transfer-kws", _spectrogram(enabled=True)),
    "spectrogram off": ("keras-transfer-kws", _spectrogram(enabled=False)),
    "akida on": ("keras", _akida(enabled=True)),
    "akida off": ("keras", _akida(enabled=False)),
    "retrain": ("keras-visual-anomaly", put(selectedModelType="requiresRetrain")),
    "patchcore": (
        "keras-visual-anomaly",
        put(visualLayers=[{"type": "fomo_ad_patchcore"}], blockParameters=_PATCHCORE),
    ),
    "classical": (
        "keras",
        put(
            visualLayers=[{"type": "transfer_organization", "organizationModelId": 900}],
            customParameters={"learning-rate": "0.3", "max-depth": "6"},
            script="",
        ),
    ),
    "broken script": ("keras-expert", script("EPOCHS =", "EPOCHS = (")),
    "keyed script": ("keras-expert", script("EPOCHS =", f'KEY = "{EI_KEY}"\nEPOCHS =')),
    "two scores": (
        "keras",
        insert(
            "thresholds.1", {"key": "min_score", "description": "", "helpText": "", "value": 2}
        ),
    ),
    "text score": ("keras", put("thresholds.0", value="0.6")),
    "secret": (
        _YOLO,
        every(
            put("customParameters", token=CANARY),
            insert("transferLearningModels.4.customParameters.0", _TOKEN),
        ),
    ),
    "withdrawn": (
        _FOMO,
        every(
            put("transferLearningModels.0", blockNoLongerAvailable=_WITHDRAWN),
            put("transferLearningModels.1", blockNoLongerAvailable=_WITHDRAWN),
        ),
    ),
    "versioned": (
        _FOMO,
        every(
            put("transferLearningModels.0", implementationVersion=1),
            put("transferLearningModels.1", implementationVersion=1),
        ),
    ),
    "options": (
        "keras",
        place("transferLearningModels.2.customParameters.0.selectOptions.0", _OPTION),
    ),
    "newer Studio": ("keras", put(**_UNKNOWN)),
    "known keys": (
        "keras",
        every(put(**_KNOWN), put("dependencies", classesPerKey={"label": ["idle", "wave"]})),
    ),
    "one layer": ("keras", put(visualLayers=[DENSE])),
    "model off": (
        "keras",
        put(
            visualLayers=[
                {"type": "transfer_organization", "organizationModelId": 900, "enabled": False}
            ],
            customParameters={"learning-rate": "0.3", "max-depth": "6"},
            script="",
        ),
    ),
    "accented": ("keras", put("dependencies", classes=_ACCENTED, outputClasses=_ACCENTED)),
    "two inputs": ("keras", put("dependencies", blockNames=["Flatten", "Spectral features"])),
    "class weights": ("keras", put(autoClassWeights=True)),
    "program": ("keras-expert", put(script=_PROGRAM)),
    "one name twice": ("keras-expert", put(script=_BINDING_ONE_NAME)),
    "notebook": ("keras-expert", put(script=_NOTEBOOK)),
    "long program": ("keras-expert", put(script="model.add(Dense(20))\n" * 4000)),
    "two overlaps": (_YOLO, insert("thresholds.1", _IOU)),
    "many samples": ("keras", put("dependencies", sampleCount=2**53)),
    "two of a model": ("keras", insert("transferLearningModels.1", SAMPLES["keras"][_MODELS][0])),
    "no augmentation": ("keras", put(augmentationPolicySpectrogram=None)),
}

BASES: dict[str, Answer] = SAMPLES | {
    name: edited(SAMPLES[sample], edit) for name, (sample, edit) in _MADE.items()
}
