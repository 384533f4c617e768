from __future__ import annotations

from pathlib import Path

from tests.soak.years import soak


def test_every_edit_and_every_piece_of_news_is_reported_once(
    database_url: str, tmp_path: Path
) -> None:
    with soak(database_url, tmp_path, targets=10, seed=6) as years:
        years.pass_nights(11)

        assert years.wrong() == []
    assert years.books.reported_edits > 5
    assert years.books.late_edits > 0
    assert years.chains > 0
    assert years.trainings > 0
    assert years.crashes > 0
    assert years.read_only > 0
    assert years.jumps > 0
    assert years.vendor.reported_steps > 0
    assert all(years.news.happened.values())
    assert years.footprints[-1].files <= years.footprints[2].files
