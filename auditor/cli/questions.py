"""Questions to a person at the terminal, on standard error."""

from __future__ import annotations

import getpass
import sys

from auditor.errors import UsageError
from auditor.rendering.words import harmless

_ENDED = "the input ended: nothing was written"


def has_terminal() -> bool:
    """Return whether a person can be asked."""
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


def say(text: str) -> None:
    """Show a line to the person who answers; it is no part of the command's answer."""
    sys.stderr.write(f"{harmless(text)}\n")
    sys.stderr.flush()


def ask(question: str, default: str = "") -> str:
    """Return the answer, `default` if only Enter was pressed.

    Raises:
        UsageError: the input ended.
    """
    sys.stderr.write(f"{harmless(question)}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise UsageError(_ENDED)
    return line.strip() or default


def ask_secret(question: str) -> str:
    """Return the answer, which the terminal does not show.

    Raises:
        UsageError: the input ended.
    """
    try:
        return getpass.getpass(f"{harmless(question)}: ", stream=sys.stderr).strip()
    except EOFError:
        raise UsageError(_ENDED) from None


def agree(question: str) -> bool:
    """Return whether the person agrees, which Enter alone does."""
    return ask(f"{question} [Y/n]", "y").lower() in {"y", "yes"}
