"""The program, its templates and its documentation use no word that the glossary rules out."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_PHRASES = (
    # words of a private language; the glossary has the words to use
    r"told",
    r"untold",
    r"roster",
    r"silenced",
    r"(?:kept|keeps?|keeping) (?:it )?silent",
    r"learnt",
    # phrases that readers had to decode
    r"from now on changes are",
    r"kept from being (?:told|reported)",
    r"with it:",
    r"why you:",
    r"since between",
    r"(?:has|had|value) moved on",
    r"is no moment",
    r"names? no (?:learn block|version|project|run|field)",
    r"holds a blank",
    r"asking no further",
    r"asked no further",
    r"of the answer \(",
    r"is there already",
    r"takes no key",
    r"all that a night needs",
    r"into studio as a person",
    r"is believed",
    r"no two alike",
    r"by whose word",
    r"(?:is|are|was|were) had (?:late|again|at|once|first)",
    r"tells? no flood",
    r"unless written",
    r"all of it is to be kept",
)
_NOT_USED = re.compile(rf"\b(?:{'|'.join(_PHRASES)})(?!\w)", re.IGNORECASE)

_NAMES = frozenset({"one", "there", "chosen", "held", "had", "gone", "quickly", "outlived"})
"""Names that say nothing of the value, or a participle alone."""
_NAME_PARTS = frozenset(
    {"told", "untold", "roster", "silenced", "sighting", "sightings", "stands"}
)
"""Parts of a name: `told_at` and `UntoldFinding` have one."""

_EXCEPTIONS = {
    # Columns and tables keep their names: another name needs a migration of every database.
    "told_at": "column of the tables run, finding and notice",
    "stands_since": "key of findings in the JSON of a report",
}

_STORE_WORDS = frozenset({"roster"})
"""The table `roster` keeps its name, and so do the functions and comments beside it."""

AREAS = (
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "auditor").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    ),
    "templates",
    "README.md",
    "docs",
    "bench",
    "CHANGELOG.md",
    "config.example.toml",
    "systemd",
    "tests",
)


@pytest.mark.parametrize("area", AREAS)
def test_no_word_is_used_that_the_glossary_rules_out(area: str) -> None:
    assert [found for path in _files(ROOT / area) for found in _findings(path)] == []


def test_the_list_finds_what_it_names() -> None:
    assert _NOT_USED.search("Changes are told once.")
    assert _NOT_USED.search("the value moved on")
    assert not _NOT_USED.search("reported by Toldo, `told_at`")
    assert list(_bad_names("untold_at, one = pair")) == ["untold_at", "one"]
    assert list(_bad_names("told_at = finding")) == []


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    endings = {".py", ".html", ".md", ".toml", ".service", ".timer", ".conf"}
    # This module is the list itself.
    return sorted(
        path
        for path in place.rglob("*")
        if path.suffix in endings and path != Path(__file__) and "data" not in path.parts
    )


def _findings(path: Path) -> Iterator[str]:
    """Yield each use of a word that is not used, with its place."""
    text = path.read_text("utf-8")
    where = path.relative_to(ROOT)
    is_store = where.parts[:2] in {("auditor", "store"), ("tests", "store")}
    if path.suffix == ".py":
        for name in _bad_names(text):
            if not (is_store and "roster" in name.lower()):
                yield f"{where}: name {name}"
        prose = _prose(text)
    else:
        # The glossary ends with the list itself.
        prose = enumerate(text.partition("## Words that are not used")[0].splitlines(), start=1)
    for line, words in prose:
        for found in _NOT_USED.finditer(words):
            if is_store and found[0] in _STORE_WORDS:
                continue
            yield f"{where}:{line}: {found[0]}"


def _bad_names(source: str) -> Iterator[str]:
    """Yield the names that a module defines and that say too little, or use a ruled-out word."""
    for node in ast.walk(ast.parse(source)):
        name = _defined_name(node)
        if name is None or name in _EXCEPTIONS:
            continue
        parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
        if name.strip("_") in _NAMES or parts & _NAME_PARTS:
            yield name


def _defined_name(node: ast.AST) -> str | None:
    match node:
        case (
            ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name)
        ):
            return name
        case ast.arg(arg=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()):
            return name
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case _:
            return None


def _prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and texts of a module with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            yield token.start[0], token.string
