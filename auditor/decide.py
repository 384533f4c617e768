"""What a person decides: to approve, to acknowledge, to take either back, to forget a block.

And a finding explained. Decisions are only ever added to the history: what is taken back has its
end, with a decision of its own. An acknowledgement holds for exactly one value: it
is refused if the value has changed since, judged by Studio's answer where it gives one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from auditor.drift.acceptance import digest_folded
from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import split
from auditor.drift.compare import compare_snapshots
from auditor.drift.excerpts import THRESHOLDS, excerpt_answers, top_field
from auditor.drift.findings import judge_comparison
from auditor.drift.layer_keys import LayerTrack, following_keys, keys_of
from auditor.drift.recurrence import place_of
from auditor.drift.rules import Rules
from auditor.drift.secrets import find_secrets
from auditor.drift.state_rules import BlockState, find_violations
from auditor.drift.trainings import TRAINING_PATH
from auditor.drift.wording import value_words
from auditor.errors import UsageError
from auditor.fetching import Answer
from auditor.listings import TargetStatus
from auditor.model import (
    Finding,
    ModelState,
    OpenCondition,
    Since,
    TargetId,
    TargetState,
)
from auditor.protocols import Store
from auditor.records import (
    Acknowledgement,
    Approval,
    Explanation,
    FindingOccurrence,
    KnownTarget,
    Retraction,
    RetractionKind,
    Version,
    VersionLine,
    accepted_value,
    value_of_finding,
)
from auditor.report import AnswerExcerpt

_SHORTEST_ID = 4
_PRESENT = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)
_RUNS_SEARCHED, _MOST_RECENT = 10, 5  # for findings to choose from


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decides, when and why."""

    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NewBaseline:
    """A version that becomes the baseline of its target.

    Attributes:
        faults: what is bad about it, in words: a lost training, a stale model, broken rules.
    """

    known: KnownTarget
    version: VersionLine
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DroppedBaseline:
    """A target whose baseline was dropped.

    Attributes:
        reopened: what the approval had ended, and what is open again without it.
    """

    known: KnownTarget
    reopened: tuple[OpenCondition, ...]


def judge_versions(
    versions: Sequence[VersionLine], store: Store, *, rules: Rules, now: datetime
) -> tuple[NewBaseline, ...]:
    """Return versions that a person named, to be approved.

    Raises:
        UsageError: a version was pruned, or a block is named with two versions.
    """
    known = store.known_targets([version.target for version in versions])
    by_target: dict[TargetId, VersionLine] = {}
    for version in versions:
        target = version.target
        if target not in known:
            raise UsageError(
                f"no version of {target} is stored, so nothing was approved: "
                "`auditor status` lists all targets"
            )
        if version.is_pruned:
            raise UsageError(
                f"the version of {target} of run {version.run_id} was pruned, so nothing was "
                f"approved: `auditor history {target}` names the versions that can be"
            )
        if by_target.setdefault(target, version).id != version.id:
            raise UsageError(f"{target} is named with two versions, so nothing was approved")
    lines = [(known[target], version) for target, version in by_target.items()]
    return _judge_baselines(lines, store, rules, now)


def find_last_versions(
    store: Store, *, project_id: int | None, only_new: bool, rules: Rules, now: datetime
) -> tuple[NewBaseline, ...]:
    """Return the last version of each audited target, to be approved.

    They are those of a project where one is named; with `only_new`, of targets without a baseline.
    """
    known = store.targets_to_approve(project_id=project_id, only_new=only_new)
    lines = store.lines_of_versions(
        [target.version_id for target in known if target.version_id is not None]
    )
    last = [(target, lines[target.version_id]) for target in known if target.version_id]
    return _judge_baselines(last, store, rules, now)


def _judge_baselines(
    lines: Sequence[tuple[KnownTarget, VersionLine]], store: Store, rules: Rules, now: datetime
) -> tuple[NewBaseline, ...]:
    return tuple(
        NewBaseline(known, line, tuple(_faults(known, line, store, rules, now)))
        for known, line in lines
    )


def _faults(
    known: KnownTarget, line: VersionLine, store: Store, rules: Rules, now: datetime
) -> Iterator[str]:
    """Yield what nobody should approve unseen about a version."""
    is_last = line.id == known.version_id
    state = known.model_state if is_last else line.model_state
    if state is ModelState.STALE:
        yield "its model is stale"
    elif state is ModelState.UNTRAINED and _was_trained_before(line, store):
        yield "its training is lost"
    if not any(rule.scope.includes(known.target) for rule in rules.states):
        return
    snapshot = _load(line, store).snapshot
    block = BlockState(
        kind_of(snapshot.kind),
        store.secrets().read_document(snapshot),
        state,
        known.model_since if is_last else None,
    )
    for violation in find_violations(rules, known.target, block, at=now):
        yield f"it breaks the rule “{violation.rule}”"


def _was_trained_before(line: VersionLine, store: Store) -> bool:
    return any(
        earlier.id < line.id and earlier.model_state in (ModelState.TRAINED, ModelState.STALE)
        for earlier in store.version_lines(line.target)
    )


def approve(baselines: Sequence[NewBaseline], store: Store, decision: Decision) -> None:
    """Make versions the baselines of their targets."""
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


def unapprove(
    targets: Sequence[TargetId], store: Store, decision: Decision
) -> tuple[DroppedBaseline, ...]:
    """Drop the baselines of targets; return what that means for each.

    Raises:
        UsageError: a target has no baseline; every baseline stays then.
    """
    known = store.known_targets(targets)
    for target in targets:
        if target not in known or known[target].baseline_version_id is None:
            raise UsageError(
                f"{target} has no baseline, so nothing was changed: `auditor history {target}` "
                "says what was approved"
            )
    reopened = store.unapprove(_retractions(RetractionKind.UNAPPROVED, targets, decision))
    return tuple(
        DroppedBaseline(known[target], tuple(each for each in reopened if each.target == target))
        for target in dict.fromkeys(targets)
    )


def find_present(targets: Sequence[TargetId], store: Store) -> tuple[TargetStatus, ...]:
    """Return those of targets that the last run still read: nothing says that they are gone."""
    named = frozenset(targets)
    return tuple(
        status
        for status in store.statuses()
        if status.target in named and status.state in _PRESENT
    )


def forget(
    targets: Sequence[TargetId], store: Store, decision: Decision
) -> tuple[KnownTarget, ...]:
    """Forget targets that are gone for good; return what was known of them.

    Raises:
        UsageError: a target is not known; none is forgotten then.
    """
    known = store.known_targets(targets)
    for target in targets:
        if target not in known:
            was_forgotten = any(
                each.kind is RetractionKind.FORGOTTEN for each in store.retractions(target)
            )
            what = (
                f"{target} is forgotten already"
                if was_forgotten
                else f"no block {target} is known"
            )
            raise UsageError(f"{what}, so nothing was changed: `auditor status` lists all blocks")
    store.forget(_retractions(RetractionKind.FORGOTTEN, targets, decision))
    return tuple(known[target] for target in dict.fromkeys(targets))


def _retractions(
    kind: RetractionKind, targets: Sequence[TargetId], decision: Decision
) -> list[Retraction]:
    return [
        Retraction(
            kind=kind,
            target=target,
            at=decision.at,
            author=decision.author,
            reason=decision.reason,
        )
        for target in dict.fromkeys(targets)
    ]


def find_occurrences(finding_id: str, store: Store) -> tuple[FindingOccurrence, ...]:
    """Return every occurrence of one finding, oldest first.

    `finding_id` is its id, or the beginning of it that no other finding has.

    Raises:
        UsageError: there is no such finding, or more than one.
    """
    if len(finding_id) < _SHORTEST_ID or not finding_id.isalnum():
        raise UsageError(
            f"{finding_id!r} is not the id of a finding: reports print it as `id …`, and its "
            f"first four characters are enough{_name_recent(store)}"
        )
    occurrences = store.finding_occurrences(finding_id.lower())
    ids = sorted({occurrence.finding.id for occurrence in occurrences})
    if not ids:
        raise UsageError(
            f"no finding {finding_id} is stored: reports print each one's id{_name_recent(store)}"
        )
    if len(ids) > 1:
        raise UsageError(f"{finding_id} begins the ids of {len(ids)} findings: {', '.join(ids)}")
    return occurrences


def _name_recent(store: Store) -> str:
    """Return the newest findings to choose from, a line each; empty where there are none."""
    ids = [run.id for run in store.all_runs()[:_RUNS_SEARCHED] if run.id is not None]
    recent = {
        finding.id: f"{target.target} {finding.headline}"
        for report in store.brief_reports(ids)
        for target in report.targets
        for finding in target.findings
    }
    lines = [f"  {id_}  {words}" for id_, words in recent.items()][:_MOST_RECENT]
    return "\n".join(["; the newest are", *lines]) if lines else ""


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
            kind=None,
            occurrences=occurrences,
            holds=True,
            last_seen_at=newest.at,
            acknowledgements=(),
            approvals=(),
        )
    known = store.known_targets([target]).get(target)
    value = value_of_finding(target, finding)
    holds = _current_value(newest, target, finding, store, None).holds
    return Explanation(
        kind=known.kind if known else store.version_lines(target)[0].kind,
        block=known.name if known else "",
        occurrences=occurrences,
        holds=holds,
        last_seen_at=_last_seen(newest, target, store) if holds else newest.at,
        acknowledgements=tuple(
            acknowledgement
            for acknowledgement in store.all_acknowledgements(target)
            if acknowledgement.accepts == value
        ),
        approvals=store.approvals(target),
        retractions=store.retractions(target),
        excerpt=_excerpt(newest, target, finding, store),
    )


def acknowledge(
    finding_id: str,
    store: Store,
    decision: Decision,
    *,
    until: date | None = None,
    live: Answer | None = None,
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
    if finding.path == TRAINING_PATH:
        raise UsageError("a training is reported once and needs no decision: nothing to accept")
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
        folded=current.folded,
        lasting_path=finding.lasting_path,
    )
    store.acknowledge(acknowledgement)
    return acknowledgement


def unacknowledge(
    finding_id: str, store: Store, decision: Decision
) -> tuple[Acknowledgement, ...]:
    """Take back that the value of a finding is accepted; return the acknowledgements that ended.

    Raises:
        UsageError: there is no such finding, or none of its value is accepted.
    """
    newest = find_occurrences(finding_id, store)[-1]
    target, finding = newest.target, newest.finding
    if target is None or not isinstance(finding, Finding):
        raise UsageError("a change of the vendor's needs no decision: nothing was acknowledged")
    value = value_of_finding(target, finding)
    ended = tuple(
        acknowledgement
        for acknowledgement in store.all_acknowledgements(target)
        if acknowledgement.ended_at is None
        and (acknowledgement.finding == finding.id or acknowledgement.accepts == value)
    )
    if not ended:
        raise UsageError(
            f"finding {finding.id} of {target} is not acknowledged, so nothing was changed: "
            f"`auditor explain {finding.id}` says what was decided"
        )
    store.unacknowledge(
        [
            Retraction(
                kind=RetractionKind.UNACKNOWLEDGED,
                target=target,
                at=decision.at,
                author=decision.author,
                reason=decision.reason,
                finding=acknowledgement.finding,
            )
            for acknowledgement in ended
        ]
    )
    return ended


@dataclass(frozen=True, slots=True)
class _CurrentValue:
    """Whether a value is still the one that a finding reports, and if not, what it is.

    Attributes:
        folded: the digest of the value at each path that is folded under it.
    """

    holds: bool
    words: str = ""
    folded: Mapping[str, str] = field(default_factory=dict)


def _current_value(
    occurrence: FindingOccurrence,
    target: TargetId,
    finding: Finding,
    store: Store,
    live: Answer | None,
) -> _CurrentValue:
    """Compare the newest answer with the version that the finding was compared with."""
    if finding.path == TRAINING_PATH:
        return _current_training(target, finding, store)
    versions = store.version_lines(target)
    reference = _reference(occurrence, target, versions, store)
    if reference is None:
        return _CurrentValue(holds=False, words="there is nothing left to compare it with")
    secrets = store.secrets()
    last = _load(versions[0], store)
    new, layers = last.snapshot, last.layers
    if live is not None:
        parts = split(live.document, kind_of(live.kind), listed_type=live.type)
        secrets = secrets.including(find_secrets(parts))
        new = secrets.take_snapshot(parts)
        step = compare_snapshots(last.snapshot, new, target=target, secrets=secrets)
        layers = following_keys(layers, step.old, step.new, step.changes)
    comparison = compare_snapshots(reference.snapshot, new, target=target, secrets=secrets)
    track = LayerTrack(
        old=keys_of(reference.layers, comparison.old), new=keys_of(layers, comparison.new)
    )
    comparison = replace(comparison, track=track)
    judged = judge_comparison(comparison)
    current = [secrets.hide_finding(found) for found in (*judged.findings, *judged.suppressed)]
    value = value_of_finding(target, secrets.hide_finding(finding))
    for found in current:
        if value_of_finding(target, found) == value:
            return _CurrentValue(holds=True, folded=digest_folded(found, comparison))
    # Under another finding, whose value is accepted, it is a finding of its own.
    if any(
        accepted_value(target, comparison.lasting_path(each), each.after) == value
        for each in comparison.changes
    ):
        return _CurrentValue(holds=True)
    now = next((found for found in current if place_of(found) == place_of(finding)), None)
    words = f"it is {value_words(now.after)} now" if now else "it was reverted, or moved elsewhere"
    return _CurrentValue(holds=False, words=words)


def _current_training(target: TargetId, finding: Finding, store: Store) -> _CurrentValue:
    """Return whether a training is still the last one that is known."""
    known = store.known_trainings([target]).get(target)
    if known is None or known.last is None:
        return _CurrentValue(holds=False, words="no training is known")
    created = known.last.metadata.created
    return _CurrentValue(holds=created == finding.after, words=f"it is {created} now")


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
    excerpt = excerpt_answers(before, after, [finding], kind_of(old.kind))
    if excerpt is None or top_field(finding.path) != THRESHOLDS:
        return excerpt
    return replace(excerpt, impulse_id=_impulse(occurrence.run_id, target, store))


def _impulse(run_id: int, target: TargetId, store: Store) -> int | None:
    """Return the impulse that listed a block in a run, as its report has it."""
    report = store.report(run_id)
    excerpts = (line.excerpt for line in report.targets if line.target == target) if report else ()
    return next((excerpt.impulse_id for excerpt in excerpts if excerpt), None)
