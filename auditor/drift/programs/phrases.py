"""What changed between two expressions of a script, in words.

A phrase names old and new. Every `Edit` is told in both directions, so that a change and its
reversal are as many.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TypeAlias, TypeVar

from auditor.drift.programs.trees import shape
from auditor.redaction import shown

_OF_ADAM = ("Adam", "AdamW", "Adamax", "Nadam")
OPTIMIZERS = (*_OF_ADAM, "Adadelta", "Adafactor", "Adagrad", "Ftrl", "Lion", "RMSprop", "SGD")
_LONGEST = 40  # characters of one value
_SHARED = 10  # of them before the first difference, where the beginnings of two values are equal
_POSITIONAL = {
    "compile": ("optimizer", "loss", "metrics"),
    "fit": ("x", "y", "batch_size", "epochs"),
    **dict.fromkeys(OPTIMIZERS, ("learning_rate",)),
}
_RATES = ("learning_rate", "lr")
_WORD = re.compile(r"[\w.-]+")

Arguments: TypeAlias = dict[str, ast.expr]
_T = TypeVar("_T")


class Rank(IntEnum):
    """How early a change is told."""

    OPTIMIZER = auto()
    RATE = auto()
    SETTING = auto()
    LAYER = auto()
    LOSS = auto()
    FIT = auto()
    CALLBACK = auto()
    NAME = auto()
    CALL = auto()
    DEFINITION = auto()
    IMPORT = auto()
    RENAMED = auto()
    DOCSTRING = auto()
    REST = auto()


@dataclass(frozen=True, slots=True)
class Edit:
    """One change in words, as it reads from old to new and from new to old.

    Attributes:
        weight: How many changes of the program it stands for.
    """

    rank: Rank
    forth: str
    back: str
    weight: int = 1


def text(node: ast.AST) -> str:
    """Return an expression on one line, its secrets hidden."""
    try:
        written = ast.unparse(node)
    except (RecursionError, ValueError):  # an f-string or a number that cannot be written back
        return "…"
    line = "\\n".join(written.splitlines())
    return shown(line.encode("utf-8", "backslashreplace").decode())


def cut(value: str, longest: int = _LONGEST) -> str:
    """Return a value, only its beginning where it is too long, a secret in it hidden."""
    whole = shown(value)  # half a secret would no longer be seen to be one
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


def callee(call: ast.Call) -> str:
    """Return the last name of what is called: `Adam` of `tf.keras.optimizers.Adam(…)`."""
    match call.func:
        case ast.Attribute(ast.Name("re"), "compile"):
            return "re.compile"  # is no `compile` of a model
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return text(call.func)


def arguments(call: ast.Call) -> Arguments:
    """Return the arguments of a call by name, else by place; `**` and a second of a name too."""
    names = _POSITIONAL.get(callee(call), ())
    found: Arguments = {}
    counts: Counter[str] = Counter()
    placed = [
        (names[place] if place < len(names) else str(place), one)
        for place, one in enumerate(call.args)
    ]
    for name, value in (*placed, *((one.arg or "**", one.value) for one in call.keywords)):
        counts[name] += 1
        found[f"{name}#{counts[name]}" if counts[name] > 1 else name] = value
    return found


def in_parentheses(values: Mapping[str, str]) -> str:
    """Return arguments as a call has them, `(20, activation='relu')`, nothing for none."""
    return f"({cut(_joined(values))})" if values else ""


def in_full(values: Arguments) -> str:
    """Return all arguments as a call has them."""
    return _joined({name: text(one) for name, one in values.items()})


def arrow(before: str, after: str) -> str:
    """Return `before → after`, both cut to where they begin to differ."""
    if max(len(before), len(after)) <= _LONGEST or before == after:
        return f"{cut(before)} → {cut(after)}"
    pairs = enumerate(zip(before, after, strict=False))
    shared = next((place for place, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = shared - _SHARED if shared > _LONGEST // 2 else 0
    lead = "…" if start else ""
    return " → ".join(cut(lead + value[start:]) for value in (before, after))


def told_both_ways(rank: Rank, tell: Callable[[_T, _T], str], old: _T, new: _T) -> Edit:
    """Return what `tell` says of (before, after), in both directions."""
    return Edit(rank, tell(old, new), tell(new, old))


def value_edit(rank: Rank, label: str, old: str | None, new: str | None) -> Edit:
    """Return the edit of a value, None where there is none."""
    return told_both_ways(rank, lambda before, after: _changed(label, before, after), old, new)


def expression_edits(rank: Rank, label: str, old: ast.expr, new: ast.expr) -> list[Edit]:
    """Return what changed in an expression: of a call the arguments, of `a or 30` the operand."""
    match old, new:
        case _ if shape(old) == shape(new):
            return []
        case ast.BoolOp(), ast.BoolOp() if operands := _only_other_operands(old, new):
            return expression_edits(rank, label, *operands)
        case ast.Call(), ast.Call() if shape(old.func) == shape(new.func):
            edits = argument_edits(rank, callee(new), arguments(old), arguments(new))
            return edits or [_same_arguments(rank, callee(new))]
        case _:
            return [_expression_edit(rank, label, old, new)]


def argument_edits(rank: Rank, name: str, old: Arguments, new: Arguments) -> list[Edit]:
    """Return what changed in the arguments of a call of `name`."""
    edits: list[Edit] = []
    for argument in old | new:
        ranked = Rank.RATE if argument in _RATES else rank
        label = _label(argument, name)
        match old.get(argument), new.get(argument):
            case ast.expr() as before, ast.expr() as after if label == "optimizer":
                edits.extend(optimizer_edits(before, after))
            case ast.expr() as before, ast.expr() as after:
                edits.extend(expression_edits(ranked, label, before, after))
            case before, after:
                edits.append(value_edit(ranked, label, _text(before), _text(after)))
    return edits


def optimizer_edits(old: ast.expr, new: ast.expr) -> list[Edit]:
    """Return what changed in the optimizer: another one, or its arguments."""
    match old, new:
        case ast.Call(), ast.Call() if shape(old.func) != shape(new.func):
            return [told_both_ways(Rank.OPTIMIZER, _swap, old, new)]
        case _:
            return expression_edits(Rank.OPTIMIZER, "optimizer", old, new)


def _joined(values: Mapping[str, str]) -> str:
    return ", ".join(_written(name, value) for name, value in values.items())


def _written(name: str, value: str) -> str:
    if name.isdigit():
        return value
    return f"**{value}" if name.startswith("**") else f"{name}={value}"


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else text(node)


def _changed(label: str, before: str | None, after: str | None) -> str:
    if before is None or after is None:
        what, value = ("added", after) if before is None else ("removed", before)
        return f"{label} {what} ({cut(value)})" if value else f"{label} {what}"
    return f"{label} {arrow(before, after)}"


def _expression_edit(rank: Rank, label: str, old: ast.expr, new: ast.expr) -> Edit:
    before, after = text(old), text(new)
    words = _word(old), _word(new)
    if rank in (Rank.LOSS, Rank.OPTIMIZER) and words[0] != words[1]:
        before, after = words
    return value_edit(rank, label, before, after)


def _same_arguments(rank: Rank, name: str) -> Edit:
    phrase = f"arguments of {cut(name)} written otherwise"
    return Edit(rank, phrase, phrase)


def _word(node: ast.expr) -> str:
    """Return a value as people say it: `mse` of `'mse'`."""
    match node:
        case ast.Constant(value=str() as value) if _WORD.fullmatch(value):
            return shown(value)
        case _:
            return text(node)


def _only_other_operands(old: ast.BoolOp, new: ast.BoolOp) -> tuple[ast.expr, ast.expr] | None:
    """Return the one operand in which `a or 30` and `a or 60` differ."""
    if type(old.op) is not type(new.op) or len(old.values) != len(new.values):
        return None
    pairs = zip(old.values, new.values, strict=True)
    others = [(a, b) for a, b in pairs if shape(a) != shape(b)]
    return others[0] if len(others) == 1 else None


def _label(argument: str, name: str) -> str:
    if name == "compile" and argument in _POSITIONAL["compile"]:
        return argument
    if argument in _RATES:
        argument = "learning rate"
    elif argument.isdigit():
        argument = f"argument {int(argument) + 1}"
    return f"{cut(argument)} of {cut(name)}"


def _swap(before: ast.Call, after: ast.Call) -> str:
    """Return both optimizers, each with the arguments that the other has not."""
    a, b = _texts(before), _texts(after)
    names = [callee(before), callee(after)]
    if names[0] == names[1]:
        names = [text(before.func), text(after.func)]
    return f"optimizer {cut(names[0])}{_besides(a, b)} → {cut(names[1])}{_besides(b, a)}"


def _texts(call: ast.Call) -> dict[str, str]:
    return {name: text(one) for name, one in arguments(call).items()}


def _besides(those: Mapping[str, str], others: Mapping[str, str]) -> str:
    return in_parentheses({name: one for name, one in those.items() if others.get(name) != one})
