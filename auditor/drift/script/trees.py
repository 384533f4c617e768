"""A training script as a program: parsed within limits, never run.

A program is its scopes: the module, every function, every class. A scope is its statements in
order, each with its depth. A compound statement is its head, followed by its body one level
deeper; `else` and `finally` are statements of their own. Two programs are equal exactly where
their scopes are, statement by statement.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from auditor.drift.canonical import program_text

MAX_CHARS = 65_536  # a script of Studio is 1 to 20 KB; the parser is quadratic in an f-string
MAX_DEPTH = 100  # of the syntax tree, about 12 in a script of Studio
MAX_CELLS = 500_000  # of one alignment: 700 statements, all of them changed
_SEPARATE_COST = 4  # of an added and a removed member

# The parser keeps every prefix of a dotted name: 200 KB of `import a.a.a` take 10 GB.
_LONG_DOTTED_NAME = re.compile(
    r"(?:\.[ \t\f\n\\]*[\w\x80-\U0010ffff]+[ \t\f\n\\]*){" + str(MAX_DEPTH) + "}", re.ASCII
)
_BODIES = ("body", "handlers", "cases", "orelse", "finalbody")
_MARKED_BODIES = ("orelse", "finalbody")
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


@dataclass(frozen=True, slots=True)
class UnparsableScript:
    """A script that Python cannot parse, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OversizedScript:
    """A script that is too long or too deeply nested to be parsed."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A simple statement, or the head of a compound one.

    Attributes:
        node: the syntax tree; a placeholder for `else`, `finally` and declarations.
        key: what makes two statements equal.
    """

    node: ast.AST
    key: Key
    depth: int


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


def parse_script(script: str) -> ast.Module | UnparsableScript | OversizedScript:
    """Return the syntax tree of a script, or why there is none."""
    if len(script) > MAX_CHARS:
        return OversizedScript()
    source = program_text(script).removeprefix("\ufeff")
    if _LONG_DOTTED_NAME.search(source):
        return OversizedScript()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in a script are not the auditor's
            tree = ast.parse(source)
    except (RecursionError, MemoryError):  # the parser raises them for deep nesting
        return OversizedScript()
    except SyntaxError as error:
        return UnparsableScript(f"line {error.lineno}: {error.msg}" if error.lineno else error.msg)
    except ValueError:
        return UnparsableScript("a character that Python does not allow")
    return OversizedScript() if _is_deep(tree) else tree


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
        declaration = Statement(ast.Pass(), _declaration(node), 0)
        scope = ProgramScope(name, parent, node, (declaration, *_statements(node, 1)))
        scopes[name] = scope
        pending.extend(
            (inner, name, definition)
            for inner, definition in reversed(list(_definitions_in(scope)))
        )
    return scopes


def align_sequences(
    old: Sequence[Hashable], new: Sequence[Hashable], cost: Callable[[int, int], int] | None = None
) -> tuple[tuple[int, int], ...]:
    """Return the cheapest pairs of old and new places, ascending.

    A member added or removed costs 2, an equal pair nothing, any other pair what `cost` says;
    without `cost` only equal members are paired. Of a run of equal members the last is the one
    added or removed. Where too much changed, only the equal beginning and end are paired.
    """
    numbers: dict[Hashable, int] = {}
    before = [numbers.setdefault(member, len(numbers)) for member in old]
    after = [numbers.setdefault(member, len(numbers)) for member in new]
    start, ends = equal_ends(before, after)
    rows, columns = range(start, len(old) - ends), range(start, len(new) - ends)
    start_pairs = ((place, place) for place in range(start))
    end_pairs = ((len(old) - place, len(new) - place) for place in range(ends, 0, -1))
    if len(rows) * len(columns) > MAX_CELLS:
        return (*start_pairs, *end_pairs)
    costs = [
        [0 if before[i] == after[j] else cost(i, j) if cost else _SEPARATE_COST for j in columns]
        for i in rows
    ]
    middle = ((rows[i], columns[j]) for i, j in _cheapest_pairs(costs, len(columns)))
    return (*start_pairs, *middle, *end_pairs)


def equal_ends(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[int, int]:
    """Return how many members at the beginning and at the end are equal."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    left = shorter - start
    ends = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    return start, ends


def find_renames(old: ast.Module, new: ast.Module) -> dict[str, str]:
    """Return the old name by the new one for whatever was only renamed in the new program."""
    removed, added = _defined_names(old) - _used_names(new), _defined_names(new) - _used_names(old)
    if not removed or not added:
        return {}
    before, after = scopes_of(old), scopes_of(new)
    votes: Counter[tuple[str, str]] = Counter()
    for name in before.keys() & after.keys():
        votes.update(_rename_votes(before[name], after[name], removed | added))
    old_names: dict[str, str] = {}
    for (before_name, after_name), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote)):
        if after_name not in old_names and before_name not in old_names.values():
            old_names[after_name] = before_name
    return old_names


def apply_renames(tree: ast.Module, names: Mapping[str, str]) -> None:
    """Rename names of a program, in place."""
    for node in ast.walk(tree):
        field = _NAME_FIELDS.get(type(node))
        if field is not None:
            name = getattr(node, field)
            setattr(node, field, names.get(name, name))
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [names.get(name, name) for name in node.names]


def _is_deep(tree: ast.Module) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def _values(node: ast.AST, *, without: Collection[str] = ()) -> list[object]:
    """Return the fields of a node, names marked as names."""
    named = _NAME_FIELDS.get(type(node))
    return [
        ("name", value) if field == named else value
        for field, value in ast.iter_fields(node)
        if field not in without
    ]


def _declaration(node: ast.AST) -> Key:
    return (type(node).__name__, *shape(*_values(node, without=_BODIES)))


def _statements(node: ast.AST, depth: int) -> Iterator[Statement]:
    for field in _BODIES:
        parts = getattr(node, field, [])
        if parts and field in _MARKED_BODIES:
            yield Statement(ast.Pass(), (field,), depth - 1)
        for part in parts:
            if isinstance(part, Definition):
                yield Statement(part, ("def", ("name", part.name)), depth)
            else:
                yield Statement(part, _declaration(part), depth)
                yield from _statements(part, depth + 1)


def _definitions_in(scope: ProgramScope) -> Iterator[tuple[str, Definition]]:
    counts: Counter[str] = Counter()
    for statement in scope.statements[1:]:
        if isinstance(statement.node, Definition):
            name = statement.node.name
            counts[name] += 1
            ordinal = f"#{counts[name]}" if counts[name] > 1 else ""
            yield f"{scope.name}.{name}{ordinal}".removeprefix("."), statement.node


def _cheapest_pairs(costs: list[list[int]], columns: int) -> Iterator[tuple[int, int]]:
    rows = len(costs)
    rest = [[2 * (rows - i + columns - j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        line, below, pairs = rest[i], rest[i + 1], costs[i]
        for j in range(columns - 1, -1, -1):
            line[j] = min(pairs[j] + below[j + 1], 2 + below[j], 2 + line[j + 1])
    i = j = 0
    while i < rows and j < columns:
        if costs[i][j] < _SEPARATE_COST and rest[i][j] == costs[i][j] + rest[i + 1][j + 1]:
            yield i, j
            i, j = i + 1, j + 1
        elif rest[i][j] == 2 + rest[i + 1][j]:
            i += 1
        else:
            j += 1


def _defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a program defines."""
    defined: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store):
            defined.add(getattr(node, _NAME_FIELDS.get(type(node), ""), None) or "")
    return defined - {""}


def _used_names(tree: ast.Module) -> set[str]:
    """Return every name that a program uses or defines."""
    used: set[str] = set()
    for node in ast.walk(tree):
        used.add(getattr(node, _NAME_FIELDS.get(type(node), ""), None) or "")
        if isinstance(node, ast.alias):
            used.add(node.name.partition(".")[0])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            used.update(node.names)
    return used


def _rename_votes(
    old: ProgramScope, new: ProgramScope, names: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield (old name, new name) wherever statements are equal but for `names`."""
    before, after = old.statements, new.statements
    old_keys = [_without_names(statement.key, names) for statement in before]
    new_keys = [_without_names(statement.key, names) for statement in after]
    for i, j in align_sequences(old_keys, new_keys):
        if _may_be_same(before[i].node, after[j].node, names):
            pairs = zip(_names(before[i].key), _names(after[j].key), strict=True)
            yield from ((a, b) for a, b in pairs if a != b)


def _may_be_same(old: ast.AST, new: ast.AST, names: Collection[str]) -> bool:
    """Return whether two statements, where they are functions, share half of their bodies."""
    if not isinstance(old, Definition) or not isinstance(new, Definition):
        return True
    before = Counter(_without_names(part.key, names) for part in _statements(old, 1))
    after = Counter(_without_names(part.key, names) for part in _statements(new, 1))
    return 2 * (before & after).total() >= max(before.total(), after.total())


def _without_names(key: Key, names: Collection[str]) -> Key:
    return tuple(
        ("name", "?") if _is_name(token) and token[1] in names else token for token in key
    )


def _names(key: Key) -> list[str]:
    return [str(token[1]) for token in key if _is_name(token)]


def _is_name(token: Hashable) -> TypeGuard[tuple[str, str]]:
    return isinstance(token, tuple) and token[0] == "name"
