"""A policy of which several fields change is one finding, at the object."""

from __future__ import annotations

from tests.signal.edits import cut, put, script
from tests.signal.pairs import IDLE, TRAINING, on, pair

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
            "one detail gone",
            cut(f"{_SPECTROGRAM}.freqMasking"),
            TRAINING.removed(f"{_SPECTROGRAM}.freqMasking"),
        ),
    ),
    *on(
        "spectrogram off",
        pair(
            "one detail while it is off",
            put(_SPECTROGRAM, timeMasking="high"),
            IDLE.changed(f"{_SPECTROGRAM}.timeMasking"),
            state="trained",
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
            "noise in one detail, another changed",
            put(_AKIDA, additionalClasses=2 * (1 + 4e-10), neuronsPerClass=20),
            TRAINING.changed(f"{_AKIDA}.neuronsPerClass"),
        ),
        pair(
            "the classes to 0",
            put(_AKIDA, additionalClasses=0),
            TRAINING.changed(f"{_AKIDA}.additionalClasses"),
        ),
    ),
    *on(
        "akida off",
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
