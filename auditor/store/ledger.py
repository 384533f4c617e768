"""Which slots of the schedules had their run, and since when each schedule is as it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from auditor.store.insertion import insert_into
from auditor.store.tables import run, schedule

MOST_TRIES = 3  # a run that takes the machine down must not do so for ever


def has_run(connection: Connection, name: str, slot: str) -> bool:
    """Return whether the slot has its run, or was tried in vain `MOST_TRIES` times."""
    query = select(run.c.slot).where(run.c.schedule == name, run.c.slot.startswith(slot))
    slots = connection.execute(query).scalars().all()
    return slot in slots or len(slots) >= MOST_TRIES


def start(connection: Connection, name: str, line: str) -> datetime | None:
    """Return since when the schedule has had this line, None where it has another or none."""
    query = select(schedule.c.since).where(schedule.c.name == name, schedule.c.line == line)
    since: datetime | None = connection.execute(query).scalar_one_or_none()
    return since


def remember(connection: Connection, name: str, line: str, *, since: datetime) -> None:
    """Give the schedule another line."""
    row = {"name": name, "line": line, "since": since}
    statement = insert_into(connection, schedule)
    new = {"line": statement.excluded["line"], "since": statement.excluded["since"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new), row)
