"""A policy of which several fields change is one finding, at the object."""

from __future__ import annotations

from tests.signal.edits import cut, every, put, script
from tests.signal.pairs import IDLE, RETRAIN, TRAINING, on, pair

_SPECTROGRAM = "augmentationPolicySpectrogram"
_AKIDA = "akidaEdgeLearningConfig"
_OTHER = script("Adam(", "SGD(")
_AGAIN = put(selectedModelType="requiresRetrain")

PAIRS = (
    *on(
        "spectrogram on",
        pair(
            "switched off",
            put(_SPECTROGRAM, enabled=False),
            TRAINING.changed(f"{_SPECTROGRAM}.enabled"),
            state="stale",
        ),
        pair(
            "two details",
            put(_SPECTROGRAM, warping=False, timeMasking="high"),
            TRAINING.changed(_SPECTROGRAM).open(),
            state="stale",
        ),
        pair(
            "two details gone",
            cut(f"{_SPECTROGRAM}.freqMasking", f"{_SPECTROGRAM}.timeMasking"),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
        pair(
            "one detail gone",
            cut(f"{_SPECTROGRAM}.freqMasking"),
            TRAINING.removed(f"{_SPECTROGRAM}.freqMasking"),
        ),
        pair(
            "the policy gone, and Studio asks to train again",
            every(cut(_SPECTROGRAM), _AGAIN),
            TRAINING.removed(_SPECTROGRAM, "selectedModelType"),
            state="stale",
        ),
        pair(
            "switched off with all details",
            put(
                augmentationPolicySpectrogram={
                    "enabled": False,
                    "warping": False,
                    "freqMasking": "none",
                    "timeMasking": "none",
                    "gaussianNoise": "none",
                }
            ),
            TRAINING.changed(_SPECTROGRAM).open(),
        ),
        pair(
            "two details and the cycles",
            every(
                put(_SPECTROGRAM, warping=False, timeMasking="high"),
                put(trainingCycles=77),
                _OTHER,
            ),
            TRAINING.changed(_SPECTROGRAM).open(),
            TRAINING.changed("trainingCycles").open(),
        ),
        pair(
            "two details, and Studio asks to train again",
            every(put(_SPECTROGRAM, warping=False, timeMasking="high"), _AGAIN),
            TRAINING.changed(_SPECTROGRAM).open(),
            state="stale",
        ),
    ),
    *on(
        "spectrogram off",
        pair(
            "two details while it is off",
            put(_SPECTROGRAM, warping=False, timeMasking="high"),
            IDLE.changed(_SPECTROGRAM).open(),
            state="trained",
        ),
        pair(
            "one detail while it is off",
            put(_SPECTROGRAM, timeMasking="high"),
            IDLE.changed(f"{_SPECTROGRAM}.timeMasking"),
            state="trained",
        ),
        pair(
            "two details while it is off, and Studio asks to train again",
            every(put(_SPECTROGRAM, warping=False, timeMasking="high"), _AGAIN),
            IDLE.changed(_SPECTROGRAM).open(),
            RETRAIN.changed("selectedModelType"),
            state="stale",
        ),
        pair(
            "switched on alone",
            put(_SPECTROGRAM, enabled=True),
            TRAINING.changed(f"{_SPECTROGRAM}.enabled"),
        ),
    ),
    *on(
        "akida on",
        pair(
            "classes and neurons",
            put(_AKIDA, additionalClasses=4, neuronsPerClass=20),
            TRAINING.changed(_AKIDA).open(),
            state="stale",
        ),
        pair(
            "Akida off, with a detail",
            put(_AKIDA, enabled=False, neuronsPerClass=20),
            TRAINING.changed(_AKIDA).open(),
        ),
        pair(
            "noise in one detail, another changed",
            put(_AKIDA, additionalClasses=2 * (1 + 4e-10), neuronsPerClass=20),
            TRAINING.changed(f"{_AKIDA}.neuronsPerClass"),
        ),
        pair(
            "the classes to 0",
            put(_AKIDA, additionalClasses=0),
            TRAINING.changed(f"{_AKIDA}.additionalClasses"),
        ),
        pair(
            "details of two policies",
            every(
                put(_AKIDA, additionalClasses=4, neuronsPerClass=20),
                put(augmentationPolicySpectrogram={"enabled": True}),
            ),
            TRAINING.changed(_AKIDA).open(),
            TRAINING.changed(f"{_SPECTROGRAM}.enabled"),
        ),
    ),
    *on(
        "akida off",
        pair(
            "Akida on, with both details",
            put(_AKIDA, enabled=True, additionalClasses=4, neuronsPerClass=20),
            TRAINING.changed(_AKIDA).open(),
            state="stale",
        ),
    ),
    *on(
        "patchcore",
        # No policy object: each block parameter is its own.
        pair(
            "two block parameters",
            put("blockParameters", poolSize=5, numLayers=3),
            TRAINING.changed("blockParameters.poolSize"),
            TRAINING.changed("blockParameters.numLayers"),
        ),
    ),
)
