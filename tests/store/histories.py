"""Histories of many runs, different with each seed, which upkeep must not alter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from auditor.model import BlockKindName, Finding, ModelState, NoticeKind, TargetId
from auditor.outbox import MessageState
from auditor.records import Acknowledgement, Approval, RunConclusions
from auditor.report import Notice, TargetReport
from auditor.results import NewVersion, Unchanged
from auditor.store.store import SqlStore

from .examples import (
    HOSTILE,
    catalogue,
    changed,
    finding,
    first,
    message,
    night,
    opened,
    quiet,
    report,
    snapshot,
    vendor_finding,
)

NIGHTS = 12
TARGETS = (TargetId(1, 3), TargetId(1, 7), TargetId(2, 3))


def varied(store: SqlStore, seed: int) -> None:
    """Fill a store with runs of changes, decisions, mails and crashes."""
    chance = Random(seed)  # noqa: S311 # no secret is made of it
    store.fingerprint_key()
    store.add_secret_parameters(["token", HOSTILE])
    store.schedule_start("nightly", "15 3 * * *", now=night(0))
    store.remember_ignore_rules(["0123456789abcdef"], at=night(0))
    last: dict[TargetId, str] = {}
    for number in range(NIGHTS):
        run_id = opened(store, number)
        outcomes = [_outcome(target, number, last, chance) for target in TARGETS]
        store.save(run_id, outcomes, at=night(number))
        if chance.random() < 0.1:
            store.abandon_open_runs(night(number) + timedelta(hours=1))
        else:
            _close(store, run_id, number, outcomes, chance)
        _deliver(store, number, chance)
        _decide(store, number, chance)


def _outcome(
    target: TargetId, number: int, last: dict[TargetId, str], chance: Random
) -> Unchanged | NewVersion:
    is_first = target not in last
    if not is_first and chance.random() < 0.3:
        return quiet(target, last[target])
    last[target] = f"content {target} {number}"
    models = catalogue("fomo", f"kws {number // 3}")
    content = snapshot(last[target], name=HOSTILE, models=models)
    result = (
        first(target, last[target]) if is_first else changed(target, last[target], _found(number))
    )
    return replace(result, snapshot=content, trained_now=is_first or chance.random() < 0.2)


def _close(
    store: SqlStore,
    run_id: int,
    number: int,
    outcomes: list[Unchanged | NewVersion],
    chance: Random,
) -> None:
    whole = replace(
        report(run_id, number, *map(_target_report, outcomes)),
        catalogue=(vendor_finding(f"models[{number}]"),) * (chance.random() < 0.2),
        head_hash=store.head(run_id),
    )
    notice = Notice(kind=NoticeKind.RULE_BROKEN, text=HOSTILE, target=TARGETS[0])
    part = replace(message(run_id, "part@example.org"), holds=frozenset({_found(number).id}))
    store.close_run(
        whole,
        [message(run_id), part],
        carried=store.unreported_findings(run_id),
        conclusions=RunConclusions(notices=(notice,)),
    )


def _target_report(result: Unchanged | NewVersion) -> TargetReport:
    return TargetReport(
        kind=BlockKindName.KERAS,
        target=result.target,
        project=HOSTILE,
        name="Motion",
        type="keras",
        state=result.state,
        model_state=result.model_state if isinstance(result, NewVersion) else ModelState.TRAINED,
        findings=result.findings if isinstance(result, NewVersion) else (),
        suppressed=1,
    )


def _deliver(store: SqlStore, number: int, chance: Random) -> None:
    for queued in store.queued_messages(due_by=None):
        state = chance.choice((*MessageState, MessageState.QUEUED))
        at = night(number) if state is MessageState.DELIVERED else None
        store.record(replace(queued, state=state, attempts=1, delivered_at=at))


def _decide(store: SqlStore, number: int, chance: Random) -> None:
    target, at = chance.choice(TARGETS), night(number)
    if chance.random() < 0.2:
        newest = store.target_versions(target)[0].id
        approval = Approval(target=target, version_id=newest, at=at, author="anna", reason=HOSTILE)
        store.approve([approval])
    if chance.random() < 0.3:
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
            )
        )


def _found(number: int) -> Finding:
    return finding(before=number - 1, after=number)
