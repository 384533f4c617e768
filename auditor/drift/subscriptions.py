"""Which part of a report each subscriber receives.

Rules:
- A subscription covers the blocks in its scope and those of their findings that are in its areas
  and at least of its lowest severity. The part is a complete report with its own totals.
- `gets` lists what is worth a message: `drift` (a finding, a new or newly missing block, a broken
  rule), `failures` (something in scope could not be checked), `quiet` (none of these). Nobody
  receives a message that they did not ask for. What is merely open is no drift.
- Changes by the vendor belong to no block. A subscription gets them if its areas include the
  catalogue or if it names no areas.
- Where the scope is not everything, no text of the part names or counts blocks outside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from auditor.drift.report import count_totals, status_of
from auditor.drift.rules import TargetScope
from auditor.model import (
    Area,
    ConditionKind,
    Finding,
    NoticeKind,
    OpenCondition,
    ProjectError,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetState,
)
from auditor.report import LeftOut, Notice, Report, TargetReport

DRIFT, FAILURES, QUIET = "drift", "failures", "quiet"
_COUNT = re.compile(r" \([\d,]+ blocks?\)")
_TARGET = re.compile(r"\b\d+/\d+\b")
_MORE = re.compile(r" and \d+ more$")
_SIBLINGS = re.compile(r" \d+/\d+.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One `[[subscriptions]]` table: a recipient of a part of each report.

    Attributes:
        areas: the areas of the findings it receives; empty for all areas.
        least: the lowest severity of the findings it receives.
        gets: which of `drift`, `failures` and `quiet` are worth a message.
    """

    recipient: str
    scope: TargetScope = field(default_factory=TargetScope)
    areas: frozenset[Area] = frozenset()
    least: Severity = Severity.INFO
    gets: frozenset[str] = frozenset({DRIFT, FAILURES})


def select_part(report: Report, subscription: Subscription) -> Report | None:
    """Return the part of a report for a subscription, or None if it is not worth a message."""
    targets = tuple(
        _target_part(target, subscription)
        for target in report.targets
        if subscription.scope.includes(target.target)
    )
    left_out = tuple(each for each in report.left_out if _covers_left_out(subscription, each))
    part = replace(
        report,
        targets=targets,
        left_out=left_out,
        totals=count_totals(targets, left_out),
        catalogue=report.catalogue if _covers_vendor(subscription) else (),
        late_catalogue=report.late_catalogue if _covers_vendor(subscription) else (),
        errors=tuple(error for error in report.errors if _covers_error(subscription, error)),
        notices=tuple(notice for notice in report.notices if covers_notice(subscription, notice)),
        notes=tuple(_note_of_part(note, subscription.scope) for note in report.notes),
        open=tuple(
            _condition_of_part(condition, subscription.scope)
            for condition in report.open
            if subscription.scope.includes(condition.target)
            and condition.severity.rank >= subscription.least.rank
        ),
        broken_rules=tuple(
            broken for broken in report.broken_rules if subscription.scope.includes(broken[0])
        ),
        suppressed_by=(),
    )
    part = replace(part, run=replace(part.run, status=_status(part)))
    return part if subscription.gets & set(_contents(part)) else None


def _target_part(target: TargetReport, subscription: Subscription) -> TargetReport:
    findings = tuple(
        finding for finding in target.findings if _covers_finding(subscription, finding)
    )
    late = tuple(each for each in target.late if _covers_finding(subscription, each.finding))
    state = target.state
    if state is TargetState.DRIFTED and target.findings and not findings:
        state = TargetState.IN_SYNC
    return replace(target, findings=findings, late=late, state=state)


def _note_of_part(note: str, scope: TargetScope) -> str:
    """Return a note without the number of blocks, which is that of the whole run."""
    return note if scope.includes(None) else _COUNT.sub("", note)


def _condition_of_part(condition: OpenCondition, scope: TargetScope) -> OpenCondition:
    """Return a condition whose text names no sibling outside the scope."""
    if condition.kind is not ConditionKind.SIBLING_DIFFERS:
        return condition
    named, colon, what = condition.headline.partition(": ")
    ids = [TargetId(*map(int, words.split("/"))) for words in _TARGET.findall(named)]
    if all(map(scope.includes, ids)) and (scope.includes(None) or not _MORE.search(named)):
        return condition
    return replace(condition, headline=f"{_SIBLINGS.sub('', named)}{colon}{what}")


def _covers_finding(subscription: Subscription, finding: Finding) -> bool:
    in_area = not subscription.areas or finding.area in subscription.areas
    return in_area and finding.severity.rank >= subscription.least.rank


def _covers_vendor(subscription: Subscription) -> bool:
    return subscription.scope.includes(None) and (
        not subscription.areas or Area.CATALOGUE in subscription.areas
    )


def _covers_left_out(subscription: Subscription, left_out: LeftOut) -> bool:
    """Return whether targets that a report only counts are in scope: it lists named blocks."""
    scope = subscription.scope
    return scope.includes(None) or left_out.project_id in scope.projects


def _covers_error(subscription: Subscription, error: ProjectError) -> bool:
    scope = subscription.scope
    named = scope.projects | {block.project_id for block in scope.blocks}
    return not named or error.project_id in named


def covers_notice(subscription: Subscription, notice: Notice) -> bool:
    """Return whether a subscriber receives a notice."""
    scope = subscription.scope
    in_scope = scope.includes(notice.target) or notice.project_id in scope.projects
    return in_scope and notice.severity.rank >= subscription.least.rank


def _status(part: Report) -> RunStatus:
    """Return the run's status for the part; an aborted or running run keeps its status."""
    if part.run.status not in (RunStatus.COMPLETE, RunStatus.INCOMPLETE, RunStatus.FAILED):
        return part.run.status
    return status_of(part.totals, part.errors)


def _contents(part: Report) -> Iterable[str]:
    """Yield which of `drift`, `failures` and `quiet` the part contains."""
    totals = part.totals
    is_said = any(notice.kind is not NoticeKind.CONTEXT_UNREAD for notice in part.notices)
    has_findings = is_said or any(
        target.late or any(finding.since is Since.LAST for finding in target.findings)
        for target in part.targets
    )
    has_new_or_missing = totals.new or any(target.is_news for target in part.targets)
    has_failures = totals.unknown or part.errors
    has_drift = has_findings or has_new_or_missing or part.catalogue or part.late_catalogue
    if has_drift:
        yield DRIFT
    if has_failures:
        yield FAILURES
    if not has_drift and not has_failures:
        yield QUIET
