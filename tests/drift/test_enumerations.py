"""Enumerations against the published schema, and values beyond them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.drift.enumerations import ENUMERATIONS, new_value
from auditor.model import Change, Json, Kind

_SCHEMA = Path(__file__).parents[1] / "data" / "getkeras-openapi.yaml"
_SCHEMAS: dict[str, Any] = yaml.safe_load(_SCHEMA.read_text())["components"]["schemas"]


def _enumeration(pattern: str) -> list[str]:
    node: dict[str, Any] = _SCHEMAS["KerasConfig"]
    for step in pattern.replace("[]", ".[]").split("."):
        node = node["items"] if step == "[]" else node["properties"][step]
        while "$ref" in node:
            node = _SCHEMAS[node["$ref"].rsplit("/", 1)[-1]]
    return list(node["enum"])


@pytest.mark.parametrize("pattern", ENUMERATIONS)
def test_the_table_names_what_the_schema_names(pattern: str) -> None:
    assert ENUMERATIONS[pattern] == set(_enumeration(pattern))


@pytest.mark.parametrize(
    ("pattern", "after", "expected"),
    [
        ("selectedModelType", "int4", ("selectedModelType", "int4")),
        ("selectedModelType", "int8", None),
        ("selectedModelType", None, None),
        ("batchSize", 64, None),
        ("visualLayers[]", {"type": "lstm"}, ("visualLayers[].type", "lstm")),
        ("visualLayers[]", {"type": "dense"}, None),
    ],
)
def test_a_value_that_no_enumeration_names_is_new(
    pattern: str, after: Json, expected: tuple[str, str] | None
) -> None:
    change = Change(path=pattern, pattern=pattern, kind=Kind.CHANGED, before=None, after=after)

    assert new_value(change) == expected
