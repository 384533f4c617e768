"""What pydantic found wrong, as problems: a key path, what is wrong, what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from auditor.config import tables
from auditor.config.refusal import REFUSED
from auditor.errors import Problem
from auditor.redaction import shown

Step: TypeAlias = str | int

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TABLES: dict[tuple[str, ...], tuple[type[BaseModel], ...]] = {
    (): (tables.Document,),
    ("studio",): (tables.StudioTable,),
    ("database",): (tables.DatabaseTable,),
    ("schedule",): (tables.ScheduleTable,),
    ("schedules",): (tables.NamedScheduleTable,),
    ("reports",): (tables.ReportsTable,),
    ("email",): (tables.EmailTable,),
    ("heartbeat",): (tables.HeartbeatTable,),
    ("metrics",): (tables.MetricsTable,),
    ("log",): (tables.LogTable,),
    ("projects",): (tables.ProjectTable,),
    ("severity",): (tables.SeverityTable,),
    ("ignore",): (tables.IgnoreTable,),
    ("rules",): (tables.RuleTable,),
    ("windows",): (tables.WindowTable,),
    ("subscriptions",): (tables.SubscriptionTable,),
}
_MEMBERS: dict[str, tuple[type[BaseModel], ...]] = {
    "auth": tables.AUTH_TABLES,
    "include": (tables.FilterTable,),
    "exclude": (tables.FilterTable,),
}
_LISTS_OF_TABLES = {
    "projects",
    "schedules",
    "severity",
    "ignore",
    "rules",
    "windows",
    "subscriptions",
}
_WANTED = {
    "int_type": ("a whole number", "write it without quotes and without a point"),
    "float_type": ("a number", "write it without quotes"),
    "string_type": ("a text", 'write it in quotes: "…"'),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "date_type": ("a date", "write the day alone, without quotes: 2027-03-01"),
    "datetime_type": (
        "a date with a time",
        "write both, without quotes: 2026-12-01T08:00:00Z",
    ),
    "list_type": ("a list", "write it in brackets, and a list of tables as [[name]]"),
    "model_type": ("a table", "write it as [name] with its keys below"),
    "model_attributes_type": ("a table", "write it as [name] with its keys below"),
}
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    str: "a text",
    list: "a list",
    dict: "a table",
    date: "a date",
    datetime: "a date with a time",
    time: "a time",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def problem(steps: Iterable[Step], message: str, remedy: str) -> Problem:
    """Return the problem of the key that `steps` lead to; a Studio key in it is hidden."""
    return Problem(shown(key_path(steps)), shown(message), shown(remedy))


def key_path(steps: Iterable[Step]) -> str:
    """Return the path as people write it: `projects[0].learn_blocks[1]`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        name = step if _BARE.fullmatch(step) else json.dumps(step)
        path += f".{name}" if path else name
    return path


def shape_problems(error: ValidationError, document: dict[str, Any]) -> list[Problem]:
    """Return a problem for each error that validation of `document` ended with."""
    return [_problem(detail, document) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, document: dict[str, Any]) -> Problem:
    steps = _steps(detail["loc"], document)
    context = detail.get("ctx", {})
    match detail["type"]:
        case kind if kind == REFUSED:
            return problem(steps, context["message"], context["remedy"])
        case "missing":
            return problem(steps, "is missing", f"add {steps[-1]} = …")
        case "extra_forbidden":
            return problem(steps, "is not a key that is known here", _other_key(steps))
        case kind if kind in _WANTED:
            wanted, remedy = _WANTED[kind]
            return problem(steps, f"is {_kind(detail['input'])}, not {wanted}", remedy)
        case "literal_error":
            return problem(steps, "is not a choice", f"write {context['expected']}")
        case _:
            return problem(steps, "is out of range", _bounds(context))


def _steps(location: tuple[Step, ...], document: dict[str, Any]) -> list[Step]:
    """Return the location without the tags of unions, which are no keys of the document."""
    steps: list[Step] = []
    node: Any = document
    for step in location:
        held = isinstance(node, dict) and step in node
        if isinstance(step, str) and step.startswith("<") and not held:
            continue
        steps.append(step)
        node = node[step] if held or isinstance(node, list) else None
    return steps


def _kind(value: object) -> str:
    return _KINDS[type(value)]


def _bounds(context: dict[str, Any]) -> str:
    bounds = [f"{words} {context[name]}" for name, words in _BOUNDS.items() if name in context]
    return f"write a number of {' and '.join(bounds)}" if bounds else "write a finite number"


def _other_key(steps: list[Step]) -> str:
    key = str(steps[-1])
    known = _keys(tuple(step for step in steps[:-1] if isinstance(step, str)))
    if key in known:
        return _goes_with(key)
    close = difflib.get_close_matches(key.lower(), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    homes = [_heading(table) for table in _TABLES if table and key in _keys(table)]
    if homes:
        return f"it belongs under {' or '.join(homes)}"
    return f"leave it out; known are {', '.join(known)}"


def _goes_with(key: str) -> str:
    """Return beside what else in `auth` a key may stand, where it is one of another kind."""
    owners = [model for model in tables.AUTH_TABLES if key in _written(model)]
    parts = [_written_choices(name, owners) for name in ("type", "grant") if name != key]
    return f"it goes with {', '.join(part for part in parts if part)}"


def _written_choices(name: str, models: Iterable[type[BaseModel]]) -> str:
    fields = [model.model_fields[name] for model in models if name in model.model_fields]
    values = dict.fromkeys(value for one in fields for value in get_args(one.annotation))
    return f"{name} = {' or '.join(json.dumps(value) for value in values)}" if values else ""


def _keys(table: tuple[str, ...]) -> list[str]:
    models = _MEMBERS.get(table[-1], ()) if len(table) > 1 else _TABLES.get(table, ())
    return list(dict.fromkeys(key for model in models for key in _written(model)))


def _written(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _heading(table: tuple[str, ...]) -> str:
    name = ".".join(table)
    return f"[[{name}]]" if name in _LISTS_OF_TABLES else f"[{name}]"
