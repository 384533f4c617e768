"""What changed in the layers of a script's models, in words.

A model's layers are those of `Sequential([…])` and of `model.add(…)`, and those applied to others,
`x = Dense(20)(x)`. They are aligned at the least cost: an edited layer of the same type 1, an
added or removed one 2, another type in the same place 3.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from auditor.drift.script.phrases import (
    EditRank,
    ScriptEdit,
    arrow_phrase,
    call_name,
    cut,
    expression_text,
    joined_arguments,
    named_arguments,
    parenthesized,
    two_way_edit,
    value_edit,
)
from auditor.drift.script.trees import Key, ProgramScope, Statement, align_sequences, shape

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
        """Return its arguments in parentheses."""
        return parenthesized({name: value for name, value in self.parts if " " not in name})


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


def layer_edits(
    model: str, old: Sequence[ScriptLayer], new: Sequence[ScriptLayer]
) -> Iterator[tuple[ScriptEdit, tuple[ScriptLayer, ...]]]:
    """Yield each edit of one model's layers with the layers that it is about."""
    of_model = f" of {cut(model)}" if model else ""
    if not old or not new:
        counts = [str(len(stack)) if stack else None for stack in (old, new)]
        yield value_edit(EditRank.LAYER, f"layers{of_model}", *counts), (*old, *new)
        return
    pairs = align_sequences(
        [layer.form for layer in old],
        [layer.form for layer in new],
        lambda i, j: 1 if old[i].kind == new[j].kind else 3,
    )
    for before, after in sorted(_changed_layers(old, new, pairs), key=_place):
        layers = tuple(placed[1] for placed in (before, after) if placed)
        yield _layer_edit(of_model, before, after), layers


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


def _changed_layers(
    old: Sequence[ScriptLayer], new: Sequence[ScriptLayer], pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[_PlacedLayer | None, _PlacedLayer | None]]:
    """Yield each changed layer as it was and as it is, or None if it is missing."""
    old_places, new_places = {i for i, _ in pairs}, {j for _, j in pairs}
    added: dict[object, list[_PlacedLayer]] = {}
    for j in range(len(new) - 1, -1, -1):
        if j not in new_places:
            added.setdefault(new[j].form, []).append((j + 1, new[j]))
    for i, j in pairs:
        if old[i].form != new[j].form:
            yield (i + 1, old[i]), (j + 1, new[j])
    for i in range(len(old)):
        if i not in old_places:
            equal = added.get(old[i].form)  # then it only moved
            yield (i + 1, old[i]), equal.pop() if equal else None
    yield from ((None, placed) for layers in added.values() for placed in reversed(layers))


def _place(change: tuple[_PlacedLayer | None, _PlacedLayer | None]) -> int:
    before, after = change
    return after[0] if after else before[0] if before else 0


def _layer_edit(of_model: str, old: _PlacedLayer | None, new: _PlacedLayer | None) -> ScriptEdit:
    if old is not None and new is not None:
        return two_way_edit(EditRank.LAYER, lambda a, b: _pair_phrase(of_model, a, b), old, new)
    place, layer = cast("_PlacedLayer", old or new)
    name, values = f"layer {place}{of_model} {cut(layer.kind)}", layer.values[1:-1]
    return value_edit(EditRank.LAYER, name, *(side and values for side in (old, new)))


def _pair_phrase(of_model: str, before: _PlacedLayer, after: _PlacedLayer) -> str:
    (old_place, old), (place, new) = before, after
    if old.form == new.form:
        return f"layer {old_place}{of_model} {cut(old.kind)} moved to place {place}"
    if old.kind == new.kind:
        parts = _parts_phrase(dict(old.parts), dict(new.parts))
        return f"layer {place}{of_model} {cut(new.kind)}: {parts}"
    return f"layer {place}{of_model} {cut(old.kind)}{old.values} → {cut(new.kind)}{new.values}"


def _parts_phrase(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    phrases = [_part_phrase(name, old.get(name), new.get(name)) for name in names[:_MAX_ARGUMENTS]]
    if len(names) > _MAX_ARGUMENTS:
        phrases.append(f"{len(names) - _MAX_ARGUMENTS} more")
    return ", ".join(phrases) or "arguments in another order"


def _part_phrase(name: str, old: str | None, new: str | None) -> str:
    if old is not None and new is not None:
        phrase = arrow_phrase(old, new)
        return phrase if name.isdigit() else f"{cut(name)} {phrase}"
    value, what = (new, "added") if old is None else (old, "removed")
    return f"{parenthesized({name: value or ''})[1:-1]} {what}"
