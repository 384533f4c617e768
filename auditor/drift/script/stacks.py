"""What changed in the layers of a script's models, in words.

A model's layers are those of `Sequential([…])` and of `model.add(…)`, and those applied to others,
`x = Dense(20)(x)`. They are aligned at the least cost: an edited layer of the same type 1, an
added or removed one 2, another type in the same place 3.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from auditor.drift.script.phrases import (
    EditRank,
    ScriptEdit,
    arrow_phrase,
    call_name,
    cut,
    expression_text,
    joined,
    joined_arguments,
    named_arguments,
    value_edit,
)
from auditor.drift.script.trees import Key, ProgramScope, Statement, align_at_cost, shape

_MAX_ARGUMENTS = 4  # of one layer in one phrase
# The space keeps these parts of a layer apart from its arguments.
_WRITTEN, _INPUT, _OUTPUT = "written as", "applied to", "assigned to"


@dataclass(frozen=True, slots=True)
class ScriptLayer:
    """A layer of a model as a script writes it.

    Attributes:
        parts: its arguments by name or place, how its type is written, what it is applied to.
        frame: the shape of the statement around a list of layers; empty for a single layer.
    """

    statement: Statement
    kind: str
    parts: tuple[tuple[str, str], ...]
    frame: Key

    @property
    def form(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return what makes two layers equal."""
        return self.kind, self.parts

    @property
    def values(self) -> str:
        """Return its arguments as a call writes them."""
        return joined({name: value for name, value in self.parts if " " not in name})


_PlacedLayer: TypeAlias = tuple[int, ScriptLayer]


def stacks_of(scope: ProgramScope) -> dict[str, list[ScriptLayer]]:
    """Return the layers of every model of a scope by the model's name; no name is empty."""
    stacks: dict[str, list[ScriptLayer]] = {}
    for statement in scope.statements:
        for model, layer in _layers_of(statement):
            stacks.setdefault(model, []).append(layer)
    return stacks


def list_of_layers(node: object) -> ast.List | None:
    """Return the list of layers of `Sequential([…])`, None for any other node."""
    match node:
        case ast.Call(args=[ast.List() as layers, *_]) if call_name(node) == "Sequential":
            return layers
        case _:
            return None


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer as it was and as it is, each with its place from 1; None where it is missing.

    Attributes:
        is_equal: only the statement around the layer differs, or nothing.
    """

    old: _PlacedLayer | None
    new: _PlacedLayer | None
    is_equal: bool = False

    @property
    def place(self) -> int:
        """Return where it is, or where it was."""
        return self.new[0] if self.new else self.old[0] if self.old else 0

    @property
    def layers(self) -> tuple[ScriptLayer, ...]:
        """Return both sides of it."""
        return tuple(placed[1] for placed in (self.old, self.new) if placed)


def layer_changes(old: Sequence[ScriptLayer], new: Sequence[ScriptLayer]) -> list[LayerChange]:
    """Return every layer of two stacks of one model, those that are equal included."""
    pairs = align_at_cost(
        [layer.form for layer in old],
        [layer.form for layer in new],
        lambda i, j: 1 if old[i].kind == new[j].kind else 3,
    )
    return sorted(_changes(old, new, pairs), key=lambda change: change.place)


def layer_edit(model: str, change: LayerChange) -> ScriptEdit:
    """Return what happened to a layer of a model; the name of the only model is empty."""
    of_model = f" of {model}" if model else ""
    if change.old is not None and change.new is not None:
        return _pair_edit(of_model, change.old, change.new)
    (layer,) = change.layers
    name = f"layer {change.place}{of_model} {layer.kind}"
    values = layer.values
    return value_edit(
        EditRank.LAYER,
        name,
        values if change.old is not None else None,
        values if change.new is not None else None,
    )


def stack_edit(model: str, old: Sequence[ScriptLayer], new: Sequence[ScriptLayer]) -> ScriptEdit:
    """Return that a model with all its layers came or went."""
    label = f"layers of {model}" if model else "layers"
    texts = [f"{len(stack)}: " + ", ".join(layer.kind for layer in stack) for stack in (old, new)]
    return value_edit(EditRank.LAYER, label, texts[0] if old else None, texts[1] if new else None)


def _layers_of(statement: Statement) -> Iterator[tuple[str, ScriptLayer]]:
    match statement.node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(model), "add"), [layer], [])) if (
            model == "model" or _is_layer(layer)
        ):
            yield model, _layer(statement, layer, {})
        case ast.Assign([ast.Name(model)], value) if layers := list_of_layers(value):
            yield from ((model, layer) for layer in _listed_layers(statement, layers))
        case ast.Return(value) if layers := list_of_layers(value):
            yield from (("", layer) for layer in _listed_layers(statement, layers))
        case ast.Assign([target], ast.Call(layer) as call) if _is_layer(layer):
            inputs = joined_arguments(named_arguments(call))
            more = {_INPUT: inputs, _OUTPUT: expression_text(target)}
            yield "", _layer(statement, layer, more)
        case ast.Return(ast.Call(layer) as call) if _is_layer(layer):
            yield "", _layer(statement, layer, {_INPUT: joined_arguments(named_arguments(call))})


def _is_layer(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and call_name(node)[:1].isupper()


def _listed_layers(statement: Statement, layers: ast.List) -> Iterator[ScriptLayer]:
    frame = shape(statement.node, blank=[layers])
    return (replace(_layer(statement, node, {}), frame=frame) for node in layers.elts)


def _layer(statement: Statement, node: ast.expr, more: Mapping[str, str]) -> ScriptLayer:
    if not isinstance(node, ast.Call):
        return ScriptLayer(statement, expression_text(node), tuple(more.items()), ())
    parts = {name: expression_text(value) for name, value in named_arguments(node).items()}
    parts |= {_WRITTEN: expression_text(node.func), **more}
    return ScriptLayer(statement, call_name(node), tuple(parts.items()), ())


def _changes(
    old: Sequence[ScriptLayer], new: Sequence[ScriptLayer], pairs: Sequence[tuple[int, int]]
) -> Iterator[LayerChange]:
    old_places, new_places = {i for i, _ in pairs}, {j for _, j in pairs}
    added: dict[object, list[_PlacedLayer]] = {}
    for j in range(len(new) - 1, -1, -1):
        if j not in new_places:
            added.setdefault(new[j].form, []).append((j + 1, new[j]))
    for i, j in pairs:
        is_equal = old[i].form == new[j].form
        yield LayerChange((i + 1, old[i]), (j + 1, new[j]), is_equal)
    for i in range(len(old)):
        if i not in old_places:
            equal = added.get(old[i].form)  # then it only moved
            yield LayerChange((i + 1, old[i]), equal.pop() if equal else None)
    for layers in added.values():
        yield from (LayerChange(None, placed) for placed in reversed(layers))


def _pair_edit(of_model: str, before: _PlacedLayer, after: _PlacedLayer) -> ScriptEdit:
    (old_place, old), (place, new) = before, after
    if old.form == new.form:
        to_place = f" to place {place}" if place != old_place else ""
        words = f"layer {old_place}{of_model} {cut(old.kind)} moved{to_place}"
        return ScriptEdit(EditRank.LAYER, lambda _: words)
    label = f"layer {place}{of_model}"
    if old.kind == new.kind:
        parts = dict(old.parts), dict(new.parts)
        return ScriptEdit(
            EditRank.LAYER,
            lambda width: f"{label} {cut(new.kind, width)}: {_parts_phrase(*parts, width)}",
        )
    return ScriptEdit(
        EditRank.LAYER,
        lambda width: f"{label} {_layer_words(old, width)} → {_layer_words(new, width)}",
    )


def _layer_words(layer: ScriptLayer, width: int) -> str:
    values = f"({cut(layer.values, width)})" if layer.values else ""
    return f"{cut(layer.kind, width)}{values}"


def _parts_phrase(old: Mapping[str, str], new: Mapping[str, str], width: int) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    phrases = [
        _part_phrase(name, old.get(name), new.get(name), width) for name in names[:_MAX_ARGUMENTS]
    ]
    if len(names) > _MAX_ARGUMENTS:
        phrases.append(f"{len(names) - _MAX_ARGUMENTS} more")
    return ", ".join(phrases) or "arguments in another order"


def _part_phrase(name: str, old: str | None, new: str | None, width: int) -> str:
    if old is not None and new is not None:
        phrase = arrow_phrase(old, new, width)
        return phrase if name.isdigit() else f"{cut(name)} {phrase}"
    value, what = (new, "added") if old is None else (old, "removed")
    return f"{cut(joined({name: value or ''}), width)} {what}"
