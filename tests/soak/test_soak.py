from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from auditor import app
from auditor.demo.http_server import ReceivedRequest
from auditor.store.schema import upgrade
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


def test_a_quiet_night_takes_two_requests_a_project_beside_those_of_its_blocks(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'auditor.db'}"
    upgrade(url)
    with soak(url, tmp_path, targets=120, seed=1) as years:
        years.pass_nights(1)
        with app.open_store(years.settings) as store:
            work = app.run_and_deliver(years.settings, app.build_request(years.settings), store)
            totals = app.run_async(work).report.totals
        asked = Counter(map(endpoint_of, years.studio.requests))

    assert (totals.targets, totals.in_sync) == (120, 120)
    assert asked == {
        # one for each block but the input blocks, which are in the listing
        "training/keras": 42,
        "training/anomaly": 18,
        "training/vlm": 12,
        "dsp": 18,
        "post-processing": 12,
        # a project's blocks and, as the configuration has none, its name
        "impulses": 6,
        "projects": 6,
        # who trained what, and what was built
        "jobs/history": 6,
        "deployment/history": 6,
    }


def endpoint_of(request: ReceivedRequest) -> str:
    return re.sub(r"/v1/api/|\b\d+/?|\?.*", "", request.path).strip("/")
