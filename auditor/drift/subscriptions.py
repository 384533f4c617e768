"""Who gets what part of a report.

Rules it holds
- A subscription sees the blocks of its scope and, of their findings, its areas from its least
  severity up. What it sees is a report of its own, with totals of its own.
- `gets` names what is worth a message: `drift` (a finding, a block that came or went missing, a
  rule that broke), `failures` (something that could not be checked, anywhere in scope), `quiet`
  (nothing of that). Nobody gets a message they did not ask for.
- The vendor's changes are of no block: they go with areas that name the catalogue, or with none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from auditor.drift.report import count, status_of
from auditor.drift.rules import TargetScope
from auditor.model import (
    Area,
    Finding,
    Notice,
    ProjectError,
    Report,
    RunStatus,
    Severity,
    TargetReport,
    TargetState,
)

DRIFT, FAILURES, QUIET = "drift", "failures", "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """`[[subscriptions]]`: one reader of a part of each report.

    Attributes:
        areas: of the findings it sees; all of them where it names none.
        least: the least severity of the findings it sees.
        gets: of `drift`, `failures` and `quiet`.
    """

    recipient: str
    scope: TargetScope = field(default_factory=TargetScope)
    areas: frozenset[Area] = frozenset()
    least: Severity = Severity.INFO
    gets: frozenset[str] = frozenset({DRIFT, FAILURES})


def part_for(report: Report, subscription: Subscription) -> Report | None:
    """Return the part of a report that a reader subscribed to, None where it is worth no mail."""
    targets = tuple(
        _seen(one, subscription)
        for one in report.targets
        if subscription.scope.includes(one.target)
    )
    part = replace(
        report,
        targets=targets,
        totals=count(targets),
        catalogue=report.catalogue if _sees_vendor(subscription) else (),
        errors=tuple(one for one in report.errors if _sees_project(subscription, one)),
        notices=tuple(one for one in report.notices if _sees_notice(subscription, one)),
    )
    part = replace(part, run=replace(part.run, status=_status(part)))
    return part if subscription.gets & set(_worth(part)) else None


def _seen(target: TargetReport, subscription: Subscription) -> TargetReport:
    findings = tuple(one for one in target.findings if _sees(subscription, one))
    state = target.state
    if state is TargetState.DRIFTED and not findings:
        state = TargetState.IN_SYNC
    return replace(target, findings=findings, state=state)


def _sees(subscription: Subscription, finding: Finding) -> bool:
    in_area = not subscription.areas or finding.area in subscription.areas
    return in_area and finding.severity.rank >= subscription.least.rank


def _sees_vendor(subscription: Subscription) -> bool:
    return subscription.scope.includes(None) and (
        not subscription.areas or Area.CATALOGUE in subscription.areas
    )


def _sees_project(subscription: Subscription, error: ProjectError) -> bool:
    scope = subscription.scope
    named = scope.projects | {block.project_id for block in scope.blocks}
    return not named or error.project_id in named


def _sees_notice(subscription: Subscription, notice: Notice) -> bool:
    return subscription.scope.includes(notice.target) and (
        notice.severity.rank >= subscription.least.rank
    )


def _status(part: Report) -> RunStatus:
    """Return how far the run came in the part; one that did not end by itself stays so."""
    if part.run.status not in (RunStatus.COMPLETE, RunStatus.INCOMPLETE, RunStatus.FAILED):
        return part.run.status
    return status_of(part.totals, part.errors)


def _worth(part: Report) -> Iterable[str]:
    """Yield what of `gets` the part is."""
    totals = part.totals
    is_drift = part.notices or any(one.findings for one in part.targets)
    came_or_went = totals.new or any(one.is_news for one in part.targets)
    has_failures = totals.unknown or part.errors
    if is_drift or came_or_went or part.catalogue:
        yield DRIFT
    if has_failures:
        yield FAILURES
    if not (is_drift or came_or_went or part.catalogue or has_failures):
        yield QUIET
