"""Training scripts as programs: parsed, compared and described, never run.

Two scripts are the same program when their syntax trees are equal in the normal form: comments,
formatting, docstrings, annotations and the order of neighbouring imports make no difference. A
script that Python cannot parse is compared as text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from auditor.drift.canonical import program_text
from auditor.drift.script.edits import find_edits, group_statements, is_too_long
from auditor.drift.script.normal_form import name_differences, normalize
from auditor.drift.script.parsing import OversizedScript, UnparsableScript, parse_script
from auditor.drift.script.phrases import WIDEST, EditRank, ScriptEdit, cut, one_line, plain_edit
from auditor.drift.script.trees import shape
from auditor.drift.sequences import find_hunks

MAX_CHARS = 345  # of all phrases: a sentence of a report has 400 characters
_WIDTHS = (WIDEST, 95, 80, 70, 60, 52, 46, 40, 35)
_NARROW = (30, 25, 20)
_MAX_LINES = 20  # of a script that does not parse
_MAX_REASON = 80  # characters of why a script does not parse


class ScriptChange(Enum):
    """How a script whose text changed differs."""

    SAME_PROGRAM = auto()
    OTHER_PROGRAM = auto()
    NO_LONGER_PARSES = auto()


def judge_script(before: str, after: str) -> ScriptChange:
    """Return how a script whose text changed differs."""
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new if _are_same(old, new):
            return ScriptChange.SAME_PROGRAM
        case ast.Module(), UnparsableScript():
            return ScriptChange.NO_LONGER_PARSES
        case _ if program_text(before) == program_text(after):
            return ScriptChange.SAME_PROGRAM
        case _:
            return ScriptChange.OTHER_PROGRAM


def describe_script(before: str, after: str) -> tuple[str, ...]:
    """Return what changed between two scripts as short phrases, the most important first.

    Empty where they are the same program. Together they have at most `MAX_CHARS` characters; one
    more phrase counts what has no room. A phrase has no line break and shows no Studio key; the
    caller has to escape markup and other control characters.
    """
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new:
            phrases = _described(old, new)
            if phrases is not None:
                return phrases
            return _as_text("too long to describe, compared as text", before, after)
        case ast.Module(), UnparsableScript(reason=reason):
            because = f"no longer parses ({cut(reason, _MAX_REASON)})"
            return _with_lines(because, changed_lines(before, after))
        case UnparsableScript(), ast.Module():
            return _with_lines("parses again", changed_lines(before, after))
        case (OversizedScript(reason), _) | (_, OversizedScript(reason)):
            return _as_text(f"cannot be parsed here ({reason}), compared as text", before, after)
        case _:
            return _as_text("does not parse, compared as text", before, after)


def name_formalities(before: str, after: str) -> tuple[str, ...]:
    """Return in what two texts of the same program may differ, in words, comments the last."""
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new:
            return (*name_differences(old, new), "comments", "formatting")
        case _:
            return ("comments", "formatting")


def changed_lines(before: str, after: str) -> tuple[str, ...]:
    """Return the removed (`-`) and added (`+`) lines in order, as few as possible."""
    return tuple(_changed_lines(before, after))


def _changed_lines(before: str, after: str) -> Iterator[str]:
    old, new = _lines(before), _lines(after)
    for hunk in find_hunks(old, new):
        yield from (f"-{line}" for line in old[hunk.old_start : hunk.old_end])
        yield from (f"+{line}" for line in new[hunk.new_start : hunk.new_end])


def _lines(script: str) -> list[str]:
    """Return the lines of a script, of an empty one none."""
    text = program_text(script)
    return text.split("\n") if text else []


def _described(old: ast.Module, new: ast.Module) -> tuple[str, ...] | None:
    """Return what changed between two programs, None where they are too long."""
    if _are_same(old, new):
        return ()
    if is_too_long(old) or is_too_long(new):
        return None
    return _phrases(find_edits(old, new))


def _are_same(old: ast.Module, new: ast.Module) -> bool:
    """Return whether two trees are equal in the normal form, which they have afterwards."""
    return shape(normalize(old)) == shape(normalize(new))


def _phrases(edits: list[ScriptEdit]) -> tuple[str, ...]:
    """Return the edits as widely worded as there is room; where there is little, grouped."""
    for grouped, widths in ((edits, _WIDTHS), (group_statements(edits), _WIDTHS + _NARROW)):
        for width in widths:
            phrases = tuple(edit.words(width) for edit in grouped)
            if sum(len(phrase) + 2 for phrase in phrases) <= MAX_CHARS:
                return phrases
    return _counted(group_statements(edits), _NARROW[-1])


def _counted(edits: list[ScriptEdit], width: int) -> tuple[str, ...]:
    """Return the phrases for which there is room, and how many more changes there are."""
    phrases = [edit.words(width) for edit in edits]
    room, listed = MAX_CHARS, 0
    while listed < len(phrases) and len(phrases[listed]) + 2 <= room:
        room -= len(phrases[listed]) + 2
        listed += 1
    listed = max(listed, 1)
    left = sum(edit.weight for edit in edits[listed:])
    more = (f"and {left} more change{'s' if left > 1 else ''}",) if left else ()
    return (*phrases[:listed], *more)


def _as_text(reason: str, before: str, after: str) -> tuple[str, ...]:
    """Return why two texts are compared as texts, and their first lines that differ."""
    lines = changed_lines(before, after)
    return _with_lines(reason, lines) if lines else ()


def _with_lines(reason: str, lines: Sequence[str]) -> tuple[str, ...]:
    first = ScriptEdit(EditRank.OPTIMIZER, lambda _: reason)
    return _phrases(
        [first, *(_line_edit(line) for line in lines[:_MAX_LINES] if line[1:].strip())]
    )


def _line_edit(line: str) -> ScriptEdit:
    what = "added" if line.startswith("+") else "removed"
    return plain_edit(EditRank.STATEMENT, "“", one_line(line[1:].strip()), f"” {what}")
