"""Add the canonical form in which a target's last answer was read.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL: read in a form that had no name, so each target is read again once.
    op.add_column("target", sa.Column("form", sa.LargeBinary()))
