"""What changed in the first line of a function or class, in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.drift.script.phrases import (
    EditRank,
    ScriptEdit,
    expression_edits,
    expression_text,
    plain_edit,
    value_edit,
)
from auditor.drift.script.trees import Definition
from auditor.drift.sequences import find_hunks

_RANK = EditRank.DEFINITION


def declaration_edits(name: str, old: Definition, new: Definition) -> Iterator[ScriptEdit]:
    """Yield what changed in decorators, arguments and bases, or in what it is."""
    if type(old) is not type(new):
        yield plain_edit(_RANK, "", f"{_kind(old)} {name}", f" is now a {_kind(new)}")
    decorators = (
        [f"@{expression_text(node)}" for node in side.decorator_list] for side in (old, new)
    )
    yield from _member_edits("decorator", name, *decorators)
    if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
        bases = ([expression_text(node) for node in side.bases] for side in (old, new))
        yield from _member_edits("base", name, *bases)
        keywords = ([expression_text(node) for node in side.keywords] for side in (old, new))
        yield from _member_edits("keyword", name, *keywords)
    elif not isinstance(old, ast.ClassDef) and not isinstance(new, ast.ClassDef):
        yield from _argument_edits(name, old.args, new.args)


def _kind(node: Definition) -> str:
    match node:
        case ast.ClassDef():
            return "class"
        case ast.AsyncFunctionDef():
            return "coroutine"
        case _:
            return "function"


def _member_edits(what: str, name: str, old: list[str], new: list[str]) -> Iterator[ScriptEdit]:
    if sorted(old) == sorted(new):
        if old != new:
            yield plain_edit(_RANK, f"{what}s of ", name, " in another order")
        return
    for hunk in find_hunks(old, new):
        before = ", ".join(old[hunk.old_start : hunk.old_end])
        after = ", ".join(new[hunk.new_start : hunk.new_end])
        if before and after:
            yield value_edit(_RANK, f"{what} of {name}", before, after)
        else:
            end = f" added to {name}" if after else f" removed from {name}"
            yield plain_edit(_RANK, f"{what} ", before or after, end)


def _argument_edits(name: str, old: ast.arguments, new: ast.arguments) -> Iterator[ScriptEdit]:
    before, after = dict(_arguments(old)), dict(_arguments(new))
    for argument in before | after:
        if argument not in before or argument not in after:
            text = _default((before | after)[argument])
            end = f" added to {name}" if argument in after else f" removed from {name}"
            yield plain_edit(_RANK, f"argument {argument}", text, end)
        else:
            label = f"default of {argument} of {name}"
            yield from _default_edits(label, before[argument], after[argument])
    kept = [
        [argument for argument in side if argument in before and argument in after]
        for side in (before, after)
    ]
    if kept[0] != kept[1]:
        yield plain_edit(_RANK, "arguments of ", name, " in another order")


def _default_edits(label: str, old: ast.expr | None, new: ast.expr | None) -> Iterator[ScriptEdit]:
    if old is not None and new is not None:
        yield from expression_edits(_RANK, label, old, new)
    elif old is not None or new is not None:
        texts = [None if value is None else expression_text(value) for value in (old, new)]
        yield value_edit(_RANK, label, *texts)


def _default(value: ast.expr | None) -> str:
    return f"={expression_text(value)}" if value is not None else ""


def _arguments(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield each argument as it is written, with its default."""
    placed = [*arguments.posonlyargs, *arguments.args]
    without = len(placed) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [None] * without
    for argument, default in zip(placed, [*defaults, *arguments.defaults], strict=True):
        yield argument.arg, default
    if arguments.vararg:
        yield f"*{arguments.vararg.arg}", None
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument.arg, default
    if arguments.kwarg:
        yield f"**{arguments.kwarg.arg}", None
