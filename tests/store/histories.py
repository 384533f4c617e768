"""Histories of many runs, different with each seed, which upkeep must not alter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from auditor.context import (
    Endpoint,
    EndpointState,
    KnownTraining,
    ModelMetadata,
    Training,
    TrainingNews,
)
from auditor.drift.conditions import MISSING, JudgedConditions
from auditor.drift.layer_keys import LayerKeys
from auditor.drift.policy import SuppressedFinding
from auditor.drift.state_rules import RuleViolation
from auditor.impulses import Impulse, ImpulsePlace
from auditor.model import (
    BlockKindName,
    ConditionKind,
    Failure,
    Finding,
    Interval,
    ModelState,
    NoticeKind,
    Severity,
    TargetId,
    Trigger,
)
from auditor.outbox import MessageState
from auditor.records import (
    Acknowledgement,
    Approval,
    Retraction,
    RetractionKind,
    RuleBreach,
    RunConclusions,
)
from auditor.report import Notice, TargetReport
from auditor.results import BatchNews, NewVersion, Unchanged, Unreadable
from auditor.store.store import SqlStore

from .examples import (
    HOSTILE,
    catalogue,
    changed,
    finding,
    first,
    message,
    night,
    quiet,
    report,
    snapshot,
    vendor_finding,
)

NIGHTS = 12
KINDS = {
    TargetId(1, 3): BlockKindName.KERAS,
    TargetId(1, 7): BlockKindName.ANOMALY,
    TargetId(2, 3): BlockKindName.KERAS,
    TargetId(2, 8): BlockKindName.PROCESSING,
}
TARGETS = tuple(KINDS)
_FORGOTTEN = TargetId(3, 1)
_PLACE = ImpulsePlace((Impulse(1, HOSTILE),), (2,), "tuner")
_LAYERS = LayerKeys(keys=(0, 2), next_key=3, departed=((1, "0a" * 8),))
_TRAINING = Training(
    metadata=ModelMetadata(
        created="2026-11-22T14:02:51.000Z",
        at=night(-1),
        model_type="int8",
        metrics={"int8": {"accuracy": 0.93}},
    ),
    job=4711,
    person=HOSTILE,
)
_TO_COME = KnownTraining(last=_TRAINING, tries=3, job=4712, person=HOSTILE)


def varied(store: SqlStore, seed: int) -> None:
    """Fill a store with runs of changes, decisions, mails and crashes.

    Every column of every table has a value at the end, which a test holds.
    """
    chance = Random(seed)  # noqa: S311 # no secret is made of it
    store.fingerprint_key()
    store.add_secret_parameters(["token", HOSTILE])
    store.schedule_start("nightly", "15 3 * * *", now=night(0))
    store.remember_ignore_rules(["0123456789abcdef"], at=night(0))
    last: dict[TargetId, str] = {}
    for number in range(NIGHTS):
        run_id = store.open_run(
            Trigger.SCHEDULE, started_at=night(number), schedule="nightly", slot=f"slot {number}"
        )
        results = [_result(target, number, last, chance) for target in TARGETS]
        unread = Unreadable(
            target=_FORGOTTEN,
            kind=BlockKindName.VLM,
            project=HOSTILE,
            failure=Failure(kind="http", message=HOSTILE),
        )
        store.save(run_id, [*results, unread], at=night(number), news=_news(number))
        if chance.random() < 0.1:
            store.abandon_open_runs(night(number) + timedelta(hours=1))
        else:
            _close(store, run_id, number, results, chance)
        _deliver(store, number, chance)
        _decide(store, number, chance)
    _take_back(store)


def _result(
    target: TargetId, number: int, last: dict[TargetId, str], chance: Random
) -> Unchanged | NewVersion:
    kind, is_first = KINDS[target], target not in last
    if not is_first and chance.random() < 0.3:
        return replace(quiet(target, last[target]), kind=kind)
    last[target] = f"content {target} {number}"
    models = catalogue("fomo", f"kws {number // 3}")
    content = snapshot(last[target], name=HOSTILE, models=models)
    result = (
        first(target, last[target]) if is_first else changed(target, last[target], _found(number))
    )
    hidden = replace(_found(100 + number), lasting_path="visualLayers[2].neurons")
    return replace(
        result,
        kind=kind,
        snapshot=replace(content, kind=kind),
        validator='"tag"',
        trained_now=is_first or chance.random() < 0.2,
        model_since=Interval(night(number - 1), night(number)),
        layers=_LAYERS if kind is BlockKindName.KERAS else None,
        suppressed=(SuppressedFinding(hidden, "ignore:rate"),),
        training=TrainingNews(known=_TO_COME) if target == TARGETS[0] else None,
    )


def _news(number: int) -> BatchNews:
    """Return that a block is missing in every other run."""
    found = (MISSING,) if number % 2 else ()
    judged = frozenset({ConditionKind.MISSING})
    conditions = [JudgedConditions(target=target, judged=judged, found=found) for target in KINDS]
    return BatchNews(conditions=conditions)


def _close(
    store: SqlStore,
    run_id: int,
    number: int,
    results: list[Unchanged | NewVersion],
    chance: Random,
) -> None:
    whole = replace(
        report(run_id, number, *map(_target_report, results)),
        catalogue=(vendor_finding(f"models[{number}]"),) * (number == 1 or chance.random() < 0.2),
        head_hash=store.head(run_id),
    )
    part = replace(message(run_id, "part@example.org"), holds=frozenset({_found(number).id}))
    store.close_run(
        whole,
        [replace(message(run_id), summary=b"short"), part],
        carried=store.unreported_findings(run_id),
        conclusions=_conclusions(number),
    )


def _conclusions(number: int) -> RunConclusions:
    target = TARGETS[0]
    notice = Notice(kind=NoticeKind.RULE_BROKEN, text=HOSTILE, target=target)
    violation = RuleViolation(
        target=target, rule=HOSTILE, path=f"path {number}", words="", severity=Severity.LOW
    )
    breach = RuleBreach(
        target=target, rule=HOSTILE, path=f"path {number - 1}", began_at=night(number)
    )
    return RunConclusions(
        notices=(notice,),
        began=(violation,),
        ended=(breach,),
        announced=("0123456789abcdef",),
        places=lambda: ((target, _PLACE) for target in TARGETS),
        endpoints={(1, Endpoint.JOBS): EndpointState(has_failed=bool(number % 2), mark=number)},
        trainings={TARGETS[1]: KnownTraining(tries=3, job=number)},
    )


def _target_report(result: Unchanged | NewVersion) -> TargetReport:
    return TargetReport(
        kind=result.kind,
        target=result.target,
        project=HOSTILE,
        name="Motion",
        type="keras",
        state=result.state,
        model_state=result.model_state if isinstance(result, NewVersion) else ModelState.TRAINED,
        findings=result.findings if isinstance(result, NewVersion) else (),
        suppressed=1,
        place=_PLACE,
        training=_TRAINING if result.training else None,
        is_trained_now=result.training is not None,
    )


def _deliver(store: SqlStore, number: int, chance: Random) -> None:
    for queued in store.queued_messages(due_by=None):
        state = chance.choice((*MessageState, MessageState.QUEUED))
        at = night(number) if state is MessageState.DELIVERED else None
        store.record(replace(queued, state=state, attempts=1, delivered_at=at))


def _decide(store: SqlStore, number: int, chance: Random) -> None:
    target, at = chance.choice(TARGETS), night(number)
    if number == 1 or chance.random() < 0.2:
        newest = store.target_versions(target)[0].id
        approval = Approval(target=target, version_id=newest, at=at, author="anna", reason=HOSTILE)
        store.approve([approval])
    if number in (1, 2) or chance.random() < 0.3:
        found = _found(number)
        store.acknowledge(
            Acknowledgement(
                finding=found.id,
                target=target,
                path=found.path,
                value=found.after,
                at=at,
                author="anna",
                reason=HOSTILE,
                until=at.date(),
                folded={"learningRate": "0a" * 8},
                lasting_path="visualLayers[2].neurons",
            )
        )


def _take_back(store: SqlStore) -> None:
    """Drop a baseline and an acknowledgement, forget a block, and leave a baseline."""
    at = night(NIGHTS)
    retraction = Retraction(
        kind=RetractionKind.FORGOTTEN, target=_FORGOTTEN, at=at, author="anna", reason=HOSTILE
    )
    store.forget([retraction])
    accepted = store.acknowledgements()[0]
    taken_back = replace(
        retraction,
        kind=RetractionKind.UNACKNOWLEDGED,
        target=accepted.target,
        finding=accepted.finding,
        path=accepted.path,
    )
    store.unacknowledge([taken_back])
    approved = next(target for target in TARGETS if store.approvals(target))
    store.unapprove([replace(retraction, kind=RetractionKind.UNAPPROVED, target=approved)])
    newest = store.target_versions(TARGETS[2])[0].id
    last = Approval(target=TARGETS[2], version_id=newest, at=at, author="anna", reason=HOSTILE)
    store.approve([last])


def _found(number: int) -> Finding:
    return finding(before=number - 1, after=number)
