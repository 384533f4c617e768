"""Rewritings of an answer that mean the same, at random places."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeAlias

from tests.signal.edits import Answer, copied
from tests.signal.schema import OPTIONAL, parts

Rewriting: TypeAlias = Callable[[Answer, Random], None]

_NOISE = 4e-10
_ABSENT = object()
_EMPTIES: tuple[Any, ...] = (None, False, "", [], {}, {"enabled": False})
_EMPTY_TEXTS = frozenset(map(json.dumps, _EMPTIES))

# Where order says nothing, and what tells the members apart.
_UNORDERED: dict[str, tuple[str, ...]] = {
    "thresholds": ("key",),
    "thresholds[].dropdownOptions": ("value",),
    "transferLearningModels": ("type", "organizationModelId"),
    "transferLearningModels[].customParameters": ("param",),
    "transferLearningModels[].customParameters[].selectOptions": ("value",),
    "dependencies.classes": (),
    "dependencies.blockNames": (),
}


def rewritten(answer: Answer, rewritings: list[Rewriting], random: Random) -> Answer:
    """Return a copy on which each rewriting was done."""
    copy: Answer = copied(answer)
    for rewrite in rewritings:
        rewrite(copy, random)
    return copy


def threshold_as_text(answer: Answer, random: Random) -> None:
    """Write some numbers among the thresholds' values as text, and texts as numbers."""
    for threshold in answer["thresholds"]:
        value = threshold["value"]
        if random.random() < 0.5:
            threshold["value"] = _number(value) if isinstance(value, str) else json.dumps(value)


def _number(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except ValueError:
        return text


def noise(answer: Answer, random: Random) -> None:
    """Move numbers that are not whole by less than 1e-9 of themselves."""
    for holder, key in list(_holders(answer)):
        value = holder[key]
        if isinstance(value, float) and not value.is_integer():
            holder[key] = value * (1 + random.choice((-_NOISE, 0, _NOISE)))


def points(answer: Answer, random: Random) -> None:
    """Write some whole numbers with a point."""
    for holder, key in list(_holders(answer)):
        value = holder[key]
        if isinstance(value, int) and not isinstance(value, bool) and random.random() < 0.5:
            holder[key] = float(value)


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    keys = value if isinstance(value, dict) else range(len(value) * isinstance(value, list))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _holders(value[key])


def line_ends(answer: Answer, random: Random) -> None:
    """End some lines of the script as other systems do."""
    lines = answer["script"].split("\n")
    end = random.choice(("\r\n", "\r", "\n"))
    ends = [random.choice((end, "\n")) if end != "\r" else end for _ in lines[1:]]
    answer["script"] = "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))


def blank_lines(answer: Answer, random: Random) -> None:
    """Let the script end in another number of blank lines."""
    answer["script"] = answer["script"].rstrip("\r\n") + "\n" * random.randrange(4)


def order(answer: Answer, random: Random) -> None:
    """Put members in another order where order says nothing."""
    for pattern, value in parts(answer):
        if pattern in _UNORDERED and isinstance(value, list):
            names = _UNORDERED[pattern]
            labels = [
                json.dumps([member.get(n) for n in names] if names else member) for member in value
            ]
            if len(set(labels)) == len(labels):  # a second of one identity is known by its place
                random.shuffle(value)


def empties(answer: Answer, random: Random) -> None:
    """Write optional fields that hold nothing in another of the ways to hold nothing."""
    for pattern, value in list(parts(answer)):
        if isinstance(value, dict):
            for name in sorted(OPTIONAL.get(pattern, frozenset())):
                if (pattern, name) != ("visualLayers[]", "enabled"):
                    _empty_otherwise(value, name, random)


def _empty_otherwise(holder: dict[str, Any], name: str, random: Random) -> None:
    if name in holder and json.dumps(holder[name]) not in _EMPTY_TEXTS:
        return
    way = random.choice((_ABSENT, *_EMPTIES))
    holder.pop(name, None)
    if way is not _ABSENT:
        holder[name] = copied(way)


def unknown_nulls(answer: Answer, random: Random) -> None:
    """Add null under a name that the schema lacks, to some objects that it knows."""
    for pattern, value in list(parts(answer)):
        if pattern in OPTIONAL and value and isinstance(value, dict) and random.random() < 0.3:
            value["fromNewerStudio"] = None


def layers_on(answer: Answer, random: Random) -> None:
    """Say of some layers in so many words that they are on, and of some no longer."""
    for layer in answer["visualLayers"]:
        if layer.get("enabled", True) is True and random.random() < 0.5:
            layer["enabled"] = True
        elif layer.get("enabled") is True:
            del layer["enabled"]


def envelope(answer: Answer, random: Random) -> None:
    """Change what belongs to the answer and not to the block."""
    answer["error"] = random.choice(("", "Try again"))


def keys(answer: Answer, random: Random) -> None:
    """Put the keys of every object in another order."""
    for _, value in list(parts(answer)):
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            value.clear()
            value.update(items)


# In this order: noise is moved once, and text is made of the number that was sent.
REWRITINGS: tuple[Rewriting, ...] = (
    threshold_as_text,
    noise,
    points,
    line_ends,
    blank_lines,
    order,
    empties,
    unknown_nulls,
    layers_on,
    envelope,
    keys,
)
