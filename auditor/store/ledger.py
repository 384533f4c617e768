"""Which slots of the schedules had their run, and since when each schedule is as it is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.sql.functions import func

from auditor.model import RunStatus
from auditor.store.runs import RELEASED
from auditor.store.tables import insert_into, run, schedule

MOST_TRIES = 3  # a run that takes the machine down must not do so for ever


def has_run(connection: Connection, name: str, slot: str) -> bool:
    """Return whether the slot has its run, or was tried in vain `MOST_TRIES` times."""
    query = select(run.c.slot).where(run.c.schedule == name, run.c.slot.startswith(slot))
    slots = connection.execute(query).scalars().all()
    return slot in slots or len(slots) >= MOST_TRIES


def has_ended(connection: Connection, name: str, slot: str) -> bool:
    """Return whether the slot has its run, and that has come to an end."""
    query = select(run.c.status).where(run.c.schedule == name, run.c.slot == slot)
    status = connection.execute(query).scalar_one_or_none()
    if status is None:
        return has_run(connection, name, slot)
    return bool(status != RunStatus.RUNNING)


def last_slot(connection: Connection, name: str, *, since: datetime) -> str | None:
    """Return the newest slot that had its run since then; one that was given back had none."""
    query = select(func.max(run.c.slot)).where(
        run.c.schedule == name, run.c.started_at >= since, run.c.slot.not_like(f"%{RELEASED}%")
    )
    newest: str | None = connection.execute(query).scalar_one()
    return newest


def in_force(connection: Connection, name: str) -> tuple[str, datetime] | None:
    """Return the schedule's line and since when it has had it, None where it has none."""
    row = connection.execute(select(schedule).where(schedule.c.name == name)).one_or_none()
    return None if row is None else (row.line, row.since)


def forget_others(connection: Connection, names: Collection[str]) -> None:
    """Forget the lines of all schedules but these."""
    connection.execute(delete(schedule).where(schedule.c.name.not_in(names)))


def remember(connection: Connection, name: str, line: str, *, since: datetime) -> None:
    """Give the schedule another line."""
    row = {"name": name, "line": line, "since": since}
    statement = insert_into(connection, schedule)
    new = {"line": statement.excluded["line"], "since": statement.excluded["since"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new), row)
