"""The model's life: untrained, trained, stale, trained again, reset.

Everything here is inferred from two polls. Stale: a layers, script or training finding above
`info` came after the training, or Studio says `requiresRetrain`. It ends when `trained` goes
false to true, when `requiresRetrain` is left, or when the edits are reverted. How much a finding
matters here is the contract's, not the operator's: no rule makes a stale model a trained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.policy import REQUIRES_RETRAIN
from auditor.model import Area, Finding, JsonObject, Kind, ModelEvent, ModelState, Severity

_INVALIDATES_TRAINING = (Area.LAYERS, Area.SCRIPT, Area.TRAINING)
_STEPS = {
    (ModelState.UNTRAINED, ModelState.TRAINED): ModelEvent.TRAINED,
    (ModelState.UNTRAINED, ModelState.STALE): ModelEvent.TRAINED,
    (ModelState.TRAINED, ModelState.STALE): ModelEvent.STALE,
    (ModelState.STALE, ModelState.TRAINED): ModelEvent.RETRAINED,
    (ModelState.TRAINED, ModelState.UNTRAINED): ModelEvent.RESET,
    (ModelState.STALE, ModelState.UNTRAINED): ModelEvent.RESET,
}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model's state, and whether it is held to be trained with the very answer judged.

    Attributes:
        step: how it came to that state since the answer before; None where it did not change.
    """

    state: ModelState
    trained_now: bool
    step: ModelEvent | None = None


def first_status(document: JsonObject) -> ModelStatus:
    """Return the life of a model seen for the first time."""
    if document.get("trained") is not True:
        return ModelStatus(ModelState.UNTRAINED, trained_now=False)
    if _asks_for_training(document):
        return ModelStatus(ModelState.STALE, trained_now=False)
    return ModelStatus(ModelState.TRAINED, trained_now=True)


def next_status(
    before: ModelState, old: JsonObject, new: JsonObject, findings: Sequence[Finding]
) -> ModelStatus:
    """Return the life after tonight's findings; whether edits were reverted is for the caller."""
    if any(map(_is_another_block, findings)):
        return first_status(new)
    after = _without_step(before, old, new, findings)
    return ModelStatus(after.state, after.trained_now, _STEPS.get((before, after.state)))


def reverted_status() -> ModelStatus:
    """Return the life of a stale model whose edits since the training were all taken back."""
    return ModelStatus(ModelState.TRAINED, trained_now=False, step=ModelEvent.REVERTED)


def makes_stale(findings: Sequence[Finding]) -> bool:
    """Return whether findings say that the configuration left the training behind."""
    return any(
        finding.area in _INVALIDATES_TRAINING and finding.severity is not Severity.INFO
        for finding in findings
    )


def _without_step(
    before: ModelState, old: JsonObject, new: JsonObject, findings: Sequence[Finding]
) -> ModelStatus:
    if new.get("trained") is not True or _asks_for_training(new):
        return first_status(new)
    if _was_trained_between(old):
        return ModelStatus(ModelState.TRAINED, trained_now=True)
    if makes_stale(findings) or before is ModelState.STALE:
        return ModelStatus(ModelState.STALE, trained_now=False)
    return ModelStatus(ModelState.TRAINED, trained_now=False)


def _was_trained_between(old: JsonObject) -> bool:
    return old.get("trained") is not True or _asks_for_training(old)


def _asks_for_training(document: JsonObject) -> bool:
    return document.get("selectedModelType") == REQUIRES_RETRAIN


def _is_another_block(finding: Finding) -> bool:
    return finding.area is Area.IDENTITY and finding.kind is Kind.REPLACED
