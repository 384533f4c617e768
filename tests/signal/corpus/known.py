"""Fields that newer clients know: they have an area, and what is empty of them is absent."""

from __future__ import annotations

from tests.signal.edits import cut, every, put, script
from tests.signal.pairs import CATALOGUE, DATA, TRAINING, on, pair

_FOLDS = "kFoldsValidationConfig"
_KEYS = "dependencies.classesPerKey"
_AGAIN = put(selectedModelType="requiresRetrain")

PAIRS = (
    *on(
        "keras",
        pair("several heads", put(isMultiHead=True), TRAINING.added("isMultiHead"), state="stale"),
        pair("no several heads appear", put(isMultiHead=False)),
        pair("null heads appear", put(isMultiHead=None)),
        pair(
            "folds",
            put(kFoldsValidationConfig={"folds": 5}),
            TRAINING.added(_FOLDS),
            state="stale",
        ),
        pair("folds appear, switched off", put(kFoldsValidationConfig={"enabled": False})),
        pair("empty folds appear", put(kFoldsValidationConfig={})),
        pair(
            "labels by key",
            put("dependencies", classesPerKey={"label": ["idle"]}),
            DATA.added(_KEYS),
            state="stale",
        ),
        pair("no labels by key appear", put("dependencies", classesPerKey={})),
        pair(
            "a reference to a block",
            put(customBlockRef="block-1"),
            CATALOGUE.added("customBlockRef"),
            state="trained",
        ),
        pair("an empty reference appears", put(customBlockRef="")),
        pair(
            "a reference of a model",
            put("transferLearningModels.0", customBlockRef="block-1"),
            CATALOGUE.added("transferLearningModels[transfer_organization:900].customBlockRef"),
            state="trained",
        ),
        pair(
            "an empty reference of a model appears",
            put("transferLearningModels.0", customBlockRef=""),
        ),
        pair(
            "several heads, and Studio asks to train again",
            every(put(isMultiHead=True), _AGAIN),
            TRAINING.added("isMultiHead", "selectedModelType"),
        ),
        pair(
            "folds, with the generated script",
            every(put(kFoldsValidationConfig={"folds": 5}), script("Adam(", "SGD(")),
            TRAINING.added(_FOLDS, "script"),
        ),
    ),
    *on(
        "known keys",
        pair("several heads off", put(isMultiHead=False), TRAINING.changed("isMultiHead")),
        pair("several heads gone", cut("isMultiHead"), TRAINING.removed("isMultiHead")),
        pair("several heads to null", put(isMultiHead=None), TRAINING.changed("isMultiHead")),
        pair(
            "other folds",
            put(_FOLDS, folds=10),
            TRAINING.changed(f"{_FOLDS}.folds"),
            state="stale",
        ),
        pair("folds gone", cut(_FOLDS), TRAINING.removed(_FOLDS)),
        pair(
            "other labels of a key",
            put(_KEYS, label=["idle"]),
            DATA.changed(f"{_KEYS}.label"),
            state="stale",
        ),
        pair("labels by key gone", cut(_KEYS), DATA.removed(_KEYS)),
        pair(
            "another reference",
            put(customBlockRef="block-2"),
            CATALOGUE.changed("customBlockRef"),
            state="trained",
        ),
        pair("the reference gone", cut("customBlockRef"), CATALOGUE.removed("customBlockRef")),
    ),
)
