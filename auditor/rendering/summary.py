"""The numbers and names that the words about a run are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.impulses import ReplacedImpulse, find_replaced
from auditor.model import (
    EVERY_PROJECT,
    ConditionKind,
    Finding,
    ModelState,
    NoticeKind,
    OpenCondition,
    Severity,
    Since,
    TargetId,
    TargetState,
)
from auditor.rendering.conditions import find_lasting
from auditor.rendering.words import count, name
from auditor.report import Notice, Report, TargetReport

LEAST_ALIKE = 3
"""How many blocks have the same change where that is one entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The numbers and names that the words about a run are made of.

    Attributes:
        findings: this run's that nobody expected, worst first.
        in_window: this run's that a window covers, worst first.
        late: earlier runs' that are reported only now, still hold, and nobody expected, worst
            first.
        missing: blocks whose absence is no open condition of an earlier run.
        off_baseline: how many blocks differ from what a person approved, other than those that
            an open condition names.
        lasting: the open conditions that an earlier run saw first, worst first.
        open: all open conditions, worst first.
        replaced: impulses that are others than before; their blocks are not in `missing`, `new`.
    """

    report: Report
    findings: tuple[tuple[TargetReport, Finding], ...]
    in_window: tuple[tuple[TargetReport, Finding], ...]
    late: tuple[tuple[TargetReport, Finding], ...]
    missing: tuple[TargetReport, ...]
    new: tuple[TargetReport, ...]
    off_baseline: int
    lasting: tuple[OpenCondition, ...]
    open: tuple[OpenCondition, ...]
    replaced: tuple[ReplacedImpulse, ...] = ()

    @property
    def readable(self) -> int:
        """Return how many blocks should have been read: not the missing and unsupported ones."""
        return self.report.totals.checked + self.report.totals.unknown

    @property
    def unchecked(self) -> int:
        """Return how many blocks could not be read."""
        return self.report.totals.unknown

    @property
    def critical(self) -> int:
        """Return the number of critical findings and rules that broke."""
        return sum(severity is Severity.CRITICAL for severity in self.severities)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Return the severity of each finding and of each rule that broke."""
        return (
            *(finding.severity for _, finding in self.findings),
            *(notice.severity for notice in self.broken_rules),
        )

    @property
    def broken_rules(self) -> tuple[Notice, ...]:
        """Return the notices of rules on state that broke, in this run or unreported before."""
        broken = (n for n in self.report.notices if n.kind is NoticeKind.RULE_BROKEN)
        return tuple(notice for notice in broken if notice.holds is not False)

    @property
    def acknowledged(self) -> int:
        """Return how many differences from the baseline are acknowledged."""
        return sum(target.acknowledged for target in self.report.targets)

    @property
    def stale(self) -> tuple[TargetReport, ...]:
        """Return the blocks whose model is stale."""
        return tuple(t for t in self.report.targets if t.model_state is ModelState.STALE)

    @property
    def newly_missing(self) -> tuple[TargetReport, ...]:
        """Return the blocks that went missing in this very run."""
        return tuple(target for target in self.missing if target.is_news)

    @property
    def returned(self) -> tuple[TargetReport, ...]:
        """Return the blocks that were read again after they were missing or not supported."""
        now = (notice for notice in self.report.notices if not notice.is_late)
        back = {notice.target for notice in now if notice.kind is NoticeKind.BLOCK_BACK}
        return tuple(t for t in self.report.targets if t.target in back)

    @property
    def is_first_run(self) -> bool:
        """Return whether all that was read was read for the first time."""
        totals = self.report.totals
        return (
            self.report.previous_run_id is None and totals.new > 0 and totals.new == totals.checked
        )


def summarize(report: Report) -> Summary:
    """Return the report's numbers, and the findings of its run worst first."""
    pairs = pair_findings(report, Since.LAST)
    lasting = find_lasting(report)
    named = {(condition.kind, condition.target) for condition in lasting}
    replaced = find_replaced(report)
    in_replaced = {target.target for impulse in replaced for target in impulse.blocks}
    return Summary(
        report=report,
        findings=tuple(pair for pair in pairs if not pair[1].expected),
        in_window=tuple(pair for pair in pairs if pair[1].expected),
        late=_holding_late(report),
        missing=tuple(
            t
            for t in report.targets
            if t.state is TargetState.MISSING
            and (ConditionKind.MISSING, t.target) not in named
            and t.target not in in_replaced
        ),
        new=tuple(
            t for t in report.targets if t.state is TargetState.NEW and t.target not in in_replaced
        ),
        off_baseline=sum(
            _is_off_baseline(t)
            for t in report.targets
            if (ConditionKind.OFF_BASELINE, t.target) not in named
        ),
        lasting=lasting,
        open=report.open,
        replaced=replaced,
    )


def pair_findings(report: Report, since: Since) -> list[tuple[TargetReport, Finding]]:
    """Return the findings against one reference, each with its block, worst first."""
    pairs = [(t, f) for t in report.targets for f in t.findings if f.since is since]
    return sorted(pairs, key=lambda pair: -pair[1].severity.rank)


def _holding_late(report: Report) -> tuple[tuple[TargetReport, Finding], ...]:
    pairs = [(t, late.finding) for t in report.targets for late in t.late if late.holds]
    unexpected = [pair for pair in pairs if not pair[1].expected]
    return tuple(sorted(unexpected, key=lambda pair: -pair[1].severity.rank))


def _is_off_baseline(target: TargetReport) -> bool:
    """Return whether a block differs from its baseline: a late finding may say so."""
    if any(finding.since is Since.BASELINE for finding in target.findings):
        return True
    return target.state is TargetState.DRIFTED and not target.findings


def whose_worst(pairs: Sequence[tuple[TargetReport, Finding]]) -> str:
    """Return the block of the first finding, or `5 blocks` where so many have the same."""
    target, worst = pairs[0]
    key = (worst.headline, worst.severity)
    alike = {of.target for of, found in pairs if (found.headline, found.severity) == key}
    return count(len(alike), "block") if len(alike) >= LEAST_ALIKE else block_title(target)


def title_target(target: TargetId, report: Report) -> str:
    """Return how a block of the report is called, by its ids alone where the report lacks it."""
    found = next((each for each in report.targets if each.target == target), None)
    return block_title(found) if found else f"block {target}"


def block_title(target: TargetReport) -> str:
    """Return how a block is called where there is room for one name."""
    return name(target.name) or f"block {target.target}"


def name_projects(ids: Sequence[int]) -> str:
    """Return the one project, or how many; where they could not be listed, that."""
    if EVERY_PROJECT in ids:
        return "The projects that Studio lists"
    return f"Project {ids[0]}" if len(ids) == 1 else count(len(ids), "project")
