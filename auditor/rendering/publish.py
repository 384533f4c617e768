"""Keeps the archive's pages up to date: which of them a run changed, and what they show.

A mark sums up what a page shows. It is made from a row of the store, before anything is compared
or rendered. A page is written if its mark differs or the page is lost; so a run without news
writes the index and nothing else, however many targets there are, and a page that was lost or
could not be written is written by the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, pairwise

from auditor.listings import (
    MOST_RUNS_DRAWN,
    FleetOverview,
    Overview,
    PageMarks,
    RunListing,
    RunSummary,
)
from auditor.model import RunInfo, RunStatus
from auditor.protocols import Store
from auditor.publishing import Site
from auditor.rendering.page_writing import PageResult, digest_of, try_to_write
from auditor.rendering.project_pages import MOST_PLAIN, ProjectPublisher

logger = logging.getLogger(__name__)

MOST_LISTED = 400  # runs on the index, beyond the current month's
_MOST_LOST_RUNS = 30  # lost pages of runs that one publication writes again
_UNCLOSED = (RunStatus.RUNNING, RunStatus.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Writes the pages other than the run's own.

    Attributes:
        stopping: asked before each page; once True the rest is left to the next run.
        rewrites_all: every page is written, whether it changed or not.
        most_plain: how many blocks and impulses with nothing but settings get their first page.
    """

    store: Store
    site: Site
    stopping: Callable[[], bool] = field(default=lambda: False)
    rewrites_all: bool = False
    most_plain: int = MOST_PLAIN

    def publish(self) -> None:
        """Write every page that is lost or out of date, the index last.

        Raises:
            OSError: the index cannot be written; for other pages that is logged.
        """
        marks = self.site.marks()
        if self.rewrites_all:
            marks = replace(marks, years={})
        pruned, stored = self.store.pruned_runs(), self.store.all_runs()
        runs = [run for run in stored if run.id not in pruned]
        try:
            marks = self._set_aside(stored, marks)
            marks = self._publish_runs(runs, marks)
            summaries = self.store.run_summaries(MOST_RUNS_DRAWN)
            projects = ProjectPublisher(self, runs=marks.runs, summaries=summaries)
            fleet = projects.publish()
            try_to_write("old addresses", self.site.forward_old_pages)
            marks = self._publish_index(runs, fleet, summaries, marks)
        finally:
            self.site.keep(marks)

    def _set_aside(self, stored: Sequence[RunInfo], marks: PageMarks) -> PageMarks:
        """Set pages aside of runs that a restored backup does not have.

        Later runs have their numbers, and would be taken for them.
        """
        unknown = marks.runs.difference(run.id for run in stored if run.id is not None)
        if not unknown:
            return marks
        self.site.set_aside(unknown)
        logger.warning("pages set aside of runs that are not in the database: %s", sorted(unknown))
        return replace(marks, runs=marks.runs - unknown)

    def _publish_runs(self, runs: Sequence[RunInfo], marks: PageMarks) -> PageMarks:
        """Write lost pages of runs, and link the page before the newest one to that."""
        closed = _closed_ids(runs)
        lost = [run_id for run_id in closed if self.rewrites_all or run_id not in marks.runs]
        wanted = lost if self.rewrites_all else lost[:_MOST_LOST_RUNS]
        with_page = sorted(marks.runs.intersection(closed).union(wanted))
        neighbours = _neighbours(with_page)
        for run_id in wanted:
            write = partial(self._write_run, run_id, *neighbours[run_id])
            result = (
                PageResult.REFUSED if self.stopping() else try_to_write(f"run {run_id}", write)
            )
            if result is PageResult.REFUSED:
                break
            if result is PageResult.WRITTEN:
                marks = replace(marks, runs=marks.runs | {run_id})
        for before, newest in list(pairwise(with_page))[-1:]:
            if {before, newest} <= marks.runs:
                link = partial(self.site.link_newest, before, following=newest)
                try_to_write(f"run {before}", link)
        return marks

    def _write_run(self, run_id: int, previous: int | None, following: int | None) -> None:
        report = self.store.report(run_id)
        if report is not None:
            self.site.write_run(report, previous=previous, following=following)

    def _publish_index(
        self,
        runs: Sequence[RunInfo],
        fleet: FleetOverview,
        summaries: tuple[RunSummary, ...],
        marks: PageMarks,
    ) -> PageMarks:
        listed, older = split_runs(runs)
        years: dict[int, str] = {}
        for year in sorted({run.started_at.year for run in older}, reverse=True):
            in_year = tuple(run for run in older if run.started_at.year == year)
            years[year] = digest_of(*((run.id, run.id in marks.runs) for run in in_year))
            if marks.years.get(year) != years[year]:
                self.site.write_year(year, self._list_runs(in_year), runs=marks.runs)
        overview = Overview(
            newest=self.store.report(None),
            listing=self._list_runs(listed),
            years=tuple(years),
            summaries=summaries,
            fleet=fleet,
            project_lists=self.site.write_project_lists(fleet.projects),
        )
        self.site.write_overview(overview, runs=marks.runs)
        return replace(marks, years=years)

    def _list_runs(self, runs: tuple[RunInfo, ...]) -> RunListing:
        return RunListing(runs=runs, briefs=self.store.brief_reports(_closed_ids(runs)))


def _closed_ids(runs: Sequence[RunInfo]) -> list[int]:
    return [run.id for run in runs if run.id is not None and run.status not in _UNCLOSED]


def split_runs(
    runs: Sequence[RunInfo], *, most: int = MOST_LISTED
) -> tuple[tuple[RunInfo, ...], tuple[RunInfo, ...]]:
    """Return the runs that the index lists and the older ones, both newest first.

    Whole months (UTC) are listed, at least that of the newest run; so the older runs, and with
    them the pages of the years, change once a month and not with every run.
    """
    listed = 0
    by_month = groupby(runs, key=lambda run: (run.started_at.year, run.started_at.month))
    for place, (_, group) in enumerate(by_month):
        in_month = len(list(group))
        if place and listed + in_month > most:
            break
        listed += in_month
    return tuple(runs[:listed]), tuple(runs[listed:])


def _neighbours(ids: Sequence[int]) -> Mapping[int, tuple[int | None, int | None]]:
    """Return for each of the ascending ids the one before and the one after."""
    neighbours = [None, *ids, None]
    return {
        run_id: (before, after)
        for before, run_id, after in zip(neighbours, ids, neighbours[2:], strict=False)
    }
