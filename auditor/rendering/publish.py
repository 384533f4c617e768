"""Keeps the archive's pages up to date: which of them a run changed, and what they show.

A mark sums up what a page shows. It is made from a row of the store, before anything is compared
or rendered. A page is written if its mark differs or the page is lost; so a run without news
writes the index and nothing else, however many targets there are, and a page that was lost or
could not be written is written by the next run.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from itertools import groupby, pairwise

from auditor.context import Training
from auditor.drift.difference import find_difference
from auditor.drift.secrets import Secrets
from auditor.errors import AuditorError
from auditor.impulses import Impulse
from auditor.listings import (
    MOST_RUNS_DRAWN,
    ImpulseBlocks,
    Overview,
    PageMarks,
    ProjectBlocks,
    RunListing,
    TargetHistory,
    TargetOverview,
    VersionEntry,
)
from auditor.model import OpenCondition, RunInfo, RunStatus, TargetId, TargetState
from auditor.protocols import Store
from auditor.publishing import Site
from auditor.records import Version

logger = logging.getLogger(__name__)

MOST_LISTED = 400  # runs on the index, beyond the current month's
MOST_ENTRIES = 30  # versions on a target's page
_MOST_LOST_RUNS = 30  # lost pages of runs that one publication writes again
_UNCLOSED = (RunStatus.RUNNING, RunStatus.ABANDONED)


class PageResult(Enum):
    """What became of one page.

    Attributes:
        REFUSED: the folder does not take it, so it takes no other.
        FAILED: something about this page alone; the next run tries it again.
    """

    WRITTEN = auto()
    REFUSED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Writes the pages other than the run's own.

    Attributes:
        stopping: asked before each page; once True the rest is left to the next run.
        rewrites_all: every page is written, whether it changed or not.
    """

    store: Store
    site: Site
    stopping: Callable[[], bool] = field(default=lambda: False)
    rewrites_all: bool = False

    def publish(self) -> None:
        """Write every page that is lost or out of date, the index last.

        Raises:
            OSError: the index cannot be written; for other pages that is logged.
        """
        marks = self.site.marks()
        if self.rewrites_all:
            marks = replace(marks, targets={}, projects={}, years={}, impulses={})
        pruned, stored = self.store.pruned_runs(), self.store.all_runs()
        runs = [run for run in stored if run.id not in pruned]
        overviews = self._overviews()
        try:
            marks = self._set_aside(stored, marks)
            marks = self._publish_runs(runs, marks)
            marks = self._publish_targets(overviews, marks)
            marks = self._publish_projects(overviews, marks)
            marks = self._publish_impulses(overviews, marks)
            marks = self._publish_index(runs, overviews, marks)
        finally:
            self.site.keep(marks)

    def _overviews(self) -> tuple[TargetOverview, ...]:
        """Return the targets with their open conditions."""
        by_target: dict[TargetId, list[OpenCondition]] = defaultdict(list)
        for condition in self.store.open_conditions():
            by_target[condition.target].append(condition)
        return tuple(
            replace(overview, open=tuple(by_target[overview.status.target]))
            for overview in self.store.target_overviews()
        )

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
            result = PageResult.REFUSED if self.stopping() else _try(f"run {run_id}", write)
            if result is PageResult.REFUSED:
                break
            if result is PageResult.WRITTEN:
                marks = replace(marks, runs=marks.runs | {run_id})
        for before, newest in list(pairwise(with_page))[-1:]:
            if {before, newest} <= marks.runs:
                link = partial(self.site.link_newest, before, following=newest)
                _try(f"run {before}", link)
        return marks

    def _write_run(self, run_id: int, previous: int | None, following: int | None) -> None:
        report = self.store.report(run_id)
        if report is not None:
            self.site.write_run(report, previous=previous, following=following)

    def _publish_targets(self, overviews: Sequence[TargetOverview], marks: PageMarks) -> PageMarks:
        written = dict(marks.targets)
        dates = self.store.training_dates()
        outdated: dict[TargetId, tuple[TargetOverview, str]] = {}
        for overview in overviews:
            target, mark = overview.status.target, _mark_in(overview, dates)
            if written.get(target) != mark:
                outdated[target] = overview, mark
        trainings = self.store.past_trainings(outdated.keys() & dates.keys())
        secrets = self.store.secrets()
        for target, (overview, mark) in outdated.items():
            history = partial(_history, overview, self.store, secrets, trainings.get(target, ()))
            write = partial(self._write_target, history, marks)
            result = PageResult.REFUSED if self.stopping() else _try(f"block {target}", write)
            if result is PageResult.REFUSED:
                break
            if result is PageResult.WRITTEN:
                written[target] = mark
        return replace(marks, targets=written)

    def _write_target(self, history: Callable[[], TargetHistory], marks: PageMarks) -> None:
        self.site.write_target(history(), runs=marks.runs)

    def _publish_projects(
        self, overviews: Sequence[TargetOverview], marks: PageMarks
    ) -> PageMarks:
        written = dict(marks.projects)
        by_project = groupby(overviews, key=lambda overview: overview.status.target.project_id)
        for project_id, group in by_project:
            blocks = ProjectBlocks(project_id=project_id, overviews=tuple(group))
            mark = _digest(*map(mark_target, blocks.overviews))
            if written.get(project_id) == mark:
                continue
            write = partial(self.site.write_project, blocks)
            result = (
                PageResult.REFUSED if self.stopping() else _try(f"project {project_id}", write)
            )
            if result is PageResult.REFUSED:
                break
            if result is PageResult.WRITTEN:
                written[project_id] = mark
        return replace(marks, projects=written)

    def _publish_impulses(
        self, overviews: Sequence[TargetOverview], marks: PageMarks
    ) -> PageMarks:
        written = dict(marks.impulses)
        dates = self.store.training_dates()
        outdated: list[tuple[ImpulseBlocks, str]] = []
        for project_id, impulse, blocks in _by_impulse(overviews):
            mark = _digest(impulse, *(_mark_in(block, dates) for block in blocks))
            if written.get((project_id, impulse.id)) != mark:
                outdated.append((_without_changes(project_id, impulse, blocks), mark))
        targets = {each.status.target for found, _ in outdated for each in found.overviews}
        trainings = self.store.past_trainings(targets & dates.keys())
        for found, mark in outdated:
            write = partial(self._write_impulse, found, trainings, marks)
            what = f"impulse {found.impulse.id} of project {found.project_id}"
            result = PageResult.REFUSED if self.stopping() else _try(what, write)
            if result is PageResult.REFUSED:
                break
            if result is PageResult.WRITTEN:
                written[found.project_id, found.impulse.id] = mark
        return replace(marks, impulses=written)

    def _write_impulse(
        self,
        impulse: ImpulseBlocks,
        trainings: Mapping[TargetId, tuple[Training, ...]],
        marks: PageMarks,
    ) -> None:
        newest = sorted(impulse.overviews, key=_last_changed, reverse=True)[:MOST_ENTRIES]
        shown = [block.status.target for block in newest]
        lines = map(self.store.version_lines, shown)
        whole = replace(
            impulse,
            lines=tuple(line for of_block in lines for line in of_block[:MOST_ENTRIES]),
            trainings={target: trainings[target] for target in shown if target in trainings},
        )
        self.site.write_impulse(whole, runs=marks.runs)

    def _publish_index(
        self, runs: Sequence[RunInfo], overviews: tuple[TargetOverview, ...], marks: PageMarks
    ) -> PageMarks:
        listed, older = split_runs(runs)
        years: dict[int, str] = {}
        for year in sorted({run.started_at.year for run in older}, reverse=True):
            in_year = tuple(run for run in older if run.started_at.year == year)
            years[year] = _digest(*((run.id, run.id in marks.runs) for run in in_year))
            if marks.years.get(year) != years[year]:
                self.site.write_year(year, self._list_runs(in_year), runs=marks.runs)
        overview = Overview(
            newest=self.store.report(None),
            listing=self._list_runs(listed),
            years=tuple(years),
            summaries=self.store.run_summaries(MOST_RUNS_DRAWN),
            overviews=overviews,
        )
        self.site.write_overview(overview, runs=marks.runs)
        return replace(marks, years=years)

    def _list_runs(self, runs: tuple[RunInfo, ...]) -> RunListing:
        return RunListing(runs=runs, briefs=self.store.brief_reports(_closed_ids(runs)))


def _by_impulse(
    overviews: Sequence[TargetOverview],
) -> Iterator[tuple[int, Impulse, list[TargetOverview]]]:
    """Yield each impulse of a project with its blocks: those audited, or all if none is.

    It is called as the blocks say that were listed last.
    """
    found: dict[tuple[int, int], list[TargetOverview]] = defaultdict(list)
    names: dict[tuple[int, int], str] = {}
    for overview in sorted(overviews, key=_is_listed):
        for impulse in overview.place.impulses:
            key = overview.status.target.project_id, impulse.id
            found[key].append(overview)
            names[key] = impulse.name
    for (project_id, impulse_id), blocks in sorted(found.items()):
        audited = [block for block in blocks if not block.retired]
        yield project_id, Impulse(impulse_id, names[project_id, impulse_id]), audited or blocks


def _without_changes(
    project_id: int, impulse: Impulse, blocks: Sequence[TargetOverview]
) -> ImpulseBlocks:
    return ImpulseBlocks(project_id=project_id, impulse=impulse, overviews=tuple(blocks), lines=())


def _mark_in(block: TargetOverview, dates: Mapping[TargetId, str]) -> str:
    return mark_target(block, trained=dates.get(block.status.target, ""))


def _last_changed(overview: TargetOverview) -> datetime:
    return overview.status.last_changed_at or datetime.min.replace(tzinfo=UTC)


def _is_listed(overview: TargetOverview) -> bool:
    return not overview.retired and overview.state is not TargetState.MISSING


def _closed_ids(runs: Sequence[RunInfo]) -> list[int]:
    return [run.id for run in runs if run.id is not None and run.status not in _UNCLOSED]


def _try(what: str, write: Callable[[], None]) -> PageResult:
    """Write a page; one that cannot be written does not stop the index from being written.

    Raises:
        AuditorError: the database failed, which concerns every page.
    """
    try:
        write()
    except AuditorError:
        raise
    except OSError as error:
        logger.error("page of %s not written: %s", what, error)  # noqa: TRY400 - the error says all
        return PageResult.REFUSED
    except Exception:
        logger.exception("page of %s not written, the others are", what)
        return PageResult.FAILED
    return PageResult.WRITTEN


def mark_target(overview: TargetOverview, *, trained: str = "") -> str:
    """Return a digest of what a target's page shows; `trained` is when it was trained last.

    When the target was checked last is no part of it: every run changes that.
    """
    status = overview.status
    return _digest(
        trained,
        overview.version_id,
        overview.baseline_version_id,
        overview.retired,
        status.project,
        status.name,
        status.type,
        overview.state,
        status.model_state,
        status.last_changed_at,
        status.error.kind if status.error else None,
        *((each.kind, each.severity, each.headline, each.since) for each in overview.open),
        overview.place,
    )


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


def _history(
    overview: TargetOverview, store: Store, secrets: Secrets, trainings: tuple[Training, ...]
) -> TargetHistory:
    target, baseline = overview.status.target, overview.baseline_version_id
    # One more than is shown: the last entry says what differs from the version before it.
    versions = store.target_versions(target, most=MOST_ENTRIES + 1)
    pairs = [*pairwise(versions), *((first, None) for first in versions[-1:])]
    approved = None
    if baseline is not None:
        approved = store.lines_of_versions([baseline]).get(baseline)
    are_all = len(versions) <= MOST_ENTRIES
    return TargetHistory(
        overview=overview,
        entries=tuple(_entry(new, old, secrets) for new, old in pairs[:MOST_ENTRIES]),
        older=0 if are_all else store.count_versions(target) - MOST_ENTRIES,
        baseline_run_id=None if approved is None else approved.run_id,
        trainings=trainings,
    )


def _entry(new: Version, old: Version | None, secrets: Secrets) -> VersionEntry:
    if old is None or old.is_pruned or new.is_pruned:
        return VersionEntry(version=new, findings=None)
    found = find_difference(old.snapshot, new.snapshot, target=new.target, secrets=secrets)
    return VersionEntry(version=new, findings=found.findings, suppressed=found.suppressed)


def _neighbours(ids: Sequence[int]) -> Mapping[int, tuple[int | None, int | None]]:
    """Return for each of the ascending ids the one before and the one after."""
    neighbours = [None, *ids, None]
    return {
        run_id: (before, after)
        for before, run_id, after in zip(neighbours, ids, neighbours[2:], strict=False)
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
