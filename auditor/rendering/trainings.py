"""A training at its finding: who trained the block and when, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.context import Training
from auditor.drift.trainings import (
    describe_result,
    metric_words,
    names_training,
    short_date,
)
from auditor.model import Finding
from auditor.rendering.words import in_reader_zone, name, sentence
from auditor.report import TargetReport

_LABELS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "explained_variance": "explained variance",
    "loss": "loss",
    "latency": "latency",
    "ram": "RAM",
    "rom": "ROM",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """What was measured of a model before and after a training, in words."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """A training in words: `trained by Ada, 12 Nov 14:02 CET`, and a table of what it came to.

    Attributes:
        model: the type of model that was measured, `int8`.
    """

    words: str
    model: str
    rows: tuple[MetricRow, ...]


def view_training(finding: Finding, target: TargetReport) -> TrainingView | None:
    """Return the training that a finding is or names, None where it has none.

    Nor is there one where the headline says all of it.
    """
    last = target.training
    if last is None or not target.is_trained_now or not names_training(finding):
        return None
    whose, rows = _by_whom_and_when(last), _rows(last, target.training_before)
    if not rows and whose in finding.headline:
        return None
    model = name(last.metadata.model_type)
    return TrainingView(words=f"trained{whose}", model=model, rows=rows)


def list_trainings(
    trainings: Sequence[Training], *, since: datetime
) -> Iterator[tuple[datetime, str]]:
    """Yield when a block was trained after a time, and what came of it.

    `trainings` are the oldest first. Nobody is named: pages of blocks outlive the reports that
    have the name.
    """
    for before, last in zip((None, *trainings), trainings, strict=False):
        if last.metadata.at > since:
            yield last.metadata.at, sentence(describe_result(last, before))


def describe_proof(target: TargetReport) -> str:
    """Return `trained again by Ada, 12 Nov 14:02 CET`, as far as Studio says, else empty."""
    if target.is_trained_now and target.training is not None:
        return f"trained again{_by_whom_and_when(target.training)}"
    return "" if target.proving_job is None else f"trained again by job {target.proving_job}"


def _by_whom_and_when(training: Training) -> str:
    local, zone = in_reader_zone(training.metadata.at)
    by = f" by {name(training.person)}" if training.person else ""
    return f"{by}, {short_date(local)} {zone}"


def _rows(last: Training, before: Training | None) -> tuple[MetricRow, ...]:
    model_type = last.metadata.model_type
    now = last.metadata.metrics.get(model_type, {})
    old = before.metadata.metrics.get(model_type, {}) if before else {}
    return tuple(
        MetricRow(
            label=label,
            before=metric_words(key, old.get(key)),
            after=metric_words(key, now.get(key)),
        )
        for key, label in _LABELS.items()
        if key in now or key in old
    )
