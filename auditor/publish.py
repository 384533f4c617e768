"""Keeping the archive's pages up to date: which of them a night changed, and what they show.

What a page shows is summed up in a mark that is made from a row of the store, before anything
is compared or rendered. A page is written where its mark moved or where it is gone; so a quiet
night writes the index and nothing else, however many targets there are, and whatever was lost
or could not be written comes back with the next run.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, pairwise

from auditor.model import RunInfo, RunStatus
from auditor.protocols import Site, Store
from auditor.records import (
    MOST_RUNS_DRAWN,
    Overview,
    PageMarks,
    ProjectBlocks,
    RunListing,
    TargetHistory,
    TargetOverview,
    Version,
    VersionEntry,
)
from auditor.review import difference

logger = logging.getLogger(__name__)

MOST_LISTED = 400  # runs on the index, beyond the current month's
MOST_STEPS = 30
_RUNS_MENDED = 30  # lost pages of runs that one run makes again
_UNCLOSED = (RunStatus.RUNNING, RunStatus.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Writes the pages beside the run's own.

    Attributes:
        stopping: says when to leave off; the next run does the rest.
        is_anew: every page is written, whether it changed or not.
    """

    store: Store
    site: Site
    stopping: Callable[[], bool] = field(default=lambda: False)
    is_anew: bool = False

    def publish(self) -> None:
        """Write every page that is not as it should be, the index last.

        Raises:
            OSError: the index cannot be written; of other pages that is logged.
        """
        found = self.site.marks()
        known = replace(found, targets={}, projects={}, years={}) if self.is_anew else found
        pruned = self.store.pruned_runs()
        runs = [one for one in self.store.all_runs() if one.id not in pruned]
        overviews = self.store.target_overviews()
        try:
            known = self._runs(runs, known)
            known = self._targets(overviews, known)
            known = self._projects(overviews, known)
            known = self._index(runs, overviews, known)
        finally:
            self.site.keep(known)

    def _runs(self, runs: Sequence[RunInfo], known: PageMarks) -> PageMarks:
        """Write the pages of runs that are gone, and lead on from the one before the newest."""
        closed = [one.id for one in runs if one.id is not None and one.status not in _UNCLOSED]
        lost = [one for one in closed if self.is_anew or one not in known.runs]
        wanted = lost if self.is_anew else lost[:_RUNS_MENDED]
        paged = sorted(known.runs.intersection(closed).union(wanted))
        neighbours = _neighbours(paged)
        for run_id in wanted:
            if self.stopping() or not _is_written(
                f"run {run_id}", partial(self._run, run_id, *neighbours[run_id])
            ):
                break
            known = replace(known, runs=known.runs | {run_id})
        for before, after in list(pairwise(paged))[-1:]:
            if {before, after} <= known.runs:
                lead_on = partial(self.site.lead_on, before, following=after)
                _is_written(f"run {before}", lead_on)
        return known

    def _run(self, run_id: int, previous: int | None, following: int | None) -> None:
        report = self.store.report(run_id)
        if report is not None:
            self.site.write_run(report, previous=previous, following=following)

    def _targets(self, overviews: Sequence[TargetOverview], known: PageMarks) -> PageMarks:
        marks = dict(known.targets)
        compared = _Comparing(self.store)
        for one in overviews:
            target, mark = one.status.target, mark_of(one)
            if marks.get(target) == mark:
                continue
            write = partial(self._target, compared, one, known)
            if self.stopping() or not _is_written(f"block {target}", write):
                break
            marks[target] = mark
        return replace(known, targets=marks)

    def _target(self, compared: _Comparing, one: TargetOverview, known: PageMarks) -> None:
        self.site.write_target(compared.history(one), runs=known.runs)

    def _projects(self, overviews: Sequence[TargetOverview], known: PageMarks) -> PageMarks:
        marks = dict(known.projects)
        for project_id, group in groupby(overviews, key=lambda one: one.status.target.project_id):
            blocks = ProjectBlocks(project_id=project_id, overviews=tuple(group))
            mark = _digest(*map(mark_of, blocks.overviews))
            if marks.get(project_id) == mark:
                continue
            write = partial(self.site.write_project, blocks)
            if self.stopping() or not _is_written(f"project {project_id}", write):
                break
            marks[project_id] = mark
        return replace(known, projects=marks)

    def _index(
        self, runs: Sequence[RunInfo], overviews: tuple[TargetOverview, ...], known: PageMarks
    ) -> PageMarks:
        listed, older = split_runs(runs)
        marks: dict[int, str] = {}
        for year in sorted({one.started_at.year for one in older}, reverse=True):
            in_year = tuple(one for one in older if one.started_at.year == year)
            marks[year] = _digest(*((one.id, one.id in known.runs) for one in in_year))
            if known.years.get(year) != marks[year]:
                self.site.write_year(year, self._listing(in_year), runs=known.runs)
        overview = Overview(
            newest=self.store.report(None),
            listing=self._listing(listed),
            years=tuple(marks),
            summaries=self.store.run_summaries(MOST_RUNS_DRAWN),
            overviews=overviews,
        )
        self.site.write_overview(overview, runs=known.runs)
        return replace(known, years=marks)

    def _listing(self, runs: tuple[RunInfo, ...]) -> RunListing:
        ids = [one.id for one in runs if one.id is not None and one.status not in _UNCLOSED]
        return RunListing(runs=runs, briefs=self.store.brief_reports(ids))


def _is_written(what: str, write: Callable[[], None]) -> bool:
    """Write a page; one that cannot be written keeps the index from nothing."""
    try:
        write()
    except OSError as error:
        logger.error("page of %s not written: %s", what, error)  # noqa: TRY400 - the error says all
        return False
    return True


def mark_of(one: TargetOverview) -> str:
    """Return what a target's page shows of it, in short: what changes that page changes this.

    When it was checked last is no part of it: every night moves that.
    """
    status = one.status
    return _digest(
        one.version_id,
        one.baseline_version_id,
        one.retired,
        status.project,
        status.name,
        status.type,
        one.state,
        status.model_state,
        status.last_changed_at,
        status.error.kind if status.error else None,
    )


def split_runs(
    runs: Sequence[RunInfo], *, most: int = MOST_LISTED
) -> tuple[tuple[RunInfo, ...], tuple[RunInfo, ...]]:
    """Return the runs that the index lists and the older ones, both newest first.

    Whole months (UTC) are listed, at least the newest run's; so what is older, and with it the
    pages of the years, moves once a month and not every night.
    """
    listed = 0
    for place, group in enumerate(_months(runs)):
        if place and listed + len(group) > most:
            break
        listed += len(group)
    return tuple(runs[:listed]), tuple(runs[listed:])


def _months(runs: Sequence[RunInfo]) -> Iterator[list[RunInfo]]:
    for _, group in groupby(runs, key=lambda one: (one.started_at.year, one.started_at.month)):
        yield list(group)


class _Comparing:
    """Puts the timelines of targets together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._secrets = store.secrets()

    def history(self, one: TargetOverview) -> TargetHistory:
        """Return how a target came to stand as it does."""
        versions = self._store.target_versions(one.status.target)
        pairs = [*pairwise(versions), *((last, None) for last in versions[-1:])]
        by_id = {version.id: version.run_id for version in versions}
        baseline = one.baseline_version_id
        return TargetHistory(
            overview=one,
            entries=tuple(self._step(new, old) for new, old in pairs[:MOST_STEPS]),
            older=max(len(pairs) - MOST_STEPS, 0),
            baseline_run_id=None if baseline is None else by_id.get(baseline),
        )

    def _step(self, new: Version, old: Version | None) -> VersionEntry:
        if old is None or old.is_pruned or new.is_pruned:
            return VersionEntry(version=new, findings=None)
        found = difference(
            old.snapshot,
            new.snapshot,
            target=new.target,
            secrets=self._secrets,
        )
        return VersionEntry(version=new, findings=found.findings, suppressed=found.suppressed)


def _neighbours(ids: Sequence[int]) -> Mapping[int, tuple[int | None, int | None]]:
    """Return for each of the ascending ids the one before and the one after."""
    around = [None, *ids, None]
    return {
        one: (before, after) for before, one, after in zip(around, ids, around[2:], strict=False)
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
