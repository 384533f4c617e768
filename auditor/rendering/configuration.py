"""The configuration of a block as it is now: thresholds, layers, settings, data, the script.

Every text is harmless and short; what is left out is counted, and `auditor show` prints all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from auditor.drift.block_kinds import BlockKind
from auditor.drift.canonical import Node, as_number, is_number, program_text
from auditor.drift.excerpts import LAYERS, SCRIPT
from auditor.drift.fields import NAME_PATHS, Shape
from auditor.drift.headlines import layer_words
from auditor.drift.wording import value_words
from auditor.model import Json, Owner
from auditor.rendering.words import LONGEST_NAME, cap, count, cut, harmless, sentence

MOST_ROWS = 60
_MOST_LAYERS, _MOST_LINES, _LONGEST_LINE = 60, 200, 160
_LONGEST_VALUE, _MOST_MEMBERS = 160, 20
_SCALE = 200  # pixels from 0 to the end of a threshold's scale
_THRESHOLD = "thresholds[]"
_ABOVE_THRESHOLDS = ("thresholds", "metadata", "metadata.thresholds")
_OF_VLM = "metadata.config{}"
_SET = (Owner.INTENT, Owner.UNKNOWN)
_FOUND = (Owner.DATASET, Owner.TRAINING)
_NOT_LISTED = frozenset({SCRIPT, "type", "block.type", "dsp.type", *NAME_PATHS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRow:
    """A threshold with its scale, in pixels; `at` and `suggested_at` are None off the scale."""

    name: str
    description: str
    value: str
    suggested: str
    top: str
    width: int = _SCALE
    at: int | None = None
    suggested_at: int | None = None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting by the name that Studio shows, and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptView:
    """A training script; `rest` says how many lines are left out."""

    title: str
    text: str
    rest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a page shows of a block's configuration.

    Attributes:
        layers: in words, in their order.
        settings: what people set.
        found: what follows from the data set and from trainings.
        rest: how many layers and rows are left out, empty where nothing is.
    """

    thresholds: tuple[ThresholdRow, ...]
    layers: tuple[str, ...]
    settings: tuple[SettingRow, ...]
    found: tuple[SettingRow, ...]
    script: ScriptView | None
    rest: str


def describe_configuration(nodes: Mapping[str, Node], kind: BlockKind) -> Configuration:
    """Return the configuration of a block from its fields."""
    thresholds = [_threshold(node) for node in _thresholds(nodes)]
    layers = nodes[LAYERS].literal if LAYERS in nodes else []
    stack = layers if isinstance(layers, list) else []
    rows = [*_rows(nodes, kind)]
    settings, found = (
        [row for owner, row in rows if owner in owners] for owners in (_SET, _FOUND)
    )
    hidden = sum(
        max(len(every) - most, 0)
        for every, most in (
            (thresholds, MOST_ROWS),
            (stack, _MOST_LAYERS),
            (settings, MOST_ROWS),
            (found, MOST_ROWS),
        )
    )
    return Configuration(
        thresholds=tuple(thresholds[:MOST_ROWS]),
        layers=tuple(sentence(layer_words(layer)) for layer in stack[:_MOST_LAYERS]),
        settings=tuple(settings[:MOST_ROWS]),
        found=tuple(found[:MOST_ROWS]),
        script=_script(nodes),
        rest=f"and {count(hidden, 'more value')}" if hidden else "",
    )


def label_of(node: Node, key: str) -> str:
    """Return how a field is called; one that the field table does not name, by its path."""
    pattern = node.field.pattern
    if pattern.endswith("?"):
        return cap(harmless(node.path), LONGEST_NAME)
    if pattern == _OF_VLM:
        return cap(harmless(key), LONGEST_NAME)
    if pattern.endswith("{}"):
        return cap(f"{node.field.label} {harmless(key)}", LONGEST_NAME)
    return node.field.label


def text_of(value: Json, unit: str = "") -> str:
    """Return a value in words, harmless and of a length that a cell can hold."""
    if isinstance(value, list) and value:
        members = [value_words(member) for member in value[:_MOST_MEMBERS]]
        more = len(value) - len(members)
        members += [f"{more:,} more"] if more else []
        return cap(harmless(", ".join(members)), _LONGEST_VALUE)
    # Harmless before it is cut, else half a secret could remain.
    words = (
        json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value_words(value)
    )
    words = cap(harmless(words), _LONGEST_VALUE)
    return f"{words} {unit}" if unit and is_number(value) else words


def is_threshold(pattern: str) -> bool:
    """Return whether a pattern is that of a threshold, in a block of whatever kind."""
    return pattern.endswith(_THRESHOLD)


def name_parameter(node: Node, key: str) -> str:
    """Return how a parameter of a processing or post-processing block is called."""
    name = node.literal.get("name") if isinstance(node.literal, dict) else None
    words = f"{name} ({key})" if isinstance(name, str) and name else key
    return cap(harmless(words), LONGEST_NAME)


def _thresholds(nodes: Mapping[str, Node]) -> Iterator[Node]:
    for node in nodes.values():
        if is_threshold(node.field.pattern):
            yield node
        elif node.field.pattern in _ABOVE_THRESHOLDS:
            yield from _thresholds(node.children or {})


def _threshold(node: Node) -> ThresholdRow:
    literal = node.literal if isinstance(node.literal, dict) else {}
    value, suggested = as_number(literal.get("value")), as_number(literal.get("suggestedValue"))
    numbers = [number for number in (value, suggested) if is_number(number)]
    top = max(1.0, *numbers) if numbers else 1.0
    description = literal.get("description")
    return ThresholdRow(
        name=text_of(literal.get("key")),
        description=text_of(description) if description else "",
        value=text_of(value),
        suggested="" if suggested is None else text_of(suggested),
        top=f"{top:g}",
        at=_place(value, top),
        suggested_at=_place(suggested, top),
    )


def _place(value: Json, top: float) -> int | None:
    return round(value / top * _SCALE) if is_number(value) and value >= 0 else None


def _rows(nodes: Mapping[str, Node], kind: BlockKind) -> Iterator[tuple[Owner, SettingRow]]:
    """Yield what is set, in the order of the document, each with whose it is."""
    for key, node in nodes.items():
        field = node.field
        if is_threshold(field.pattern) or field.shape in (Shape.LAYERS, Shape.FOLLOWER):
            continue
        if kind.parameters and field.pattern.endswith(f"{kind.parameters}[]"):
            value = (node.children or {}).get("value")
            if value is not None:
                yield field.owner, SettingRow(name_parameter(node, key), text_of(value.literal))
        elif node.children is not None:
            yield from _rows(node.children, kind)
        elif node.path not in _NOT_LISTED and not _is_unset(node.literal):
            yield field.owner, SettingRow(label_of(node, key), text_of(node.literal, field.unit))


def _is_unset(value: Json) -> bool:
    return value is None or value in ("", [], {})


def _script(nodes: Mapping[str, Node]) -> ScriptView | None:
    script = nodes[SCRIPT].literal if SCRIPT in nodes else None
    if not isinstance(script, str) or not script.strip():
        return None
    lines = program_text(script).split("\n")
    by = "" if _text(nodes, "mode") == "expert" else ", generated by Studio"
    more = len(lines) - _MOST_LINES
    return ScriptView(
        title=f"Script: {count(len(lines), 'line')}{by}",
        text="\n".join(map(script_line, islice(lines, _MOST_LINES))),
        rest=f"and {count(more, 'more line')}" if more > 0 else "",
    )


def script_line(line: str) -> str:
    """Return a line of a script, harmless and of a length that a page can hold."""
    return cut(harmless(line.expandtabs(4)), _LONGEST_LINE)


def _text(nodes: Mapping[str, Node], key: str) -> Json:
    return nodes[key].literal if key in nodes else None
