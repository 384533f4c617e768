"""Say how the document of each version and target is read: there are blocks of other kinds.

And where in which impulses a target is.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from auditor.store.tables import ForeignText

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The table as it is here: a migration never follows a later change of it.
target = sa.table(
    "target",
    sa.column("kind", sa.String()),
    sa.column("type", ForeignText()),
    sa.column("version_id", sa.Integer()),
)


def upgrade() -> None:
    # All that was read so far are answers of getKeras.
    for table in ("version", "target"):
        op.add_column(
            table, sa.Column("kind", sa.String(16), nullable=False, server_default="keras")
        )
    op.add_column("target", sa.Column("impulse", ForeignText()))
    # What no auditor could read until now has no version.
    for kind, types in (("anomaly", ("anomaly", "anomaly-gmm")), ("vlm", ("vlm",))):
        never_read = target.c.version_id.is_(None) & target.c.type.in_(types)
        op.execute(target.update().where(never_read).values(kind=kind))
