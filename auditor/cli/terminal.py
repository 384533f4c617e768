"""How answers look on a terminal: colours, and tables that fit its width.

Where standard output is no terminal, an answer is the plain text that programs and people search.
rich is imported here only where there is a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from auditor.cli.console import print_text

Layout = Callable[[Sequence[Sequence[str]]], list[str]]

NARROWEST = 60
# The words by which a reader finds the worst, and what they look like.
_STYLES = {
    r"(?m)^NOT WELL:|\bCRITICAL\b|\[critical\]|\bmissing\b|\b[1-9][0-9,]* critical\b": "bold red",
    r"(?m)^(INCOMPLETE|AUDIT FAILED|FAILED)\b|\[HIGH\]|\[high\]|\bunknown\b|\bfailed\b": "red",
    r"\[MEDIUM\]|\[medium\]|\bdrifted\b|\bstale\b|\bincomplete\b|\babandoned\b": "yellow",
    r"(?m)^All is well\.|\bin_sync\b": "green",
    r"(?m)^[A-Z][A-Z ]+$": "bold",
    r"(?m)^    \+ .*$": "green",
    r"(?m)^    - .*$": "red",
    r"(?m)^-{10,}$|\bid [0-9a-f]{16}\b": "dim",
}
_LONGEST = 200_000  # characters: a report of thousands of findings is read in a pager


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def print_answer(text: str) -> None:
    """Print an answer for people, in colours on a terminal unless $NO_COLOR is set."""
    is_coloured = is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")
    if not is_coloured or len(text) > _LONGEST:
        print_text(text)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    coloured = Text(text.removesuffix("\n"))
    for pattern, style in _STYLES.items():
        coloured.highlight_regex(pattern, style)
    Console(file=sys.stdout, force_terminal=True).print(coloured, soft_wrap=True)


def find_layout() -> Layout | None:
    """Return how a table is laid out on this terminal, None where it is printed plainly."""
    return _fit if sys.stdout is not None and sys.stdout.isatty() else None


def _fit(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table, its head first, in lines of at most the terminal's width."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(no_color=True, color_system=None, force_terminal=False)
    console.width = max(console.width, NARROWEST)
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    head, *others = rows
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    longest = widths.index(max(widths))
    for place, title in enumerate(head):
        is_long = place == longest
        table.add_column(Text(title), no_wrap=not is_long, overflow="fold")
    for row in others:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
