"""How much a change matters: area, owner, severity, and the rule that set it.

The field table holds the contract's defaults; the rules below are the contract's exceptions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditor.drift.effect import without_effect
from auditor.drift.fields import CATALOGUE, FIELDS, UNKNOWN, UNKNOWN_OF_VENDOR, Field, names_model
from auditor.drift.script import ScriptChange, judge_script
from auditor.model import Area, Change, Json, JsonObject, Kind, Owner, Severity

REQUIRES_RETRAIN = "requiresRetrain"
_FIELDS = {**FIELDS, UNKNOWN.pattern: UNKNOWN, UNKNOWN_OF_VENDOR.pattern: UNKNOWN_OF_VENDOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a change is held to be."""

    area: Area
    owner: Owner
    severity: Severity
    rule: str


def field_of(change: Change) -> Field:
    """Return the row of the field table that a change falls under."""
    return _FIELDS[change.pattern]


def judge(
    change: Change, *, in_use: Collection[str] = (), new: JsonObject | None = None
) -> Verdict:
    """Return the verdict on one change.

    `in_use` are the identities of the catalogue's models that the target uses (`models_of`);
    `new` is the answer after the change, where one is at hand.
    """
    row = field_of(change)
    cause = without_effect(change, new or {})
    if cause is not None and row is not UNKNOWN:
        return Verdict(area=row.area, owner=row.owner, severity=Severity.INFO, rule=cause)
    severity, rule = _exception(change, in_use) or (row.severity, f"default:{row.area}")
    return Verdict(area=row.area, owner=row.owner, severity=severity, rule=rule)


def models_of(document: JsonObject) -> tuple[str, ...]:
    """Return the catalogue identities of the models that a visual stack uses, in its order.

    An identity is `TYPE`, or `TYPE:ORGANIZATION_MODEL_ID` where the layer names one.
    """
    layers = document.get("visualLayers")
    if not isinstance(layers, list):
        return ()
    return tuple(
        _identity(layer) for layer in layers if isinstance(layer, dict) and _is_model(layer)
    )


def _is_model(layer: JsonObject) -> bool:
    return names_model(layer.get("type"))


def _identity(layer: JsonObject) -> str:
    custom = layer.get("organizationModelId")
    return str(layer["type"]) if custom is None else f"{layer['type']}:{custom}"


def _exception(change: Change, in_use: Collection[str]) -> tuple[Severity, str] | None:
    match change.pattern:
        case "trained" if change.before is True and change.after is False:
            return Severity.CRITICAL, "trained:lost"
        case "selectedModelType" if change.after == REQUIRES_RETRAIN:
            return Severity.HIGH, "trained:requires-retrain"
        case "script":
            return _judge_script(change.before, change.after)
        case _ if change.path.startswith(CATALOGUE) and _withdraws(change, in_use):
            return Severity.HIGH, "catalogue:model-in-use"
        case _:
            return None


def _judge_script(before: Json, after: Json) -> tuple[Severity, str]:
    match judge_script(str(before), str(after)):
        case ScriptChange.SAME_PROGRAM:
            return Severity.INFO, "script:same-program"
        case ScriptChange.NO_LONGER_PARSES:
            return Severity.HIGH, "script:no-longer-parses"
        case ScriptChange.OTHER_PROGRAM:
            return Severity.HIGH, "default:script"


def _withdraws(change: Change, in_use: Collection[str]) -> bool:
    """Return whether a model in use was removed, withdrawn or given another implementation."""
    for identity in in_use:
        entry = f"{CATALOGUE}[{identity}]"
        if change.path == entry and change.kind is Kind.REMOVED:
            return True
        if change.path == f"{entry}.blockNoLongerAvailable" and change.after and not change.before:
            return True
        if change.path == f"{entry}.implementationVersion":
            return True
    return False
