from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from auditor.errors import DamagedDatabaseError
from auditor.model import Json
from auditor.resources import folder
from auditor.store import packing
from auditor.store.packing import needs_anchor, pack, pack_against, pack_json, unpack, unpack_json
from auditor.store.tables import ForeignText

ANSWERS_1 = "3d823c1094feffe84d88dde5de9b8080d7009649feeb8374e3f15d7161964ad3"
DIALECT = create_engine("sqlite://").dialect  # any: both store the text alike


@given(st.binary(max_size=300))
def test_what_is_packed_comes_back(content: bytes) -> None:
    assert unpack(pack(content)) == content


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_what_is_packed_beside_an_anchor_comes_back_with_it(content: bytes, anchor: bytes) -> None:
    blob = pack_against(content, anchor)

    assert needs_anchor(blob)
    assert unpack(blob, anchor=anchor) == content


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_bit_of_a_blob_can_be_altered_unseen(content: bytes, data: st.DataObject) -> None:
    blob = bytearray(pack(content * 3))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DamagedDatabaseError, match="auditor verify"):
        unpack(bytes(blob))


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\x00\x00\x00\x00\x00"])
def test_what_is_too_short_is_damage(blob: bytes) -> None:
    with pytest.raises(DamagedDatabaseError):
        unpack(blob)


def test_a_blob_without_its_anchor_is_damage() -> None:
    with pytest.raises(DamagedDatabaseError):
        unpack(pack_against(b"two" * 9, b"one" * 9))


def test_small_documents_are_not_blown_up() -> None:
    assert len(pack(b"[8,12,[]]")) == 9 + 5


def test_a_small_edit_costs_a_few_bytes() -> None:
    document = json.dumps({str(n): n * n for n in range(400)}).encode()

    assert len(pack_against(document.replace(b"144,", b"145,"), document)) < 60


def test_a_typical_answer_of_3_kb_packs_into_400_bytes() -> None:
    answer = {
        "success": True,
        "dependencies": {
            "classes": ["idle", "updown", "wave"],
            "blockNames": ["Spectral features"],
            "featureCount": 39,
            "sampleCount": 4120,
        },
        "name": "Wave detector",
        "mode": "visual",
        "minimumConfidenceRating": 0.55,
        "trainingCycles": 45,
        "learningRate": 0.0007,
        "visualLayers": [
            {"type": "dense", "neurons": 28},
            {"type": "dropout", "dropoutRate": 0.2},
            {"type": "dense", "neurons": 14},
        ],
        "transferLearningModels": None,
    }

    assert len(pack(json.dumps(answer, separators=(",", ":")).encode())) < 400


def test_the_released_dictionary_never_changes() -> None:
    content = Path(packing.__file__).with_name("answers-1.dictionary").read_bytes()

    assert hashlib.sha256(content).hexdigest() == ANSWERS_1


def test_a_value_comes_back_as_it_was() -> None:
    value: Json = {"a": [1, 1.0, None, "\ud800\x00"]}

    assert repr(unpack_json(pack_json(value))) == repr(value)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_goes_into_a_column_and_comes_back(text: str) -> None:
    column = ForeignText()

    stored = column.process_bind_param(text, DIALECT)

    assert stored is not None
    assert b"\x00" not in stored.encode("utf-8")
    assert column.process_result_value(stored, DIALECT) == text


def test_the_resources_of_a_checkout_are_found() -> None:
    assert (folder("migrations") / "env.py").is_file()


def test_a_missing_resource_is_named_with_both_places() -> None:
    with pytest.raises(FileNotFoundError, match=r"_data/nothing nor .*/nothing"):
        folder("nothing")
