"""What says nothing: rewritings of an answer that are no change."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.drift.canonical import canonical_bytes, catalogue_digest, digest
from auditor.drift.compare import compare
from auditor.errors import DocumentError
from auditor.model import Json, JsonObject
from tests.drift.answers import SAMPLES, after, sample

_Rewrite = Callable[[dict[str, Any]], object]


def _reverse_keys(answer: dict[str, Any]) -> None:
    items = list(answer.items())
    answer.clear()
    answer.update(reversed(items))


_REWRITINGS: dict[str, _Rewrite] = {
    "key order": _reverse_keys,
    "whole numbers as doubles": lambda a: a.update(trainingCycles=float(a["trainingCycles"])),
    "noise": lambda a: a.update(learningRate=a["learningRate"] * (1 + 1e-12)),
    "threshold as text": lambda a: a["thresholds"][0].update(
        value=str(a["thresholds"][0]["value"])
    ),
    "optional absent as null": lambda a: a.update(
        customParameters=None, akidaEdgeLearningConfig=None
    ),
    "optional absent as empty": lambda a: a.update(customParameters={}, blockParameters={}),
    "switched off": lambda a: a.update(akidaEdgeLearningConfig={"enabled": False}),
    "switched off in full": lambda a: a.update(
        akidaEdgeLearningConfig={"enabled": False, "additionalClasses": None}
    ),
    "switched off and gone": lambda a: a.pop("augmentationPolicySpectrogram"),
    "false and gone": lambda a: a.pop("autoClassWeights"),
    "unknown field that is null": lambda a: a.update(isMultiHead=None),
    "line ends": lambda a: a.update(script=a["script"].replace("\n", "\r\n")),
    "trailing blank lines": lambda a: a.update(script=a["script"] + "\n  \n\n"),
    "enabled layer": lambda a: a["visualLayers"][0].update(enabled=True),
    "order of labels": lambda a: a["dependencies"]["classes"].reverse(),
    "order of the catalogue": lambda a: a["transferLearningModels"].reverse(),
    "order of parameters": lambda a: a["transferLearningModels"][0]["customParameters"].reverse(),
    "the envelope": lambda a: a.update(error="", success=True),
}


@pytest.mark.parametrize("rewrite", _REWRITINGS.values(), ids=_REWRITINGS)
def test_a_harmless_rewriting_is_no_change(rewrite: _Rewrite) -> None:
    assert after(rewrite) == ()


@pytest.mark.parametrize("rewrite", [r for n, r in _REWRITINGS.items() if n != "noise"])
def test_a_harmless_rewriting_keeps_the_digest(rewrite: _Rewrite) -> None:
    old, new = sample(), sample()
    rewrite(new)

    assert digest(old) == digest(new)
    assert catalogue_digest(old["transferLearningModels"]) == catalogue_digest(
        new["transferLearningModels"]
    )


@pytest.mark.parametrize("value", [0, 0.0, "0", -1])
def test_a_number_is_never_equal_to_absent(value: Json) -> None:
    assert len(after(lambda a: a.update(batchSize=value), _without_batch())) == 1


def _without_batch() -> JsonObject:
    answer = sample()
    del answer["batchSize"]
    return answer


def test_noise_does_not_creep() -> None:
    """Each poll is judged against the stored one: what adds up is told."""
    assert len(after(lambda a: a.update(learningRate=a["learningRate"] * (1 + 2e-9)))) == 1


def test_whole_numbers_have_no_noise() -> None:
    base = {**sample(), "trainingCycles": 10**12}

    assert len(after(lambda a: a.update(trainingCycles=10**12 + 1), base)) == 1


def test_a_document_that_is_no_json_has_no_canonical_form() -> None:
    with pytest.raises(DocumentError):
        canonical_bytes({"learningRate": math.nan})


_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab_.", max_size=3)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=3), inner),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["batchSize", "__x", "customParameters", "dependencies", "thresholds", "name", "new", "script"]
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, max_size=5)


@settings(max_examples=300, deadline=None)
@example({"thresholds": []}, {"thresholds": {}})
@example({"thresholds": [{"key": "a"}]}, {"thresholds": {"a": {"key": "a"}}})
@example({"batchSize": {"": ""}}, {"batchSize": [{"": ""}]})
@example({"new": False}, {"new": 0})
@example({"new": [True]}, {"new": [1]})
@example({"new": {"a": 1}}, {"new": {"a": True}})
@given(_DOCUMENTS, _DOCUMENTS)
def test_equal_canonical_bytes_mean_no_change(a: JsonObject, b: JsonObject) -> None:
    """And unequal ones a change: no tolerance applies to whole numbers, texts and booleans."""
    assert bool(compare(a, b)) is (canonical_bytes(a) != canonical_bytes(b))


@settings(max_examples=100, deadline=None)
@given(_DOCUMENTS)
def test_a_document_never_differs_from_itself(document: JsonObject) -> None:
    assert compare(document, copy.deepcopy(document)) == ()


@settings(max_examples=200, deadline=None)
@given(_DOCUMENTS, _DOCUMENTS)
def test_forth_and_back_mirror_each_other(a: JsonObject, b: JsonObject) -> None:
    forth = sorted((c.path, str(c.before), str(c.after)) for c in compare(a, b))
    back = sorted((c.path, str(c.after), str(c.before)) for c in compare(b, a))

    assert forth == back


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_have_a_canonical_form(name: str) -> None:
    assert canonical_bytes(sample(name)).isascii()
