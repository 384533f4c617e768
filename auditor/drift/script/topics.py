"""What a statement of a script is about, so that a changed one finds its counterpart."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.script.parsing import notebook_line
from auditor.drift.script.phrases import OPTIMIZERS, EditRank, call_name, expression_text
from auditor.drift.script.trees import Branch, Definition, Statement

METHOD_RANKS = {"compile": EditRank.LOSS, "fit": EditRank.FIT}
_OPTIMIZER_NAMES = ("opt", "optimizer")
_LITERAL_NODES = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.USub,
    ast.Load,
)

_Keys: TypeAlias = tuple[tuple[Hashable, ...], ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a statement is about: a name, the optimizer, `compile`, a callback, a call, a test.

    Attributes:
        keys: what it shares with its counterpart in the other program, the closest match first.
        label: what the focus is called; empty where the code says it.
        focus: the part of the statement that is compared; None for the statement as a whole.
        is_own: its counterpart may be anywhere in the scope, not only between the same neighbours.
    """

    statement: Statement
    keys: _Keys
    rank: EditRank
    label: str
    focus: ast.expr | None
    is_own: bool = False


def topic_of(statement: Statement) -> Topic | None:
    """Return what a statement is about, None for definitions, imports and `else`."""
    node = statement.node
    if isinstance(node, Definition | Branch | ast.Module | ast.Import | ast.ImportFrom):
        return None
    if (line := notebook_line(node)) is not None:
        keys = (("notebook", *line.split()[:2]), ("notebook",))
        return Topic(statement, keys, EditRank.STATEMENT, "", None)
    return _call_topic(statement) or _assignment(statement) or _other_topic(statement)


def is_literal(value: ast.expr) -> bool:
    """Return whether a value is a literal, in `args.epochs or 30` at least the default."""
    match value:
        case ast.BoolOp(ast.Or(), [*_, ast.Constant()]):
            return True
        case _:
            return all(isinstance(node, _LITERAL_NODES) for node in ast.walk(value))


def _call_topic(statement: Statement) -> Topic | None:
    match statement.node:
        case ast.Assign([_], ast.Call() as call) | ast.Expr(ast.Call() as call) if (
            call_name(call) in METHOD_RANKS
        ):
            name = call_name(call)
            keys: _Keys = (("method", expression_text(call.func)), ("method", name))
            return Topic(statement, keys, METHOD_RANKS[name], name, call, is_own=True)
        case ast.Expr(ast.Call(func, [ast.Call() as inner], []) as call) if (
            call_name(call) == "append" and "callback" in expression_text(func).lower()
        ):
            label = f"callback {call_name(inner)}"
            keys = ((expression_text(func), label),)
            return Topic(statement, keys, EditRank.CALLBACK, label, inner, is_own=True)
        case ast.Expr(ast.Call(func) as call):
            text = expression_text(func)
            calls: _Keys = (("call", text), ("call", call_name(call)), ("call",))
            return Topic(statement, calls, EditRank.STATEMENT, text, call)
        case _:
            return None


def _assignment(statement: Statement) -> Topic | None:
    match statement.node:
        case ast.Assign([target], value):
            pass
        case _:
            return None
    label = expression_text(target)
    called = call_name(value) if isinstance(value, ast.Call) else ""
    if called in OPTIMIZERS or (called and label in _OPTIMIZER_NAMES):
        keys: _Keys = (("optimizer", label), ("optimizer",))
        return Topic(statement, keys, EditRank.OPTIMIZER, label, value, is_own=True)
    if label.lower() in ("lr", "learning_rate"):
        rank = EditRank.RATE
    else:
        rank = EditRank.SETTING if is_literal(value) or label.isupper() else EditRank.STATEMENT
    keys = (("name", label, called), ("name", label))
    return Topic(statement, keys, rank, label, value, is_own=True)


def _other_topic(statement: Statement) -> Topic | None:
    kind = type(statement.node).__name__
    match statement.node:
        case ast.Return(ast.expr() as value):
            return Topic(statement, ((kind,),), EditRank.STATEMENT, "return", value)
        case ast.AugAssign(target):
            keys: _Keys = ((kind, expression_text(target)),)
            return Topic(statement, keys, EditRank.STATEMENT, "", None)
        case ast.If(test) | ast.While(test):
            keys = ((kind, expression_text(test)), (kind,))
            return Topic(statement, keys, EditRank.STATEMENT, kind.lower(), test)
        case ast.For(target):
            keys = ((kind, expression_text(target)), (kind,))
            return Topic(statement, keys, EditRank.STATEMENT, "", None)
        case _:
            return Topic(statement, ((kind,),), EditRank.STATEMENT, "", None)
