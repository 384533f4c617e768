"""Runs as rows: which slots of the schedules had a run, and each run's link in the hash chain."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.functions import func

from auditor.errors import AlreadyRunError, LockLostError, UsageError
from auditor.model import RunInfo, RunStatus, Trigger
from auditor.records import SlotRelease
from auditor.store import ledger
from auditor.store.chain import START, RunLink
from auditor.store.tables import insert_into, run, schedule, version

MAX_ATTEMPTS = 3  # of a slot: a run that takes the machine down must not do so for ever
# Follows the slot of a run that leaves it due, before the run's id: why it does.
_MARKS = {
    SlotRelease.CRASHED: "!",
    SlotRelease.STOPPED: "~",
    SlotRelease.READ_TOO_LITTLE: "?",
}
_AT_ONCE = 1000  # rows of a stream
_SLOT_LENGTH = len("2026-11-23T03:15")


def open_run(
    connection: Connection,
    trigger: Trigger,
    *,
    started_at: datetime,
    schedule: str = "",
    slot: str = "",
) -> int:
    """Store a running run and return its id.

    Raises:
        AlreadyRunError: the slot of the schedule has its run.
    """
    row = {
        "status": RunStatus.RUNNING,
        "trigger": trigger,
        "started_at": started_at,
        "schedule": schedule or None,
        "slot": slot or None,
        "ledger_head": ledger.head(connection),
    }
    try:
        run_id: int = connection.execute(insert(run).returning(run.c.id), row).scalar_one()
    except IntegrityError as error:
        raise AlreadyRunError(f"the run of {slot} ({schedule}) was already made") from error
    return run_id


def require_running(connection: Connection, run_id: int) -> None:
    """Make sure, until the transaction ends, that no other process has closed the run.

    A process that gets the lock of a run which lost it abandons that run first. So this keeps
    two runs apart, whatever happened to the lock.

    Raises:
        LockLostError: another process closed it.
    """
    query = select(run.c.status).where(run.c.id == run_id).with_for_update()
    status = connection.execute(query).scalar_one_or_none()
    if status != RunStatus.RUNNING:
        raise LockLostError(
            f"run {run_id} was given up: another process took the database over; run again"
        )


def abandon_open_runs(connection: Connection, now: datetime) -> tuple[int, ...]:
    """Close every running run as abandoned, with its head hash; return the ids."""
    query = select(run.c.id).where(run.c.status == RunStatus.RUNNING).order_by(run.c.id)
    ids = tuple(connection.execute(query).scalars())
    for run_id in ids:  # in order: each head covers the one before
        closed = {"status": RunStatus.ABANDONED, "finished_at": now}
        this_run = update(run).where(run.c.id == run_id)
        connection.execute(this_run.values(**closed, head_hash=head(connection, run_id)))
        release_slot(connection, run_id, why=SlotRelease.CRASHED)
    ledger.record_runs(connection, ids)
    return ids


def release_slot(connection: Connection, run_id: int, *, why: SlotRelease) -> None:
    """Make the run's slot due again; the row still says which slot that was."""
    row = connection.execute(select(run.c.slot).where(run.c.id == run_id)).one()
    if row.slot is not None and len(row.slot) == _SLOT_LENGTH:
        released = f"{row.slot}{_MARKS[why]}{run_id}"
        connection.execute(update(run).where(run.c.id == run_id).values(slot=released))


def run_info(connection: Connection, run_id: int) -> RunInfo | None:
    """Return a run however it ended, or None if there is none."""
    row = connection.execute(select(run).where(run.c.id == run_id)).mappings().first()
    return None if row is None else info_of(row)


def last_run(connection: Connection) -> RunInfo | None:
    """Return the newest run, or None if there is none."""
    row = connection.execute(select(run).order_by(run.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else info_of(row)


def all_runs(connection: Connection) -> tuple[RunInfo, ...]:
    """Return every run, newest first."""
    columns = (run.c.id, run.c.status, run.c.trigger, run.c.started_at, run.c.finished_at)
    rows = connection.execute(select(*columns).order_by(run.c.id.desc())).mappings()
    return tuple(map(info_of, rows))


def newest_starts(connection: Connection, most: int) -> tuple[datetime, ...]:
    """Return when the newest runs started, newest first."""
    query = select(run.c.started_at).order_by(run.c.id.desc()).limit(most)
    return tuple(connection.execute(query).scalars())


def previous_run_id(connection: Connection, run_id: int) -> int | None:
    """Return the id of the stored run before `run_id`."""
    query = select(func.max(run.c.id)).where(run.c.id < run_id)
    previous: int | None = connection.execute(query).scalar()
    return previous


def head(connection: Connection, run_id: int) -> str:
    """Return the run's link in the hash chain.

    Raises:
        UsageError: no such run is stored.
    """
    query = select(run.c.trigger, run.c.started_at, run.c.ledger_head).where(run.c.id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UsageError(f"the database holds no run {run_id}")
    earlier = select(run.c.head_hash).where(run.c.id < run_id, run.c.head_hash.is_not(None))
    previous = connection.execute(earlier.order_by(run.c.id.desc()).limit(1)).scalar()
    hashes = select(version.c.hash).where(version.c.run_id == run_id).order_by(version.c.id)
    link = RunLink(
        previous_head=START if previous is None else previous,
        run_id=run_id,
        trigger=row.trigger,
        started_at=row.started_at,
        ledger_head=row.ledger_head,
    )
    options = {"yield_per": _AT_ONCE}
    return link.head(connection.execute(hashes, execution_options=options).scalars())


def run_of_head(connection: Connection, head_hash: str) -> int | None:
    """Return the run whose link in the hash chain this is, or None if none has it."""
    query = select(run.c.id).where(run.c.head_hash == head_hash)
    found: int | None = connection.execute(query).scalar()
    return found


def has_run(connection: Connection, schedule: str, slot: str) -> bool:
    """Return whether the slot has its run, or its runs crashed `MAX_ATTEMPTS` times."""
    query = select(run.c.slot).where(run.c.schedule == schedule, run.c.slot.startswith(slot))
    slots = connection.execute(query).scalars().all()
    crashed = f"{slot}{_MARKS[SlotRelease.CRASHED]}"
    return slot in slots or sum(name.startswith(crashed) for name in slots) >= MAX_ATTEMPTS


def slot_tries(connection: Connection, schedule: str, slot: str) -> tuple[RunInfo, ...]:
    """Return the slot's runs that read too little, oldest first."""
    query = select(run).where(run.c.schedule == schedule, _read_too_little(slot))
    return tuple(map(info_of, connection.execute(query.order_by(run.c.id)).mappings()))


def _read_too_little(slot: str) -> ColumnElement[bool]:
    return run.c.slot.startswith(f"{slot}{_MARKS[SlotRelease.READ_TOO_LITTLE]}")


def slot_ended(connection: Connection, schedule: str, slot: str) -> bool:
    """Return whether the slot has its run, and that run has ended."""
    query = select(run.c.status).where(run.c.schedule == schedule, run.c.slot == slot)
    status = connection.execute(query).scalar_one_or_none()
    if status is None:
        tries = slot_tries(connection, schedule, slot)
        return bool(tries) or has_run(connection, schedule, slot)
    return bool(status != RunStatus.RUNNING)


def last_slot(
    connection: Connection, schedule: str, *, since: datetime, until: datetime, before: str
) -> str | None:
    """Return the newest slot, other than `before`, whose run started in that time.

    A slot whose run crashed or was stopped had none; one whose run read too little had one. A
    run that started after `until` was made by a clock that was ahead.
    """
    had_none = (SlotRelease.CRASHED, SlotRelease.STOPPED)
    query = select(func.max(run.c.slot)).where(
        run.c.schedule == schedule,
        run.c.started_at.between(since, until),
        ~run.c.slot.startswith(before),
        *(run.c.slot.not_like(f"%{_MARKS[why]}%") for why in had_none),
    )
    newest: str | None = connection.execute(query).scalar_one()
    return newest[:_SLOT_LENGTH] if newest else None


def schedule_in_force(connection: Connection, name: str) -> tuple[str, datetime] | None:
    """Return the schedule's line and since when it has had it, or None if it has none."""
    row = connection.execute(select(schedule).where(schedule.c.name == name)).one_or_none()
    return None if row is None else (row.line, row.since)


def schedule_since(connection: Connection, name: str, line: str) -> datetime | None:
    """Return since when the schedule has had this line, or None if it has another or none."""
    match schedule_in_force(connection, name):
        case (stored, since) if stored == line:
            return since
    return None


def remember_schedule(connection: Connection, name: str, line: str, *, since: datetime) -> None:
    """Store the schedule's line, in place of any other."""
    row = {"name": name, "line": line, "since": since}
    statement = insert_into(connection, schedule)
    new = {"line": statement.excluded["line"], "since": statement.excluded["since"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new), row)


def schedule_names(connection: Connection) -> frozenset[str]:
    """Return the schedules whose lines are remembered."""
    return frozenset(connection.execute(select(schedule.c.name)).scalars())


def forget_other_schedules(connection: Connection, names: Collection[str]) -> None:
    """Forget the lines of all schedules but these."""
    connection.execute(delete(schedule).where(schedule.c.name.not_in(names)))


def info_of(row: RowMapping) -> RunInfo:
    """Return what people know of the run in a row."""
    return RunInfo(
        id=row["id"],
        status=RunStatus(row["status"]),
        trigger=Trigger(row["trigger"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
