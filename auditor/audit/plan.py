"""What a run is to audit: projects, what narrows them, what started it, and what ends it early."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import partial

from auditor.context import ContextScope
from auditor.drift.compare import Comparison
from auditor.drift.filters import BlockFilter, BlockLabel, ProjectFilter, is_admitted
from auditor.drift.findings import Judgement, Reading, judge_comparison
from auditor.drift.followers import Cause
from auditor.drift.policy import RuledFindings, apply_rules, is_ignored, weigh
from auditor.drift.rules import Rules, TargetScope
from auditor.model import (
    Area,
    BlockKindName,
    Failure,
    Finding,
    Interval,
    Starter,
    TargetId,
    TargetKind,
    Trigger,
)
from auditor.records import NOT_COME_TO
from auditor.report import MOST_LISTED
from auditor.schedule import Gap

STOPPED = Failure(kind=NOT_COME_TO[0], message="the auditor was stopped before it came to this")
OUT_OF_TIME = Failure(
    kind=NOT_COME_TO[1],
    message="the run reached its time limit (schedule.limit_s) before it came to this",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project to audit.

    Attributes:
        name: its name in reports, empty where Studio is to be asked for it.
        learn_blocks: None where Studio is asked for all of them.
        filters: which of the blocks that Studio lists are audited.
        impulse: whether blocks other than learn blocks are among them.
    """

    id: int
    name: str
    learn_blocks: tuple[int, ...] | None
    filters: tuple[BlockFilter, ...] = ()
    impulse: bool = True

    def admits(self, kind: BlockKindName, block: BlockLabel) -> bool:
        """Return whether a block that Studio lists is audited."""
        return self.covers(kind) and is_admitted(self.filters, block)

    def covers(self, kind: BlockKindName) -> bool:
        """Return whether blocks of a kind are audited at all."""
        return self.impulse or kind.target_kind is TargetKind.LEARN


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryProject:
    """Audit every project that the shared credential sees and the filters admit."""

    projects: ProjectFilter = field(default_factory=ProjectFilter)
    filters: tuple[BlockFilter, ...] = ()
    impulse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the configuration audits; `every` is None where only named projects are."""

    projects: tuple[Project, ...]
    every: EveryProject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of the plan that a run audits; by default all of it.

    Attributes:
        project_id: the one project of a manual run.
        target: the one target of a manual run.
        only: the projects of a schedule, None where it has all.
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
        """Return the only project in scope, or None if there may be more."""
        return self.target.project_id if self.target else self.project_id

    def covers(self, project_id: int) -> bool:
        """Return whether the run audits a project."""
        is_of_schedule = self.only is None or project_id in self.only
        is_wanted = self.project in (None, project_id)
        return is_of_schedule and is_wanted and project_id not in self.elsewhere

    def settles(self, target: TargetId) -> bool:
        """Return whether a target is no longer audited if the run does not audit it."""
        return self.is_whole and self.covers(target.project_id)


@dataclass(frozen=True, slots=True)
class Missed:
    """Slots that had no run, of the schedule that reports call `line`."""

    gap: Gap
    line: str


def _never(_: datetime) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run: the plan, narrowed by a scope, and what started it.

    Attributes:
        schedule: its name, empty for a manual run.
        slot: the schedule's slot that the run is for, empty for a manual run.
        missed: the slots before this run that had none; the last is the run's own where that
            was missed too.
        schedule_line: the schedule in the words of the report.
        next_run_at: as `Report.next_run_at`.
        starter: as `Report.starter`.
        rules: the operator's.
        scopes: the key and the scope of each rule and subscription that has one.
        siblings: groups of blocks that should be alike in what people set.
        zone: the schedule's time zone, in which the days of rules begin and end.
        reader_zone: of the times in sentences that people read.
        context: what is asked for beside the configuration.
        most_listed: a report of more targets lists only those that have news.
        is_for_digests: whether everybody who gets whole reports gets weekly digests instead.
        earlier_tries: the runs of the same slot that read too little.
        next_try: returns when the slot is tried again if this run reads too little and ends at
            the given time, None if it is not.
    """

    plan: Plan
    scope: Scope = field(default_factory=Scope)
    trigger: Trigger = Trigger.MANUAL
    schedule: str = ""
    slot: str = ""
    missed: Missed | None = None
    concurrency: int = 8
    schedule_line: str = ""
    next_run_at: datetime | None = None
    starter: Starter = Starter.NOBODY
    rules: Rules = field(default_factory=Rules)
    scopes: tuple[tuple[str, TargetScope], ...] = ()
    siblings: tuple[tuple[TargetId, ...], ...] = ()
    zone: tzinfo = UTC
    reader_zone: tzinfo = UTC
    most_listed: int = MOST_LISTED
    is_for_digests: bool = False
    earlier_tries: tuple[int, ...] = ()
    context: ContextScope = field(default_factory=ContextScope)
    next_try: Callable[[datetime], datetime | None] = _never

    @property
    def is_narrowed(self) -> bool:
        """Return whether a person left targets out, and not the schedule."""
        return not self.scope.is_whole and not self.schedule


def _ignore(_: int) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """Who observes the progress of a run, and what ends it early.

    Attributes:
        planned: called once with the number of targets to fetch.
        checked: called with 1 for each target that was fetched.
        stopping: asked before each target; once True, no further target is fetched.
        is_late: the same, for a run that reached its time limit.
        clock: tells the time in place of the machine's clock.
        abandons: whether a run that is stopped is abandoned, as if it had crashed: the targets
            that it did not come to stay as they are. Else it ends, and they are not checked.
    """

    planned: Callable[[int], None] = _ignore
    checked: Callable[[int], None] = _ignore
    stopping: Callable[[], bool] = field(default=lambda: False)
    is_late: Callable[[], bool] = field(default=lambda: False)
    clock: Callable[[], datetime] | None = None
    abandons: bool = False

    def is_abandoned(self) -> bool:
        """Return whether the run is to be abandoned now."""
        return self.abandons and self.stopping()

    def halt(self) -> Failure | None:
        """Return why no further target is fetched, None while the run goes on."""
        if self.stopping():
            return STOPPED
        return OUT_OF_TIME if self.is_late() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What every target of a run is judged by.

    Attributes:
        now: called for each answer.
        today: the day in the schedule's time zone.
        rules: the operator's.
    """

    now: Callable[[], datetime]
    today: date
    rules: Rules = field(default_factory=Rules)

    def judge(
        self,
        comparison: Comparison,
        target: TargetId,
        *,
        in_words: bool = True,
        without: Collection[str] = (),
        vendor_acts: Collection[str] = (),
        cause: Cause | None = None,
    ) -> Judgement:
        """Return what the changes of a target come to under the operator's rules.

        Nothing that is reported is folded under a change at one of the paths `without`;
        `vendor_acts` and `cause` are as in `Reading`.
        """

        def is_suppressed(path: str, area: Area) -> bool:
            return path in without or is_ignored(
                path, area, self.rules, target=target, today=self.today
            )

        reading = Reading(
            is_ignored=is_suppressed,
            weigh=partial(weigh, rules=self.rules, target=target),
            vendor_acts=vendor_acts,
            in_words=in_words,
            cause=cause,
        )
        return judge_comparison(comparison, reading)

    def apply_rules(
        self, findings: Sequence[Finding], target: TargetId, between: Interval
    ) -> RuledFindings:
        """Return a target's findings as the operator's rules leave them."""
        return apply_rules(findings, self.rules, target=target, between=between, today=self.today)
