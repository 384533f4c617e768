"""The state of a model: untrained, trained, stale, trained again, reset.

Everything here is inferred from two polls. A model is stale if a finding in layers, script or
training above `info` came after its training, or if Studio says `requiresRetrain`. It stops
being stale when `trained` changes from false to true, when `requiresRetrain` goes away, or when
the edits are undone. The severities that count here are the contract's, not the operator's: no
rule can make a stale model a trained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.policy import REQUIRES_RETRAIN
from auditor.model import (
    Area,
    Finding,
    JsonObject,
    Kind,
    ModelEvent,
    ModelState,
    Severity,
)

_INVALIDATES_TRAINING = (Area.LAYERS, Area.SCRIPT, Area.TRAINING)
_EVENTS = {
    (ModelState.UNTRAINED, ModelState.TRAINED): ModelEvent.TRAINED,
    (ModelState.UNTRAINED, ModelState.STALE): ModelEvent.TRAINED,
    (ModelState.TRAINED, ModelState.STALE): ModelEvent.STALE,
    (ModelState.STALE, ModelState.TRAINED): ModelEvent.RETRAINED,
    (ModelState.TRAINED, ModelState.UNTRAINED): ModelEvent.RESET,
    (ModelState.STALE, ModelState.UNTRAINED): ModelEvent.RESET,
}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The state of a model, and whether it counts as trained with the answer judged.

    Attributes:
        event: how it came to that state since the answer before, None if the state is the same.
    """

    state: ModelState
    trained_now: bool
    event: ModelEvent | None = None


def first_status(document: JsonObject) -> ModelStatus:
    """Return the status of a model seen for the first time."""
    if document.get("trained") is not True:
        return ModelStatus(ModelState.UNTRAINED, trained_now=False)
    if _asks_for_training(document):
        return ModelStatus(ModelState.STALE, trained_now=False)
    return ModelStatus(ModelState.TRAINED, trained_now=True)


def next_status(
    before: ModelState, old: JsonObject, new: JsonObject, findings: Sequence[Finding]
) -> ModelStatus:
    """Return the status after new findings; the caller decides whether edits were undone."""
    if any(map(_is_another_block, findings)):
        return first_status(new)
    after = _without_event(before, old, new, findings)
    return ModelStatus(after.state, after.trained_now, _EVENTS.get((before, after.state)))


def reverted_status() -> ModelStatus:
    """Return the status of a stale model whose edits since the training were all undone."""
    return ModelStatus(ModelState.TRAINED, trained_now=False, event=ModelEvent.REVERTED)


def makes_stale(findings: Sequence[Finding]) -> bool:
    """Return whether findings say that the configuration changed since the training."""
    return any(
        finding.area in _INVALIDATES_TRAINING and finding.severity is not Severity.INFO
        for finding in findings
    )


def _without_event(
    before: ModelState, old: JsonObject, new: JsonObject, findings: Sequence[Finding]
) -> ModelStatus:
    if new.get("trained") is not True or _asks_for_training(new):
        return first_status(new)
    if old.get("trained") is not True or _asks_for_training(old):
        return ModelStatus(ModelState.TRAINED, trained_now=True)
    if makes_stale(findings) or before is ModelState.STALE:
        return ModelStatus(ModelState.STALE, trained_now=False)
    return ModelStatus(ModelState.TRAINED, trained_now=False)


def _asks_for_training(document: JsonObject) -> bool:
    return document.get("selectedModelType") == REQUIRES_RETRAIN


def _is_another_block(finding: Finding) -> bool:
    return finding.area is Area.IDENTITY and finding.kind is Kind.REPLACED
