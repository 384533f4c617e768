"""docs/reliability.md guarantees nothing without a test."""

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
def test_every_guarantee_names_tests_that_exist(row: str) -> None:
    fault, guarantee, tests = (cell.strip() for cell in row.strip("|").split("|"))
    named = _TEST.findall(tests)

    assert fault
    assert guarantee
    assert named
    assert ", ".join(f"`{path}::{name}`" for path, name in named) == tests
    assert [(path, name) for path, name in named if name not in _tests_in(path)] == []


def test_every_test_of_faults_is_on_the_page() -> None:
    written = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in _tests_in(str(path.relative_to(ROOT)))
    }

    assert written - set(_TEST.findall(PAGE)) == set()


@cache
def _tests_in(path: str) -> frozenset[str]:
    """Return the names of the tests at the head of a module, none where there is no such file."""
    file = ROOT / path
    body = ast.parse(file.read_text("utf-8")).body if file.exists() else []
    return frozenset(
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
