"""Every table and its column types, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSAFE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|u[0-9a-f]{4})")


class Moment(TypeDecorator[datetime]):
    """An aware UTC time to the microsecond: `timestamptz`, on SQLite microseconds since 1970.

    SQLite has no type for times, and text would take three times the space.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database's column."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 # a datetime or an int, as the database stores it
        """Return the time as the database stores it; raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time is aware, not {value!r}")
        return value if dialect.name == "postgresql" else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 # see above
        """Return the time in UTC, whatever time zone the connection has."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            in_utc: datetime = value.astimezone(UTC)
            return in_utc
        return _EPOCH + timedelta(microseconds=value)


class ForeignText(TypeDecorator[str]):
    r"""Text from outside, which may contain any character.

    PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: they are written `\u0000`, and a
    backslash as `\\`.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 # the same on both
        """Return the text with what cannot be stored escaped."""
        return None if value is None else _UNSAFE.sub(_escape, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 # the same on both
        """Return the text as it was."""
        if value is None or "\\" not in value:
            return value
        return _ESCAPED.sub(_unescape, value)


class Digest(TypeDecorator[str]):
    """A digest of hex digits, stored as bytes, which take half the space."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 # the same on both
        """Return the digest's bytes."""
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002 # the same on both
        """Return the digest's hex digits."""
        return None if value is None else value.hex()


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return "\\\\" if character == "\\" else f"\\u{ord(character):04x}"


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    return "\\" if code == "\\" else chr(int(code[1:], 16))


if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


def insert_into(connection: Connection, table: Table) -> Insert:
    """Return an INSERT of the connection's dialect, which has ON CONFLICT.

    The other dialect is not imported, which saves 25 ms.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table)


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
    Column("schedule", ForeignText),  # NULL for a manual run, so that these never conflict
    Column("slot", ForeignText),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("report", LargeBinary),
    Column("roster_digest", Digest, ForeignKey("roster.digest")),
    Column("head_hash", Digest),
    Column("ledger_head", Digest),  # when it started; NULL from schemas without a ledger
    Column("report_hash", Digest),  # stays where the report is pruned
    UniqueConstraint("schedule", "slot"),
    sqlite_autoincrement=True,
)

# Since when a schedule has had its line: runs that the line names before then were not missed.
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
    # Set by the writer, because the hash covers it.
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
    Column("kind", String(16), nullable=False, server_default="keras"),  # how it is read
    Column("layers", LargeBinary),  # the keys of its layers; NULL where they are their places
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
    Column("validator", ForeignText),  # of the body with that digest, no other
    Column(
        "form", Digest
    ),  # the canonical form of its last answer; NULL from auditors that stored none
    Column("version_id", Integer, ForeignKey("version.id")),
    Column("trained_version_id", Integer, ForeignKey("version.id")),
    Column("baseline_version_id", Integer, ForeignKey("version.id")),
    Column("model", ForeignText, nullable=False),
    Column("model_after", Moment),  # the two checks between which the model last changed
    Column("model_until", Moment),
    Column("last_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("last_changed_at", Moment),
    Column("last_checked_at", Moment),
    Column("last_attempted_at", Moment),
    Column("error_kind", ForeignText),
    Column("error_message", ForeignText),
    Column("retired", Boolean, nullable=False),
    Column("forgotten_at", Moment),  # NULL unless a person forgot it and it did not come back
    Column("kind", String(16), nullable=False, server_default="keras"),  # how it is read
    Column("impulse", ForeignText),  # where it is, as JSON; NULL where no listing said so
    sqlite_with_rowid=False,
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
    Column("targets", Integer),  # of the vendor's findings only
    Column("told_at", Moment),
    Column("silenced_by", ForeignText),  # the rule that suppresses it; NULL for a reported finding
    Column("detail", LargeBinary, nullable=False),
    Column("lasting_path", ForeignText),  # by a layer's key; NULL where it equals the path
    Index(None, "fingerprint"),
    Index(None, "project_id", "learn_id"),
    sqlite_autoincrement=True,
)

notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("reported_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("project_id", BigInteger),  # NULL for one that is about no project
    Column("learn_id", BigInteger),  # NULL for one that is about no single block
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("text", ForeignText, nullable=False),
    Column("told_at", Moment),
    Column("number", Integer, nullable=False, server_default=text("1")),  # of blocks
    Column("fingerprint", String(64)),  # NULL from auditors that stored none
    sqlite_autoincrement=True,
)

# A breach of a rule on state: the time in which it is broken at a path of a target.
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

# A bad state of a target that lasts, from the end of the run that first saw it.
condition = Table(
    "condition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("key", ForeignText, nullable=False),  # of a rule and its path, else empty
    Column("severity", String(16), nullable=False),
    Column("headline", ForeignText, nullable=False),
    Column("since", Moment, nullable=False),
    Column("began_run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("ended_run_id", Integer, ForeignKey("run.id")),  # NULL where a decision ended it
    Column("ended_at", Moment),
    Column("ended_why", ForeignText, nullable=False),
    sqlite_autoincrement=True,
)

# The last training of each block that is known, and one that could not be read yet.
training = Table(
    "training",
    metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("learn_id", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),  # whose report names people
    Column("created", ForeignText),  # as Studio writes it; NULL where none was read yet
    Column("trained_at", Moment),
    Column("model_type", ForeignText),
    Column("metrics", LargeBinary),
    Column("job", BigInteger),
    Column("person", ForeignText),  # NULL once the report is pruned
    Column("tries", Integer, nullable=False),  # in how many runs it is still asked for
    Column("next_job", BigInteger),
    Column("next_person", ForeignText),
    sqlite_with_rowid=False,
)

# What is asked for beside the configuration, of each project: how that went last.
endpoint = Table(
    "endpoint",
    metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(16), primary_key=True),
    Column("has_failed", Boolean, nullable=False),
    Column("mark", BigInteger),  # the newest job that was seen
    sqlite_with_rowid=False,
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
    Column("folded", LargeBinary),  # what was folded under it; NULL before 0006
    Column("lasting_path", ForeignText),  # by a layer's key; NULL where it equals the path
    sqlite_autoincrement=True,
)

# Decisions that take something back: a baseline, an acknowledgement, or a whole block.
retraction = Table(
    "retraction",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("learn_id", BigInteger, nullable=False),
    Column("approval_id", Integer, ForeignKey("approval.id")),  # of the baseline that ended
    Column("acknowledgement_id", Integer, ForeignKey("acknowledgement.id")),
    Column("retracted_at", Moment, nullable=False),
    Column("author", ForeignText, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Index(None, "project_id", "learn_id"),
    Index(None, "approval_id"),
    sqlite_autoincrement=True,
)

# What was decided, and how each run ended: a hash of each such row, chained in the order in which
# they were written.
ledger = Table(
    "ledger",
    metadata,
    # Set by the writer, because the hash covers it.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("row_id", Integer, nullable=False),
    Column("content_hash", Digest, nullable=False),
    Column("hash", Digest, nullable=False),
    Column("previous_hash", Digest, nullable=False),
    Index(None, "kind", "row_id"),
    Index(None, "hash"),
)

# The ignore rules that were ever in force: only for these is an end announced.
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
    Column("summary", LargeBinary),  # a shorter form; NULL once delivered, and before 0005
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("last_error", ForeignText, nullable=False),
    Column("delivered_at", Moment),
    Column("is_whole", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("message_id"),
    Index(None, "run_id"),
    Index(None, "state", "id"),  # else each count would read past the contents
    sqlite_autoincrement=True,
)

# The findings in a message that has only a part of its report.
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


_open_indexes: list[Index] = []


def _index_open(name: str, *columns: Column[Any], until: Column[datetime]) -> None:
    """Index the rows that are still open: a few, however long the history is."""
    _open_indexes.append(Index(name, *columns, sqlite_where=until.is_(None)))


_index_open("ix_finding_untold", finding.c.reported_run_id, until=finding.c.told_at)
_index_open("ix_notice_untold", notice.c.reported_run_id, until=notice.c.told_at)
_index_open("ix_episode_open", episode.c.project_id, episode.c.learn_id, until=episode.c.ended_at)
_index_open(
    "ix_acknowledgement_open",
    acknowledgement.c.project_id,
    acknowledgement.c.learn_id,
    until=acknowledgement.c.ended_at,
)
_index_open(
    "ix_acknowledgement_open_fingerprint",
    acknowledgement.c.fingerprint,
    until=acknowledgement.c.ended_at,
)
_index_open(
    "ix_condition_open",
    condition.c.project_id,
    condition.c.learn_id,
    until=condition.c.ended_at,
)


def add_postgresql_options() -> None:
    """Give tables and indexes what only PostgreSQL knows; who makes or compares them needs it.

    SQLAlchemy imports the whole dialect for the first such option, which takes 40 ms.
    """
    # Each run updates the rows: leave space for that in place.
    target.dialect_options["postgresql"]["with"] = {"fillfactor": 70}
    for index in _open_indexes:
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
