"""The field table against the published schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.drift.block_kinds import KERAS
from auditor.drift.fields import CONNECTION, ENUMERATIONS, ENVELOPE, FIELDS, UNKNOWN, new_value
from auditor.model import Area, Change, Json, Kind

_SCHEMA = Path(__file__).parents[1] / "data" / "getkeras-openapi.yaml"
_SCHEMAS: dict[str, Any] = yaml.safe_load(_SCHEMA.read_text())["components"]["schemas"]

# Written as one row in the table: `{}` stands for every key.
_FREE_KEYS = {"customParameters{}"}

# What newer clients know beside the published schema.
_OF_NEWER_CLIENTS = {
    "customBlockRef",
    "dependencies.classesPerKey",
    "dependencies.classesPerKey{}",
    "isMultiHead",
    "kFoldsValidationConfig",
    "kFoldsValidationConfig{}",
    "transferLearningModels[].customBlockRef",
}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return _SCHEMAS[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def _properties(schema: dict[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    """Yield every property of the schema as a pattern, and whether it is required."""
    for variant in [schema, *map(_resolved, schema.get("oneOf", []))]:
        required = variant.get("required", [])
        for name, part in variant.get("properties", {}).items():
            pattern = f"{path}.{name}" if path else name
            yield pattern, name in required
            yield from _inside(_resolved(part), pattern)


def _inside(schema: dict[str, Any], pattern: str) -> Iterator[tuple[str, bool]]:
    if schema.get("type") == "array" and "properties" in _resolved(schema["items"]):
        yield from _properties(_resolved(schema["items"]), f"{pattern}[]")
    else:
        yield from _properties(schema, pattern)


_PUBLISHED = dict(_properties(_SCHEMAS["KerasConfig"], ""))


def test_every_published_property_has_its_row() -> None:
    assert set(_PUBLISHED) - set(FIELDS) == set()


def test_every_row_is_a_published_property() -> None:
    members = {pattern for pattern in FIELDS if pattern.endswith("[]")}

    others = _FREE_KEYS | _OF_NEWER_CLIENTS | {CONNECTION}
    assert set(FIELDS) - set(_PUBLISHED) - members == others


def test_the_schema_and_the_table_require_the_same() -> None:
    required = {pattern for pattern, is_required in _PUBLISHED.items() if is_required}

    assert {pattern for pattern, row in FIELDS.items() if row.required} == required


def test_the_envelope_is_what_the_generic_answer_adds() -> None:
    assert set(_SCHEMAS["GenericApiResponse"]["properties"]) == ENVELOPE


def test_members_name_keys_that_the_schema_has() -> None:
    named = {f"{row.pattern}[].{key}" for row in FIELDS.values() for key in row.identity}

    assert named <= set(_PUBLISHED)


def test_what_the_schema_lacks_is_unknown() -> None:
    assert KERAS.top("futureField") is UNKNOWN
    assert KERAS.child(FIELDS["dependencies"], "classesPerHead") is UNKNOWN
    assert KERAS.child(FIELDS["visualLayers[]"], "units") is UNKNOWN


def test_what_the_schema_lacks_inside_the_catalogue_is_the_vendors() -> None:
    assert KERAS.child(FIELDS["transferLearningModels[]"], "licence").area is Area.CATALOGUE


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
