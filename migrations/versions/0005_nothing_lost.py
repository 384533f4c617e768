"""Notices that are written with the batch that found them, and by whom they were read.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # How many blocks a notice is about: a project's first run is one notice with their number.
    op.add_column("notice", sa.Column("number", sa.Integer(), nullable=False, server_default="1"))
    # As for findings, so that a message with a part of a report says which notices it holds.
    op.add_column("notice", sa.Column("fingerprint", sa.String(64)))
