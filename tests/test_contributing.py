"""CONTRIBUTING.md leads to files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FOLDERS = (REPOSITORY, REPOSITORY / "auditor")
NAMED = re.compile(r"`((?:[\w.-]+/)*[\w.-]+(?:/|\.(?:py|md|toml|yaml)))`")


def named_files() -> list[str]:
    return sorted(set(NAMED.findall((REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"))))


@pytest.mark.parametrize("name", named_files())
def test_a_file_that_contributors_are_sent_to_exists(name: str) -> None:
    beside = (REPOSITORY / "auditor" / "cli", REPOSITORY / "auditor" / "drift")
    assert any((folder / name).exists() for folder in (*FOLDERS, *beside))


def test_contributing_names_files() -> None:
    assert len(named_files()) > 20
