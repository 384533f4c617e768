"""Judges one target's answer against the stored versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from auditor.audit.baseline import (
    NO_CHANGES,
    Baselines,
    ReadSnapshot,
    Reference,
    RunChanges,
    compare_with_baseline,
)
from auditor.audit.causes import Causes
from auditor.audit.pending import PendingResult, name_sort
from auditor.audit.plan import RunContext
from auditor.audit.snapshots import ComparedVersion, Snapshots
from auditor.context import TrainingNews
from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import FORMS, parse
from auditor.drift.compare import Comparison, compare, models_of
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.findings import (
    Judgement,
    finding_id,
    judge_comparison,
    make_shared_finding,
    name_acts,
    name_acts_of,
)
from auditor.drift.layer_keys import LayerKeys
from auditor.drift.model_state import (
    ModelStatus,
    asks_for_training,
    first_status,
    makes_stale,
    next_status,
    proven_status,
    reverted_status,
)
from auditor.drift.policy import INTERFACE, UPGRADE, RuledFindings, SuppressedFinding
from auditor.drift.recurrence import mark_recurrence
from auditor.drift.state_rules import BlockState, RuleViolation, find_violations
from auditor.drift.trainings import add_training, training_finding
from auditor.fetching import Answer
from auditor.model import (
    Finding,
    Interval,
    JsonObject,
    Kind,
    ModelState,
    Snapshot,
    TargetId,
    TargetState,
)
from auditor.protocols import RunStore
from auditor.records import KnownTarget
from auditor.results import AT_BASELINE, BaselineDrift, NewVersion, Unchanged


@dataclass(frozen=True, slots=True)
class _Reading:
    """An answer that was read, with its project's name."""

    project: str
    body_digest: str
    validator: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class _RuledChanges:
    """The changes of a target, judged, and what the operator's rules make of them."""

    judged: Judgement
    ruled: RuledFindings

    def needs_words(self, described: Collection[str]) -> bool:
        """Return whether anything is to be said but what the vendor did and was `described`."""
        return bool(
            self.judged.findings
            or self.judged.suppressed
            or any(found.act not in described for found in self.judged.shared)
        )


class Judge:
    """Compares this run's answers with the store's versions."""

    def __init__(self, store: RunStore, context: RunContext, causes: Causes | None = None) -> None:
        self._store, self._context = store, context
        self._vendor_keys: Mapping[tuple[Kind, str], datetime] | None = None
        self._causes = causes or Causes()
        self._snapshots = Snapshots(store)
        self._baselines = Baselines(store, self._snapshots, context)
        self._described: set[str] = set()  # acts of the vendor that a result has words for
        self._trainings: dict[TargetId, TrainingNews] = {}

    def learn(self, target: TargetId, news: TrainingNews | None) -> None:
        """Take what Studio says of the trainings of a target, before that is judged."""
        if news is not None:
            self._trainings[target] = news

    @property
    def today(self) -> date:
        """Return the day in the schedule's time zone."""
        return self._context.today

    def needs_store(self, known: KnownTarget) -> bool:
        """Return whether even an unchanged answer has to be compared with stored versions."""
        has_rules = any(rule.scope.includes(known.target) for rule in self._context.rules.states)
        has_baseline = known.baseline_version_id not in (None, known.version_id)
        return has_rules or has_baseline or known.target in self._trainings

    def judge_unchanged(
        self, known: KnownTarget, project: str, *, body_digest: str, validator: str
    ) -> Unchanged:
        """Return the result for an answer whose content equals the last version."""
        needs_store = self.needs_store(known)
        news = self._trainings.pop(known.target, None)
        unchanged = Unchanged(
            target=known.target,
            kind=known.kind,
            project=project,
            body_digest=body_digest,
            validator=validator,
            baseline=None if known.baseline_version_id is None else AT_BASELINE,
            training=news,
        )
        if known.version_id is None or not needs_store:
            return unchanged
        snapshot = self._snapshots.load(known.version_id)
        if known.baseline_version_id not in (None, known.version_id):
            baseline = self._baseline_drift(known, snapshot, known.layers, NO_CHANGES)
            unchanged = replace(
                unchanged,
                baseline=baseline,
                from_upgrade=self._unreported_before(known, body_digest, baseline),
            )
        document = self._snapshots.read_document(snapshot)
        if news is not None:
            unchanged = self._with_training(unchanged, known, news, document)
        model, since = known.model_state, known.model_since
        if unchanged.is_retrained:
            model, since = ModelState.TRAINED, unchanged.model_since
        state = BlockState(kind_of(snapshot.kind), document, model, since)
        return replace(unchanged, violations=self._violations(known.target, state))

    def _with_training(
        self, unchanged: Unchanged, known: KnownTarget, news: TrainingNews, document: JsonObject
    ) -> Unchanged:
        """Return the result of a block that was trained, and not edited."""
        between = Interval(known.last_checked_at, self._context.now())
        ruled = self._ruled_training(known.target, news, between)
        is_stale = known.model_state is ModelState.STALE
        is_retrained = news.is_proven and is_stale and not asks_for_training(document)
        return replace(
            unchanged,
            findings=ruled.reported,
            suppressed=ruled.suppressed,
            is_retrained=is_retrained,
            model_since=between if is_retrained else None,
        )

    def _ruled_training(
        self, target: TargetId, news: TrainingNews, between: Interval
    ) -> RuledFindings:
        """Return the finding of a new training, as the operator's rules leave it."""
        found = training_finding(target, news)
        return self._context.apply_rules([found] if found else [], target, between)

    def judge_answer(
        self, target: TargetId, known: KnownTarget | None, answer: Answer, project: str
    ) -> Unchanged | NewVersion | PendingResult:
        """Return the result for an answer that has to be read."""
        snapshot = self._snapshots.take(answer)
        reading = _Reading(project, answer.body_digest, answer.validator, snapshot)
        if known is None or known.version_id is None or _was_unsupported(known):
            return self._first_version(target, reading)
        is_stored = (snapshot.digest, snapshot.catalogue.digest) == (
            known.digest,
            known.catalogue_digest,
        )
        if not is_stored:
            compared = self._snapshots.compare_with_last(snapshot, known)
            if compared.comparison.changes or compared.comparison.catalogue:
                return self._new_version(known, reading, compared)
        return self.judge_unchanged(
            known, project, body_digest=answer.body_digest, validator=answer.validator
        )

    def settle(
        self, pending: PendingResult, known: KnownTarget, vendor_acts: Collection[str]
    ) -> NewVersion:
        """Return a pending result, now that it is known what the vendor did on such targets."""
        compared = self._snapshots.compare_with_last(pending.snapshot, known)
        reading = _Reading(
            pending.project, pending.body_digest, pending.validator, pending.snapshot
        )
        acts = {*vendor_acts, *self._missed_acts(known, compared.comparison)}
        here = name_acts(compared.comparison).intersection(acts)
        return self._changed_version(known, reading, compared, at=pending.at, vendor_acts=here)

    def _missed_acts(self, known: KnownTarget, comparison: Comparison) -> frozenset[str]:
        """Return what runs that could not read this target found to be the vendor's."""
        if known.last_checked_at is None:
            return frozenset()
        if self._vendor_keys is None:
            self._vendor_keys = self._store.vendor_keys()
        missed = {key for key, at in self._vendor_keys.items() if at > known.last_checked_at}
        return name_acts_of(comparison, missed) if missed else frozenset()

    def _first_version(self, target: TargetId, reading: _Reading) -> NewVersion:
        document = parse(reading.snapshot.document)
        status = first_status(document, kind_of(reading.snapshot.kind))
        between = Interval(None, self._context.now())
        state = BlockState(kind_of(reading.snapshot.kind), document, status.state, between)
        return NewVersion(
            target=target,
            kind=reading.snapshot.kind,
            project=reading.project,
            snapshot=reading.snapshot,
            body_digest=reading.body_digest,
            validator=reading.validator,
            first=True,
            findings=(),
            headline="First seen",
            model_state=status.state,
            trained_now=status.trained_now,
            models=models_of(document),
            model_since=between,
            violations=self._violations(target, state),
            training=self._trainings.pop(target, None),
        )

    def _new_version(
        self, known: KnownTarget, reading: _Reading, compared: ComparedVersion
    ) -> NewVersion | PendingResult:
        if _was_judged_before(known, reading.body_digest):
            return self._version_of_upgrade(known, reading, compared)
        acts, at = name_acts(compared.comparison), self._context.now()
        if acts or self._causes.must_wait(compared.comparison):
            return PendingResult(
                target=known.target,
                project=reading.project,
                type=name_sort(reading.snapshot.kind, reading.snapshot.type or known.type),
                snapshot=reading.snapshot,
                body_digest=reading.body_digest,
                validator=reading.validator,
                at=at,
                acts=acts,
            )
        return self._changed_version(known, reading, compared, at=at, vendor_acts=())

    def _ruled(
        self,
        comparison: Comparison,
        target: TargetId,
        between: Interval,
        *,
        vendor_acts: Collection[str],
    ) -> _RuledChanges:
        cause = self._causes.find(comparison, between.until)

        def judge(*, in_words: bool) -> _RuledChanges:
            judged = self._context.judge(
                comparison, target, in_words=in_words, vendor_acts=vendor_acts, cause=cause
            )
            return _RuledChanges(
                judged, self._context.apply_rules(judged.findings, target, between)
            )

        may_be_described = bool(vendor_acts or self._described)
        changes = judge(in_words=not may_be_described)
        if may_be_described and changes.needs_words(self._described):
            changes = judge(in_words=True)
        self._described |= {found.act for found in changes.judged.shared}
        return changes

    def _changed_version(
        self,
        known: KnownTarget,
        reading: _Reading,
        compared: ComparedVersion,
        *,
        at: datetime,
        vendor_acts: Collection[str],
    ) -> NewVersion:
        """Return the result for changes, of which the vendor's acts are not the target's own."""
        comparison = compared.comparison
        target, between = known.target, Interval(known.last_checked_at, at)
        changes = self._ruled(comparison, target, between, vendor_acts=vendor_acts)
        judged, ruled = changes.judged, changes.ruled
        status = self._model_status(known, comparison, judged.findings)
        news = self._trainings.pop(target, None)
        if news is not None and news.is_proven:
            status = proven_status(known.model_state, status, comparison.new)
        since = _model_since(status, known, between)
        findings = self._with_recurrence(ruled.reported, target, between)
        training = self._ruled_training(target, news, between) if news else RuledFindings()
        suppressed = (
            *(SuppressedFinding(finding, INTERFACE) for finding in judged.suppressed),
            *ruled.suppressed,
            *training.suppressed,
        )
        rules = tuple(found.rule for found in suppressed)
        of_run = RunChanges(ruled.reported, rules, vendor_acts)
        baseline = self._baseline_drift(known, reading.snapshot, compared.stored_layers, of_run)
        has_vendor = bool(judged.vendor or judged.shared)
        reported = compare_with_baseline(findings, target, baseline)
        if news is not None:
            reported = add_training(reported, training.reported, news)
        return NewVersion(
            target=target,
            kind=reading.snapshot.kind,
            project=reading.project,
            snapshot=reading.snapshot,
            body_digest=reading.body_digest,
            validator=reading.validator,
            first=False,
            findings=reported,
            headline=_headline((*findings, *training.reported), suppressed, has_vendor=has_vendor),
            model_state=status.state,
            trained_now=status.trained_now,
            models=comparison.in_use,
            suppressed=suppressed,
            event=status.event,
            model_since=since,
            excerpt=excerpt_answers(comparison.old, comparison.new, findings, comparison.kind),
            vendor=judged.vendor,
            shared={found.act: make_shared_finding(found.finding) for found in judged.shared},
            new_values=judged.new_values,
            baseline=baseline,
            violations=self._violations(
                target, BlockState(comparison.kind, comparison.new, status.state, since)
            ),
            layers=compared.stored_layers,
            training=news,
        )

    def _version_of_upgrade(
        self, known: KnownTarget, reading: _Reading, compared: ComparedVersion
    ) -> NewVersion:
        """Return the result for an answer of which only an upgraded auditor shows a difference.

        It becomes a version like any other and is not reported as a change; its model's state
        stays.
        """
        comparison = compared.comparison
        judged = judge_comparison(comparison)
        suppressed = (
            *(SuppressedFinding(finding, INTERFACE) for finding in judged.suppressed),
            *(SuppressedFinding(finding, UPGRADE) for finding in judged.findings),
        )
        changes = RunChanges((), tuple(found.rule for found in suppressed))
        baseline = self._baseline_drift(known, reading.snapshot, compared.stored_layers, changes)
        state = BlockState(comparison.kind, comparison.new, known.model_state, known.model_since)
        vendor = {
            finding_id(None, change.path, change.before, change.after) for change in judged.vendor
        }
        own = {finding.id for finding in judged.findings}
        between = Interval(known.last_checked_at, self._context.now())
        news = self._trainings.pop(known.target, None)
        training = self._ruled_training(known.target, news, between) if news else RuledFindings()
        return NewVersion(
            target=known.target,
            kind=reading.snapshot.kind,
            project=reading.project,
            snapshot=reading.snapshot,
            body_digest=reading.body_digest,
            validator=reading.validator,
            first=False,
            findings=training.reported,
            training=news,
            headline="Read anew by a later auditor",
            model_state=known.model_state,
            trained_now=False,
            models=comparison.in_use,
            suppressed=suppressed,
            model_since=known.model_since,
            baseline=baseline,
            violations=self._violations(known.target, state),
            layers=compared.stored_layers,
            from_upgrade=frozenset(
                vendor | own | self._unreported_before(known, reading.body_digest, baseline)
            ),
        )

    def _baseline_drift(
        self,
        known: KnownTarget,
        snapshot: Snapshot,
        layers: LayerKeys | None,
        changes: RunChanges,
    ) -> BaselineDrift | None:
        if known.baseline_version_id is None:
            return None
        read = ReadSnapshot(snapshot, layers)
        return self._baselines.drift(known, known.baseline_version_id, read, changes)

    def _unreported_before(
        self, known: KnownTarget, body_digest: str, baseline: BaselineDrift | None
    ) -> frozenset[str]:
        """Return the ids of differences from the baseline that only an upgrade shows."""
        if baseline is None or not baseline.open or not _was_judged_before(known, body_digest):
            return frozenset()
        reported = {change.id for change in self._snapshots.past_changes(known.target)}
        return frozenset({finding.id for finding in baseline.open} - reported)

    def _violations(self, target: TargetId, state: BlockState) -> tuple[RuleViolation, ...]:
        return find_violations(self._context.rules, target, state, at=self._context.now())

    def _with_recurrence(
        self, findings: tuple[Finding, ...], target: TargetId, between: Interval
    ) -> tuple[Finding, ...]:
        past = self._snapshots.past_changes(target) if findings else ()
        return tuple(
            mark_recurrence(finding, target, past, at=between.until) for finding in findings
        )

    def _model_status(
        self, known: KnownTarget, comparison: Comparison, findings: Sequence[Finding]
    ) -> ModelStatus:
        status = next_status(
            known.model_state, comparison.old, comparison.new, findings, comparison.kind
        )
        may_be_reverted = (
            status.state is ModelState.STALE
            and known.model_state is ModelState.STALE
            and not asks_for_training(comparison.new)
        )
        if may_be_reverted and self._is_as_trained(known, comparison, findings):
            return reverted_status()
        return status

    def _is_as_trained(
        self, known: KnownTarget, comparison: Comparison, findings: Sequence[Finding]
    ) -> bool:
        """Return whether the edits since the training are all reverted.

        The vendor's changes do not count: a generated script's template may have changed.
        """
        if known.trained_version_id is None:
            return False
        snapshot = self._snapshots.load(known.trained_version_id)
        if snapshot.kind is not comparison.kind.name:
            return False
        trained = self._snapshots.read_document(snapshot)
        changes = compare(trained, comparison.new, comparison.kind)
        since = replace(comparison, old=trained, changes=changes)
        reference = Reference(known.target, known.trained_version_id, tuple(findings))
        return not makes_stale(
            [
                finding
                for finding in judge_comparison(since).findings
                if self._baselines.is_compared(finding, reference, comparison.new)
            ],
            comparison.new,
        )


def _was_unsupported(known: KnownTarget) -> bool:
    """Return whether no auditor could read the block as what it was last.

    Its last version is of the block that had its id before, and was replaced.
    """
    return known.state is TargetState.UNSUPPORTED


def _was_judged_before(known: KnownTarget, body_digest: str) -> bool:
    """Return whether an earlier version of the auditor judged this very answer.

    Where this version finds a difference to the stored version in it, nobody made that since.
    """
    return known.form != FORMS[known.kind] and known.body_digest == body_digest


def _model_since(status: ModelStatus, known: KnownTarget, between: Interval) -> Interval | None:
    """Return the polls before and after the model's last event, `between` if it is new."""
    is_new = status.event is not None or status.state is not known.model_state
    return between if is_new else known.model_since


def _headline(
    findings: Sequence[Finding], suppressed: Sequence[SuppressedFinding], *, has_vendor: bool
) -> str:
    """Return the one line that the history shows of a version."""
    if findings:
        more = len(findings) - 1
        first = findings[0].nameless_headline or findings[0].headline
        return first + (f" (and {more} more)" if more else "")
    if has_vendor:
        return "Vendor catalogue or wording changed"
    ignored = [found for found in suppressed if found.rule != INTERFACE]
    if ignored:
        return f"Ignored by rule: {ignored[0].finding.headline}"
    return "Nothing reported: only what the interface remembers changed"
