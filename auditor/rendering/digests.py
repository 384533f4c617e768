"""What a digest says beside the net change: its runs, how much changed, what people decided."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model import RunStatus
from auditor.rendering.outline import Entry
from auditor.rendering.views import enter_target
from auditor.rendering.words import count, moment
from auditor.report import Digest, Report

_ENDS = (
    RunStatus.COMPLETE,
    RunStatus.INCOMPLETE,
    RunStatus.FAILED,
    RunStatus.ABANDONED,
)


def enter_digest(report: Report) -> list[Entry]:
    """Return lines on runs, changes and decisions, and on blocks that went back and forth.

    A report of one run has none.
    """
    return [] if report.digest is None else list(_enter(report.digest, report))


def _enter(digest: Digest, report: Report) -> Iterator[Entry]:
    yield _entry("Runs", _describe_runs(digest))
    if digest.changes:
        yield _entry("Changes", _describe_changes(digest))
    if decided := ", ".join(_describe_decisions(digest)):
        yield _entry("Decisions", decided)
    lines = {line.target: line for line in report.targets}
    for target, number, left in digest.came_to:
        if target in lines:
            yield enter_target(lines[target], _describe_block(number, left))


def _entry(what: str, note: str) -> Entry:
    return Entry(project="", block=what, target="", note=note)


def _describe_runs(digest: Digest) -> str:
    ends = ", ".join(f"{digest.runs[end]:,} {end}" for end in _ENDS if digest.runs.get(end))
    since = "" if digest.since is None else f" since {moment(digest.since)}"
    return f"{count(sum(digest.runs.values()), 'run')}{since}: {ends}"


def _describe_changes(digest: Digest) -> str:
    found = f"{count(digest.changes, 'change')} found by these runs"
    if not digest.came_to:
        return found
    undone = sum(left == 0 for _, _, left in digest.came_to)
    blocks = f"; {count(undone, 'block')} changed and changed back" if undone else ""
    return f"{found}, some of them undone or changed again{blocks}"


def _describe_decisions(digest: Digest) -> Iterator[str]:
    if digest.approved:
        yield f"{count(digest.approved, 'version')} approved"
    if digest.acknowledged:
        yield f"{count(digest.acknowledged, 'finding')} acknowledged"
    if digest.taken_back:
        yield f"{digest.taken_back:,} taken back"


def _describe_block(number: int, left: int | None) -> str:
    if left is None:
        return f"{count(number, 'change')}, of which none is reported now"
    if not left:
        return f"{count(number, 'change')}, undone again: it is as it was"
    return f"{count(number, 'change')}, which came to {left:,}"
