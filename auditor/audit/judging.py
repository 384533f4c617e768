"""What one target's answer comes to, against what the store holds of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from auditor.drift.compare import compare, compare_catalogues
from auditor.drift.findings import Comparison, Judged, finding_of, judge_comparison
from auditor.drift.folding import is_visual
from auditor.drift.life import Life, first_life, makes_stale, next_life
from auditor.drift.model import (
    Area,
    Change,
    Finding,
    JsonObject,
    Kind,
    ModelState,
    Since,
    Snapshot,
    TargetId,
    TargetReport,
    TargetState,
)
from auditor.drift.policy import judge, models_of
from auditor.drift.snapshots import (
    hide_secrets,
    parse,
    parse_catalogue,
    secret_parameters,
    split,
    take_snapshot,
)
from auditor.ports import Answer, Gone, Known, Quiet, RunStore, Seen, Unread, Unserved
from auditor.redaction import Fingerprinter


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What it takes to judge a look again once the whole run is known."""

    known: Known
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run saw of one target that could be read, to store and to tell.

    Attributes:
        vendor: the vendor's changes that it shows.
        shareable: as `Judged.shareable`; where it holds any, `pending` is there too.
    """

    outcome: Quiet | Seen
    told: TargetReport
    vendor: tuple[Change, ...] = ()
    shareable: Mapping[str, str] = field(default_factory=dict)
    pending: Pending | None = None


_Unread: TypeAlias = Gone | Unserved | Unread


class Judge:
    """Compares tonight's answers with the store's versions, for one run."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._fingerprinter = Fingerprinter(store.fingerprint_key())
        self._secrets = store.secret_parameters()
        self._catalogue_changes: dict[tuple[str, str], tuple[Change, ...]] = {}

    def same_body(self, known: Known, project: str) -> Look:
        """Return the look at a target whose answer is byte for byte the last one."""
        outcome = Quiet(target=known.target, project=project, body_digest=known.body_digest or "")
        return self._quiet(known, outcome)

    def answer(self, target: TargetId, known: Known | None, answer: Answer, project: str) -> Look:
        """Return the look at a target whose answer has to be read."""
        parts = split(answer.document)
        self._learn_secrets(parts.catalogue)
        snapshot = take_snapshot(parts, fingerprinter=self._fingerprinter, secrets=self._secrets)
        if known is None or known.version_id is None:
            return _first_sight(target, project, snapshot, answer.body_digest)
        quiet = Quiet(target=target, project=project, body_digest=answer.body_digest)
        if _is_equal(snapshot, known):
            return self._quiet(known, quiet)
        comparison = self._compared(
            target, self._store.snapshot(known.version_id), snapshot, known
        )
        if not comparison.changes and not comparison.catalogue:
            return self._quiet(known, quiet)
        return self._changed(known, snapshot, comparison, quiet)

    def without(self, look: Look, shared: Collection[str]) -> Look:
        """Return a look less the findings (by id) that turned out to be the vendor's."""
        if look.pending is None or not isinstance(look.outcome, Seen):
            return look
        own = tuple(one for one in look.outcome.findings if one.id not in shared)
        told = tuple(one for one in look.told.findings if one.id not in shared)
        life = self._life(look.pending.known, look.pending.comparison, own)
        seen = replace(
            look.outcome,
            findings=own,
            headline=_headline(own, has_vendor=True),
            state=TargetState.DRIFTED if own else TargetState.IN_SYNC,
            model_state=life.state,
            trained_now=life.trained_now,
        )
        state = TargetState.DRIFTED if told else TargetState.IN_SYNC
        report = replace(look.told, findings=told, state=state, model_state=life.state)
        return replace(look, outcome=seen, told=report)

    def _learn_secrets(self, catalogue: bytes) -> None:
        named = secret_parameters(catalogue) - self._secrets
        if named:
            self._store.add_secret_parameters(named)
            self._secrets |= named

    def _compared(
        self, target: TargetId, reference: Snapshot, snapshot: Snapshot, known: Known
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
        self, known: Known, snapshot: Snapshot, comparison: Comparison, quiet: Quiet
    ) -> Look:
        judged = judge_comparison(comparison)
        life = self._life(known, comparison, judged.findings)
        seen = Seen(
            target=known.target,
            project=quiet.project,
            snapshot=snapshot,
            body_digest=quiet.body_digest,
            first=False,
            findings=judged.findings,
            headline=_headline(judged.findings, has_vendor=bool(judged.vendor)),
            state=TargetState.DRIFTED if judged.findings else TargetState.IN_SYNC,
            model_state=life.state,
            trained_now=life.trained_now,
            model=comparison.in_use,
        )
        told = self._with_baseline(_told(seen, known, judged), known, comparison.new, snapshot)
        return Look(
            outcome=replace(seen, state=told.state),
            told=told,
            vendor=judged.vendor,
            shareable=judged.shareable,
            pending=Pending(known=known, comparison=comparison) if judged.shareable else None,
        )

    def _life(self, known: Known, comparison: Comparison, findings: tuple[Finding, ...]) -> Life:
        life = next_life(known.model_state, comparison.old, comparison.new, findings)
        may_be_reverted = (
            life.state is ModelState.STALE
            and known.model_state is ModelState.STALE
            and comparison.new.get("selectedModelType") != "requiresRetrain"
        )
        if may_be_reverted and self._is_as_trained(known, comparison):
            return Life(ModelState.TRAINED, trained_now=False)
        return life

    def _is_as_trained(self, known: Known, comparison: Comparison) -> bool:
        """Return whether the edits since the training are all reverted.

        A generated script alone says nothing: the vendor's template may have moved since.
        """
        if known.trained_version_id is None:
            return False
        trained = self._document(self._store.snapshot(known.trained_version_id))
        since = replace(comparison, old=trained, changes=compare(trained, comparison.new))
        findings = judge_comparison(since).findings
        generated = is_visual(comparison.new)
        return not makes_stale(
            [one for one in findings if not (generated and one.area is Area.SCRIPT)]
        )

    def _quiet(self, known: Known, outcome: Quiet) -> Look:
        told = TargetReport(
            target=known.target,
            project=outcome.project,
            name=known.name,
            type=known.type,
            state=TargetState.IN_SYNC,
            model_state=known.model_state,
        )
        if known.baseline_version_id in (None, known.version_id) or known.version_id is None:
            return Look(outcome=outcome, told=told)
        snapshot = self._store.snapshot(known.version_id)
        document = self._document(snapshot)
        return Look(outcome=outcome, told=self._with_baseline(told, known, document, snapshot))

    def _with_baseline(
        self, told: TargetReport, known: Known, document: JsonObject, snapshot: Snapshot
    ) -> TargetReport:
        """Add what still differs from the baseline and is not told as tonight's."""
        if known.baseline_version_id is None:
            return told
        baseline = self._store.snapshot(known.baseline_version_id)
        comparison = self._compared(known.target, baseline, snapshot, known)
        tonight = {(one.path, str(one.after)) for one in told.findings}
        still = tuple(
            replace(one, since=Since.BASELINE)
            for one in judge_comparison(replace(comparison, new=document)).findings
            if (one.path, str(one.after)) not in tonight
        )
        if not still:
            return told
        return replace(told, findings=(*told.findings, *still), state=TargetState.DRIFTED)


def with_replacement(outcome: _Unread, known: Known | None) -> _Unread:
    """Tell a block read before that now has a type without an endpoint as replaced."""
    if not isinstance(outcome, Unserved) or known is None or known.version_id is None:
        return outcome
    if known.state is TargetState.UNSUPPORTED or known.type in ("", outcome.type):
        return outcome
    change = Change(
        path="type", pattern="type", kind=Kind.REPLACED, before=known.type, after=outcome.type
    )
    finding = finding_of(outcome.target, change, judge(change))
    return replace(outcome, findings=(finding,))


def _is_equal(snapshot: Snapshot, known: Known) -> bool:
    return snapshot.digest == known.digest and snapshot.catalogue.digest == known.catalogue_digest


def _last_visual_models(new: JsonObject, old: JsonObject, known: Known) -> tuple[str, ...]:
    """Return the models of the last visual stack; an expert-mode block names none itself."""
    for document in (new, old):
        if is_visual(document):
            return models_of(document)
    return known.model


def _first_sight(target: TargetId, project: str, snapshot: Snapshot, body_digest: str) -> Look:
    document = parse(snapshot.document)
    life = first_life(document)
    seen = Seen(
        target=target,
        project=project,
        snapshot=snapshot,
        body_digest=body_digest,
        first=True,
        findings=(),
        headline="First seen",
        state=TargetState.NEW,
        model_state=life.state,
        trained_now=life.trained_now,
        model=models_of(document),
    )
    return Look(outcome=seen, told=_told(seen, None, Judged()))


def _told(seen: Seen, known: Known | None, judged: Judged) -> TargetReport:
    return TargetReport(
        target=seen.target,
        project=seen.project,
        name=seen.snapshot.name,
        type=seen.snapshot.type,
        state=seen.state,
        model_state=seen.model_state,
        findings=judged.findings,
        suppressed=judged.suppressed,
        last_good_at=known.last_checked_at if known else None,
    )


def _headline(findings: tuple[Finding, ...], *, has_vendor: bool) -> str:
    if findings:
        more = len(findings) - 1
        return findings[0].headline + (f" (and {more} more)" if more else "")
    if has_vendor:
        return "Vendor catalogue or wording changed"
    return "Nothing told: only what the interface remembers changed"
