"""Open conditions as rows: each from the run that first saw it until it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from auditor.drift.conditions import (
    JudgedConditions,
    compare_conditions,
    worst_conditions_first,
)
from auditor.model import ConditionKind, OpenCondition, Severity, TargetId
from auditor.store.batches import in_batches
from auditor.store.tables import condition, target

_KEY = tuple_(condition.c.project_id, condition.c.learn_id)
_IS_OPEN = condition.c.ended_at.is_(None)
_IS_OF_TARGET = and_(
    target.c.project_id == condition.c.project_id, target.c.learn_id == condition.c.learn_id
)
_THIS = and_(
    condition.c.kind == bindparam("of_kind"),
    condition.c.project_id == bindparam("of_project"),
    condition.c.learn_id == bindparam("of_learn"),
    condition.c.key == bindparam("of_key"),
    _IS_OPEN,
)
_END = (
    update(condition)
    .where(_THIS)
    .values(
        ended_at=bindparam("ends_at"),
        ended_run_id=bindparam("ends_in"),
        ended_why=bindparam("ends_because"),
    )
)
_RESTATE = (
    update(condition)
    .where(_THIS)
    .values(severity=bindparam("new_severity"), headline=bindparam("new_headline"))
)


def update_conditions(
    connection: Connection, run_id: int, judged: Sequence[JudgedConditions], *, at: datetime
) -> None:
    """Open, restate and end the conditions of targets, as a run judges them."""
    for batch in in_batches(judged):
        before = _open_of([each.target for each in batch])
        changes = compare_conditions(
            map(condition_of, connection.execute(before).mappings()), batch, run_id=run_id, at=at
        )
        if changes.begun:
            connection.execute(insert(condition), list(map(_row, changes.begun)))
        if changes.restated:
            connection.execute(_RESTATE, list(map(_restated, changes.restated)))
        end_conditions(connection, changes.ended, at=at, run_id=run_id)


def end_conditions(
    connection: Connection,
    ended: Iterable[OpenCondition],
    *,
    at: datetime,
    run_id: int | None = None,
    why: str = "",
) -> None:
    """End conditions, in a run or (with `why`) by a decision."""
    of_end = {"ends_at": at, "ends_in": run_id, "ends_because": why}
    rows = [{**_names(each), **of_end} for each in ended]
    if rows:
        connection.execute(_END, rows)


def set_since(connection: Connection, run_id: int, at: datetime) -> None:
    """Let the conditions that a run saw first begin at its end."""
    of_run = update(condition).where(condition.c.began_run_id == run_id, _IS_OPEN)
    connection.execute(of_run.values(since=at))


def open_conditions(
    connection: Connection, targets: Sequence[TargetId] | None = None
) -> tuple[OpenCondition, ...]:
    """Return the open conditions of audited targets, or of `targets`, worst first."""
    if targets is not None:
        found = [
            condition_of(row)
            for batch in in_batches(targets)
            for row in connection.execute(_open_of(batch)).mappings()
        ]
        return worst_conditions_first(found)
    query = select(condition).join(target, _IS_OF_TARGET).where(_IS_OPEN, ~target.c.retired)
    return worst_conditions_first(map(condition_of, connection.execute(query).mappings()))


def old_conditions(connection: Connection, before: datetime) -> tuple[int, ...]:
    """Return the rows of the conditions that ended before a time.

    With them the deployments left behind of blocks that are not audited since then: each names
    who built it, and is found again should its block come back.
    """
    has_ended = condition.c.ended_at.is_not(None) & (condition.c.ended_at <= before)
    is_left = (
        (condition.c.kind == ConditionKind.DEPLOYMENT_BEHIND)
        & target.c.retired
        & (target.c.last_attempted_at <= before)
    )
    query = select(condition.c.id).outerjoin(target, _IS_OF_TARGET)
    return tuple(connection.execute(query.where(has_ended | is_left)).scalars())


def drop_conditions(connection: Connection, ids: Sequence[int]) -> None:
    """Delete rows of ended conditions."""
    for some in in_batches(ids):
        connection.execute(delete(condition).where(condition.c.id.in_(some)))


def condition_of(row: RowMapping) -> OpenCondition:
    """Return the condition of a row."""
    return OpenCondition(
        kind=ConditionKind(row["kind"]),
        target=TargetId(row["project_id"], row["learn_id"]),
        severity=Severity(row["severity"]),
        headline=row["headline"],
        since=row["since"],
        run_id=row["began_run_id"],
        key=row["key"],
    )


def _open_of(targets: Sequence[TargetId]) -> Select[Any]:
    return select(condition).where(_IS_OPEN, _KEY.in_(targets))


def _row(begun: OpenCondition) -> dict[str, object]:
    return {
        "kind": begun.kind,
        "project_id": begun.target.project_id,
        "learn_id": begun.target.learn_id,
        "key": begun.key,
        "severity": begun.severity,
        "headline": begun.headline,
        "since": begun.since,
        "began_run_id": begun.run_id,
        "ended_why": "",
    }


def _names(named: OpenCondition) -> dict[str, object]:
    return {
        "of_kind": named.kind,
        "of_project": named.target.project_id,
        "of_learn": named.target.learn_id,
        "of_key": named.key,
    }


def _restated(now: OpenCondition) -> dict[str, object]:
    return {**_names(now), "new_severity": now.severity, "new_headline": now.headline}
