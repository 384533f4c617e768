"""Standard output and error: the answer on one, progress, log and complaints on the other."""

from __future__ import annotations

import errno
import logging
import os
import sys
from io import TextIOWrapper

from auditor.redaction import veiled
from auditor.rendering.words import harmless

# Priorities of syslog, by the least level that has them.
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)


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
    mark = journal_mark(logging.ERROR) if writes_to_journal() else ""
    first, *rest = [harmless(line) for line in veiled(text).splitlines()] or [""]
    sys.stderr.write("\n".join(mark + line for line in [f"auditor: {first}", *rest]) + "\n")


def writes_to_journal() -> bool:
    """Return whether standard error goes to the journal (systemd.exec(5), $JOURNAL_STREAM).

    The variable alone does not say so: a program that redirects its output hands it on.
    """
    try:
        there = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def journal_mark(level: int) -> str:
    """Return what the journal takes a line's priority from, as `<6>` (sd-daemon(3))."""
    return f"<{next(priority for least, priority in _PRIORITIES if level >= least)}>"


def hang_up() -> None:
    """Stop writing where the reader has gone, without Python's own complaint at exit."""
    if sys.stdout is None:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
