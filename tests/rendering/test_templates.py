"""Templates are compiled once for all processes, where their folder can be written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.rendering.html import HtmlRenderer
from tests.rendering.samples import TEMPLATES


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Copy the templates, without what was compiled of them."""
    return shutil.copytree(
        TEMPLATES, tmp_path / "templates", ignore=shutil.ignore_patterns("__pycache__")
    )


def _year(templates: Path) -> str:
    values = {"root": "", "year": 2026, "rows": (), "run_kinds": (), "months": (), "legend": ()}
    return HtmlRenderer(templates).render("year.html", **values)


def _compiled(templates: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (templates / "__pycache__").iterdir()}


def test_what_is_compiled_is_kept_and_used_again(templates: Path) -> None:
    first = _year(templates)
    kept = _compiled(templates)
    again = _year(templates)

    assert kept
    assert again == first
    assert _compiled(templates) == kept


@pytest.mark.parametrize(
    "damage",
    [lambda file: file[:-9], lambda _: b"", lambda file: file[:12] + file],
    ids=["cut", "empty", "overwritten"],
)
def test_a_damaged_file_is_compiled_anew(
    templates: Path, damage: Callable[[bytes], bytes]
) -> None:
    first = _year(templates)
    kept = _compiled(templates)
    for path, content in kept.items():
        path.write_bytes(damage(content))

    assert _year(templates) == first
    assert _compiled(templates) == kept


def test_a_changed_template_is_compiled_anew(templates: Path) -> None:
    _year(templates)
    layout = templates / "site.html"
    layout.write_text(layout.read_text().replace("</body>", "changed</body>"))

    assert "changed</body>" in _year(templates)


def test_a_folder_that_cannot_be_written_does_not_matter(templates: Path) -> None:
    (templates / "__pycache__").write_text("no folder")

    assert "2026" in _year(templates)
