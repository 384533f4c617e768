"""A training script parsed, never run: its syntax tree, or why there is none.

A notebook's line (`%…`, `!…`) is a statement. The limits are those of Python's parser, and few of
our own where the parser would take all memory or time.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from auditor.drift.canonical import program_text

MAX_CHARS = 4_194_304  # about 2 s and 400 MB to parse; a script of Studio has 1 to 20 KB
_MAX_PARTS = 100  # of a dotted name: 200 KB of `import a.a.a` take the parser 10 GB
_MAX_BRACES = 30_000  # of a script with f-strings: the parser is quadratic in their number
_LONG_DOTTED_NAME = re.compile(
    r"(?:\.[ \t\f\n\\]*[\w\x80-\U0010ffff]+[ \t\f\n\\]*){" + str(_MAX_PARTS) + "}", re.ASCII
)
_FORMAT_STRING = re.compile(r"\b[rR]?[fF][rR]?['\"]")
_MAY_BE_NOTEBOOK = re.compile(r"^[ \t]*(?:[\w, ]+=[ \t]*)?[%!]", re.MULTILINE)
_LINE_OF_NOTEBOOK = re.compile(
    r"([ \t]*)((?:[\w, ]+=[ \t]*)?[%!][^\n\\]*(?:\\(?:\n|.)[^\n\\]*)*\\?)"
)
_CONTINUED = re.compile(r"[ \t]*\\\n[ \t]*")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''(?:[^\\]|\\.)*?'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r"|#[^\n]*|\\\n|[\n(\[{}\])]|[^\\\n(\[{}\])#'\"]+|.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class UnparsableScript:
    """A script that Python refuses, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OversizedScript:
    """A script that is too long or too deeply nested for Python's parser, and which of them."""

    reason: str


def notebook_line(node: ast.AST) -> str | None:
    """Return a notebook's line; None if the statement is another one.

    It stands in the tree as a name that no identifier can be.
    """
    match node:
        case ast.Expr(ast.Name(text)) if not text.isidentifier():
            return text
        case _:
            return None


def parse_script(script: str) -> ast.Module | UnparsableScript | OversizedScript:
    """Return the syntax tree of a script, or why there is none.

    A script that the parser takes and the compiler does not, such as `return` outside a function,
    is refused as well: it does not run either.
    """
    if len(script) > MAX_CHARS:
        return OversizedScript(f"{len(script):,} characters")
    source = program_text(script).removeprefix("\ufeff")
    if _LONG_DOTTED_NAME.search(source):
        return OversizedScript("a very long dotted name")
    if source.count("{") > _MAX_BRACES and _FORMAT_STRING.search(source):
        return OversizedScript("very many f-strings")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in a script are not the auditor's
        tree = _parsed(source)
        if isinstance(tree, UnparsableScript) and _MAY_BE_NOTEBOOK.search(source):
            return _parsed_notebook(source)
    return tree


def _parsed(source: str, flags: int = 0) -> ast.Module | UnparsableScript | OversizedScript:
    try:
        tree = ast.parse(source)
    except (RecursionError, MemoryError):  # the parser raises them for deep nesting
        return OversizedScript("too deeply nested")
    except SyntaxError as error:
        return _refused(error)
    except ValueError:
        return UnparsableScript("a character that Python does not allow")
    try:
        compile(tree, "<script>", "exec", flags, dont_inherit=True, optimize=0)
    except SyntaxError as error:
        return _refused(error)
    except (RecursionError, MemoryError, ValueError, OverflowError):
        return tree  # the compiler's own limits: the tree can be compared
    return tree


def _refused(error: SyntaxError) -> UnparsableScript:
    reason = f"line {error.lineno}: {error.msg}" if error.lineno else error.msg
    return UnparsableScript(reason)


def _parsed_notebook(source: str) -> ast.Module | UnparsableScript | OversizedScript:
    """Return the tree of a script in which notebook lines are statements."""
    mark = "_notebook_line_"
    while mark in source:
        mark += "_"
    program, lines = _without_notebook_lines(source, mark)
    tree = _parsed(program, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if isinstance(tree, ast.Module) and lines:
        for node in ast.walk(tree):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list):
                    body[:] = [_restored(statement, mark, lines) for statement in body]
    return tree


def _without_notebook_lines(source: str, mark: str) -> tuple[str, list[str]]:
    """Return the script with a name for each notebook line, and the lines."""
    parts: list[str] = []
    lines: list[str] = []
    place = depth = 0
    is_line_start = True
    while place < len(source):
        found = _LINE_OF_NOTEBOOK.match(source, place) if is_line_start and not depth else None
        if found:
            indent, line = found.groups()
            parts.append(f"{indent}{mark}{len(lines)}" + "\n" * line.count("\n"))
            lines.append(_CONTINUED.sub(" ", line).strip())
            place, is_line_start = found.end(), False
            continue
        token = _TOKEN.match(source, place)
        text = token.group() if token else source[place]
        depth = max(depth + (text in "([{") - (text in ")]}"), 0)
        is_line_start = text == "\n"
        parts.append(text)
        place += len(text)
    return "".join(parts), lines


def _restored(statement: ast.stmt, mark: str, lines: list[str]) -> ast.stmt:
    match statement:
        case ast.Expr(ast.Name(name)) if name.startswith(mark):
            text = lines[int(name.removeprefix(mark))]
            return ast.copy_location(ast.Expr(ast.Name(text, ast.Load())), statement)
        case _:
            return statement
