"""The JSON Schema of the configuration, as an editor uses it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.cli.schema import encode_schema
from auditor.config.schema import build_schema
from tests.cli.command import Command
from tests.config.test_example import EXAMPLE, OFFERED, ROOT, commented

_AUTH = "auth"  # its forms have sections of prose in the page, and no table


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return build_schema()


def wrong(schema: dict[str, Any], text: str) -> list[str]:
    """The paths at which the schema refuses a configuration."""
    document = json.loads(json.dumps(tomllib.loads(text), default=_as_json))
    errors = Draft202012Validator(schema).iter_errors(document)
    return sorted(error.json_path for error in errors)


def _as_json(value: object) -> str:
    assert isinstance(value, date)
    return value.isoformat()


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_the_example_is_valid(schema: dict[str, Any]) -> None:
    assert wrong(schema, EXAMPLE.read_text()) == []


@pytest.mark.parametrize("table", OFFERED)
def test_each_offered_key_is_valid(schema: dict[str, Any], table: str) -> None:
    lines = [line for home, line in commented() if home == table]

    assert wrong(schema, "\n".join([f"[[{table}]]", *lines])) == []


@pytest.mark.parametrize("line", [line for home, line in commented() if home == "projects"])
def test_each_form_of_a_credential_is_valid(schema: dict[str, Any], line: str) -> None:
    assert wrong(schema, f"[[projects]]\nid = 1\n{line}\n") == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[studio]\nconcurency = 8", "$.studio"),
        ("[studio]\nconcurrency = 0", "$.studio.concurrency"),
        ('[email]\nsender = "a@b.example"', "$.email"),
        ('[[projects]]\nid = 1\napi_key = "ei_plain"', "$.projects[0].api_key"),
        ('[[projects]]\nid = 1\napi_key = { env = "A", file = "b" }', "$.projects[0].api_key"),
        ('[[rules]]\nname = "a"\nbetween = [1]', "$.rules[0].between"),
        ('[[siblings]]\ntargets = ["7", "8"]', "$.siblings[0].targets[0]"),
        ("[cheese]", "$"),
    ],
)
def test_what_is_wrong_is_underlined(schema: dict[str, Any], text: str, where: str) -> None:
    assert where in wrong(schema, text)


def test_every_key_is_explained(schema: dict[str, Any]) -> None:
    unexplained = [
        f"{table}.{key}"
        for table, key, value in _keys(schema)
        if key != _AUTH and "description" not in value
    ]

    assert unexplained == []


def test_defaults_are_those_of_the_example(schema: dict[str, Any]) -> None:
    document = tomllib.loads(EXAMPLE.read_text())
    shown = {
        f"{table}.{key}": value["default"]
        for table, key, value in _keys(schema)
        if "default" in value and table in document and isinstance(document[table], dict)
    }

    assert shown == {name: document[name.split(".")[0]][name.split(".")[1]] for name in shown}
    assert len(shown) > 20


def test_the_file_that_the_example_names_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    first = EXAMPLE.read_text().splitlines()[0]
    named = EXAMPLE.parent / Path(first.removeprefix("#:schema "))

    assert named == ROOT / "config.schema.json"
    assert named.read_text() == encode_schema(), "write it again: make schema"
    assert Command(capsys)("config", "schema").out == encode_schema()


def _keys(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for table, value in schema["properties"].items():
        reference = value.get("$ref") or value["items"]["$ref"]
        definition = schema["$defs"][reference.rpartition("/")[2]]
        for key, member in definition["properties"].items():
            yield table, key, member
