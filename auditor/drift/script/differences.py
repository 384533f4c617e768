"""Which statements of a scope came and went, and which only stand at another place."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from auditor.drift.script.phrases import EditRank, ScriptEdit, call_name, cut, plain_edit
from auditor.drift.script.statements import is_compound, statement_code, statement_name
from auditor.drift.script.trees import (
    Branch,
    Definition,
    Key,
    ProgramScope,
    Statement,
    assigned_names,
    scopes_of,
)
from auditor.drift.sequences import common_members

_MAX_NAMES = 3  # of statements that moved together, without their number
_PLAIN = ast.Return | ast.Pass | ast.Break | ast.Continue | Branch | ast.Try
"""Statements that are the same in many places: equal ones are not the same statement moved."""


class Program:
    """A whole program, for what can only be said of the whole."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.scopes = scopes_of(tree)

    @cached_property
    def names(self) -> set[str]:
        """Return every name that it sets or uses."""
        used = (node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name))
        return {*used, *assigned_names(self.tree)}

    @cached_property
    def calls(self) -> Counter[str]:
        """Return the last name of everything that it calls, and how often."""
        return Counter(
            call_name(node) for node in ast.walk(self.tree) if isinstance(node, ast.Call)
        )


@dataclass(slots=True)
class ScopeDifference:
    """The removed and added statements of a scope that no phrase describes yet.

    Attributes:
        partner: the place of a statement in the new scope by its place in the old one.
        old: by place, like `new`.
        gaps: for each statement how many of those before it are the same in both.
        moved: the old places of statements of which a phrase says that they moved.
        elsewhere: statements that stand in another scope now, or stood there.
    """

    programs: tuple[Program, Program]
    scopes: tuple[ProgramScope, ProgramScope]
    partner: dict[int, int]
    old: dict[int, Statement]
    new: dict[int, Statement]
    gaps: tuple[list[int], list[int]]
    edits: list[ScriptEdit] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)
    elsewhere: set[Statement] = field(default_factory=set)

    @classmethod
    def between(
        cls, programs: tuple[Program, Program], old: ProgramScope, new: ProgramScope
    ) -> ScopeDifference:
        """Return the difference of two scopes, nothing described yet."""
        pairs = common_members(
            [statement.key for statement in old.statements[1:]],
            [statement.key for statement in new.statements[1:]],
        )
        partner = {0: 0} | {
            i + 1: j + 1 for i, j in pairs if not isinstance(old.statements[i + 1].node, Branch)
        }
        counterparts = set(partner.values())
        difference = cls(
            programs,
            (old, new),
            partner,
            {s.place: s for s in old.statements if s.place not in partner},
            {s.place: s for s in new.statements if s.place not in counterparts},
            (_gaps(old.statements, partner.keys()), _gaps(new.statements, counterparts)),
        )
        difference.pair_branches()
        return difference

    def mark_described(self, statements: Iterable[Statement]) -> None:
        """Remove statements that a phrase describes."""
        for statement in statements:
            for side in (self.old, self.new):
                if side.get(statement.place) is statement:
                    del side[statement.place]

    def pair(self, old: Statement, new: Statement) -> None:
        """Note that one statement became the other, and that a phrase says so."""
        self.partner[old.place] = new.place
        self.old.pop(old.place, None)
        self.new.pop(new.place, None)

    def pair_branches(self) -> None:
        """Pair each `else` and `finally` where their statements are paired."""
        branches = {
            (statement.parent, statement.node.word): statement
            for statement in self.new.values()
            if isinstance(statement.node, Branch)
        }
        for statement in list(self.old.values()):
            if isinstance(statement.node, Branch) and statement.parent in self.partner:
                other = branches.get((self.partner[statement.parent], statement.node.word))
                if other is not None:
                    self.pair(statement, other)

    def add(self, edits: Iterable[ScriptEdit]) -> None:
        """Add edits, with the name of the scope."""
        name = self.scopes[1].name
        self.edits += [in_scope(edit, name) for edit in edits]


@dataclass(frozen=True, slots=True)
class _Place:
    """A statement in its scope, and the difference it is left in; None in a whole new scope."""

    scope: ProgramScope
    statement: Statement
    difference: ScopeDifference | None

    def may_be_from(self, source: _Place) -> bool:
        """Return whether a statement may have moved here; not from one whole scope to another."""
        is_described = self.difference is None and source.difference is None
        return self.scope.name != source.scope.name and not is_described

    def mark_moved(self) -> None:
        """Note in the difference that a phrase says so."""
        if self.difference is not None:
            self.difference.mark_described([self.statement])
            self.difference.elsewhere.add(self.statement)


def in_scope(edit: ScriptEdit, name: str) -> ScriptEdit:
    """Return the edit with the name of the function or class that it is in."""
    if not name:
        return edit
    return replace(edit, words=lambda width: f"{edit.words(width)}, in {cut(name)}", place=name)


def whole_compound(
    head: Statement, statements: tuple[Statement, ...], left: dict[int, Statement]
) -> list[Statement] | None:
    """Return a compound statement with all that it contains, None unless all of it is left."""
    if not head.is_head and not isinstance(head.node, Branch):
        return None
    inside = [head]
    places = {head.place}
    for statement in statements[head.place + 1 :]:
        if statement.parent not in places:
            break
        if statement.place not in left:
            return None
        places.add(statement.place)
        inside.append(statement)
    return inside


def describe_moves(difference: ScopeDifference) -> None:
    """Describe statements that went at one place of a scope and came at another."""
    waiting: dict[Key, deque[Statement]] = defaultdict(deque)
    for statement in difference.new.values():
        waiting[statement.key].append(statement)
    moved: dict[int, int] = {}
    for statement in list(difference.old.values()):
        candidates = waiting[statement.key]
        if not candidates:
            continue
        is_inside = moved.get(statement.parent) == candidates[0].parent and statement.parent
        if isinstance(statement.node, _PLAIN) and not is_inside:
            continue
        other = candidates.popleft()
        moved[statement.place] = other.place
        difference.pair(statement, other)
        difference.moved.add(statement.place)
        if not is_inside:
            difference.add([_move_edit(difference, statement, other)])


def moves_between_scopes(
    differences: list[ScopeDifference],
    removed: list[ProgramScope],
    added: list[ProgramScope],
) -> Iterator[ScriptEdit]:
    """Yield what went in one scope and came in another, and mark it as described."""
    destinations: dict[Key, list[_Place]] = defaultdict(list)
    for place in (*_left(differences, 1), *_whole(added)):
        destinations[place.statement.key].append(place)
    groups: dict[tuple[str, str], list[Statement]] = {}
    moved: set[Statement] = set()
    for source in (*_left(differences, 0), *_whole(removed)):
        candidates = destinations[source.statement.key]
        destination = next((place for place in candidates if place.may_be_from(source)), None)
        if destination is None:
            continue
        candidates.remove(destination)
        source.mark_moved()
        destination.mark_moved()
        moved.add(source.statement)
        if source.scope.statements[source.statement.parent] not in moved:
            labels = source.scope.label, destination.scope.label
            groups.setdefault(labels, []).append(source.statement)
    for (old_label, new_label), statements in groups.items():
        yield _group_edit(old_label, new_label, statements)


def _gaps(statements: tuple[Statement, ...], paired: Iterable[int]) -> list[int]:
    """Return for each statement how many of those before it are paired."""
    places = set(paired)
    gaps, count = [], 0
    for statement in statements:
        gaps.append(count)
        count += statement.place in places
    return gaps


def _move_edit(difference: ScopeDifference, old: Statement, new: Statement) -> ScriptEdit:
    name, where = statement_name(new.node), _new_place(difference, old, new)
    return ScriptEdit(
        EditRank.MOVED, lambda width: f"{cut(name, width)} moved {cut(where, width)}"
    )


def _new_place(difference: ScopeDifference, old: Statement, new: Statement) -> str:
    """Return where a statement moved: into another one, or past which one."""
    statements = difference.scopes[1].statements
    if difference.partner.get(old.parent) != new.parent:
        is_inside = new.parent > 0
        return (
            f"into {statement_name(statements[new.parent].node)}" if is_inside else "further out"
        )
    siblings = [each for each in statements[1:] if each.parent == new.parent]
    place = siblings.index(new)
    is_up = difference.gaps[1][new.place] < difference.gaps[0][old.place]
    if is_up and place + 1 < len(siblings):
        return f"before {_neighbour(siblings[place + 1].node)}"
    return f"after {_neighbour(siblings[place - 1].node)}" if place else "to the beginning"


def _neighbour(node: ast.AST) -> str:
    if is_compound(node) and not isinstance(node, Definition):
        return f"“{statement_code(node)}”"
    return statement_name(node)


def _left(differences: list[ScopeDifference], side: int) -> Iterator[_Place]:
    for difference in differences:
        for statement in list((difference.old, difference.new)[side].values()):
            if not isinstance(statement.node, _PLAIN | Definition):
                yield _Place(difference.scopes[side], statement, difference)


def _whole(scopes: list[ProgramScope]) -> Iterator[_Place]:
    for scope in scopes:
        for statement in scope.statements[1:]:
            if not isinstance(statement.node, _PLAIN | Definition):
                yield _Place(scope, statement, None)


def _group_edit(old_label: str, new_label: str, statements: list[Statement]) -> ScriptEdit:
    names = ", ".join(dict.fromkeys(statement_name(statement.node) for statement in statements))
    where = f"moved from {cut(old_label)} into {cut(new_label)}"
    if len(statements) <= _MAX_NAMES:
        return plain_edit(EditRank.MOVED, "", names, f" {where}")
    return plain_edit(EditRank.MOVED, f"{len(statements)} statements (", names, f") {where}")
