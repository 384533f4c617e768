"""Training scripts: parsed to be compared, never run.

Two scripts are the same program when their syntax trees are equal: comments, blank lines and
formatting say nothing, a changed docstring or constant does. A script beyond the limits of
`program` is compared as text.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from enum import Enum, auto

from auditor.drift.canonical import program_text
from auditor.drift.program import Broken, common, parse, shape

_MAX_LINES = 1_000  # difflib takes cubic time


class ScriptChange(Enum):
    """What became of a script."""

    SAME_PROGRAM = auto()
    OTHER_PROGRAM = auto()
    NO_LONGER_PARSES = auto()


def judge_script(before: str, after: str) -> ScriptChange:
    """Return what became of a script whose text changed."""
    match parse(before), parse(after):
        case ast.Module() as old, ast.Module() as new if shape(old) == shape(new):
            return ScriptChange.SAME_PROGRAM
        case ast.Module(), Broken():
            return ScriptChange.NO_LONGER_PARSES
        case _ if program_text(before) == program_text(after):
            return ScriptChange.SAME_PROGRAM
        case _:
            return ScriptChange.OTHER_PROGRAM


def changed_lines(before: str, after: str) -> tuple[str, ...]:
    """Return the removed (`-`) and added (`+`) lines in order, without context or places."""
    old, new = program_text(before).split("\n"), program_text(after).split("\n")
    if max(len(old), len(new)) > _MAX_LINES:
        return _replaced_lines(old, new)
    diff = difflib.unified_diff(old, new, lineterm="", n=0)
    return tuple(line for line in list(diff)[2:] if not line.startswith("@@"))


def _replaced_lines(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return all lines between the equal beginning and the equal end."""
    start, end = common(old, new)
    removed = (f"-{line}" for line in old[start : len(old) - end])
    return (*removed, *(f"+{line}" for line in new[start : len(new) - end]))
