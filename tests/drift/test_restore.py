from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.drift.block_kinds import KERAS
from auditor.drift.compare import Comparison, compare
from auditor.drift.excerpts import (
    drop_secret_parameters,
    excerpt_answers,
    layer_stacks,
    suggested_value,
)
from auditor.drift.findings import Reading, judge_comparison
from auditor.drift.restore import Restoration, find_restoration
from auditor.model import Finding, JsonObject, TargetId
from tests.drift.answers import sample

TARGET = TargetId(12, 3)
SET_KERAS = "POST /api/12/training/keras/3"


def restoration_of(old: JsonObject, new: JsonObject, *, path: str = "") -> Restoration:
    """Return the restoration of the change at a path, or of the worst change."""
    findings = findings_between(old, new)
    finding = next(finding for finding in findings if finding.path == path or not path)
    excerpt = excerpt_answers(old, new, findings, KERAS)
    restoration = find_restoration(finding, TARGET, KERAS, excerpt)
    assert restoration is not None
    return restoration


def findings_between(old: JsonObject, new: JsonObject) -> tuple[Finding, ...]:
    changes = compare(old, new, KERAS)
    comparison = Comparison(kind=KERAS, target=TARGET, old=old, new=new, changes=changes)
    return judge_comparison(comparison).findings


def body(restoration: Restoration) -> Any:  # noqa: ANN401 - any JSON
    assert restoration.why == ""
    return json.loads(restoration.body)


def test_a_setting_of_its_own_is_restored_alone() -> None:
    old = sample("keras")

    restoration = restoration_of(old, {**old, "learningRate": 0.5})

    assert restoration.request == SET_KERAS
    assert body(restoration) == {"learningRate": old["learningRate"]}


def test_a_change_of_layers_needs_the_whole_old_stack() -> None:
    old = {**sample("keras"), "visualLayers": [{"type": "dense", "neurons": 8}, {"type": "a"}]}
    new = {**old, "visualLayers": [{"type": "dense", "neurons": 9}, {"type": "a"}]}

    restoration = restoration_of(old, {**new, "script": "x = 1"})

    assert body(restoration) == {"visualLayers": old["visualLayers"]}


def test_a_threshold_is_set_by_block_and_key() -> None:
    old = {**sample("keras"), "thresholds": [threshold(0.6)]}

    restoration = restoration_of(
        old, {**old, "thresholds": [threshold(0.7)], "minimumConfidenceRating": 0.7}
    )

    assert restoration.request == "POST /api/12/impulse/IMPULSE/set-thresholds"
    assert body(restoration)["thresholds"] == [{"blockId": 3, "key": "min_score", "value": 0.6}]


def test_a_detail_of_a_policy_is_restored_with_the_whole_policy() -> None:
    policy: JsonObject = {"enabled": True, "warping": True, "freqMasking": "low"}
    old = {**sample("keras"), "augmentationPolicySpectrogram": policy}

    restoration = restoration_of(
        old, {**old, "augmentationPolicySpectrogram": {**policy, "warping": False}}
    )

    assert body(restoration) == {"augmentationPolicySpectrogram": policy}


def test_a_switch_of_mode_is_restored_with_everything_that_it_reset() -> None:
    old = {**sample("keras"), "mode": "visual"}
    new: JsonObject = {**old, "mode": "expert", "visualLayers": [], "trainingCycles": 0}

    restoration = restoration_of(old, {**new, "learningRate": 0, "script": "a = 1\n"}, path="mode")

    assert set(body(restoration)) == {"mode", "visualLayers", "trainingCycles", "learningRate"}
    assert body(restoration)["visualLayers"] == old["visualLayers"]


def test_a_switch_that_was_not_set_is_switched_off() -> None:
    old = {k: v for k, v in sample("keras").items() if k != "useLearnedOptimizer"}

    restoration = restoration_of(
        old, {**old, "useLearnedOptimizer": True}, path="useLearnedOptimizer"
    )

    assert body(restoration) == {"useLearnedOptimizer": False}


@pytest.mark.parametrize(
    ("change", "path", "why"),
    [
        ({"trained": False}, "trained", "train again"),
        ({"selectedModelType": "requiresRetrain"}, "selectedModelType", "or undo the edit"),
        ({"shape": "(1, 2)"}, "shape", "the data set changed"),
        ({"type": "keras-regression"}, "type", "another block"),
        ({"name": "Other"}, "name", "rename the block in Studio"),
        ({"someNewField": 3}, "someNewField", "does not say how to set it"),
        ({"customValidationMetadataKey": "site"}, "customValidationMetadataKey", "not set before"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_change_that_no_setting_restores_says_why(
    change: JsonObject, path: str, why: str
) -> None:
    old = {"trained": True, **sample("keras"), "customValidationMetadataKey": None}
    old["trained"] = True

    restoration = restoration_of(old, {**old, **change}, path=path)

    assert restoration.body == ""
    assert why in restoration.why


def test_a_generated_script_is_restored_by_its_layers() -> None:
    old = {**sample("keras"), "script": "a = 1"}
    new = {**old, "script": "a = 2", "trainingCycles": 31}
    changes = compare(old, new, KERAS)
    comparison = Comparison(kind=KERAS, target=TARGET, old=old, new=new, changes=changes)
    reading = Reading(is_ignored=lambda path, _area: path == "trainingCycles")
    findings = judge_comparison(comparison, reading).findings
    script = next(finding for finding in findings if finding.path == "script")
    restoration = find_restoration(
        script, TARGET, KERAS, excerpt_answers(old, new, findings, KERAS)
    )

    assert restoration is not None
    assert "restore the layers" in restoration.why


def test_a_script_of_expert_mode_is_restored_as_it_was() -> None:
    old = {**sample("keras-expert"), "script": "a = 1\n"}

    assert body(restoration_of(old, {**old, "script": "a = 2\n"})) == {"script": "a = 1\n"}


def test_a_secret_is_never_part_of_a_request() -> None:
    hidden = {"token": f"(hidden:{'a' * 32})", "depth": "3"}
    old = {**sample("keras"), "customParameters": hidden}

    restoration = restoration_of(old, {**old, "customParameters": {**hidden, "depth": "4"}})

    assert "secret" in restoration.why
    assert "hidden" not in restoration.body


def test_the_excerpt_of_other_findings_restores_nothing() -> None:
    old = {**sample("keras"), "visualLayers": [{"type": "dense", "neurons": 8}]}
    new = {**old, "visualLayers": [{"type": "dense", "neurons": 9}]}
    findings = findings_between(old, new)
    excerpt = excerpt_answers(old, new, findings, KERAS)

    restoration = find_restoration(replace(findings[0], id="other"), TARGET, KERAS, excerpt)

    assert restoration is not None
    assert "not known" in restoration.why


def test_a_parameter_that_became_a_secret_leaves_the_excerpt() -> None:
    old = {**sample("keras"), "customParameters": {"token": "abc", "depth": "3"}}
    new = {**old, "customParameters": {"token": "abc", "depth": "4"}}
    excerpt = excerpt_answers(old, new, findings_between(old, new), KERAS)

    assert b"abc" in (excerpt.before if excerpt else b"")
    assert b"abc" not in getattr(drop_secret_parameters(excerpt, {"token"}), "before", b"")


def test_an_excerpt_has_the_layer_stacks_and_suggested_values() -> None:
    old = {**sample("keras"), "mode": "visual", "thresholds": [threshold(0.6)]}
    new = {**old, "visualLayers": [{"type": "flatten"}], "thresholds": [threshold(0.7)]}

    excerpt = excerpt_answers(old, new, findings_between(old, new), KERAS)

    assert layer_stacks(excerpt) == (old["visualLayers"], [{"type": "flatten"}])
    assert suggested_value(excerpt, "thresholds[min_score].value") == 0.55


def threshold(value: float) -> JsonObject:
    words: JsonObject = {"description": "Score", "helpText": ""}
    return {**words, "key": "min_score", "value": value, "suggestedValue": 0.55}
