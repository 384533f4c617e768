"""Training scripts: parsed to be compared and told, never run.

Two scripts are the same program when their syntax trees are equal: comments, blank lines and
formatting say nothing, a changed docstring or constant does. A script beyond the limits of
`programs.trees` is compared as text.
"""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto

from auditor.drift.canonical import program_text
from auditor.drift.programs.edits import edits, is_long
from auditor.drift.programs.phrases import cut
from auditor.drift.programs.trees import Broken, common, parse, shape

MAX_PHRASES = 8
_REASON = 80  # characters of why a script does not parse
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


def describe(before: str, after: str) -> tuple[str, ...]:
    """Return what changed between two scripts as short phrases, the most important first.

    Empty where they are the same program. At most `MAX_PHRASES`, and one that counts the rest.
    As many for a change as for its reversal. A phrase has no line break and shows no Studio key;
    other control characters and markup are the caller's to make harmless.
    """
    match parse(before), parse(after):
        case ast.Module() as old, ast.Module() as new:
            if shape(old) == shape(new):
                return ()
            if is_long(old) or is_long(new):
                return _line_counts("too long to tell in words", before, after)
            return _told(old, new, is_reversed=before > after)
        case ast.Module(), Broken(reason=reason):
            return (f"no longer parses ({cut(reason, _REASON)})",)
        case Broken(), ast.Module():
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
    start, end = common(old, new)
    removed = (f"-{line}" for line in old[start : len(old) - end])
    return (*removed, *(f"+{line}" for line in new[start : len(new) - end]))


def _told(old: ast.Module, new: ast.Module, *, is_reversed: bool) -> tuple[str, ...]:
    """Return the phrases; the two are always compared in the same order, so that both mirror."""
    if is_reversed:
        return _listed([(one.back, one.weight) for one in edits(new, old)])
    return _listed([(one.forth, one.weight) for one in edits(old, new)])


def _listed(phrases: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    told = tuple(phrase for phrase, _ in phrases[:MAX_PHRASES])
    left = sum(weight for _, weight in phrases[MAX_PHRASES:])
    if not left:
        return told
    return (*told, f"and {left} more change{'s' if left > 1 else ''}")


def _line_counts(what: str, before: str, after: str) -> tuple[str, ...]:
    """Return how many lines came and went; a line that only moved is neither."""
    old, new = (Counter(program_text(text).split("\n")) for text in (before, after))
    added, removed = (new - old).total(), (old - new).total()
    if program_text(before) == program_text(after):
        return ()
    if not added and not removed:
        return (f"{what}; lines in another order",)
    return (f"{what}; {_lines(added)} added, {removed} removed",)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
