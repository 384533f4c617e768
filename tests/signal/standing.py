"""What literally stands in an answer at a path as the contract writes paths."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.signal.edits import Answer

NOTHING = object()
"""Where nothing stands, not even null."""

_PART = re.compile(r'\.?([^.\["]+)|\["((?:[^"\\]|\\.)*)"\]|\[([^\]"]*)\]')
_SECOND = re.compile(r"(.+)#(\d+)")
_IDENTITIES = ("key", "param", "value")


def standing(answer: Answer, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value at a path, `NOTHING` where the answer ends before it."""
    value: Any = answer
    for name, quoted, member in _PART.findall(path):
        if isinstance(value, dict):
            value = value.get(name or json.loads(f'"{quoted}"'), NOTHING)
        elif isinstance(value, list):
            value = _member(value, member or quoted)
        else:
            return NOTHING
    return value


def _member(members: list[Any], label: str) -> Any:  # noqa: ANN401 - any JSON
    second = _SECOND.fullmatch(label)
    wanted, number = (second[1], int(second[2])) if second else (label, 1)
    labels = [_label(place, member) for place, member in enumerate(members)]
    same = [member for member, label in zip(members, labels, strict=True) if label == wanted]
    return same[number - 1] if len(same) >= number else NOTHING


def _label(place: int, member: Answer) -> str:
    """Return how a member is named: by its identity, a layer by its place."""
    if "blockType" in member or str(member.get("type")).startswith("transfer_new"):
        number = member.get("organizationModelId")
        return member["type"] if number is None else f"{member['type']}:{number}"
    return next((str(member[name]) for name in _IDENTITIES if name in member), str(place))
