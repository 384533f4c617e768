"""Every table, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    true,
)

from auditor.store.columns import Digest, ForeignText, Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# The list of a run's targets, shared by all runs that had the same.
roster = Table(
    "roster",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("schedule", ForeignText),  # NULL for a manual run: those never clash
    Column("slot", ForeignText),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("report", LargeBinary),
    Column("roster_digest", Digest, ForeignKey("roster.digest")),
    Column("head_hash", Digest),
    UniqueConstraint("schedule", "slot"),
    sqlite_autoincrement=True,
)

# Since when a schedule has had its line: what it would have named before was not missed.
schedule = Table(
    "schedule",
    metadata,
    Column("name", ForeignText, primary_key=True),
    Column("line", ForeignText, nullable=False),
    Column("since", Moment, nullable=False),
)

catalogue = Table(
    "catalogue",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("content_hash", Digest, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

version = Table(
    "version",
    metadata,
    # given by the writer, for it is part of what the hash covers
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("anchor_id", Integer, ForeignKey("version.id")),
    Column("digest", Digest, nullable=False),
    Column("catalogue_digest", Digest, ForeignKey("catalogue.digest"), nullable=False),
    Column("name", ForeignText, nullable=False),
    Column("type", ForeignText, nullable=False),
    Column("model_state", String(16), nullable=False),
    Column("headline", ForeignText, nullable=False),
    Column("hash", Digest, nullable=False),
    Column("previous_hash", Digest, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "project_id", "learn_id"),
    Index(None, "run_id"),
)

target = Table(
    "target",
    metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("learn_id", BigInteger, primary_key=True, autoincrement=False),
    Column("project", ForeignText, nullable=False),
    Column("name", ForeignText, nullable=False),
    Column("type", ForeignText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("model_state", String(16), nullable=False),
    Column("body_digest", Digest),
    Column("validator", ForeignText),  # of just the body with that digest
    Column("version_id", Integer, ForeignKey("version.id")),
    Column("trained_version_id", Integer, ForeignKey("version.id")),
    Column("baseline_version_id", Integer, ForeignKey("version.id")),
    Column("model", ForeignText, nullable=False),
    Column("model_after", Moment),  # the two polls that bound the model's last step
    Column("model_until", Moment),
    Column("last_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("last_changed_at", Moment),
    Column("last_checked_at", Moment),
    Column("last_attempted_at", Moment),
    Column("error_kind", ForeignText),
    Column("error_message", ForeignText),
    Column("retired", Boolean, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 70},  # its marks move every night: leave them room in place
)

finding = Table(
    "finding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("reported_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("project_id", BigInteger),  # NULL for a finding of the vendor's
    Column("learn_id", BigInteger),
    Column("area", String(16), nullable=False),
    Column("owner", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", ForeignText, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("headline", ForeignText, nullable=False),
    Column("rule", ForeignText, nullable=False),
    Column("since", String(16), nullable=False),
    Column("targets", Integer),  # of the vendor's only
    Column("told_at", Moment),
    Column("silenced_by", ForeignText),  # NULL for what is told
    Column("detail", LargeBinary, nullable=False),
    Index(None, "fingerprint"),
    Index(None, "project_id", "learn_id"),
    sqlite_autoincrement=True,
)
Index(
    "ix_finding_untold",
    finding.c.reported_run_id,
    sqlite_where=finding.c.told_at.is_(None),
    postgresql_where=finding.c.told_at.is_(None),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("reported_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("project_id", BigInteger),  # NULL for one that is of no block
    Column("learn_id", BigInteger),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("text", ForeignText, nullable=False),
    Column("told_at", Moment),
    sqlite_autoincrement=True,
)

# A rule on state that is broken at a path of a target, from one run to another.
episode = Table(
    "episode",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("rule", ForeignText, nullable=False),
    Column("path", ForeignText, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("ended_at", Moment),
    sqlite_autoincrement=True,
)

approval = Table(
    "approval",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("version_id", Integer, ForeignKey("version.id"), nullable=False),
    Column("approved_at", Moment, nullable=False),
    Column("author", ForeignText, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Index(None, "project_id", "learn_id"),
    sqlite_autoincrement=True,
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("path", ForeignText, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("acknowledged_at", Moment, nullable=False),
    Column("author", ForeignText, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("until", Date),
    Column("ended_at", Moment),
    Column("ended_why", String(16), nullable=False),
    sqlite_autoincrement=True,
)

# The ignore rules ever in force: only of those the end can be announced.
ignore_rule = Table(
    "ignore_rule",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("first_seen_at", Moment, nullable=False),
    Column("announced_at", Moment),
)

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("recipient", ForeignText, nullable=False),
    Column("message_id", ForeignText, nullable=False),
    Column("subject", ForeignText, nullable=False),
    Column("content", LargeBinary),  # NULL once delivered
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("last_error", ForeignText, nullable=False),
    Column("delivered_at", Moment),
    Column("is_whole", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("message_id"),
    Index(None, "run_id"),
    sqlite_autoincrement=True,
)

# What a message holds that carries a part of its report only.
holding = Table(
    "holding",
    metadata,
    Column("message_id", Integer, ForeignKey("message.id"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    sqlite_with_rowid=False,
)

# No unique index on `name`: PostgreSQL refuses to index a text of more than 2.7 KB.
secret_parameter = Table(
    "secret_parameter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", ForeignText, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
