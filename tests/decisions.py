"""Approvals as the command line makes them, of what is stored last."""

from __future__ import annotations

from collections.abc import Sequence

from auditor import decide
from auditor.decide import Decision, NewBaseline
from auditor.drift.rules import Rules
from auditor.model import TargetId
from auditor.protocols import Store


def approve(
    targets: Sequence[TargetId], store: Store, decision: Decision
) -> tuple[NewBaseline, ...]:
    """Make the last version of each target its baseline."""
    versions = [store.version_lines(target)[0] for target in targets]
    baselines = decide.judge_versions(versions, store, rules=Rules(), now=decision.at)
    decide.approve(baselines, store, decision)
    return baselines


def approve_all_new(store: Store, decision: Decision) -> tuple[NewBaseline, ...]:
    """Make the last version of each target without a baseline its baseline."""
    baselines = decide.find_last_versions(
        store, project_id=None, only_new=True, rules=Rules(), now=decision.at
    )
    decide.approve(baselines, store, decision)
    return baselines
