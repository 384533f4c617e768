"""What changed between two programs, in words.

The statements of each scope are aligned. Added and removed statements are described by their
topic: a layer, a name, the arguments of a call, an import, a docstring. Statements that no phrase
covers are counted, so that no change is left out.
"""

from __future__ import annotations

import ast
from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TypeAlias

from auditor.drift.script.phrases import (
    OPTIMIZERS,
    Arguments,
    EditRank,
    ScriptEdit,
    argument_edits,
    call_name,
    cut,
    expression_edits,
    expression_text,
    joined_arguments,
    named_arguments,
    optimizer_edits,
    two_way_edit,
    value_edit,
)
from auditor.drift.script.stacks import ScriptLayer, layer_edits, list_of_layers, stacks_of
from auditor.drift.script.trees import (
    Definition,
    Key,
    ProgramScope,
    Statement,
    align_sequences,
    apply_renames,
    find_renames,
    scopes_of,
    shape,
)

MAX_STATEMENTS = 3_000  # and layers, of a program; 20 KB hold about 600
_MAX_SOURCE = 60  # characters of what is imported
_METHOD_RANKS = {"compile": EditRank.LOSS, "fit": EditRank.FIT}
_OPTIMIZER_NAMES = ("opt", "optimizer")
_LITERAL_NODES = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.USub,
    ast.Load,
)

_TopicKeys: TypeAlias = tuple[tuple[str, ...], ...]
_AssignedCalls: TypeAlias = dict[str, tuple[Statement, ast.Call]]


def is_too_long(program: ast.Module) -> bool:
    """Return whether a program has too many statements to be described in words."""
    count = 0
    for node in ast.walk(program):
        layers = list_of_layers(node)
        count += isinstance(node, ast.stmt) + (len(layers.elts) if layers else 0)
    return count > MAX_STATEMENTS


def find_edits(old: ast.Module, new: ast.Module) -> list[ScriptEdit]:
    """Return what changed between two programs, the most important first.

    Names that were only renamed get their old name in the tree of `new`, which is changed in
    place.
    """
    new_names = find_renames(old, new)
    apply_renames(new, new_names)
    before, after = scopes_of(old), scopes_of(new)
    edits = [_rename_edit(*names) for names in new_names.items()]
    for name, scope in (before | after).items():
        if not name or (scope.parent in before and scope.parent in after):
            edits.extend(_scope_edits(before.get(name), after.get(name)))
    return sorted(_merge_equal(edits), key=lambda edit: edit.rank)


@dataclass(frozen=True, slots=True)
class _Topic:
    """What a statement is about: a name, the optimizer, `compile`, a callback, a call.

    Attributes:
        keys: what it shares with its counterpart in the other program, the closest match first.
        focus: the part of the statement that is compared.
    """

    statement: Statement
    keys: _TopicKeys
    rank: EditRank
    label: str
    focus: ast.expr


@dataclass(slots=True)
class _ScopeDifference:
    """The removed and added statements of a scope that no phrase describes yet."""

    scopes: tuple[ProgramScope, ProgramScope]
    old: list[Statement]
    new: list[Statement]
    moved: int
    assigned_calls: tuple[_AssignedCalls, _AssignedCalls]
    compared: set[Statement] = field(default_factory=set)
    edits: list[ScriptEdit] = field(default_factory=list)

    @classmethod
    def between(cls, old: ProgramScope, new: ProgramScope) -> _ScopeDifference:
        pairs = align_sequences(
            [statement.key for statement in old.statements],
            [statement.key for statement in new.statements],
        )
        old_places, new_places = {i for i, _ in pairs}, {j for _, j in pairs}
        return cls(
            (old, new),
            [statement for i, statement in enumerate(old.statements) if i not in old_places],
            [statement for j, statement in enumerate(new.statements) if j not in new_places],
            sum(old.statements[i].depth != new.statements[j].depth for i, j in pairs),
            (_assigned_calls(old), _assigned_calls(new)),
        )

    def mark_described(self, statements: Iterable[Statement]) -> None:
        """Remove statements that a phrase describes."""
        described = set(statements)
        self.old = [statement for statement in self.old if statement not in described]
        self.new = [statement for statement in self.new if statement not in described]


def _rename_edit(new: str, old: str) -> ScriptEdit:
    return two_way_edit(
        EditRank.RENAME, lambda before, after: f"{cut(before)} renamed to {cut(after)}", old, new
    )


def _scope_edits(old: ProgramScope | None, new: ProgramScope | None) -> list[ScriptEdit]:
    if old is not None and new is not None:
        return _edits_within(old, new)
    edits = []
    if old is not None:
        edits.append(value_edit(EditRank.DEFINITION, _definition_name(old), "", None))
    if new is not None:
        edits.append(value_edit(EditRank.DEFINITION, _definition_name(new), None, ""))
    return edits


def _edits_within(old: ProgramScope, new: ProgramScope) -> list[ScriptEdit]:
    difference = _ScopeDifference.between(old, new)
    for describe in _DESCRIPTION_STEPS:
        describe(difference)
    place = f", in {cut(new.name)}" if new.name else ""
    edits = [
        replace(edit, forward=edit.forward + place, backward=edit.backward + place)
        for edit in difference.edits
    ]
    return edits + list(_count_rest(difference))


def _describe_layers(difference: _ScopeDifference) -> None:
    old, new = (stacks_of(scope) for scope in difference.scopes)
    models = old | new
    for model in models:
        before, after = old.get(model, []), new.get(model, [])
        changed: list[ScriptLayer] = []
        for edit, layers in layer_edits(model if len(models) > 1 else "", before, after):
            difference.edits.append(edit)
            changed.extend(layers)
        difference.mark_described(layer.statement for layer in changed if not layer.frame)
        frames = {layer.frame for layer in changed if _is_shared(layer.frame, before, after)}
        difference.mark_described(
            layer.statement for layer in (*before, *after) if layer.frame in frames
        )


def _is_shared(frame: Key, old: Sequence[ScriptLayer], new: Sequence[ScriptLayer]) -> bool:
    """Return whether only the listed layers changed in a statement with this frame."""
    stacks = [stack for stack in (old, new) if stack]
    return frame != () and all(any(layer.frame == frame for layer in stack) for stack in stacks)


def _count_moved(difference: _ScopeDifference) -> None:
    old, new = (
        Counter(statement.key for statement in side) for side in (difference.old, difference.new)
    )
    moved = old & new
    difference.moved += moved.total()
    difference.old = list(_without(difference.old, Counter(moved)))
    difference.new = list(_without(difference.new, Counter(moved)))


def _without(statements: Iterable[Statement], keys: Counter[Key]) -> Iterator[Statement]:
    for statement in statements:
        if keys[statement.key]:
            keys[statement.key] -= 1
        else:
            yield statement


def _describe_pairs(difference: _ScopeDifference) -> None:
    """Describe what changed in statements on the same topic, the closest matches first."""
    compared = difference.compared
    for level in (0, -1):
        waiting: dict[Hashable, deque[_Topic]] = {}
        for topic in _topics_of(difference.new, compared):
            waiting.setdefault(topic.keys[level], deque()).append(topic)
        for topic in _topics_of(difference.old, compared):
            if candidates := waiting.get(topic.keys[level]):
                other = candidates.popleft()
                compared |= {topic.statement, other.statement}
                _describe_pair(difference, topic, other)


def _describe_pair(difference: _ScopeDifference, old: _Topic, new: _Topic) -> None:
    rank, before, after = min(old.rank, new.rank), old.focus, new.focus
    is_complete = True
    if (
        rank in _METHOD_RANKS.values()
        and isinstance(before, ast.Call)
        and isinstance(after, ast.Call)
    ):
        edits = _method_edits(difference, rank, before, after)
        is_complete = shape(before.func) == shape(after.func)
    elif rank is EditRank.OPTIMIZER:
        edits = optimizer_edits(before, after)
    else:
        edits = expression_edits(rank, cut(new.label), before, after)
    difference.edits.extend(edits)
    frames = [shape(topic.statement.node, blank=[topic.focus]) for topic in (old, new)]
    if edits and is_complete and frames[0] == frames[1]:
        difference.mark_described([old.statement, new.statement])


def _method_edits(
    difference: _ScopeDifference, rank: EditRank, old: ast.Call, new: ast.Call
) -> list[ScriptEdit]:
    """Return what changed in the arguments; an optimizer that moved into them is followed."""
    before, after = named_arguments(old), named_arguments(new)
    old_optimizer, new_optimizer = before.get("optimizer"), after.get("optimizer")
    _resolve_optimizer(difference, difference.assigned_calls[0], before, new_optimizer)
    _resolve_optimizer(difference, difference.assigned_calls[1], after, old_optimizer)
    return argument_edits(rank, call_name(new), before, after)


def _resolve_optimizer(
    difference: _ScopeDifference,
    assigned_calls: _AssignedCalls,
    values: Arguments,
    other: ast.expr | None,
) -> None:
    """Replace an optimizer's name by its call where the other side has an optimizer, no name."""
    optimizer = values.get("optimizer")
    if not isinstance(optimizer, ast.Name) or optimizer.id not in assigned_calls:
        return
    if other is not None and not isinstance(other, ast.Name):
        statement, call = assigned_calls[optimizer.id]
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


def _describe_imports(difference: _ScopeDifference) -> None:
    sides = (difference.old, difference.new)
    old, new = (
        Counter(imported for statement in side for imported in _imports_of(statement.node))
        for side in sides
    )
    removed, added = _sources_by_name(old - new), _sources_by_name(new - old)
    for name in removed | added:
        for before, after in zip_longest(removed.get(name, []), added.get(name, [])):
            difference.edits.append(two_way_edit(EditRank.IMPORT, _import_phrase, before, after))
    if removed or added:
        imports = (ast.Import, ast.ImportFrom)
        difference.mark_described(
            statement
            for side in sides
            for statement in side
            if isinstance(statement.node, imports)
        )


def _sources_by_name(imported: Counter[tuple[str, str]]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for name, source in sorted(imported.elements()):
        sources.setdefault(name, []).append(source)
    return sources


def _import_phrase(before: str | None, after: str | None) -> str:
    if before is None:
        return f"import of {cut(after or '', _MAX_SOURCE)} added"
    if after is None:
        return f"import of {cut(before, _MAX_SOURCE)} removed"
    return f"import of {cut(before, _MAX_SOURCE)} → {cut(after, _MAX_SOURCE)}"


def _imports_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what a statement imports: its name in the script, and where it comes from."""
    match node:
        case ast.Import(aliases):
            for alias in aliases:
                yield alias.asname or alias.name, _with_alias(alias.name, alias.asname)
        case ast.ImportFrom(module, aliases, level):
            package = "." * (level or 0) + (f"{module}." if module else "")
            for alias in aliases:
                source = _with_alias(package + alias.name, alias.asname)
                yield alias.asname or alias.name, source
        case _:
            return


def _with_alias(source: str, name: str | None) -> str:
    return f"{source} as {name}" if name else source


def _describe_docstrings(difference: _ScopeDifference) -> None:
    sides = (difference.old, difference.new)
    old, new = ([statement for statement in side if _is_text(statement.node)] for side in sides)
    for before, after in zip_longest(old, new):
        edit = two_way_edit(EditRank.DOCSTRING, _docstring_phrase, before, after)
        difference.edits.append(edit)
    difference.mark_described((*old, *new))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def _docstring_phrase(before: Statement | None, after: Statement | None) -> str:
    what = "added" if before is None else "removed" if after is None else "changed"
    return f"a docstring {what}"


def _describe_unpaired(difference: _ScopeDifference) -> None:
    """Describe each setting, optimizer or callback that was added or removed."""
    for side, is_new in ((difference.old, False), (difference.new, True)):
        topics = [
            topic for topic in _topics_of(side, difference.compared) if _is_described_alone(topic)
        ]
        for topic in topics:
            label, value = _unpaired_words(topic)
            values = (None, value) if is_new else (value, None)
            difference.edits.append(value_edit(topic.rank, cut(label), *values))
        difference.mark_described(topic.statement for topic in topics)


def _is_described_alone(topic: _Topic) -> bool:
    if topic.rank in (EditRank.RATE, EditRank.SETTING):
        return _is_literal(topic.focus)
    return topic.rank in (EditRank.OPTIMIZER, EditRank.CALLBACK)


def _unpaired_words(topic: _Topic) -> tuple[str, str]:
    if topic.rank is EditRank.CALLBACK and isinstance(topic.focus, ast.Call):
        return topic.label, joined_arguments(named_arguments(topic.focus))
    label = "optimizer" if topic.rank is EditRank.OPTIMIZER else topic.label
    return label, expression_text(topic.focus)


def _skip_definitions(difference: _ScopeDifference) -> None:
    """Leave added and removed functions and classes to their own scopes."""
    for side in (difference.old, difference.new):
        difference.mark_described(
            statement for statement in side if isinstance(statement.node, Definition)
        )


_DESCRIPTION_STEPS: tuple[Callable[[_ScopeDifference], None], ...] = (
    _describe_layers,
    _count_moved,
    _describe_pairs,
    _describe_unpaired,
    _describe_imports,
    _describe_docstrings,
    _skip_definitions,
)


def _count_rest(difference: _ScopeDifference) -> Iterator[ScriptEdit]:
    """Yield how many statements no phrase covers."""
    old, new = difference.scopes
    others, moved = max(len(difference.old), len(difference.new)), difference.moved
    if new.name and others + moved:
        count = _count_of(others + moved, "statement")
        edit = two_way_edit(
            EditRank.DEFINITION,
            lambda _, scope: f"{_definition_name(scope)} changed ({count})",
            old,
            new,
        )
        yield replace(edit, weight=others + moved)
        return
    if moved:
        phrase = f"{_count_of(moved, 'statement')} moved"
        yield ScriptEdit(EditRank.REST, phrase, phrase, moved)
    if others:
        phrase = f"{_count_of(others, 'other statement')} changed"
        yield ScriptEdit(EditRank.REST, phrase, phrase, others)


def _definition_name(scope: ProgramScope) -> str:
    kind = "class" if isinstance(scope.node, ast.ClassDef) else "function"
    return f"{kind} {cut(scope.name)}"


def _count_of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _merge_equal(edits: Iterable[ScriptEdit]) -> Iterator[ScriptEdit]:
    """Yield edits, those with the same words as one."""
    weights: Counter[tuple[EditRank, str, str]] = Counter()
    times: Counter[tuple[EditRank, str, str]] = Counter()
    for edit in edits:
        words = edit.rank, edit.forward, edit.backward
        weights[words] += edit.weight
        times[words] += 1
    for words, count in times.items():
        rank, forward, backward = words
        suffix = f" ({count} times)" if count > 1 else ""
        yield ScriptEdit(rank, forward + suffix, backward + suffix, weights[words])


def _topics_of(statements: Iterable[Statement], excluded: Collection[Statement]) -> list[_Topic]:
    """Return the topics of statements that are not excluded and have one."""
    topics = (_topic_of(statement) for statement in statements if statement not in excluded)
    return [topic for topic in topics if topic is not None]


def _topic_of(statement: Statement) -> _Topic | None:
    """Return what a statement is about, or None if no phrase describes its kind."""
    match statement.node:
        case ast.Assign([_], ast.Call() as call) | ast.Expr(ast.Call() as call) if (
            call_name(call) in _METHOD_RANKS
        ):
            name = call_name(call)
            return _Topic(statement, (("method", name),), _METHOD_RANKS[name], name, call)
        case ast.Assign([target], value) | ast.AnnAssign(target, _, ast.expr() as value):
            return _assignment_topic(statement, expression_text(target), value)
        case ast.Expr(ast.Call(func, [ast.Call() as inner], []) as call) if (
            call_name(call) == "append" and "callback" in expression_text(func).lower()
        ):
            label = f"callback {call_name(inner)}"
            keys = ((expression_text(func), label),)
            return _Topic(statement, keys, EditRank.CALLBACK, label, inner)
        case ast.Return(ast.expr() as value):
            return _Topic(statement, (("return",),), EditRank.NAME, "return", value)
        case ast.Expr(ast.Call(func) as call):
            keys = (("call", expression_text(func)),)
            return _Topic(statement, keys, EditRank.CALL, call_name(call), call)
        case _:
            return None


def _assignment_topic(statement: Statement, target: str, value: ast.expr) -> _Topic:
    called = call_name(value) if isinstance(value, ast.Call) else ""
    if called in OPTIMIZERS or (called and target in _OPTIMIZER_NAMES):
        optimizer_keys = (("optimizer", target), ("optimizer",))
        return _Topic(statement, optimizer_keys, EditRank.OPTIMIZER, target, value)
    if target.lower() in ("lr", "learning_rate"):
        rank = EditRank.RATE
    else:
        rank = EditRank.SETTING if _is_literal(value) or target.isupper() else EditRank.NAME
    return _Topic(statement, (("name", target, called), ("name", target)), rank, target, value)


def _is_literal(value: ast.expr) -> bool:
    """Return whether a value is a literal, in `args.epochs or 30` at least the default."""
    match value:
        case ast.BoolOp(ast.Or(), [*_, ast.Constant()]):
            return True
        case _:
            return all(isinstance(node, _LITERAL_NODES) for node in ast.walk(value))
