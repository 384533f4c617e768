"""The pages of projects, blocks and impulses, a project at a time.

What a run changed is written by its publication, and so is what has something to show: a block
that is not in sync, has a baseline or an open condition. Pages of other blocks, which show no more
than their settings, are written in the order of their ids, so many a publication. Until a page
exists, others have its title in words and no link.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import groupby, islice, pairwise
from typing import Protocol

from auditor.context import Training
from auditor.drift.difference import find_difference
from auditor.drift.secrets import Secrets
from auditor.impulses import Impulse
from auditor.listings import (
    FleetOverview,
    ImpulseBlocks,
    ProjectBlocks,
    ProjectMarks,
    ProjectRow,
    RunSummary,
    TargetHistory,
    TargetOverview,
    VersionEntry,
)
from auditor.model import OpenCondition, TargetId, TargetState
from auditor.protocols import Store
from auditor.publishing import Site
from auditor.records import Version
from auditor.rendering.archive import impulse_place, target_place
from auditor.rendering.block_list import worst_blocks
from auditor.rendering.fleet import find_noticed
from auditor.rendering.page_writing import PageResult, digest_of, try_to_write
from auditor.rendering.projects import project_row, worst_projects_first

MOST_ENTRIES = 30  # versions on a target's page
MOST_PLAIN = 5000  # pages of blocks and impulses with nothing but settings, a publication
_PROJECTS_AT_ONCE = 20
_READ_AT_ONCE = 20  # blocks whose versions are in memory at once


class Publication(Protocol):
    """What the pages of projects are written from and to."""

    @property
    def store(self) -> Store:
        """Return where the history is."""
        ...

    @property
    def site(self) -> Site:
        """Return where the pages are."""
        ...

    @property
    def stopping(self) -> Callable[[], bool]:
        """Return what is asked before each page."""
        ...

    @property
    def rewrites_all(self) -> bool:
        """Return whether every page is written, whether it changed or not."""
        ...

    @property
    def most_plain(self) -> int:
        """Return how many pages with nothing but settings are written for the first time."""
        ...


@dataclass(slots=True)
class FleetGatherer:
    """Gathers what the index shows of all targets, a project at a time.

    Attributes:
        summaries: the last closed runs in short.
    """

    summaries: Sequence[RunSummary] = ()
    _noticed: frozenset[TargetId] = frozenset()
    _listed: frozenset[TargetId] = frozenset()
    _counted: frozenset[int] = frozenset()
    _unclear: frozenset[int] = frozenset()
    _targets: int = 0
    _audited: int = 0
    _worst: list[TargetOverview] = field(default_factory=list)
    _shown: list[TargetOverview] = field(default_factory=list)
    _rows: list[ProjectRow] = field(default_factory=list)
    _lacking: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._noticed = find_noticed(self.summaries)
        self._listed = frozenset().union(*(run.audited for run in self.summaries))
        self._counted = frozenset().union(*(run.counted for run in self.summaries))
        self._unclear = frozenset().union(*(run.unclear for run in self.summaries))

    def add(self, project: ProjectBlocks, *, lacking: Collection[str] = ()) -> None:
        """Take a project; `lacking` are places of pages that do not exist."""
        overviews = project.overviews
        noticed = [each for each in overviews if each.status.target in self._noticed]
        self._targets += len(overviews)
        self._audited += self._count_audited(overviews, noticed, project.project_id)
        self._worst = worst_blocks((*self._worst, *overviews))
        self._shown += noticed
        self._rows.append(project_row(project))
        if lacking:
            shown = (target_place(each.status.target) for each in (*self._worst, *noticed))
            self._lacking |= set(lacking).intersection(shown)

    def _count_audited(
        self, overviews: Sequence[TargetOverview], noticed: Sized, project_id: int
    ) -> int:
        """Return how many targets were audited; of an unclear project only the noticed ones."""
        if project_id in self._unclear:
            return len(noticed)
        is_counted = project_id in self._counted
        return sum(is_counted or each.status.target in self._listed for each in overviews)

    def overview(self) -> FleetOverview:
        """Return what was gathered."""
        return FleetOverview(
            targets=self._targets,
            audited=self._audited,
            worst=tuple(self._worst),
            noticed=tuple(self._shown),
            projects=worst_projects_first(self._rows),
            lacking=frozenset(self._lacking),
        )


def gather_fleet(
    overviews: Iterable[TargetOverview], summaries: Sequence[RunSummary] = ()
) -> FleetOverview:
    """Return what the index shows of targets, which are given by project."""
    gatherer = FleetGatherer(summaries)
    for project in by_project(overviews):
        gatherer.add(project)
    return gatherer.overview()


def by_project(overviews: Iterable[TargetOverview]) -> Iterator[ProjectBlocks]:
    """Yield the targets of each project."""
    groups = groupby(overviews, key=lambda overview: overview.status.target.project_id)
    for project_id, group in groups:
        yield ProjectBlocks(project_id=project_id, overviews=tuple(group))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The pages of a project that are to exist.

    Attributes:
        marks: of all its blocks, by id.
        impulses: all its impulses with their blocks, by id.
        written: the pages that exist.
        targets, drawn: the ids of the blocks and of the impulses that are to have one.
    """

    project: ProjectBlocks
    marks: Mapping[int, str]
    impulses: Mapping[int, tuple[Impulse, list[TargetOverview]]]
    written: ProjectMarks
    targets: frozenset[int]
    drawn: frozenset[int]

    @property
    def lacking(self) -> frozenset[str]:
        """Return the places of pages that are not to exist yet."""
        project_id = self.project.project_id
        targets = (TargetId(project_id, block_id) for block_id in self.marks.keys() - self.targets)
        impulses = self.impulses.keys() - self.drawn
        return frozenset(
            (*map(target_place, targets), *(impulse_place(project_id, each) for each in impulses))
        )


class ProjectPublisher:
    """Writes the pages of every project that are lost or out of date."""

    def __init__(
        self, publication: Publication, *, runs: frozenset[int], summaries: Sequence[RunSummary]
    ) -> None:
        self._publication = publication
        self._store, self._site = publication.store, publication.site
        self._runs = runs
        self._gatherer = FleetGatherer(summaries)
        self._is_refused = False
        self._left = publication.most_plain

    def publish(self) -> FleetOverview:
        """Write the pages, and return what the index shows of the targets."""
        conditions: dict[TargetId, list[OpenCondition]] = defaultdict(list)
        for condition in self._store.open_conditions():
            conditions[condition.target].append(condition)
        projects = iter(self._store.known_projects())
        while batch := list(islice(projects, _PROJECTS_AT_ONCE)):
            dates = self._store.training_dates(batch)
            overviews = self._store.target_overviews(batch)
            for project in by_project(_with_open(each, conditions) for each in overviews):
                self._publish(project, dates)
        return self._gatherer.overview()

    def _publish(self, project: ProjectBlocks, dates: Mapping[TargetId, str]) -> None:
        plan = self._plan(project, dates)
        self._gatherer.add(project, lacking=plan.lacking)
        marks = plan.written
        marks = replace(marks, targets=self._write_targets(plan, dates))
        marks = replace(marks, project=self._write_project(plan))
        marks = replace(marks, impulses=self._write_impulses(plan, dates))
        if marks != plan.written or self._publication.rewrites_all:
            keep = partial(self._site.keep_project, project.project_id, marks)
            try_to_write(f"project {project.project_id}", keep)

    def _plan(self, project: ProjectBlocks, dates: Mapping[TargetId, str]) -> _Plan:
        written = ProjectMarks()
        if not self._publication.rewrites_all:
            written = self._site.project_marks(project.project_id)
        marks = {
            each.status.target.learn_id: mark_target(
                each, trained=dates.get(each.status.target, "")
            )
            for each in project.overviews
        }
        impulses = {impulse.id: (impulse, blocks) for impulse, blocks in _by_impulse(project)}
        wanted = {
            each.status.target.learn_id
            for each in project.overviews
            if each.status.target.learn_id in written.targets or _has_something(each)
        }
        wanted |= self._take(sorted(marks.keys() - wanted))
        drawn = {
            impulse_id
            for impulse_id, (_, blocks) in impulses.items()
            if impulse_id in written.impulses or any(map(_has_something, blocks))
        }
        drawn |= self._take(sorted(impulses.keys() - drawn))
        return _Plan(
            project=project,
            marks=marks,
            impulses=impulses,
            written=written,
            targets=frozenset(wanted),
            drawn=frozenset(drawn),
        )

    def _take(self, plain: Sequence[int]) -> set[int]:
        """Return those of the ids that get their first page in this publication."""
        taken = plain if self._publication.rewrites_all else plain[: self._left]
        self._left -= len(taken)
        return set(taken)

    def _write_targets(self, plan: _Plan, dates: Mapping[TargetId, str]) -> dict[int, str]:
        written, lacking = dict(plan.written.targets), plan.lacking
        outdated: dict[TargetId, tuple[TargetOverview, str]] = {}
        for overview in plan.project.overviews:
            target = overview.status.target
            impulses = {impulse.id for impulse in overview.place.impulses}
            mark = _with_lacking(plan.marks[target.learn_id], impulses - plan.drawn)
            if target.learn_id in plan.targets and written.get(target.learn_id) != mark:
                outdated[target] = overview, mark
        for target, versions in self._newest_versions(list(outdated)):
            overview, mark = outdated[target]
            past = self._trainings.get(target, ()) if target in dates else ()
            history = partial(_history, overview, self._store, self._secrets, versions, past)
            write = partial(self._write_target, history, lacking)
            if self._was_written(f"block {target}", write):
                written[target.learn_id] = mark
        return written

    def _newest_versions(
        self, targets: Sequence[TargetId]
    ) -> Iterator[tuple[TargetId, Callable[[], tuple[Version, ...]]]]:
        """Yield each target with what returns its newest versions: one more than is shown.

        The last entry of a page says what differs from the version before it.
        """
        for start in range(0, len(targets), _READ_AT_ONCE):
            batch = targets[start : start + _READ_AT_ONCE]
            found: Mapping[TargetId, tuple[Version, ...]] = {}
            # Whatever is wrong with one of them is raised again where that one's page is written.
            with suppress(Exception):
                found = self._store.newest_versions(batch, most=MOST_ENTRIES + 1)
            yield from ((target, partial(self._versions_of, target, found)) for target in batch)

    def _versions_of(
        self, target: TargetId, found: Mapping[TargetId, tuple[Version, ...]]
    ) -> tuple[Version, ...]:
        if target in found:
            return found[target]
        return self._store.target_versions(target, most=MOST_ENTRIES + 1)

    def _write_target(
        self, history: Callable[[], TargetHistory], lacking: Collection[str]
    ) -> None:
        self._site.write_target(history(), runs=self._runs, lacking=lacking)

    def _write_project(self, plan: _Plan) -> str:
        project_id = plan.project.project_id
        shown = map(mark_target, plan.project.overviews)
        mark = _with_lacking(digest_of(*shown), plan.lacking)
        if plan.written.project == mark:
            return mark
        write = partial(self._site.write_project, plan.project, lacking=plan.lacking)
        is_written = self._was_written(f"project {project_id}", write)
        return mark if is_written else plan.written.project

    def _write_impulses(self, plan: _Plan, dates: Mapping[TargetId, str]) -> dict[int, str]:
        project_id, written = plan.project.project_id, dict(plan.written.impulses)
        for impulse_id in sorted(plan.drawn):
            impulse, blocks = plan.impulses[impulse_id]
            ids = [block.status.target.learn_id for block in blocks]
            mark = digest_of(impulse, *(plan.marks[block_id] for block_id in ids))
            mark = _with_lacking(mark, set(ids) - plan.targets)
            if written.get(impulse_id) == mark:
                continue
            found = ImpulseBlocks(
                project_id=project_id, impulse=impulse, overviews=tuple(blocks), lines=()
            )
            write = partial(self._write_impulse, found, dates.keys(), plan.lacking)
            if self._was_written(f"impulse {impulse_id} of project {project_id}", write):
                written[impulse_id] = mark
        return written

    def _write_impulse(
        self, impulse: ImpulseBlocks, trained: Collection[TargetId], lacking: Collection[str]
    ) -> None:
        newest = sorted(impulse.overviews, key=_last_changed, reverse=True)[:MOST_ENTRIES]
        shown = [block.status.target for block in newest]
        lines = map(self._store.version_lines, shown)
        past = {target: self._trainings.get(target, ()) for target in shown if target in trained}
        whole = replace(
            impulse,
            lines=tuple(line for of_block in lines for line in of_block[:MOST_ENTRIES]),
            trainings={target: trainings for target, trainings in past.items() if trainings},
        )
        self._site.write_impulse(whole, runs=self._runs, lacking=lacking)

    def _was_written(self, what: str, write: Callable[[], None]) -> bool:
        """Write a page; once the folder refuses a page, it gets no other."""
        if self._is_refused:
            return False
        result = PageResult.REFUSED if self._publication.stopping() else try_to_write(what, write)
        self._is_refused = result is PageResult.REFUSED
        return result is PageResult.WRITTEN

    @cached_property
    def _trainings(self) -> Mapping[TargetId, tuple[Training, ...]]:
        return self._store.past_trainings()

    @cached_property
    def _secrets(self) -> Secrets:
        return self._store.secrets()


def _with_open(
    overview: TargetOverview, conditions: Mapping[TargetId, Sequence[OpenCondition]]
) -> TargetOverview:
    found = conditions.get(overview.status.target)
    return replace(overview, open=tuple(found)) if found else overview


def _has_something(overview: TargetOverview) -> bool:
    """Return whether a block's page shows more than settings."""
    return bool(
        overview.open
        or overview.state is not TargetState.IN_SYNC
        or overview.baseline_version_id is not None
    )


def _with_lacking(mark: str, lacking: Collection[object]) -> str:
    """Return the mark of a page, another one where it has no links to some others."""
    return f"{mark} {digest_of(*sorted(map(str, lacking)))}" if lacking else mark


def _by_impulse(
    project: ProjectBlocks,
) -> Iterator[tuple[Impulse, list[TargetOverview]]]:
    """Yield each impulse of a project's blocks with those: those audited, or all if none is.

    It is called as the blocks say that were listed last.
    """
    found: dict[int, list[TargetOverview]] = defaultdict(list)
    names: dict[int, str] = {}
    for overview in sorted(project.overviews, key=_is_listed):
        for impulse in overview.place.impulses:
            found[impulse.id].append(overview)
            names[impulse.id] = impulse.name
    for impulse_id, blocks in sorted(found.items()):
        audited = [block for block in blocks if not block.retired]
        yield Impulse(impulse_id, names[impulse_id]), audited or blocks


def _last_changed(overview: TargetOverview) -> datetime:
    return overview.status.last_changed_at or datetime.min.replace(tzinfo=UTC)


def _is_listed(overview: TargetOverview) -> bool:
    return not overview.retired and overview.state is not TargetState.MISSING


def mark_target(overview: TargetOverview, *, trained: str = "") -> str:
    """Return a digest of what a target's page shows; `trained` is when it was trained last.

    When the target was checked last is no part of it: every run changes that.
    """
    status = overview.status
    return digest_of(
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


def _history(
    overview: TargetOverview,
    store: Store,
    secrets: Secrets,
    read_versions: Callable[[], tuple[Version, ...]],
    trainings: tuple[Training, ...],
) -> TargetHistory:
    target, baseline = overview.status.target, overview.baseline_version_id
    versions = read_versions()
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
