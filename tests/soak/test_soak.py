from __future__ import annotations

from pathlib import Path

from tests.soak.years import soak


def test_every_edit_is_reported_once_as_new(database_url: str, tmp_path: Path) -> None:
    with soak(database_url, tmp_path, targets=8, seed=3) as years:
        years.pass_nights(12)

    assert years.books.errors == []
    assert years.books.unreported() == []
    assert years.books.reported_edits > 5
    assert years.crashes > 0
    assert years.footprints[-1].files <= years.footprints[2].files
