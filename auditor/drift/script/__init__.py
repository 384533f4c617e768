"""Training scripts as programs: parsed, compared and described, never run.

Two scripts are the same program when their syntax trees are equal: comments, blank lines and
formatting make no difference, a changed docstring or constant does. A script that exceeds the
limits of `trees` is compared as text.
"""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto

from auditor.drift.canonical import program_text
from auditor.drift.script.edits import find_edits, is_too_long
from auditor.drift.script.phrases import cut
from auditor.drift.script.trees import UnparsableScript, equal_ends, parse_script, shape

MAX_PHRASES = 8
_MAX_REASON = 80  # characters of why a script does not parse
_MAX_LINES = 1_000  # difflib takes cubic time


class ScriptChange(Enum):
    """How a script whose text changed differs."""

    SAME_PROGRAM = auto()
    OTHER_PROGRAM = auto()
    NO_LONGER_PARSES = auto()


def judge_script(before: str, after: str) -> ScriptChange:
    """Return how a script whose text changed differs."""
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new if shape(old) == shape(new):
            return ScriptChange.SAME_PROGRAM
        case ast.Module(), UnparsableScript():
            return ScriptChange.NO_LONGER_PARSES
        case _ if program_text(before) == program_text(after):
            return ScriptChange.SAME_PROGRAM
        case _:
            return ScriptChange.OTHER_PROGRAM


def describe_script(before: str, after: str) -> tuple[str, ...]:
    """Return what changed between two scripts as short phrases, the most important first.

    Empty where they are the same program. At most `MAX_PHRASES`, and one more that counts the
    rest. A change and its reversal give the same number of phrases. A phrase has no line break
    and shows no Studio key; the caller has to escape markup and other control characters.
    """
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new:
            if shape(old) == shape(new):
                return ()
            if is_too_long(old) or is_too_long(new):
                return _line_counts("too long to describe", before, after)
            return _phrases(old, new, is_reversed=before > after)
        case ast.Module(), UnparsableScript(reason=reason):
            return (f"no longer parses ({cut(reason, _MAX_REASON)})",)
        case UnparsableScript(), ast.Module():
            return ("parses again",)
        case _:
            return _line_counts("not parsed", before, after)


def changed_lines(before: str, after: str) -> tuple[str, ...]:
    """Return the removed (`-`) and added (`+`) lines in order, without context or places."""
    old, new = program_text(before).split("\n"), program_text(after).split("\n")
    if max(len(old), len(new)) > _MAX_LINES:
        return _replaced_lines(old, new)
    diff = difflib.unified_diff(old, new, lineterm="", n=0)
    return tuple(line for line in list(diff)[2:] if not line.startswith("@@"))


def _replaced_lines(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return all lines between the equal beginning and the equal end."""
    start, end = equal_ends(old, new)
    removed = (f"-{line}" for line in old[start : len(old) - end])
    return (*removed, *(f"+{line}" for line in new[start : len(new) - end]))


def _phrases(old: ast.Module, new: ast.Module, *, is_reversed: bool) -> tuple[str, ...]:
    """Return the phrases; the programs are compared in a fixed order, so that both ways agree."""
    if is_reversed:
        phrases = [(edit.backward, edit.weight) for edit in find_edits(new, old)]
    else:
        phrases = [(edit.forward, edit.weight) for edit in find_edits(old, new)]
    listed = tuple(phrase for phrase, _ in phrases[:MAX_PHRASES])
    left = sum(weight for _, weight in phrases[MAX_PHRASES:])
    if not left:
        return listed
    return (*listed, f"and {left} more change{'s' if left > 1 else ''}")


def _line_counts(reason: str, before: str, after: str) -> tuple[str, ...]:
    """Return how many lines were added and removed; a line that only moved counts as neither."""
    old, new = (Counter(program_text(text).split("\n")) for text in (before, after))
    added, removed = (new - old).total(), (old - new).total()
    if program_text(before) == program_text(after):
        return ()
    if not added and not removed:
        return (f"{reason}; the same lines in another order",)
    return (f"{reason}; {_lines(added)} added, {removed} removed",)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
