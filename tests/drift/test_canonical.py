"""What says nothing: rewritings of an answer that are no change."""

from __future__ import annotations

import copy
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import (
    CANONICAL,
    FORMS,
    canonical_bytes,
    catalogue_digest,
    digest,
    form_name,
    is_same,
    read_catalogue,
)
from auditor.drift.compare import compare
from auditor.drift.fields import FIELDS, Shape
from auditor.errors import DocumentError
from auditor.model import Area, BlockKindName, Json, JsonObject, Severity
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
    "unknown field that is null": lambda a: a.update(futureHeads=None),
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

    assert digest(old, KERAS) == digest(new, KERAS)
    assert catalogue_digest(old["transferLearningModels"], KERAS) == catalogue_digest(
        new["transferLearningModels"], KERAS
    )


@pytest.mark.parametrize("value", [0, 0.0, "0", -1])
def test_a_number_is_never_equal_to_absent(value: Json) -> None:
    assert len(after(lambda a: a.update(batchSize=value), _without_batch())) == 1


def _without_batch() -> JsonObject:
    answer = sample()
    del answer["batchSize"]
    return answer


def test_noise_does_not_creep() -> None:
    """Each poll is judged against the stored one: what adds up is reported."""
    assert len(after(lambda a: a.update(learningRate=a["learningRate"] * (1 + 2e-9)))) == 1


def test_whole_numbers_have_no_noise() -> None:
    base = {**sample(), "trainingCycles": 10**12}

    assert len(after(lambda a: a.update(trainingCycles=10**12 + 1), base)) == 1


def test_a_document_that_is_no_json_has_no_canonical_form() -> None:
    with pytest.raises(DocumentError):
        canonical_bytes({"learningRate": math.nan}, KERAS)


_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab_.", max_size=3)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=3), inner),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["batchSize", "__x", "customParameters", "dependencies", "thresholds", "name", "new", "script"]
)
_PLACES = re.compile(r"\[\d+\]")
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
    assert bool(compare(a, b, KERAS)) is (canonical_bytes(a, KERAS) != canonical_bytes(b, KERAS))


@settings(max_examples=100, deadline=None)
@given(_DOCUMENTS)
def test_a_document_never_differs_from_itself(document: JsonObject) -> None:
    assert compare(document, copy.deepcopy(document), KERAS) == ()


@settings(max_examples=200, deadline=None)
@example({"new": [{"": 0}, []]}, {"new": [None, {"": 0}, None]})
@given(_DOCUMENTS, _DOCUMENTS)
def test_forth_and_back_mirror_each_other(a: JsonObject, b: JsonObject) -> None:
    # A place in a list is the one in the new list, so it may differ between the two directions.
    forth = sorted(
        (_PLACES.sub("[]", c.path), str(c.before), str(c.after)) for c in compare(a, b, KERAS)
    )
    back = sorted(
        (_PLACES.sub("[]", c.path), str(c.after), str(c.before)) for c in compare(b, a, KERAS)
    )

    assert forth == back


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_have_a_canonical_form(name: str) -> None:
    assert canonical_bytes(sample(name), KERAS).isascii()


# Where this fails, stored histories are read in another way: count CANONICAL up, and write the
# new pair down. A row of the field table that is new or other needs no counting, nor does a
# sample that was edited.
_KNOWN = {1: "9fe8e316e9d1b606"}

_ODD: Json = {
    "blank": [None, False, "", [], {}, {"enabled": False}],
    "numbers": [1.0, -0.0, 0.1, 1e300, 2**62],
    "program": "a\r\nb\r\n \n",
    "__private": {"z": 1, "a": None},
}


def test_another_result_needs_another_number() -> None:
    taken = hashlib.sha256()
    for name in SAMPLES:
        answer = sample(name)
        answer.update(futureField=_ODD, script=f"{answer['script']}\r\n\n")
        taken.update(canonical_bytes(answer, KERAS))
        taken.update(repr(read_catalogue(answer["transferLearningModels"], KERAS).form).encode())
    equal = [
        is_same(a, b)
        for a in (0, False, 1, 1.0, 1 + 1e-10, 1 + 1e-8, "1", None)
        for b in (0, 1, True, 1 + 1e-10, "1", None)
    ]
    taken.update(repr(equal).encode())

    assert taken.hexdigest()[:16] == _KNOWN[CANONICAL]


_FORM = FORMS[BlockKindName.KERAS]


@pytest.mark.parametrize(
    "change",
    [
        {"area": Area.UNKNOWN},
        {"severity": Severity.CRITICAL},
        {"required": True},
        {"blank_is_true": True},
        {"shape": Shape.SET},
        {"identity": ("key",)},
    ],
    ids="".join,
)
def test_whatever_a_row_says_of_a_field_is_in_the_name(change: dict[str, Any]) -> None:
    row = FIELDS["trainTestSplit"]
    table = {**FIELDS, row.pattern: replace(row, **change)}

    assert form_name(table.values(), canonical=CANONICAL) != _FORM


def test_a_field_more_or_less_is_another_form() -> None:
    without = [row for row in FIELDS.values() if row.pattern != "trainTestSplit"]

    assert form_name(without, canonical=CANONICAL) != _FORM
    assert form_name(FIELDS.values(), canonical=CANONICAL + 1) != _FORM


def test_words_and_the_order_of_rows_are_no_other_form() -> None:
    reworded = [replace(row, label="x", unit="s") for row in reversed(FIELDS.values())]

    assert form_name(reworded, canonical=CANONICAL) == _FORM


def test_a_digest_holds_for_its_form_alone() -> None:
    answer = sample("keras")

    assert digest(answer, KERAS) != hashlib.sha256(canonical_bytes(answer, KERAS)).hexdigest()
