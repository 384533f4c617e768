"""Training scripts: parsed to be compared, never run.

Two scripts are the same program when their syntax trees are equal: comments, blank lines and
formatting say nothing, a changed docstring or constant does.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from enum import Enum, auto

from auditor.drift.canonical import program_text

MAX_CHARS = 1_000_000  # a script of Studio is 1 to 20 KB; parsing more is asking for trouble


class ScriptChange(Enum):
    """What became of a script."""

    SAME_PROGRAM = auto()
    OTHER_PROGRAM = auto()
    NO_LONGER_PARSES = auto()


def judge_script(before: str, after: str) -> ScriptChange:
    """Return what became of a script whose text changed."""
    old_tree, new_tree = _tree(before), _tree(after)
    if new_tree is not None and new_tree == old_tree:
        return ScriptChange.SAME_PROGRAM
    if new_tree is None and old_tree is not None and len(after) <= MAX_CHARS:
        return ScriptChange.NO_LONGER_PARSES
    return ScriptChange.OTHER_PROGRAM


def changed_lines(before: str, after: str) -> tuple[str, ...]:
    """Return the removed (`-`) and added (`+`) lines in order, without context or places."""
    old, new = program_text(before).split("\n"), program_text(after).split("\n")
    diff = difflib.unified_diff(old, new, lineterm="", n=0)
    return tuple(line for line in list(diff)[2:] if not line.startswith("@@"))


def _tree(script: str) -> str | None:
    """Return the syntax tree as text, None where the script does not parse."""
    if len(script) > MAX_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a script's odd escapes are not the auditor's
            return ast.dump(ast.parse(program_text(script).removeprefix("\ufeff")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
