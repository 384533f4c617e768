"""The state of a model: untrained, trained, stale, trained again, reset.

A trained model is stale if a finding in layers, script or training above `info`, or one of the
data other than the number of samples, came after its training, or if Studio says
`requiresRetrain`. The first is inferred from two polls. It stops being stale when `trained`
changes from false to true, when `requiresRetrain` goes away, when a suggested value changes,
since only a training writes it, when the edits are undone, or when a person approves the version.
The severities that count here are the contract's, not the operator's: no rule can make a stale
model a trained one. A generated script says nothing: nobody can edit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.block_kinds import BlockKind
from auditor.drift.compare import is_visual
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
_FEATURES = ("shape", "dependencies.")
_SAMPLE_COUNT = "dependencies.sampleCount"
_SUGGESTED_VALUE = "].suggestedValue"
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


_STALE = ModelStatus(ModelState.STALE, trained_now=False)


def first_status(document: JsonObject, kind: BlockKind) -> ModelStatus:
    """Return the status of a model seen for the first time."""
    if not kind.has_model:
        return ModelStatus(ModelState.NONE, trained_now=False)
    return _status_by_answer(document)


def _status_by_answer(document: JsonObject) -> ModelStatus:
    if document.get("trained") is not True:
        return ModelStatus(ModelState.UNTRAINED, trained_now=False)
    if asks_for_training(document):
        return _STALE
    return ModelStatus(ModelState.TRAINED, trained_now=True)


def next_status(
    before: ModelState,
    old: JsonObject,
    new: JsonObject,
    findings: Sequence[Finding],
    kind: BlockKind,
) -> ModelStatus:
    """Return the status after new findings; the caller decides whether edits were undone."""
    if not kind.has_model or any(map(_is_another_block, findings)):
        return first_status(new, kind)
    after = _without_event(before, old, new, findings)
    return ModelStatus(after.state, after.trained_now, _EVENTS.get((before, after.state)))


def reverted_status() -> ModelStatus:
    """Return the status of a stale model whose edits since the training were all undone."""
    return ModelStatus(ModelState.TRAINED, trained_now=False, event=ModelEvent.REVERTED)


def proven_status(before: ModelState, status: ModelStatus, new: JsonObject) -> ModelStatus:
    """Return the status of a model that Studio says was trained since the answer before.

    That it was edited as well changes nothing; what Studio says of the model itself counts.
    """
    if status.state not in (ModelState.TRAINED, ModelState.STALE) or asks_for_training(new):
        return status
    event = status.event if status.event is ModelEvent.TRAINED else None
    trained = ModelState.TRAINED
    return ModelStatus(trained, trained_now=True, event=event or _EVENTS.get((before, trained)))


def asks_for_training(document: JsonObject) -> bool:
    """Return whether Studio itself says that a model has to be trained again."""
    return document.get("trained") is True and (
        document.get("selectedModelType") == REQUIRES_RETRAIN
    )


def makes_stale(findings: Sequence[Finding], new: JsonObject) -> bool:
    """Return whether findings say that `new` is not what its model was trained with."""
    return any(_invalidates_training(finding, new) for finding in findings)


def shows_training(finding: Finding) -> bool:
    """Return whether a finding is a value that only a training writes."""
    return finding.path.endswith(_SUGGESTED_VALUE) and finding.after is not None


def _invalidates_training(finding: Finding, new: JsonObject) -> bool:
    if finding.area is Area.DATA:
        return finding.path != _SAMPLE_COUNT
    if finding.area is Area.PROCESSING:  # of a learn block: it takes other features now
        return any(path.startswith(_FEATURES) for path in finding.folded)
    if finding.area is Area.SCRIPT and is_visual(new):
        return False
    return finding.area in _INVALIDATES_TRAINING and finding.severity is not Severity.INFO


def _without_event(
    before: ModelState, old: JsonObject, new: JsonObject, findings: Sequence[Finding]
) -> ModelStatus:
    if new.get("trained") is not True:
        return _status_by_answer(new)
    is_edited = makes_stale(findings, new)
    if asks_for_training(new):
        # Where a person approved a version for which Studio asks, it is not asked again.
        is_settled = before is ModelState.TRAINED and asks_for_training(old) and not is_edited
        return ModelStatus(ModelState.TRAINED, trained_now=False) if is_settled else _STALE
    if (
        old.get("trained") is not True
        or asks_for_training(old)
        or any(map(shows_training, findings))
    ):
        return ModelStatus(ModelState.TRAINED, trained_now=True)
    if is_edited or before is ModelState.STALE:
        return _STALE
    return ModelStatus(ModelState.TRAINED, trained_now=False)


def _is_another_block(finding: Finding) -> bool:
    return finding.area is Area.IDENTITY and finding.kind is Kind.REPLACED
