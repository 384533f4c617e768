"""What makes two scripts the same program: their syntax trees in a normal form.

The normal form has no docstrings, no annotations, and neighbouring imports one by one and sorted.
Of imports that bind one name to different things the order stays, and everything stays on its
side of an `import *`. How a string is quoted and `del (a, b)` is written are no differences.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

_BODIES = ("body", "orelse", "finalbody")
_PARTS = ("handlers", "cases")
_Documented: TypeAlias = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Import: TypeAlias = ast.Import | ast.ImportFrom


def normalize(tree: ast.Module) -> ast.Module:
    """Return the tree in its normal form, changed in place."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, _Documented) and _docstring(node) is not None:
            del node.body[0]
        _drop_annotations(node)
        for name in _BODIES:
            body = getattr(node, name, None)
            if isinstance(body, list) and (body or name == "body"):
                body[:] = _normal_statements(body)
                pending.extend(body)
        for name in _PARTS:
            pending.extend(getattr(node, name, ()))
    return tree


def name_differences(old: ast.Module, new: ast.Module) -> tuple[str, ...]:
    """Return what the normal form leaves out and differs, in words; the trees are as parsed."""
    return tuple(
        words
        for words, parts in (
            ("docstrings", _docstrings),
            ("annotations", _annotations),
            ("the order of imports", _imports),
        )
        if list(parts(old)) != list(parts(new))
    )


def bound_name(alias: ast.alias, node: _Import) -> tuple[str, str]:
    """Return the name that an import binds, and what it binds it to."""
    if isinstance(node, ast.ImportFrom):
        package = "." * (node.level or 0) + (f"{node.module}." if node.module else "")
        return alias.asname or alias.name, package + alias.name
    if alias.asname:
        return alias.asname, alias.name
    top = alias.name.partition(".")[0]
    return top, top


def _docstring(node: _Documented) -> str | None:
    match node.body:
        case [ast.Expr(ast.Constant(value=str() as text)), *_]:
            return text
        case _:
            return None


def _drop_annotations(node: ast.AST) -> None:
    match node:
        case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
            node.returns = None
            for argument in _all_arguments(arguments):
                argument.annotation = None
        case ast.Delete([ast.Tuple() | ast.List() as members]):
            node.targets = members.elts
        case _:
            pass


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    further = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *further]


def _normal_statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a body without annotations, each import on its own.

    A body of nothing but `pass` is empty, like one of nothing but a docstring.
    """
    if [type(statement) for statement in body] == [ast.Pass]:
        return []
    statements: list[ast.stmt] = []
    imports: list[_Import] = []
    for statement in body:
        if isinstance(statement, _Import):
            imports.append(statement)
        elif not isinstance(statement, ast.AnnAssign) or statement.value is not None:
            statements += [*_sorted_imports(imports), _plain_assignment(statement)]
            imports = []
    return [*statements, *_sorted_imports(imports)]


def _plain_assignment(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        plain = ast.Assign([statement.target], statement.value)
        return ast.copy_location(plain, statement)
    return statement


def _sorted_imports(imports: list[_Import]) -> Iterator[ast.stmt]:
    part: list[_Import] = []
    for each in (single for statement in imports for single in _single_imports(statement)):
        if each.names[0].name == "*":
            yield from _sorted_part(part)
            yield each
            part = []
        else:
            part.append(each)
    yield from _sorted_part(part)


def _single_imports(statement: _Import) -> Iterator[_Import]:
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            yield ast.copy_location(ast.Import([alias]), statement)
        else:
            single = ast.ImportFrom(statement.module, [alias], statement.level)
            yield ast.copy_location(single, statement)


def _sorted_part(imports: list[_Import]) -> list[_Import]:
    """Return imports sorted; those of a name that another one binds too stay in their order."""
    bindings = {bound_name(each.names[0], each) for each in imports}
    counts = Counter(name for name, _ in bindings)

    def is_contested(each: _Import) -> bool:
        return counts[bound_name(each.names[0], each)[0]] > 1

    contested = iter([each for each in imports if is_contested(each)])
    ordered = sorted(imports, key=_import_key)
    return [next(contested) if is_contested(each) else each for each in ordered]


def _import_key(statement: _Import) -> tuple[str, ...]:
    alias = statement.names[0]
    if isinstance(statement, ast.Import):
        return "import", alias.name, alias.asname or ""
    return "from", f"{statement.level}", statement.module or "", alias.name, alias.asname or ""


def _docstrings(tree: ast.Module) -> Iterator[str | None]:
    return (_docstring(node) for node in ast.walk(tree) if isinstance(node, _Documented))


def _annotations(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(annotation=ast.AST() as annotation):
                yield _dumped(annotation)
            case ast.arg(annotation=annotation):
                yield _dumped(annotation)
            case ast.FunctionDef(returns=annotation) | ast.AsyncFunctionDef(returns=annotation):
                yield _dumped(annotation)
            case _:
                pass


def _imports(tree: ast.Module) -> Iterator[str]:
    return (_dumped(node) for node in ast.walk(tree) if isinstance(node, _Import))


def _dumped(node: ast.AST | None) -> str:
    try:
        return ast.dump(node) if node is not None else ""
    except RecursionError:
        return "…"
