"""The published schema: its properties as patterns, and where an answer holds them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.signal.edits import Answer

_FILE = Path(__file__).parents[1] / "data" / "getkeras-openapi.yaml"
_SCHEMAS: dict[str, Any] = yaml.load(_FILE.read_text("utf-8"), yaml.CSafeLoader)["components"][
    "schemas"
]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return _SCHEMAS[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def _objects(schema: dict[str, Any], pattern: str) -> Iterator[tuple[str, dict[str, bool]]]:
    """Yield the pattern of every object, and of each of its properties whether it is required."""
    variants = [schema, *map(_resolved, schema.get("oneOf", []))]
    properties = {
        name: _resolved(part)
        for variant in variants
        for name, part in variant.get("properties", {}).items()
    }
    if properties:
        required = {name for variant in variants for name in variant.get("required", [])}
        yield pattern, {name: name in required for name in properties}
    for name, part in properties.items():
        inner = f"{pattern}.{name}".lstrip(".")
        yield from _objects(part, inner)
        if part.get("type") == "array":
            yield from _objects(_resolved(part["items"]), f"{inner}[]")


_OBJECTS = dict(_objects(_SCHEMAS["KerasConfig"], ""))

PROPERTIES = frozenset(
    f"{pattern}.{name}".lstrip(".") for pattern, names in _OBJECTS.items() for name in names
)
"""Every property that the schema names, as `thresholds[].dropdownOptions[].value`."""

OPTIONAL = {
    pattern: frozenset(name for name, is_required in names.items() if not is_required)
    for pattern, names in _OBJECTS.items()
}
"""By the pattern of an object, the properties that it may lack."""


def parts(value: Any, pattern: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Yield everything that an answer holds, with its pattern."""
    yield pattern, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield from parts(part, f"{pattern}.{name}".lstrip("."))
    elif isinstance(value, list):
        for part in value:
            yield from parts(part, f"{pattern}[]")


def differing(old: Answer, new: Answer) -> frozenset[str]:
    """Return the patterns at which two answers do not hold the same values."""
    same = {key for key in old if key in new and json.dumps(old[key]) == json.dumps(new[key])}
    before, after = (
        Counter(
            (pattern, json.dumps(value))
            for pattern, value in parts({key: answer[key] for key in answer if key not in same})
        )
        for answer in (old, new)
    )
    return frozenset(pattern for pattern, _ in (before - after) | (after - before))
