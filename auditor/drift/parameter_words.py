"""The headlines of parameters of processing and post-processing blocks, in Studio's words."""

from __future__ import annotations

import re

from auditor.drift.canonical import label_members
from auditor.drift.compare import Documents
from auditor.drift.impulse_fields import PARAMETERS
from auditor.drift.wording import describe_pair, value_words
from auditor.model import Change, Json, JsonObject, Kind

_PATH = re.compile(r"(config|parameters)\[(.*?)\](?:\.(.+))?")


def is_of_parameter(change: Change) -> bool:
    """Return whether a change is of a parameter, or of what its author says of it."""
    return change.pattern.startswith(PARAMETERS)


def describe_parameter(change: Change, documents: Documents) -> str:
    """Return what changed in a parameter, by the name that Studio shows of it."""
    found = _PATH.match(change.path)
    key, param, detail = found.groups() if found else ("", change.path, "")
    after, before = (
        _parameter(document, key, param) for document in (documents.new, documents.old)
    )
    label = _label(after or before, param)
    if change.pattern in PARAMETERS:
        return _whole(label, change)
    if change.path.endswith("].value"):
        return f"{label}{describe_pair(change.before, change.after)}"
    return f"{detail or 'Detail'} of parameter {label} changed by the block's author"


def _whole(label: str, change: Change) -> str:
    match change.kind:
        case Kind.ADDED:
            return f"Parameter {label} added: {_value(change.after)}"
        case Kind.REMOVED:
            return f"Parameter {label} removed, was {_value(change.before)}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            return f"Parameter {label}{describe_pair(change.before, change.after)}"


def _value(parameter: Json) -> str:
    if not isinstance(parameter, dict):
        return value_words(parameter)
    value = parameter.get("value")
    return value_words(parameter.get("defaultValue") if value is None else value)


def _label(parameter: JsonObject, param: str) -> str:
    name = parameter.get("name")
    return f"{value_words(name)} ({param})" if isinstance(name, str) and name else param


def _parameter(document: JsonObject, key: str, param: str) -> JsonObject:
    members = document.get(key)
    if not isinstance(members, list):
        return {}
    items: list[Json] = []
    for member in members:
        inner = member.get("items") if isinstance(member, dict) else None
        items += inner if isinstance(inner, list) and key == "config" else [member]
    named = (item for label, item in label_members(items, ("param",)) if label == param)
    return next((item for item in named if isinstance(item, dict)), {})
