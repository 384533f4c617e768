"""Runs as rows: the ledger, and each run's link in the hash chain."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.functions import func

from auditor.errors import AlreadyRunError, LockLostError, UsageError
from auditor.model import RunInfo, RunStatus, Trigger
from auditor.store.chain import START, RunLink
from auditor.store.tables import run, version

RELEASED = "!"  # behind the slot of a run that did not come to its end, before its id


def start(
    connection: Connection, trigger: Trigger, *, started_at: datetime, schedule: str, slot: str
) -> int:
    """Store a running run and return its id."""
    row = {
        "status": RunStatus.RUNNING,
        "trigger": trigger,
        "started_at": started_at,
        "schedule": schedule or None,
        "slot": slot or None,
    }
    try:
        run_id: int = connection.execute(insert(run).returning(run.c.id), row).scalar_one()
    except IntegrityError as error:
        raise AlreadyRunError(f"the run of {slot} ({schedule}) was already made") from error
    return run_id


def require_running(connection: Connection, run_id: int) -> None:
    """Make sure, until the transaction ends, that nobody closed the run meanwhile.

    Whoever gets the lock of a run that lost it abandons that run first. So this is what keeps two
    runs apart, whatever became of the lock.

    Raises:
        LockLostError: another process closed it.
    """
    query = select(run.c.status).where(run.c.id == run_id).with_for_update()
    status = connection.execute(query).scalar_one_or_none()
    if status != RunStatus.RUNNING:
        raise LockLostError(
            f"run {run_id} was given up: another process took the database over; run again"
        )


def abandon_running(connection: Connection, *, at: datetime) -> tuple[int, ...]:
    """Close every running run as abandoned, with its head hash; return the ids."""
    query = select(run.c.id).where(run.c.status == RunStatus.RUNNING).order_by(run.c.id)
    ids = tuple(connection.execute(query).scalars())
    for run_id in ids:  # in order: each head covers the one before
        closed = {"status": RunStatus.ABANDONED, "finished_at": at}
        here = update(run).where(run.c.id == run_id)
        connection.execute(here.values(**closed, head_hash=head(connection, run_id)))
        release_slot(connection, run_id)
    return ids


def release_slot(connection: Connection, run_id: int) -> None:
    """Make the run's slot due again; the row goes on telling which one it was."""
    row = connection.execute(select(run.c.slot).where(run.c.id == run_id)).one()
    if row.slot is not None:
        released = f"{row.slot}{RELEASED}{run_id}"
        connection.execute(update(run).where(run.c.id == run_id).values(slot=released))


def read(connection: Connection, run_id: int) -> RunInfo | None:
    """Return a run, None where there is none."""
    row = connection.execute(select(run).where(run.c.id == run_id)).mappings().first()
    return None if row is None else info(row)


def head(connection: Connection, run_id: int) -> str:
    """Return the run's link in the hash chain."""
    query = select(run.c.trigger, run.c.started_at).where(run.c.id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UsageError(f"the database holds no run {run_id}")
    hashes = select(version.c.hash).where(version.c.run_id == run_id).order_by(version.c.id)
    link = RunLink(
        previous_head=_head_before(connection, run_id),
        run_id=run_id,
        trigger=row.trigger,
        started_at=row.started_at,
    )
    return link.head(connection.execute(hashes).scalars())


def of_head(connection: Connection, head_hash: str) -> int | None:
    """Return the run whose link this is, None where the history has none."""
    query = select(run.c.id).where(run.c.head_hash == head_hash)
    found: int | None = connection.execute(query).scalar()
    return found


def previous_id(connection: Connection, run_id: int) -> int | None:
    """Return the id of the stored run before `run_id`."""
    query = select(func.max(run.c.id)).where(run.c.id < run_id)
    before: int | None = connection.execute(query).scalar()
    return before


def last(connection: Connection) -> RunInfo | None:
    """Return the newest run."""
    row = connection.execute(select(run).order_by(run.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else info(row)


def every(connection: Connection) -> tuple[RunInfo, ...]:
    """Return every run, newest first."""
    columns = (run.c.id, run.c.status, run.c.trigger, run.c.started_at, run.c.finished_at)
    rows = connection.execute(select(*columns).order_by(run.c.id.desc())).mappings()
    return tuple(map(info, rows))


def info(row: RowMapping) -> RunInfo:
    """Return a row as what people know of a run."""
    return RunInfo(
        id=row["id"],
        status=RunStatus(row["status"]),
        trigger=Trigger(row["trigger"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _head_before(connection: Connection, run_id: int) -> str:
    query = select(run.c.head_hash).where(run.c.id < run_id, run.c.head_hash.is_not(None))
    before: str | None = connection.execute(query.order_by(run.c.id.desc()).limit(1)).scalar()
    return START if before is None else before
