"""A fleet on a database of its own for one test, and what its reports say, by path."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from auditor.drift.rules import Rules
from auditor.errors import UsageError
from tests.signal.edits import Answer, Edit, copied
from tests.signal.fleet import Fleet, acknowledge_finding

Own = dict[str, tuple[str, ...]]


@contextmanager
def fleet_of(template: Path, answers: Mapping[int, Answer]) -> Iterator[Fleet]:
    """Yield a fleet on a copy of the empty database at `template`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auditor.db"
        shutil.copy(template, path)
        blocks = {key: copied(answer) for key, answer in answers.items()}
        fleet = Fleet(f"sqlite:///{path}", blocks, Rules())
        with fleet.store:
            yield fleet


def edit(fleet: Fleet, change: Edit, *blocks: int) -> None:
    """Make an edit on some blocks, on all of them where none is named."""
    for block in blocks or tuple(fleet.blocks):
        change(fleet.blocks[block])


def accept(fleet: Fleet, block: int, path: str) -> bool:
    """Acknowledge a block's newest finding at a path; return whether that was possible."""
    return accept_finding(fleet, fleet.finding(block, path))


def accept_finding(fleet: Fleet, finding_id: str) -> bool:
    """Acknowledge a finding; return whether that was possible."""
    try:
        acknowledge_finding(finding_id)(fleet)
    except UsageError:
        return False
    return True


def line_of(report: Any, block: int) -> Any:  # noqa: ANN401 - any JSON
    """Return what a report says of a block."""
    return next(line for line in report["targets"] if line["block_id"] == block)


def own(report: Any, block: int, *, since: str = "last") -> Own:  # noqa: ANN401 - any JSON
    """Return what each of a block's findings folds, by path."""
    return {
        finding["path"]: tuple(sorted(finding["folded"]))
        for finding in line_of(report, block)["findings"]
        if finding["since"] == since and not finding.get("late")
    }


def shared(report: Any) -> dict[str, int]:  # noqa: ANN401 - any JSON
    """Return the number of targets of each of the vendor's findings, by path."""
    return {finding["path"]: finding["targets"] for finding in report["catalogue"]}
