"""A training of a block as a finding: who trained it and when, and whether it got worse.

Rules it holds (the contract's "Trainings"):
- A new date of training is one finding at `metadata.created`, high where the accuracy of the
  recommended type of model fell by more than 0.02, else medium.
- It is folded into a finding of the same run that a training explains or answers: of the area
  trained, layers, script or training, and at least as severe. That finding then names it.
- A person is named in the report alone: what else is stored has a headline without the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from auditor.context import Training, TrainingNews
from auditor.drift.findings import finding_id
from auditor.drift.policy import worst_first
from auditor.drift.wording import value_words
from auditor.model import Area, Finding, Json, Kind, Owner, Severity, TargetId

TRAINING_PATH = "metadata.created"
_HOSTS = (Area.TRAINED, Area.LAYERS, Area.SCRIPT, Area.TRAINING)
_MOST_LOST = 0.02
_ROUNDING = 1e-9
_BESIDE_ACCURACY = ("precision", "recall", "f1", "mse", "mae", "loss")
_MOST_NAMED = 3
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def training_finding(target: TargetId, news: TrainingNews) -> Finding | None:
    """Return the finding of a new training, None where there is none."""
    last, before = news.known.last, news.before
    if not news.is_news or last is None:
        return None
    old: Json = before.metadata.created if before else None
    fell = _has_lost_accuracy(before, last)
    return Finding(
        id=finding_id(target, TRAINING_PATH, old, last.metadata.created),
        area=Area.TRAINED,
        owner=Owner.TRAINING,
        kind=Kind.CHANGED if before else Kind.ADDED,
        path=TRAINING_PATH,
        before=old,
        after=last.metadata.created,
        severity=Severity.HIGH if fell else Severity.MEDIUM,
        headline=_headline("Trained again" if before else "Trained", last, before),
        rule="trained:accuracy-fell" if fell else f"default:{Area.TRAINED}",
        nameless_headline=_headline(
            "Trained again" if before else "Trained", replace(last, person=""), before
        ),
    )


def add_training(
    findings: Sequence[Finding], trainings: Sequence[Finding], news: TrainingNews
) -> tuple[Finding, ...]:
    """Return findings with those of trainings folded into them, or beside them."""
    for training in trainings:
        folded = _fold_training(findings, training, news)
        findings = worst_first([*findings, training]) if folded is None else folded
    return tuple(findings)


def _fold_training(
    findings: Sequence[Finding], training: Finding, news: TrainingNews
) -> tuple[Finding, ...] | None:
    """Return the findings, one of which names the training now; None where none can."""
    hosts = [
        finding
        for finding in findings
        if finding.area in _HOSTS and finding.severity.rank >= training.severity.rank
    ]
    host = next((each for each in hosts if each.path == "trained"), next(iter(hosts), None))
    last = news.known.last
    if host is None or last is None:
        return None
    nameless = _headline("trained", replace(last, person=""), news.before)
    naming = replace(
        host,
        folded=(*host.folded, TRAINING_PATH),
        headline=f"{host.headline}; {_headline('trained', last, news.before)}",
        nameless_headline=f"{host.headline}; {nameless}",
    )
    return tuple(naming if finding is host else finding for finding in findings)


def names_training(finding: Finding) -> bool:
    """Return whether a finding is a training, or reports one."""
    return TRAINING_PATH in (finding.path, *finding.folded)


def describe_result(last: Training, before: Training | None) -> str:
    """Return `Trained again: accuracy 0.94 → 0.93 (int8)`, without who and when."""
    begin = "Trained again" if before else "Trained"
    measured = _measured(last, before)
    return f"{begin}: {measured}" if measured else begin


def short_date(at: datetime) -> str:
    """Return a time as `12 Nov 14:02`."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"


def metric_words(name: str, value: float | None) -> str:
    """Return a value that was measured, in words; `latency`, `ram` and `rom` with their units."""
    if value is None:
        return "unknown"
    match name:
        case "latency":
            return f"{value:,.6g} ms"
        case "ram" | "rom":
            return f"{value / 1000:,.1f} kB"
        case _:
            return value_words(round(value, 4))


def _headline(begin: str, last: Training, before: Training | None) -> str:
    by = f" by {last.person}" if last.person else ""
    words = f"{begin}{by}, {short_date(last.metadata.at)} UTC"
    measured = _measured(last, before)
    return f"{words}: {measured}" if measured else words


def _measured(last: Training, before: Training | None) -> str:
    """Return what was measured of the recommended model before and after."""
    model_type = last.metadata.model_type
    now = last.metadata.metrics.get(model_type, {})
    old = _metrics_before(last, before)
    names = ("accuracy",) if "accuracy" in now else _BESIDE_ACCURACY
    parts = [
        f"{name if name != 'f1' else 'F1'} "
        + (f"{metric_words(name, old[name])} → " if name in old else "")
        + metric_words(name, now[name])
        for name in names
        if name in now
    ]
    return f"{', '.join(parts[:_MOST_NAMED])} ({model_type})" if parts else ""


def _metrics_before(last: Training, before: Training | None) -> dict[str, float]:
    """Return what was measured of the type of model that is recommended now."""
    if before is None:
        return {}
    return dict(before.metadata.metrics.get(last.metadata.model_type, {}))


def _has_lost_accuracy(before: Training | None, last: Training) -> bool:
    """Return whether the accuracy fell by more than is usual from training to training."""
    now = last.metadata.metrics.get(last.metadata.model_type, {}).get("accuracy")
    old = _metrics_before(last, before).get("accuracy")
    return now is not None and old is not None and old - now > _MOST_LOST + _ROUNDING
