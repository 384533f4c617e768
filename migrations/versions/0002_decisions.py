"""Add baselines, acknowledgements, rules on state and suppressed findings.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The types as they were then: a migration never follows a later change of the tables.
moment = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("target", sa.Column("model_after", moment))
    op.add_column("target", sa.Column("model_until", moment))
    # Since when a model was stale was not kept: at the latest since the block changed last.
    op.execute("UPDATE target SET model_until = last_changed_at WHERE model_state = 'stale'")
    op.add_column("finding", sa.Column("silenced_by", sa.Text()))
    whole = sa.Column("is_whole", sa.Boolean(), nullable=False, server_default=sa.true())
    op.add_column("message", whole)
    op.create_index(op.f("ix_finding_project_id_learn_id"), "finding", ["project_id", "learn_id"])
    op.create_table(
        "holding",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "fingerprint", name=op.f("pk_holding")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_holding_message_id_message")
        ),
        sqlite_with_rowid=False,
    )
    make_notices()
    make_decisions()


def make_notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("reported_run_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.BigInteger()),
        sa.Column("learn_id", sa.BigInteger()),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("told_at", moment),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_notice_run_id_run")),
        sa.ForeignKeyConstraint(
            ["reported_run_id"], ["run.id"], name=op.f("fk_notice_reported_run_id_run")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "episode",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_episode")),
        sqlite_autoincrement=True,
    )


def make_decisions() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("approved_at", moment, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_approval_version_id_version")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_approval_project_id_learn_id"), "approval", ["project_id", "learn_id"]
    )
    op.create_table(
        "acknowledgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("acknowledged_at", moment, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date()),
        sa.Column("ended_at", moment),
        sa.Column("ended_why", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgement")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ignore_rule",
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("first_seen_at", moment, nullable=False),
        sa.Column("announced_at", moment),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ignore_rule")),
    )
