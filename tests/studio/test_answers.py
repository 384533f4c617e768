"""None"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import KERAS
from auditor.errors import StudioError
from auditor.redaction import Secret
from auditor.studio.answers import MAX_DEPTH, read_answer, read_success, status_error

Document = dict[str, Any]
SAMPLES = sample_blocks()


def sample(**changes: object) -> Document:
    return copy.deepcopy(SAMPLES["keras"]) | changes


def body_with(**changes: object) -> bytes:
    return json.dumps(sample(**changes)).encode()


def refused(body: bytes) -> StudioError:
    with pytest.raises(StudioError) as caught:
        read_answer(body, KERAS)
    return caught.value


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_block_is_believed_as_it_was_sent(name: str) -> None:
    assert read_answer(json.dumps(SAMPLES[name]).encode(), KERAS) == SAMPLES[name]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b" \n", "it is empty", id="blank"),
        pytest.param(b"<!DOCTYPE html>", "web page", id="html"),
        pytest.param(b'{"success": true', "at line 1", id="cut"),
        pytest.param(b'{"success": true} x', "Extra data", id="more after it"),
        pytest.param(b'{"success": "\xff"}', "byte 13 is not UTF-8", id="not utf-8"),
        pytest.param('{"success": true}'.encode("utf-16"), "not UTF-8", id="utf-16"),
        pytest.param(b'{"a": NaN}', "it contains NaN", id="NaN"),
        pytest.param(b'{"a": -Infinity}', "it contains -Infinity", id="infinity"),
        pytest.param(b'{"a": "\x00"}', "control character", id="raw control character"),
    ],
)
def test_what_is_not_json_is_reported_as_such(body: bytes, message: str) -> None:
    error = refused(body)

    assert error.kind == "not_json"
    assert message in error.message


@pytest.mark.parametrize("body", [b"[]", b"null", b"true", b"1", b'"x"'])
def test_json_that_is_no_object_is_invalid(body: bytes) -> None:
    assert refused(body).kind == "invalid"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("1e400", id="exponent"),
        pytest.param("-1e400", id="negative"),
        pytest.param("9" * 400, id="400 digits"),
        pytest.param("9" * 5000, id="more digits than Python reads"),
    ],
)
def test_a_number_that_fits_no_double_is_invalid(number: str) -> None:
    error = refused(body_with(extra="N").replace(b'"N"', number.encode()))

    assert error.kind == "invalid"
    assert "too large for a double" in error.message


def test_an_integer_beyond_64_bits_becomes_a_double() -> None:
    texts = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "1" * 30]

    document = read_answer(
        body_with(extra="N").replace(b'"N"', f"[{','.join(texts)}]".encode()), KERAS
    )

    assert repr(document["extra"]) == repr([2**63 - 1, -(2**63), float(2**63), float("1" * 30)])


@pytest.mark.parametrize("depth", [MAX_DEPTH, 100_000])
def test_what_is_nested_without_end_is_invalid(depth: int) -> None:
    error = refused(b"[" * (depth + 1) + b"]" * (depth + 1))

    assert error.kind == "invalid"
    assert "nested deeper" in error.message


def test_a_document_may_be_nested_as_deep_as_allowed() -> None:
    lists = MAX_DEPTH - 1  # the document itself is the first level

    assert read_answer(body_with(extra="N").replace(b'"N"', b"[" * lists + b"]" * lists), KERAS)


@pytest.mark.parametrize("success", [False, None, 1, "true", [], {}])
def test_success_is_exactly_true(success: object) -> None:
    assert refused(body_with(success=success)).kind == "refused"


def test_an_answer_without_success_says_what_is_missing() -> None:
    document = sample()
    del document["success"]

    error = refused(json.dumps(document).encode())

    assert error.kind == "refused"
    assert error.message.endswith("success: expected true, it is missing")


def test_a_refusal_is_judged_before_the_required_keys_and_quotes_its_reason() -> None:
    error = refused(b'{"success": false, "error": "No learn\\r\\nblock \\u202e\\ud800 7"}')

    assert error.message == "Studio refused: No learn block 7"
    assert not error.whole_project


@pytest.mark.parametrize("error_text", ["null", "{}", '""', '"\\u0000"'])
def test_a_refusal_may_give_no_reason(error_text: str) -> None:
    body = f'{{"success": false, "error": {error_text}}}'.encode()

    assert refused(body).message == "Studio refused: it gave no reason"


def test_a_key_that_studio_does_not_know_concerns_the_whole_project() -> None:
    error = refused(b'{"success": false, "error": "Invalid API key"}')

    assert (error.kind, error.whole_project) == ("unauthorized", True)


def test_no_message_holds_a_secret_even_where_the_cut_would_halve_it() -> None:
    key, token = "ei_" + "ab12" * 16, "canary-of-another-form"
    text = "x" * 170 + f" {key} and {token}"
    body = json.dumps({"success": False, "error": text}).encode()

    with pytest.raises(StudioError) as caught:
        read_answer(body, KERAS, secrets=[Secret(token), Secret("")])

    assert "ab12" not in caught.value.message
    assert "canary" not in caught.value.message
    assert len(caught.value.message) < 230


def test_a_long_reason_is_cut() -> None:
    error = refused(json.dumps({"success": False, "error": "so " * 999}).encode())

    assert len(error.message) < 230
    assert error.message.endswith("…")


REQUIRED = [
    *(key for key in sample() if key in {
        "dependencies", "trained", "name", "script", "minimumConfidenceRating", "shape", "mode",
        "selectedModelType", "trainingCycles", "learningRate", "defaultBatchSize", "visualLayers",
        "augmentationPolicyImage", "transferLearningModels", "profileInt8", "thresholds",
        "skipEmbeddingsAndMemory", "showAdvancedTrainingSettings",
        "showAugmentationTrainingSettings",
    }),
]  # fmt: skip


def test_the_schema_requires_nineteen_keys() -> None:
    assert len(REQUIRED) == 19


@pytest.mark.parametrize("key", REQUIRED)
def test_a_required_key_must_be_there_and_of_its_type(key: str) -> None:
    document = sample()
    del document[key]

    assert f": {key}: expected" in refused(json.dumps(document).encode()).message
    assert f": {key}: expected" in refused(body_with(**{key: None})).message


@pytest.mark.parametrize(
    "key", ["classes", "blockNames", "featureCount", "sampleCount", "outputClasses"]
)
def test_dependencies_have_required_keys_of_their_own(key: str) -> None:
    document = sample()
    del document["dependencies"][key]

    error = refused(json.dumps(document).encode())

    assert error.kind == "invalid"
    assert f"dependencies.{key}: expected" in error.message
    assert error.message.endswith("it is missing")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda d: d.update(trainingCycles=30.5),
            "trainingCycles: expected an integer, found a number",
            id="a fraction is no integer",
        ),
        pytest.param(
            lambda d: d.update(learningRate=True),
            "learningRate: expected a number, found true or false",
            id="true is no number",
        ),
        pytest.param(
            lambda d: d.update(trained=1),
            "trained: expected true or false, found a number",
            id="1 is not true",
        ),
        pytest.param(
            lambda d: d["dependencies"]["classes"].append(7),
            "expected a string, found a number",
            id="a label is text",
        ),
        pytest.param(
            lambda d: d["dependencies"].update(outputClasses=[None]),
            "dependencies.outputClasses[0]: expected a string, found null",
            id="an output label is text",
        ),
        pytest.param(
            lambda d: d["visualLayers"][1].pop("type"),
            "visualLayers[1].type: expected a string, it is missing",
            id="a layer has a type",
        ),
        pytest.param(
            lambda d: d.update(visualLayers=["dense"]),
            "visualLayers[0]: expected an object, found a string",
            id="a layer is an object",
        ),
        pytest.param(
            lambda d: d["thresholds"][0].pop("key"),
            "thresholds[0].key: expected a string, it is missing",
            id="a threshold has a key",
        ),
        pytest.param(
            lambda d: d["thresholds"][0].update(value=None),
            "thresholds[0].value: expected a number or a string, found null",
            id="a threshold has a value",
        ),
        pytest.param(
            lambda d: d["thresholds"][0].update(value=False),
            "thresholds[0].value: expected a number or a string, found true or false",
            id="a threshold's value is no boolean",
        ),
        pytest.param(
            lambda d: d.update(transferLearningModels=[[]]),
            "transferLearningModels[0]: expected an object, found a list",
            id="a model is an object",
        ),
    ],
)
def test_a_wrong_type_is_named_with_its_path(
    spoil: Callable[[Document], object], message: str
) -> None:
    document = sample()
    spoil(document)

    error = refused(json.dumps(document).encode())

    assert error.kind == "invalid"
    assert message in error.message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"trainingCycles": 30.0}, id="30.0 is an integer"),
        pytest.param({"minimumConfidenceRating": 1}, id="1 is a number"),
        pytest.param({"mode": "guided", "type": "keras-new"}, id="unknown enum values"),
        pytest.param({"visualLayers": [{"type": "attention", "heads": None}]}, id="new layer"),
        pytest.param({"thresholds": [{"key": "k", "value": "0.5"}]}, id="text for a threshold"),
        pytest.param({"transferLearningModels": [{}]}, id="a bare catalogue"),
        pytest.param({"batchSize": "thirty", "autoClassWeights": None}, id="optional fields"),
        pytest.param({"kFoldsValidationConfig": {"k": 5}, "": []}, id="unknown fields"),
        pytest.param({"name": "\ud800\x00\u202e"}, id="any character in text"),
        pytest.param({"visualLayers": [], "thresholds": []}, id="empty lists"),
    ],
)
def test_what_the_schema_leaves_open_is_believed_and_kept(change: Document) -> None:
    assert read_answer(body_with(**change), KERAS) == sample(**change)


def test_answers_are_read_without_any_http_library() -> None:
    code = (
        "import sys, auditor.studio.answers;"
        "print({'httpx', 'aiohttp'} & {name.partition('.')[0] for name in sys.modules})"
    )

    printed = subprocess.run(  # noqa: S603 - this interpreter, a fixed text
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert printed.stdout == "set()\n"


@pytest.mark.parametrize(
    ("status", "kind", "transient", "whole_project"),
    [
        (204, "http", False, False),
        (304, "http", False, False),
        (307, "redirect", False, False),
        (400, "http", False, False),
        (401, "unauthorized", False, True),
        (403, "forbidden", False, True),
        (404, "http", False, False),
        (429, "rate_limited", True, False),
        (500, "http", True, False),
        (503, "http", True, False),
        (599, "http", True, False),
    ],
)
def test_a_status_says_what_to_do(
    status: int, kind: str, transient: bool, whole_project: bool
) -> None:
    error = status_error(status)

    assert (error.kind, error.transient, error.whole_project) == (kind, transient, whole_project)
    assert str(status) in error.message


def test_studio_s_word_for_an_unknown_key_counts_whatever_the_status() -> None:
    error = status_error(400, error_text="Invalid API key")

    assert (error.kind, error.whole_project) == ("unauthorized", True)


def test_a_project_that_studio_does_not_know_has_its_remedy() -> None:
    body = b'{"success": false, "error": "Invalid project ID"}'

    with pytest.raises(StudioError, match="correct the project's id, the number in its URL"):
        read_success(body)
    assert "correct the project's id" in str(status_error(404, error_text="Invalid project ID"))
