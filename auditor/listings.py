"""What pages and listings show of the stored history, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.context import Training
from auditor.impulses import NO_PLACE, Impulse, ImpulsePlace
from auditor.model import (
    BlockKindName,
    Failure,
    Finding,
    ModelState,
    OpenCondition,
    RunInfo,
    TargetId,
    TargetState,
)
from auditor.records import Version, VersionLine
from auditor.report import Report, Totals

MOST_RUNS_DRAWN = 30
"""How many of the last runs pictures show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One line of `status`."""

    target: TargetId
    kind: BlockKindName
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    last_changed_at: datetime | None
    last_checked_at: datetime | None
    last_attempted_at: datetime | None
    error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOverview:
    """A target and its state, whether it is still audited or not.

    Attributes:
        version_id: its last version, None where none was ever stored.
        baseline_version_id: the version a person approved, None without one.
        retired: the last run over all targets did not ask for it.
        open: its open conditions, worst first, where they were asked for.
        place: where in which impulses it is, as it was last listed.
    """

    status: TargetStatus
    version_id: int | None
    baseline_version_id: int | None
    retired: bool
    open: tuple[OpenCondition, ...] = ()
    place: ImpulsePlace = NO_PLACE

    @property
    def state(self) -> TargetState:
        """Return its state; one that is new counts as in sync."""
        state = self.status.state
        return TargetState.IN_SYNC if state is TargetState.NEW else state


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A closed run in short, for pictures of many runs.

    Attributes:
        audited: every target that the run lists; the same object for runs with the same targets.
        counted: the projects with targets that it does not list, which were all checked.
        unclear: those of whose unlisted targets some were not: of which ones is not known.
        states: of the targets that were anything but in sync.
        findings: for each target with findings, how many.
    """

    run: RunInfo
    totals: Totals
    audited: frozenset[TargetId]
    states: Mapping[TargetId, TargetState]
    findings: Mapping[TargetId, int]
    counted: frozenset[int] = frozenset()
    unclear: frozenset[int] = frozenset()

    def state(self, target: TargetId) -> TargetState | None:
        """Return how a target stood in the run, or None if it was not audited or is not known."""
        if target not in self.audited and target.project_id not in self.counted:
            return None
        return self.states.get(target, TargetState.IN_SYNC)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A version in a target's timeline.

    Attributes:
        findings: what differs from the version before, worst first; None for the first one, and
            where either of the two was pruned.
        suppressed: how many more differences are not reported.
    """

    version: Version
    findings: tuple[Finding, ...] | None
    suppressed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHistory:
    """A target and its versions, newest first.

    Attributes:
        older: how many versions are left out.
        trainings: that reports have, the oldest first.
    """

    overview: TargetOverview
    entries: tuple[VersionEntry, ...]
    older: int
    baseline_run_id: int | None
    trainings: tuple[Training, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBlocks:
    """A project and every block of it that was ever audited, by learn id."""

    project_id: int
    overviews: tuple[TargetOverview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpulseBlocks:
    """An impulse, its blocks, and the newest versions of these.

    Attributes:
        trainings: by block, those that reports have, the oldest first.
    """

    project_id: int
    impulse: Impulse
    overviews: tuple[TargetOverview, ...]
    lines: tuple[VersionLine, ...]
    trainings: Mapping[TargetId, tuple[Training, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListing:
    """Runs of a stretch of time, newest first; the closed ones with their reports in brief."""

    runs: tuple[RunInfo, ...]
    briefs: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """A project in the list of projects; `troubled` blocks are in any state that is bad."""

    title: str
    place: str
    blocks: int
    troubled: int
    words: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOverview:
    """What the index shows of all targets.

    Attributes:
        targets: how many there are.
        audited: how many of them the last runs audited.
        worst: the worst of them, worst first.
        noticed: those that were not in sync in all of the last runs.
        projects: a row per project, worst first.
        lacking: where pages of `worst` and `noticed` would be that do not exist.
    """

    targets: int = 0
    audited: int = 0
    worst: tuple[TargetOverview, ...] = ()
    noticed: tuple[TargetOverview, ...] = ()
    projects: tuple[ProjectRow, ...] = ()
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the index shows.

    Attributes:
        newest: the last closed run's whole report, None before the first.
        years: years whose older runs have a page of their own, newest first.
        summaries: the last closed runs in short, newest first.
        project_lists: how many pages list all projects; 0 where the index does.
    """

    newest: Report | None
    listing: RunListing
    years: tuple[int, ...]
    summaries: tuple[RunSummary, ...]
    fleet: FleetOverview
    project_lists: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMarks:
    """Which pages of runs and years exist.

    A mark is a digest of what a page showed when it was written. A page without a mark is written
    again. Pages of runs need none: a run does not change.
    """

    runs: frozenset[int] = frozenset()
    years: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMarks:
    """Which pages of a project exist, each with its mark.

    Attributes:
        project: of its own page, empty without one.
        targets, impulses: of those of its blocks and impulses, by their ids.
    """

    project: str = ""
    targets: Mapping[int, str] = field(default_factory=dict)
    impulses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPages:
    """The blocks and impulses of a project that may have pages, by their ids."""

    targets: frozenset[int] = frozenset()
    impulses: frozenset[int] = frozenset()
