"""A run as a report: what it counted, what each target came to, what is the vendor's."""

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

SIGNS = {
    TargetState.IN_SYNC: "·",
    TargetState.DRIFTED: "▲",
    TargetState.UNKNOWN: "?",
    TargetState.MISSING: "○",
    TargetState.NEW: "+",
    TargetState.UNSUPPORTED: " ",
}
READ = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)


def add_findings(target: TargetReport, findings: Iterable[Finding]) -> TargetReport:
    """Return the target with more findings told, each once: not as standing beside."""
    known = {one.id for one in target.findings if one.since is Since.LAST}
    more = [one for one in findings if one.id not in known]
    told_now = {one.id for one in more}
    kept = [one for one in target.findings if one.id not in told_now]
    return _with_findings(target, worst_first([*kept, *more]))


def merge_vendor(findings: Iterable[VendorFinding]) -> tuple[VendorFinding, ...]:
    """Return vendor findings with equal ones told once, for the targets of all of them."""
    merged: dict[str, VendorFinding] = {}
    for one in findings:
        known = merged.get(one.id)
        targets = one.targets + (known.targets if known else 0)
        merged[one.id] = replace(one, targets=targets)
    return tuple(sorted(merged.values(), key=lambda one: -one.severity.rank))


def count(targets: Iterable[TargetReport]) -> Totals:
    """Return what a run counted; only findings since the last version count as findings."""
    states: Counter[TargetState] = Counter()
    findings = 0
    for target in targets:
        states[target.state] += 1
        findings += sum(1 for one in target.findings if one.since is Since.LAST)
    return Totals(
        targets=states.total(),
        checked=sum(states[state] for state in READ),
        new=states[TargetState.NEW],
        in_sync=states[TargetState.IN_SYNC],
        drifted=states[TargetState.DRIFTED],
        missing=states[TargetState.MISSING],
        unknown=states[TargetState.UNKNOWN],
        unsupported=states[TargetState.UNSUPPORTED],
        findings=findings,
    )


def status_of(totals: Totals, errors: Sequence[ProjectError]) -> RunStatus:
    """Return how far a run came that ended by itself."""
    if not totals.unknown and not errors:
        return RunStatus.COMPLETE
    seen = totals.checked + totals.missing + totals.unsupported
    return RunStatus.INCOMPLETE if seen else RunStatus.FAILED


def _with_findings(target: TargetReport, findings: Sequence[Finding]) -> TargetReport:
    state = target.state
    if state in (TargetState.IN_SYNC, TargetState.DRIFTED):
        state = TargetState.DRIFTED if findings else TargetState.IN_SYNC
    return replace(target, findings=tuple(findings), state=state)
