"""What a statement of a script is about: a name, the optimizer, `compile`, a callback, a call."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.programs.phrases import OPTIMIZERS, Rank, callee, text
from auditor.drift.programs.trees import Statement

_Keys: TypeAlias = tuple[tuple[str, ...], ...]

METHODS = {"compile": Rank.LOSS, "fit": Rank.FIT}
_OPTIMIZER_NAMES = ("opt", "optimizer")
_PLAIN = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.USub,
    ast.Load,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a statement is about.

    Attributes:
        keys: What it has in common with the statement that it was or became, the closest first.
        focus: The part of it that is compared.
    """

    statement: Statement
    keys: _Keys
    rank: Rank
    label: str
    focus: ast.expr


def topics_of(statements: Iterable[Statement], without: Collection[Statement] = ()) -> list[Topic]:
    """Return what statements are about, but for those of `without` and those about nothing."""
    topics = (topic_of(one) for one in statements if one not in without)
    return [topic for topic in topics if topic is not None]


def topic_of(statement: Statement) -> Topic | None:
    """Return what a statement is about, None where no phrase tells of its like."""
    match statement.node:
        case ast.Assign([_], ast.Call() as call) | ast.Expr(ast.Call() as call) if (
            callee(call) in METHODS
        ):
            name = callee(call)
            return Topic(statement, (("method", name),), METHODS[name], name, call)
        case ast.Assign([target], value) | ast.AnnAssign(target, _, ast.expr() as value):
            return _assigned(statement, text(target), value)
        case ast.Expr(ast.Call(func, [ast.Call() as inner], []) as call) if (
            callee(call) == "append" and "callback" in text(func).lower()
        ):
            label = f"callback {callee(inner)}"
            return Topic(statement, ((text(func), label),), Rank.CALLBACK, label, inner)
        case ast.Return(ast.expr() as value):
            return Topic(statement, (("return",),), Rank.NAME, "return", value)
        case ast.Expr(ast.Call(func) as call):
            return Topic(statement, (("call", text(func)),), Rank.CALL, callee(call), call)
        case _:
            return None


def is_plain(value: ast.expr) -> bool:
    """Return whether a value is written out, in `args.epochs or 30` at least the default."""
    match value:
        case ast.BoolOp(ast.Or(), [*_, ast.Constant()]):
            return True
        case _:
            return all(isinstance(one, _PLAIN) for one in ast.walk(value))


def _assigned(statement: Statement, target: str, value: ast.expr) -> Topic:
    called = callee(value) if isinstance(value, ast.Call) else ""
    keys: _Keys = (("name", target, called), ("name", target))
    if called in OPTIMIZERS or (called and target in _OPTIMIZER_NAMES):
        keys = (("optimizer", target), ("optimizer",))
        return Topic(statement, keys, Rank.OPTIMIZER, target, value)
    return Topic(statement, keys, _rank_of(target, value), target, value)


def _rank_of(target: str, value: ast.expr) -> Rank:
    if target.lower() in ("lr", "learning_rate"):
        return Rank.RATE
    return Rank.SETTING if is_plain(value) or target.isupper() else Rank.NAME
