"""Know a layer again over versions, whatever its place.

What is stored keeps its layers' places as their keys.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from auditor.store.tables import ForeignText

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version", sa.Column("layers", sa.LargeBinary()))
    op.add_column("finding", sa.Column("lasting_path", ForeignText()))
    op.add_column("acknowledgement", sa.Column("lasting_path", ForeignText()))
