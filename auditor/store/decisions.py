"""What people decide, as rows that are only added to: baselines and acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from auditor.model import TargetId
from auditor.records import Acknowledgement, Approval
from auditor.store.packing import pack_json, unpack_json
from auditor.store.tables import acknowledgement, approval, target


def approve(connection: Connection, approvals: Sequence[Approval]) -> None:
    """Make versions the baselines of their targets; what was accepted of them is approved."""
    for one in approvals:
        here = (
            target.c.project_id == one.target.project_id,
            target.c.learn_id == one.target.learn_id,
        )
        baseline = update(target).where(*here).values(baseline_version_id=one.version_id)
        connection.execute(baseline)
        accepted = (
            acknowledgement.c.project_id == one.target.project_id,
            acknowledgement.c.learn_id == one.target.learn_id,
            acknowledgement.c.ended_at.is_(None),
        )
        ended = {"ended_at": one.at, "ended_why": "approved"}
        connection.execute(update(acknowledgement).where(*accepted).values(**ended))
    rows = [
        {
            "project_id": one.target.project_id,
            "learn_id": one.target.learn_id,
            "version_id": one.version_id,
            "approved_at": one.at,
            "author": one.author,
            "reason": one.reason,
        }
        for one in approvals
    ]
    if rows:
        connection.execute(insert(approval), rows)


def approvals(connection: Connection, whose: TargetId) -> tuple[Approval, ...]:
    """Return a target's approvals, newest first."""
    query = select(approval).where(
        approval.c.project_id == whose.project_id, approval.c.learn_id == whose.learn_id
    )
    return tuple(
        Approval(
            target=whose,
            version_id=row["version_id"],
            at=row["approved_at"],
            author=row["author"],
            reason=row["reason"],
        )
        for row in connection.execute(query.order_by(approval.c.id.desc())).mappings()
    )


def acknowledge(connection: Connection, one: Acknowledgement) -> None:
    """Store an acknowledgement in the place of one of the same finding that still holds."""
    end(connection, [replace(one, ended_why="renewed")], at=one.at)
    row = {
        "fingerprint": one.finding,
        "project_id": one.target.project_id,
        "learn_id": one.target.learn_id,
        "path": one.path,
        "value": pack_json(one.value),
        "acknowledged_at": one.at,
        "author": one.author,
        "reason": one.reason,
        "until": one.until,
        "ended_why": "",
    }
    connection.execute(insert(acknowledgement), row)


def end(connection: Connection, ended: Sequence[Acknowledgement], *, at: datetime) -> None:
    """End acknowledgements, each for its own reason."""
    for one in ended:
        here = (
            acknowledgement.c.fingerprint == one.finding,
            acknowledgement.c.ended_at.is_(None),
        )
        values = {"ended_at": at, "ended_why": one.ended_why}
        connection.execute(update(acknowledgement).where(*here).values(**values))


def holding(connection: Connection) -> tuple[Acknowledgement, ...]:
    """Return the acknowledgements that were not ended, oldest first."""
    query = select(acknowledgement).where(acknowledgement.c.ended_at.is_(None))
    return _read(connection, query.order_by(acknowledgement.c.id))


def acknowledgements(connection: Connection) -> tuple[Acknowledgement, ...]:
    """Return every acknowledgement ever made, newest first."""
    return _read(connection, select(acknowledgement).order_by(acknowledgement.c.id.desc()))


def _read(connection: Connection, query: Select[Any]) -> tuple[Acknowledgement, ...]:
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
