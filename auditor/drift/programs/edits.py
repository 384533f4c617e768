"""What changed between two programs, in words.

The statements of each scope are aligned. What was added and removed is told by what it is about:
a layer, a name, the arguments of a call, an import, a docstring. Statements that no such phrase
covers are counted, so that no change goes untold.
"""

from __future__ import annotations

import ast
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TypeAlias

from auditor.drift.programs.phrases import (
    Arguments,
    Edit,
    Rank,
    argument_edits,
    arguments,
    callee,
    cut,
    expression_edits,
    in_full,
    optimizer_edits,
    text,
    told_both_ways,
    value_edit,
)
from auditor.drift.programs.stacks import Layer, layer_edits, list_of_layers, stacks_of
from auditor.drift.programs.topics import METHODS, Topic, is_plain, topics_of
from auditor.drift.programs.trees import (
    Definition,
    Key,
    Scope,
    Statement,
    align,
    rename,
    renames,
    scopes_of,
    shape,
)

MAX_STATEMENTS = 3_000  # and layers, of a program; 20 KB hold about 600
_SOURCE = 60  # characters of what is imported

_Made: TypeAlias = dict[str, tuple[Statement, ast.Call]]


def is_long(program: ast.Module) -> bool:
    """Return whether a program has too many statements to be told in words."""
    count = 0
    for node in ast.walk(program):
        layers = list_of_layers(node)
        count += isinstance(node, ast.stmt) + (len(layers.elts) if layers else 0)
    return count > MAX_STATEMENTS


def edits(old: ast.Module, new: ast.Module) -> list[Edit]:
    """Return what changed between two programs, the most important first.

    Names that the new program only calls otherwise are renamed in it, in place.
    """
    other_names = renames(old, new)
    rename(new, other_names)
    before, after = scopes_of(old), scopes_of(new)
    found = [_renaming(*names) for names in other_names.items()]
    for name, scope in (before | after).items():
        if not name or (scope.parent in before and scope.parent in after):
            found.extend(_scope_edits(before.get(name), after.get(name)))
    return sorted(_merged(found), key=lambda edit: edit.rank)


@dataclass(slots=True)
class _Difference:
    """The statements of a scope that were removed and added, as far as they are not yet told."""

    scopes: tuple[Scope, Scope]
    old: list[Statement]
    new: list[Statement]
    moved: int
    made: tuple[_Made, _Made]
    compared: set[Statement] = field(default_factory=set)
    edits: list[Edit] = field(default_factory=list)

    @classmethod
    def between(cls, old: Scope, new: Scope) -> _Difference:
        pairs = align([one.key for one in old.statements], [one.key for one in new.statements])
        kept, given = {i for i, _ in pairs}, {j for _, j in pairs}
        return cls(
            (old, new),
            [one for place, one in enumerate(old.statements) if place not in kept],
            [one for place, one in enumerate(new.statements) if place not in given],
            sum(old.statements[i].depth != new.statements[j].depth for i, j in pairs),
            (_made(old), _made(new)),
        )

    def settle(self, statements: Iterable[Statement]) -> None:
        """Take statements out that are told."""
        told = set(statements)
        self.old = [one for one in self.old if one not in told]
        self.new = [one for one in self.new if one not in told]


def _renaming(new: str, old: str) -> Edit:
    return told_both_ways(Rank.RENAMED, lambda a, b: f"{cut(a)} renamed to {cut(b)}", old, new)


def _scope_edits(old: Scope | None, new: Scope | None) -> list[Edit]:
    match old, new:
        case Scope(), Scope():
            return _edits_within(old, new)
        case Scope() as gone, None:
            return [value_edit(Rank.DEFINITION, _name(gone), "", None)]
        case None, Scope() as came:
            return [value_edit(Rank.DEFINITION, _name(came), None, "")]
        case _:
            return []


def _edits_within(old: Scope, new: Scope) -> list[Edit]:
    difference = _Difference.between(old, new)
    for tell in _TELLERS:
        tell(difference)
    place = f", in {cut(new.name)}" if new.name else ""
    told = [
        replace(one, forth=one.forth + place, back=one.back + place) for one in difference.edits
    ]
    return told + list(_rest(difference))


def _tell_layers(difference: _Difference) -> None:
    old, new = (stacks_of(scope) for scope in difference.scopes)
    models = old | new
    for model in models:
        before, after = old.get(model, []), new.get(model, [])
        changed: list[Layer] = []
        for edit, layers in layer_edits(model if len(models) > 1 else "", before, after):
            difference.edits.append(edit)
            changed.extend(layers)
        difference.settle(one.statement for one in changed if not one.frame)
        frames = {one.frame for one in changed if _is_common(one.frame, before, after)}
        difference.settle(one.statement for one in (*before, *after) if one.frame in frames)


def _is_common(frame: Key, old: Sequence[Layer], new: Sequence[Layer]) -> bool:
    """Return whether of a statement with this frame only the listed layers changed."""
    stacks = [stack for stack in (old, new) if stack]
    return frame != () and all(any(one.frame == frame for one in stack) for stack in stacks)


def _take_moved(difference: _Difference) -> None:
    old, new = (Counter(one.key for one in side) for side in (difference.old, difference.new))
    moved = old & new
    difference.moved += moved.total()
    difference.old = list(_without(difference.old, Counter(moved)))
    difference.new = list(_without(difference.new, Counter(moved)))


def _without(statements: Iterable[Statement], keys: Counter[Key]) -> Iterator[Statement]:
    for one in statements:
        if keys[one.key]:
            keys[one.key] -= 1
        else:
            yield one


def _tell_pairs(difference: _Difference) -> None:
    """Tell what changed in statements about the same thing, the closest ones first."""
    compared = difference.compared
    for level in (0, -1):
        waiting: dict[Hashable, deque[Topic]] = {}
        for topic in topics_of(difference.new, compared):
            waiting.setdefault(topic.keys[level], deque()).append(topic)
        for topic in topics_of(difference.old, compared):
            if others := waiting.get(topic.keys[level]):
                other = others.popleft()
                compared |= {topic.statement, other.statement}
                _compare(difference, topic, other)


def _compare(difference: _Difference, old: Topic, new: Topic) -> None:
    rank, a, b = min(old.rank, new.rank), old.focus, new.focus
    if rank in METHODS.values() and isinstance(a, ast.Call) and isinstance(b, ast.Call):
        told = _method_edits(difference, rank, a, b)
        is_whole = shape(a.func) == shape(b.func)
    elif rank is Rank.OPTIMIZER:
        told, is_whole = optimizer_edits(a, b), True
    else:
        told, is_whole = expression_edits(rank, cut(new.label), a, b), True
    difference.edits.extend(told)
    frames = [shape(one.statement.node, blank=[one.focus]) for one in (old, new)]
    if told and is_whole and frames[0] == frames[1]:
        difference.settle([old.statement, new.statement])


def _method_edits(difference: _Difference, rank: Rank, old: ast.Call, new: ast.Call) -> list[Edit]:
    """Return what changed in the arguments; an optimizer that moved into them is followed."""
    before, after = arguments(old), arguments(new)
    a, b = before.get("optimizer"), after.get("optimizer")
    _follow(difference, difference.made[0], before, b)
    _follow(difference, difference.made[1], after, a)
    return argument_edits(rank, callee(new), before, after)


def _follow(
    difference: _Difference, made: _Made, values: Arguments, other: ast.expr | None
) -> None:
    """Put an optimizer in the place of its name where the other side has no name but one too."""
    optimizer = values.get("optimizer")
    if not isinstance(optimizer, ast.Name) or optimizer.id not in made:
        return
    if other is not None and not isinstance(other, ast.Name):
        statement, call = made[optimizer.id]
        difference.settle([statement])
        if shape(call) != shape(other):
            values["optimizer"] = call


def _made(scope: Scope) -> _Made:
    """Return the calls that names of a scope were last given."""
    made: _Made = {}
    for statement in scope.statements:
        match statement.node:
            case ast.Assign([ast.Name(name)], ast.Call() as call):
                made[name] = statement, call
            case _:
                pass
    return made


def _tell_imports(difference: _Difference) -> None:
    sides = (difference.old, difference.new)
    old, new = (Counter(name for one in side for name in _imported(one.node)) for side in sides)
    gone, came = _by_name(old - new), _by_name(new - old)
    for name in gone | came:
        for before, after in zip_longest(gone.get(name, []), came.get(name, [])):
            difference.edits.append(told_both_ways(Rank.IMPORT, _import_told, before, after))
    if gone or came:
        imports = (ast.Import, ast.ImportFrom)
        difference.settle(one for side in sides for one in side if isinstance(one.node, imports))


def _by_name(imported: Counter[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, source in sorted(imported.elements()):
        names.setdefault(name, []).append(source)
    return names


def _import_told(before: str | None, after: str | None) -> str:
    if before is None:
        return f"import of {cut(after or '', _SOURCE)} added"
    if after is None:
        return f"import of {cut(before, _SOURCE)} removed"
    return f"import of {cut(before, _SOURCE)} → {cut(after, _SOURCE)}"


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what a statement imports: the name it gets here, and where it comes from."""
    match node:
        case ast.Import(names):
            yield from ((one.asname or one.name, _as(one.name, one.asname)) for one in names)
        case ast.ImportFrom(module, names, level):
            source = "." * (level or 0) + (f"{module}." if module else "")
            for one in names:
                yield one.asname or one.name, _as(source + one.name, one.asname)
        case _:
            return


def _as(source: str, name: str | None) -> str:
    return f"{source} as {name}" if name else source


def _tell_docstrings(difference: _Difference) -> None:
    sides = (difference.old, difference.new)
    old, new = ([one for one in side if _is_text(one.node)] for side in sides)
    for before, after in zip_longest(old, new):
        edit = told_both_ways(Rank.DOCSTRING, _docstring_told, before, after)
        difference.edits.append(edit)
    difference.settle((*old, *new))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def _docstring_told(before: Statement | None, after: Statement | None) -> str:
    what = "added" if before is None else "removed" if after is None else "changed"
    return f"a docstring {what}"


def _tell_single(difference: _Difference) -> None:
    """Tell of a setting, an optimizer or a callback that came or went."""
    for side, is_new in ((difference.old, False), (difference.new, True)):
        topics = topics_of(side, difference.compared)
        told = [topic for topic in topics if _is_worth_telling(topic)]
        for topic in told:
            label, value = _introduced(topic)
            values = (None, value) if is_new else (value, None)
            difference.edits.append(value_edit(topic.rank, cut(label), *values))
        difference.settle(topic.statement for topic in told)


def _is_worth_telling(topic: Topic) -> bool:
    if topic.rank in (Rank.RATE, Rank.SETTING):
        return is_plain(topic.focus)
    return topic.rank in (Rank.OPTIMIZER, Rank.CALLBACK)


def _introduced(topic: Topic) -> tuple[str, str]:
    if topic.rank is Rank.CALLBACK and isinstance(topic.focus, ast.Call):
        return topic.label, in_full(arguments(topic.focus))
    return "optimizer" if topic.rank is Rank.OPTIMIZER else topic.label, text(topic.focus)


def _settle_definitions(difference: _Difference) -> None:
    """Leave functions and classes that came or went to their own scopes."""
    for side in (difference.old, difference.new):
        difference.settle(one for one in side if isinstance(one.node, Definition))


_TELLERS: tuple[Callable[[_Difference], None], ...] = (
    _tell_layers,
    _take_moved,
    _tell_pairs,
    _tell_single,
    _tell_imports,
    _tell_docstrings,
    _settle_definitions,
)


def _rest(difference: _Difference) -> Iterator[Edit]:
    """Yield how many statements no phrase covers."""
    old, new = difference.scopes
    others, moved = max(len(difference.old), len(difference.new)), difference.moved
    if new.name and others + moved:
        count = _numbered(others + moved, "statement")
        edit = told_both_ways(
            Rank.DEFINITION, lambda _, scope: f"{_name(scope)} changed ({count})", old, new
        )
        yield replace(edit, weight=others + moved)
        return
    if moved:
        phrase = f"{_numbered(moved, 'statement')} moved"
        yield Edit(Rank.REST, phrase, phrase, moved)
    if others:
        phrase = f"{_numbered(others, 'other statement')} changed"
        yield Edit(Rank.REST, phrase, phrase, others)


def _name(scope: Scope) -> str:
    kind = "class" if isinstance(scope.node, ast.ClassDef) else "function"
    return f"{kind} {cut(scope.name)}"


def _numbered(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _merged(found: Iterable[Edit]) -> Iterator[Edit]:
    """Yield edits that read alike as one."""
    weights: Counter[tuple[Rank, str, str]] = Counter()
    times: Counter[tuple[Rank, str, str]] = Counter()
    for one in found:
        weights[one.rank, one.forth, one.back] += one.weight
        times[one.rank, one.forth, one.back] += 1
    for words, count in times.items():
        rank, forth, back = words
        often = f" ({count} times)" if count > 1 else ""
        yield Edit(rank, forth + often, back + often, weights[words])
