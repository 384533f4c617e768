"""Siblings: blocks that should be alike in what people set, and which of them deviate.

Rules:
- Compared are the last versions, in the settings that people make (owner intent). A block's own
  name and its input, a script that Studio generates and what has no effect now are no deviation.
- Blocks that more than half of the group agree with are right; where there are none, those that
  agree with the first of the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.compare import compare_snapshots, is_visual
from auditor.drift.conditions import FoundCondition, JudgedConditions
from auditor.drift.fields import NAME_PATHS
from auditor.drift.findings import judge_comparison
from auditor.drift.secrets import Secrets
from auditor.model import (
    Area,
    ConditionKind,
    Finding,
    OpenCondition,
    Owner,
    Severity,
    Snapshot,
    TargetId,
)
from auditor.protocols import RunStore

SiblingGroup: TypeAlias = tuple[TargetId, ...]
_MOST_NAMED = 3
_OWN = NAME_PATHS | {"block.input", "dsp"}  # names, and ids of other blocks


@dataclass(slots=True)
class _Alike:
    """Members of a group that are alike, with the snapshot of the first of them."""

    snapshot: Snapshot
    digests: set[str]
    members: list[TargetId]


def judge_siblings(
    groups: Sequence[SiblingGroup], store: RunStore, open_before: Sequence[OpenCondition]
) -> tuple[JudgedConditions, ...]:
    """Return which blocks deviate from their siblings, and which no longer do."""
    kind = ConditionKind.SIBLING_DIFFERS
    found: dict[TargetId, list[FoundCondition]] = {
        condition.target: [] for condition in open_before if condition.kind is kind
    }
    secrets = store.secrets() if groups else None
    for group in groups:
        found |= {target: [] for target in group if target not in found}
        if secrets is not None:
            for target, condition in _find_deviating(group, store, secrets):
                found[target].append(condition)
    return tuple(
        JudgedConditions(target=target, judged=frozenset({kind}), found=tuple(conditions))
        for target, conditions in found.items()
    )


def _find_deviating(
    group: SiblingGroup, store: RunStore, secrets: Secrets
) -> list[tuple[TargetId, FoundCondition]]:
    parts = _split(group, store, secrets)
    number = sum(len(part.members) for part in parts)
    right = next((part for part in parts if 2 * len(part.members) > number), None)
    if right is None and parts:
        right = parts[0]
    key = " ".join(map(str, group))
    return [
        (target, _condition(part, right, target, secrets, key))
        for part in parts
        if right is not None and part is not right
        for target in part.members
    ]


def _split(group: SiblingGroup, store: RunStore, secrets: Secrets) -> list[_Alike]:
    """Return the members that have a version, by what is alike, in the order of the group."""
    known = store.known_targets(group)
    parts: list[_Alike] = []
    for target in group:
        member = known.get(target)
        if member is None or member.version_id is None:
            continue
        part = next((part for part in parts if member.digest in part.digests), None)
        if part is None:
            part = _part_of(store.snapshot(member.version_id), target, parts, secrets)
        part.digests.add(member.digest)
        part.members.append(target)
    return parts


def _part_of(
    snapshot: Snapshot, target: TargetId, parts: list[_Alike], secrets: Secrets
) -> _Alike:
    """Return the part that a member is alike with; a new one is added to the parts."""
    for part in parts:
        if not _differences(part, snapshot, target, secrets):
            return part
    parts.append(_Alike(snapshot, set(), []))
    return parts[-1]


def _differences(
    reference: _Alike, snapshot: Snapshot, target: TargetId, secrets: Secrets
) -> list[Finding]:
    comparison = compare_snapshots(reference.snapshot, snapshot, target=target, secrets=secrets)
    return [
        finding
        for finding in judge_comparison(comparison).findings
        if finding.owner is Owner.INTENT
        and finding.severity is not Severity.INFO
        and finding.path not in _OWN
        and not (finding.area is Area.SCRIPT and is_visual(comparison.new))
    ]


def _condition(
    part: _Alike, right: _Alike, target: TargetId, secrets: Secrets, key: str
) -> FoundCondition:
    differences = _differences(right, part.snapshot, target, secrets)
    named = ", ".join(map(str, right.members[:_MOST_NAMED]))
    others = len(right.members) - _MOST_NAMED
    siblings = named + (f" and {others} more" if others > 0 else "")
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    what = f"{differences[0].headline}{more}" if differences else "in what people set"
    return FoundCondition(
        kind=ConditionKind.SIBLING_DIFFERS,
        severity=Severity.MEDIUM,
        headline=f"Deviates from its siblings {siblings}: {what}",
        key=key,
    )
