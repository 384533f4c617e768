"""What a run saw of one target that could be read: what is stored of it and what is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from auditor.drift.canonical import FORM, parse, split
from auditor.drift.compare import Comparison, compare, compare_snapshots, is_visual, models_of
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.findings import Judgement, finding_id, judge_comparison
from auditor.drift.model_state import (
    ModelStatus,
    first_status,
    makes_stale,
    next_status,
    reverted_status,
)
from auditor.drift.policy import (
    INTERFACE,
    REQUIRES_RETRAIN,
    UPGRADE,
    RuledFindings,
    SuppressedFinding,
    apply_rules,
    is_ignored,
)
from auditor.drift.recurrence import meets, stands_since, with_recurrence
from auditor.drift.rules import Rules
from auditor.drift.secrets import secret_parameters
from auditor.drift.state_rules import BlockState, RuleViolation, find_violations
from auditor.model import (
    AnswerExcerpt,
    Area,
    Change,
    Finding,
    Interval,
    JsonObject,
    Kind,
    ModelEvent,
    ModelState,
    Notice,
    NoticeKind,
    Since,
    Snapshot,
    TargetId,
    TargetReport,
    TargetState,
)
from auditor.protocols import Answer, RunStore
from auditor.records import Accepted, KnownTarget, NewVersion, Unchanged, accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What it takes to judge a look again once the whole run is known.

    Attributes:
        findings: all of the target's own, before the operator's rules.
    """

    known: KnownTarget
    comparison: Comparison
    findings: tuple[Finding, ...]
    between: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run saw of one target that could be read, to store and to tell.

    Attributes:
        vendor: the vendor's changes that it shows.
        shareable: as `Judgement.shareable`; where it holds any, `pending` is there too.
        new_values: as `Judgement.new_values`.
        suppressed: the rules that kept something of it from being told, once a change.
        broken: the rules on state that do not hold for it.
        differs: what differs from its baseline, None where it has none.
        reread: ids of what shows because the auditor was upgraded, not for a change tonight.
    """

    outcome: Unchanged | NewVersion
    told: TargetReport
    vendor: tuple[Change, ...] = ()
    shareable: Mapping[str, str] = field(default_factory=dict)
    new_values: frozenset[tuple[str, str]] = frozenset()
    suppressed: tuple[str, ...] = ()
    broken: tuple[RuleViolation, ...] = ()
    differs: frozenset[Accepted] | None = None
    pending: Pending | None = None
    reread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a model stands after tonight: its state, its last step and the polls around it."""

    state: ModelState
    step: ModelEvent | None
    since: Interval | None
    trained_now: bool


def staged(life: ModelStatus, known: KnownTarget, between: Interval) -> Stage:
    """Return where a model stands; the time `between` tonight's polls bounds a new step."""
    is_new = life.step is not None or life.state is not known.model_state
    since = between if is_new else known.model_since
    return Stage(life.state, life.step, since, life.trained_now)


def marks(target: TargetId, project: str, digest: str | None, validator: str) -> Unchanged:
    """Return what moves of a target that is as it was."""
    return Unchanged(target=target, project=project, body_digest=digest or "", validator=validator)


def first_sight(quiet: Unchanged, snapshot: Snapshot, between: Interval) -> Look:
    """Return the look at a target that was never read before; `quiet` has its marks."""
    document = parse(snapshot.document)
    life = first_status(document)
    seen = NewVersion(
        target=quiet.target,
        project=quiet.project,
        snapshot=snapshot,
        body_digest=quiet.body_digest,
        validator=quiet.validator,
        first=True,
        findings=(),
        headline="First seen",
        state=TargetState.NEW,
        model_state=life.state,
        trained_now=life.trained_now,
        model=models_of(document),
        model_since=between,
    )
    return Look(outcome=seen, told=told_seen(seen, None))


def told_seen(
    seen: NewVersion, known: KnownTarget | None, step: ModelEvent | None = None
) -> TargetReport:
    """Return what is told of a target with a new version."""
    return TargetReport(
        target=seen.target,
        project=seen.project,
        name=seen.snapshot.name,
        type=seen.snapshot.type,
        state=seen.state,
        model_state=seen.model_state,
        step=step,
        model_since=_worth_naming(seen.model_state, step, seen.model_since),
        findings=seen.findings,
        suppressed=len(seen.suppressed),
        last_good_at=known.last_checked_at if known else None,
    )


def told_quiet(known: KnownTarget, outcome: Unchanged) -> TargetReport:
    """Return what is told of a target that is as it was."""
    return TargetReport(
        target=known.target,
        project=outcome.project,
        name=known.name,
        type=known.type,
        state=TargetState.IN_SYNC,
        model_state=known.model_state,
        model_since=_worth_naming(known.model_state, None, known.model_since),
    )


def without(look: Look, shared: Collection[str], stage: Stage) -> Look:
    """Return a look less the findings (by id) that are the vendor's, its model on `stage`."""
    if not isinstance(look.outcome, NewVersion):
        return look
    own = tuple(one for one in look.outcome.findings if one.id not in shared)
    told = tuple(one for one in look.told.findings if one.id not in shared)
    seen = replace(
        look.outcome,
        findings=own,
        headline=version_headline(own, look.outcome.suppressed, has_vendor=True),
        state=TargetState.DRIFTED if told else TargetState.IN_SYNC,
        model_state=stage.state,
        trained_now=stage.trained_now,
        model_since=stage.since,
    )
    report = replace(
        look.told,
        findings=told,
        state=seen.state,
        model_state=stage.state,
        step=stage.step,
        model_since=_worth_naming(stage.state, stage.step, stage.since),
    )
    return replace(look, outcome=seen, told=report)


def version_headline(
    findings: tuple[Finding, ...], suppressed: tuple[SuppressedFinding, ...], *, has_vendor: bool
) -> str:
    """Return the one line that the history shows of a version."""
    if findings:
        more = len(findings) - 1
        return findings[0].headline + (f" (and {more} more)" if more else "")
    if has_vendor:
        return "Vendor catalogue or wording changed"
    ignored = [one for one in suppressed if one.rule != INTERFACE]
    if ignored:
        return f"Ignored by rule: {ignored[0].finding.headline}"
    return "Nothing told: only what the interface remembers changed"


def _worth_naming(
    state: ModelState, step: ModelEvent | None, since: Interval | None
) -> Interval | None:
    """Return the time that a report names: of a stale model each night, else of a step once."""
    return since if step is not None or state is ModelState.STALE else None


def is_reread(known: KnownTarget, body_digest: str) -> bool:
    """Return whether an answer was judged before, in another form."""
    return known.form != FORM and known.body_digest == body_digest


def is_as_stored(snapshot: Snapshot, known: KnownTarget) -> bool:
    """Return whether digests alone say that a snapshot equals the last version."""
    return snapshot.digest == known.digest and snapshot.catalogue.digest == known.catalogue_digest


def reread(
    known: KnownTarget,
    snapshot: Snapshot,
    comparison: Comparison,
    judged: Judgement,
    quiet: Unchanged,
) -> Look:
    """Return the look at a target of which only this program's form shows a difference.

    It becomes a version like any other and is not told as a change; its model stands as it did.
    """
    seen = NewVersion(
        target=known.target,
        project=quiet.project,
        snapshot=snapshot,
        body_digest=quiet.body_digest,
        validator=quiet.validator,
        first=False,
        findings=(),
        headline="Read anew by a later auditor",
        state=TargetState.IN_SYNC,
        model_state=known.model_state,
        trained_now=False,
        model=comparison.in_use,
        suppressed=(
            *(SuppressedFinding(one, INTERFACE) for one in judged.suppressed),
            *(SuppressedFinding(one, UPGRADE) for one in judged.findings),
        ),
        model_since=known.model_since,
    )
    vendor = (finding_id(None, one.path, one.before, one.after) for one in judged.vendor)
    return Look(
        outcome=seen,
        told=told_seen(seen, known),
        suppressed=tuple(one.rule for one in seen.suppressed),
        reread=frozenset([*vendor, *(one.id for one in judged.findings)]),
    )


def with_reread(look: Look, known_ids: Collection[str]) -> Look:
    """Return a look that counts differences from the baseline never told before as reread."""
    new = {one.id for one in look.told.findings if one.id not in known_ids}
    return replace(look, reread=look.reread | new)


def notice_of_upgrade(reread: Mapping[TargetId, Collection[str]]) -> Notice | None:
    """Return what a run says of the differences (by id) that an upgrade showed, None of none."""
    found = {one for ids in reread.values() for one in ids}
    if not found:
        return None
    blocks = sum(1 for ids in reread.values() if ids)
    differences = "1 difference" if len(found) == 1 else f"{len(found):,} differences"
    appear = "appears" if len(found) == 1 else "appear"
    where = "1 block" if blocks == 1 else f"{blocks:,} blocks"
    return Notice(
        kind=NoticeKind.READ_ANEW,
        text=(
            f"The auditor was upgraded and reads answers in another way: {differences} in {where} "
            f"{appear} because of it and not because of a change tonight"
        ),
    )


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
        self._secrets = store.secrets()
        self._accepted = frozenset(
            one.accepts
            for one in store.acknowledgements()
            if one.until is None or bench.today <= one.until
        )
        self._of_vendor = store.vendor_paths()

    @property
    def today(self) -> date:
        """Return the day in the schedule's time zone."""
        return self._bench.today

    def needs_store(self, known: KnownTarget) -> bool:
        """Return whether a target that answers as before is still to be read from the store."""
        has_rules = any(one.scope.includes(known.target) for one in self._bench.rules.states)
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
        snapshot = self._secrets.take_snapshot(parts)
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
        comparison = self._compared(self._store.snapshot(version_id), snapshot, known)
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
        named = secret_parameters(catalogue) - self._secrets.names
        if named:
            self._store.add_secret_parameters(named)
            self._secrets = self._secrets.including(named)

    def _compared(self, reference: Snapshot, snapshot: Snapshot, known: KnownTarget) -> Comparison:
        return compare_snapshots(
            reference,
            snapshot,
            target=known.target,
            secrets=self._secrets,
            last_models=known.model,
        )

    def _changed(
        self, known: KnownTarget, snapshot: Snapshot, comparison: Comparison, quiet: Unchanged
    ) -> Look:
        judged = judge_comparison(comparison, is_suppressed=self._silence(known.target))
        between = Interval(known.last_checked_at, self._bench.now())
        stage = staged(self._life(known, comparison, judged.findings), known, between)
        ruled = self._ruled(judged.findings, known.target, between)
        suppressed = (
            *(SuppressedFinding(one, INTERFACE) for one in judged.suppressed),
            *ruled.suppressed,
        )
        seen = NewVersion(
            target=known.target,
            project=quiet.project,
            snapshot=snapshot,
            body_digest=quiet.body_digest,
            validator=quiet.validator,
            first=False,
            findings=self._recurring(ruled.reported, known.target, between),
            headline="",
            state=TargetState.DRIFTED if ruled.reported else TargetState.IN_SYNC,
            model_state=stage.state,
            trained_now=stage.trained_now,
            model=comparison.in_use,
            suppressed=suppressed,
            model_since=stage.since,
        )
        headline = version_headline(seen.findings, suppressed, has_vendor=bool(judged.vendor))
        excerpt = excerpt_answers(comparison.old, comparison.new, seen.findings)
        look = self._look(replace(seen, headline=headline), known, stage, judged, excerpt)
        pending = Pending(
            known=known, comparison=comparison, findings=judged.findings, between=between
        )
        look = replace(look, pending=pending if look.shareable else None)
        return self._beside_baseline(look, known, comparison.new, snapshot)

    def _silence(self, target: TargetId) -> Callable[[str, Area], bool]:
        """Return what says of a path and its area that it is ignored on a target."""
        rules, today = self._bench.rules, self._bench.today

        def is_suppressed(path: str, area: Area) -> bool:
            return is_ignored(path, area, rules, target=target, today=today)

        return is_suppressed

    def _look(
        self,
        seen: NewVersion,
        known: KnownTarget,
        stage: Stage,
        judged: Judgement,
        excerpt: AnswerExcerpt | None,
    ) -> Look:
        return Look(
            outcome=seen,
            told=replace(told_seen(seen, known, stage.step), excerpt=excerpt),
            vendor=judged.vendor,
            shareable=judged.shareable,
            new_values=judged.new_values,
            suppressed=tuple(one.rule for one in seen.suppressed),
        )

    def _ruled(
        self, findings: Sequence[Finding], target: TargetId, between: Interval
    ) -> RuledFindings:
        return apply_rules(
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
        trained = self._secrets.read_document(self._store.snapshot(known.trained_version_id))
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
        document = self._secrets.read_document(snapshot)
        look = self._beside_baseline(look, known, document, snapshot)
        return self._with_rules(look, document)

    def _with_rules(self, look: Look, document: JsonObject) -> Look:
        """Add the rules on state that do not hold."""
        standing = BlockState(document, look.told.model_state, look.told.model_since)
        found = find_violations(
            self._bench.rules, look.told.target, standing, at=self._bench.now()
        )
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
        differences = ruled.reported
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
        comparison = replace(self._compared(baseline, snapshot, known), new=document)
        silence = self._silence(known.target)
        judged = judge_comparison(comparison, is_suppressed=silence)
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
