"""The form in which answers are read has a name that moves whenever it does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from auditor.drift.canonical import canonical_bytes, digest, read_catalogue
from auditor.drift.equality import same
from auditor.drift.fields import FIELDS, Shape
from auditor.drift.form import CANONICAL, FORM, form_name
from auditor.model import Area, Json, Severity
from tests.drift.answers import SAMPLES, sample

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
        taken.update(canonical_bytes(answer))
        taken.update(repr(read_catalogue(answer["transferLearningModels"]).form).encode())
    equal = [
        same(a, b)
        for a in (0, False, 1, 1.0, 1 + 1e-10, 1 + 1e-8, "1", None)
        for b in (0, 1, True, 1 + 1e-10, "1", None)
    ]
    taken.update(repr(equal).encode())

    assert taken.hexdigest()[:16] == _KNOWN[CANONICAL]


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

    assert form_name(table.values(), canonical=CANONICAL) != FORM


def test_a_field_more_or_less_is_another_form() -> None:
    without = [row for row in FIELDS.values() if row.pattern != "trainTestSplit"]

    assert form_name(without, canonical=CANONICAL) != FORM
    assert form_name(FIELDS.values(), canonical=CANONICAL + 1) != FORM


def test_words_and_the_order_of_rows_are_no_other_form() -> None:
    reworded = [replace(row, label="x", unit="s") for row in reversed(FIELDS.values())]

    assert form_name(reworded, canonical=CANONICAL) == FORM


def test_a_digest_holds_for_its_form_alone() -> None:
    answer = sample("keras")

    assert digest(answer) != hashlib.sha256(canonical_bytes(answer)).hexdigest()
