"""Every kind of finding, and the hint to restore it: a request, a reason, or nothing to do."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import dump
from auditor.drift.compare import compare_snapshots
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.findings import all_findings, judge_comparison
from auditor.drift.restore import find_restoration
from auditor.model import AgainstBaseline, Finding, TargetId
from auditor.report import AnswerExcerpt
from auditor.review import take_snapshots
from tests.drift.answers import SECRETS, Answer, Edit, sample

TARGET = TargetId(12, 3)
LAYERS = sample()["visualLayers"]
POLICY = {"enabled": True, "warping": True, "freqMasking": "low"}


def _base() -> Answer:
    """Return an answer in which every kind of edit can be made."""
    base = {
        **sample(),
        "trained": True,
        "selectedModelType": "int8",
        "batchSize": 32,
        "augmentationPolicySpectrogram": copy.deepcopy(POLICY),
        "blockParameters": {"backbone": "a", "numLayers": 2},
        "someNewField": 1,
    }
    base["thresholds"][0]["suggestedValue"] = 0.7
    return base


def _found(edit: Edit, base: Answer | None = None) -> tuple[tuple[Finding, ...], AnswerExcerpt]:
    old = _base() if base is None else base
    new = copy.deepcopy(old)
    edit(new)
    (before, after), secrets = take_snapshots([old, new], SECRETS)
    comparison = compare_snapshots(before, after, target=TARGET, secrets=secrets)
    findings = all_findings(comparison, judge_comparison(comparison))
    excerpt = excerpt_answers(comparison.old, comparison.new, findings, KERAS)
    empty = AnswerExcerpt(before=dump({}), after=dump({}), findings=())
    return findings, excerpt or empty


def _hint(edit: Edit, path: str, base: Answer | None = None) -> Any:  # noqa: ANN401 - any JSON
    """Return the body of the request, else the reason against one, else None."""
    findings, excerpt = _found(edit, base)
    (finding,) = (each for each in findings if each.path == path)
    found = find_restoration(finding, TARGET, KERAS, excerpt)
    return found and (found.why or json.loads(found.body))


def _set(**values: Any) -> Edit:  # noqa: ANN401 - any JSON
    return lambda answer: answer.update(values)


def _data(**values: Any) -> Edit:  # noqa: ANN401 - any JSON
    return lambda answer: answer["dependencies"].update(values)


def _threshold(**values: Any) -> Edit:  # noqa: ANN401 - any JSON
    return lambda answer: answer["thresholds"][0].update(values)


TRAIN = "no setting brings a lost training back: train again"
ASKED = "Studio asks for it after an edit: train again, or undo the edit"
DATA = "the data set changed, not a setting of the block"
VENDOR = "Edge Impulse changed it for all customers"
WITH_MODEL = "Studio adds and removes a threshold with its model"
SUGGESTION = "Studio sets the suggestion after each training"
UNPUBLISHED = "Studio's published API does not say how to set it"
STACK = {"visualLayers": LAYERS}


@pytest.mark.parametrize(
    ("edit", "path", "hint"),
    [
        (_set(trained=False), "trained", TRAIN),
        (_set(selectedModelType="requiresRetrain"), "selectedModelType", ASKED),
        (_set(selectedModelType="float32"), "selectedModelType", {"selectedModelType": "int8"}),
        (lambda a: a["visualLayers"][0].update(neurons=7), "visualLayers[0].neurons", STACK),
        (lambda a: a["visualLayers"].pop(), f"visualLayers[{len(LAYERS) - 1}]", STACK),
        (lambda a: a["visualLayers"].insert(0, {"type": "flatten"}), "visualLayers[0]", STACK),
        (lambda a: a["visualLayers"].reverse(), "visualLayers[1]", STACK),
        (
            _set(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0),
            "mode",
            {"mode": "visual", **STACK, "trainingCycles": 30, "learningRate": 0.0005},
        ),
        (
            _threshold(value=0.9),
            "thresholds[min_score].value",
            {
                "thresholds": [{"blockId": 3, "key": "min_score", "value": 0.6}],
                "allowCreatingRegenerateModelTestingJobs": False,
            },
        ),
        (lambda a: a["thresholds"].clear(), "thresholds[min_score]", WITH_MODEL),
        (_threshold(suggestedValue=0.2), "thresholds[min_score].suggestedValue", SUGGESTION),
        (_threshold(description="Other"), "thresholds[min_score].description", WITH_MODEL),
        (
            _set(minimumConfidenceRating=0.9),
            "minimumConfidenceRating",
            {"minimumConfidenceRating": 0.6},
        ),
        (_set(trainingCycles=99), "trainingCycles", {"trainingCycles": 30}),
        (_set(batchSize=64), "batchSize", {"batchSize": 32}),
        (_set(autoClassWeights=True), "autoClassWeights", {"autoClassWeights": False}),
        (
            lambda a: a["augmentationPolicySpectrogram"].update(warping=False),
            "augmentationPolicySpectrogram.warping",
            {"augmentationPolicySpectrogram": POLICY},
        ),
        (
            _set(akidaEdgeLearningConfig={"enabled": True, "additionalClasses": 3}),
            "akidaEdgeLearningConfig",
            {"akidaEdgeLearningConfig": {"enabled": False}},
        ),
        (
            lambda a: a["blockParameters"].update(numLayers=3),
            "blockParameters.numLayers",
            {"blockParameters": {"backbone": "a", "numLayers": 2}},
        ),
        (_set(profileInt8=False), "profileInt8", {"profileInt8": True}),
        (_data(classes=["idle", "wave", "updown", "new"]), "dependencies.classes", DATA),
        (_data(outputClasses=["wave", "idle", "updown"]), "dependencies.outputClasses", DATA),
        (_data(sampleCount=9), "dependencies.sampleCount", DATA),
        (_set(shape="(9, 1)"), "shape", DATA),
        (_set(name="Other"), "name", "no request sets only a name: rename the block in Studio"),
        (_set(type="keras-regression"), "type", "the id now belongs to another block"),
        (_set(someNewField=2), "someNewField", UNPUBLISHED),
        (_set(defaultBatchSize=64), "defaultBatchSize", VENDOR),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_kind_of_finding_has_its_hint(edit: Edit, path: str, hint: object) -> None:
    assert _hint(edit, path) == hint


def test_a_script_is_restored_where_people_write_it() -> None:
    expert = {**sample("keras-expert"), "script": "a = 1\n"}

    assert _hint(_set(script="a = 2\n"), "script", expert) == {"script": "a = 1\n"}


@pytest.mark.parametrize(
    ("edit", "base", "path"),
    [
        (_set(trained=True), {"trained": False}, "trained"),
        (
            _set(selectedModelType="int8"),
            {"selectedModelType": "requiresRetrain"},
            "selectedModelType",
        ),
    ],
    ids=["trained", "no longer asked for"],
)
def test_a_new_training_is_nothing_to_restore(edit: Edit, base: dict[str, Any], path: str) -> None:
    assert _hint(edit, path, {**_base(), **base}) is None


def test_a_value_that_is_as_approved_is_nothing_to_restore() -> None:
    findings, excerpt = _found(_set(trainingCycles=99))
    approved = replace(findings[0], against_baseline=AgainstBaseline.RESTORED)

    assert find_restoration(approved, TARGET, KERAS, excerpt) is None


def _undone(edit: Edit, base: Answer | None = None) -> dict[str, tuple[str, ...]]:
    """Return by the path of each finding what else its request undoes."""
    findings, excerpt = _found(edit, base)
    return dict(_restored(findings, excerpt))


def _restored(
    findings: tuple[Finding, ...], excerpt: AnswerExcerpt
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for finding in findings:
        found = find_restoration(finding, TARGET, KERAS, excerpt)
        if found is not None and found.body:
            yield finding.path, found.undoes


def _two_layers(answer: Answer) -> None:
    answer["visualLayers"][0].update(neurons=7)
    answer["visualLayers"][1].update(neurons=8)
    answer["trainingCycles"] = 99


def test_a_request_says_which_other_edit_it_undoes() -> None:
    first, second = "visualLayers[0].neurons", "visualLayers[1].neurons"

    assert _undone(_two_layers) == {first: (second,), second: (first,), "trainingCycles": ()}


def test_one_edit_and_what_belongs_to_it_are_no_other_edit() -> None:
    swapped = sample("keras-object-detection")

    def swap(answer: Answer) -> None:
        answer["visualLayers"][0].update(type="fomo_mobilenet_v2_a01")
        answer.update(trainingCycles=61, learningRate=0.002)

    assert _undone(swap, swapped) == {"visualLayers[0]": ()}
    assert _undone(lambda a: a["visualLayers"].reverse()) == {"visualLayers[1]": ()}
