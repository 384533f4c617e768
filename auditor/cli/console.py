"""Standard output, for the answer, and standard error, for progress, log and errors."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper

from auditor.redaction import veiled
from auditor.rendering.words import harmless

# A syslog priority and the lowest logging level that has it.
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)


def set_up_output() -> None:
    """Escape characters that the terminal cannot encode, so that none of them ends a command.

    Where the caller closed a descriptor of the three (`2>&-`), it is opened on nothing: else the
    next file, the database say, would get its number. Standard output stays unwritable.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace", closefd=False)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_text(text: str) -> None:
    """Write text to standard output.

    Raises:
        OSError: standard output cannot be written.
    """
    if sys.stdout is None:  # closed by the caller (`>&-`)
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def print_parts(parts: Iterable[str]) -> None:
    """Write the parts of a text to standard output, each when it is there.

    Raises:
        OSError: standard output cannot be written.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.writelines(parts)


def print_error(text: str) -> None:
    """Write an error message to standard error."""
    mark = journal_prefix(logging.ERROR) if writes_to_journal() else ""
    first, *rest = [harmless(line) for line in veiled(text).splitlines()] or [""]
    sys.stderr.write("\n".join(mark + line for line in [f"auditor: {first}", *rest]) + "\n")


def writes_to_journal() -> bool:
    """Return whether standard error goes to the journal (systemd.exec(5), $JOURNAL_STREAM).

    The variable alone is no proof: child processes inherit it, also those with redirected output.
    """
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


def journal_prefix(level: int) -> str:
    """Return the prefix that gives a line its priority in the journal, as `<6>` (sd-daemon(3))."""
    return f"<{next(priority for lowest, priority in _PRIORITIES if level >= lowest)}>"


def discard_output() -> None:
    """Discard further output after the reader closed the pipe; else Python reports it at exit."""
    if sys.stdout is None:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
