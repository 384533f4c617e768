"""The results of a run's targets so far, and the report that they make."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict

from auditor.audit.conditions import judge_conditions
from auditor.audit.context import ProjectContexts
from auditor.audit.inventory import Inventory
from auditor.audit.late import LateFindings
from auditor.audit.left_out import LeftOutCounts, has_news, may_be_replaced
from auditor.audit.news import BlockNews, is_block_news, notices_of_news, notices_of_upgrade
from auditor.audit.pending import PendingResults
from auditor.audit.target_set import TargetSet
from auditor.context import Training
from auditor.drift.block_kinds import unread_model
from auditor.drift.conditions import JudgedConditions
from auditor.drift.findings import finding_id, make_vendor_finding
from auditor.drift.report import CHECKED_STATES, count_totals, merge_vendor_findings, status_of
from auditor.drift.state_rules import RuleViolation
from auditor.fetching import Answer, FetchFailure, FetchResult, UnchangedAnswer
from auditor.impulses import NO_PLACE
from auditor.model import (
    Interval,
    ModelEvent,
    ModelState,
    NoticeKind,
    ProjectError,
    RunInfo,
    TargetId,
    TargetState,
    VendorFinding,
)
from auditor.records import AcceptedValue, KnownTarget, RunConclusions, UnreportedFinding
from auditor.report import Notice, Report, TargetReport
from auditor.results import Missing, NewVersion, ReadResult, TargetResult, Unchanged, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRun:
    """A run whose results are all stored, and which is not closed yet.

    Attributes:
        carried: findings of earlier runs that the report holds, or a notice of it names.
    """

    report: Report
    carried: tuple[UnreportedFinding, ...]
    conclusions: RunConclusions


@dataclass(slots=True)
class Results:
    """Collects the results of targets, in any order.

    A result is kept as its line of the report. Where not all are listed, a target without news
    leaves its id and a count.

    Attributes:
        lines: what the report says of each target that it lists.
        lists_all: whether it lists all targets, whatever there is to say of them.
        named: targets that are listed in any case, as the configuration names them.
        audited: every target with a result.
        block_news: which blocks are new or gone.
        pending: results with changes that are the vendor's if enough targets show the same.
        errors: causes that hold for a whole project, in the order they were met.
        vendor: the vendor's changes by act, each with the number of targets that show it.
        unsaved: that number, since `take_unsaved` was called last.
        suppressed: for each rule, how many findings it suppressed.
        new_values: how many targets have a value that the schema does not name.
        violations: the rules on state that do not hold, of each target that breaks one.
        baseline_values: of each target that was read and differs from its baseline, what does.
        at_baseline: the targets that were read and equal their baseline.
        notices: about projects and blocks that are back, renamed or left out.
        asked: as `Report.asked`.
        from_upgrade: what only shows because the auditor was upgraded, by id, of each target.
        conditions: what the results say of open conditions, of each target that is not saved.
        inventory: what is audited, and where each listed target is.
        contexts: what stands beside the configuration.
    """

    lines: dict[TargetId, TargetReport] = field(default_factory=dict)
    lists_all: bool = True
    named: frozenset[TargetId] = frozenset()
    audited: TargetSet = field(default_factory=TargetSet)
    block_news: BlockNews = field(default_factory=BlockNews)
    pending: PendingResults = field(default_factory=PendingResults)
    vendor: dict[str, VendorFinding] = field(default_factory=dict)
    unsaved: Counter[str] = field(default_factory=Counter)
    errors: dict[ProjectError, None] = field(default_factory=dict)
    suppressed: Counter[str] = field(default_factory=Counter)
    new_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: dict[TargetId, tuple[RuleViolation, ...]] = field(default_factory=dict)
    baseline_values: dict[TargetId, frozenset[AcceptedValue]] = field(default_factory=dict)
    at_baseline: TargetSet = field(default_factory=TargetSet)
    notices: list[Notice] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    from_upgrade: dict[TargetId, frozenset[str]] = field(default_factory=dict)
    conditions: dict[TargetId, JudgedConditions] = field(default_factory=dict)
    inventory: Inventory = field(default_factory=Inventory)
    contexts: ProjectContexts = field(default_factory=ProjectContexts)
    _read_projects: set[int] = field(default_factory=set)
    _unread: TargetSet = field(default_factory=TargetSet)
    _left_out: LeftOutCounts = field(default_factory=LeftOutCounts)
    _unsaved_news: dict[TargetId, TargetReport] = field(default_factory=dict)

    def count_fetched(self, fetched: FetchResult) -> None:
        """Count an answer, or why there is none."""
        match fetched:
            case Answer():
                self.asked["answer"] += 1
            case UnchangedAnswer():
                self.asked["same"] += 1
            case FetchFailure(failure=failure):
                self.asked[failure.kind] += 1

    def add(self, result: TargetResult, known: KnownTarget | None) -> None:
        """Add the final result of a target."""
        target = result.target
        listed = self.inventory.find(target)
        place = listed.place if listed else known.place if known else NO_PLACE
        line = target_report(result, known)
        if place != line.place:
            line = replace(line, place=place)
        if self.contexts.scope.training:
            line = _with_last_training(line, result, known)
        self._add_line(line)
        if (judged := judge_conditions(result, known)) is not None:
            self.conditions[target] = judged
        if not isinstance(result, Unchanged | NewVersion):
            return
        self._add_read(result)

    def _add_line(self, line: TargetReport) -> None:
        """Take a target's line, and list it where there is something to say."""
        target = line.target
        self.audited.add(target)
        if line.state in CHECKED_STATES:
            self._read_projects.add(target.project_id)
        else:
            self._unread.add(target)
        if is_block_news(line):
            self.block_news.add(line)
            self._unsaved_news[target] = line
        if self.lists_all or target in self.named:
            self.lines[target] = line
        elif has_news(line):
            self.lines[target] = line
            for each in self._left_out.beyond_most_alike(line):
                self._left_out.add(self.lines.pop(each))
        else:
            self._left_out.add(line)

    def _add_read(self, result: Unchanged | NewVersion) -> None:
        target = result.target
        if result.training is not None:
            self.contexts.waiting.pop(target, None)
        if result.violations:
            self.violations[target] = result.violations
        if result.baseline is not None and result.baseline.values:
            self.baseline_values[target] = result.baseline.values
        elif result.baseline is not None:
            self.at_baseline.add(target)
        if result.from_upgrade:
            self.from_upgrade[target] = result.from_upgrade
        self.suppressed.update(result.suppressed_by)
        if isinstance(result, NewVersion):
            self._count_vendor(result)

    def _count_vendor(self, result: NewVersion) -> None:
        self.new_values.update(result.new_values)
        found = dict(result.shared)
        for change in result.vendor:
            key = finding_id(None, change.path, change.before, change.after)
            found[key] = self.vendor.get(key) or make_vendor_finding(change, targets=1)
        for act, finding in found.items():
            known = self.vendor.get(act)
            self.vendor[act] = replace(known, targets=known.targets + 1) if known else finding
            self.unsaved[act] += 1

    def add_error(self, error: ProjectError) -> None:
        """Add a cause that holds for a whole project; equal ones are kept once."""
        self.errors[error] = None

    def take_unsaved(self) -> tuple[VendorFinding, ...]:
        """Return the vendor's changes that were added since this was called last."""
        unsaved, self.unsaved = self.unsaved, Counter()
        return tuple(replace(self.vendor[act], targets=n) for act, n in unsaved.items())

    def news_of(self, targets: Sequence[TargetId]) -> tuple[Notice, ...]:
        """Return what is reported once of a batch of targets, and is no news for the next run."""
        batch = frozenset(targets)
        returned = (
            notice
            for notice in self.notices
            if notice.kind is NoticeKind.BLOCK_BACK and notice.target in batch
        )
        upgraded = [self.from_upgrade[target] for target in targets if target in self.from_upgrade]
        return (
            *notices_of_news(
                self._unsaved_news.pop(target)
                for target in targets
                if target in self._unsaved_news
            ),
            *returned,
            *notices_of_upgrade(upgraded),
        )

    def take_conditions(self, targets: Sequence[TargetId]) -> tuple[JudgedConditions, ...]:
        """Return what the results of a batch say of open conditions, to be saved with it."""
        taken = (self.conditions.pop(target, None) for target in targets)
        return tuple(judged for judged in taken if judged is not None)

    def was_read(self, target: TargetId) -> bool:
        """Return whether a target was read in this run."""
        return target in self.audited and target not in self._unread

    def values_off_baseline(self, target: TargetId) -> frozenset[AcceptedValue] | None:
        """Return what differs from the baseline; None of a target not read, or without one."""
        if target in self.at_baseline:
            return frozenset()
        return self.baseline_values.get(target)

    def lists(self, target: TargetId | None) -> bool:
        """Return whether the report has a place for a finding: at a target, or the vendor's."""
        return target is None or target in self.lines

    def list_again(self, known: Iterable[KnownTarget]) -> None:
        """List targets that were left out, of which more is to be said after all.

        `known` is what the store knows of them after the run.
        """
        for each in known:
            if each.target in self.audited and each.target not in self.lines:
                line = self._left_out.take(_line_again(each))
                if line is not None:
                    self.lines[each.target] = line

    def projects_to_list(self) -> list[int]:
        """Return projects with targets that are left out, and whose impulses may be others now.

        Whether an impulse is another one, all its blocks tell together.
        """
        lines: dict[int, list[TargetReport]] = defaultdict(list)
        for line in self.lines.values():
            if self._left_out.of_project(line.target.project_id).targets:
                lines[line.target.project_id].append(line)
        return sorted(
            project_id
            for project_id, of_project in lines.items()
            if may_be_replaced(of_project, self._left_out.of_project(project_id))
        )

    def to_report(
        self,
        run: RunInfo,
        *,
        finished_at: datetime,
        vendor: Sequence[VendorFinding],
        late: LateFindings,
    ) -> Report:
        """Return the run's report; `late` are findings that earlier runs did not report.

        `vendor` are the vendor's changes of this run, as the operator's rules leave them.
        """
        in_order = tuple(late.add_to(self.lines[target]) for target in sorted(self.lines))
        left_out = self._left_out.every()
        totals = count_totals(in_order, left_out)
        errors = tuple(
            error for error in self.errors if error.project_id not in self._read_projects
        )
        catalogue, late_catalogue = late.split_vendor(
            merge_vendor_findings(vendor), totals.checked
        )
        return Report(
            run=replace(run, status=status_of(totals, errors), finished_at=finished_at),
            totals=totals,
            targets=in_order,
            left_out=left_out,
            catalogue=catalogue,
            late_catalogue=late_catalogue,
            errors=errors,
            suppressed_by=tuple(sorted(self.suppressed.items())),
            fetch_counts=tuple(sorted(self.asked.items())),
        )

    def vendor_findings(self) -> tuple[VendorFinding, ...]:
        """Return the vendor's changes that the whole run showed, and what targets share."""
        return tuple(self.vendor.values())

    def notes_of_new_values(self) -> tuple[str, ...]:
        """Return a sentence for each new value of an enumeration that several targets have."""
        return tuple(
            f"The API now has {pattern.replace('[]', '')} “{value}” ({number} blocks)."
            for (pattern, value), number in sorted(self.new_values.items())
            if number > 1
        )


def target_report(result: TargetResult, known: KnownTarget | None) -> TargetReport:
    """Return what the report says of a target; `known` is what the store had before the run."""
    match result:
        case Unchanged():
            return _report_of_unchanged(result, known)
        case NewVersion():
            return _report_of_version(result, known)
        case Unreadable() | Missing():
            return _report_of_unread(result, known)


def _report_of_unchanged(result: Unchanged, known: KnownTarget | None) -> TargetReport:
    if known is None:
        raise AssertionError("an answer cannot equal one that was never read")
    return TargetReport(
        target=result.target,
        kind=result.kind,
        project=result.project,
        name=known.version_name or known.name,
        type=known.version_type or known.type,
        state=result.state,
        model_state=ModelState.TRAINED if result.is_retrained else known.model_state,
        model_event=ModelEvent.RETRAINED if result.is_retrained else None,
        model_since=result.model_since
        if result.is_retrained
        else _reported_since(known.model_state, None, known.model_since),
        findings=result.reported,
        suppressed=len(result.suppressed_by),
        acknowledged=result.baseline.acknowledged if result.baseline else 0,
        last_good_at=known.last_checked_at if result.findings else None,
        **_of_training(result),
    )


def _report_of_version(result: NewVersion, known: KnownTarget | None) -> TargetReport:
    return TargetReport(
        target=result.target,
        kind=result.kind,
        project=result.project,
        name=result.snapshot.name,
        type=result.snapshot.shown_type,
        state=result.state,
        model_state=result.model_state,
        model_event=result.event,
        model_since=_reported_since(result.model_state, result.event, result.model_since),
        findings=result.reported,
        suppressed=len(result.suppressed_by),
        acknowledged=result.baseline.acknowledged if result.baseline else 0,
        last_good_at=known.last_checked_at if known else None,
        excerpt=result.excerpt,
        **_of_training(result),
    )


class _TrainingColumns(TypedDict, total=False):
    training: Training | None
    is_trained_now: bool
    training_before: Training | None
    proving_job: int | None


def _of_training(result: ReadResult) -> _TrainingColumns:
    """Return what a report says of a training that this run found."""
    news = result.training
    if news is None:
        return {}
    if not news.is_news:
        return {"proving_job": news.known.job if news.is_proven else None}
    return {
        "training": news.known.last,
        "is_trained_now": True,
        "training_before": news.before,
    }


def _with_last_training(
    line: TargetReport, result: TargetResult, known: KnownTarget | None
) -> TargetReport:
    """Return a target with its last training, as far as that is known."""
    news = result.training if isinstance(result, Unchanged | NewVersion) else None
    if line.state not in CHECKED_STATES:
        return line
    stored = news.known if news else known.training if known else None
    return replace(line, training=stored.last) if stored else line


def _report_of_unread(result: Unreadable | Missing, known: KnownTarget | None) -> TargetReport:
    line = TargetReport(
        target=result.target,
        kind=result.kind,
        project=result.project,
        name=known.name if known else "",
        type=known.type if known else "",
        state=TargetState.UNKNOWN,
        model_state=unread_model(result.kind),
        last_good_at=known.last_checked_at if known else None,
    )
    before = known.state if known else None
    match result:
        case Unreadable():
            return replace(line, error=result.failure)
        case Missing():
            is_news = before is not TargetState.MISSING
            return replace(line, state=TargetState.MISSING, is_news=is_news)


def _line_again(known: KnownTarget) -> TargetReport:
    """Return the line of a target of which the run has no news."""
    return TargetReport(
        target=known.target,
        kind=known.kind,
        project=known.project,
        name=known.version_name or known.name,
        type=known.version_type or known.type,
        state=known.state,
        model_state=known.model_state,
        place=known.place,
        training=known.training.last if known.training else None,
    )


def _reported_since(
    state: ModelState, event: ModelEvent | None, since: Interval | None
) -> Interval | None:
    """Return the time to report: in every run while the model is stale, else with its event."""
    return since if event is not None or state is ModelState.STALE else None
