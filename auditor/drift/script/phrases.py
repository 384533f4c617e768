"""What changed between two expressions of a script, in words.

A phrase names old and new. Every edit is worded in both directions, so that a change and its
reversal are always the same number of edits.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TypeAlias, TypeVar

from auditor.drift.script.trees import shape
from auditor.redaction import shown

_ADAM_FAMILY = ("Adam", "AdamW", "Adamax", "Nadam")
OPTIMIZERS = (*_ADAM_FAMILY, "Adadelta", "Adafactor", "Adagrad", "Ftrl", "Lion", "RMSprop", "SGD")
_MAX_VALUE = 40  # characters of one value
_MAX_SHARED = 10  # characters kept of an equal beginning, before the first difference
_POSITIONAL_NAMES = {
    "compile": ("optimizer", "loss", "metrics"),
    "fit": ("x", "y", "batch_size", "epochs"),
    **dict.fromkeys(OPTIMIZERS, ("learning_rate",)),
}
_RATE_NAMES = ("learning_rate", "lr")
_WORD = re.compile(r"[\w.-]+")

Arguments: TypeAlias = dict[str, ast.expr]
_Value = TypeVar("_Value")


class EditRank(IntEnum):
    """The order in which edits are listed."""

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
    RENAME = auto()
    DOCSTRING = auto()
    REST = auto()


@dataclass(frozen=True, slots=True)
class ScriptEdit:
    """One change in words, worded from old to new and from new to old.

    Attributes:
        weight: how many changes of the program it covers.
    """

    rank: EditRank
    forward: str
    backward: str
    weight: int = 1


def expression_text(node: ast.AST) -> str:
    """Return an expression on one line, with secrets hidden."""
    try:
        written = ast.unparse(node)
    except (RecursionError, ValueError):  # an f-string or a number that cannot be written back
        return "…"
    line = "\\n".join(written.splitlines())
    return shown(line.encode("utf-8", "backslashreplace").decode())


def cut(value: str, longest: int = _MAX_VALUE) -> str:
    """Return a value with secrets hidden, cut at the end where it is too long."""
    hidden = shown(value)  # first: half a secret would not be recognized as one
    return hidden if len(hidden) <= longest else f"{hidden[: longest - 1]}…"


def call_name(call: ast.Call) -> str:
    """Return the last name of what is called: `Adam` of `tf.keras.optimizers.Adam(…)`."""
    match call.func:
        case ast.Attribute(ast.Name("re"), "compile"):
            return "re.compile"  # not the `compile` of a model
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return expression_text(call.func)


def named_arguments(call: ast.Call) -> Arguments:
    """Return the arguments of a call by name, or by place where they have no name.

    `**` is a name too; the second argument of a name is `NAME#2`.
    """
    names = _POSITIONAL_NAMES.get(call_name(call), ())
    values: Arguments = {}
    counts: Counter[str] = Counter()
    placed = [
        (names[place] if place < len(names) else str(place), value)
        for place, value in enumerate(call.args)
    ]
    keywords = [(keyword.arg or "**", keyword.value) for keyword in call.keywords]
    for name, value in (*placed, *keywords):
        counts[name] += 1
        values[f"{name}#{counts[name]}" if counts[name] > 1 else name] = value
    return values


def parenthesized(values: Mapping[str, str]) -> str:
    """Return arguments as a call writes them, `(20, activation='relu')`; empty without any."""
    return f"({cut(_joined(values))})" if values else ""


def joined_arguments(values: Arguments) -> str:
    """Return all arguments as a call writes them."""
    return _joined({name: expression_text(value) for name, value in values.items()})


def arrow_phrase(before: str, after: str) -> str:
    """Return `before → after`, both cut to show where they begin to differ."""
    if max(len(before), len(after)) <= _MAX_VALUE or before == after:
        return f"{cut(before)} → {cut(after)}"
    pairs = enumerate(zip(before, after, strict=False))
    shared = next((place for place, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = shared - _MAX_SHARED if shared > _MAX_VALUE // 2 else 0
    lead = "…" if start else ""
    return " → ".join(cut(lead + value[start:]) for value in (before, after))


def two_way_edit(
    rank: EditRank, phrase: Callable[[_Value, _Value], str], old: _Value, new: _Value
) -> ScriptEdit:
    """Return the edit that `phrase` words for (before, after), in both directions."""
    return ScriptEdit(rank, phrase(old, new), phrase(new, old))


def value_edit(rank: EditRank, label: str, old: str | None, new: str | None) -> ScriptEdit:
    """Return the edit of a value; None stands for a value that is missing."""
    return two_way_edit(rank, lambda before, after: _value_phrase(label, before, after), old, new)


def expression_edits(rank: EditRank, label: str, old: ast.expr, new: ast.expr) -> list[ScriptEdit]:
    """Return what changed in an expression: in a call its arguments, in `a or 30` its operand."""
    match old, new:
        case _ if shape(old) == shape(new):
            return []
        case ast.BoolOp(), ast.BoolOp() if operands := _changed_operands(old, new):
            return expression_edits(rank, label, *operands)
        case ast.Call(), ast.Call() if shape(old.func) == shape(new.func):
            name, arguments = call_name(new), (named_arguments(old), named_arguments(new))
            return argument_edits(rank, name, *arguments) or [_rewritten_arguments(rank, name)]
        case _:
            return [_expression_edit(rank, label, old, new)]


def argument_edits(rank: EditRank, name: str, old: Arguments, new: Arguments) -> list[ScriptEdit]:
    """Return what changed in the arguments of a call of `name`."""
    edits: list[ScriptEdit] = []
    for argument in old | new:
        argument_rank = EditRank.RATE if argument in _RATE_NAMES else rank
        label = _argument_label(argument, name)
        match old.get(argument), new.get(argument):
            case ast.expr() as before, ast.expr() as after if label == "optimizer":
                edits.extend(optimizer_edits(before, after))
            case ast.expr() as before, ast.expr() as after:
                edits.extend(expression_edits(argument_rank, label, before, after))
            case before, after:
                texts = [
                    None if node is None else expression_text(node) for node in (before, after)
                ]
                edits.append(value_edit(argument_rank, label, *texts))
    return edits


def optimizer_edits(old: ast.expr, new: ast.expr) -> list[ScriptEdit]:
    """Return what changed in the optimizer: another one, or its arguments."""
    match old, new:
        case ast.Call(), ast.Call() if shape(old.func) != shape(new.func):
            return [two_way_edit(EditRank.OPTIMIZER, _optimizer_swap_phrase, old, new)]
        case _:
            return expression_edits(EditRank.OPTIMIZER, "optimizer", old, new)


def _joined(values: Mapping[str, str]) -> str:
    return ", ".join(_argument_text(name, value) for name, value in values.items())


def _argument_text(name: str, value: str) -> str:
    if name.isdigit():
        return value
    return f"**{value}" if name.startswith("**") else f"{name}={value}"


def _value_phrase(label: str, before: str | None, after: str | None) -> str:
    if before is None or after is None:
        what, value = ("added", after) if before is None else ("removed", before)
        return f"{label} {what} ({cut(value)})" if value else f"{label} {what}"
    return f"{label} {arrow_phrase(before, after)}"


def _expression_edit(rank: EditRank, label: str, old: ast.expr, new: ast.expr) -> ScriptEdit:
    before, after = expression_text(old), expression_text(new)
    words = _spoken_text(old), _spoken_text(new)
    if rank in (EditRank.LOSS, EditRank.OPTIMIZER) and words[0] != words[1]:
        before, after = words
    return value_edit(rank, label, before, after)


def _rewritten_arguments(rank: EditRank, name: str) -> ScriptEdit:
    phrase = f"arguments of {cut(name)} written differently"
    return ScriptEdit(rank, phrase, phrase)


def _spoken_text(node: ast.expr) -> str:
    """Return a value without the quotes of a single word: `mse` for `'mse'`."""
    match node:
        case ast.Constant(value=str() as value) if _WORD.fullmatch(value):
            return shown(value)
        case _:
            return expression_text(node)


def _changed_operands(old: ast.BoolOp, new: ast.BoolOp) -> tuple[ast.expr, ast.expr] | None:
    """Return the one operand in which `a or 30` and `a or 60` differ."""
    if type(old.op) is not type(new.op) or len(old.values) != len(new.values):
        return None
    pairs = zip(old.values, new.values, strict=True)
    changed = [(a, b) for a, b in pairs if shape(a) != shape(b)]
    return changed[0] if len(changed) == 1 else None


def _argument_label(argument: str, name: str) -> str:
    if name == "compile" and argument in _POSITIONAL_NAMES["compile"]:
        return argument
    if argument in _RATE_NAMES:
        argument = "learning rate"
    elif argument.isdigit():
        argument = f"argument {int(argument) + 1}"
    return f"{cut(argument)} of {cut(name)}"


def _optimizer_swap_phrase(before: ast.Call, after: ast.Call) -> str:
    """Return both optimizers, each with the arguments that differ from the other's."""
    old, new = (
        {name: expression_text(value) for name, value in named_arguments(call).items()}
        for call in (before, after)
    )
    names = [call_name(before), call_name(after)]
    if names[0] == names[1]:
        names = [expression_text(before.func), expression_text(after.func)]
    old_words = f"{cut(names[0])}{_differing_arguments(old, new)}"
    return f"optimizer {old_words} → {cut(names[1])}{_differing_arguments(new, old)}"


def _differing_arguments(values: Mapping[str, str], others: Mapping[str, str]) -> str:
    return parenthesized(
        {name: value for name, value in values.items() if others.get(name) != value}
    )
