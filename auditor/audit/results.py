"""What a run has come to so far, and the report it ends in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.audit.judge import Judge, Look
from auditor.drift.findings import finding_id, make_shared_finding, make_vendor_finding
from auditor.drift.report import READ, add_findings, count, merge_vendor, status_of
from auditor.drift.state_rules import RuleViolation
from auditor.model import (
    Change,
    Failure,
    Finding,
    ModelState,
    Notice,
    ProjectError,
    Report,
    RunInfo,
    TargetId,
    TargetReport,
    TargetState,
    VendorFinding,
)
from auditor.protocols import Answer, FetchFailure, FetchResult, UnchangedAnswer
from auditor.records import (
    Accepted,
    KnownTarget,
    Missing,
    RunConclusions,
    Unreadable,
    UnreportedFinding,
    Unsupported,
)


@dataclass(slots=True)
class Results:
    """Collects what targets came to, in any order.

    Attributes:
        vendor: the vendor's changes by id, each with the number of targets that show it.
        unsaved: the same, since they were last taken to be stored.
        held: looks whose findings are the vendor's where another target shows the same.
        suppressed: how many changes each rule kept from being told.
        new_values: how many targets came to a value that the schema does not name.
        broken: of each target that was read, the rules on state that do not hold.
        differs: of each that was read and has a baseline, what differs from it.
        notices: what is told once of projects and blocks that came back or are left out.
        asked: as `Report.asked`.
        reread: of each target, what shows because the auditor was upgraded, by id.
    """

    told: dict[TargetId, TargetReport] = field(default_factory=dict)
    vendor: dict[str, tuple[Change, int]] = field(default_factory=dict)
    unsaved: dict[str, tuple[Change, int]] = field(default_factory=dict)
    held: list[Look] = field(default_factory=list)
    errors: list[ProjectError] = field(default_factory=list)
    suppressed: Counter[str] = field(default_factory=Counter)
    new_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: dict[TargetId, tuple[RuleViolation, ...]] = field(default_factory=dict)
    differs: dict[TargetId, frozenset[Accepted]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    reread: dict[TargetId, frozenset[str]] = field(default_factory=dict)

    def add_fetched(self, fetched: FetchResult) -> None:
        """Count what came of asking for a block."""
        match fetched:
            case Answer():
                self.asked["answer"] += 1
            case UnchangedAnswer():
                self.asked["same"] += 1
            case FetchFailure(failure=failure):
                self.asked[failure.kind] += 1

    def add(self, look: Look) -> None:
        """Count a target that was read."""
        self.told[look.told.target] = look.told
        self.broken[look.told.target] = look.broken
        if look.differs is not None:
            self.differs[look.told.target] = look.differs
        self.reread[look.told.target] = look.reread
        self.suppressed.update(look.suppressed)
        self.new_values.update(look.new_values)
        for change in look.vendor:
            key = finding_id(None, change.path, change.before, change.after)
            for counts in (self.vendor, self.unsaved):
                counts[key] = (change, counts.get(key, (change, 0))[1] + 1)

    def take_unsaved(self) -> tuple[VendorFinding, ...]:
        """Return the vendor's changes counted since this was asked last."""
        unsaved, self.unsaved = self.unsaved, {}
        return tuple(make_vendor_finding(change, targets=n) for change, n in unsaved.values())

    def add_error(self, error: ProjectError) -> None:
        """Keep a cause that holds for a whole project, once."""
        if error not in self.errors:
            self.errors.append(error)

    def add_failure(self, project_id: int, failure: Failure) -> None:
        """Keep why a whole project cannot be read."""
        self.add_error(
            ProjectError(project_id=project_id, kind=failure.kind, message=failure.message)
        )

    def settle(self, judge: Judge) -> tuple[tuple[Look, ...], tuple[VendorFinding, ...]]:
        """Return the held looks as the whole run judges them, and what they share."""
        keys = Counter(key for look in self.held for key in set(look.shareable.values()))
        shared: dict[str, VendorFinding] = {}
        settled = []
        for look in self.held:
            of_vendor = {one for one, key in look.shareable.items() if keys[key] > 1}
            for finding in look.told.findings:
                if finding.id in of_vendor:
                    key = look.shareable[finding.id]
                    shared.setdefault(key, make_shared_finding(finding, targets=keys[key]))
            settled.append(judge.without(look, of_vendor))
        for look in settled:
            self.add(look)
        return tuple(settled), tuple(shared.values())

    def add_unread(
        self, outcome: Missing | Unsupported | Unreadable, known: KnownTarget | None
    ) -> None:
        """Count a target that was not read."""
        match outcome:
            case Missing():
                self.told[outcome.target] = _told_gone(outcome, known)
            case Unsupported():
                self.told[outcome.target] = _told_unserved(outcome, known)
            case Unreadable():
                self.told[outcome.target] = told_unread(outcome, known)

    def tells(self, untold: UnreportedFinding) -> bool:
        """Return whether this run's report can hold a finding of an earlier one."""
        return untold.target is None or untold.target in self.told

    def report(
        self,
        run: RunInfo,
        *,
        finished_at: datetime,
        vendor: Sequence[VendorFinding],
        carried: Sequence[UnreportedFinding],
    ) -> Report:
        """Return the run's report; `carried` are findings of earlier runs that nobody was told.

        `vendor` are the vendor's changes of this run, as the operator's rules leave them.
        """
        targets = dict(self.told)
        for target_id, findings in _carried_findings(carried).items():
            if target_id in targets:
                targets[target_id] = add_findings(targets[target_id], findings)
        in_order = tuple(targets[target_id] for target_id in sorted(targets))
        totals = count(in_order)
        read = {one.target.project_id for one in in_order if one.state in READ}
        errors = tuple(one for one in self.errors if one.project_id not in read)
        return Report(
            run=replace(run, status=status_of(totals, errors), finished_at=finished_at),
            totals=totals,
            targets=in_order,
            catalogue=merge_vendor([*vendor, *_carried_vendor(carried)]),
            errors=errors,
            suppressed_by=tuple(sorted(self.suppressed.items())),
            asked=tuple(sorted(self.asked.items())),
        )

    def of_vendor(self) -> tuple[VendorFinding, ...]:
        """Return the vendor's changes that the whole run showed."""
        return tuple(make_vendor_finding(change, targets=n) for change, n in self.vendor.values())

    def news_of_api(self) -> tuple[str, ...]:
        """Return a sentence for each new value of an enumeration that several targets show."""
        return tuple(
            f"The API now has {pattern.replace('[]', '')} “{value}” ({number} blocks)."
            for (pattern, value), number in sorted(self.new_values.items())
            if number > 1
        )


def told_unread(outcome: Unreadable, known: KnownTarget | None) -> TargetReport:
    """Return what is told of a target that could not be read."""
    return TargetReport(
        target=outcome.target,
        project=outcome.project,
        name=known.name if known else "",
        type=known.type if known else "",
        state=TargetState.UNKNOWN,
        model_state=ModelState.UNKNOWN,
        error=outcome.failure,
        last_good_at=known.last_checked_at if known else None,
    )


def _told_gone(outcome: Missing, known: KnownTarget | None) -> TargetReport:
    """Return what is told of a target that a successful listing lacks."""
    return TargetReport(
        target=outcome.target,
        project=outcome.project,
        name=known.name if known else "",
        type=known.type if known else "",
        state=TargetState.MISSING,
        model_state=ModelState.UNKNOWN,
        last_good_at=known.last_checked_at if known else None,
        went=known is None or known.state is not TargetState.MISSING,
    )


def _told_unserved(outcome: Unsupported, known: KnownTarget | None) -> TargetReport:
    """Return what is told of a target whose type has no endpoint here."""
    return TargetReport(
        target=outcome.target,
        project=outcome.project,
        name=outcome.name,
        type=outcome.type,
        state=TargetState.UNSUPPORTED,
        model_state=ModelState.UNKNOWN,
        findings=outcome.findings,
        went=known is None or known.state is not TargetState.UNSUPPORTED,
    )


def _carried_findings(carried: Sequence[UnreportedFinding]) -> dict[TargetId, list[Finding]]:
    findings: dict[TargetId, list[Finding]] = {}
    for one in carried:
        if one.target is not None and isinstance(one.finding, Finding):
            findings.setdefault(one.target, []).append(one.finding)
    return findings


def _carried_vendor(carried: Sequence[UnreportedFinding]) -> list[VendorFinding]:
    return [one.finding for one in carried if isinstance(one.finding, VendorFinding)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRun:
    """A run whose targets are all stored and which is not closed yet."""

    report: Report
    carried: tuple[UnreportedFinding, ...]
    aftermath: RunConclusions
