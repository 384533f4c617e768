"""Archives in a folder, for tests that look at their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auditor.listings import RunListing
from tests.rendering.samples import NIGHTS


def year_of_runs(runs: int = 40, *, last: datetime | None = None) -> RunListing:
    """Return a run per day, of every sort in turn, newest first."""
    end = last or datetime(2025, 11, 23, 3, 15, tzinfo=UTC)
    sorts = [night() for name, night in NIGHTS.items() if name != "hostile"]
    briefs = tuple(
        replace(
            report,
            run=replace(report.run, id=runs - place, started_at=end - timedelta(days=place)),
        )
        for place in range(runs)
        for report in (sorts[place % len(sorts)],)
    )
    return RunListing(runs=tuple(brief.run for brief in briefs), briefs=briefs)
