"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSAFE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|u[0-9a-f]{4})")


class Moment(TypeDecorator[datetime]):
    """An aware UTC time to the microsecond: `timestamptz`, on SQLite microseconds since 1970.

    SQLite has no type for times, and text would take three times the room.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database holds it in."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 # a datetime or an int, as the database wants it
        """Return the time as the database holds it; a naive one is refused."""
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
    r"""Text from outside, whatever it holds.

    NUL and lone surrogates go into no PostgreSQL text (surrogates into no UTF-8 at all): they
    are written `\u0000`, and a backslash `\\`.
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
    """A digest of hex digits, held as bytes: half the room."""

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
