"""CONTRIBUTING.md leads to files that exist, and each decision has a number of its own."""

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


def test_each_decision_has_the_next_number_in_its_name_and_in_its_heading() -> None:
    pages = sorted((REPOSITORY / "docs" / "adr").iterdir())
    headings = [page.read_text("utf-8").partition(".")[0] for page in pages]

    assert [page.name[:5] for page in pages] == [
        f"{place:04}-" for place in range(1, len(pages) + 1)
    ]
    assert headings == [f"# {place}" for place in range(1, len(pages) + 1)]
