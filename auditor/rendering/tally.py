"""The numbers and names of a run that its sentences and its subject are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.model import (
    EVERY_PROJECT,
    Finding,
    ModelState,
    Notice,
    NoticeKind,
    Report,
    Severity,
    Since,
    TargetReport,
    TargetState,
)
from auditor.rendering.words import count, cut, harmless, name

_CAUSES = {
    "timeout": "Studio timed out",
    "unreachable": "Studio unreachable",
    "unauthorized": "API key rejected",
    "http": "Studio answered with an error",
    "rate_limited": "too many requests for Studio",
    "not_json": "Studio's answers were not JSON",
    "refused": "Studio refused",
    "invalid": "Studio's answers made no sense",
    "too_large": "Studio's answers were too large",
    "redirect": "Studio answered with a redirect",
}


class Level(StrEnum):
    """How a run stands, worst first; the page's banner is coloured by it."""

    FAILED = "failed"
    INCOMPLETE = "incomplete"
    CRITICAL = "critical"
    DRIFT = "drift"
    NEWS = "news"
    CALM = "calm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The numbers and names that the words are made of.

    Attributes:
        findings: tonight's that nobody expected, worst first.
        in_window: tonight's that a declared window covers, worst first.
    """

    report: Report
    findings: tuple[tuple[TargetReport, Finding], ...]
    in_window: tuple[tuple[TargetReport, Finding], ...]
    missing: tuple[TargetReport, ...]
    new: tuple[TargetReport, ...]

    @property
    def expected(self) -> int:
        """Return how many blocks should have been read; missing and unserved ones cannot be."""
        return self.report.totals.checked + self.report.totals.unknown

    @property
    def unread(self) -> int:
        """Return how many blocks could not be read."""
        return self.report.totals.unknown

    @property
    def critical(self) -> int:
        """Return the number of critical findings."""
        return sum(f.severity is Severity.CRITICAL for _, f in self.findings)

    @property
    def off_baseline(self) -> int:
        """Return how many blocks differ from what a person approved."""
        return sum(
            any(f.since is Since.BASELINE for f in target.findings)
            for target in self.report.targets
        )

    @property
    def broken(self) -> tuple[Notice, ...]:
        """Return the rules on state that broke tonight."""
        return tuple(n for n in self.report.notices if n.kind is NoticeKind.RULE_BROKEN)

    @property
    def acknowledged(self) -> int:
        """Return how many differences from the baseline were accepted as they are."""
        return sum(target.acknowledged for target in self.report.targets)

    @property
    def stale(self) -> tuple[TargetReport, ...]:
        """Return the blocks whose model is stale."""
        return tuple(t for t in self.report.targets if t.model_state is ModelState.STALE)

    @property
    def gone_tonight(self) -> tuple[TargetReport, ...]:
        """Return the blocks that went missing in this very run."""
        return tuple(target for target in self.missing if target.went)

    @property
    def back(self) -> tuple[TargetReport, ...]:
        """Return the blocks that were read again after they were missing, or of another type."""
        back = {n.target for n in self.report.notices if n.kind is NoticeKind.BLOCK_BACK}
        return tuple(t for t in self.report.targets if t.target in back)

    @property
    def first_night(self) -> bool:
        """Return whether all that was read was read for the first time."""
        totals = self.report.totals
        return (
            self.report.previous_run_id is None and totals.new > 0 and totals.new == totals.checked
        )


def tally(report: Report) -> Tally:
    """Return the report's numbers, tonight's findings worst first."""
    pairs = [(t, f) for t in report.targets for f in t.findings if f.since is Since.LAST]
    pairs.sort(key=lambda pair: -pair[1].severity.rank)
    return Tally(
        report=report,
        findings=tuple(pair for pair in pairs if not pair[1].expected),
        in_window=tuple(pair for pair in pairs if pair[1].expected),
        missing=tuple(t for t in report.targets if t.state is TargetState.MISSING),
        new=tuple(t for t in report.targets if t.state is TargetState.NEW),
    )


def title(target: TargetReport) -> str:
    """Return how a block is called where there is room for one name."""
    return name(target.name) or f"block {target.target}"


def rank(severity: Severity) -> int:
    """Return a severity's place, for `max` and `sorted`."""
    return severity.rank


def counted(numbers: Tally, joint: str) -> str:
    """Return `1 critical and 3 other`; there is at least one finding."""
    by = Counter(finding.severity for _, finding in numbers.findings)
    worst = max(by, key=rank)
    others = by.total() - by[worst]
    return f"{by[worst]:,} {worst}" + (f"{joint}{others:,} other" if others else "")


def where(numbers: Tally) -> str:
    """Return ` in 2 of 14 projects` for tonight's findings; empty where there is one project."""
    touched = len({target.target.project_id for target, _ in numbers.findings})
    every = len({target.target.project_id for target in numbers.report.targets})
    return f" in {touched:,} of {every:,} projects" if every > 1 else ""


def cause(numbers: Tally) -> str:
    """Return the one cause of all failures, or the commonest of several."""
    report = numbers.report
    found = [(error.kind, error.message) for error in report.errors] or [
        (target.error.kind, target.error.message)
        for target in report.targets
        if target.error is not None
    ]
    if not found:
        return "no block could be read"
    (kind, message), _ = Counter(found).most_common(1)[0]
    if kind == "unauthorized" and "token" in message.lower():
        return "token rejected"
    return _CAUSES.get(kind, cut(harmless(message), 60))


def projects_unchecked(numbers: Tally) -> str:
    """Return which project, or how many, could not be checked at all."""
    named = projects_named(sorted({error.project_id for error in numbers.report.errors}))
    return named[0].lower() + named[1:]


def projects_named(ids: Sequence[int]) -> str:
    """Return the one project, or how many; where they could not be listed, that."""
    if EVERY_PROJECT in ids:
        return "The projects that Studio lists"
    return f"Project {ids[0]}" if len(ids) == 1 else count(len(ids), "project")
