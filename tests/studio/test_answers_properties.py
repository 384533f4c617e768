from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import KERAS
from auditor.errors import StudioError
from auditor.studio.answers import read_answer

SAMPLES = sample_blocks()
NUMBER = (int, float)
REQUIRED: dict[str, Any] = {
    "dependencies": dict, "trained": bool, "name": str, "script": str,
    "minimumConfidenceRating": NUMBER, "selectedModelType": str, "mode": str,
    "trainingCycles": NUMBER, "learningRate": NUMBER, "defaultBatchSize": NUMBER,
    "visualLayers": list, "augmentationPolicyImage": str, "transferLearningModels": list,
    "shape": str, "profileInt8": bool, "skipEmbeddingsAndMemory": bool,
    "showAdvancedTrainingSettings": bool, "showAugmentationTrainingSettings": bool,
    "thresholds": list,
}  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def paths(value: object) -> list[tuple[Any, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list)
        else ()
    )  # fmt: skip
    return [(), *((key, *rest) for key, member in members for rest in paths(member))]


PATHS = {name: [p for p in paths(sample) if p] for name, sample in SAMPLES.items()}


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A believable answer with one place taken away or replaced by any JSON."""
    name = draw(st.sampled_from(sorted(SAMPLES)))
    document = json.loads(json.dumps(SAMPLES[name]))
    path = draw(st.sampled_from([p for p in PATHS[name] if len(p) < 3] + PATHS[name]))
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    if draw(st.booleans()):
        del holder[path[-1]]
    else:
        holder[path[-1]] = draw(JSON)
    return dict(document)


def believable(document: dict[str, Any]) -> bool:
    """Return what the contract says, in words other than the program's."""
    dependencies = document.get("dependencies")
    return (
        document.get("success") is True
        and all(_is(document.get(key), kind) for key, kind in REQUIRED.items())
        and all(_whole(document[key]) for key in ("trainingCycles", "defaultBatchSize"))
        and isinstance(dependencies, dict)
        and all(_whole(dependencies.get(key)) for key in ("featureCount", "sampleCount"))
        and all(_texts(dependencies.get(k)) for k in ("classes", "blockNames", "outputClasses"))
        and all(isinstance(m, dict) for m in document["transferLearningModels"])
        and all(isinstance(m, dict) and _is(m.get("type"), str) for m in document["visualLayers"])
        and all(_threshold(member) for member in document["thresholds"])
    )


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401 - as isinstance takes it
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _whole(value: object) -> bool:
    return _is(value, NUMBER) and float(str(value)) == math.floor(float(str(value)))


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def _threshold(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _is(value.get("key"), str)
        and _is(value.get("value"), (*NUMBER, str))
    )


def outcome(body: bytes) -> dict[str, Any] | StudioError:
    try:
        return read_answer(body, KERAS)
    except StudioError as error:
        return error


@given(mutated())
def test_exactly_the_believable_answers_are_believed(document: dict[str, Any]) -> None:
    read = outcome(json.dumps(document).encode())

    if believable(document):
        assert read == document
    else:
        assert isinstance(read, StudioError)
        assert read.kind in {"invalid", "refused"}


@given(st.binary() | st.text().map(str.encode) | JSON.map(json.dumps).map(str.encode))
def test_whatever_bytes_come_nothing_but_a_studio_error_is_raised(body: bytes) -> None:
    with pytest.raises(StudioError):
        read_answer(body, KERAS)


@given(st.integers(min_value=0), st.sampled_from([b"\x00", b"\xff", b"{", b"9", b'"', b"\\"]))
def test_a_body_with_one_byte_changed_is_read_or_refused(place: int, byte: bytes) -> None:
    body = json.dumps(SAMPLES["keras-visual-anomaly"]).encode()
    place %= len(body)

    read = outcome(body[:place] + byte + body[place + 1 :])

    assert isinstance(read, StudioError) or believable(read)
