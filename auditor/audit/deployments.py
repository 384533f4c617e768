"""What runs in the field: whether what was built last still is what its impulse would build.

Rules:
- Studio says whether an impulse has changed since its last deployment; the auditor says what it
  found there since then.
- The condition is one of a block of the impulse: of its first learn block, and of the same block
  for as long as it is open.
- Of a project that does not answer, and of an impulse that the answer does not have, what was
  known stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.audit.results import Results
from auditor.context import Deployment
from auditor.drift.conditions import FoundCondition, JudgedConditions
from auditor.drift.trainings import short_date
from auditor.model import ConditionKind, OpenCondition, Severity, TargetId
from auditor.protocols import RunStore

_KIND = ConditionKind.DEPLOYMENT_BEHIND
_MOST_NAMED = 3


def judge_deployments(
    results: Results, store: RunStore, open_before: Sequence[OpenCondition]
) -> tuple[JudgedConditions, ...]:
    """Return of which impulses the last deployment is behind, and of which it no longer is."""
    before = {
        (condition.target.project_id, condition.key): condition
        for condition in open_before
        if condition.kind is _KIND
    }
    judge = _DeploymentJudge(results, store, before)
    found: dict[TargetId, list[FoundCondition]] = {}
    answered = results.contexts.deployments
    for (project_id, key), condition in before.items():
        if project_id in answered:
            of_target = found.setdefault(condition.target, [])
            if key not in {str(each.impulse_id) for each in answered[project_id]}:
                of_target.append(_as_it_was(condition))
    for project_id, deployments in answered.items():
        for deployment in deployments:
            if (target := judge.find_block(project_id, deployment)) is not None:
                found.setdefault(target, []).append(judge.describe(project_id, deployment))
    return tuple(
        JudgedConditions(target=target, judged=frozenset({_KIND}), found=tuple(conditions))
        for target, conditions in found.items()
    )


@dataclass(frozen=True, slots=True)
class _DeploymentJudge:
    """Judges deployments by what a run knows of their impulses."""

    results: Results
    store: RunStore
    before: Mapping[tuple[int, str], OpenCondition]

    def find_block(self, project_id: int, deployment: Deployment) -> TargetId | None:
        """Return the block that has the condition, None where there is none to open."""
        if not deployment.is_behind or deployment.is_deleted:
            return None
        blocks = self._blocks(project_id, deployment.impulse_id)
        known = self.before.get((project_id, str(deployment.impulse_id)))
        if known is not None and (known.target in blocks or not blocks):
            return known.target
        return next(iter(blocks), None)

    def describe(self, project_id: int, deployment: Deployment) -> FoundCondition:
        """Return the condition: who built what and when, and what moved since."""
        name = deployment.impulse or f"impulse {deployment.impulse_id}"
        number = "" if deployment.version is None else f" {deployment.version}"
        format_ = f" ({deployment.format})" if deployment.format else ""
        by = f" by {deployment.person}" if deployment.person else ""
        return FoundCondition(
            kind=_KIND,
            severity=Severity.MEDIUM,
            headline=f"Deployment{number}{format_} of {name}, built{by} on "
            f"{short_date(deployment.at)} UTC, is behind: {self._moved(project_id, deployment)}",
            key=str(deployment.impulse_id),
        )

    def _moved(self, project_id: int, deployment: Deployment) -> str:
        """Return what the auditor found in the impulse since it was built."""
        blocks = self._blocks(project_id, deployment.impulse_id)
        earlier = self.store.headlines_since(blocks, deployment.at, most=_MOST_NAMED + 1)
        # What this run found is stored already, unless it is a dry run.
        now = [
            (target, finding.nameless_headline or finding.headline)
            for target in blocks
            if target in self.results.lines
            for finding in self.results.lines[target].findings
            if finding.severity is not Severity.INFO
        ]
        moved = list(dict.fromkeys([*now, *earlier]))
        if not moved:
            return "Studio says that the impulse changed since"
        words = [f"{headline} ({target})" for target, headline in moved[:_MOST_NAMED]]
        more = ", and more" if len(moved) > _MOST_NAMED else ""
        return f"since then {'; '.join(words)}{more}"

    def _blocks(self, project_id: int, impulse_id: int) -> tuple[TargetId, ...]:
        """Return the audited blocks of an impulse, learn blocks first.

        Where the configuration names the blocks, there is no listing: they are taken for those
        of the only impulse that was ever deployed.
        """
        inventory, deployments = self.results.inventory, self.results.contexts.deployments
        listed = inventory.blocks_of_impulse(project_id, impulse_id)
        if listed is not None:
            return listed
        if inventory.is_listed(project_id) or len(deployments[project_id]) != 1:
            return ()
        return self.results.audited.of_project(project_id)


def _as_it_was(condition: OpenCondition) -> FoundCondition:
    return FoundCondition(
        kind=condition.kind,
        severity=condition.severity,
        headline=condition.headline,
        key=condition.key,
    )
