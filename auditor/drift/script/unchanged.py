"""Statements that two programs begin or end with in the same words.

Most edits of a script change a few of its statements. To compare the trees of the others would
take most of the time, and their text has already said that they are equal.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import takewhile

from auditor.drift.sequences import equal_ends

# In the normal form each of these stays one statement, and imports stay on their side of it.
_COMPLETE = (
    *(ast.Assign, ast.AugAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Assert, ast.Raise),
)


def drop_unchanged(old: ast.Module, new: ast.Module, before: str, after: str) -> None:
    """Drop what two programs begin and end with in the same words, from both trees.

    `before` and `after` are their texts. Whether the two are the same in the normal form is not
    changed by it: what is dropped ends at a statement that separates it from the rest, and in
    whose place another one stands afterwards.
    """
    lines, others = before.split("\n"), after.split("\n")
    start, ends = equal_ends(lines, others)
    pairs = list(zip(old.body, new.body, strict=False))
    first = list(takewhile(lambda pair: _is_within(*pair, start), pairs))
    rest = zip(reversed(old.body[len(first) :]), reversed(new.body[len(first) :]), strict=False)
    shift = len(others) - len(lines)
    last = takewhile(lambda pair: _is_behind(*pair, len(lines) - ends, shift), rest)
    begin, end = (_last_complete([statement for statement, _ in each]) for each in (first, last))
    for tree in (old, new):
        tree.body[len(tree.body) - end :] = [_separator()] if end else []
        tree.body[:begin] = [_separator()] if begin else []


def _last_complete(statements: Sequence[ast.stmt]) -> int:
    """Return the number of statements up to the last one that is complete."""
    places = [place for place, each in enumerate(statements, start=1) if _is_complete(each)]
    return places[-1] if places else 0


def _separator() -> ast.stmt:
    return ast.Expr(ast.Constant(value=...))


def _is_within(statement: ast.stmt, other: ast.stmt, start: int) -> bool:
    """Return whether two statements are one text in the first `start` lines."""
    end = statement.end_lineno
    return end is not None and end <= start and _place(statement) == _place(other)


def _is_behind(statement: ast.stmt, other: ast.stmt, line: int, shift: int) -> bool:
    """Return whether two statements are one text behind a line, `shift` lines further down."""
    is_behind = _first_line(statement) > line and _first_line(other) > line + shift
    return is_behind and _place(statement, shift) == _place(other)


def _place(statement: ast.stmt, shift: int = 0) -> Sequence[object]:
    end = statement.end_lineno
    lines = statement.lineno + shift, None if end is None else end + shift
    return type(statement), *lines, statement.col_offset, statement.end_col_offset


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min(statement.lineno, *(each.lineno for each in decorators), statement.lineno)


def _is_complete(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Call()):
            return True
        case _:
            return isinstance(statement, _COMPLETE)
