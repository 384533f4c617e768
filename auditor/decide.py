"""What a person decides: a baseline approved, a value accepted; and a finding explained.

Decisions are only ever added to the history. An acknowledgement holds for exactly one value: it
is refused if the value has changed since, judged by Studio's answer where it gives one.
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
    VersionLine,
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
class NewBaseline:
    """A version that became the baseline of its target."""

    known: KnownTarget
    version: VersionLine


def approve(
    targets: Sequence[TargetId], store: Store, decision: Decision
) -> tuple[NewBaseline, ...]:
    """Make the last version of each target its baseline.

    Raises:
        UsageError: a target has no version; nothing is approved then.
    """
    known = store.known_targets(targets)
    for target in targets:
        if target not in known or known[target].version_id is None:
            raise UsageError(
                f"no version of {target} is stored, so nothing was approved: "
                "`auditor status` lists all targets"
            )
    return _approve([known[target] for target in dict.fromkeys(targets)], store, decision)


def approve_all_new(store: Store, decision: Decision) -> tuple[NewBaseline, ...]:
    """Make the last version of each audited target without a baseline its baseline."""
    return _approve(store.targets_without_baseline(), store, decision)


def _approve(
    known: Sequence[KnownTarget], store: Store, decision: Decision
) -> tuple[NewBaseline, ...]:
    lines = store.lines_of_versions(
        [target.version_id for target in known if target.version_id is not None]
    )
    baselines = tuple(
        NewBaseline(target, lines[target.version_id])
        for target in known
        if target.version_id is not None
    )
    store.approve(
        [
            Approval(
                target=baseline.known.target,
                version_id=baseline.version.id,
                at=decision.at,
                author=decision.author,
                reason=decision.reason,
            )
            for baseline in baselines
        ]
    )
    return baselines


def find_occurrences(finding_id: str, store: Store) -> tuple[FindingOccurrence, ...]:
    """Return every occurrence of one finding, oldest first.

    `finding_id` is its id, or the beginning of it that no other finding has.

    Raises:
        UsageError: there is no such finding, or more than one.
    """
    if len(finding_id) < _SHORTEST_ID or not finding_id.isalnum():
        raise UsageError(
            f"{finding_id!r} is not the id of a finding: reports print it as `id …`, and its "
            "first four characters are enough"
        )
    occurrences = store.finding_occurrences(finding_id.lower())
    ids = sorted({occurrence.finding.id for occurrence in occurrences})
    if not ids:
        raise UsageError(f"no finding {finding_id} is stored: reports print each one's id")
    if len(ids) > 1:
        raise UsageError(f"{finding_id} begins the ids of {len(ids)} findings: {', '.join(ids)}")
    return occurrences


def explain(finding_id: str, store: Store) -> Explanation:
    """Return all that is known of a finding.

    Raises:
        UsageError: there is no finding with this id.
    """
    occurrences = find_occurrences(finding_id, store)
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
    value = accepted_value(target, finding.path, finding.after)
    holds = _current_value(newest, target, finding, store, None).holds
    return Explanation(
        occurrences=occurrences,
        holds=holds,
        last_seen_at=_last_seen(newest, target, store) if holds else newest.at,
        acknowledgements=tuple(
            acknowledgement
            for acknowledgement in store.all_acknowledgements()
            if acknowledgement.accepts == value
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
    """Accept exactly the value that a finding reports.

    `live` is Studio's current answer; without one the last stored version is compared.

    Raises:
        UsageError: there is no such finding, it is the vendor's, or the value has changed since.
    """
    newest = find_occurrences(finding_id, store)[-1]
    target, finding = newest.target, newest.finding
    if target is None or not isinstance(finding, Finding):
        raise UsageError("a change of the vendor's needs no decision: nothing to acknowledge")
    current = _current_value(newest, target, finding, store, live)
    if not current.holds:
        raise UsageError(
            f"{finding.path} of {target} is no longer {value_words(finding.after)}: "
            f"{current.words}; nothing was acknowledged, see the next report"
        )
    acknowledgement = Acknowledgement(
        finding=finding.id,
        target=target,
        path=finding.path,
        value=finding.after,
        at=decision.at,
        author=decision.author,
        reason=decision.reason,
        until=until,
    )
    store.acknowledge(acknowledgement)
    return acknowledgement


@dataclass(frozen=True, slots=True)
class _CurrentValue:
    """Whether a value is still the one that a finding reports, and if not, what it is."""

    holds: bool
    words: str = ""


def _current_value(
    occurrence: FindingOccurrence,
    target: TargetId,
    finding: Finding,
    store: Store,
    live: JsonObject | None,
) -> _CurrentValue:
    """Compare the newest answer with the version that the finding was compared with."""
    versions = store.version_lines(target)
    reference = _reference(occurrence, target, versions, store)
    if reference is None:
        return _CurrentValue(holds=False, words="there is nothing left to compare it with")
    secrets = store.secrets()
    new = _load(versions[0], store).snapshot
    if live is not None:
        parts = split(live)
        secrets = secrets.including(secret_parameters(parts.catalogue))
        new = secrets.take_snapshot(parts)
    comparison = compare_snapshots(reference.snapshot, new, target=target, secrets=secrets)
    judged = judge_comparison(comparison)
    current = [secrets.hide_finding(found) for found in (*judged.findings, *judged.suppressed)]
    value = accepted_value(target, finding.path, secrets.hide_finding(finding).after)
    if any(accepted_value(target, found.path, found.after) == value for found in current):
        return _CurrentValue(holds=True)
    now = next((found for found in current if found.path == finding.path), None)
    words = f"it is {value_words(now.after)} now" if now else "it was reverted, or moved elsewhere"
    return _CurrentValue(holds=False, words=words)


def _reference(
    occurrence: FindingOccurrence, target: TargetId, versions: Sequence[VersionLine], store: Store
) -> Version | None:
    """Return the version that the finding was compared with, or None if it is not stored."""
    if isinstance(occurrence.finding, Finding) and occurrence.finding.since is Since.BASELINE:
        baselines = [
            approval.version_id
            for approval in store.approvals(target)
            if approval.at <= occurrence.at
        ]
        earlier = (version for version in versions if version.id in baselines[:1])
    else:
        earlier = (version for version in versions if version.run_id < occurrence.run_id)
    reference = next(earlier, None)
    return None if reference is None or reference.is_pruned else _load(reference, store)


def _load(line: VersionLine, store: Store) -> Version:
    return store.versions_by_id([line.id])[line.id]


def _last_seen(occurrence: FindingOccurrence, target: TargetId, store: Store) -> datetime:
    known = store.known_targets([target]).get(target)
    last = known.last_checked_at if known else None
    return max(last, occurrence.at) if last else occurrence.at


def _excerpt(
    occurrence: FindingOccurrence, target: TargetId, finding: Finding, store: Store
) -> AnswerExcerpt | None:
    """Return the parts of the answers that a finding needs, or None if they are not stored."""
    versions = store.version_lines(target)
    old = _reference(occurrence, target, versions, store)
    new = next((version for version in versions if version.run_id <= occurrence.run_id), None)
    if old is None or new is None or new.is_pruned:
        return None
    secrets = store.secrets()
    before, after = (
        secrets.read_document(version.snapshot) for version in (old, _load(new, store))
    )
    return excerpt_answers(before, after, [finding])
