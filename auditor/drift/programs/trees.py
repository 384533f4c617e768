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
from typing import TypeAlias

from auditor.drift.canonical import program_text

MAX_CHARS = 65_536  # a script of Studio is 1 to 20 KB; the parser is quadratic in an f-string
MAX_DEPTH = 100  # of the syntax tree, about 12 in a script of Studio
MAX_CELLS = 500_000  # of one alignment: 700 statements, all of them changed
_APART = 4  # what an added and a removed member cost

# The parser keeps every prefix of a dotted name: 200 KB of `import a.a.a` fill 10 GB.
_ENDLESS_NAME = re.compile(
    r"(?:\.[ \t\f\n\\]*[\w\x80-\U0010ffff]+[ \t\f\n\\]*){" + str(MAX_DEPTH) + "}", re.ASCII
)
_BODIES = ("body", "handlers", "cases", "orelse", "finalbody")
_MARKED = ("orelse", "finalbody")
_NAMED: dict[type[ast.AST], str] = {
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
class Broken:
    """A script that Python does not read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Beyond:
    """A script that is too long or too deeply nested to be parsed."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A simple statement, or the head of a compound one.

    Attributes:
        node: What it says, where that is worth a look: not of `else`, nor of a declaration.
    """

    node: ast.AST
    key: Key
    depth: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The module, a function or a class; its first statement is what declares it.

    Attributes:
        name: `f`, `C.m` for a method, `f#2` for a second one; empty for the module.
        parent: The name of the scope around it.
    """

    name: str
    parent: str
    node: ast.Module | Definition
    statements: tuple[Statement, ...]


def parse(script: str) -> ast.Module | Broken | Beyond:
    """Return the syntax tree of a script, or why there is none."""
    if len(script) > MAX_CHARS:
        return Beyond()
    source = program_text(script).removeprefix("\ufeff")
    if _ENDLESS_NAME.search(source):
        return Beyond()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a script's odd escapes are not the auditor's
            tree = ast.parse(source)
    except (RecursionError, MemoryError):  # how the parser says that it is nested too deeply
        return Beyond()
    except SyntaxError as error:
        return Broken(f"line {error.lineno}: {error.msg}" if error.lineno else error.msg)
    except ValueError:
        return Broken("a character that no program can hold")
    return Beyond() if _is_deep(tree) else tree


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


def scopes_of(tree: ast.Module) -> dict[str, Scope]:
    """Return every scope of a program by its name, the module first."""
    scopes: dict[str, Scope] = {}
    pending: list[tuple[str, str, ast.Module | Definition]] = [("", "", tree)]
    while pending:
        name, parent, node = pending.pop()
        declaration = Statement(ast.Pass(), _declaration(node), 0)
        scope = Scope(name, parent, node, (declaration, *_statements(node, 1)))
        scopes[name] = scope
        pending.extend((inner, name, one) for inner, one in reversed(list(_defined(scope))))
    return scopes


def align(
    old: Sequence[Hashable], new: Sequence[Hashable], cost: Callable[[int, int], int] | None = None
) -> tuple[tuple[int, int], ...]:
    """Return the places of old and new that belong together, ascending, at the least cost.

    A member added or removed costs 2, an equal pair nothing, any other pair what `cost` says, and
    without it too much. Of a run of twins the last is the one added or removed. Where too much
    changed, only the equal beginning and end belong together.
    """
    numbers: dict[Hashable, int] = {}
    before = [numbers.setdefault(one, len(numbers)) for one in old]
    after = [numbers.setdefault(one, len(numbers)) for one in new]
    start, ends = common(before, after)
    rows, columns = range(start, len(old) - ends), range(start, len(new) - ends)
    same = ((place, place) for place in range(start))
    tail = ((len(old) - place, len(new) - place) for place in range(ends, 0, -1))
    if len(rows) * len(columns) > MAX_CELLS:
        return (*same, *tail)
    costs = [
        [0 if before[i] == after[j] else cost(i, j) if cost else _APART for j in columns]
        for i in rows
    ]
    return (*same, *((rows[i], columns[j]) for i, j in _cheapest(costs, len(columns))), *tail)


def common(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[int, int]:
    """Return how many members at the beginning and at the end are equal."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    left = shorter - start
    ends = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    return start, ends


def renames(old: ast.Module, new: ast.Module) -> dict[str, str]:
    """Return new name → old name of what the new program only calls otherwise."""
    gone, came = _given(old) - _used(new), _given(new) - _used(old)
    if not gone or not came:
        return {}
    before, after = scopes_of(old), scopes_of(new)
    votes: Counter[tuple[str, str]] = Counter()
    for name in before.keys() & after.keys():
        votes.update(_votes(before[name], after[name], gone | came))
    found: dict[str, str] = {}
    for (before_name, after_name), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote)):
        if after_name not in found and before_name not in found.values():
            found[after_name] = before_name
    return found


def rename(tree: ast.Module, names: Mapping[str, str]) -> None:
    """Give names of a program other names, in place."""
    for node in ast.walk(tree):
        field = _NAMED.get(type(node))
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
    """Return the fields of a node, a name in them marked as one."""
    named = _NAMED.get(type(node))
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
        if parts and field in _MARKED:
            yield Statement(ast.Pass(), (field,), depth - 1)
        for part in parts:
            if isinstance(part, Definition):
                yield Statement(part, ("def", ("name", part.name)), depth)
            else:
                yield Statement(part, _declaration(part), depth)
                yield from _statements(part, depth + 1)


def _defined(scope: Scope) -> Iterator[tuple[str, Definition]]:
    counts: Counter[str] = Counter()
    for statement in scope.statements[1:]:
        if isinstance(statement.node, Definition):
            name = statement.node.name
            counts[name] += 1
            ordinal = f"#{counts[name]}" if counts[name] > 1 else ""
            yield f"{scope.name}.{name}{ordinal}".removeprefix("."), statement.node


def _cheapest(costs: list[list[int]], columns: int) -> Iterator[tuple[int, int]]:
    rows = len(costs)
    rest = [[2 * (rows - i + columns - j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        line, below, pairs = rest[i], rest[i + 1], costs[i]
        for j in range(columns - 1, -1, -1):
            line[j] = min(pairs[j] + below[j + 1], 2 + below[j], 2 + line[j + 1])
    i = j = 0
    while i < rows and j < columns:
        if costs[i][j] < _APART and rest[i][j] == costs[i][j] + rest[i + 1][j + 1]:
            yield i, j
            i, j = i + 1, j + 1
        elif rest[i][j] == 2 + rest[i + 1][j]:
            i += 1
        else:
            j += 1


def _given(tree: ast.Module) -> set[str]:
    """Return the names that a program gives to something of its own."""
    given: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store):
            given.add(getattr(node, _NAMED.get(type(node), ""), None) or "")
    return given - {""}


def _used(tree: ast.Module) -> set[str]:
    """Return every name that means something in a program."""
    used: set[str] = set()
    for node in ast.walk(tree):
        used.add(getattr(node, _NAMED.get(type(node), ""), None) or "")
        if isinstance(node, ast.alias):
            used.add(node.name.partition(".")[0])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            used.update(node.names)
    return used


def _votes(old: Scope, new: Scope, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (old name, new name) wherever statements are equal but for `names`."""
    before, after = old.statements, new.statements
    hidden = [_anonymous(one.key, names) for one in before]
    for i, j in align(hidden, [_anonymous(one.key, names) for one in after]):
        if _may_be_same(before[i].node, after[j].node, names):
            pairs = zip(_names(before[i].key), _names(after[j].key), strict=True)
            yield from ((a, b) for a, b in pairs if a != b)


def _may_be_same(old: ast.AST, new: ast.AST, names: Collection[str]) -> bool:
    """Return whether two statements, where they are functions, share half of their bodies."""
    if not isinstance(old, Definition) or not isinstance(new, Definition):
        return True
    before = Counter(_anonymous(one.key, names) for one in _statements(old, 1))
    after = Counter(_anonymous(one.key, names) for one in _statements(new, 1))
    return 2 * (before & after).total() >= max(before.total(), after.total())


def _anonymous(key: Key, names: Collection[str]) -> Key:
    return tuple(
        ("name", "?") if isinstance(one, tuple) and one[0] == "name" and one[1] in names else one
        for one in key
    )


def _names(key: Key) -> list[str]:
    return [str(one[1]) for one in key if isinstance(one, tuple) and one[0] == "name"]
