"""Keep open conditions, each since the run that first saw it; let decisions be taken back.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op

from auditor.store.tables import ForeignText, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


BATCH = 200

# The tables as they are here: a migration never follows a later change of them.
run = sa.table(
    "run",
    sa.column("id", sa.Integer()),
    sa.column("status", sa.String()),
    sa.column("started_at", Moment()),
    sa.column("finished_at", Moment()),
)
target = sa.table(
    "target",
    sa.column("project_id", sa.BigInteger()),
    sa.column("learn_id", sa.BigInteger()),
    sa.column("state", sa.String()),
    sa.column("model_state", sa.String()),
    sa.column("last_checked_at", Moment()),
    sa.column("last_run_id", sa.Integer()),
)
version = sa.table(
    "version",
    sa.column("id", sa.Integer()),
    sa.column("project_id", sa.BigInteger()),
    sa.column("learn_id", sa.BigInteger()),
    sa.column("run_id", sa.Integer()),
    sa.column("seen_at", Moment()),
    sa.column("model_state", sa.String()),
)
episode = sa.table(
    "episode",
    sa.column("project_id", sa.BigInteger()),
    sa.column("learn_id", sa.BigInteger()),
    sa.column("rule", ForeignText()),
    sa.column("path", ForeignText()),
    sa.column("began_at", Moment()),
    sa.column("ended_at", Moment()),
)


def upgrade() -> None:
    # Since when a block is forgotten; it is known again once a run stores a version of it.
    op.add_column("target", sa.Column("forgotten_at", Moment()))
    # What an acknowledgement accepts besides its value. What is stored accepts all, as it did.
    op.add_column("acknowledgement", sa.Column("folded", sa.LargeBinary()))
    make_retractions()
    make_conditions()


def make_retractions() -> None:
    op.create_table(
        "retraction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("approval_id", sa.Integer()),
        sa.Column("acknowledgement_id", sa.Integer()),
        sa.Column("retracted_at", Moment(), nullable=False),
        sa.Column("author", ForeignText(), nullable=False),
        sa.Column("reason", ForeignText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_retraction_approval_id_approval")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledgement_id"],
            ["acknowledgement.id"],
            name=op.f("fk_retraction_acknowledgement_id_acknowledgement"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraction")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_retraction_project_id_learn_id"), "retraction", ["project_id", "learn_id"]
    )
    op.create_index(op.f("ix_retraction_approval_id"), "retraction", ["approval_id"])


def make_conditions() -> None:
    condition = op.create_table(
        "condition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("key", ForeignText(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("headline", ForeignText(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("began_run_id", sa.Integer(), nullable=False),
        sa.Column("ended_run_id", sa.Integer()),
        sa.Column("ended_at", Moment()),
        sa.Column("ended_why", ForeignText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["began_run_id"], ["run.id"], name=op.f("fk_condition_began_run_id_run")
        ),
        sa.ForeignKeyConstraint(
            ["ended_run_id"], ["run.id"], name=op.f("fk_condition_ended_run_id_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition")),
        sqlite_autoincrement=True,
    )
    is_open = sa.column("ended_at").is_(None)
    op.create_index(
        "ix_condition_open",
        "condition",
        ["project_id", "learn_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    connection = op.get_bind()
    for found in (of_models(connection), of_missing(connection), of_rules(connection)):
        rows = iter(list(found))  # before the first is written
        while batch := list(islice(rows, BATCH)):
            connection.execute(condition.insert(), batch)


def row(
    kind: str, key: tuple[int, int], severity: str, headline: str, **others: object
) -> dict[str, Any]:
    project_id, learn_id = key
    return {
        "kind": kind,
        "project_id": project_id,
        "learn_id": learn_id,
        "key": "",
        "severity": severity,
        "headline": headline,
        "ended_why": "",
        **others,
    }


def of_models(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield lost trainings and stale models, since the version that is the first with them."""
    same = (target.c.project_id == version.c.project_id) & (
        target.c.learn_id == version.c.learn_id
    )
    query = (
        sa.select(
            version.c.project_id,
            version.c.learn_id,
            version.c.run_id,
            version.c.model_state,
            sa.func.coalesce(run.c.finished_at, version.c.seen_at, type_=Moment()).label("since"),
        )
        .join(target, same)
        .join(run, run.c.id == version.c.run_id)
        .where(target.c.model_state.in_(["stale", "untrained"]))
        .order_by(version.c.project_id, version.c.learn_id, version.c.id)
    )
    rows = connection.execute(query, execution_options={"yield_per": BATCH})
    for key, group in groupby(rows, key=lambda each: (each.project_id, each.learn_id)):
        stretch, before = last_stretch(group)
        first = {"since": stretch.since, "began_run_id": stretch.run_id}
        if stretch.model_state == "stale":
            words = "Model is stale: the configuration changed after the training (inferred)"
            yield row("stale", key, "high", words, **first)
        elif stretch.model_state == "untrained" and before in ("trained", "stale"):
            words = "Training lost, and the block was not trained again"
            yield row("training_lost", key, "critical", words, **first)


def last_stretch(versions: Iterable[Any]) -> tuple[Any, str]:
    """Return the first version of the last stretch of one model state, and the state before."""
    first, before = None, ""
    for each in versions:
        if first is None or each.model_state != first.model_state:
            before = first.model_state if first else ""
            first = each
    return first, before


def of_missing(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield missing blocks, since the first run that ended after the last check."""
    words = "Block is missing: Studio no longer lists it"
    query = sa.select(target).where(target.c.state == "missing")
    runs = connection.execute(
        sa.select(run.c.id, run.c.started_at, run.c.finished_at)
        .where(run.c.finished_at.is_not(None), run.c.status != "abandoned")
        .order_by(run.c.id)
    ).all()
    for each in connection.execute(query):
        checked = each.last_checked_at
        after = (
            ended
            for ended in runs
            if ended.id == each.last_run_id or (checked and ended.started_at > checked)
        )
        first = next(after, None)
        if first is not None:
            since = {"since": first.finished_at, "began_run_id": first.id}
            key = each.project_id, each.learn_id
            yield row("missing", key, "high", words, **since)


def of_rules(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield broken rules; the next run states their severity and words."""
    before = (
        sa.select(sa.func.max(run.c.id))
        .where(run.c.started_at <= episode.c.began_at)
        .scalar_subquery()
    )
    any_run = sa.select(sa.func.min(run.c.id)).scalar_subquery()
    query = sa.select(episode, sa.func.coalesce(before, any_run).label("run_id"))
    for each in connection.execute(query.where(episode.c.ended_at.is_(None))):
        where = f" at {each.path}" if each.path else ""
        yield row(
            "rule_broken",
            (each.project_id, each.learn_id),
            "high",
            f"Rule “{each.rule}” is broken{where}",
            key=f"{each.rule} {without_places(each.path)}",
            since=each.began_at,
            began_run_id=each.run_id,
        )


def without_places(path: str) -> str:
    """Return a path without the places of layers."""
    return re.sub(r"visualLayers\[\d+\]", "visualLayers[]", path)
