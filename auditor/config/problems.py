"""What pydantic found wrong, as problems: a key path, what is wrong, what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from auditor.config.tables import Settings
from auditor.config.values import REFUSED
from auditor.errors import Problem
from auditor.redaction import shown

Step: TypeAlias = str | int

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WANTED = {
    "int_type": ("a whole number", "write it without quotes and without a point"),
    "float_type": ("a number", "write it without quotes"),
    "string_type": ("text", 'write it in quotes: "…"'),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "date_type": ("a date", "write only the day, without quotes: 2027-03-01"),
    "datetime_type": (
        "a date with a time",
        "write both, without quotes: 2026-12-01T08:00:00Z",
    ),
    "tuple_type": ("a list", "write it in brackets, or a list of tables as [[name]]"),
    "model_type": ("a table", "write it as [name] with its keys below"),
    "model_attributes_type": ("a table", "write it as [name] with its keys below"),
}
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    str: "text",
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
            return problem(steps, "is not a known key", _known_key(steps))
        case kind if kind in _WANTED:
            wanted, remedy = _WANTED[kind]
            return problem(steps, f"is {_kind(detail['input'])}, not {wanted}", remedy)
        case "literal_error":
            return problem(steps, "is not an allowed value", f"write {context['expected']}")
        case _:
            return problem(steps, "is out of range", _bounds(context))


def _steps(location: tuple[Step, ...], document: dict[str, Any]) -> list[Step]:
    """Return the location without the tags of unions, which are not keys of the document."""
    steps: list[Step] = []
    node: Any = document
    for step in location:
        is_key = isinstance(node, dict) and step in node
        if isinstance(step, str) and step.startswith("<") and not is_key:
            continue
        steps.append(step)
        node = node[step] if is_key or isinstance(node, list) else None
    return steps


def _kind(value: object) -> str:
    return _KINDS[type(value)]


def _bounds(context: dict[str, Any]) -> str:
    bounds = [f"{words} {context[name]}" for name, words in _BOUNDS.items() if name in context]
    return f"write a number of {' and '.join(bounds)}" if bounds else "write a finite number"


def _known_key(steps: list[Step]) -> str:
    """Return the remedy for a key that the table which holds it does not know."""
    key = str(steps[-1])
    models = _models_at(steps[:-1])
    known = list(dict.fromkeys(name for model in models for name in _fields(model)))
    if key in known:  # then the table is one of several kinds, and the key is of another kind
        owners = [model for model in models if key in _fields(model)]
        parts = [_choices(name, owners) for name in ("type", "grant") if name != key]
        return f"use it with {', '.join(part for part in parts if part)}"
    close = difflib.get_close_matches(key.lower(), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    homes = [
        f"[[{name}]]" if get_origin(field.annotation) is tuple else f"[{name}]"
        for name, field in _fields(Settings).items()
        if any(key in _fields(model) for model in _models_of(field))
    ]
    return f"move it to {' or '.join(homes)}" if homes else f"remove it; known: {', '.join(known)}"


def _choices(name: str, models: Iterable[type[BaseModel]]) -> str:
    fields = [model.model_fields[name] for model in models if name in model.model_fields]
    values = dict.fromkeys(value for field in fields for value in get_args(field.annotation))
    return f"{name} = {' or '.join(json.dumps(value) for value in values)}" if values else ""


def _models_at(steps: Iterable[Step]) -> Sequence[type[BaseModel]]:
    """Return the models that the table at `steps` may have."""
    models: list[type[BaseModel]] = [Settings]
    for step in steps:
        if isinstance(step, str):
            fields = [_fields(model)[step] for model in models if step in _fields(model)]
            models = [model for field in fields for model in _models_of(field)]
    return models


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields by the keys that people write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_of(annotated: FieldInfo | object) -> Iterator[type[BaseModel]]:
    """Yield the models in a field's type, which may be optional, a list or a union."""
    annotation = annotated.annotation if isinstance(annotated, FieldInfo) else annotated
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_of(part)
