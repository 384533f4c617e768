"""Baselines, acknowledgements, rules on state and ignore rules, as rows of when each was in force.

What people decided is only added to: a decision that is no longer in force has its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

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

from auditor.drift.state_rules import RuleViolation
from auditor.model import TargetId
from auditor.records import Acknowledgement, Approval, RuleBreach
from auditor.store import ledger
from auditor.store.batches import in_batches
from auditor.store.packing import pack_json, unpack_json
from auditor.store.tables import (
    acknowledgement,
    approval,
    episode,
    ignore_rule,
    insert_into,
    target,
)

_KEY = tuple_(acknowledgement.c.project_id, acknowledgement.c.learn_id)
_SET_BASELINE = (
    update(target)
    .where(
        target.c.project_id == bindparam("of_project"), target.c.learn_id == bindparam("of_learn")
    )
    .values(baseline_version_id=bindparam("of_version"))
)

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
    ledger.record_approvals(connection, ids)
    ledger.record_ended_acknowledgements(connection, ended_ids)


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
    }
    inserted = insert(acknowledgement).returning(acknowledgement.c.id)
    row_id: int = connection.execute(inserted, row).scalar_one()
    ledger.record_acknowledgement(connection, row_id)


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


def all_acknowledgements(connection: Connection) -> tuple[Acknowledgement, ...]:
    """Return every acknowledgement ever made, newest first."""
    query = select(acknowledgement).order_by(acknowledgement.c.id.desc())
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
        )
        for row in connection.execute(query).mappings()
    )
