"""Operations on a report: totals, run status and findings that join it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.drift.policy import worst_first
from auditor.model import ProjectError, RunStatus, Since, TargetState, VendorFinding
from auditor.report import LeftOut, Report, TargetReport, Totals

STATE_SIGNS = {
    TargetState.IN_SYNC: "·",
    TargetState.DRIFTED: "▲",
    TargetState.UNKNOWN: "?",
    TargetState.MISSING: "○",
    TargetState.NEW: "+",
    TargetState.UNSUPPORTED: " ",
}
CHECKED_STATES = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)


def merge_vendor_findings(findings: Iterable[VendorFinding]) -> tuple[VendorFinding, ...]:
    """Return vendor findings, worst first, equal ones merged with their targets added up."""
    merged: dict[str, VendorFinding] = {}
    for finding in findings:
        known = merged.get(finding.id)
        targets = finding.targets + (known.targets if known else 0)
        merged[finding.id] = replace(finding, targets=targets)
    return worst_first(merged.values())


def count_totals(targets: Iterable[TargetReport], left_out: Iterable[LeftOut] = ()) -> Totals:
    """Return the totals of a run; only findings since the last version are counted."""
    states: Counter[TargetState] = Counter()
    findings = 0
    for target in targets:
        states[target.state] += 1
        findings += sum(finding.since is Since.LAST for finding in target.findings)
    for each in left_out:
        states[TargetState.IN_SYNC] += each.in_sync
        states[TargetState.NEW] += each.new
        states[TargetState.UNKNOWN] += each.unknown
        states[TargetState.UNSUPPORTED] += each.unsupported
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


def read_too_little(report: Report) -> bool:
    """Return whether less than half was determined, mostly for reasons that may pass.

    A project that was never listed counts as one block.
    """
    totals = report.totals
    determined = totals.checked + totals.missing + totals.unsupported
    listed = report.projects()
    unlisted = [error for error in report.errors if error.project_id not in listed]
    failures = [target.error for target in report.targets if target.error is not None]
    passing = sum(failure.may_pass for failure in failures)
    passing += sum(each.passing for each in report.left_out)
    passing += sum(error.may_pass for error in unlisted)
    failed = totals.unknown + len(unlisted)
    return determined < failed and passing * 2 > failed


def status_of(totals: Totals, errors: Sequence[ProjectError]) -> RunStatus:
    """Return the status of a run that was not aborted."""
    if not totals.unknown and not errors:
        return RunStatus.COMPLETE
    determined = totals.checked + totals.missing + totals.unsupported
    return RunStatus.INCOMPLETE if determined else RunStatus.FAILED
