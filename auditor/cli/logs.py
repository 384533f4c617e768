"""The log on standard error: a line of text or a JSON object a record.

What strangers wrote is made harmless in both; no line is longer than a person would read.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.cli.console import complain, journal_mark, writes_to_journal
from auditor.redaction import veiled
from auditor.rendering.words import capped, harmless

if TYPE_CHECKING:  # the configuration's library takes its time
    from auditor.config import LogFormat

_LONGEST = 2000  # characters of a line: whole documents have no business in a log
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SILENCE = logging.NullHandler()
_NOISY = ("httpx", "apscheduler", "alembic")


class TextLines(logging.Formatter):
    """One line a record: time in UTC, level, stable words, then `key=value` of its extras."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; a traceback stands behind it on lines of its own."""
        line = super().format(record)
        first, _, rest = line.partition("\n")
        extras = "".join(f" {key}={value}" for key, value in _extras(record).items())
        # Set back, so that no text of a stranger's can look like a record of its own.
        behind = [f"  {_safe(one)}" for one in rest.split("\n")] if rest else []
        return "\n".join([_safe(f"{first}{extras}"), *behind])


class JsonLines(logging.Formatter):
    """One JSON object a record: `time`, `level`, `logger`, `message`, `trace` and its extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; it is ASCII, whatever the terminal can show."""
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


class Marked(logging.Formatter):
    """Puts before each line of another form the priority that the journal reads."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, each line with its priority."""
        mark = journal_mark(record.levelno)
        return "\n".join(mark + line for line in self.inner.format(record).split("\n"))


def set_up_logging(level: int = logging.INFO, form: LogFormat = "text") -> None:
    """Send the log to standard error; the journal adds the time itself."""
    is_journal = writes_to_journal()
    handler = logging.StreamHandler(sys.stderr)
    inner = JsonLines() if form == "json" else _text_lines(has_clock=not is_journal)
    handler.setFormatter(Marked(inner) if is_journal else inner)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def keep_quiet() -> None:
    """Log nothing, where a command's own lines say it all; else Python tells warnings bare."""
    logging.getLogger("auditor").addHandler(_SILENCE)


def tell_error(text: str) -> None:
    """Tell why a command ends: to people, or as a record where the log is for programs."""
    if any(_is_json(one.formatter) for one in logging.root.handlers):
        logging.getLogger("auditor").error("%s", text)
    else:
        complain(text)


def _is_json(form: logging.Formatter | None) -> bool:
    return isinstance(form.inner if isinstance(form, Marked) else form, JsonLines)


def _text_lines(*, has_clock: bool) -> TextLines:
    clock = "%(asctime)s " if has_clock else ""
    return TextLines(f"{clock}%(levelname)s %(name)s: %(message)s")


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _RECORD}


def _value(value: object) -> object:
    """Return an extra as JSON: numbers and nothing as they are, all else as harmless text."""
    return value if value is None or isinstance(value, bool | int) else _safe(str(value))


def _safe(line: str) -> str:
    return capped(harmless(veiled(line)), _LONGEST)


def _safe_lines(text: str) -> str:
    return "\n".join(_safe(line) for line in text.split("\n"))


def _utc(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
