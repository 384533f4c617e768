"""What a person decides: a baseline approved, a value accepted; and a finding explained.

Decisions are only ever added to the history. An acknowledgement holds for exactly one value: it
is refused where the value has moved on, by the live answer where Studio gives one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from auditor.drift.canonical import split
from auditor.drift.compare import compare_snapshots
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.findings import judge_comparison
from auditor.drift.headlines import value_words
from auditor.drift.secrets import secret_parameters
from auditor.errors import UsageError
from auditor.model import AnswerExcerpt, Finding, JsonObject, Since, TargetId
from auditor.protocols import Store
from auditor.records import (
    Acknowledgement,
    Approval,
    Explanation,
    FindingOccurrence,
    KnownTarget,
    Version,
    accepted_value,
)

_SHORTEST_ID = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decides, when and why."""

    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approved:
    """A baseline that was approved."""

    known: KnownTarget
    version: Version


def approve(targets: Sequence[TargetId], store: Store, decision: Decision) -> tuple[Approved, ...]:
    """Make the last version of each target its baseline.

    Raises:
        UsageError: a target has no version; nothing is approved then.
    """
    known = store.known_targets(targets)
    missing = [one for one in targets if one not in known or known[one].version_id is None]
    if missing:
        raise UsageError(
            f"no version of {missing[0]} is stored, so nothing was approved: "
            "`auditor status` lists all targets"
        )
    return _approved([known[one] for one in dict.fromkeys(targets)], store, decision)


def approve_all_new(store: Store, decision: Decision) -> tuple[Approved, ...]:
    """Make the last version of each audited target without a baseline its baseline."""
    return _approved(store.targets_without_baseline(), store, decision)


def find(finding_id: str, store: Store) -> tuple[FindingOccurrence, ...]:
    """Return every occurrence of the finding with this id, or the only one that begins so.

    What is known to be a secret by now is hidden in it.

    Raises:
        UsageError: there is none, or more than one.
    """
    if len(finding_id) < _SHORTEST_ID or not finding_id.isalnum():
        raise UsageError(
            f"{finding_id!r} is no id of a finding: reports print it as `id …`, and four "
            "characters of it will do"
        )
    found = store.finding_occurrences(finding_id.lower())
    ids = sorted({one.finding.id for one in found})
    if not ids:
        raise UsageError(f"no finding {finding_id} is stored: reports print each one's id")
    if len(ids) > 1:
        raise UsageError(f"{finding_id} begins the ids of {len(ids)} findings: {', '.join(ids)}")
    return found


def explain(finding_id: str, store: Store) -> Explanation:
    """Return all that is known of a finding.

    Raises:
        UsageError: there is none with this id.
    """
    occurrences = find(finding_id, store)
    newest = occurrences[-1]
    target, finding = newest.target, newest.finding
    if target is None or not isinstance(finding, Finding):
        return Explanation(
            occurrences=occurrences,
            holds=True,
            last_seen_at=newest.at,
            acknowledgements=(),
            approvals=(),
        )
    holds = _now(newest, target, finding, store, None).holds
    return Explanation(
        occurrences=occurrences,
        holds=holds,
        last_seen_at=_last_seen(newest, target, store) if holds else newest.at,
        acknowledgements=tuple(
            one
            for one in store.all_acknowledgements()
            if one.accepts == accepted_value(target, finding.path, finding.after)
        ),
        approvals=store.approvals(target),
        excerpt=_excerpt(newest, target, finding, store),
    )


def acknowledge(
    finding_id: str,
    store: Store,
    decision: Decision,
    *,
    until: date | None = None,
    live: JsonObject | None = None,
) -> Acknowledgement:
    """Accept exactly the value that a finding came to.

    `live` is Studio's answer of now, None where the last stored version has to do.

    Raises:
        UsageError: there is no such finding, it is the vendor's, or the value has moved on.
    """
    newest = find(finding_id, store)[-1]
    target, finding = newest.target, newest.finding
    if target is None or not isinstance(finding, Finding):
        raise UsageError("a change of the vendor's asks for no decision: nothing to acknowledge")
    now = _now(newest, target, finding, store, live)
    if not now.holds:
        raise UsageError(
            f"{finding.path} of {target} has moved on from {value_words(finding.after)}: "
            f"{now.words}; nothing was acknowledged, see the next report"
        )
    one = Acknowledgement(
        finding=finding.id,
        target=target,
        path=finding.path,
        value=finding.after,
        at=decision.at,
        author=decision.author,
        reason=decision.reason,
        until=until,
    )
    store.acknowledge(one)
    return one


def _approved(
    known: Sequence[KnownTarget], store: Store, decision: Decision
) -> tuple[Approved, ...]:
    approved = tuple(Approved(one, store.target_versions(one.target)[0]) for one in known)
    store.approve(
        [
            Approval(
                target=one.known.target,
                version_id=one.version.id,
                at=decision.at,
                author=decision.author,
                reason=decision.reason,
            )
            for one in approved
        ]
    )
    return approved


@dataclass(frozen=True, slots=True)
class _Now:
    """Whether a value is still what a finding says, and in words what it is else."""

    holds: bool
    words: str = ""


def _now(
    occurrence: FindingOccurrence,
    target: TargetId,
    finding: Finding,
    store: Store,
    live: JsonObject | None,
) -> _Now:
    """Return how a value stands now, seen from the version that the finding was seen from."""
    versions = store.target_versions(target)
    reference = _reference(occurrence, target, versions, store)
    if reference is None:
        return _Now(holds=False, words="there is nothing left to compare it with")
    secrets = store.secrets()
    new = versions[0].snapshot
    if live is not None:
        parts = split(live)
        secrets = secrets.including(secret_parameters(parts.catalogue))
        new = secrets.take_snapshot(parts)
    comparison = compare_snapshots(reference.snapshot, new, target=target, secrets=secrets)
    judged = judge_comparison(comparison)
    there = (*judged.findings, *judged.suppressed)
    value = accepted_value(target, finding.path, secrets.hide_finding(finding).after)
    shown = [secrets.hide_finding(one) for one in there]
    if any(accepted_value(target, one.path, one.after) == value for one in shown):
        return _Now(holds=True)
    now = next((one for one in shown if one.path == finding.path), None)
    words = f"it is {value_words(now.after)} now" if now else "it is back, or elsewhere by now"
    return _Now(holds=False, words=words)


def _reference(
    occurrence: FindingOccurrence, target: TargetId, versions: Sequence[Version], store: Store
) -> Version | None:
    """Return the version that the finding was compared with, None where it is gone."""
    found = _compared(occurrence, target, versions, store)
    return None if found is None or found.is_pruned else found


def _compared(
    occurrence: FindingOccurrence, target: TargetId, versions: Sequence[Version], store: Store
) -> Version | None:
    if isinstance(occurrence.finding, Finding) and occurrence.finding.since is Since.BASELINE:
        then = [one for one in store.approvals(target) if one.at <= occurrence.at]
        return next((one for one in versions if then and one.id == then[0].version_id), None)
    return next((one for one in versions if one.run_id < occurrence.run_id), None)


def _last_seen(occurrence: FindingOccurrence, target: TargetId, store: Store) -> datetime:
    known = store.known_targets([target]).get(target)
    last = known.last_checked_at if known else None
    return max(last, occurrence.at) if last else occurrence.at


def _excerpt(
    occurrence: FindingOccurrence, target: TargetId, finding: Finding, store: Store
) -> AnswerExcerpt | None:
    """Return the parts of the answers that a finding needs, None where they are not stored."""
    versions = store.target_versions(target)
    old = _reference(occurrence, target, versions, store)
    new = next((one for one in versions if one.run_id <= occurrence.run_id), None)
    if old is None or new is None or new.is_pruned:
        return None
    secrets = store.secrets()
    before, after = (secrets.read_document(version.snapshot) for version in (old, new))
    return excerpt_answers(before, after, [finding])
