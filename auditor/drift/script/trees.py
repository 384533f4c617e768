"""A script's syntax tree as scopes of statements, which can be compared.

A program is its scopes: the module, every function, every class. A scope is its statements in
order, each with the statement that contains it. A compound statement is its head, followed by its
body; `else` and `finally` are statements of their own, and an assignment of several values is a
statement for each. Programs of which all scopes are equal, statement by statement, differ only in
how assignments are grouped.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeGuard

from auditor.drift.sequences import Pair, common_members, equal_ends

MAX_CELLS = 500_000  # of one alignment at a cost: 700 layers, all of them changed

_BODIES = ("body", "handlers", "cases", "orelse", "finalbody")
_BRANCHES = {"orelse": "else", "finalbody": "finally"}
_NAME_FIELDS: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.arg: "arg",
    ast.alias: "asname",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}

Key: TypeAlias = tuple[Hashable, ...]
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Branch(ast.AST):
    """The `else` or `finally` of a compound statement, as a statement of its own."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, word: str, body: list[ast.stmt]) -> None:
        super().__init__()
        self.word = word
        self.body = body


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A simple statement, or the head of a compound one.

    Attributes:
        node: the syntax tree; the scope's own node for its declaration.
        key: what makes two statements equal.
        parent: the place in its scope of the statement that contains it.
        place: its place in its scope.
    """

    node: ast.AST
    key: Key
    parent: int
    place: int

    @property
    def is_head(self) -> bool:
        """Return whether other statements of its scope are inside it."""
        is_scope = isinstance(self.node, ast.Module | Definition)
        return not is_scope and any(getattr(self.node, name, None) for name in _BODIES)


@dataclass(frozen=True, slots=True)
class ProgramScope:
    """The module, a function or a class; its first statement is its declaration.

    Attributes:
        name: `f`, `C.m` for a method, `f#2` for a second one; empty for the module.
        parent: the name of the scope that contains it.
    """

    name: str
    parent: str
    node: ast.Module | Definition
    statements: tuple[Statement, ...]

    @property
    def label(self) -> str:
        """Return what it is and its name."""
        kind = "class" if isinstance(self.node, ast.ClassDef) else "function"
        return f"{kind} {self.name}" if self.name else "the script"


def shape(*parts: object, blank: Collection[ast.AST] = ()) -> Key:
    """Return what makes syntax trees equal, as one flat tuple, with the trees of `blank` left out.

    A name that a script gives or uses stands in it as `("name", NAME)`.
    """
    tokens: list[Hashable] = []
    pending = list(reversed(parts))
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            tokens.append(len(part))
            pending.extend(reversed(part))
        elif isinstance(part, ast.AST):
            tokens.append("…" if part in blank else type(part).__name__)
            pending.extend([] if part in blank else reversed(_values(part)))
        else:
            tokens.append(part if isinstance(part, tuple) else (type(part).__name__, part))
    return tuple(tokens)


def scopes_of(tree: ast.Module) -> dict[str, ProgramScope]:
    """Return every scope of a program by its name, the module first."""
    scopes: dict[str, ProgramScope] = {}
    pending: list[tuple[str, str, ast.Module | Definition]] = [("", "", tree)]
    while pending:
        name, parent, node = pending.pop()
        scope = ProgramScope(name, parent, node, tuple(_statements(node)))
        scopes[name] = scope
        pending.extend(
            (inner, name, definition)
            for inner, definition in reversed(list(_definitions_in(scope)))
        )
    return scopes


def align_at_cost(
    old: Sequence[Hashable], new: Sequence[Hashable], cost: Callable[[int, int], int]
) -> tuple[Pair, ...]:
    """Return the cheapest pairs of old and new places, ascending.

    A member added or removed costs 2, an equal pair nothing, any other pair what `cost` says. Of
    a run of equal members the last is the one added or removed. Where too much changed, only
    equal members are paired.
    """
    start, ends = equal_ends(old, new)
    rows, columns = range(start, len(old) - ends), range(start, len(new) - ends)
    if len(rows) * len(columns) > MAX_CELLS:
        return common_members(old, new)
    costs = [[0 if old[i] == new[j] else cost(i, j) for j in columns] for i in rows]
    start_pairs = ((place, place) for place in range(start))
    end_pairs = ((len(old) - place, len(new) - place) for place in range(ends, 0, -1))
    middle = ((rows[i], columns[j]) for i, j in _cheapest_pairs(costs, len(columns)))
    return (*start_pairs, *middle, *end_pairs)


def find_renames(old: ast.Module, new: ast.Module) -> dict[str, str]:
    """Return the old name by the new one for whatever was only renamed in the new program.

    The statement that defines the name must be the same apart from names, or set it to another
    literal, and a statement that uses the name must be the same; a function must have the same
    body but for a statement in four.
    """
    removed, added = _defined_names(old) - _used_names(new), _defined_names(new) - _used_names(old)
    if not removed or not added:
        return {}
    before, after = scopes_of(old), scopes_of(new)
    evidence = _RenameEvidence(_read_names(old) | _read_names(new))
    for name in before.keys() & after.keys():
        for pair in _equal_but_names(before[name], after[name], removed | added):
            evidence.add(*pair, removed | added)
    old_names: dict[str, str] = {}
    for before_name, after_name in evidence.find():
        if after_name not in old_names and before_name not in old_names.values():
            old_names[after_name] = before_name
    return old_names


def apply_renames(tree: ast.Module, names: Mapping[str, str]) -> None:
    """Rename names of a program, in place."""
    for node in ast.walk(tree) if names else ():
        field = _NAME_FIELDS.get(type(node))
        if field is not None:
            name = getattr(node, field)
            setattr(node, field, names.get(name, name))
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [names.get(name, name) for name in node.names]


def assigned_names(node: ast.AST) -> Iterator[str]:
    """Yield each name that a tree assigns, defines, imports or takes as an argument."""
    for part in ast.walk(node):
        match part:
            case ast.Name(name, ast.Store()) | ast.arg(name):
                yield name
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                yield name
            case ast.alias(name, asname):
                yield asname or name
            case _:
                pass


def _values(node: ast.AST, *, without: Collection[str] = ()) -> list[object]:
    """Return the fields of a node, names marked as names, without the prefix of `u'text'`."""
    named = _NAME_FIELDS.get(type(node))
    return [
        ("name", value) if field == named else value
        for field, value in ast.iter_fields(node)
        if field not in without and field != "kind"
    ]


def _declaration(node: ast.AST) -> Key:
    return (type(node).__name__, *shape(*_values(node, without=_BODIES)))


def _statements(scope: ast.Module | Definition) -> list[Statement]:
    """Return the statements of a scope in order, its declaration first."""
    statements: list[Statement] = []
    pending: list[tuple[ast.AST, int]] = [(scope, 0)]
    while pending:
        node, parent = pending.pop()
        place = len(statements)
        if isinstance(node, Definition) and node is not scope:
            statements.append(Statement(node, ("def", ("name", node.name)), parent, place))
            continue
        statements += [
            Statement(part, _key(part), parent, place + number)
            for number, part in enumerate(_split(node))
        ]
        pending += [(part, place) for part in reversed(list(_contents(node)))]
    return statements


def _key(node: ast.AST) -> Key:
    return (node.word,) if isinstance(node, Branch) else _declaration(node)


def _split(node: ast.AST) -> list[ast.AST]:
    """Return an assignment of several values, `a, b = 1, 2` or `a = b = 1`, one by one."""
    match node:
        case ast.Assign([ast.Tuple() as target], ast.Tuple() as value):
            pairs = _independent_pairs(target.elts, value.elts)
        case ast.Assign([_, _, *_] as targets, ast.Constant() as constant):
            pairs = [(target, constant) for target in targets]
        case _:
            pairs = []
    return [ast.Assign([target], value) for target, value in pairs] or [node]


def _independent_pairs(
    targets: list[ast.expr], values: list[ast.expr]
) -> list[tuple[ast.expr, ast.expr]]:
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    used = {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
    if len(names) != len(targets) or len(targets) != len(values) or names & used:
        return []
    return [*zip(targets, values, strict=True)]


def _contents(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a compound statement contains; `else` and `finally` as one branch each."""
    if isinstance(node, ast.expr):
        return
    for field in _BODIES:
        body = getattr(node, field, None)
        if not isinstance(body, list) or not body:
            continue
        if field in _BRANCHES:
            yield Branch(_BRANCHES[field], body)
        else:
            yield from body


def _definitions_in(scope: ProgramScope) -> Iterator[tuple[str, Definition]]:
    counts: Counter[str] = Counter()
    for statement in scope.statements[1:]:
        if isinstance(statement.node, Definition):
            name = statement.node.name
            counts[name] += 1
            ordinal = f"#{counts[name]}" if counts[name] > 1 else ""
            yield f"{scope.name}.{name}{ordinal}".removeprefix("."), statement.node


def _cheapest_pairs(costs: list[list[int]], columns: int) -> Iterator[Pair]:
    rows = len(costs)
    rest = [[2 * (rows - i + columns - j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        line, below, pairs = rest[i], rest[i + 1], costs[i]
        for j in range(columns - 1, -1, -1):
            line[j] = min(pairs[j] + below[j + 1], 2 + below[j], 2 + line[j + 1])
    i = j = 0
    while i < rows and j < columns:
        if rest[i][j] == costs[i][j] + rest[i + 1][j + 1]:
            yield i, j
            i, j = i + 1, j + 1
        elif rest[i][j] == 2 + rest[i + 1][j]:
            i += 1
        else:
            j += 1


def _defined_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(name, ast.Store()) | ast.FunctionDef(name) | ast.ClassDef(name):
                names.add(name)
            case ast.AsyncFunctionDef(name) | ast.arg(name):
                names.add(name)
            case _:
                pass
    return names


def _used_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        field = _NAME_FIELDS.get(type(node))
        if field is not None:
            names.add(str(getattr(node, field)))
        match node:
            case ast.Global(more) | ast.Nonlocal(more):
                names.update(more)
            case ast.alias(name) | ast.keyword(str() as name):
                names.add(name)
            case _:
                pass
    return names


def _read_names(tree: ast.Module) -> set[str]:
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


def _equal_but_names(
    old: ProgramScope, new: ProgramScope, names: Collection[str]
) -> Iterator[tuple[Statement, Statement]]:
    """Yield pairs of statements that are equal apart from `names` and from a literal value."""
    before, after = old.statements, new.statements
    old_keys, new_keys = (
        [_without_names(_without_literal(part), names) for part in statements]
        for statements in (before, after)
    )
    for i, j in common_members(old_keys, new_keys):
        if _may_be_same(before[i].node, after[j].node, names):
            yield before[i], after[j]


def _without_literal(statement: Statement) -> Key:
    """Return the key of a statement; of one that sets a name to a literal, without the literal."""
    match statement.node:
        case ast.Assign([ast.Name()], ast.Constant() as value):
            return shape(statement.node, blank=[value])
        case ast.Assign([ast.Name()], ast.BoolOp(ast.Or(), [*_, ast.Constant() as value])):
            return shape(statement.node, blank=[value])
        case _:
            return statement.key


class _RenameEvidence:
    """What speaks for names being renamed, from pairs of statements that differ in names only."""

    def __init__(self, read_names: set[str]) -> None:
        self._read_names = read_names
        self._votes: Counter[tuple[str, str]] = Counter()
        self._defined: set[tuple[str, str]] = set()
        self._used: set[tuple[str, str]] = set()
        self._same: set[tuple[str, str]] = set()

    def add(self, old: Statement, new: Statement, names: Collection[str]) -> None:
        """Note each name in which two statements differ."""
        pairs = zip(_names(old), _names(new), strict=True)
        changes = [(before, after) for before, after in pairs if before != after]
        self._votes.update(changes)
        sides = set(assigned_names(old.node)), set(assigned_names(new.node))
        defined = {change for change in changes if change[0] in sides[0] and change[1] in sides[1]}
        self._defined |= defined
        self._used |= {*changes} - defined
        if _without_names(old.key, names) == _without_names(new.key, names):
            self._same |= defined

    def find(self) -> list[tuple[str, str]]:
        """Return the renames, those with the most evidence first."""
        return sorted(
            filter(self._holds, self._votes), key=lambda vote: (-self._votes[vote], vote)
        )

    def _holds(self, change: tuple[str, str]) -> bool:
        is_read = not self._read_names.isdisjoint(change)
        return change in self._defined and (
            change in self._used or (change in self._same and not is_read)
        )


def _may_be_same(old: ast.AST, new: ast.AST, names: Collection[str]) -> bool:
    """Return whether two statements, where they are functions, share most of their bodies."""
    if not isinstance(old, Definition) or not isinstance(new, Definition):
        return True
    before, after = (
        Counter(
            _without_names(part.key, names)
            for scope in scopes_of(ast.Module([node], [])).values()
            for part in scope.statements[1:]
            if not isinstance(part.node, Definition)
        )
        for node in (old, new)
    )
    return 4 * (before & after).total() >= 3 * max(before.total(), after.total())


def _without_names(key: Key, names: Collection[str]) -> Key:
    return tuple(
        ("name", "?") if _is_name(token) and token[1] in names else token for token in key
    )


def _names(statement: Statement) -> list[str]:
    return [str(token[1]) for token in _without_literal(statement) if _is_name(token)]


def _is_name(token: Hashable) -> TypeGuard[tuple[str, str]]:
    return isinstance(token, tuple) and token[0] == "name"
