"""The rows of the kinds of blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.drift.block_kinds import KERAS, kind_of
from auditor.model import BlockKindName, TargetId

_SCHEMA = Path(__file__).parents[1] / "data" / "getkeras-openapi.yaml"
_OPENAPI: dict[str, Any] = yaml.safe_load(_SCHEMA.read_text())


def test_an_answer_must_hold_what_the_schema_requires() -> None:
    schemas = _OPENAPI["components"]["schemas"]

    assert set(KERAS.required[""]) == set(schemas["KerasConfig"]["required"])
    assert set(KERAS.required["dependencies"]) == set(schemas["DependencyData"]["required"])


def test_a_path_of_the_api_leads_back_to_its_block() -> None:
    target = TargetId(101, 3)

    assert KERAS.path_of(target) == "/api/101/training/keras/3"
    assert KERAS.find_target(KERAS.path_of(target)) == target


def test_other_paths_are_for_no_block() -> None:
    for path in ("/api/101/training/keras/", "/api/101/impulse", "/api/x/training/keras/3"):
        assert KERAS.find_target(path) is None


@pytest.mark.parametrize(
    ("name", "type_", "page"),
    [
        (BlockKindName.KERAS, "keras", "/studio/101/learning/keras/3"),
        (BlockKindName.ANOMALY, "anomaly-gmm", "/studio/101/create-impulse"),
        (BlockKindName.VLM, "vlm", "/studio/101/create-impulse"),
        (BlockKindName.PROCESSING, "spectral-analysis", "/studio/101/dsp/spectral-analysis/3"),
        (BlockKindName.PROCESSING, "../evil?x=", "/studio/101/create-impulse"),
        (BlockKindName.INPUT, "time-series", "/studio/101/create-impulse"),
        (BlockKindName.POST_PROCESSING, "object-tracking", "/studio/101/create-impulse"),
    ],
)
def test_a_block_has_its_page_in_studio(name: BlockKindName, type_: str, page: str) -> None:
    assert kind_of(name).page_of(TargetId(101, 3), type_) == page
