"""Every setting of training, and settings that cannot act."""

from __future__ import annotations

from tests.signal.bases import CANARY
from tests.signal.edits import cut, every, put
from tests.signal.pairs import CATALOGUE, IDLE, PROFILING, TRAINING, UNKNOWN, on, pair

_YOLO = "keras-object-detection-yolo-pro"
_SPECTROGRAM = "augmentationPolicySpectrogram"
_AKIDA = "akidaEdgeLearningConfig"

_SCALARS = on(
    "keras",
    pair("cycles", put(trainingCycles=60), TRAINING.changed("trainingCycles")),
    pair("cycles by one", put(trainingCycles=31), TRAINING.changed("trainingCycles")),
    pair("rate", put(learningRate=0.001), TRAINING.changed("learningRate")),
    pair("rate to 0", put(learningRate=0), TRAINING.changed("learningRate")),
    pair("batch", put(batchSize=64), TRAINING.changed("batchSize")),
    pair("the default batch set to null", put(batchSize=None)),
    pair("the default batch taken away", cut("batchSize")),
    pair("split", put(trainTestSplit=0.25), TRAINING.changed("trainTestSplit")),
    pair("split taken away", cut("trainTestSplit"), TRAINING.removed("trainTestSplit")),
    pair("class weights", put(autoClassWeights=True), TRAINING.changed("autoClassWeights")),
    pair("optimizer", put(useLearnedOptimizer=True), TRAINING.changed("useLearnedOptimizer")),
    pair(
        "image augmentation",
        put(augmentationPolicyImage="all"),
        TRAINING.changed("augmentationPolicyImage"),
    ),
    pair(
        "validation key",
        put(customValidationMetadataKey="person"),
        TRAINING.changed("customValidationMetadataKey"),
    ),
    pair(
        "capacity for the first time",
        put(anomalyCapacity="low"),
        TRAINING.added("anomalyCapacity"),
    ),
    pair("profiling", put(profileInt8=False), PROFILING.changed("profileInt8")),
    pair(
        "embeddings",
        put(skipEmbeddingsAndMemory=True),
        PROFILING.changed("skipEmbeddingsAndMemory"),
    ),
    pair(
        "four settings at once",
        put(trainingCycles=60, batchSize=64, trainTestSplit=0.3, autoClassWeights=True),
        TRAINING.changed("trainingCycles"),
        TRAINING.changed("batchSize"),
        TRAINING.changed("trainTestSplit"),
        TRAINING.changed("autoClassWeights"),
    ),
    pair(
        "parameters for the first time",
        put(customParameters={"epochs": "30"}),
        TRAINING.added("customParameters"),
    ),
    pair(
        "block parameters for the first time",
        put(blockParameters={"backbone": "mobilenet_v2"}),
        TRAINING.added("blockParameters"),
    ),
    pair(
        "Akida for the first time",
        put(akidaEdgeLearningConfig={"enabled": True, "additionalClasses": 2}),
        TRAINING.added(_AKIDA),
    ),
    pair(
        "spectrogram augmentation on",
        put(_SPECTROGRAM, enabled=True, warping=True),
        TRAINING.changed(_SPECTROGRAM).open(),
    ),
)

_ABSENT = (
    *on(
        "bare",
        pair("batch for the first time", put(batchSize=16), TRAINING.added("batchSize")),
        pair("batch of 0", put(batchSize=0), TRAINING.added("batchSize")),
        pair(
            "weights for the first time",
            put(autoClassWeights=True),
            TRAINING.added("autoClassWeights"),
        ),
        pair(
            "spectrogram augmentation for the first time",
            put(augmentationPolicySpectrogram={"enabled": True, "timeMasking": "high"}),
            TRAINING.added(_SPECTROGRAM),
        ),
        pair(
            "spectrogram augmentation appears, switched off",
            put(augmentationPolicySpectrogram={"enabled": False, "timeMasking": "high"}),
            IDLE.added(_SPECTROGRAM),
        ),
    ),
    *on(
        "no augmentation",
        pair(
            "spectrogram augmentation from null",
            put(augmentationPolicySpectrogram={"enabled": True}),
            TRAINING.changed(_SPECTROGRAM),
        ),
        pair(
            "spectrogram augmentation from null, switched off",
            put(augmentationPolicySpectrogram={"enabled": False, "warping": True}),
            IDLE.changed(_SPECTROGRAM),
        ),
    ),
    *on("null batch", pair("batch from null", put(batchSize=16), TRAINING.changed("batchSize"))),
)

_SWITCHES = (
    *on(
        "learned",
        pair("rate that is ignored", put(learningRate=0.1), IDLE.changed("learningRate")),
        pair(
            "rate that is ignored, and cycles",
            put(learningRate=0.1, trainingCycles=60),
            IDLE.changed("learningRate"),
            TRAINING.changed("trainingCycles"),
        ),
        pair(
            "rate that counts again",
            put(learningRate=0.1, useLearnedOptimizer=False),
            TRAINING.changed("learningRate"),
            TRAINING.changed("useLearnedOptimizer"),
        ),
    ),
    *on(
        "keras",
        pair(
            "rate that is ignored from now on",
            put(learningRate=0.1, useLearnedOptimizer=True),
            IDLE.changed("learningRate"),
            TRAINING.changed("useLearnedOptimizer"),
        ),
        pair(
            "spectrogram details while it is off",
            put(_SPECTROGRAM, freqMasking="low"),
            IDLE.added(f"{_SPECTROGRAM}.freqMasking"),
        ),
        pair(
            "Akida appears, switched off",
            put(akidaEdgeLearningConfig={"enabled": False, "additionalClasses": 2}),
            IDLE.added(_AKIDA),
        ),
    ),
    *on(
        "spectrogram off",
        pair(
            "all details while it is off",
            put(
                _SPECTROGRAM,
                warping=False,
                freqMasking="high",
                timeMasking="none",
                gaussianNoise="high",
            ),
            IDLE.changed(_SPECTROGRAM).open(),
        ),
        pair("spectrogram vanishes, switched off", cut(_SPECTROGRAM), IDLE.removed(_SPECTROGRAM)),
        pair(
            "spectrogram to null, switched off",
            put(augmentationPolicySpectrogram=None),
            IDLE.changed(_SPECTROGRAM),
        ),
        pair(
            "spectrogram on, with a detail",
            put(_SPECTROGRAM, enabled=True, freqMasking="high"),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
    ),
    *on(
        "akida off",
        pair(
            "details while it is off",
            put(_AKIDA, additionalClasses=4, neuronsPerClass=20),
            IDLE.changed(_AKIDA).open(),
        ),
        pair("Akida vanishes, switched off", cut(_AKIDA), IDLE.removed(_AKIDA)),
        pair("Akida on", put(_AKIDA, enabled=True), TRAINING.changed(f"{_AKIDA}.enabled")),
    ),
)

_OBJECTS = (
    *on(
        "spectrogram on",
        pair(
            "warping",
            put(_SPECTROGRAM, warping=False),
            TRAINING.changed(f"{_SPECTROGRAM}.warping"),
        ),
        pair(
            "masking and noise",
            put(_SPECTROGRAM, freqMasking="high", timeMasking="none", gaussianNoise="high"),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
        pair(
            "spectrogram off, with a detail",
            put(_SPECTROGRAM, enabled=False, freqMasking="high"),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
        pair(
            "spectrogram off, all details gone",
            put(augmentationPolicySpectrogram={"enabled": False}),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
        pair("spectrogram vanishes", cut(_SPECTROGRAM), TRAINING.removed(_SPECTROGRAM)),
        pair(
            "a key that the schema lacks",
            put(_SPECTROGRAM, roll=True),
            UNKNOWN.added(f"{_SPECTROGRAM}.roll"),
        ),
    ),
    *on(
        "akida on",
        pair(
            "classes",
            put(_AKIDA, additionalClasses=4),
            TRAINING.changed(f"{_AKIDA}.additionalClasses"),
        ),
        pair(
            "neurons",
            put(_AKIDA, neuronsPerClass=20),
            TRAINING.changed(f"{_AKIDA}.neuronsPerClass"),
        ),
        pair("Akida off", put(_AKIDA, enabled=False), TRAINING.changed(f"{_AKIDA}.enabled")),
        pair("Akida vanishes", cut(_AKIDA), TRAINING.removed(_AKIDA)),
    ),
    *on(
        "keras-visual-anomaly",
        pair("capacity", put(anomalyCapacity="high"), TRAINING.changed("anomalyCapacity")),
        pair(
            "backbone",
            put("blockParameters", backbone="mobilenet_v1"),
            TRAINING.changed("blockParameters.backbone"),
        ),
        pair(
            "a block parameter that the schema lacks",
            put("blockParameters", numComponents=8),
            UNKNOWN.added("blockParameters.numComponents"),
        ),
    ),
    *on(
        "patchcore",
        pair(
            "four block parameters",
            put(
                "blockParameters",
                numLayers=3,
                poolSize=5,
                samplingRatio=0.2,
                numNearestNeighbors=1,
            ),
            TRAINING.changed("blockParameters.numLayers"),
            TRAINING.changed("blockParameters.poolSize"),
            TRAINING.changed("blockParameters.samplingRatio"),
            TRAINING.changed("blockParameters.numNearestNeighbors"),
        ),
        pair(
            "all block parameters gone",
            cut("blockParameters"),
            TRAINING.removed("blockParameters"),
        ),
    ),
)

_PARAMETERS = (
    *on(
        _YOLO,
        pair(
            "a parameter",
            put("customParameters", sizing="large"),
            TRAINING.changed("customParameters.sizing"),
        ),
        pair(
            "a parameter more, one less",
            every(put("customParameters", **{"batch-size": "8"}), cut("customParameters.epochs")),
            TRAINING.added("customParameters.batch-size"),
            TRAINING.removed("customParameters.epochs"),
        ),
        pair(
            "a parameter that differs as text alone",
            put("customParameters", epochs="100.0"),
            TRAINING.changed("customParameters.epochs"),
        ),
        pair(
            "a parameter with a dot in its name",
            put("customParameters", **{"a.b": "1"}),
            TRAINING.added('customParameters["a.b"]'),
        ),
        pair(
            "a parameter with a bracket in its name",
            put("customParameters", **{"a[b]": "1"}),
            TRAINING.added('customParameters["a[b]"]'),
        ),
        pair("all parameters gone", cut("customParameters"), TRAINING.removed("customParameters")),
        pair(
            "null in the place of all parameters",
            put(customParameters=None),
            TRAINING.changed("customParameters"),
        ),
        pair(
            "every parameter another",
            put(customParameters={"depth": "3"}),
            TRAINING.added("customParameters.depth"),
            TRAINING.removed("customParameters.epochs"),
            TRAINING.removed("customParameters.sizing"),
            TRAINING.removed("customParameters.architecture-type"),
        ),
    ),
    *on(
        "secret",
        pair(
            "a secret parameter",
            put("customParameters", token=f"{CANARY}-2"),
            TRAINING.changed("customParameters.token"),
        ),
        pair(
            "a secret parameter and another",
            put("customParameters", token=f"{CANARY}-2", sizing="large"),
            TRAINING.changed("customParameters.token"),
            TRAINING.changed("customParameters.sizing"),
        ),
        pair(
            "a secret parameter gone",
            cut("customParameters.token"),
            TRAINING.removed("customParameters.token"),
        ),
        pair(
            "a secret parameter's value in the catalogue",
            put("transferLearningModels.4.customParameters.0", value=f"{CANARY}-2"),
            CATALOGUE.changed(
                "transferLearningModels[transfer_organization:6493].customParameters[token].value"
            ),
        ),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "image augmentation off",
            put(augmentationPolicyImage="none"),
            TRAINING.changed("augmentationPolicyImage"),
        ),
    ),
    *on(
        "keras-expert",
        pair("batch in expert mode", put(batchSize=64), TRAINING.changed("batchSize")),
    ),
)

PAIRS = (*_SCALARS, *_ABSENT, *_SWITCHES, *_OBJECTS, *_PARAMETERS)
