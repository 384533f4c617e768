"""Which answers are so surprising that Studio is asked once more before they are believed.

Studio is eventually consistent: right after a training an answer can be half old. Pure.
"""

from __future__ import annotations

from auditor.model import Json, JsonObject

_COLLECTIONS = (
    ("visualLayers",),
    ("thresholds",),
    ("transferLearningModels",),
    ("dependencies", "classes"),
    ("dependencies", "outputClasses"),
)
_FEW_KEYS = 24  # hardly more than those that every answer has


def is_bare(answer: JsonObject) -> bool:
    """Return whether an answer lacks so much that a look at the last one is worth its time."""
    return len(answer) <= _FEW_KEYS or _empty(answer) != frozenset()


def is_surprising(answer: JsonObject, last: JsonObject) -> bool:
    """Return whether an answer lost what no single edit takes away.

    That is more than half of its keys, or a whole collection; a switch to expert mode empties
    `visualLayers` and leaves a script, so it does not count.
    """
    return 2 * len(answer) < len(last) or bool(_empty(answer) - _empty(last))


def _empty(answer: JsonObject) -> frozenset[tuple[str, ...]]:
    has_program = bool(answer.get("script"))
    return frozenset(
        path
        for path in _COLLECTIONS
        if not _at(answer, path) and not (path == ("visualLayers",) and has_program)
    )


def _at(answer: JsonObject, path: tuple[str, ...]) -> Json:
    value: Json = answer
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
