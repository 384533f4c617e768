"""Fields that the schema lacks, at every depth."""

from __future__ import annotations

from tests.signal.edits import cut, every, put, reverse
from tests.signal.pairs import CATALOGUE, LAYERS, UNKNOWN, on, pair

_FOLDS = "shardingConfig"

PAIRS = (
    *on(
        "keras",
        pair("a truth", put(isSharded=True), UNKNOWN.added("isSharded")),
        pair("false is not an absent one", put(isSharded=False), UNKNOWN.added("isSharded")),
        pair("0 is not an absent one", put(heads=0), UNKNOWN.added("heads")),
        pair("an empty text is not an absent one", put(note=""), UNKNOWN.added("note")),
        pair("an empty list is not an absent one", put(tags=[]), UNKNOWN.added("tags")),
        pair("an empty object is not an absent one", put(extra={}), UNKNOWN.added("extra")),
        pair(
            "what is switched off is not absent",
            put(extra={"enabled": False}),
            UNKNOWN.added("extra"),
        ),
        pair("an object", put(shardingConfig={"folds": 5}), UNKNOWN.added(_FOLDS)),
        pair("a list of objects", put(heads=[{"name": "a"}]), UNKNOWN.added("heads")),
        pair(
            "classes by key among the dependencies",
            put("dependencies", labelsPerKey={"label": ["idle", "wave"]}),
            UNKNOWN.added("dependencies.labelsPerKey"),
        ),
        pair(
            "a key with a dot among the dependencies",
            put("dependencies", **{"a.b": 1}),
            UNKNOWN.added('dependencies["a.b"]'),
        ),
        # The table gives the whole catalogue to the vendor, and any key that the schema lacks to
        # nobody. Here the vendor wins: a member that appears has its container's owner.
        pair(
            "inside the catalogue, the vendor's",
            put("transferLearningModels.0", licence="MIT"),
            CATALOGUE.added("transferLearningModels[transfer_organization:900].licence"),
        ),
        pair(
            "two at once and a layer",
            every(put(isSharded=True, heads=2), put("visualLayers.0", neurons=24)),
            UNKNOWN.added("isSharded"),
            UNKNOWN.added("heads"),
            LAYERS.changed("visualLayers[0].neurons"),
        ),
    ),
    *on(
        "newer Studio",
        pair("a truth changed", put(isSharded=False), UNKNOWN.changed("isSharded")),
        pair("a truth into a number", put(isSharded=1), UNKNOWN.changed("isSharded")),
        pair("set to null", put(isSharded=None), UNKNOWN.changed("isSharded")),
        pair("taken away", cut("isSharded"), UNKNOWN.removed("isSharded")),
        pair("set from null", put(note="words"), UNKNOWN.changed("note")),
        pair("a number in an object", put(_FOLDS, folds=10), UNKNOWN.changed(f"{_FOLDS}.folds")),
        pair(
            "a number deeper",
            put(f"{_FOLDS}.seed", value=2),
            UNKNOWN.changed(f"{_FOLDS}.seed.value"),
        ),
        pair(
            "a number more and one less in an object",
            every(put(_FOLDS, stratified=True), cut(f"{_FOLDS}.folds")),
            UNKNOWN.added(f"{_FOLDS}.stratified"),
            UNKNOWN.removed(f"{_FOLDS}.folds"),
        ),
        pair("an object taken away", cut(_FOLDS), UNKNOWN.removed(_FOLDS)),
        pair("an object into a number", put(shardingConfig=5), UNKNOWN.changed(_FOLDS)),
        pair("a list of texts", put(tags=["a", "b", "c"]), UNKNOWN.changed("tags")),
        pair("false into 0 in a list", put(flags=[0, 1]), UNKNOWN.changed("flags")),
        pair("1 into true in a list", put(flags=[False, True]), UNKNOWN.changed("flags")),
        pair("a key that looks private", put(__seen=2), UNKNOWN.changed("__seen")),
        pair(
            "every key of an object another",
            put(shardingConfig={"a": 0, "b": 0, "c": 1}),
            UNKNOWN.removed(f"{_FOLDS}.folds"),
            UNKNOWN.removed(f"{_FOLDS}.seed"),
            UNKNOWN.added(f"{_FOLDS}.a"),
            UNKNOWN.added(f"{_FOLDS}.b"),
            UNKNOWN.added(f"{_FOLDS}.c"),
        ),
        pair("a list of texts in another order", reverse("tags"), UNKNOWN.changed("tags")),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "in two objects at once",
            every(put("blockParameters", numComponents=8), put("thresholds.0", unit="%")),
            UNKNOWN.added("blockParameters.numComponents"),
            UNKNOWN.added("thresholds[min_anomaly_score].unit"),
        ),
    ),
    *on(
        "keras-object-detection-yolo-pro",
        pair("a model's licence", put(licence={"name": "MIT"}), UNKNOWN.added("licence")),
    ),
)
