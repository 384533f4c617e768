"""What one target's answer comes to, against what the store holds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from auditor.audit.looks import (
    Look,
    Pending,
    Stage,
    first_sight,
    marks,
    staged,
    told_quiet,
    told_seen,
    version_headline,
    without,
)
from auditor.audit.rereading import is_as_stored, is_reread, reread, with_reread
from auditor.drift.canonical import parse, parse_catalogue, split
from auditor.drift.compare import Comparison, compare, compare_catalogues, is_visual, models_of
from auditor.drift.findings import Judgement, judge_comparison
from auditor.drift.model_state import ModelStatus, makes_stale, next_status, reverted_status
from auditor.drift.policy import (
    INTERFACE,
    REQUIRES_RETRAIN,
    RuledFindings,
    SuppressedFinding,
    is_ignored,
    rule,
)
from auditor.drift.recurrence import meets, stands_since, with_recurrence
from auditor.drift.rules import Rules
from auditor.drift.secrets import hide_secrets, secret_parameters, take_snapshot
from auditor.drift.state_rules import BlockState, broken
from auditor.drift.surroundings import surroundings
from auditor.model import (
    Area,
    Change,
    Finding,
    Interval,
    JsonObject,
    Kind,
    ModelState,
    Since,
    Snapshot,
    Surroundings,
    TargetId,
    TargetReport,
    TargetState,
)
from auditor.protocols import Answer, RunStore
from auditor.records import Accepted, KnownTarget, NewVersion, Unchanged, accepted
from auditor.redaction import Fingerprinter


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a judge goes by beside the store.

    Attributes:
        rules: the operator's.
        today: the day in the schedule's time zone.
        now: asked for each answer.
    """

    now: Callable[[], datetime]
    today: date
    rules: Rules = field(default_factory=Rules)


class Judge:
    """Compares tonight's answers with the store's versions, for one run."""

    def __init__(self, store: RunStore, bench: RunContext) -> None:
        self._store = store
        self._bench = bench
        self._fingerprinter = Fingerprinter(store.fingerprint_key())
        self._secrets = store.secret_parameters()
        self._accepted = frozenset(
            one.accepts
            for one in store.acknowledgements()
            if one.until is None or bench.today <= one.until
        )
        self._of_vendor = store.vendor_paths()
        self._catalogue_changes: dict[tuple[str, str], tuple[Change, ...]] = {}

    @property
    def today(self) -> date:
        """Return the day in the schedule's time zone."""
        return self._bench.today

    def needs_store(self, known: KnownTarget) -> bool:
        """Return whether a target that answers as before is still to be read from the store."""
        has_rules = any(one.scope.holds(known.target) for one in self._bench.rules.states)
        return has_rules or known.baseline_version_id not in (None, known.version_id)

    def same_body(self, known: KnownTarget, project: str, validator: str) -> Look:
        """Return the look at a target whose answer is byte for byte the last one."""
        return self._quiet(known, marks(known.target, project, known.body_digest, validator))

    def answer(
        self, target: TargetId, known: KnownTarget | None, answer: Answer, project: str
    ) -> Look:
        """Return the look at a target whose answer has to be read."""
        parts = split(answer.document)
        self._learn_secrets(parts.catalogue)
        snapshot = take_snapshot(parts, fingerprinter=self._fingerprinter, secrets=self._secrets)
        quiet = marks(target, project, answer.body_digest, answer.validator)
        if known is None or known.version_id is None:
            look = first_sight(quiet, snapshot, Interval(None, self._bench.now()))
            return self._with_rules(look, parse(snapshot.document))
        look = self._against(known, known.version_id, snapshot, quiet)
        if look.told.findings and is_reread(known, answer.body_digest):
            told_before = {one.id for one in self._store.past_changes(target)}
            return with_reread(look, told_before)
        return look

    def _against(
        self, known: KnownTarget, version_id: int, snapshot: Snapshot, quiet: Unchanged
    ) -> Look:
        """Return the look at a snapshot beside the last version."""
        if is_as_stored(snapshot, known):
            return self._quiet(known, quiet)
        comparison = self._compared(
            known.target, self._store.snapshot(version_id), snapshot, known
        )
        if not comparison.changes and not comparison.catalogue:
            return self._quiet(known, quiet)
        if is_reread(known, quiet.body_digest):
            look = reread(known, snapshot, comparison, judge_comparison(comparison), quiet)
            look = self._beside_baseline(look, known, comparison.new, snapshot)
        else:
            look = self._changed(known, snapshot, comparison, quiet)
        return self._with_rules(look, comparison.new)

    def without(self, look: Look, shared: Collection[str]) -> Look:
        """Return a look less the findings (by id) that turned out to be the vendor's."""
        if look.pending is None:
            return look
        known, comparison = look.pending.known, look.pending.comparison
        own = tuple(one for one in look.pending.findings if one.id not in shared)
        stage = staged(self._life(known, comparison, own), known, look.pending.between)
        return self._with_rules(without(look, shared, stage), comparison.new)

    def _learn_secrets(self, catalogue: bytes) -> None:
        named = secret_parameters(catalogue) - self._secrets
        if named:
            self._store.add_secret_parameters(named)
            self._secrets |= named

    def _compared(
        self, target: TargetId, reference: Snapshot, snapshot: Snapshot, known: KnownTarget
    ) -> Comparison:
        old, new = self._document(reference), self._document(snapshot)
        return Comparison(
            target=target,
            old=old,
            new=new,
            changes=compare(old, new),
            catalogue=self._between_catalogues(reference, snapshot),
            in_use=_last_visual_models(new, old, known),
        )

    def _document(self, snapshot: Snapshot) -> JsonObject:
        """Return a stored document, with what is a secret by now hidden."""
        return hide_secrets(parse(snapshot.document), self._fingerprinter, self._secrets)

    def _between_catalogues(self, old: Snapshot, new: Snapshot) -> tuple[Change, ...]:
        key = (old.catalogue.digest, new.catalogue.digest)
        if key[0] == key[1]:
            return ()
        if key not in self._catalogue_changes:
            self._catalogue_changes[key] = compare_catalogues(
                parse_catalogue(old.catalogue.document), parse_catalogue(new.catalogue.document)
            )
        return self._catalogue_changes[key]

    def _changed(
        self, known: KnownTarget, snapshot: Snapshot, comparison: Comparison, quiet: Unchanged
    ) -> Look:
        judged = judge_comparison(comparison, is_silent=self._silence(known.target))
        between = Interval(known.last_checked_at, self._bench.now())
        stage = staged(self._life(known, comparison, judged.findings), known, between)
        ruled = self._ruled(judged.findings, known.target, between)
        suppressed = (
            *(SuppressedFinding(one, INTERFACE) for one in judged.silent),
            *ruled.suppressed,
        )
        seen = NewVersion(
            target=known.target,
            project=quiet.project,
            snapshot=snapshot,
            body_digest=quiet.body_digest,
            validator=quiet.validator,
            first=False,
            findings=self._recurring(ruled.told, known.target, between),
            headline="",
            state=TargetState.DRIFTED if ruled.told else TargetState.IN_SYNC,
            model_state=stage.state,
            trained_now=stage.trained_now,
            model=comparison.in_use,
            suppressed=suppressed,
            model_since=stage.since,
        )
        headline = version_headline(seen.findings, suppressed, has_vendor=bool(judged.vendor))
        around = surroundings(comparison.old, comparison.new, seen.findings)
        look = self._look(replace(seen, headline=headline), known, stage, judged, around)
        pending = Pending(
            known=known, comparison=comparison, findings=judged.findings, between=between
        )
        look = replace(look, pending=pending if look.shareable else None)
        return self._beside_baseline(look, known, comparison.new, snapshot)

    def _silence(self, target: TargetId) -> Callable[[str, Area], bool]:
        """Return what says of a path and its area that it is ignored on a target."""
        rules, today = self._bench.rules, self._bench.today

        def is_silent(path: str, area: Area) -> bool:
            return is_ignored(path, area, rules, target=target, today=today)

        return is_silent

    def _look(
        self,
        seen: NewVersion,
        known: KnownTarget,
        stage: Stage,
        judged: Judgement,
        around: Surroundings | None,
    ) -> Look:
        return Look(
            outcome=seen,
            told=replace(told_seen(seen, known, stage.step), around=around),
            vendor=judged.vendor,
            shareable=judged.shareable,
            new_values=judged.new_values,
            suppressed=tuple(one.rule for one in seen.suppressed),
        )

    def _ruled(
        self, findings: Sequence[Finding], target: TargetId, between: Interval
    ) -> RuledFindings:
        return rule(
            findings,
            self._bench.rules,
            target=target,
            between=between,
            today=self._bench.today,
        )

    def _recurring(
        self, findings: tuple[Finding, ...], target: TargetId, between: Interval
    ) -> tuple[Finding, ...]:
        past = self._store.past_changes(target) if findings else ()
        return tuple(with_recurrence(one, target, past, at=between.until) for one in findings)

    def _life(
        self, known: KnownTarget, comparison: Comparison, findings: Sequence[Finding]
    ) -> ModelStatus:
        life = next_status(known.model_state, comparison.old, comparison.new, findings)
        may_be_reverted = (
            life.state is ModelState.STALE
            and known.model_state is ModelState.STALE
            and comparison.new.get("selectedModelType") != REQUIRES_RETRAIN
        )
        if may_be_reverted and self._is_as_trained(known, comparison):
            return reverted_status()
        return life

    def _is_as_trained(self, known: KnownTarget, comparison: Comparison) -> bool:
        """Return whether the edits since the training are all reverted.

        What the vendor did since says nothing: a generated script's template may have moved.
        """
        if known.trained_version_id is None:
            return False
        trained = self._document(self._store.snapshot(known.trained_version_id))
        since = replace(comparison, old=trained, changes=compare(trained, comparison.new))
        findings = judge_comparison(since).findings
        return not makes_stale(
            [one for one in findings if not self._is_of_vendor(known, one, comparison.new)]
        )

    def _quiet(self, known: KnownTarget, outcome: Unchanged) -> Look:
        is_baseline = known.baseline_version_id == known.version_id
        differs: frozenset[Accepted] | None = frozenset() if is_baseline else None
        look = Look(outcome=outcome, told=told_quiet(known, outcome), differs=differs)
        if known.version_id is None or not self.needs_store(known):
            return look
        snapshot = self._store.snapshot(known.version_id)
        document = self._document(snapshot)
        look = self._beside_baseline(look, known, document, snapshot)
        return self._with_rules(look, document)

    def _with_rules(self, look: Look, document: JsonObject) -> Look:
        """Add the rules on state that do not hold."""
        standing = BlockState(document, look.told.model_state, look.told.model_since)
        found = broken(self._bench.rules, look.told.target, standing, at=self._bench.now())
        return replace(look, broken=found)

    def _beside_baseline(
        self, look: Look, known: KnownTarget, document: JsonObject, snapshot: Snapshot
    ) -> Look:
        """Add what still differs from the baseline and is not told as tonight's."""
        if known.baseline_version_id is None:
            return look
        if known.baseline_version_id == known.version_id and isinstance(look.outcome, Unchanged):
            return look
        ruled = self._from_baseline(known, known.baseline_version_id, snapshot, document)
        differences = ruled.told
        # What is ignored each night is counted each night, but once with tonight's own change.
        ignored = Counter(one.rule for one in ruled.suppressed) - Counter(look.suppressed)
        open_ones = [one for one in differences if self._key(known, one) not in self._accepted]
        told = replace(
            look.told,
            findings=(*look.told.findings, *self._still(open_ones, look.told, known.target)),
            suppressed=look.told.suppressed + ignored.total(),
            acknowledged=len(differences) - len(open_ones),
        )
        state = TargetState.DRIFTED if told.findings else TargetState.IN_SYNC
        return replace(
            look,
            told=replace(told, state=state),
            outcome=replace(look.outcome, state=state),
            suppressed=(*look.suppressed, *ignored.elements()),
            differs=frozenset(self._key(known, one) for one in differences),
        )

    def _from_baseline(
        self, known: KnownTarget, baseline_id: int, snapshot: Snapshot, document: JsonObject
    ) -> RuledFindings:
        """Return what differs from the baseline by somebody's act, the vendor's left out."""
        baseline = self._store.snapshot(baseline_id)
        comparison = replace(self._compared(known.target, baseline, snapshot, known), new=document)
        silence = self._silence(known.target)
        judged = judge_comparison(comparison, is_silent=silence)
        own = [one for one in judged.findings if not self._is_of_vendor(known, one, document)]
        return self._ruled(own, known.target, Interval(None, self._bench.now()))

    def _is_of_vendor(self, known: KnownTarget, finding: Finding, document: JsonObject) -> bool:
        """Return whether a difference may be what was told as the vendor's.

        A generated script follows its block's settings, which are compared themselves. A field
        that the vendor brought, and the auditor learnt since, is the vendor's until somebody
        changes it.
        """
        if finding.area is Area.SCRIPT:
            return is_visual(document)
        if finding.area is Area.UNKNOWN:
            return finding.path in self._of_vendor
        if not any(meets(finding.path, path) for path in self._of_vendor):
            return False
        past = self._store.past_changes(known.target)
        return not any(one.since is Since.LAST and meets(finding.path, one.path) for one in past)

    def _key(self, known: KnownTarget, finding: Finding) -> Accepted:
        return accepted(known.target, finding.path, finding.after)

    def _still(
        self, findings: Sequence[Finding], told: TargetReport, target: TargetId
    ) -> tuple[Finding, ...]:
        """Return differences from the baseline as such, tonight's own changes left out."""
        tonight = Counter(map(_act, told.findings))
        still = []
        for one in findings:
            if tonight[_act(one)]:
                tonight[_act(one)] -= 1
            else:
                still.append(one)
        past = self._store.past_changes(target) if still else ()
        now = self._bench.now()
        return tuple(
            replace(
                one,
                since=Since.BASELINE,
                expected="",
                stands_since=stands_since(one, past, at=now),
            )
            for one in still
        )


def _act(finding: Finding) -> str:
    """Return what was done, to tell it once; a layer's place moves when others come or go."""
    if finding.area is Area.LAYERS and finding.kind in (Kind.ADDED, Kind.REMOVED):
        return f"{finding.kind} {finding.before} {finding.after}"
    return f"{finding.path} {finding.after}"


def _last_visual_models(new: JsonObject, old: JsonObject, known: KnownTarget) -> tuple[str, ...]:
    """Return the models of the last visual stack; an expert-mode block names none itself."""
    for document in (new, old):
        if is_visual(document):
            return models_of(document)
    return known.model
