"""Operations on a report: totals, run status and findings that join it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.drift.policy import worst_first
from auditor.model import (
    Finding,
    ProjectError,
    RunStatus,
    Since,
    TargetReport,
    TargetState,
    Totals,
    VendorFinding,
)

STATE_SIGNS = {
    TargetState.IN_SYNC: "·",
    TargetState.DRIFTED: "▲",
    TargetState.UNKNOWN: "?",
    TargetState.MISSING: "○",
    TargetState.NEW: "+",
    TargetState.UNSUPPORTED: " ",
}
CHECKED_STATES = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)


def add_findings(target: TargetReport, findings: Iterable[Finding]) -> TargetReport:
    """Return the target with more findings of this run, each finding once.

    A finding that was listed as a difference from the baseline becomes a finding of this run.
    """
    known = {finding.id for finding in target.findings if finding.since is Since.LAST}
    more = [finding for finding in findings if finding.id not in known]
    added = {finding.id for finding in more}
    kept = [finding for finding in target.findings if finding.id not in added]
    all_findings = worst_first([*kept, *more])
    state = target.state
    if state in (TargetState.IN_SYNC, TargetState.DRIFTED):
        state = TargetState.DRIFTED if all_findings else TargetState.IN_SYNC
    return replace(target, findings=all_findings, state=state)


def merge_vendor_findings(findings: Iterable[VendorFinding]) -> tuple[VendorFinding, ...]:
    """Return vendor findings, worst first, equal ones merged with their targets added up."""
    merged: dict[str, VendorFinding] = {}
    for finding in findings:
        known = merged.get(finding.id)
        targets = finding.targets + (known.targets if known else 0)
        merged[finding.id] = replace(finding, targets=targets)
    return worst_first(merged.values())


def count_totals(targets: Iterable[TargetReport]) -> Totals:
    """Return the totals of a run; only findings since the last version are counted."""
    states: Counter[TargetState] = Counter()
    findings = 0
    for target in targets:
        states[target.state] += 1
        findings += sum(finding.since is Since.LAST for finding in target.findings)
    return Totals(
        targets=states.total(),
        checked=sum(states[state] for state in CHECKED_STATES),
        new=states[TargetState.NEW],
        in_sync=states[TargetState.IN_SYNC],
        drifted=states[TargetState.DRIFTED],
        missing=states[TargetState.MISSING],
        unknown=states[TargetState.UNKNOWN],
        unsupported=states[TargetState.UNSUPPORTED],
        findings=findings,
    )


def status_of(totals: Totals, errors: Sequence[ProjectError]) -> RunStatus:
    """Return the status of a run that was not aborted."""
    if not totals.unknown and not errors:
        return RunStatus.COMPLETE
    determined = totals.checked + totals.missing + totals.unsupported
    return RunStatus.INCOMPLETE if determined else RunStatus.FAILED
