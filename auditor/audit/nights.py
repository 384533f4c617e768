"""How a block stood in the last nights, a sign a night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.drift.report import SIGNS
from auditor.model import Report, TargetId, TargetReport, TargetState
from auditor.records import RunSummary

SHOWN = 30
_NOT_AUDITED = " "


def with_nights(report: Report, before: Sequence[RunSummary]) -> Report:
    """Return the report, each drifted target with its last nights.

    `before` are the runs before this one, newest first; tonight is the report's own.
    """
    targets = tuple(_with_nights(one, before) for one in report.targets)
    return replace(report, targets=targets)


def signs_of(target: TargetId, before: Sequence[RunSummary], tonight: TargetState) -> str:
    """Return a sign a night, oldest first, tonight last; nothing before the first sight."""
    past = [_sign(night.state(target)) for night in reversed(before[: SHOWN - 1])]
    return ("".join(past) + SIGNS[tonight]).lstrip(_NOT_AUDITED)


def _with_nights(one: TargetReport, before: Sequence[RunSummary]) -> TargetReport:
    if one.state is not TargetState.DRIFTED:
        return one
    return replace(one, nights=signs_of(one.target, before, one.state))


def _sign(state: TargetState | None) -> str:
    return _NOT_AUDITED if state is None else SIGNS[state]
