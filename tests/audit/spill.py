"""Whatever an installation leaves behind, as text to search: files, rows, mails, terminal."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import create_engine, select

from auditor.cli import main
from auditor.errors import DamagedDatabaseError
from auditor.store.packing import unpack
from auditor.store.tables import metadata, version
from tests.cli.command import logging_as_before


def of_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file as it lies on the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"file {path.relative_to(folder)}", path.read_bytes().decode("latin-1")


def of_rows(url: str) -> Iterator[tuple[str, str]]:
    """Yield every value of every row of every table, documents unpacked."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(select(version.c.id, version.c.document))
        anchors = {row.id: row.document for row in rows}
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                anchor = anchors.get(row.get("anchor_id", 0) or 0)
                for column, value in row.items():
                    yield f"{table.name}.{column}", _text(value, anchor)
    engine.dispose()


def of_mail(mail: EmailMessage) -> Iterator[tuple[str, str]]:
    """Yield a mail's header fields and parts, decoded."""
    yield "mail header", "\n".join(f"{name}: {value}" for name, value in mail.items())
    for part in mail.walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            yield f"mail {part.get_content_type()}", payload.decode("utf-8", "replace")


def of_command(*arguments: str) -> tuple[str, str]:
    """Run a command here; return what it wrote to both outputs, under its own words."""
    out, err = io.StringIO(), io.StringIO()
    with logging_as_before(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return f"auditor {' '.join(arguments)} ({code})", out.getvalue() + err.getvalue()


def _text(value: object, anchor: bytes | None) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return unpack(value, anchor=unpack(anchor) if anchor else None).decode("utf-8", "replace")
    except DamagedDatabaseError:  # not packed: a key, a mail
        return value.decode("latin-1")
