from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.model import RunStatus
from auditor.rendering.archive import FolderArchive
from auditor.report import Report
from tests.rendering.samples import quiet, run


def test_a_run_gets_a_page_of_its_own(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "reports", neighbours)

    path = Path(archive.write(quiet()))

    assert path == tmp_path / "reports" / "run-000007.html"
    assert path.read_text(encoding="utf-8") == "7 after None before None"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["run-000007.html"]


def test_writing_again_replaces_the_page(tmp_path: Path) -> None:
    FolderArchive(tmp_path, lambda *_: "first").write(quiet())

    path = FolderArchive(tmp_path, lambda *_: "second").write(quiet())

    assert Path(path).read_text() == "second"


def test_a_dry_run_leaves_nothing(tmp_path: Path) -> None:
    dry = replace(quiet(), run=run(RunStatus.COMPLETE, number=None))

    assert not FolderArchive(tmp_path / "reports", neighbours).write(dry)
    assert not (tmp_path / "reports").exists()


def test_a_page_that_cannot_be_put_in_place_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "run-000007.html").mkdir()

    with pytest.raises(OSError, match="directory"):
        FolderArchive(tmp_path, neighbours).write(quiet())

    assert [entry.name for entry in tmp_path.iterdir()] == ["run-000007.html"]


def test_a_page_leads_back_to_the_newest_that_lies_there(tmp_path: Path) -> None:
    for name in ("run-000004.html", "run-000005.html", "run-000009.html", "run-6.html"):
        (tmp_path / name).touch()

    path = FolderArchive(tmp_path, neighbours).write(quiet())

    assert Path(path).read_text() == "7 after 5 before None"


def neighbours(report: Report, previous: int | None, following: int | None) -> str:
    return f"{report.run.id} after {previous} before {following}"
