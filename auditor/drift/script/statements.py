"""A statement of a script in words: its code where that is short, else what it calls and sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy

from auditor.drift.script.parsing import notebook_line
from auditor.drift.script.phrases import (
    EditRank,
    ScriptEdit,
    call_name,
    cut,
    expression_text,
    one_line,
)
from auditor.drift.script.trees import Branch, Definition

_SHORT = 60  # characters of a statement that is named by its code
_MAX_NAMES = 12


def statement_name(node: ast.AST) -> str:
    """Return a statement by what it calls or sets: `model.fit(…)`, `x = f(…)`, `if deep`."""
    if isinstance(node, Definition):
        return f"{'class' if isinstance(node, ast.ClassDef) else 'function'} {node.name}"
    if is_compound(node):
        return f"“{cut(head_code(node), _SHORT)}”"
    code = statement_code(node)
    if len(code) <= _SHORT:
        return code
    match node:
        case ast.Expr(ast.Call() as call):
            return _called(call)
        case ast.Assign([target], ast.Call() as call):
            return f"{cut(expression_text(target), _SHORT)} = {_called(call)}"
        case _:
            return cut(code, _SHORT)


def head_code(node: ast.AST) -> str:
    """Return the first line of a compound statement, without its colon."""
    if isinstance(node, Branch):
        match node.word, node.body:
            case "else", [ast.If() as inner]:
                return f"el{head_code(inner)}"
            case _:
                return node.word
    head = copy(node)
    for field, _ in ast.iter_fields(node):
        if field in ("handlers", "cases", "orelse", "finalbody"):
            setattr(head, field, [])
    if isinstance(getattr(node, "body", None), list):
        setattr(head, "body", [ast.Pass()])  # noqa: B010 - no attribute of every node
    return _lines(head)[0].removesuffix(":")


def is_compound(node: ast.AST) -> bool:
    """Return whether a statement contains others."""
    return isinstance(node, Branch | ast.ExceptHandler | ast.match_case | ast.Match) or (
        isinstance(node, ast.stmt) and isinstance(getattr(node, "body", None), list)
    )


def statement_edit(node: ast.AST, what: str) -> ScriptEdit:
    """Return that a statement with all that it contains came or went."""
    code, name = statement_code(node), statement_name(node)
    quotes = ("“", "”") if is_compound(node) else ("", "")

    def words(width: int) -> str:
        if len(code) <= 2 * width:
            return f"{quotes[0]}{code}{quotes[1]} {what}"
        if width < _SHORT and not is_compound(node):
            return f"{name} {what}"
        written = cut(head_code(node) if is_compound(node) else code, width)
        names = [part for part in names_in(node) if part not in written][:_MAX_NAMES]
        more = f" (with {cut(', '.join(names), width)})" if names else ""
        return f"{quotes[0]}{written}{quotes[1]}{more} {what}"

    return ScriptEdit(EditRank.STATEMENT, words, f"statements {what}", name)


def definition_edit(name: str, node: Definition, what: str) -> ScriptEdit:
    """Return that a function or a class came or went, with what it calls and sets."""
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    bases = (
        [expression_text(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
    )
    called = {
        expression_text(call.func)
        for statement in node.body
        for call in ast.walk(statement)
        if isinstance(call, ast.Call)
    }
    body = _joined([line for statement in node.body for line in _lines(statement)])
    names = names_in(*node.body)
    names = [name for name in names if not name.isidentifier() or name in called] or names

    def words(width: int) -> str:
        content = body if len(body) <= width else ", ".join(names)
        of = f" of {cut(', '.join(bases), width)}" if bases else ""
        return f"{kind} {cut(name)}{of} {what} ({cut(content, width)})"

    return ScriptEdit(EditRank.DEFINITION, words)


def names_in(*nodes: ast.AST) -> list[str]:
    """Return what statements call and set, each once, in order."""
    names: dict[str, None] = {}
    pending = list(reversed(nodes))
    while pending:
        node = pending.pop()
        names.update(dict.fromkeys(_names_of(node)))
        pending.extend(reversed(list(_parts_of(node))))
    return list(names)


def _names_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(ast.Attribute(ast.Constant() | ast.JoinedStr(), attr=name)):
            yield f".{name}"
        case ast.Call(ast.Name() | ast.Attribute() as func):
            text = expression_text(func)
            yield text if len(text) <= _SHORT else _last_name(func)
        case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
            yield cut(expression_text(node), _SHORT)
        case ast.Name(name, ast.Store()) if len(name) > 1:
            yield name
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            yield name
        case _:
            pass


def _parts_of(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, Branch):
        return iter(node.body)
    return ast.iter_child_nodes(node)


def _called(call: ast.Call) -> str:
    text = expression_text(call.func)
    match call.args:
        case [ast.Call() as inner] if not call.keywords:
            content = f"{call_name(inner)}(…)"
        case _:
            content = "…"
    return (
        f"{text if len(text) <= _SHORT else '…' + _last_name(call.func)}({cut(content, _SHORT)})"
    )


def _last_name(func: ast.expr) -> str:
    match func:
        case ast.Attribute(attr=name) | ast.Name(name):
            return f".{name}" if isinstance(func, ast.Attribute) else name
        case _:
            return ""


def statement_code(node: ast.AST) -> str:
    """Return a statement with all that it contains as one line of code."""
    return _joined(_lines(node))


def _lines(node: ast.AST) -> list[str]:
    """Return the code of a statement as lines without indentation."""
    if (line := notebook_line(node)) is not None:
        return [one_line(line)]
    if isinstance(node, Branch):
        inner = [line for statement in node.body for line in _lines(statement)]
        is_elif = node.word == "else" and len(node.body) == 1 and isinstance(node.body[0], ast.If)
        return [f"el{inner[0]}", *inner[1:]] if is_elif else [f"{node.word}:", *inner]
    try:
        written = ast.unparse(ast.fix_missing_locations(node))
    except (RecursionError, ValueError):
        return ["…"]
    return [one_line(line.strip()) for line in written.split("\n") if line.strip()] or ["…"]


def _joined(lines: list[str]) -> str:
    """Return lines of code as one."""
    parts = [line + (" " if line.endswith(":") else "; ") for line in lines]
    return "".join(parts).removesuffix("; ").rstrip()
