from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from auditor.config import auth_tables, load, rule_tables, tables, warnings
from auditor.credentials import ApiKey
from auditor.drift.rules import Rules
from auditor.redaction import Secret
from auditor.schedule import Cron

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
SECRETS = {
    "EI_KEY": "ei_key",
    "EI_TOKEN": "token",
    "EI_SECRET": "secret",
    "SMTP_PASSWORD": "pass",
    "CHAT_URL": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "HOOK_SECRET": "hook",
}
TABLES: dict[str, type[BaseModel]] = {
    "studio": tables.StudioTable,
    "database": tables.DatabaseTable,
    "schedule": tables.ScheduleTable,
    "reports": tables.ReportsTable,
    "email": tables.EmailTable,
    "retention": tables.RetentionTable,
    "heartbeat": tables.HeartbeatTable,
    "metrics": tables.MetricsTable,
    "log": tables.LogTable,
    "context": tables.ContextTable,
    "workers": tables.WorkersTable,
    "projects": tables.ProjectTable,
}
# Tables that the example shows behind a comment sign as a whole: without them there are no rules.
OFFERED: dict[str, type[BaseModel]] = {
    "schedules": tables.NamedScheduleTable,
    "channels": tables.ChannelTable,
    "severity": rule_tables.SeverityTable,
    "ignore": rule_tables.IgnoreTable,
    "rules": rule_tables.RuleTable,
    "windows": rule_tables.WindowTable,
    "siblings": rule_tables.SiblingsTable,
    "subscriptions": rule_tables.SubscriptionTable,
}
ALL = TABLES | OFFERED
AUTH_TABLES = [get_args(member)[0] for member in get_args(auth_tables.AuthTable)]
# Keys that hold one of several forms, or have no default and so show an example.
EXAMPLES = {"sender", "recipients", "id", "api_key"}
# What a key needs beside it.
PARTNERS = {
    "username": 'password = { env = "SMTP_PASSWORD" }',
    "password": 'username = "auditor"',
    "projects": 'auth = { type = "jwt", token = { env = "EI_TOKEN" } }',
    "include_projects": 'auth = { type = "jwt", token = { env = "EI_TOKEN" } }\nprojects = "all"',
    "exclude_projects": 'auth = { type = "jwt", token = { env = "EI_TOKEN" } }\nprojects = "all"',
    "client_key": 'client_certificate = "auditor.pem"',
}
# What makes each offered table whole, and the keys that stand in the place of one another.
WHOLE = {
    "schedules": {"name", "cron", "projects"},
    "channels": {"name", "url"},
    "severity": {"area", "severity"},
    "ignore": {"path", "reason", "author", "until"},
    "rules": {"name", "path", "between"},
    "windows": {"from", "until", "reason", "author"},
    "siblings": {"targets"},
    "subscriptions": {"recipient"},
}
IN_PLACE = {
    "schedules": {},
    "channels": {},
    "severity": {"path": {"area"}},
    "ignore": {"area": {"path"}},
    "rules": {
        "is": {"between"},
        "one_of": {"between"},
        "stale_at_most_days": {"between", "path"},
    },
    "windows": {},
    "siblings": {},
    "subscriptions": {"channel": {"recipient"}},
}
# What a key of an offered table needs beside it.
NEEDED = {
    ("channels", "secret"): 'format = "json"',
    ("subscriptions", "channel"): ('[[channels]]\nname = "team chat"\nurl = { env = "CHAT_URL" }'),
}


def written() -> dict[str, dict[str, Any]]:
    document: dict[str, Any] = tomllib.loads(EXAMPLE.read_text())
    return document | {"projects": document["projects"][0]}


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a table as people write them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def commented() -> list[tuple[str, str]]:
    """The keys behind a comment sign, as (table, line of TOML)."""
    lines, table = [], ""
    for line in EXAMPLE.read_text().splitlines():
        if heading := re.fullmatch(r"(?:# )?\[{1,2}(\w+)\]{1,2}", line):
            table = heading[1]
        elif re.match(r"# \w+ = ", line):
            lines.append((table, line.removeprefix("# ")))
    return lines


def key(line: str) -> str:
    return line.partition(" ")[0]


def test_the_example_loads_and_gives_no_warning() -> None:
    settings = load(EXAMPLE, environ=SECRETS)

    assert settings.projects[0].credential == ApiKey(Secret("ei_key"))
    assert settings.email is not None
    assert warnings(settings) == ()


@pytest.mark.parametrize("table", ALL)
def test_the_example_shows_every_key(table: str) -> None:
    keys = set(written().get(table, ())) | {
        key(line) for home, line in commented() if home == table
    }

    assert keys == set(fields(ALL[table]))


def test_the_example_shows_every_table() -> None:
    lines = EXAMPLE.read_text().splitlines()

    assert set(written()) == set(TABLES)
    assert set(ALL) == set(fields(tables.Settings))
    assert {name for name in ALL if f"# [[{name}]]" in lines} == set(OFFERED)


@pytest.mark.parametrize("table", TABLES)
def test_what_the_example_shows_is_the_default(table: str) -> None:
    known = fields(TABLES[table])
    shown = {name: value for name, value in written()[table].items() if name not in EXAMPLES}
    optional = {key(line) for home, line in commented() if home == table}

    assert shown == {name: _written(known[name].default) for name in shown}
    assert {known[name].default for name in optional} <= {None}


@pytest.mark.parametrize(("table", "line"), [line for line in commented() if line[0] in OFFERED])
def test_what_an_offered_table_shows_is_the_default_where_it_has_one(
    table: str, line: str
) -> None:
    field = fields(OFFERED[table])[key(line)]

    assert field.is_required() or _written(field.default) in (None, tomllib.loads(line)[key(line)])


@pytest.mark.parametrize(("table", "line"), [line for line in commented() if line[0] in OFFERED])
def test_each_key_of_an_offered_table_can_be_written(
    tmp_path: Path, table: str, line: str
) -> None:
    keys = (WHOLE[table] | {key(line)}) - IN_PLACE[table].get(key(line), set())
    body = "\n".join(text for home, text in commented() if home == table and key(text) in keys)
    needed = NEEDED.get((table, key(line)), "")
    path = tmp_path / "config.toml"
    path.write_text(f"{EXAMPLE.read_text()}\n[[{table}]]\n{body}\n{needed}\n")

    settings = load(path, environ=SECRETS)

    others = settings.subscriptions or settings.schedules or settings.siblings or settings.channels
    assert settings.rules != Rules() or others
    assert warnings(settings) == ()


def test_offered_tables_are_whole_without_any_key_that_they_can_lack() -> None:
    for table, whole in WHOLE.items():
        needed = {name for name, field in fields(OFFERED[table]).items() if field.is_required()}
        assert whole >= needed


@pytest.mark.parametrize(("table", "line"), [line for line in commented() if line[0] in TABLES])
def test_what_the_example_offers_can_be_written(tmp_path: Path, table: str, line: str) -> None:
    heading = "[[projects]]" if table == "projects" else f"[{table}]"
    text = EXAMPLE.read_text()
    if table == "projects" and line.startswith("auth"):
        text = text.replace('\napi_key = { env = "EI_KEY" }\n', "\n")
    partner = PARTNERS.get(key(line), "")
    path = tmp_path / "config.toml"
    path.write_text(text.replace(f"\n{heading}\n", f"\n{heading}\n{line}\n{partner}\n"))

    assert load(path, environ=SECRETS)


def test_the_operators_page_names_every_key() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()

    models: list[type[BaseModel]] = [*ALL.values(), *AUTH_TABLES]
    keys = {name for model in models for name in fields(model)}
    assert {name for name in keys if f"`{name}`" not in page and f"{name} =" not in page} == set()


def _written(default: object) -> object:
    """A default as TOML has it."""
    match default:
        case Cron():
            return default.line
        case Path() | ZoneInfo():
            return str(default)
        case tuple():
            return list(default)
        case _:
            return default


def _as_toml(default: object) -> str:
    written = _written(default)
    return json.dumps(written) if isinstance(written, str | bool | list) else str(written)


@pytest.mark.parametrize("table", ALL)
def test_the_operators_page_names_the_defaults(table: str) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    heading = f"## `[[{table}]]`" if table in {"projects", *OFFERED} else f"## `[{table}]`"
    section = re.split(r"\n###? ", page.split(heading)[1])[0]

    for name, field in fields(ALL[table]).items():
        if field.default is None or field.is_required():
            continue
        assert f"| `{name}` | `{_as_toml(field.default)}` |" in section
