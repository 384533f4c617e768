"""Two snapshots compared and judged from the two alone, as `diff` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.drift.block_kinds import kind_of
from auditor.drift.compare import compare_snapshots
from auditor.drift.findings import all_findings, judge_comparison
from auditor.drift.model_state import first_status, next_status
from auditor.drift.secrets import Secrets
from auditor.model import Finding, ModelState, Snapshot, TargetId


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two snapshots, the vendor's changes among the findings."""

    model_state: ModelState
    findings: tuple[Finding, ...]
    suppressed: int


def find_difference(
    old: Snapshot, new: Snapshot, *, secrets: Secrets, target: TargetId | None = None
) -> Difference:
    """Return what differs between two snapshots; no rule and no baseline counts."""
    comparison = compare_snapshots(old, new, target=target, secrets=secrets)
    judged = judge_comparison(comparison)
    before = first_status(comparison.old, kind_of(old.kind)).state
    status = next_status(before, comparison.old, comparison.new, judged.findings, comparison.kind)
    return Difference(
        model_state=status.state,
        findings=all_findings(comparison, judged),
        suppressed=len(judged.suppressed),
    )
