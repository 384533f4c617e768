"""Remember trainings, and how it went to ask for what stands beside the configuration.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from auditor.store.tables import ForeignText, Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("learn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created", ForeignText()),
        sa.Column("trained_at", Moment()),
        sa.Column("model_type", ForeignText()),
        sa.Column("metrics", sa.LargeBinary()),
        sa.Column("job", sa.BigInteger()),
        sa.Column("person", ForeignText()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_job", sa.BigInteger()),
        sa.Column("next_person", ForeignText()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_training_run_id_run")),
        sa.PrimaryKeyConstraint("project_id", "learn_id", name=op.f("pk_training")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "endpoint",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("has_failed", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.BigInteger()),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_endpoint")),
        sqlite_with_rowid=False,
    )
