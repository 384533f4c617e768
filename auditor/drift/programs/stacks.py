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

from auditor.drift.programs.phrases import (
    Edit,
    Rank,
    arguments,
    arrow,
    callee,
    cut,
    in_full,
    in_parentheses,
    text,
    told_both_ways,
    value_edit,
)
from auditor.drift.programs.trees import Key, Scope, Statement, align, shape

_MANY = 4  # arguments of one layer told
_WRITTEN, _INPUT, _OUTPUT = "written as", "applied to", "assigned to"  # no argument has a blank


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a model as a script writes it.

    Attributes:
        parts: Its arguments by name or place, how its type is written, what it is applied to.
        frame: The shape of the statement around a list of layers; empty for a layer on its own.
    """

    statement: Statement
    kind: str
    parts: tuple[tuple[str, str], ...]
    frame: Key

    @property
    def form(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What makes two layers equal."""
        return self.kind, self.parts

    @property
    def values(self) -> str:
        """Its arguments in parentheses."""
        return in_parentheses({name: one for name, one in self.parts if " " not in name})


_Placed: TypeAlias = tuple[int, Layer]


def stacks_of(scope: Scope) -> dict[str, list[Layer]]:
    """Return the layers of every model of a scope by its name, empty where it has none."""
    stacks: dict[str, list[Layer]] = {}
    for statement in scope.statements:
        for model, layer in _layers(statement):
            stacks.setdefault(model, []).append(layer)
    return stacks


def list_of_layers(node: object) -> ast.List | None:
    """Return the layers of `Sequential([…])`, None where a node is something else."""
    match node:
        case ast.Call(args=[ast.List() as layers, *_]) if callee(node) == "Sequential":
            return layers
        case _:
            return None


def layer_edits(
    model: str, old: Sequence[Layer], new: Sequence[Layer]
) -> Iterator[tuple[Edit, tuple[Layer, ...]]]:
    """Yield what changed in the layers of one model, and the layers that each edit is about."""
    of_model = f" of {cut(model)}" if model else ""
    if not old or not new:
        counts = [str(len(stack)) if stack else None for stack in (old, new)]
        yield value_edit(Rank.LAYER, f"layers{of_model}", *counts), (*old, *new)
        return
    pairs = align(
        [one.form for one in old],
        [one.form for one in new],
        lambda i, j: 1 if old[i].kind == new[j].kind else 3,
    )
    for before, after in sorted(_changed(old, new, pairs), key=_place):
        yield _layer_edit(of_model, before, after), tuple(one[1] for one in (before, after) if one)


def _layers(statement: Statement) -> Iterator[tuple[str, Layer]]:
    match statement.node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(model), "add"), [layer], [])) if (
            model == "model" or _is_layer(layer)
        ):
            yield model, _layer(statement, layer, {})
        case ast.Assign([ast.Name(model)], value) if layers := list_of_layers(value):
            yield from ((model, one) for one in _listed(statement, layers))
        case ast.Return(value) if layers := list_of_layers(value):
            yield from (("", one) for one in _listed(statement, layers))
        case ast.Assign([target], ast.Call(layer) as call) if _is_layer(layer):
            more = {_INPUT: in_full(arguments(call)), _OUTPUT: text(target)}
            yield "", _layer(statement, layer, more)
        case ast.Return(ast.Call(layer) as call) if _is_layer(layer):
            yield "", _layer(statement, layer, {_INPUT: in_full(arguments(call))})


def _is_layer(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and callee(node)[:1].isupper()


def _listed(statement: Statement, layers: ast.List) -> Iterator[Layer]:
    frame = shape(statement.node, blank=[layers])
    return (replace(_layer(statement, one, {}), frame=frame) for one in layers.elts)


def _layer(statement: Statement, node: ast.expr, more: Mapping[str, str]) -> Layer:
    if not isinstance(node, ast.Call):
        return Layer(statement, text(node), tuple(more.items()), ())
    parts = {name: text(one) for name, one in arguments(node).items()}
    parts |= {_WRITTEN: text(node.func), **more}
    return Layer(statement, callee(node), tuple(parts.items()), ())


def _changed(
    old: Sequence[Layer], new: Sequence[Layer], pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[_Placed | None, _Placed | None]]:
    """Yield what each changed layer was and is; one that only moved is equal."""
    kept, given = {i for i, _ in pairs}, {j for _, j in pairs}
    added: dict[object, list[_Placed]] = {}
    for j in range(len(new) - 1, -1, -1):
        if j not in given:
            added.setdefault(new[j].form, []).append((j + 1, new[j]))
    for i, j in pairs:
        if old[i].form != new[j].form:
            yield (i + 1, old[i]), (j + 1, new[j])
    for i in range(len(old)):
        if i not in kept:
            waiting = added.get(old[i].form)
            yield (i + 1, old[i]), waiting.pop() if waiting else None
    yield from ((None, placed) for waiting in added.values() for placed in reversed(waiting))


def _place(change: tuple[_Placed | None, _Placed | None]) -> int:
    before, after = change
    return after[0] if after else before[0] if before else 0


def _layer_edit(of_model: str, old: _Placed | None, new: _Placed | None) -> Edit:
    if old is not None and new is not None:
        return told_both_ways(Rank.LAYER, lambda a, b: _paired(of_model, a, b), old, new)
    place, layer = cast("_Placed", old or new)
    name, values = f"layer {place}{of_model} {cut(layer.kind)}", layer.values[1:-1]
    return value_edit(Rank.LAYER, name, *(None if one is None else values for one in (old, new)))


def _paired(of_model: str, before: _Placed, after: _Placed) -> str:
    (old_place, old), (place, new) = before, after
    if old.form == new.form:
        return f"layer {old_place}{of_model} {cut(old.kind)} moved to place {place}"
    if old.kind == new.kind:
        return (
            f"layer {place}{of_model} {cut(new.kind)}: {_parts(dict(old.parts), dict(new.parts))}"
        )
    return f"layer {place}{of_model} {cut(old.kind)}{old.values} → {cut(new.kind)}{new.values}"


def _parts(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    told = [_part(name, old.get(name), new.get(name)) for name in names[:_MANY]]
    if len(names) > _MANY:
        told.append(f"{len(names) - _MANY} more")
    return ", ".join(told) or "arguments in another order"


def _part(name: str, old: str | None, new: str | None) -> str:
    if old is not None and new is not None:
        return arrow(old, new) if name.isdigit() else f"{cut(name)} {arrow(old, new)}"
    value, what = (new, "added") if old is None else (old, "removed")
    return f"{in_parentheses({name: value or ''})[1:-1]} {what}"
