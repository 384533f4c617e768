"""Baselines, acknowledgements, rules on state and ignore rules, as rows of when each was in force.

What people decided is only added to: a decision that is no longer in force has its end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.drift.state_rules import RuleViolation
from auditor.model import ConditionKind, JsonObject, ModelState, OpenCondition, TargetId
from auditor.records import (
    Acknowledgement,
    Approval,
    Retraction,
    RetractionKind,
    RuleBreach,
)
from auditor.store import ledger
from auditor.store.batches import in_batches
from auditor.store.conditions import end_conditions, open_conditions
from auditor.store.packing import pack_json, unpack_json
from auditor.store.reopening import reopen_approved
from auditor.store.tables import (
    acknowledgement,
    approval,
    episode,
    finding,
    ignore_rule,
    insert_into,
    notice,
    retraction,
    target,
)
from auditor.store.trainings import forget_trainings

_KEY = tuple_(acknowledgement.c.project_id, acknowledgement.c.learn_id)
_TARGET_KEY = tuple_(target.c.project_id, target.c.learn_id)
_SET_BASELINE = (
    update(target)
    .where(
        target.c.project_id == bindparam("of_project"), target.c.learn_id == bindparam("of_learn")
    )
    .values(baseline_version_id=bindparam("of_version"))
)
# What makes a forgotten block new should it come back. Its last version stays: the next one is
# chained to it.
_UNKNOWN = {
    "baseline_version_id": None,
    "trained_version_id": None,
    "model_state": ModelState.UNKNOWN,
    "model": "[]",
    "model_after": None,
    "model_until": None,
    "body_digest": None,
    "validator": None,
    "last_changed_at": None,
}

_END_BREACH = update(episode).where(
    episode.c.project_id == bindparam("of_project"),
    episode.c.learn_id == bindparam("of_learn"),
    episode.c.rule == bindparam("of_rule"),
    episode.c.path == bindparam("of_path"),
    episode.c.ended_at.is_(None),
)


def approve(connection: Connection, approvals: Sequence[Approval]) -> None:
    """Make versions the baselines of their targets; acknowledgements of these targets end."""
    ended_ids: list[int] = []
    ids: list[int] = []
    inserted = insert(approval).returning(approval.c.id, sort_by_parameter_order=True)
    for batch in in_batches(approvals):
        baselines = [
            {
                "of_project": decision.target.project_id,
                "of_learn": decision.target.learn_id,
                "of_version": decision.version_id,
            }
            for decision in batch
        ]
        connection.execute(_SET_BASELINE, baselines)
        of_targets = [decision.target for decision in batch]
        accepted = (_KEY.in_(of_targets), acknowledgement.c.ended_at.is_(None))
        ended = {"ended_at": batch[-1].at, "ended_why": "approved"}
        ended_ids += _end(connection, accepted, ended)
        ids += connection.execute(inserted, list(map(_approval_row, batch))).scalars()
        _settle_current(connection, of_targets, at=batch[-1].at)
    ledger.record_approvals(connection, ids)
    ledger.record_ended_acknowledgements(connection, ended_ids)


def _settle_current(connection: Connection, targets: Sequence[TargetId], *, at: datetime) -> None:
    """Settle the targets whose last version is the baseline now: they do not differ from it.

    A stale model counts as trained with that version, and a lost training is no loss any more: a
    person says so.
    """
    is_current = target.c.version_id == target.c.baseline_version_id
    rows = connection.execute(
        select(target.c.project_id, target.c.learn_id).where(_TARGET_KEY.in_(targets), is_current)
    )
    current = [TargetId(*row) for row in rows]
    is_stale = _TARGET_KEY.in_(current), target.c.model_state == ModelState.STALE
    trained = {
        "model_state": ModelState.TRAINED,
        "trained_version_id": target.c.baseline_version_id,
    }
    connection.execute(update(target).where(*is_stale).values(**trained))
    ended = {ConditionKind.OFF_BASELINE, ConditionKind.STALE, ConditionKind.TRAINING_LOST}
    _end_conditions(connection, current, ended, at=at, why="approved")


def _end_conditions(
    connection: Connection,
    targets: Sequence[TargetId],
    kinds: Collection[ConditionKind],
    *,
    at: datetime,
    why: str,
) -> None:
    """End what a decision settles of the open conditions of targets."""
    ended = [each for each in open_conditions(connection, targets) if each.kind in kinds]
    end_conditions(connection, ended, at=at, why=why)


def unapprove(
    connection: Connection, decisions: Sequence[Retraction]
) -> tuple[OpenCondition, ...]:
    """Drop the baselines of targets; return the conditions that are open again without them."""
    reopened: list[OpenCondition] = []
    for batch in in_batches(decisions):
        of_targets = [decision.target for decision in batch]
        reopened += reopen_approved(connection, of_targets)
        _end_conditions(
            connection, of_targets, {ConditionKind.OFF_BASELINE}, at=batch[-1].at, why="unapproved"
        )
    ids = _retract_baselines(connection, decisions)
    ledger.record_retractions(connection, ids)
    return tuple(reopened)


def forget(connection: Connection, decisions: Sequence[Retraction]) -> None:
    """Forget targets: nothing names them any more, and their history stays.

    Their baselines, acknowledgements and breaches of rules end, and what nobody received of them
    is reported no more.
    """
    ids = _retract_baselines(connection, decisions)
    ended_ids: list[int] = []
    for batch in in_batches(decisions):
        at, of_targets = batch[-1].at, [decision.target for decision in batch]
        accepted = (_KEY.in_(of_targets), acknowledgement.c.ended_at.is_(None))
        ended_ids += _end(connection, accepted, {"ended_at": at, "ended_why": "forgotten"})
        of_block = tuple_(episode.c.project_id, episode.c.learn_id).in_(of_targets)
        is_open = episode.c.ended_at.is_(None)
        connection.execute(update(episode).where(of_block, is_open).values(ended_at=at))
        for table in (finding, notice):
            key = tuple_(table.c.project_id, table.c.learn_id)
            unreported = update(table).where(table.c.told_at.is_(None), key.in_(of_targets))
            connection.execute(unreported.values(told_at=at))
        forgotten = update(target).where(_TARGET_KEY.in_(of_targets))
        connection.execute(forgotten.values(**_UNKNOWN, forgotten_at=at))
        forget_trainings(connection, of_targets)
        _end_conditions(connection, of_targets, frozenset(ConditionKind), at=at, why="forgotten")
    ledger.record_ended_acknowledgements(connection, ended_ids)
    ledger.record_retractions(connection, ids)


def _retract_baselines(connection: Connection, decisions: Sequence[Retraction]) -> list[int]:
    """Store decisions that end the baselines of targets, if these have any; return their ids."""
    ids: list[int] = []
    inserted = insert(retraction).returning(retraction.c.id, sort_by_parameter_order=True)
    for batch in in_batches(decisions):
        of_targets = [decision.target for decision in batch]
        of_baselines = _baseline_approvals(connection, of_targets)
        rows = [_retraction_row(each, of_baselines.get(each.target)) for each in batch]
        ids += connection.execute(inserted, rows).scalars()
        without = update(target).where(_TARGET_KEY.in_(of_targets))
        connection.execute(without.values(baseline_version_id=None))
    return ids


def _baseline_approvals(
    connection: Connection, targets: Sequence[TargetId]
) -> dict[TargetId, int]:
    """Return, for each of the targets that has a baseline, the id of its approval."""
    key = approval.c.project_id, approval.c.learn_id
    query = (
        select(*key, func.max(approval.c.id))
        .join(target, (key[0] == target.c.project_id) & (key[1] == target.c.learn_id))
        .where(_TARGET_KEY.in_(targets), target.c.baseline_version_id.is_not(None))
        .group_by(*key)
    )
    return {
        TargetId(project_id, learn_id): newest
        for project_id, learn_id, newest in connection.execute(query)
    }


def _retraction_row(
    decision: Retraction, approval_id: int | None = None, acknowledgement_id: int | None = None
) -> dict[str, object]:
    return {
        "kind": decision.kind,
        "project_id": decision.target.project_id,
        "learn_id": decision.target.learn_id,
        "approval_id": approval_id,
        "acknowledgement_id": acknowledgement_id,
        "retracted_at": decision.at,
        "author": decision.author,
        "reason": decision.reason,
    }


def unacknowledge(connection: Connection, decisions: Sequence[Retraction]) -> None:
    """End the acknowledgements in force of the findings that decisions name."""
    rows: list[dict[str, object]] = []
    for decision in decisions:
        in_force = (
            acknowledgement.c.fingerprint == decision.finding,
            acknowledgement.c.ended_at.is_(None),
        )
        ended = {"ended_at": decision.at, "ended_why": decision.kind.value}
        rows += [
            _retraction_row(decision, acknowledgement_id=row_id)
            for row_id in _end(connection, in_force, ended)
        ]
    if not rows:
        return
    inserted = insert(retraction).returning(retraction.c.id, sort_by_parameter_order=True)
    ids = connection.execute(inserted, rows).scalars().all()
    ended_ids = [int(str(row["acknowledgement_id"])) for row in rows]
    ledger.record_ended_acknowledgements(connection, ended_ids)
    ledger.record_retractions(connection, ids)


def retractions(connection: Connection, target: TargetId) -> tuple[Retraction, ...]:
    """Return what was taken back of a target, newest first."""
    query = (
        select(retraction, acknowledgement.c.fingerprint, acknowledgement.c.path)
        .outerjoin(acknowledgement, acknowledgement.c.id == retraction.c.acknowledgement_id)
        .where(
            retraction.c.project_id == target.project_id, retraction.c.learn_id == target.learn_id
        )
    )
    return tuple(
        Retraction(
            kind=RetractionKind(row["kind"]),
            target=target,
            at=row["retracted_at"],
            author=row["author"],
            reason=row["reason"],
            finding=row["fingerprint"] or "",
            path=row["path"] or "",
        )
        for row in connection.execute(query.order_by(retraction.c.id.desc())).mappings()
    )


def _approval_row(decision: Approval) -> dict[str, object]:
    return {
        "project_id": decision.target.project_id,
        "learn_id": decision.target.learn_id,
        "version_id": decision.version_id,
        "approved_at": decision.at,
        "author": decision.author,
        "reason": decision.reason,
    }


def approvals(connection: Connection, target: TargetId) -> tuple[Approval, ...]:
    """Return a target's approvals, newest first."""
    query = select(approval).where(
        approval.c.project_id == target.project_id, approval.c.learn_id == target.learn_id
    )
    return tuple(
        Approval(
            target=target,
            version_id=row["version_id"],
            at=row["approved_at"],
            author=row["author"],
            reason=row["reason"],
        )
        for row in connection.execute(query.order_by(approval.c.id.desc())).mappings()
    )


def acknowledge(connection: Connection, decision: Acknowledgement) -> None:
    """Store an acknowledgement; the one of the same finding that is in force ends."""
    end_acknowledgements(connection, [replace(decision, ended_why="renewed")], at=decision.at)
    row = {
        "fingerprint": decision.finding,
        "project_id": decision.target.project_id,
        "learn_id": decision.target.learn_id,
        "path": decision.path,
        "value": pack_json(decision.value),
        "acknowledged_at": decision.at,
        "author": decision.author,
        "reason": decision.reason,
        "until": decision.until,
        "ended_why": "",
        "folded": None if decision.folded is None else pack_json({**decision.folded}),
        "lasting_path": decision.lasting_path or None,
    }
    inserted = insert(acknowledgement).returning(acknowledgement.c.id)
    row_id: int = connection.execute(inserted, row).scalar_one()
    ledger.record_acknowledgement(
        connection,
        row_id,
        has_folded=decision.folded is not None,
        has_lasting_path=bool(decision.lasting_path),
    )


def end_acknowledgements(
    connection: Connection, ended: Sequence[Acknowledgement], *, at: datetime
) -> None:
    """End acknowledgements, each for its own reason."""
    ids: list[int] = []
    for decision in ended:
        in_force = (
            acknowledgement.c.fingerprint == decision.finding,
            acknowledgement.c.ended_at.is_(None),
        )
        ids += _end(connection, in_force, {"ended_at": at, "ended_why": decision.ended_why})
    ledger.record_ended_acknowledgements(connection, ids)


def acknowledgements(connection: Connection) -> tuple[Acknowledgement, ...]:
    """Return the acknowledgements that are in force, oldest first."""
    query = select(acknowledgement).where(acknowledgement.c.ended_at.is_(None))
    return _acknowledgements(connection, query.order_by(acknowledgement.c.id))


def all_acknowledgements(
    connection: Connection, target: TargetId | None = None
) -> tuple[Acknowledgement, ...]:
    """Return every acknowledgement ever made, newest first; with `target`, only of that."""
    query = select(acknowledgement).order_by(acknowledgement.c.id.desc())
    if target is not None:
        query = query.where(
            acknowledgement.c.project_id == target.project_id,
            acknowledgement.c.learn_id == target.learn_id,
        )
    return _acknowledgements(connection, query)


def rule_breaches(connection: Connection) -> tuple[RuleBreach, ...]:
    """Return the breaches of rules on state that have not ended, oldest first."""
    query = select(episode).where(episode.c.ended_at.is_(None)).order_by(episode.c.id)
    return tuple(
        RuleBreach(
            target=TargetId(row["project_id"], row["learn_id"]),
            rule=row["rule"],
            path=row["path"],
            began_at=row["began_at"],
        )
        for row in connection.execute(query).mappings()
    )


def begin_rule_breaches(
    connection: Connection, began: Sequence[RuleViolation], *, at: datetime
) -> None:
    """Start a breach for each rule that is newly broken."""
    rows = (
        {
            "project_id": violation.target.project_id,
            "learn_id": violation.target.learn_id,
            "rule": violation.rule,
            "path": violation.path,
            "began_at": at,
        }
        for violation in began
    )
    for batch in in_batches(rows):
        connection.execute(insert(episode), batch)


def end_rule_breaches(
    connection: Connection, ended: Sequence[RuleBreach], *, at: datetime
) -> None:
    """End breaches of rules."""
    for batch in in_batches(ended):
        breaches = [
            {
                "of_project": breach.target.project_id,
                "of_learn": breach.target.learn_id,
                "of_rule": breach.rule,
                "of_path": breach.path,
            }
            for breach in batch
        ]
        connection.execute(_END_BREACH.values(ended_at=at), breaches)


def ignore_rules(connection: Connection) -> dict[str, bool]:
    """Return the keys of the ignore rules ever in force, and whether their end was announced."""
    rows = connection.execute(select(ignore_rule.c.key, ignore_rule.c.announced_at))
    return {row.key: row.announced_at is not None for row in rows}


def remember_ignore_rules(connection: Connection, keys: Iterable[str], *, at: datetime) -> None:
    """Remember ignore rules as having been in force."""
    rows = [{"key": key, "first_seen_at": at} for key in keys]
    if rows:
        connection.execute(insert_into(connection, ignore_rule).on_conflict_do_nothing(), rows)


def mark_ignore_rules_announced(
    connection: Connection, keys: Sequence[str], *, at: datetime
) -> None:
    """Remember that the end of ignore rules was announced."""
    named = ignore_rule.c.key.in_(keys)
    connection.execute(update(ignore_rule).where(named).values(announced_at=at))


def _end(
    connection: Connection, which: Sequence[ColumnElement[bool]], values: Mapping[str, object]
) -> Sequence[int]:
    """End the acknowledgements that match all conditions; return their ids."""
    ended = update(acknowledgement).where(*which).values(**values)
    return connection.execute(ended.returning(acknowledgement.c.id)).scalars().all()


def _acknowledgements(connection: Connection, query: Select[Any]) -> tuple[Acknowledgement, ...]:
    return tuple(
        Acknowledgement(
            finding=row["fingerprint"],
            target=TargetId(row["project_id"], row["learn_id"]),
            path=row["path"],
            value=unpack_json(row["value"]),
            at=row["acknowledged_at"],
            author=row["author"],
            reason=row["reason"],
            until=row["until"],
            ended_at=row["ended_at"],
            ended_why=row["ended_why"],
            folded=_folded(row["folded"]),
            lasting_path=row["lasting_path"] or "",
        )
        for row in connection.execute(query).mappings()
    )


def _folded(blob: bytes | None) -> dict[str, str] | None:
    if blob is None:
        return None
    return {path: str(digest) for path, digest in cast(JsonObject, unpack_json(blob)).items()}
