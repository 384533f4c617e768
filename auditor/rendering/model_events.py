"""What happened to models: trained, stale, reset, as entries."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.drift import policy
from auditor.model import ConditionKind, Finding, Interval, ModelEvent
from auditor.rendering.conditions import is_asked_for
from auditor.rendering.outline import Entry
from auditor.rendering.summary import Summary
from auditor.rendering.trainings import describe_proof
from auditor.rendering.views import enter_target
from auditor.rendering.words import length, moment, period
from auditor.report import Report, TargetReport

_EVENTS = {
    ModelEvent.TRAINED: ("trained: the block has a model now", False),
    ModelEvent.STALE: ("stale: trained before the last edit of its settings or data", True),
    ModelEvent.RETRAINED: ("trained again", True),
    ModelEvent.REVERTED: ("as it was trained again: the edits were undone", True),
    ModelEvent.RESET: ("reset: the trained model was removed", False),
}
"""By event: its words, and whether it is inferred from two polls and not said by Studio."""
_CONDITIONS = {
    ModelEvent.STALE: ConditionKind.STALE,
    ModelEvent.RESET: ConditionKind.TRAINING_LOST,
}


def enter_model_events(summary: Summary) -> Iterator[Entry]:
    """Yield what happened to models in this run, then the older stale ones, oldest first.

    What an open condition names is not named again.
    """
    report = summary.report
    open_now = {(c.kind, c.target) for c in summary.open}
    for target in report.targets:
        if target.model_event is None:
            continue
        if (_CONDITIONS.get(target.model_event), target.target) not in open_now:
            words, is_inferred = _event(target.model_event, target, report)
            source = ", inferred" if is_inferred else ""
            yield enter_target(target, f"{words} ({describe_bounds(target.model_since)}{source})")
    older = [
        t
        for t in summary.stale
        if t.model_event is None and (ConditionKind.STALE, t.target) not in open_now
    ]
    for target in sorted(older, key=_stale_until):
        since = target.model_since
        age = "" if since is None else f" for {length(report.run.started_at - since.until)}"
        words = f"still stale{age}: it became stale {describe_bounds(since)}"
        if is_asked_for(target, report):
            yield enter_target(target, f"{words}; Studio asks to train it again")
        else:
            yield enter_target(target, f"{words}, trained before the last edit (inferred)")


def _event(event: ModelEvent, target: TargetReport, report: Report) -> tuple[str, bool]:
    """Return what happened to a model, and whether that is inferred and not said by Studio."""
    if event is ModelEvent.STALE and is_asked_for(target, report):
        return "stale: Studio asks to train it again", False
    if event is ModelEvent.RETRAINED:
        proof = describe_proof(target)
        if any(map(_ends_request, target.findings)):
            return f"{proof or 'trained again'}: Studio no longer asks for it", False
        if proof:
            return proof, False
    return _EVENTS[event]


def _ends_request(finding: Finding) -> bool:
    return finding.path == "selectedModelType" and finding.before == policy.REQUIRES_RETRAIN


def describe_bounds(since: Interval | None) -> str:
    """Return between which two polls something happened."""
    if since is None:
        return "at an unknown time"
    if since.after is None:
        return f"before {moment(since.until)}, when it was first read"
    if since.after > since.until:  # the clock was set back
        return f"by {moment(since.until)}"
    return period(since.after, since.until)


def _stale_until(target: TargetReport) -> str:
    return "" if target.model_since is None else target.model_since.until.isoformat()
