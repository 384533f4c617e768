"""What a run saw of one target that could be read: what is stored of it and what is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from auditor.drift.canonical import parse
from auditor.drift.compare import Comparison, models_of
from auditor.drift.model_state import ModelStatus, first_status
from auditor.drift.policy import INTERFACE, SuppressedFinding
from auditor.drift.state_rules import RuleViolation
from auditor.model import (
    Change,
    Finding,
    Interval,
    ModelEvent,
    ModelState,
    Snapshot,
    TargetId,
    TargetReport,
    TargetState,
)
from auditor.records import Accepted, KnownTarget, NewVersion, Unchanged


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
