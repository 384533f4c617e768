"""docs/reliability.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| fault |"))
]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_the_page_has_its_tables() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_promise_names_tests_that_there_are(row: str) -> None:
    fault, promise, held_by = (cell.strip() for cell in row.strip("|").split("|"))
    named = _TEST.findall(held_by)

    assert fault
    assert promise
    assert named
    assert ", ".join(f"`{path}::{name}`" for path, name in named) == held_by
    assert [one for one in named if one[1] not in _tests_in(one[0])] == []


def test_every_test_of_faults_stands_on_the_page() -> None:
    there = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in _tests_in(str(path.relative_to(ROOT)))
    }

    assert there - set(_TEST.findall(PAGE)) == set()


@cache
def _tests_in(path: str) -> frozenset[str]:
    """Return the names of the tests at the head of a module, none where there is no such file."""
    file = ROOT / path
    body = ast.parse(file.read_text("utf-8")).body if file.exists() else []
    return frozenset(
        one.name
        for one in body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    )
