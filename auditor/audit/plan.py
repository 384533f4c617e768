"""Who looks on while a run is under way, and what ends it early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.drift.filters import BlockFilter, BlockLabel, ProjectFilter, is_admitted
from auditor.model import Failure, TargetId


def _ignore(_: int) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """Who looks on while a run is under way.

    Attributes:
        planned: called once with the number of targets to fetch.
        checked: called with 1 for each that was asked.
        stopping: asked between targets; once True no further target is asked.
        is_late: the same, of a run that has taken as long as it may.
    """

    planned: Callable[[int], None] = _ignore
    checked: Callable[[int], None] = _ignore
    stopping: Callable[[], bool] = field(default=lambda: False)
    is_late: Callable[[], bool] = field(default=lambda: False)

    def halt(self) -> Failure | None:
        """Return why no further target is asked, None where the run goes on."""
        if self.stopping():
            return STOPPED
        return OUT_OF_TIME if self.is_late() else None


STOPPED = Failure(kind="stopped", message="the auditor was stopped before it came to this")
OUT_OF_TIME = Failure(
    kind="time_limit",
    message="the run reached its time limit (schedule.limit_s) before it came to this",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project to audit.

    Attributes:
        name: how reports call it, empty where Studio's own name is to be asked for.
        learn_blocks: None where Studio is asked for all of them.
        filters: which of those that Studio lists are audited.
    """

    id: int
    name: str
    learn_blocks: tuple[int, ...] | None
    filters: tuple[BlockFilter, ...] = ()

    def admits(self, block: BlockLabel) -> bool:
        """Return whether a block that Studio lists is audited."""
        return is_admitted(self.filters, block)


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryProject:
    """That every project is audited which the shared credential sees, less what filters say."""

    projects: ProjectFilter = field(default_factory=ProjectFilter)
    filters: tuple[BlockFilter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the configuration audits; `every` is None where only named projects are."""

    projects: tuple[Project, ...]
    every: EveryProject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run is narrowed to; all of the configuration where nothing is said.

    Attributes:
        project_id: the one project of a run by hand.
        target: the one target of a run by hand.
        only: the projects of a schedule, None where all are its.
        elsewhere: the projects that other schedules audit.
    """

    project_id: int | None = None
    target: TargetId | None = None
    only: frozenset[int] | None = None
    elsewhere: frozenset[int] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Return whether the run audits everything of its projects that is configured."""
        return self.project_id is None and self.target is None

    @property
    def is_all(self) -> bool:
        """Return whether the run audits everything that is configured."""
        return self.is_whole and self.only is None and not self.elsewhere

    @property
    def project(self) -> int | None:
        """Return the one project that is left, None where all are."""
        return self.target.project_id if self.target else self.project_id

    def covers(self, project_id: int) -> bool:
        """Return whether a project is this run's to audit."""
        is_of_schedule = self.only is None or project_id in self.only
        is_wanted = self.project in (None, project_id)
        return is_of_schedule and is_wanted and project_id not in self.elsewhere

    def settles(self, target: TargetId) -> bool:
        """Return whether a target that the run does not come to is no longer audited."""
        return self.is_whole and self.covers(target.project_id)
