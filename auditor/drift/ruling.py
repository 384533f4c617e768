"""What the operator's rules make of findings: other severities, silence, expectation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from auditor.drift.findings import worst_first
from auditor.drift.rules import IgnoreRule, Rules, SeverityRule
from auditor.model import Area, Finding, Interval, TargetId, VendorFinding

INTERFACE = "interface"  # the rule of the contract that keeps what Studio's pages remember silent
UPGRADE = "upgrade"  # keeps silent what an upgrade of the auditor shows and nobody did


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that is stored and not told; `rule` names what keeps it silent."""

    finding: Finding
    rule: str


@dataclass(frozen=True, slots=True)
class SilencedVendor:
    """A finding of the vendor's that is stored and not told, and the rule that says so."""

    finding: VendorFinding
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """Findings under the operator's rules: `told` worst first, `silenced` as they came."""

    told: tuple[Finding, ...] = ()
    silenced: tuple[Silenced, ...] = ()


def is_ignored(
    path: str, area: Area, rules: Rules, *, target: TargetId | None, today: date
) -> bool:
    """Return whether an ignore rule that holds covers a path in its area."""
    return _ignoring(path, area, rules, target, today) is not None


def rule(
    findings: Iterable[Finding],
    rules: Rules,
    *,
    target: TargetId,
    between: Interval,
    today: date,
) -> Ruled:
    """Return what the rules make of findings that came about in the time `between` two polls.

    `today` is the day in the schedule's time zone: an ignore rule holds through its last day.
    """
    told, silenced = [], []
    for finding in findings:
        ignored = _ignoring(finding.path, finding.area, rules, target, today)
        if ignored is not None:
            silenced.append(Silenced(finding, ignored.name))
            continue
        told.append(_expected(_weighed(finding, rules, target), rules, target, between))
    return Ruled(told=worst_first(told), silenced=tuple(silenced))


def rule_vendor(
    findings: Iterable[VendorFinding], rules: Rules, *, today: date
) -> tuple[tuple[VendorFinding, ...], tuple[SilencedVendor, ...]]:
    """Return the vendor's findings under the rules, and those that are not told."""
    told, hidden = [], []
    for finding in findings:
        ignored = _ignoring(finding.path, finding.area, rules, None, today)
        if ignored is not None:
            hidden.append(SilencedVendor(finding, ignored.name))
            continue
        weight = _weight(finding, rules, None)
        told.append(replace(finding, severity=weight.severity) if weight else finding)
    return tuple(told), tuple(hidden)


def _ignoring(
    path: str, area: Area, rules: Rules, target: TargetId | None, today: date
) -> IgnoreRule | None:
    covering = (
        one for one in rules.ignores if one.scope.holds(target) and one.subject.covers(path, area)
    )
    return next((one for one in covering if one.is_in_force(today)), None)


def _weighed(finding: Finding, rules: Rules, target: TargetId) -> Finding:
    weight = _weight(finding, rules, target)
    return replace(finding, severity=weight.severity, rule=weight.name) if weight else finding


def _weight(
    finding: Finding | VendorFinding, rules: Rules, target: TargetId | None
) -> SeverityRule | None:
    covering = (
        one
        for one in rules.severities
        if one.scope.holds(target) and one.subject.covers(finding.path, finding.area)
    )
    return next(covering, None)


def _expected(finding: Finding, rules: Rules, target: TargetId, between: Interval) -> Finding:
    for window in rules.windows:
        if window.scope.holds(target) and window.touches(between.after, between.until):
            return replace(finding, expected=f"{window.reason} ({window.author})")
    return finding
