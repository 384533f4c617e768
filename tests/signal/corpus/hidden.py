"""What is never shown: secrets, keys in scripts, what the interface remembers."""

from __future__ import annotations

from tests.signal.bases import CANARY, EI_KEY, KEY_OF_LETTERS
from tests.signal.edits import cut, every, put, script
from tests.signal.pairs import (
    CATALOGUE,
    LAYERS,
    LOST,
    NAME,
    SAME_PROGRAM,
    SCRIPT,
    THRESHOLDS,
    TRAINING,
    on,
    pair,
)

_TOKEN = "transferLearningModels[transfer_organization:6493].customParameters[token]"
_OPENED = {
    "lastShownModelVariant": "akida",
    "showAdvancedTrainingSettings": True,
    "showAugmentationTrainingSettings": True,
}

PAIRS = (
    *on(
        "secret",
        pair(
            "a secret and its threshold",
            every(put("customParameters", token=f"{CANARY}-2"), put("thresholds.0", value=0.3)),
            TRAINING.changed("customParameters.token"),
            THRESHOLDS.changed("thresholds[min_score].value"),
            state="stale",
        ),
        pair(
            "a secret to null",
            put("customParameters", token=None),
            TRAINING.changed("customParameters.token"),
        ),
        pair("a secret as it was", put("customParameters", token=CANARY)),
        pair(
            "a secret on the night its parameter becomes plain",
            every(
                put("customParameters", token=f"{CANARY}-2"),
                put("transferLearningModels.4.customParameters.0", type="string", value=""),
            ),
            TRAINING.changed("customParameters.token"),
            CATALOGUE.changed(f"{_TOKEN}.type"),
            CATALOGUE.changed(f"{_TOKEN}.value"),
        ),
        pair(
            "a secret parameter that leaves the catalogue",
            cut("transferLearningModels.4.customParameters.0"),
            CATALOGUE.removed(_TOKEN),
        ),
        pair(
            "a secret gone with its model",
            every(
                put(visualLayers=[{"type": "transfer_organization", "organizationModelId": 163}]),
                cut("customParameters.token"),
            ),
            LAYERS.replaced("visualLayers[0]", "customParameters.token"),
        ),
    ),
    *on(
        "keyed script",
        pair(
            "a comment beside a key",
            script("EPOCHS =", "# thirty\nEPOCHS ="),
            SAME_PROGRAM.changed("script"),
            state="trained",
        ),
        pair(
            "a key of letters in the place of one of digits",
            script(EI_KEY, KEY_OF_LETTERS),
            SCRIPT.changed("script"),
            state="stale",
        ),
        pair("the key gone", script(f'KEY = "{EI_KEY}"\n', ""), SCRIPT.changed("script")),
        pair(
            "another key, and a batch",
            every(script(EI_KEY, KEY_OF_LETTERS), put(batchSize=64)),
            SCRIPT.changed("script"),
            TRAINING.changed("batchSize"),
        ),
    ),
    *on(
        "keras",
        pair(
            "a page opened, and a layer edited",
            every(put(**_OPENED), put("visualLayers.0", neurons=24)),
            LAYERS.changed("visualLayers[0].neurons"),
            suppressed=3,
            state="stale",
        ),
        pair(
            "a page opened, training lost and renamed",
            every(put(**_OPENED), put(trained=False, name="Other")),
            LOST.changed("trained"),
            NAME.changed("name"),
            suppressed=3,
            state="untrained",
        ),
        pair(
            "a page opened on a new release",
            every(put(showAdvancedTrainingSettings=True), put(defaultBatchSize=64)),
            CATALOGUE.changed("defaultBatchSize"),
            suppressed=1,
            state="trained",
        ),
        pair(
            "a page opened, with nothing but noise beside",
            put(showAugmentationTrainingSettings=True, trainingCycles=30.0, anomalyCapacity=None),
            suppressed=1,
            state="trained",
        ),
    ),
)
