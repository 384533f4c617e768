"""The vendor's list of models: its own affair, but for the model in use."""

from __future__ import annotations

from typing import Any

from tests.signal.edits import cut, every, insert, put
from tests.signal.pairs import CATALOGUE, IN_USE, LAYERS, TRAINING, Pair, on, pair

_MODELS = "transferLearningModels"
_XGBOOST = f"{_MODELS}[transfer_organization:900]"
_RATE = f"{_XGBOOST}.customParameters[learning-rate]"
_SOLVER = f"{_MODELS}[transfer_organization:902].customParameters[solver]"
_PENALTY = f"{_MODELS}[transfer_organization:902].customParameters[lbfgs-penalty]"
_IN_USE = f"{_MODELS}[fomo_mobilenet_v2_a35]"
_ANOTHER = f"{_MODELS}[fomo_mobilenet_v2_a01]"
_WITHDRAWN = {"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}
_NEW = {
    "name": "New",
    "shortName": "New",
    "description": "",
    "hasNeurons": True,
    "hasDropout": True,
    "type": "transfer_new",
    "learnBlockType": "keras",
    "author": "Edge Impulse",
    "blockType": "official",
    "hasExpertMode": True,
}

_CHANGED_OF_A_MODEL: dict[str, Any] = {
    "name": "XGBoost 2",
    "shortName": "XGB",
    "description": "Other words.",
    "hasNeurons": True,
    "hasDropout": True,
    "learnBlockType": "keras-regression",
    "author": "Somebody",
    "blockType": "community",
    "hasExpertMode": True,
    "displayCategory": "tao",
}
_ADDED_TO_A_MODEL: dict[str, Any] = {
    "abbreviatedName": "XGB",
    "defaultNeurons": 16,
    "defaultDropout": 0.1,
    "defaultLearningRate": 0.001,
    "defaultTrainingCycles": 60,
    "hasImageAugmentation": True,
    "implementationVersion": 2,
    "repositoryUrl": "https://example.org/xgboost",
    "blockNoLongerAvailable": _WITHDRAWN,
}
_CHANGED_OF_A_PARAMETER: dict[str, Any] = {
    "name": "Step",
    "value": "0.4",
    "defaultValue": "0.4",
    "type": "string",
    "help": "Other words.",
    "readonly": True,
    "shouldShow": False,
    "required": False,
    "showClickToSet": True,
}
_ADDED_TO_A_PARAMETER: dict[str, Any] = {
    "invalidText": "No number.",
    "section": "advanced",
    "multiline": True,
    "hint": "Small is slow.",
    "placeholder": "0.3",
    "valid": [{"min": 0}],
    "items": {"type": "float"},
    "properties": {"a": {"type": "int"}},
    "minVal": 0,
    "maxVal": 1,
    "showIf": {"parameter": "l1", "operator": "neq", "value": "0"},
    "selectOptions": [{"value": "0.3"}],
}
_CHANGED_OF_AN_OPTION: dict[str, Any] = {
    "selected": False,
    "optionLabel": "L-BFGS",
    "priority": 2,
    "romEstimate": 2000,
    "needsOps": ["ADD"],
    "needsFeatures": ["fpu", "simd"],
}
_CHANGED_OF_A_CONDITION: dict[str, Any] = {
    "parameter": "l1-ratio",
    "operator": "neq",
    "value": "saga",
}


def _one_by_one(what: str, where: str, path: str, kind: str, values: dict[str, Any]) -> list[Pair]:
    return [
        pair(
            f"{what}: {key}",
            put(where, **{key: value}),
            CATALOGUE.added(f"{path}.{key}")
            if kind == "added"
            else CATALOGUE.changed(f"{path}.{key}"),
        )
        for key, value in values.items()
    ]


_FIELDS = (
    *on("keras", *_one_by_one("model", f"{_MODELS}.0", _XGBOOST, "changed", _CHANGED_OF_A_MODEL)),
    *on("keras", *_one_by_one("model", f"{_MODELS}.0", _XGBOOST, "added", _ADDED_TO_A_MODEL)),
    *on(
        "keras",
        *_one_by_one(
            "parameter",
            f"{_MODELS}.0.customParameters.0",
            _RATE,
            "changed",
            _CHANGED_OF_A_PARAMETER,
        ),
        *_one_by_one(
            "parameter", f"{_MODELS}.0.customParameters.0", _RATE, "added", _ADDED_TO_A_PARAMETER
        ),
        *_one_by_one(
            "condition",
            f"{_MODELS}.2.customParameters.1.showIf",
            f"{_PENALTY}.showIf",
            "changed",
            _CHANGED_OF_A_CONDITION,
        ),
    ),
    *on(
        "options",
        *_one_by_one(
            "option",
            f"{_MODELS}.2.customParameters.0.selectOptions.0",
            f"{_SOLVER}.selectOptions[lbfgs]",
            "changed",
            _CHANGED_OF_AN_OPTION,
        ),
    ),
)

_MEMBERS = on(
    "keras",
    pair(
        "a model more", insert(f"{_MODELS}.0", _NEW), CATALOGUE.added(f"{_MODELS}[transfer_new]")
    ),
    pair(
        "a model less",
        cut(f"{_MODELS}.1"),
        CATALOGUE.removed(f"{_MODELS}[transfer_organization:901]"),
    ),
    pair(
        "a model of another type",
        put(f"{_MODELS}.0", type="transfer_classical"),
        CATALOGUE.removed(_XGBOOST),
        CATALOGUE.added(f"{_MODELS}[transfer_classical:900]"),
    ),
    pair(
        "a model of another id",
        put(f"{_MODELS}.0", organizationModelId=950),
        CATALOGUE.removed(_XGBOOST),
        CATALOGUE.added(f"{_MODELS}[transfer_organization:950]"),
    ),
    pair("a parameter less", cut(f"{_MODELS}.0.customParameters.0"), CATALOGUE.removed(_RATE)),
    pair(
        "a parameter of another name",
        put(f"{_MODELS}.0.customParameters.0", param="step"),
        CATALOGUE.removed(_RATE),
        CATALOGUE.added(f"{_XGBOOST}.customParameters[step]"),
    ),
    pair(
        "an author gone, though the schema requires one",
        cut(f"{_MODELS}.0.author"),
        CATALOGUE.removed(f"{_XGBOOST}.author"),
    ),
    pair(
        "a required false gone",
        cut(f"{_MODELS}.0.hasNeurons"),
        CATALOGUE.removed(f"{_XGBOOST}.hasNeurons"),
    ),
    pair(
        "all parameters gone",
        cut(f"{_MODELS}.0.customParameters"),
        CATALOGUE.removed(f"{_XGBOOST}.customParameters"),
    ),
    pair(
        "a condition gone",
        cut(f"{_MODELS}.2.customParameters.1.showIf"),
        CATALOGUE.removed(f"{_PENALTY}.showIf"),
    ),
    pair(
        "an option more, first",
        insert(f"{_MODELS}.2.customParameters.0.selectOptions.0", {"value": "adam"}),
        CATALOGUE.added(f"{_SOLVER}.selectOptions[adam]"),
    ),
    pair(
        "an option of another value",
        put(f"{_MODELS}.2.customParameters.0.selectOptions.1", value="lib"),
        CATALOGUE.removed(f"{_SOLVER}.selectOptions[liblinear]"),
        CATALOGUE.added(f"{_SOLVER}.selectOptions[lib]"),
    ),
    pair(
        "the default batch size", put(defaultBatchSize=64), CATALOGUE.changed("defaultBatchSize")
    ),
    pair(
        "a release: a model more, one in other words, another default",
        every(
            put(f"{_MODELS}.1", description="Other words."),
            insert(f"{_MODELS}.0", _NEW),
            put(defaultBatchSize=64),
        ),
        CATALOGUE.added(f"{_MODELS}[transfer_new]"),
        CATALOGUE.changed(f"{_MODELS}[transfer_organization:901].description"),
        CATALOGUE.changed("defaultBatchSize"),
    ),
    pair(
        "a release on the night of an edit",
        every(insert(f"{_MODELS}.0", _NEW), put(batchSize=64), put("visualLayers.0", neurons=24)),
        CATALOGUE.added(f"{_MODELS}[transfer_new]"),
        TRAINING.changed("batchSize"),
        LAYERS.changed("visualLayers[0].neurons"),
    ),
    pair(
        "the whole list gone",
        put(transferLearningModels=[]),
        *(
            CATALOGUE.removed(f"{_MODELS}[transfer_organization:{number}]")
            for number in range(900, 904)
        ),
    ),
)

_SECOND = on(
    "two of a model",
    pair(
        "the second of the same identity in other words",
        put(f"{_MODELS}.1", description="Other words."),
        CATALOGUE.changed(f"{_MODELS}[transfer_organization:900#2].description"),
    ),
    pair(
        "the second of the same identity gone",
        cut(f"{_MODELS}.1"),
        CATALOGUE.removed(f"{_MODELS}[transfer_organization:900#2]"),
    ),
)

_USED = (
    *on(
        "keras-object-detection",
        pair(
            "the model in use withdrawn",
            put(f"{_MODELS}.0", blockNoLongerAvailable=_WITHDRAWN),
            IN_USE.added(f"{_IN_USE}.blockNoLongerAvailable"),
        ),
        pair(
            "another model withdrawn",
            put(f"{_MODELS}.1", blockNoLongerAvailable=_WITHDRAWN),
            CATALOGUE.added(f"{_ANOTHER}.blockNoLongerAvailable"),
        ),
        pair("the model in use removed", cut(f"{_MODELS}.0"), IN_USE.removed(_IN_USE)),
        pair("another model removed", cut(f"{_MODELS}.1"), CATALOGUE.removed(_ANOTHER)),
        pair(
            "the model in use in other words",
            put(f"{_MODELS}.0", description="Other words."),
            CATALOGUE.changed(f"{_IN_USE}.description"),
        ),
        pair(
            "defaults of the model in use",
            put(f"{_MODELS}.0", defaultLearningRate=0.002, defaultTrainingCycles=70),
            CATALOGUE.changed(f"{_IN_USE}.defaultLearningRate"),
            CATALOGUE.changed(f"{_IN_USE}.defaultTrainingCycles"),
        ),
        pair(
            "all models withdrawn",
            every(*(put(f"{_MODELS}.{n}", blockNoLongerAvailable=_WITHDRAWN) for n in range(3))),
            IN_USE.added(f"{_IN_USE}.blockNoLongerAvailable"),
            CATALOGUE.added(f"{_ANOTHER}.blockNoLongerAvailable"),
            CATALOGUE.added(
                f"{_MODELS}[object_ssd_mobilenet_v2_fpnlite_320x320].blockNoLongerAvailable"
            ),
        ),
    ),
    *on(
        "versioned",
        pair(
            "the model in use of another version",
            put(f"{_MODELS}.0", implementationVersion=2),
            IN_USE.changed(f"{_IN_USE}.implementationVersion"),
        ),
        pair(
            "another model of another version",
            put(f"{_MODELS}.1", implementationVersion=2),
            CATALOGUE.changed(f"{_ANOTHER}.implementationVersion"),
        ),
    ),
    *on(
        "withdrawn",
        pair(
            "another reason for the model not in use",
            put(
                f"{_MODELS}.1.blockNoLongerAvailable", reasonMarkdown="Use v3", reasonHtml="Use v3"
            ),
            CATALOGUE.changed(f"{_ANOTHER}.blockNoLongerAvailable.reasonMarkdown"),
            CATALOGUE.changed(f"{_ANOTHER}.blockNoLongerAvailable.reasonHtml"),
        ),
        # It was withdrawn before: the sentence is about the night on which that happens.
        pair(
            "another reason for the model in use",
            put(f"{_MODELS}.0.blockNoLongerAvailable", reasonMarkdown="Use v3"),
            CATALOGUE.changed(f"{_IN_USE}.blockNoLongerAvailable.reasonMarkdown"),
        ),
        pair(
            "the model in use available again",
            cut(f"{_MODELS}.0.blockNoLongerAvailable"),
            CATALOGUE.removed(f"{_IN_USE}.blockNoLongerAvailable"),
        ),
    ),
    *on(
        "keras-object-detection-yolo-pro",
        pair(
            "an organization's model in use withdrawn",
            put(f"{_MODELS}.4", blockNoLongerAvailable=_WITHDRAWN),
            IN_USE.added(f"{_MODELS}[transfer_organization:6493].blockNoLongerAvailable"),
        ),
        pair(
            "another organization's model withdrawn",
            put(f"{_MODELS}.3", blockNoLongerAvailable=_WITHDRAWN),
            CATALOGUE.added(f"{_MODELS}[transfer_organization:163].blockNoLongerAvailable"),
        ),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "a transfer model in use withdrawn, with a setting",
            every(put(f"{_MODELS}.3", blockNoLongerAvailable=_WITHDRAWN), put(batchSize=64)),
            IN_USE.added(f"{_MODELS}[transfer_mobilenetv2_160_a1].blockNoLongerAvailable"),
            TRAINING.changed("batchSize"),
        ),
    ),
    *on(
        "keras-transfer-kws",
        pair(
            "a keyword model in use removed",
            cut(f"{_MODELS}.1"),
            IN_USE.removed(f"{_MODELS}[transfer_kws_mobilenetv2_a35_d100]"),
        ),
    ),
    *on(
        "keras-visual-anomaly",
        pair(
            "an anomaly model in use removed",
            cut(f"{_MODELS}.0"),
            IN_USE.removed(f"{_MODELS}[fomo_ad_gmm]"),
        ),
        pair(
            "another anomaly model in other words",
            put(f"{_MODELS}.1", name="PatchCore 2"),
            CATALOGUE.changed(f"{_MODELS}[fomo_ad_patchcore].name"),
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "a model withdrawn while no stack is known",
            put(f"{_MODELS}.0", blockNoLongerAvailable=_WITHDRAWN),
            CATALOGUE.added(f"{_XGBOOST}.blockNoLongerAvailable"),
        ),
    ),
    *on(
        "classical",
        pair(
            "a classical model in use withdrawn",
            put(f"{_MODELS}.0", blockNoLongerAvailable=_WITHDRAWN),
            IN_USE.added(f"{_XGBOOST}.blockNoLongerAvailable"),
        ),
    ),
)

PAIRS = (*_FIELDS, *_MEMBERS, *_SECOND, *_USED)
