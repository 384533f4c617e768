"""Standard output and error: the answer on one, progress, log and complaints on the other."""

from __future__ import annotations

import errno
import logging
import os
import sys
from io import TextIOWrapper

from auditor.redaction import veiled
from auditor.rendering.words import harmless

_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogFormat(logging.Formatter):
    """One line a record: time in UTC, level, stable words, then `key=value` of its extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, secrets hidden; a traceback stands on lines behind it."""
        line = veiled(super().format(record))
        first, _, rest = line.partition("\n")
        rest = "\n".join(harmless(one) for one in rest.split("\n"))
        extras = "".join(
            f" {key}={value}" for key, value in vars(record).items() if key not in _RECORD
        )
        text = harmless(f"{first}{veiled(extras)}")
        return f"{text}\n{rest}" if rest else text


def set_up_logging(level: int = logging.INFO) -> None:
    """Send the log to standard error; under systemd the journal adds the time."""
    handler = logging.StreamHandler(sys.stderr)
    clock = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    handler.setFormatter(LogFormat(f"{clock}%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "apscheduler", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def settle_output() -> None:
    """Let no character that the terminal cannot show end a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a part of the answer.

    Raises:
        OSError: it cannot be written.
    """
    if sys.stdout is None:  # closed by the caller (`>&-`)
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def complain(text: str) -> None:
    """Write an error in words to standard error."""
    lines = [harmless(line) for line in veiled(text).splitlines()]
    sys.stderr.write("auditor: " + "\n".join(lines) + "\n")


def hang_up() -> None:
    """Stop writing where the reader has gone, without Python's own complaint at exit."""
    if sys.stdout is None:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
