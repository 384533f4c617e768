"""An answer is read the same, whether its catalogue was seen before or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import KERAS, BlockKind
from auditor.errors import StudioError
from auditor.model import Json, JsonObject
from auditor.studio.answers import read_answer
from auditor.studio.catalogues import AnswerReader

SAMPLE: dict[str, Any] = sample_blocks()["keras"]
MODELS: list[Any] = SAMPLE["transferLearningModels"]
KEY = '"transferLearningModels"'
TEXT = json.dumps(SAMPLE)
OTHER_KEY = f'"x\\"{KEY[1:]}: {json.dumps(MODELS)}, "name"'


def outcome(read: Callable[[bytes, BlockKind], JsonObject], body: bytes) -> str:
    """Return what is read, types and order of keys included, or why it is refused."""
    try:
        return json.dumps(read(body, KERAS))
    except StudioError as error:
        return f"{error.kind}: {error}"


def same(body: bytes) -> bool:
    """Return whether a reader that knows the catalogue reads the body as one without any does."""
    reader = AnswerReader()
    reader.read(TEXT.encode(), KERAS)
    return outcome(reader.read, body) == outcome(read_answer, body)


def test_equal_catalogues_are_parsed_once() -> None:
    reader = AnswerReader()
    _, second, third = (reader.read(TEXT.encode(), KERAS) for _ in range(3))

    assert second["transferLearningModels"] is third["transferLearningModels"]
    assert second == SAMPLE


def test_another_catalogue_is_read_as_it_is() -> None:
    assert same(json.dumps({**SAMPLE, "transferLearningModels": [*MODELS, *MODELS[:1]]}).encode())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(TEXT.replace('"success": true', '"success": false'), id="refused"),
        pytest.param(TEXT.replace('"name"', f'{KEY}: null, "name"', 1), id="a key twice"),
        pytest.param(TEXT.replace('"name"', OTHER_KEY, 1), id="a key that ends like it"),
        pytest.param(TEXT.replace(KEY, f'"other": {{{KEY}: [1]}}, {KEY}', 1), id="a decoy"),
        pytest.param(
            TEXT.replace('"name"', f'"other": {{{KEY}: {json.dumps(MODELS)}}}, "name"', 1),
            id="inside another object",
        ),
        pytest.param(TEXT.replace(f"{KEY}: ", f"{KEY} \n : \t", 1), id="white space"),
        pytest.param(json.dumps(SAMPLE, indent=1)[:-2] + ",}", id="broken behind it"),
        pytest.param(TEXT.replace(f"{KEY}: [", f"{KEY}: {{", 1), id="broken in it"),
        pytest.param(TEXT.replace(KEY, f'"deep": {"[" * 70}{"]" * 70}, {KEY}', 1), id="deep"),
        pytest.param(TEXT.replace(KEY, f'"big": {"9" * 5000}, {KEY}', 1), id="a large number"),
        pytest.param(TEXT.replace(KEY, '"none"', 1), id="no catalogue"),
        pytest.param(json.dumps({**SAMPLE, "transferLearningModels": None}), id="null"),
    ],
)
def test_an_odd_answer_is_read_as_without_a_known_catalogue(body: str) -> None:
    assert same(body.encode())


@given(
    models=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    name=st.text(),
)
def test_any_catalogue_is_read_the_same_the_second_time(models: Json, name: str) -> None:
    catalogue: Json = [*MODELS[:3], models]
    bodies = [
        json.dumps({**SAMPLE, "name": each, "transferLearningModels": catalogue}).encode()
        for each in ("first", name)
    ]
    reader = AnswerReader()

    for body in bodies:
        assert outcome(reader.read, body) == outcome(read_answer, body)


def test_no_more_than_a_few_are_kept() -> None:
    reader = AnswerReader()
    answers: list[JsonObject] = [
        {**SAMPLE, "transferLearningModels": [*MODELS, {"number": number}]} for number in range(40)
    ]

    for answer in (*answers, *answers):
        assert reader.read(json.dumps(answer).encode(), KERAS) == answer
