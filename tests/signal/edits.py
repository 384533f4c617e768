"""Small edits of an answer, as functions on a copy that they may change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

Answer: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Answer], None]
Place: TypeAlias = str | tuple[str | int, ...]
"""Where in an answer: `visualLayers.1.neurons`, or the keys one by one where one holds a dot."""


def put(where: Place = (), /, **values: Any) -> Edit:  # noqa: ANN401 - any JSON
    """Set fields of the object at a place."""
    return lambda answer: _at(answer, _keys(where)).update(copied(values))


def place(where: Place, value: Any) -> Edit:  # noqa: ANN401 - any JSON
    """Set the value at a place, a member of a list too."""

    def edit(answer: Answer) -> None:
        *way, last = _keys(where)
        _at(answer, way)[last] = copied(value)

    return edit


def cut(*wheres: Place) -> Edit:
    """Take away what stands at each place, one after the other."""

    def edit(answer: Answer) -> None:
        for where in wheres:
            *way, last = _keys(where)
            del _at(answer, way)[last]

    return edit


def insert(where: Place, value: Any) -> Edit:  # noqa: ANN401 - any JSON
    """Insert a member into a list, before what stands at the place."""

    def edit(answer: Answer) -> None:
        *way, last = _keys(where)
        _at(answer, way).insert(last, copied(value))

    return edit


def move(where: Place, old: int, new: int, /, **values: Any) -> Edit:  # noqa: ANN401 - any JSON
    """Move a member of a list to its new place, its fields set to `values` on the way."""

    def edit(answer: Answer) -> None:
        members = _at(answer, _keys(where))
        member = members.pop(old)
        member.update(values)
        members.insert(new, member)

    return edit


def reverse(*wheres: Place) -> Edit:
    """Turn lists around."""

    def edit(answer: Answer) -> None:
        for where in wheres:
            _at(answer, _keys(where)).reverse()

    return edit


def script(old: str, new: str) -> Edit:
    """Replace a text in the script."""

    def edit(answer: Answer) -> None:
        if old not in answer["script"]:
            raise ValueError(f"the script holds no {old!r}")
        answer["script"] = answer["script"].replace(old, new)

    return edit


def every(*edits: Edit) -> Edit:
    """Make several edits one."""

    def edit(answer: Answer) -> None:
        for edit in edits:
            edit(answer)

    return edit


def become(other: Answer) -> Edit:
    """Put another answer in the place of this one."""

    def edit(answer: Answer) -> None:
        answer.clear()
        answer.update(copied(other))

    return edit


def edited(base: Answer, edit: Edit) -> Answer:
    """Return what an edit makes of an answer."""
    answer: Answer = copied(base)
    edit(answer)
    return answer


def copied(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a copy in which no two members are one object, as `deepcopy` would leave them."""
    return json.loads(json.dumps(value))


def _keys(where: Place) -> list[str | int]:
    if isinstance(where, tuple):
        return list(where)
    return [int(key) if key.isdigit() else key for key in where.split(".")]


def _at(answer: Answer, keys: list[str | int]) -> Any:  # noqa: ANN401 - any JSON
    part: Any = answer
    for key in keys:
        part = part[key]
    return part
