"""Notices as rows: what is told once beside the changes, and when it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from auditor.model import Notice, NoticeKind, Severity, TargetId
from auditor.outbox import MessageState
from auditor.store.tables import message, notice


def add(connection: Connection, run_id: int, notices: Sequence[Notice]) -> None:
    """Store the notices of a run."""
    rows = [_row(run_id, one) for one in notices]
    if rows:
        connection.execute(insert(notice), rows)


def unreported_notices(connection: Connection, run_id: int) -> tuple[Notice, ...]:
    """Return notices of runs before `run_id` that nobody was told, oldest first."""
    query = select(notice).where(_unreported(run_id)).order_by(notice.c.id)
    return tuple(_read(row) for row in connection.execute(query).mappings())


def carry(connection: Connection, run_id: int) -> None:
    """Make the unreported notices of earlier runs belong to the report of this one."""
    connection.execute(update(notice).where(_unreported(run_id)).values(reported_run_id=run_id))


def mark_reported(connection: Connection, run_id: int, *, at: datetime) -> None:
    """Count the notices of the run's report as told."""
    these = notice.c.reported_run_id == run_id, notice.c.told_at.is_(None)
    connection.execute(update(notice).where(*these).values(told_at=at))


def _unreported(run_id: int) -> ColumnElement[bool]:
    queued = (
        select(message.c.id)
        .where(message.c.run_id == notice.c.reported_run_id)
        .where(message.c.state == MessageState.QUEUED, message.c.is_whole)
        .exists()
    )
    return notice.c.told_at.is_(None) & (notice.c.reported_run_id < run_id) & ~queued


def _row(run_id: int, one: Notice) -> dict[str, object]:
    return {
        "run_id": run_id,
        "reported_run_id": run_id,
        "project_id": one.target.project_id if one.target else None,
        "learn_id": one.target.learn_id if one.target else None,
        "kind": one.kind,
        "severity": one.severity,
        "text": one.text,
    }


def _read(row: RowMapping) -> Notice:
    has_target = row["project_id"] is not None
    return Notice(
        kind=NoticeKind(row["kind"]),
        text=row["text"],
        severity=Severity(row["severity"]),
        target=TargetId(row["project_id"], row["learn_id"]) if has_target else None,
    )
