"""The ledger: a chain of what people decided and of how each run ended, with its report.

Each such row has an entry with a hash of what the row says. What an acknowledgement
accepts below its value, the key of its layer and its end have entries of their own. So a row that
is altered, removed or added by other means is found.

The hashes are stored: what they cover must never change. A column that is added later needs a
kind of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    insert,
    select,
    text,
)

from auditor.errors import DamagedDatabaseError
from auditor.model import RunStatus, TargetId
from auditor.records import BrokenLink
from auditor.store.chain import START, LedgerLink, content_hash, row_hash
from auditor.store.packing import unpack
from auditor.store.tables import acknowledgement, approval, ledger, retraction, roster, run

_BATCH = 200
# Two processes that add entries at once would chain both to the same one.
_LOCK = text("LOCK TABLE ledger IN SHARE ROW EXCLUSIVE MODE")
_ADDED = "it was not made by the auditor, or its entry in the ledger was removed"
_ALTERED = "it is not what was stored: its row is altered"


class LedgerKind(StrEnum):
    """What an entry vouches for."""

    APPROVAL = "approval"
    ACKNOWLEDGEMENT = "acknowledgement"
    ACKNOWLEDGEMENT_END = "acknowledgement_end"
    ACKNOWLEDGEMENT_FOLDED = "acknowledgement_folded"
    ACKNOWLEDGEMENT_LAYER = "acknowledgement_layer"
    RETRACTION = "retraction"
    RUN = "run"


_COVERED = {
    LedgerKind.APPROVAL: (
        "project_id",
        "learn_id",
        "version_id",
        "approved_at",
        "author",
        "reason",
    ),
    LedgerKind.ACKNOWLEDGEMENT: (
        "fingerprint",
        "project_id",
        "learn_id",
        "path",
        "value",
        "acknowledged_at",
        "author",
        "reason",
        "until",
    ),
    LedgerKind.ACKNOWLEDGEMENT_END: ("ended_at", "ended_why"),
    LedgerKind.ACKNOWLEDGEMENT_FOLDED: ("folded",),
    LedgerKind.ACKNOWLEDGEMENT_LAYER: ("lasting_path",),
    LedgerKind.RETRACTION: (
        "kind",
        "project_id",
        "learn_id",
        "approval_id",
        "acknowledgement_id",
        "retracted_at",
        "author",
        "reason",
    ),
    LedgerKind.RUN: ("status", "finished_at", "report_hash"),
}
_TABLES = {
    LedgerKind.APPROVAL: approval,
    LedgerKind.ACKNOWLEDGEMENT: acknowledgement,
    LedgerKind.ACKNOWLEDGEMENT_END: acknowledgement,
    LedgerKind.ACKNOWLEDGEMENT_FOLDED: acknowledgement,
    LedgerKind.ACKNOWLEDGEMENT_LAYER: acknowledgement,
    LedgerKind.RETRACTION: retraction,
    LedgerKind.RUN: run,
}
# Which rows of the table have an entry.
_HAS_ENTRY: dict[LedgerKind, Callable[[Table], ColumnElement[bool]]] = {
    LedgerKind.ACKNOWLEDGEMENT_END: lambda table: table.c.ended_at.is_not(None),
    LedgerKind.ACKNOWLEDGEMENT_FOLDED: lambda table: table.c.folded.is_not(None),
    LedgerKind.ACKNOWLEDGEMENT_LAYER: lambda table: table.c.lasting_path.is_not(None),
    LedgerKind.RUN: lambda table: table.c.status != RunStatus.RUNNING,
}


def record_approvals(connection: Connection, ids: Sequence[int]) -> None:
    """Add the entries of approvals."""
    _record(connection, LedgerKind.APPROVAL, ids)


def record_acknowledgement(
    connection: Connection,
    row_id: int,
    *,
    has_folded: bool = False,
    has_lasting_path: bool = False,
) -> None:
    """Add the entry of an acknowledgement, and those of what it has besides its value."""
    _record(connection, LedgerKind.ACKNOWLEDGEMENT, [row_id])
    if has_folded:
        _record(connection, LedgerKind.ACKNOWLEDGEMENT_FOLDED, [row_id])
    if has_lasting_path:
        _record(connection, LedgerKind.ACKNOWLEDGEMENT_LAYER, [row_id])


def record_ended_acknowledgements(connection: Connection, ids: Sequence[int]) -> None:
    """Add the entries of acknowledgements that ended."""
    _record(connection, LedgerKind.ACKNOWLEDGEMENT_END, ids)


def record_retractions(connection: Connection, ids: Sequence[int]) -> None:
    """Add the entries of decisions that take something back."""
    _record(connection, LedgerKind.RETRACTION, ids)


def record_runs(connection: Connection, ids: Sequence[int]) -> None:
    """Add the entries of closed runs."""
    _record(connection, LedgerKind.RUN, ids)


def head(connection: Connection) -> str:
    """Return the newest entry's hash, or an empty text if there is no entry."""
    newest = _newest(connection)
    return START if newest is None else newest["hash"]


def report_hash(document: bytes, roster_digest: str) -> str:
    """Return the hash of a report as it is stored."""
    return row_hash({"document": document, "roster_digest": roster_digest})


def verification(connection: Connection) -> Iterator[Generator[BrokenLink, None, None]]:
    """Yield the steps that verify the ledger and what it covers."""
    yield _entries(connection)
    yield _heads(connection)
    for kind in LedgerKind:
        yield _rows(connection, kind)
        yield _missing(connection, kind)
    yield _reports(connection)
    yield _rosters(connection)


def _record(connection: Connection, kind: LedgerKind, ids: Sequence[int]) -> None:
    """Add the entries of rows: the last act of a transaction, because others wait for it."""
    if not ids:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    newest = _newest(connection)
    entry_id, previous = (0, START) if newest is None else (newest["id"], newest["hash"])
    table = _TABLES[kind]
    for start in range(0, len(ids), _BATCH):
        some = table.c.id.in_(ids[start : start + _BATCH])
        entries: list[dict[str, object]] = []
        for row in connection.execute(select(table).where(some).order_by(table.c.id)).mappings():
            entry_id += 1
            link = LedgerLink(
                previous_hash=previous,
                entry_id=entry_id,
                kind=kind,
                row_id=row["id"],
                content_hash=_content_hash(kind, row),
            )
            previous = link.hash()
            entries.append(
                {
                    "id": entry_id,
                    "kind": kind.value,
                    "row_id": link.row_id,
                    "content_hash": link.content_hash,
                    "hash": previous,
                    "previous_hash": link.previous_hash,
                }
            )
        connection.execute(insert(ledger), entries)


def _newest(connection: Connection) -> RowMapping | None:
    query = select(ledger.c.id, ledger.c.hash).order_by(ledger.c.id.desc()).limit(1)
    return connection.execute(query).mappings().first()


def _content_hash(kind: LedgerKind, row: Mapping[Any, Any]) -> str:
    return row_hash({name: row[name] for name in _COVERED[kind]})


def _entries(connection: Connection) -> Generator[BrokenLink, None, None]:
    previous = START
    for row in _stream(connection, select(ledger).order_by(ledger.c.id)):
        link = LedgerLink(
            previous_hash=previous,
            entry_id=row["id"],
            kind=row["kind"],
            row_id=row["row_id"],
            content_hash=row["content_hash"],
        )
        if row["previous_hash"] != previous or row["hash"] != link.hash():
            what = "it is altered, or one before it is altered or missing"
            yield BrokenLink(where=f"ledger entry {row['id']}", what=what)
        previous = row["hash"]


def _heads(connection: Connection) -> Generator[BrokenLink, None, None]:
    """Yield runs that started from an entry which is missing: the ledger's end was removed."""
    query = (
        select(run.c.id)
        .outerjoin(ledger, ledger.c.hash == run.c.ledger_head)
        .where(run.c.ledger_head.is_not(None), run.c.ledger_head != START, ledger.c.id.is_(None))
        .order_by(run.c.id)
    )
    for run_id in connection.execute(query.limit(1)).scalars():
        what = f"its newest entries, which run {run_id} started from, are missing"
        yield BrokenLink(where="ledger", what=what)


def _rows(connection: Connection, kind: LedgerKind) -> Generator[BrokenLink, None, None]:
    """Yield rows that differ from their entry or have none."""
    table = _TABLES[kind]
    columns = (table.c[name] for name in dict.fromkeys(("id", *_COVERED[kind], *_keys(table))))
    entry = (ledger.c.kind == kind.value) & (ledger.c.row_id == table.c.id)
    query = select(*columns, ledger.c.content_hash.label("entry_hash")).outerjoin(ledger, entry)
    if kind in _HAS_ENTRY:
        query = query.where(_HAS_ENTRY[kind](table))
    for row in _stream(connection, query.order_by(table.c.id)):
        if row["entry_hash"] is None:
            yield BrokenLink(where=_name(kind, row), what=_ADDED)
        elif row["entry_hash"] != _content_hash(kind, row):
            yield BrokenLink(where=_name(kind, row), what=_ALTERED)


def _missing(connection: Connection, kind: LedgerKind) -> Generator[BrokenLink, None, None]:
    """Yield entries whose row is missing."""
    table = _TABLES[kind]
    row = table.c.id == ledger.c.row_id
    if kind in _HAS_ENTRY:
        row &= _HAS_ENTRY[kind](table)
    query = (
        select(ledger.c.row_id)
        .outerjoin(table, row)
        .where(ledger.c.kind == kind.value, table.c.id.is_(None))
        .order_by(ledger.c.id)
    )
    for row_id in connection.execute(query.limit(1)).scalars():
        where = f"{kind.value.replace('_', ' ')} {row_id}"
        yield BrokenLink(where=where, what="it is missing, though it was stored")


def _reports(connection: Connection) -> Generator[BrokenLink, None, None]:
    """Yield runs whose report is altered, or is missing though pruning keeps the newest."""
    columns = run.c.id, run.c.report, run.c.roster_digest, run.c.report_hash
    query = select(*columns, roster.c.digest).outerjoin(
        roster, roster.c.digest == run.c.roster_digest
    )
    missing: int | None = None
    for row in _stream(connection, query.where(run.c.report_hash.is_not(None)).order_by(run.c.id)):
        where, missing = f"report of run {row['id']}", None
        if row["report"] is None:
            missing = row["id"]
            continue
        if row["digest"] is None:
            yield BrokenLink(where=where, what="its list of targets is missing")
        elif report_hash(row["report"], row["roster_digest"]) != row["report_hash"]:
            yield BrokenLink(where=where, what="it is not what was stored")
    if missing is not None:
        what = "it is missing, though pruning keeps the newest report"
        yield BrokenLink(where=f"report of run {missing}", what=what)


def _rosters(connection: Connection) -> Generator[BrokenLink, None, None]:
    for row in _stream(connection, select(roster).order_by(roster.c.digest)):
        try:
            is_sound = content_hash(unpack(row["document"])) == row["digest"]
        except DamagedDatabaseError:
            is_sound = False
        if not is_sound:
            where = f"list of targets {row['digest']}"
            yield BrokenLink(where=where, what="it is not what was stored")


def _keys(table: Table) -> tuple[str, ...]:
    return tuple(name for name in ("project_id", "learn_id") if name in table.c)


def _name(kind: LedgerKind, row: RowMapping) -> str:
    name = f"{kind.value.replace('_', ' ')} {row['id']}"
    if "project_id" not in row:
        return name
    return f"{name} of {TargetId(row['project_id'], row['learn_id'])}"


def _stream(connection: Connection, query: Select[Any]) -> Iterator[RowMapping]:
    """Yield rows in batches, because a history may not fit into memory."""
    options = {"yield_per": _BATCH}
    with connection.execute(query, execution_options=options).mappings() as rows:
        yield from rows
