"""Exports: a whole history as one file, and its import into an empty database.

An export is JSON lines under zstd, the same from SQLite and PostgreSQL.

    {"format": "auditor.export/1", "schema": "0002"}
    {"table": "run", "columns": ["id", …]}      then its rows, by primary key, a list each
    [1, "complete", …]
    …                                           all tables, each after those it refers to
    {"end": {"rows": 1234, "sha256": "…"}}      the digest of every line before

Times are microseconds since 1970, bytes are base64, and texts are as they are stored, escaped.
The last line shows that the export was not cut off.
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
    func,
    insert,
    select,
    text,
    type_coerce,
)
from sqlalchemy import column as column_clause
from sqlalchemy import table as table_clause
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.types import TypeEngine

from auditor.errors import StoreError
from auditor.store.schema import HEAD, REVISIONS
from auditor.store.tables import Digest, ForeignText, Moment, metadata

FORMAT = "auditor.export/1"
_BATCH = 500
_LEVEL = 9
_NOT_WHOLE = (
    "the export is not whole: it was cut off, or altered; nothing was imported. Export again, or "
    "take another copy"
)
_NO_EXPORT = (
    f"this is not an export of the auditor ({FORMAT}): name another file; a copy of a SQLite "
    "database is used by naming it in database.url"
)
_UNKNOWN_FRAME = "Unknown frame descriptor"  # of zstd, where a file has not its first bytes
_END = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SEQUENCE = text("SELECT pg_get_serial_sequence(:of_table, :of_column)")
_SET = text("SELECT setval(:sequence, :last)")


def write_export(connection: Connection, stream: BinaryIO) -> int:
    """Write all rows that the transaction sees; return how many."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    with compressor.stream_writer(stream, closefd=False) as sink:
        writer = _ExportWriter(sink)
        writer.write({"format": FORMAT, "schema": HEAD})
        for table in metadata.sorted_tables:
            columns = _columns(table)
            writer.write({"table": table.name, "columns": [column.name for column in columns]})
            for row in _rows(connection, table, columns):
                writer.write_row(row, columns)
        writer.write({"end": {"rows": writer.rows, "sha256": writer.digest.hexdigest()}})
    return writer.rows


def load_export(connection: Connection, stream: BinaryIO) -> int:
    """Store the rows of an export in the empty database; return how many.

    Raises:
        StoreError: the database is not empty, or the export is not whole or of another schema.
    """
    _require_empty(connection)
    loader = _ExportLoader(connection)
    try:
        lines = _read(stream)
        _require_schema(next(lines, None))
        for line in lines:
            loader.load(line)
    except (ValueError, OverflowError) as error:
        raise StoreError(f"{_NOT_WHOLE} ({error})") from error
    except (IntegrityError, DataError) as error:
        raise StoreError(f"{_NOT_WHOLE} (a row does not fit to the others)") from error
    loader.require_end()
    if connection.dialect.name == "postgresql":
        _set_sequences(connection)
    return loader.rows


@dataclass(frozen=True, slots=True)
class _ExportColumn:
    """A column: the type it is read and written with, and its values to JSON and back."""

    name: str
    type: TypeEngine[Any]
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


def _columns(table: Table) -> tuple[_ExportColumn, ...]:
    return tuple(map(_export_column, table.columns))


def _export_column(column: Column[Any]) -> _ExportColumn:
    """Return how a column is exported; texts and digests as they are stored."""
    kind = column.type
    if isinstance(kind, Moment):
        return _ExportColumn(column.name, kind, _microseconds, _moment)
    if isinstance(kind, Digest | LargeBinary):
        return _ExportColumn(column.name, LargeBinary(), _base64, _bytes)
    if isinstance(kind, Date):
        return _ExportColumn(column.name, kind, date.isoformat, date.fromisoformat)
    if isinstance(kind, Boolean):
        return _ExportColumn(column.name, kind, bool, _checked(bool))
    if isinstance(kind, Integer):  # and BigInteger
        return _ExportColumn(column.name, kind, int, _checked(int))
    if isinstance(kind, ForeignText | String):
        return _ExportColumn(column.name, Text(), str, _checked(str))
    raise AssertionError(f"no form for {column}")


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(value: object) -> datetime:
    return _EPOCH + timedelta(microseconds=_checked(int)(value))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: object) -> bytes:
    return base64.b64decode(_checked(str)(value), validate=True)


def _checked(kind: type[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if type(value) is not kind:  # not isinstance: a bool is an int
            raise ValueError(f"{value!r:.40} is no {kind.__name__}")
        return value

    return check


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...  # noqa: ANN401 - what streams return


class _ExportWriter:
    """Writes lines, counts the rows among them, and computes their digest."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.digest = hashlib.sha256()
        self.rows = 0

    def write(self, line: object) -> None:
        data = json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"
        self._sink.write(data)
        self.digest.update(data)

    def write_row(self, row: Sequence[Any], columns: Sequence[_ExportColumn]) -> None:
        values = zip(row, columns, strict=True)
        self.write([None if value is None else column.to_json(value) for value, column in values])
        self.rows += 1


def _rows(
    connection: Connection, table: Table, columns: Sequence[_ExportColumn]
) -> Iterator[Sequence[Any]]:
    stored = [type_coerce(table.c[column.name], column.type) for column in columns]
    query = select(*stored).order_by(*table.primary_key.columns)
    with connection.execute(query, execution_options={"yield_per": _BATCH}) as rows:
        yield from rows


def _require_empty(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise StoreError(
                f"the database is not empty: its table {table.name} has rows; name another, new "
                "one in database.url, and import into that"
            )


def _require_schema(header: object) -> None:
    if header is None:
        raise StoreError(_NOT_WHOLE)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise StoreError(_NO_EXPORT)
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
    """Yield the value of each line, and `_END` for the last, if the export is whole."""
    digest, rows = hashlib.sha256(), 0
    for line in _lines(stream):
        value = json.loads(line)
        if isinstance(value, dict) and "end" in value:
            if value["end"] != {"rows": rows, "sha256": digest.hexdigest()}:
                raise StoreError(_NOT_WHOLE)
            yield _END
            continue
        digest.update(line)
        rows += isinstance(value, list)
        yield value


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor().stream_reader(stream, closefd=False)
    begun: list[bytes] = []  # of a line: a report of a large fleet takes many blocks
    try:
        while block := reader.read(1 << 18):
            *ends, rest = block.split(b"\n")
            for end in ends:
                yield b"".join((*begun, end, b"\n"))
                begun = []
            begun.append(rest)
    except zstandard.ZstdError as error:
        if _UNKNOWN_FRAME in str(error):
            raise StoreError(_NO_EXPORT) from error
        raise StoreError(f"{_NOT_WHOLE} ({error})") from error
    if any(begun):
        raise StoreError(_NOT_WHOLE)


class _ExportLoader:
    """Stores line after line; all tables must come, in their order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting = list(metadata.sorted_tables)
        self._table: Table | None = None
        self._columns: tuple[_ExportColumn, ...] = ()
        self._batch: list[dict[str, Any]] = []
        self._is_over = False
        self.rows = 0

    def load(self, line: object) -> None:
        if self._is_over:
            raise StoreError(_NOT_WHOLE)
        if line is _END:
            self._store()
            self._is_over = not self._waiting
        elif isinstance(line, dict):
            self._store()
            self._begin_table(line)
        else:
            self._batch.append(self._row(line))
            if len(self._batch) >= _BATCH:
                self._store()

    def require_end(self) -> None:
        if not self._is_over:
            raise StoreError(_NOT_WHOLE)

    def _begin_table(self, line: dict[str, Any]) -> None:
        self._table = self._waiting.pop(0) if self._waiting else None
        if self._table is None:
            raise StoreError(_NOT_WHOLE)
        self._columns = _columns(self._table)
        names = [column.name for column in self._columns]
        if line != {"table": self._table.name, "columns": names}:
            raise StoreError(_NOT_WHOLE)

    def _row(self, line: object) -> dict[str, Any]:
        if not isinstance(line, list) or len(line) != len(self._columns):
            raise ValueError(f"a row has not {len(self._columns)} values")
        return {
            column.name: None if value is None else column.from_json(value)
            for value, column in zip(line, self._columns, strict=True)
        }

    def _store(self) -> None:
        if self._batch and self._table is not None:
            self._connection.execute(insert(_plain_table(self._table, self._columns)), self._batch)
            self.rows += len(self._batch)
        self._batch = []


def _plain_table(table: Table, columns: Sequence[_ExportColumn]) -> TableClause:
    """Return the table with the types of an export's values."""
    plain: list[ColumnClause[Any]] = [column_clause(each.name, each.type) for each in columns]
    return table_clause(table.name, *plain)


def _set_sequences(connection: Connection) -> None:
    """Let the next ids follow those that were imported."""
    for table in metadata.sorted_tables:
        numbered = table.autoincrement_column
        if numbered is None:
            continue
        names = {"of_table": table.name, "of_column": numbered.name}
        sequence = connection.execute(_SEQUENCE, names).scalar_one()
        last = connection.execute(select(func.max(numbered))).scalar_one()
        if sequence is not None and last is not None:
            connection.execute(_SET, {"sequence": sequence, "last": last})
