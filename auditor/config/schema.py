"""The JSON Schema of the configuration, by which editors complete, explain and check the file.

The tables say which keys there are and what each may be; `docs/configuration.md` says what they
mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema

from auditor.config.tables import Settings
from auditor.resources import read_text
from auditor.schedule import Cron

Schema: TypeAlias = dict[str, Any]

FILE_NAME = "config.schema.json"
_PAGE = "docs/configuration.md"
_RULES = "Your own rules"  # the section whose keys are those of the tables below it
_SECTION = re.compile(r"##+ (?:`\[{1,2}(?P<table>\w+)\]{1,2}`|(?P<title>.*))")
_ROW = re.compile(r"\| (?P<keys>`\w+`(?:(?:,| or) `\w+`)*) \|[^|]*\| (?P<meaning>.*) \|")
_LINK = re.compile(r"\[((?:`[^`]*`|[^]`])*)\]\([^)]*\)")
_DEFINITION = re.compile(r"#/\$defs/(\w+)")


class _Generator(GenerateJsonSchema):
    """Writes a default as TOML has it."""

    def encode_default(self, dft: object) -> Any:  # noqa: ANN401 - pydantic's own name and type
        return dft.line if isinstance(dft, Cron) else super().encode_default(dft)


def build_schema() -> Schema:
    """Return the schema, of draft 2020-12. It describes shapes; `check` does the rest."""
    schema = Settings.model_json_schema(mode="validation", schema_generator=_Generator)
    del schema["required"]  # `load` fills in the tables that are not written
    meanings = read_meanings(read_text(_PAGE))
    for name, table in schema["properties"].items():
        definition = schema["$defs"][_DEFINITION.findall(str(table))[0]]
        definition.pop("description", None)
        _describe(table, meanings.get((name, "")))
        for key, value in definition["properties"].items():
            _describe(value, meanings.get((name, key)) or meanings.get((_RULES, key)))
    schema |= {"title": "config.toml", "description": "The configuration of the auditor."}
    return {"$schema": GenerateJsonSchema.schema_dialect, **_tidy(schema)}


def read_meanings(page: str) -> Mapping[tuple[str, str], str]:
    """Return what the keys of each table mean, and under the key "" what the table is for."""
    return dict(_meanings(page))


def _meanings(page: str) -> Iterator[tuple[tuple[str, str], str]]:
    for section in re.split(r"\n(?=##+ )", page):
        heading, _, text = section.partition("\n")
        found = _SECTION.fullmatch(heading)
        table = (found["table"] or found["title"]) if found else ""
        first = text.strip().partition("\n\n")[0]
        if not first.startswith("|"):
            yield (table, ""), _sentence(first.replace("\n", " "))
        for row in map(_ROW.fullmatch, text.splitlines()):
            for key in re.findall(r"`(\w+)`", row["keys"]) if row else ():
                yield (table, key), _sentence(row["meaning"]) if row else ""


def _sentence(text: str) -> str:
    plain = _LINK.sub(r"\1", text)
    capital = plain[:1].upper() + plain[1:]
    return capital if capital.endswith(".") else f"{capital}."


def _describe(part: Schema, meaning: str | None) -> None:
    if meaning is not None:
        part["description"] = meaning


def _tidy(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of a schema without what TOML has not, null, and without made-up titles."""
    if isinstance(part, list):
        return [_tidy(member) for member in part]
    if not isinstance(part, dict):
        return part
    if "anyOf" in part:
        choices = [choice for choice in part["anyOf"] if choice != {"type": "null"}]
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        part = {**choices[0], **rest} if len(choices) == 1 else {**rest, "anyOf": choices}
    return {
        key: {name: _tidy(member) for name, member in value.items()}
        if key in {"properties", "$defs"}
        else _tidy(value)
        for key, value in part.items()
        if not _is_idle(key, value)
    }


def _is_idle(key: str, value: object) -> bool:
    return (
        (key == "title" and value != "config.toml")
        or (key == "default" and value in (None, "", []))
        or (key == "format" and value == "date-time")  # TOML's may lack an offset
    )
