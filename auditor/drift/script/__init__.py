"""Training scripts as programs: parsed, compared and described, never run.

Two scripts are the same program when their syntax trees are equal in the normal form: comments,
formatting, docstrings, annotations and the order of neighbouring imports make no difference. A
script that Python cannot parse is compared as text.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from enum import Enum, auto

from auditor.drift.canonical import program_text
from auditor.drift.lookalikes import escape_letters, find_hidden_letters, name_letters
from auditor.drift.script.edits import find_edits, group_statements, is_too_long
from auditor.drift.script.normal_form import name_differences, normalize
from auditor.drift.script.parsing import OversizedScript, UnparsableScript, parse_script
from auditor.drift.script.phrases import WIDEST, EditRank, ScriptEdit, cut, cut_pair, one_line
from auditor.drift.script.trees import shape
from auditor.drift.script.unchanged import drop_unchanged
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
    before, after = program_text(before), program_text(after)
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new:
            drop_unchanged(old, new, before, after)
            is_same = _are_same(old, new)
        case ast.Module(), UnparsableScript():
            return ScriptChange.NO_LONGER_PARSES
        case _:
            is_same = before == after
    return ScriptChange.SAME_PROGRAM if is_same else ScriptChange.OTHER_PROGRAM


def describe_script(before: str, after: str) -> tuple[str, ...]:
    """Return what changed between two scripts as short phrases, the most important first.

    Empty where they are the same program. Together they have at most `MAX_CHARS` characters; one
    more phrase counts what has no room. Letters that make words look alike are escapes, which the
    last phrase names. A phrase has no line break and shows no Studio key; the caller has to escape
    markup and other control characters.
    """
    match parse_script(before), parse_script(after):
        case ast.Module() as old, ast.Module() as new:
            phrases = _described(old, new, (before, after))
            if phrases is not None:
                return phrases
            return _as_text("too long to describe, compared as text", before, after)
        case ast.Module(), UnparsableScript(reason=reason):
            because = f"no longer parses ({cut(reason, _MAX_REASON)})"
            return _with_lines(because, before, after)
        case UnparsableScript(), ast.Module():
            return _with_lines("parses again", before, after)
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


def _described(old: ast.Module, new: ast.Module, texts: tuple[str, str]) -> tuple[str, ...] | None:
    """Return what changed between two programs, None where they are too long."""
    if _are_same(old, new):
        return ()
    if is_too_long(old) or is_too_long(new):
        return None
    return _phrases(find_edits(old, new), texts)


def _are_same(old: ast.Module, new: ast.Module) -> bool:
    """Return whether two trees are equal in the normal form, which they have afterwards."""
    return shape(normalize(old)) == shape(normalize(new))


def _phrases(edits: list[ScriptEdit], texts: tuple[str, str]) -> tuple[str, ...]:
    """Return the edits as widely worded as there is room; where there is little, grouped."""
    letters = _hidden_letters(edits, texts)
    note = (name_letters(letters),) if letters else ()
    room = MAX_CHARS - sum(len(phrase) + 2 for phrase in note)
    groups = group_statements(edits)
    for grouped, widths in ((edits, _WIDTHS), (groups, _WIDTHS + _NARROW)):
        for width in widths:
            phrases = _worded(grouped, width, letters)
            if sum(len(phrase) + 2 for phrase in phrases) <= room:
                return (*phrases, *note)
    return (*_counted(groups, _worded(groups, _NARROW[-1], letters), room), *note)


def _hidden_letters(edits: list[ScriptEdit], texts: tuple[str, str]) -> list[str]:
    """Return the letters that phrases have and that make words look alike."""
    phrases = [edit.words(WIDEST) for edit in edits]
    letters = find_hidden_letters(*texts, *phrases)
    return sorted(letter for letter in letters if any(letter in phrase for phrase in phrases))


def _worded(edits: list[ScriptEdit], width: int, letters: Collection[str]) -> list[str]:
    return [escape_letters(edit.words(width), letters) for edit in edits]


def _counted(edits: list[ScriptEdit], phrases: list[str], room: int) -> tuple[str, ...]:
    """Return the phrases for which there is room, and how many more changes there are."""
    listed = 0
    while listed < len(phrases) and len(phrases[listed]) + 2 <= room:
        room -= len(phrases[listed]) + 2
        listed += 1
    listed = max(listed, 1)
    left = sum(edit.weight for edit in edits[listed:])
    more = (f"and {left} more change{'s' if left > 1 else ''}",) if left else ()
    return (*phrases[:listed], *more)


def _as_text(reason: str, before: str, after: str) -> tuple[str, ...]:
    """Return why two texts are compared as texts, and their first lines that differ."""
    return _with_lines(reason, before, after) if changed_lines(before, after) else ()


def _with_lines(reason: str, before: str, after: str) -> tuple[str, ...]:
    first = ScriptEdit(EditRank.OPTIMIZER, lambda _: reason)
    return _phrases([first, *_line_edits(changed_lines(before, after))], (before, after))


def _line_edits(lines: Sequence[str]) -> Iterator[ScriptEdit]:
    """Yield the first lines that came and went, each cut where it differs from its neighbour."""
    texts = [one_line(line[1:].strip()) for line in lines]
    for place, line in enumerate(lines[:_MAX_LINES]):
        is_removed = line.startswith("-")
        other = place + 1 if is_removed else place - 1
        is_pair = 0 <= other < len(lines) and lines[other][0] != line[0]
        if texts[place]:
            beside = texts[other] if is_pair else ""
            yield _line_edit(texts[place], beside, "removed" if is_removed else "added")


def _line_edit(text: str, beside: str, what: str) -> ScriptEdit:
    def words(width: int) -> str:
        return f"“{cut_pair(text, beside, width)[0]}” {what}"

    return ScriptEdit(EditRank.STATEMENT, words)
