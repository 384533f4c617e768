"""Write notices with the batch that found them, and chain decisions.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from auditor.store.chain import START, LedgerLink, row_hash
from auditor.store.tables import Digest, ForeignText, Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


BATCH = 200

# The tables as they are here: a migration never follows a later change of them.
run = sa.table(
    "run",
    sa.column("id", sa.Integer()),
    sa.column("status", sa.String()),
    sa.column("finished_at", Moment()),
    sa.column("report", sa.LargeBinary()),
    sa.column("roster_digest", Digest()),
    sa.column("report_hash", Digest()),
)
approval = sa.table(
    "approval",
    sa.column("id", sa.Integer()),
    sa.column("project_id", sa.BigInteger()),
    sa.column("learn_id", sa.BigInteger()),
    sa.column("version_id", sa.Integer()),
    sa.column("approved_at", Moment()),
    sa.column("author", ForeignText()),
    sa.column("reason", ForeignText()),
)
acknowledgement = sa.table(
    "acknowledgement",
    sa.column("id", sa.Integer()),
    sa.column("fingerprint", sa.String()),
    sa.column("project_id", sa.BigInteger()),
    sa.column("learn_id", sa.BigInteger()),
    sa.column("path", ForeignText()),
    sa.column("value", sa.LargeBinary()),
    sa.column("acknowledged_at", Moment()),
    sa.column("author", ForeignText()),
    sa.column("reason", ForeignText()),
    sa.column("until", sa.Date()),
    sa.column("ended_at", Moment()),
    sa.column("ended_why", sa.String()),
)
ENDED = ("ended_at", "ended_why")


def upgrade() -> None:
    # How many blocks a notice is about: a project's first run is one notice with their number.
    op.add_column("notice", sa.Column("number", sa.Integer(), nullable=False, server_default="1"))
    # As for findings, so that a message with a part of a report says which notices it holds.
    op.add_column("notice", sa.Column("fingerprint", sa.String(64)))
    # Counts and lists of messages must not read past the contents of thousands of dead ones.
    op.create_index(op.f("ix_message_state_id"), "message", ["state", "id"])
    # A shorter form of each message, for a server that refuses the whole.
    op.add_column("message", sa.Column("summary", sa.LargeBinary()))
    index_open("ix_notice_untold", "notice", "reported_run_id", until="told_at")
    # Each of these was searched whole, once for each row that ended.
    key = ("project_id", "learn_id")
    index_open("ix_episode_open", "episode", *key, until="ended_at")
    index_open("ix_acknowledgement_open", "acknowledgement", *key, until="ended_at")
    index_open(
        "ix_acknowledgement_open_fingerprint", "acknowledgement", "fingerprint", until="ended_at"
    )
    make_ledger()


def index_open(name: str, table: str, *columns: str, until: str) -> None:
    """Index the rows of a table that are still open."""
    is_open = sa.column(until).is_(None)
    op.create_index(name, table, columns, sqlite_where=is_open, postgresql_where=is_open)


def make_ledger() -> None:
    op.add_column("run", sa.Column("ledger_head", sa.LargeBinary()))
    op.add_column("run", sa.Column("report_hash", sa.LargeBinary()))
    ledger = op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("content_hash", Digest(), nullable=False),
        sa.Column("hash", Digest(), nullable=False),
        sa.Column("previous_hash", Digest(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_kind_row_id"), "ledger", ["kind", "row_id"])
    op.create_index(op.f("ix_ledger_hash"), "ledger", ["hash"])
    chain_what_is_stored(op.get_bind(), ledger)


def chain_what_is_stored(connection: sa.Connection, ledger: sa.Table) -> None:
    """Chain all decisions and reports: from here on, no alteration of them goes unseen."""
    previous = START
    for entry_id, (kind, row_id, content_hash) in enumerate(contents(connection), start=1):
        link = LedgerLink(
            previous_hash=previous,
            entry_id=entry_id,
            kind=kind,
            row_id=row_id,
            content_hash=content_hash,
        )
        previous = link.hash()
        entry = {
            "id": entry_id,
            "kind": kind,
            "row_id": row_id,
            "content_hash": content_hash,
            "hash": previous,
            "previous_hash": link.previous_hash,
        }
        connection.execute(ledger.insert(), entry)


def contents(connection: sa.Connection) -> Iterator[tuple[str, int, str]]:
    """Yield the kind, the id and the hash of what is stored."""
    for row in rows_of(connection, approval):
        yield "approval", row["id"], hash_of(row, leave=("id",))
    for row in rows_of(connection, acknowledgement):
        yield "acknowledgement", row["id"], hash_of(row, leave=("id", *ENDED))
        if row["ended_at"] is not None:
            yield "acknowledgement_end", row["id"], row_hash({name: row[name] for name in ENDED})
    for row in rows_of(connection, run):
        if row["status"] == "running":
            continue
        report_hash = None
        if row["report"] is not None:
            report = {"document": row["report"], "roster_digest": row["roster_digest"]}
            report_hash = row_hash(report)
            connection.execute(
                run.update().where(run.c.id == row["id"]).values(report_hash=report_hash)
            )
        ended = {"status": row["status"], "finished_at": row["finished_at"]}
        yield "run", row["id"], row_hash({**ended, "report_hash": report_hash})


def rows_of(connection: sa.Connection, table: sa.TableClause) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table by id, a batch at a time."""
    last = 0
    query = sa.select(table).order_by(table.c.id).limit(BATCH)
    while rows := connection.execute(query.where(table.c.id > last)).mappings().all():
        yield from ({str(name): value for name, value in row.items()} for row in rows)
        last = rows[-1]["id"]


def hash_of(row: Mapping[str, Any], *, leave: tuple[str, ...]) -> str:
    """Return the hash of a row's columns but for some."""
    return row_hash({name: value for name, value in row.items() if name not in leave})
