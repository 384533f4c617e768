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
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO, Protocol

import zstandard
from sqlalchemy import (
    Boolean,
    Column,
    ColumnClause,
    Connection,
    Date,
    Integer,
    LargeBinary,
    String,
    Table,
    TableClause,
    Text,
    column,
    func,
    insert,
    select,
    text,
    type_coerce,
)
from sqlalchemy import table as named
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.types import TypeEngine

from auditor.errors import StoreError
from auditor.store.schema import HEAD, REVISIONS
from auditor.store.tables import Digest, ForeignText, Moment, metadata

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


_BATCH = 500
_LEVEL = 9
_CUT = (
    "the export is not whole: it was cut off, or altered; nothing was imported. Export again, or "
    "take another copy"
)


_SEQUENCE = text("SELECT pg_get_serial_sequence(:of_table, :of_column)")
_SET = text("SELECT setval(:sequence, :last)")


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...  # noqa: ANN401 - what streams return


def write_export(connection: Connection, stream: BinaryIO) -> int:
    """Write everything that the transaction sees; return how many rows."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    with compressor.stream_writer(stream, closefd=False) as sink:
        lines = _Lines(sink)
        lines.put({"format": FORMAT, "schema": HEAD})
        for table in tables():
            form = fields(table)
            lines.put({"table": table.name, "columns": [field.name for field in form]})
            for row in _rows(connection, table, form):
                lines.put(encoded(row, form))
                lines.rows += 1
        lines.put({"end": {"rows": lines.rows, "sha256": lines.digest.hexdigest()}})
    return lines.rows


class _Lines:
    """Writes lines, and remembers how many rows and what digest they have."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.digest = hashlib.sha256()
        self.rows = 0

    def put(self, line: object) -> None:
        data = json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"
        self._sink.write(data)
        self.digest.update(data)


def _rows(connection: Connection, table: Table, form: tuple[Field, ...]) -> Iterator[Any]:
    columns = [type_coerce(table.c[field.name], field.type) for field in form]
    query = select(*columns).order_by(*table.primary_key.columns)
    with connection.execute(query, execution_options={"yield_per": _BATCH}) as rows:
        yield from rows


def load_export(connection: Connection, stream: BinaryIO) -> int:
    """Take an export into the empty database; return how many rows.

    Raises:
        StoreError: the database is not empty, or the export is not whole or of another schema.
    """
    _require_empty(connection)
    loading = _Loading(connection)
    try:
        lines = _read(stream)
        _require_schema(next(lines, None))
        for line in lines:
            loading.take(line)
    except (ValueError, OverflowError) as error:
        raise StoreError(f"{_CUT} ({error})") from error
    except (IntegrityError, DataError) as error:
        raise StoreError(f"{_CUT} (a row does not fit to the others)") from error
    loading.require_end()
    if connection.dialect.name == "postgresql":
        _set_sequences(connection)
    return loading.rows


_END = object()


def _require_empty(connection: Connection) -> None:
    for table in tables():
        if connection.execute(select(table).limit(1)).first() is not None:
            raise StoreError(
                f"the database is not empty: its table {table.name} has rows; name another, new "
                "one in database.url, and import into that"
            )


def _require_schema(header: object) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise StoreError(f"this is no export of the auditor's ({FORMAT}): name another file")
    found = header.get("schema")
    if found == HEAD:
        return
    if found in REVISIONS:
        raise StoreError(
            f"the export has schema {found}, this program needs {HEAD}: import it with the "
            "auditor that made it into a new database, run this program's `auditor db upgrade` "
            "on that, and export again"
        )
    raise StoreError(
        f"the export has schema {str(found)[:40]!r}, which this program does not know (it knows "
        f"{HEAD}): import it with the auditor that made it, or a newer one"
    )


def _read(stream: BinaryIO) -> Iterator[Any]:
    """Yield what each line holds, and `_END` for the last where all of them were there."""
    digest, rows = hashlib.sha256(), 0
    for line in _lines(stream):
        value = json.loads(line)
        if isinstance(value, dict) and "end" in value:
            if value["end"] != {"rows": rows, "sha256": digest.hexdigest()}:
                raise StoreError(_CUT)
            yield _END
            continue
        digest.update(line)
        rows += isinstance(value, list)
        yield value


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor().stream_reader(stream, closefd=False)
    rest = b""
    try:
        while block := reader.read(1 << 18):
            *whole, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
    except zstandard.ZstdError as error:
        raise StoreError(f"{_CUT} ({error})") from error
    if rest:
        raise StoreError(_CUT)


class _Loading:
    """Takes line after line; the tables must come in their order, and all of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting = list(tables())
        self._table: Table | None = None
        self._form: tuple[Field, ...] = ()
        self._batch: list[dict[str, Any]] = []
        self._is_over = False
        self.rows = 0

    def take(self, line: object) -> None:
        if self._is_over:
            raise StoreError(_CUT)
        if line is _END:
            self._store()
            self._is_over = not self._waiting
        elif isinstance(line, dict):
            self._store()
            self._turn_to(line)
        else:
            self._batch.append(decoded(line, self._form))
            if len(self._batch) >= _BATCH:
                self._store()

    def require_end(self) -> None:
        if not self._is_over:
            raise StoreError(_CUT)

    def _turn_to(self, line: dict[str, Any]) -> None:
        self._table = self._waiting.pop(0) if self._waiting else None
        if self._table is None:
            raise StoreError(_CUT)
        self._form = fields(self._table)
        columns = [field.name for field in self._form]
        if line != {"table": self._table.name, "columns": columns}:
            raise StoreError(_CUT)

    def _store(self) -> None:
        if self._batch and self._table is not None:
            self._connection.execute(insert(_plain(self._table, self._form)), self._batch)
            self.rows += len(self._batch)
        self._batch = []


def _plain(table: Table, form: tuple[Field, ...]) -> TableClause:
    """Return the table with the types that an export's values have."""
    columns: list[ColumnClause[Any]] = [column(field.name, field.type) for field in form]
    return named(table.name, *columns)


def _set_sequences(connection: Connection) -> None:
    """Let the next ids follow those that were imported."""
    for table in tables():
        numbered = table.autoincrement_column
        if numbered is None:
            continue
        names = {"of_table": table.name, "of_column": numbered.name}
        sequence = connection.execute(_SEQUENCE, names).scalar_one()
        last = connection.execute(select(func.max(numbered))).scalar_one()
        if sequence is not None and last is not None:
            connection.execute(_SET, {"sequence": sequence, "last": last})
