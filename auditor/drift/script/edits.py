"""What changed between two programs, in words.

The statements of each scope are aligned. Every statement that came, went or changed is in a
phrase: by its topic (a layer, a name, the arguments of a call, an import) or by its code. A phrase
claims only what holds in the whole program: a name is not "removed" that is still set elsewhere.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest

from auditor.drift.script.definitions import declaration_edits
from auditor.drift.script.differences import (
    Program,
    ScopeDifference,
    describe_moves,
    moves_between_scopes,
    whole_compound,
)
from auditor.drift.script.pairs import change_words, describe_pairs
from auditor.drift.script.phrases import (
    OPTIMIZERS,
    WIDEST,
    EditRank,
    ScriptEdit,
    call_name,
    cut,
    expression_text,
    joined_arguments,
    named_arguments,
    plain_edit,
    value_edit,
)
from auditor.drift.script.stacks import (
    LayerChange,
    ScriptLayer,
    layer_changes,
    layer_edit,
    list_of_layers,
    stack_edit,
    stacks_of,
)
from auditor.drift.script.statements import (
    definition_edit,
    is_compound,
    statement_edit,
    statement_name,
)
from auditor.drift.script.topics import Topic, is_literal, topic_of
from auditor.drift.script.trees import (
    Branch,
    Definition,
    Key,
    ProgramScope,
    Statement,
    apply_renames,
    find_renames,
)

MAX_STATEMENTS = 20_000  # and layers, of a program; 20 KB hold about 600
_MAX_SOURCE = 60  # characters of what is imported


def is_too_long(program: ast.Module) -> bool:
    """Return whether a program has too many statements to be described in words."""
    count = 0
    for node in ast.walk(program):
        layers = list_of_layers(node)
        count += isinstance(node, ast.stmt) + (len(layers.elts) if layers else 0)
    return count > MAX_STATEMENTS


def find_edits(old: ast.Module, new: ast.Module) -> list[ScriptEdit]:
    """Return what changed between two programs, the most important first.

    Both trees are in their normal form. Names that were only renamed get their old name in the
    tree of `new`, which is changed in place.
    """
    new_names = find_renames(old, new)
    apply_renames(new, new_names)
    before, after = Program(old), Program(new)
    edits = [_rename_edit(was, name) for name, was in new_names.items()]
    differences = [
        ScopeDifference.between((before, after), scope, after.scopes[name])
        for name, scope in before.scopes.items()
        if name in after.scopes
    ]
    removed, added = _unpaired(before, after), _unpaired(after, before)
    edits += _describe_imports(before, after, differences)
    edits += moves_between_scopes(differences, removed, added)
    for difference in differences:
        _describe_scope(difference)
        edits += difference.edits
    edits += _definition_edits(removed, after, "removed")
    edits += _definition_edits(added, before, "added")
    if not edits:
        edits.append(plain_edit(EditRank.STATEMENT, "statements grouped or written differently"))
    return sorted(_merge_equal(edits), key=lambda edit: edit.rank)


def _rename_edit(old: str, new: str) -> ScriptEdit:
    return ScriptEdit(
        EditRank.RENAME, lambda width: f"{cut(old, width)} renamed to {cut(new, width)}"
    )


def _unpaired(program: Program, other: Program) -> list[ProgramScope]:
    return [scope for name, scope in program.scopes.items() if name not in other.scopes]


def _definition_edits(
    scopes: list[ProgramScope], other: Program, what: str
) -> Iterator[ScriptEdit]:
    """Yield the functions and classes that came or went; not those inside another of them."""
    for scope in scopes:
        if scope.parent in other.scopes and not isinstance(scope.node, ast.Module):
            yield definition_edit(scope.name, scope.node, what)


def _describe_scope(difference: ScopeDifference) -> None:
    _describe_declaration(difference)
    _describe_layers(difference)
    describe_moves(difference)
    _describe_whole_compounds(difference)
    describe_pairs(difference)
    difference.pair_branches()
    _skip_definitions(difference)
    _describe_rest(difference)


def _describe_declaration(difference: ScopeDifference) -> None:
    old, new = (scope.node for scope in difference.scopes)
    declarations = [scope.statements[0] for scope in difference.scopes]
    difference.mark_described(declarations)
    if declarations[0].key == declarations[1].key:
        return
    if isinstance(old, Definition) and isinstance(new, Definition):
        name = difference.scopes[1].name
        edits = list(declaration_edits(name, old, new))
        difference.edits += edits or [
            plain_edit(EditRank.DEFINITION, "first line of ", name, " written differently")
        ]


def _describe_imports(
    old: Program, new: Program, differences: list[ScopeDifference]
) -> Iterator[ScriptEdit]:
    """Yield what is imported now and was not, and the reverse; elsewhere it only moved."""
    before, after = (Counter(_imports_of(program.tree)) for program in (old, new))
    removed, added = before - after, after - before
    for difference in differences:
        for side, changed in ((difference.old, removed), (difference.new, added)):
            difference.mark_described(
                statement
                for statement in list(side.values())
                if any(imported in changed for imported in _imports_of(statement.node))
            )
    sources = _sources_by_name(removed), _sources_by_name(added)
    for name in sources[0] | sources[1]:
        pairs = zip_longest(sources[0].get(name, []), sources[1].get(name, []))
        yield from (_import_edit(*pair, before, after, name) for pair in pairs)


def _sources_by_name(imported: Counter[tuple[str, str]]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for name, source in sorted(imported.elements()):
        sources.setdefault(name, []).append(source)
    return sources


def _import_edit(
    old: str | None,
    new: str | None,
    before: Counter[tuple[str, str]],
    after: Counter[tuple[str, str]],
    name: str,
) -> ScriptEdit:
    source = cut(old or new or "", _MAX_SOURCE)
    what = ""
    if old is not None and new is not None:
        phrase = f"import of {source} → {cut(new, _MAX_SOURCE)}"
    elif old is not None:
        what = "" if after[name, old] else "imports removed"
        phrase = f"{'import' if what else 'one import'} of {source} removed"
    else:
        what = "" if before[name, new or ""] else "imports added"
        phrase = f"{'import' if what else 'another import'} of {source} added"
    return ScriptEdit(EditRank.IMPORT, lambda _: phrase, what, source)


def _imports_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what a tree imports: its name in the script, and where it comes from."""
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else (tree,):
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
                pass


def _with_alias(source: str, name: str | None) -> str:
    return f"{source} as {name}" if name else source


def _describe_layers(difference: ScopeDifference) -> None:
    whole = _in_whole_compounds(difference)
    skipped = whole | difference.elsewhere
    old, new = (_stacks(scope, difference.elsewhere) for scope in difference.scopes)
    models = old | new
    for model in models:
        before, after = old.get(model, []), new.get(model, [])
        label = model if len(models) > 1 else ""
        if not before or not after:
            stack = before or after
            if all(layer.statement in skipped for layer in stack):
                continue
            if len(stack) == 1:
                (change,) = layer_changes(before, after)
                difference.add([layer_edit(label, change)])
            else:
                difference.add([stack_edit(label, before, after)])
            difference.mark_described(layer.statement for layer in stack if not layer.frame)
            _mark_frames(difference, stack, before, after)
            continue
        changed: list[ScriptLayer] = []
        for change in layer_changes(before, after):
            if change.is_equal:
                _pair_layers(difference, change)
            elif any(layer.statement not in skipped for layer in change.layers):
                difference.add([layer_edit(label, change)])
                changed.extend(change.layers)
                _pair_layers(difference, change)
        difference.mark_described(layer.statement for layer in changed if not layer.frame)
        _mark_frames(difference, changed, before, after)


def _stacks(scope: ProgramScope, without: set[Statement]) -> dict[str, list[ScriptLayer]]:
    stacks = stacks_of(scope)
    kept = {
        model: [layer for layer in stack if layer.statement not in without]
        for model, stack in stacks.items()
    }
    return {model: stack for model, stack in kept.items() if stack}


def _pair_layers(difference: ScopeDifference, change: LayerChange) -> None:
    """Note that the statements of a layer are described, or written in another way."""
    statements = [layer.statement for layer in change.layers if not layer.frame]
    if len(statements) == 2 and all(_is_left(difference, each) for each in statements):
        difference.pair(*statements)
    difference.mark_described(statements)


def _is_left(difference: ScopeDifference, statement: Statement) -> bool:
    return statement in (
        difference.old.get(statement.place),
        difference.new.get(statement.place),
    )


def _mark_frames(
    difference: ScopeDifference,
    changed: Iterable[ScriptLayer],
    old: list[ScriptLayer],
    new: list[ScriptLayer],
) -> None:
    """Mark the statements of which only the listed layers changed."""
    frames = {layer.frame for layer in changed if _is_shared(layer.frame, old, new)}
    difference.mark_described(layer.statement for layer in (*old, *new) if layer.frame in frames)


def _is_shared(frame: Key, old: list[ScriptLayer], new: list[ScriptLayer]) -> bool:
    stacks = [stack for stack in (old, new) if stack]
    return frame != () and all(any(layer.frame == frame for layer in stack) for stack in stacks)


def _in_whole_compounds(difference: ScopeDifference) -> set[Statement]:
    found: set[Statement] = set()
    for side, scope in zip((difference.old, difference.new), difference.scopes, strict=True):
        for statement in side.values():
            if statement not in found:
                found.update(whole_compound(statement, scope.statements, side) or ())
    return found


def _describe_whole_compounds(difference: ScopeDifference) -> None:
    """Describe compound statements that came or went with all that they contain.

    Two of the same kind between the same neighbours that contain something on the same topic are
    one that changed: its head is described here, the rest by pairs.
    """
    old, new = (
        list(_whole_compounds(left, scope))
        for left, scope in zip((difference.old, difference.new), difference.scopes, strict=True)
    )
    for compound in old:
        other = next((other for other in new if _are_alike(difference, compound, other)), None)
        if other is not None:
            new.remove(other)
            difference.pair(compound[0], other[0])
            if compound[0].key != other[0].key:
                difference.add([change_words(compound[0].node, other[0].node)])
        else:
            difference.add([statement_edit(compound[0].node, "removed")])
            difference.mark_described(compound)
    for compound in new:
        difference.add([statement_edit(compound[0].node, "added")])
        difference.mark_described(compound)


def _are_alike(difference: ScopeDifference, old: list[Statement], new: list[Statement]) -> bool:
    gaps = [side[part[0].place] for side, part in zip(difference.gaps, (old, new), strict=True)]
    if gaps[0] != gaps[1] or type(old[0].node) is not type(new[0].node):
        return False
    topics = (
        {topic.keys[-1] for topic in map(topic_of, part[1:]) if topic} for part in (old, new)
    )
    return not set.isdisjoint(*topics)


def _whole_compounds(left: dict[int, Statement], scope: ProgramScope) -> Iterator[list[Statement]]:
    """Yield the outermost compound statements of which everything is left."""
    inside: set[Statement] = set()
    for statement in list(left.values()):
        if statement not in inside:
            compound = whole_compound(statement, scope.statements, left)
            if compound is not None:
                inside.update(compound)
                yield compound


def _skip_definitions(difference: ScopeDifference) -> None:
    """Leave added and removed functions and classes to their own scopes."""
    for side in (difference.old, difference.new):
        difference.mark_described(
            [statement for statement in side.values() if isinstance(statement.node, Definition)]
        )


def _describe_rest(difference: ScopeDifference) -> None:
    """Describe each statement that has no counterpart, and each that others were put into."""
    around = _moved_by_depth(difference)
    for number, what in ((0, "removed"), (1, "added")):
        left = (difference.old, difference.new)[number]
        other = difference.programs[1 - number]
        for statement in list(left.values()):
            if is_compound(statement.node):
                names = around[number].get(statement.place, [])
                difference.add([_head_edit(statement, what, names)])
            else:
                difference.add([_unpaired_edit(statement, other, is_new=number == 1)])


def _head_edit(statement: Statement, what: str, names: list[str]) -> ScriptEdit:
    around = f" around {', '.join(names)}" if names else ""
    start = f"{statement_name(statement.node)} {what}"
    return ScriptEdit(EditRank.STATEMENT, lambda width: f"{start}{cut(around, width)}")


def _moved_by_depth(
    difference: ScopeDifference,
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Return what each removed and each added compound statement is put around.

    A statement that is inside another one of those that stayed is described here.
    """
    around: tuple[dict[int, list[str]], dict[int, list[str]]] = ({}, {})
    old, new = (scope.statements for scope in difference.scopes)
    for i, j in difference.partner.items():
        before, after = old[i].parent, new[j].parent
        if not i or i in difference.moved or difference.partner.get(before) == after:
            continue
        name = statement_name(new[j].node)
        is_described = False
        for place, left, names in (
            (before, difference.old, around[0]),
            (after, difference.new, around[1]),
        ):
            if place in left:
                names.setdefault(place, []).append(name)
                is_described = True
        if not is_described and not isinstance(new[j].node, Branch):
            difference.add([_into_edit(name, new[after], after)])
    return around


def _into_edit(name: str, parent: Statement, place: int) -> ScriptEdit:
    where = f"into {statement_name(parent.node)}" if place else "out of all other statements"
    return ScriptEdit(
        EditRank.MOVED, lambda width: f"{cut(name, width)} moved {cut(where, width)}"
    )


def _unpaired_edit(statement: Statement, other: Program, *, is_new: bool) -> ScriptEdit:
    """Return that a statement came or went.

    What it sets or calls came or went with it only where the other program has none of it.
    """
    what = "added" if is_new else "removed"
    topic = topic_of(statement)
    if topic is None or topic.focus is None:
        return statement_edit(statement.node, what)
    label, value = _words_of(topic, other)
    if not label:
        return statement_edit(statement.node, what)
    edit = value_edit(topic.rank, label, *((None, value) if is_new else (value, None)))
    return replace(edit, what=f"statements {what}", name=label)


def _words_of(topic: Topic, other: Program) -> tuple[str, str]:
    """Return what came or went and its value; no label where the other program has it too."""
    if not isinstance(topic.focus, ast.expr):
        return "", ""
    match topic.rank:
        case EditRank.OPTIMIZER:
            is_missing = not other.calls.keys() & {*OPTIMIZERS}
            return ("optimizer" if is_missing else ""), expression_text(topic.focus)
        case EditRank.CALLBACK if isinstance(topic.focus, ast.Call):
            is_missing = call_name(topic.focus) not in other.calls
            arguments = joined_arguments(named_arguments(topic.focus))
            return (topic.label if is_missing else ""), arguments
        case EditRank.RATE | EditRank.SETTING if is_literal(topic.focus):
            is_missing = topic.label not in other.names and topic.label.isidentifier()
            return (topic.label if is_missing else ""), expression_text(topic.focus)
        case _:
            return "", ""


def _merge_equal(edits: Iterable[ScriptEdit]) -> Iterator[ScriptEdit]:
    """Yield edits, those with the same words as one."""
    first: dict[tuple[EditRank, str], ScriptEdit] = {}
    times: Counter[tuple[EditRank, str]] = Counter()
    for edit in edits:
        key = edit.rank, edit.words(WIDEST)
        first.setdefault(key, edit)
        times[key] += 1
    for key, edit in first.items():
        yield _repeated(edit, times[key]) if times[key] > 1 else edit


def _repeated(edit: ScriptEdit, times: int) -> ScriptEdit:
    return replace(
        edit,
        words=lambda width: f"{edit.words(width)} ({times} times)",
        name=f"{edit.name} ({times} times)",
        weight=times,
    )


def group_statements(edits: list[ScriptEdit]) -> list[ScriptEdit]:
    """Return the edits with the statements that came or went in one scope as one, by name."""
    groups: dict[tuple[str, str], list[ScriptEdit]] = {}
    for edit in edits:
        if edit.what:
            groups.setdefault((edit.what, edit.place), []).append(edit)
    grouped = [edit for edit in edits if not edit.what]
    grouped += [_group_edit(*key, group) for key, group in groups.items()]
    return sorted(grouped, key=lambda edit: edit.rank)


def _group_edit(what: str, place: str, edits: list[ScriptEdit]) -> ScriptEdit:
    if len(edits) == 1:
        return edits[0]
    place = f" in {cut(place)}" if place else ""
    names = ", ".join(edit.name for edit in edits)
    number = sum(edit.weight for edit in edits)
    start = f"{number} {what}{place}: "
    rank = edits[0].rank
    return ScriptEdit(rank, lambda width: f"{start}{cut(names, 3 * width)}", weight=number)
