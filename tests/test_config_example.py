from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from auditor.config import ApiKeyAuth, load, tables, warnings
from auditor.errors import ConfigError
from auditor.redaction import Secret

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config.example.toml"
SECRETS = {"EI_KEY": "ei_key", "EI_TOKEN": "token", "EI_SECRET": "secret", "SMTP_PASSWORD": "pass"}
TABLES: dict[str, type[BaseModel]] = {
    "studio": tables.StudioTable,
    "database": tables.DatabaseTable,
    "schedule": tables.ScheduleTable,
    "reports": tables.ReportsTable,
    "email": tables.EmailTable,
    "projects": tables.ProjectTable,
}
# Keys that hold one of several forms, or have no default and so show an example.
EXAMPLES = {"sender", "recipients", "id", "api_key"}
# What a key needs beside it.
PARTNERS = {
    "username": 'password = { env = "SMTP_PASSWORD" }',
    "password": 'username = "auditor"',
    "projects": 'api_key = { env = "EI_KEY" }',
}


def written() -> dict[str, dict[str, Any]]:
    document: dict[str, Any] = tomllib.loads(EXAMPLE.read_text())
    return document | {"projects": document["projects"][0]}


def offered() -> list[tuple[str, str]]:
    """The keys behind a comment sign, as (table, line of TOML)."""
    lines, table = [], ""
    for line in EXAMPLE.read_text().splitlines():
        if heading := re.fullmatch(r"\[{1,2}(\w+)\]{1,2}", line):
            table = heading[1]
        elif re.match(r"# \w+ = ", line):
            lines.append((table, line.removeprefix("# ")))
    return lines


def test_the_example_loads_and_gives_no_cause_for_a_word() -> None:
    settings = load(EXAMPLE, environ=SECRETS)

    assert settings.projects[0].auth == ApiKeyAuth(Secret("ei_key"))
    assert settings.email is not None
    assert warnings(settings) == ()


@pytest.mark.parametrize("table", TABLES)
def test_every_key_stands_in_the_example(table: str) -> None:
    keys = set(written()[table]) | {
        line.split(" ")[0] for home, line in offered() if home == table
    }

    assert keys == set(TABLES[table].model_fields)


def test_every_table_stands_in_the_example() -> None:
    assert set(written()) == set(tables.Document.model_fields) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_what_the_example_shows_is_the_default(table: str) -> None:
    fields = TABLES[table].model_fields
    shown = {key: value for key, value in written()[table].items() if key not in EXAMPLES}
    optional = {line.split(" ")[0] for home, line in offered() if home == table}

    assert shown == {key: fields[key].default for key in shown}
    assert {fields[key].default for key in optional} <= {None}


@pytest.mark.parametrize(("table", "line"), offered())
def test_what_the_example_offers_can_be_written(tmp_path: Path, table: str, line: str) -> None:
    heading = "[[projects]]" if table == "projects" else f"[{table}]"
    text = EXAMPLE.read_text()
    if table == "projects" and line.startswith("auth"):
        text = text.replace('\napi_key = { env = "EI_KEY" }\n', "\n")
    partner = PARTNERS.get(line.partition(" ")[0], "")
    path = tmp_path / "config.toml"
    path.write_text(text.replace(f"\n{heading}\n", f"\n{heading}\n{line}\n{partner}\n"))

    if "oauth2" not in line and not line.startswith("projects"):
        assert load(path, environ=SECRETS)
        return
    with pytest.raises(ConfigError) as caught:
        load(path, environ=SECRETS)
    assert [told.message for told in caught.value.problems] == [
        "is not supported by this version yet"
    ]


def test_every_key_stands_in_the_operators_page() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()

    keys = {key for table in TABLES.values() for key in table.model_fields}
    keys |= {key for table in tables.AUTH_TABLES for key in table.model_fields}
    assert {key for key in keys if f"`{key}`" not in page and f"{key} =" not in page} == set()


@pytest.mark.parametrize("table", TABLES)
def test_the_operators_page_names_the_defaults(table: str) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    section = page.split(f"## `[[{table}]]`" if table == "projects" else f"## `[{table}]`")[1]

    for key, field in TABLES[table].model_fields.items():
        if field.default is None or field.is_required():
            continue
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        quoted = f'"{default}"' if isinstance(default, str) and default != "true" else default
        assert f"| `{key}` | `{quoted}` |" in section.split("\n## ")[0]
