"""The log on standard error: each record is a line of text or a JSON object.

In both forms, control characters in foreign text are escaped and secrets are hidden.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.cli.console import journal_prefix, print_error, writes_to_journal
from auditor.redaction import veiled
from auditor.rendering.words import cap, harmless

if TYPE_CHECKING:  # pydantic is slow to import
    from auditor.config import LogFormat

_MAX_LENGTH = 2000  # characters of a line: a log must not hold whole documents
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_DEFECT = "a defect of the auditor, please report it"
_SILENCE = logging.NullHandler()
_CHATTY = ("httpx", "apscheduler", "alembic", "procrastinate")


class TextLines(logging.Formatter):
    """Formats a record as a line: time in UTC, level, message, then `key=value` for each extra."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; a traceback follows on lines of its own."""
        line = super().format(record)
        first, _, rest = line.partition("\n")
        extras = "".join(f" {key}={value}" for key, value in _extras(record).items())
        # Indented, so that foreign text cannot look like a record of its own.
        following = [f"  {_safe(text)}" for text in rest.split("\n")] if rest else []
        return "\n".join([_safe(f"{first}{extras}"), *following])


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger, message, trace and its extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII."""
        fixed: dict[str, object] = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _safe_lines(record.getMessage()),
        }
        if record.exc_info:
            fixed["trace"] = _safe_lines(self.formatException(record.exc_info))
        extras = {_safe(key): _value(value) for key, value in _extras(record).items()}
        return json.dumps({**fixed, **extras, **fixed})


class JournalLines(logging.Formatter):
    """Adds to each line of another formatter the priority that the journal reads."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, each line with its priority."""
        mark = journal_prefix(record.levelno)
        return "\n".join(mark + line for line in self.inner.format(record).split("\n"))


def set_up_logging(level: int = logging.INFO, form: LogFormat = "text") -> None:
    """Send the log to standard error, without the time if that is the journal: it adds its own."""
    is_journal = writes_to_journal()
    handler = logging.StreamHandler(sys.stderr)
    inner = JsonLines() if form == "json" else _text_lines(has_clock=not is_journal)
    handler.setFormatter(JournalLines(inner) if is_journal else inner)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def log_to_standard_error() -> Iterator[None]:
    """Let the log follow what standard error is at present, until the end of the block."""
    handlers = [each for each in logging.root.handlers if isinstance(each, logging.StreamHandler)]
    before = [(handler, handler.setStream(sys.stderr)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)


def silence_logging() -> None:
    """Log nothing: the command prints everything itself.

    Without any handler, Python would print warnings to standard error.
    """
    logging.getLogger("auditor").addHandler(_SILENCE)


def report_error(text: str) -> None:
    """Report why a command ends: as a record if the log is JSON, else as a line of text."""
    if any(_is_json(handler.formatter) for handler in logging.root.handlers):
        logging.getLogger("auditor").error("%s", text)
    else:
        print_error(text)


def report_defect(error: Exception) -> None:
    """Report an unexpected error with its traceback, also if the command logs nothing."""
    if logging.root.handlers:
        logging.getLogger("auditor").error(_DEFECT, exc_info=error)
    else:
        print_error("\n".join([_DEFECT, *traceback.format_exception(error)]))


def _is_json(form: logging.Formatter | None) -> bool:
    return isinstance(form.inner if isinstance(form, JournalLines) else form, JsonLines)


def _text_lines(*, has_clock: bool) -> TextLines:
    clock = "%(asctime)s " if has_clock else ""
    return TextLines(f"{clock}%(levelname)s %(name)s: %(message)s")


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _RECORD}


def _value(value: object) -> object:
    """Return an extra as JSON: numbers, booleans and null unchanged, all else as safe text."""
    return value if value is None or isinstance(value, bool | int) else _safe(str(value))


def _safe(line: str) -> str:
    return cap(harmless(veiled(line)), _MAX_LENGTH)


def _safe_lines(text: str) -> str:
    return "\n".join(_safe(line) for line in text.split("\n"))


def _utc(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
