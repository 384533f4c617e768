"""The table of docs/faults.md, which the tests hold the auditor to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from auditor.demo.faults import Fault

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the page promises of a fault. `kind` is empty where the answer can be believed."""

    name: str
    wire: str
    state: str
    kind: str
    asked_again: bool
    words: str

    def says(self, message: str) -> bool:
        """Return whether a reason is the page's words, where an ellipsis stands for any."""
        pattern = ".*".join(re.escape(part) for part in self.words.split("…"))
        return re.fullmatch(rf"{pattern}( \(tried .*\))?", message) is not None


def rows() -> list[Row]:
    """Return the table, line by line."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return [_row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def by_fault() -> dict[Fault, Row]:
    """Return the rows of the faults that there are."""
    return {Fault(row.name): row for row in rows()}


def _row(name: str, wire: str, state: str, kind: str, again: str, words: str) -> Row:
    return Row(
        name=name.strip("`"),
        wire=wire,
        state=state,
        kind=kind.strip("`"),
        asked_again={"yes": True, "no": False}[again],
        words=words,
    )
