"""What counts as one finding: the contract's sentences as examples."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.model import JsonObject, ModelState
from tests.drift.answers import SAMPLES, Edit, after, brief, difference_between, edited, sample

_LAYER = {"type": "dropout", "dropoutRate": 0.25}
_YOLO = "keras-object-detection-yolo-pro"


def _set(**values: Any) -> Edit:  # noqa: ANN401 - any JSON
    return lambda answer: answer.update(values)


def _in(*path: str | int, **values: Any) -> Edit:  # noqa: ANN401 - any JSON
    def edit(answer: dict[str, Any]) -> None:
        part: Any = answer
        for key in path:
            part = part[key]
        part.update(values)

    return edit


def _all(*edits: Edit) -> Edit:
    def edit(answer: dict[str, Any]) -> None:
        for edit in edits:
            edit(answer)

    return edit


def _without(*path: str | int) -> Edit:
    def edit(answer: dict[str, Any]) -> None:
        part: Any = answer
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]

    return edit


def _insert(*path: str, at: int, value: object) -> Edit:
    def edit(answer: dict[str, Any]) -> None:
        part: Any = answer
        for key in path:
            part = part[key]
        part.insert(at, value)

    return edit


def _script(old: str, new: str) -> Edit:
    return lambda answer: answer.update(script=answer["script"].replace(old, new))


_TO_EXPERT = _set(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)
_OTHER_PROGRAM = _script("Adam(", "SGD(")

# name: edit, base, expected findings as (severity, owner, area, kind, path, *folded)
_EDITS: dict[str, tuple[Edit, str, list[tuple[str, ...]]]] = {
    "training lost": (
        _set(trained=False),
        "keras",
        [("critical", "training", "trained", "changed", "trained")],
    ),
    "first training takes the model type with it": (
        _set(trained=True, selectedModelType="float32", lastShownModelVariant="float32"),
        "keras-untrained",
        [("medium", "training", "trained", "changed", "trained", "selectedModelType")],
    ),
    "another model type": (
        _set(selectedModelType="float32"),
        "keras",
        [("low", "training", "trained", "changed", "selectedModelType")],
    ),
    "Studio asks to train again": (
        _set(selectedModelType="requiresRetrain"),
        "keras",
        [("high", "training", "trained", "changed", "selectedModelType")],
    ),
    "Studio asks to train again after an edit": (
        _all(_set(batchSize=64), _set(selectedModelType="requiresRetrain")),
        "keras",
        [("medium", "intent", "training", "changed", "batchSize", "selectedModelType")],
    ),
    "layer inserted, with the script generated from it": (
        _all(_insert("visualLayers", at=1, value=_LAYER), _OTHER_PROGRAM),
        "keras",
        [("high", "intent", "layers", "added", "visualLayers[1]", "script")],
    ),
    "layer removed": (
        _without("visualLayers", 0),
        "keras",
        [("high", "intent", "layers", "removed", "visualLayers[0]")],
    ),
    "two properties of a layer": (
        _in("visualLayers", 1, neurons=12, dropoutRate=0.1),
        "keras",
        [
            ("high", "intent", "layers", "added", "visualLayers[1].dropoutRate"),
            ("high", "intent", "layers", "changed", "visualLayers[1].neurons"),
        ],
    ),
    "layer disabled": (
        _in("visualLayers", 1, enabled=False),
        "keras",
        [("high", "intent", "layers", "added", "visualLayers[1].enabled")],
    ),
    "layer enabled in so many words": (_in("visualLayers", 1, enabled=True), "keras", []),
    "layers swapped": (
        lambda answer: answer["visualLayers"].reverse(),
        "keras",
        [("high", "intent", "layers", "moved", "visualLayers[1]")],
    ),
    "layer of another type": (
        lambda answer: answer["visualLayers"].__setitem__(1, {"type": "flatten"}),
        "keras",
        [("high", "intent", "layers", "replaced", "visualLayers[1]")],
    ),
    "layer with a key that the schema lacks": (
        _in("visualLayers", 0, units=3),
        "keras",
        [("low", "unknown", "unknown", "added", "visualLayers[0].units")],
    ),
    "threshold and its deprecated mirror": (
        _all(_in("thresholds", 0, value=0.5), _set(minimumConfidenceRating=0.5)),
        "keras",
        [
            (
                "high",
                "intent",
                "thresholds",
                "changed",
                "thresholds[min_score].value",
                "minimumConfidenceRating",
            )
        ],
    ),
    "the mirror on its own": (
        _set(minimumConfidenceRating=0.5),
        "keras",
        [("medium", "intent", "thresholds", "changed", "minimumConfidenceRating")],
    ),
    "threshold added": (
        _insert("thresholds", at=0, value={"key": "k", "value": 1}),
        "keras",
        [("high", "intent", "thresholds", "added", "thresholds[k]")],
    ),
    "threshold removed": (
        _without("thresholds", 0),
        "keras",
        [("high", "intent", "thresholds", "removed", "thresholds[min_score]")],
    ),
    "second threshold of the same key": (
        _insert("thresholds", at=1, value={"key": "min_score", "value": 1}),
        "keras",
        [("high", "intent", "thresholds", "added", "thresholds[min_score#2]")],
    ),
    "an identity that looks like the label of a second": (
        _in("thresholds", 1, value=5),
        "three-thresholds",
        [("high", "intent", "thresholds", "changed", "thresholds[k#2].value")],
    ),
    "suggestion with its text": (
        _in("thresholds", 0, suggestedValue=1.5, suggestedValueText="1.50"),
        "keras-regression",
        [
            (
                "low",
                "training",
                "thresholds",
                "changed",
                "thresholds[max_abs_error].suggestedValue",
                "thresholds[max_abs_error].suggestedValueText",
            )
        ],
    ),
    "suggestion's text alone": (
        _in("thresholds", 0, suggestedValueText="1.4"),
        "keras-regression",
        [
            (
                "low",
                "training",
                "thresholds",
                "changed",
                "thresholds[max_abs_error].suggestedValueText",
            )
        ],
    ),
    "threshold's wording is the vendor's": (
        _in("thresholds", 0, description="Other words"),
        "keras",
        [("info", "vendor", "catalogue", "changed", "thresholds[min_score].description")],
    ),
    "threshold's options by value": (
        _in("thresholds", 1, "dropdownOptions", 0, description="Largest"),
        "keras-visual-anomaly",
        [
            (
                "info",
                "vendor",
                "catalogue",
                "changed",
                "thresholds[anomaly_scoring_aggregation_method].dropdownOptions[max].description",
            )
        ],
    ),
    "comment in the script": (
        _script("EPOCHS =", "# thirty\nEPOCHS ="),
        "keras-expert",
        [("info", "intent", "script", "changed", "script")],
    ),
    "another program": (
        _OTHER_PROGRAM,
        "keras-expert",
        [("high", "intent", "script", "changed", "script")],
    ),
    "script that no longer parses": (
        _script("EPOCHS =", "EPOCHS = ("),
        "keras-expert",
        [("high", "intent", "script", "changed", "script")],
    ),
    "generated script with a setting": (
        _all(_set(trainingCycles=40), _script("or 30", "or 40")),
        "keras",
        [("medium", "intent", "training", "changed", "trainingCycles", "script")],
    ),
    "visual to expert": (
        _all(_TO_EXPERT, _script("EPOCHS =", "# mine now\nEPOCHS =")),
        "keras",
        [
            (
                "high",
                "intent",
                "layers",
                "changed",
                "mode",
                "script",
                "visualLayers",
                "trainingCycles",
                "learningRate",
            )
        ],
    ),
    "visual to expert with another program": (
        _all(_TO_EXPERT, _OTHER_PROGRAM),
        "keras",
        [
            ("high", "intent", "script", "changed", "script"),
            (
                "high",
                "intent",
                "layers",
                "changed",
                "mode",
                "visualLayers",
                "trainingCycles",
                "learningRate",
            ),
        ],
    ),
    "expert to visual": (
        _set(
            mode="visual", visualLayers=[{"type": "flatten"}], trainingCycles=30, learningRate=0.1
        ),
        "keras-expert",
        [
            (
                "high",
                "intent",
                "layers",
                "changed",
                "mode",
                "visualLayers",
                "trainingCycles",
                "learningRate",
            )
        ],
    ),
    "model swapped": (
        _all(
            _set(
                visualLayers=[{"type": "transfer_organization", "organizationModelId": 163}],
                customParameters={"epochs": "30"},
                trainingCycles=25,
            ),
            _insert("thresholds", at=1, value={"key": "iou", "value": 0.4}),
            _in("thresholds", 0, value=0.4),
        ),
        _YOLO,
        [
            (
                "high",
                "intent",
                "layers",
                "replaced",
                "visualLayers[0]",
                "trainingCycles",
                "customParameters.architecture-type",
                "customParameters.epochs",
                "customParameters.sizing",
                "thresholds[iou]",
            ),
            ("high", "intent", "thresholds", "changed", "thresholds[min_score].value"),
        ],
    ),
    "model swapped for one of another type": (
        _set(visualLayers=[{"type": "fomo_mobilenet_v2_a01"}], learningRate=0.01),
        "keras-object-detection",
        [("high", "intent", "layers", "replaced", "visualLayers[0]", "learningRate")],
    ),
    "labels": (
        _in("dependencies", classes=["idle", "updown", "wave", "new"]),
        "keras",
        [("high", "dataset", "data", "changed", "dependencies.classes")],
    ),
    "labels in another order": (
        _in("dependencies", classes=["wave", "idle", "updown"]),
        "keras",
        [],
    ),
    "output classes in another order": (
        _in("dependencies", outputClasses=["wave", "idle", "updown"]),
        "keras",
        [("high", "dataset", "data", "changed", "dependencies.outputClasses")],
    ),
    "samples": (
        _in("dependencies", sampleCount=4000),
        "keras",
        [("low", "dataset", "data", "changed", "dependencies.sampleCount")],
    ),
    "input shape": (
        _set(shape="(40,)"),
        "keras",
        [("high", "dataset", "data", "changed", "shape")],
    ),
    "renamed": (_set(name="Other"), "keras", [("low", "intent", "identity", "changed", "name")]),
    "an object that appears is one finding": (
        _set(akidaEdgeLearningConfig={"enabled": True, "additionalClasses": 2}),
        "keras",
        [("medium", "intent", "training", "added", "akidaEdgeLearningConfig")],
    ),
    "a policy of which several fields change is one": (
        _set(augmentationPolicySpectrogram={"enabled": True, "warping": True}),
        "keras",
        [
            (
                "medium",
                "intent",
                "training",
                "changed",
                "augmentationPolicySpectrogram",
                "augmentationPolicySpectrogram.enabled",
                "augmentationPolicySpectrogram.warping",
            ),
        ],
    ),
    "inside an object each field is its own": (
        _in("customParameters", epochs="31", seed="7"),
        _YOLO,
        [
            ("medium", "intent", "training", "changed", "customParameters.epochs"),
            ("medium", "intent", "training", "added", "customParameters.seed"),
        ],
    ),
    "a null that became a value was changed": (
        _set(batchSize=16),
        "null-batch",
        [("medium", "intent", "training", "changed", "batchSize")],
    ),
    "a parameter with a dot in its name": (
        _in("customParameters", **{"a.b": "1"}),
        _YOLO,
        [("medium", "intent", "training", "added", 'customParameters["a.b"]')],
    ),
    "profiling": (
        _set(profileInt8=False),
        "keras",
        [("info", "intent", "training", "changed", "profileInt8")],
    ),
    "default batch size is the vendor's": (
        _set(defaultBatchSize=64),
        "keras",
        [("info", "vendor", "catalogue", "changed", "defaultBatchSize")],
    ),
    "unknown field": (
        _set(futureHeads=True),
        "keras",
        [("low", "unknown", "unknown", "added", "futureHeads")],
    ),
    "unknown field that is false": (
        _set(futureHeads=False),
        "keras",
        [("low", "unknown", "unknown", "added", "futureHeads")],
    ),
    "unknown field that is null": (_set(futureHeads=None), "keras", []),
    "model added to the catalogue": (
        _insert("transferLearningModels", at=0, value={"type": "transfer_new", "name": "New"}),
        "keras",
        [("info", "vendor", "catalogue", "added", "transferLearningModels[transfer_new]")],
    ),
    "model in use withdrawn": (
        _in(
            "transferLearningModels",
            0,
            blockNoLongerAvailable={"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"},
        ),
        "keras-object-detection",
        [
            (
                "high",
                "vendor",
                "catalogue",
                "added",
                "transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable",
            )
        ],
    ),
    "model in use removed": (
        _without("transferLearningModels", 0),
        "keras-object-detection",
        [
            (
                "high",
                "vendor",
                "catalogue",
                "removed",
                "transferLearningModels[fomo_mobilenet_v2_a35]",
            )
        ],
    ),
    "an implementation that first has a version": (
        _in("transferLearningModels", 0, implementationVersion=2),
        "keras-object-detection",
        [
            (
                "info",
                "vendor",
                "catalogue",
                "added",
                "transferLearningModels[fomo_mobilenet_v2_a35].implementationVersion",
            )
        ],
    ),
    "a custom model's parameter": (
        _in("transferLearningModels", 0, "customParameters", 0, help="Other"),
        "keras",
        [
            (
                "info",
                "vendor",
                "catalogue",
                "changed",
                (
                    "transferLearningModels[transfer_organization:900]"
                    ".customParameters[learning-rate].help"
                ),
            )
        ],
    ),
    "what the interface remembers": (
        _set(showAdvancedTrainingSettings=True, lastShownModelVariant="float32"),
        "keras",
        [],
    ),
}


def _base(name: str) -> JsonObject:
    if name == "three-thresholds":
        keys = ("k", "k", "k#2")
        return {**sample(), "thresholds": [{"key": key, "value": 1} for key in keys]}
    return {**sample(), "batchSize": None} if name == "null-batch" else sample(name)


@pytest.mark.parametrize(("edit", "base", "expected"), _EDITS.values(), ids=_EDITS)
def test_one_edit_is_reported_as_the_contract_says(
    edit: Edit, base: str, expected: list[tuple[str, ...]]
) -> None:
    findings = after(edit, _base(base))

    assert sorted(map(brief, findings)) == sorted(expected)


def test_another_block_under_the_same_id_is_one_finding() -> None:
    difference = difference_between(sample("keras"), sample("keras-regression"))

    assert [brief(finding)[:5] for finding in difference.findings] == [
        ("high", "intent", "identity", "replaced", "type")
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_an_answer_equals_itself(name: str) -> None:
    assert difference_between(sample(name), sample(name)).findings == ()


def test_the_interface_is_counted_and_not_reported() -> None:
    difference = difference_between(*edited(_set(showAdvancedTrainingSettings=True)))

    assert (difference.findings, difference.suppressed) == ((), 1)


def test_findings_come_worst_first() -> None:
    findings = after(_all(_set(name="Other"), _set(batchSize=1), _set(trained=False)))

    assert [str(finding.severity) for finding in findings] == ["critical", "medium", "low"]


def test_an_id_depends_on_path_before_and_after_alone() -> None:
    first = after(_set(batchSize=1))
    again = after(_all(_set(batchSize=1), _set(name="Other")))
    other = after(_set(batchSize=2))

    assert first[0].id == again[0].id != other[0].id


@pytest.mark.parametrize(
    ("edit", "base", "expected"),
    [
        pytest.param(_set(batchSize=1), "keras", ModelState.STALE, id="setting"),
        pytest.param(_set(profileInt8=False), "keras", ModelState.TRAINED, id="info"),
        pytest.param(_in("thresholds", 0, value=0.1), "keras", ModelState.TRAINED, id="threshold"),
        pytest.param(_set(trained=False), "keras", ModelState.UNTRAINED, id="lost"),
        pytest.param(_set(trained=True), "keras-untrained", ModelState.TRAINED, id="trained"),
        pytest.param(
            _set(selectedModelType="requiresRetrain"), "keras", ModelState.STALE, id="asked for"
        ),
        pytest.param(
            _all(_set(trained=True), _set(batchSize=1)),
            "keras-untrained",
            ModelState.TRAINED,
            id="trained with the edit",
        ),
    ],
)
def test_the_models_state_is_judged_from_the_two(
    edit: Edit, base: str, expected: ModelState
) -> None:
    assert difference_between(*edited(edit, sample(base))).model_state is expected
