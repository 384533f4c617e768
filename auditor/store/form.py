"""The form of an export: JSON lines under zstd, the same from SQLite and PostgreSQL.

    {"format": "auditor.export/1", "schema": "0002"}
    {"table": "run", "columns": ["id", …]}      then its rows, by primary key, a list each
    [1, "complete", …]
    …                                           table after table, each after what it refers to
    {"end": {"rows": 1234, "sha256": "…"}}      the digest of every line before

Times are microseconds since 1970, bytes are base64, and texts stand as they are stored, escaped.
The last line tells a whole export from one that was cut off.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer, LargeBinary, String, Table, Text
from sqlalchemy.types import TypeEngine

from auditor.store.columns import Digest, ForeignText, Moment
from auditor.store.tables import metadata

FORMAT = "auditor.export/1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Field:
    """A column: the type it is read and written with, and the two ways between it and JSON."""

    name: str
    type: TypeEngine[Any]
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


def tables() -> tuple[Table, ...]:
    """Return every table, each after those it refers to."""
    return tuple(metadata.sorted_tables)


def fields(table: Table) -> tuple[Field, ...]:
    """Return how the columns of a table stand in an export."""
    return tuple(_field(column) for column in table.columns)


def encoded(row: Sequence[Any], form: Sequence[Field]) -> list[Any]:
    """Return a row as JSON."""
    return [
        None if value is None else field.to_json(value)
        for value, field in zip(row, form, strict=True)
    ]


def decoded(line: object, form: Sequence[Field]) -> dict[str, Any]:
    """Return a row by column.

    Raises:
        ValueError: the line is no row of this form.
    """
    if not isinstance(line, list) or len(line) != len(form):
        raise ValueError(f"a row has not {len(form)} values")
    return {
        field.name: None if value is None else field.from_json(value)
        for value, field in zip(line, form, strict=True)
    }


def _field(column: Column[Any]) -> Field:
    """Return a column's field; texts and digests are read as they are stored."""
    kind = column.type
    if isinstance(kind, Moment):
        return Field(column.name, kind, _microseconds, _moment)
    if isinstance(kind, Digest | LargeBinary):
        return Field(column.name, LargeBinary(), _base64, _bytes)
    if isinstance(kind, Date):
        return Field(column.name, kind, date.isoformat, date.fromisoformat)
    if isinstance(kind, Boolean):
        return Field(column.name, kind, bool, _of(bool))
    if isinstance(kind, Integer):  # and BigInteger
        return Field(column.name, kind, int, _of(int))
    if isinstance(kind, ForeignText | String):
        return Field(column.name, Text(), str, _of(str))
    raise AssertionError(f"no form for {column}")


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(value: object) -> datetime:
    return _EPOCH + timedelta(microseconds=_of(int)(value))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: object) -> bytes:
    return base64.b64decode(_of(str)(value), validate=True)


def _of(kind: type[Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if type(value) is not kind:  # a bool is an int
            raise ValueError(f"{value!r:.40} is no {kind.__name__}")
        return value

    return checked
