"""Statements that changed: each with its counterpart in the other program, and what changed."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Hashable, Iterable
from dataclasses import replace

from auditor.drift.script.differences import ScopeDifference
from auditor.drift.script.phrases import (
    Arguments,
    EditRank,
    ScriptEdit,
    argument_edits,
    arrow_phrase,
    call_name,
    cut,
    expression_edits,
    named_arguments,
    optimizer_edits,
)
from auditor.drift.script.statements import head_code, is_compound, statement_code, statement_name
from auditor.drift.script.topics import METHOD_RANKS, Topic, topic_of
from auditor.drift.script.trees import Key, ProgramScope, Statement, shape

_AssignedCalls = dict[str, tuple[Statement, ast.Call]]


def describe_pairs(difference: ScopeDifference) -> None:
    """Describe what changed in statements on the same topic, the closest matches first."""
    if not difference.old or not difference.new:
        return
    topics = [_topics_of(scope.statements) for scope in difference.scopes]
    counts = [Counter(topic.keys[-1] for topic in side.values()) for side in topics]
    ambiguous = {key for count in counts for key, number in count.items() if number > 1}
    for level, is_near in ((0, True), (-1, True), (0, False), (-1, False)):
        keys = [
            {
                place: _key(topic, level, gaps[place] if is_near else None, ambiguous)
                for place, topic in side.items()
            }
            for side, gaps in zip(topics, difference.gaps, strict=True)
        ]
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for place in (place for place in difference.new if keys[1].get(place) is not None):
            waiting[keys[1][place]].append(place)
        for place in [place for place in difference.old if keys[0].get(place) is not None]:
            others = waiting[keys[0][place]]
            while others and others[0] not in difference.new:
                others.popleft()  # described with another pair
            if others and place in difference.old:
                _describe_pair(difference, topics[0][place], topics[1][others.popleft()])


def change_words(old: ast.AST, new: ast.AST) -> ScriptEdit:
    """Return that a statement became another one, both by their code."""
    code = head_code if is_compound(old) and is_compound(new) else statement_code
    before, after = code(old), code(new)
    name = statement_name(new)

    def words(width: int) -> str:
        phrase = arrow_phrase(before, after, width)
        return f"{name}: {phrase}" if phrase.startswith("…") else phrase

    return ScriptEdit(EditRank.STATEMENT, words)


def _key(
    topic: Topic, level: int, gap: int | None, ambiguous: Collection[Hashable]
) -> Hashable | None:
    """Return what counterparts must share at a level: a key, and the gap that they are in.

    Without a gap, statements are counterparts only where their topic is their own, and at the
    last level only where the scope has it once.
    """
    key = topic.keys[level]
    if gap is not None:
        return key, gap
    is_ambiguous = level == -1 and key in ambiguous
    return key if topic.is_own and not is_ambiguous else None


def _topics_of(statements: Iterable[Statement]) -> dict[int, Topic]:
    topics = ((statement.place, topic_of(statement)) for statement in statements)
    return {place: topic for place, topic in topics if topic is not None}


def _describe_pair(difference: ScopeDifference, old: Topic, new: Topic) -> None:
    before, after = old.focus, new.focus
    nodes = old.statement.node, new.statement.node
    difference.pair(old.statement, new.statement)
    if before is None or after is None:
        difference.add([change_words(*nodes)])
        return
    frames = [
        _frame(topic.statement.node, focus) for topic, focus in ((old, before), (new, after))
    ]
    if frames[0] == frames[1]:
        suffix = _which_call(difference, new, before, after)
        edits = _focus_edits(difference, old, new, before, after)
        difference.add([_with_suffix(edit, suffix, new.label) for edit in edits])
    else:
        difference.add([change_words(*nodes)])


def _with_suffix(edit: ScriptEdit, suffix: str, label: str) -> ScriptEdit:
    """Return the edit with what tells its call from others, unless its words begin with that."""

    def words(width: int) -> str:
        phrase = edit.words(width)
        return phrase if phrase.startswith(f"{label}:") else phrase + suffix

    return replace(edit, words=words) if suffix else edit


def _which_call(
    difference: ScopeDifference, topic: Topic, before: ast.expr, after: ast.expr
) -> str:
    """Return what tells a changed call from others of its name; empty where there is one."""
    if not isinstance(after, ast.Call) or not isinstance(before, ast.Call):
        return ""
    if topic.rank in (EditRank.OPTIMIZER, EditRank.CALLBACK):
        return ""
    if difference.programs[1].calls[call_name(after)] == 1:
        return ""
    if topic.keys[0][0] == "name":
        return f" for {cut(topic.label)}"
    others = [
        statement.place
        for statement in difference.scopes[1].statements
        if (other := topic_of(statement)) is not None and other.keys[0] == topic.keys[0]
    ]
    if len(others) == 1:
        return ""
    name = cut(statement_name(topic.statement.node).partition("(")[0])
    return f" ({name} {others.index(topic.statement.place) + 1} of {len(others)})"


def _frame(node: ast.AST, focus: ast.expr) -> Key:
    """Return the shape of a statement around its focus, without what a compound one contains."""
    if is_compound(node):
        return (type(node).__name__,)
    return shape(node, blank=[focus])


def _focus_edits(
    difference: ScopeDifference, old: Topic, new: Topic, before: ast.expr, after: ast.expr
) -> list[ScriptEdit]:
    rank = min(old.rank, new.rank)
    if (
        rank in METHOD_RANKS.values()
        and isinstance(before, ast.Call)
        and isinstance(after, ast.Call)
    ):
        edits = _method_edits(difference, rank, before, after)
        if shape(before.func) != shape(after.func):
            edits = [*edits, change_words(before.func, after.func)]
        return edits or [change_words(old.statement.node, new.statement.node)]
    if rank is EditRank.OPTIMIZER:
        return optimizer_edits(before, after)
    if old.keys[0][0] == "call" and old.label != new.label:
        return [change_words(before, after)]
    return expression_edits(rank, new.label, before, after)


def _method_edits(
    difference: ScopeDifference, rank: EditRank, old: ast.Call, new: ast.Call
) -> list[ScriptEdit]:
    """Return what changed in the arguments; an optimizer that moved into them is followed."""
    before, after = named_arguments(old), named_arguments(new)
    old_optimizer, new_optimizer = before.get("optimizer"), after.get("optimizer")
    _resolve_optimizer(difference, difference.scopes[0], before, new_optimizer)
    _resolve_optimizer(difference, difference.scopes[1], after, old_optimizer)
    return argument_edits(rank, call_name(new), before, after)


def _resolve_optimizer(
    difference: ScopeDifference, scope: ProgramScope, values: Arguments, other: ast.expr | None
) -> None:
    """Replace an optimizer's name by its call where the other side has an optimizer, no name."""
    optimizer = values.get("optimizer")
    if not isinstance(optimizer, ast.Name) or other is None or isinstance(other, ast.Name):
        return
    found = _assigned_calls(scope).get(optimizer.id)
    if found is not None:
        statement, call = found
        difference.mark_described([statement])
        if shape(call) != shape(other):
            values["optimizer"] = call


def _assigned_calls(scope: ProgramScope) -> _AssignedCalls:
    """Return the call that each name of a scope was last assigned."""
    calls: _AssignedCalls = {}
    for statement in scope.statements:
        match statement.node:
            case ast.Assign([ast.Name(name)], ast.Call() as call):
                calls[name] = statement, call
            case _:
                pass
    return calls
