"""Create the first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The types as they were then: a migration never follows a later change of the tables.
moment = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
unreported = sa.text("told_at IS NULL")


def upgrade() -> None:
    make_runs()
    make_versions()
    make_targets()
    make_findings()
    make_messages()
    make_settings()


def make_runs() -> None:
    op.create_table(
        "roster",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_roster")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("schedule", sa.Text()),
        sa.Column("slot", sa.Text()),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.Column("report", sa.LargeBinary()),
        sa.Column("roster_digest", sa.LargeBinary()),
        sa.Column("head_hash", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.ForeignKeyConstraint(
            ["roster_digest"], ["roster.digest"], name=op.f("fk_run_roster_digest_roster")
        ),
        sa.UniqueConstraint("schedule", "slot", name=op.f("uq_run_schedule_slot")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule")),
    )


def make_versions() -> None:
    op.create_table(
        "catalogue",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_catalogue")),
    )
    op.create_table(
        "version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("learn_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("anchor_id", sa.Integer()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("catalogue_digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("model_state", sa.String(16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_version_run_id_run")),
        sa.ForeignKeyConstraint(
            ["anchor_id"], ["version.id"], name=op.f("fk_version_anchor_id_version")
        ),
        sa.ForeignKeyConstraint(
            ["catalogue_digest"],
            ["catalogue.digest"],
            name=op.f("fk_version_catalogue_digest_catalogue"),
        ),
    )
    op.create_index(op.f("ix_version_project_id_learn_id"), "version", ["project_id", "learn_id"])
    op.create_index(op.f("ix_version_run_id"), "version", ["run_id"])


def make_targets() -> None:
    op.create_table(
        "target",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("learn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("model_state", sa.String(16), nullable=False),
        sa.Column("body_digest", sa.LargeBinary()),
        sa.Column("version_id", sa.Integer()),
        sa.Column("trained_version_id", sa.Integer()),
        sa.Column("baseline_version_id", sa.Integer()),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("last_run_id", sa.Integer(), nullable=False),
        sa.Column("last_changed_at", moment),
        sa.Column("last_checked_at", moment),
        sa.Column("last_attempted_at", moment),
        sa.Column("error_kind", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "learn_id", name=op.f("pk_target")),
        sa.ForeignKeyConstraint(
            ["last_run_id"], ["run.id"], name=op.f("fk_target_last_run_id_run")
        ),
        *(
            sa.ForeignKeyConstraint(
                [column], ["version.id"], name=op.f(f"fk_target_{column}_version")
            )
            for column in ("version_id", "trained_version_id", "baseline_version_id")
        ),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )


def make_findings() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("reported_run_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.BigInteger()),
        sa.Column("learn_id", sa.BigInteger()),
        sa.Column("area", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("since", sa.String(16), nullable=False),
        sa.Column("targets", sa.Integer()),
        sa.Column("told_at", moment),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_finding_run_id_run")),
        sa.ForeignKeyConstraint(
            ["reported_run_id"], ["run.id"], name=op.f("fk_finding_reported_run_id_run")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_finding_fingerprint"), "finding", ["fingerprint"])
    op.create_index(
        "ix_finding_untold",
        "finding",
        ["reported_run_id"],
        sqlite_where=unreported,
        postgresql_where=unreported,
    )


def make_messages() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("delivered_at", moment),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_message_run_id_run")),
        sa.UniqueConstraint("message_id", name=op.f("uq_message_message_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_message_run_id"), "message", ["run_id"])


def make_settings() -> None:
    op.create_table(
        "secret_parameter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_parameter")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
