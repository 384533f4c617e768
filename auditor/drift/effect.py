"""Settings that have no effect as things stand: Studio keeps them and training ignores them.

Sources: the schema (`enabled`: "Other properties will be ignored if this is false"; the learned
optimizer sets the rate itself) and Studio's layers, which a switched-off one leaves out.
"""

from __future__ import annotations

import re

from auditor.model import Change, Json, JsonObject, Kind

NO_EFFECT = "no-effect:"  # before the cause, in the rule that a finding names
_POLICIES = ("augmentationPolicySpectrogram", "akidaEdgeLearningConfig")
_LAYER_PROPERTY = re.compile(r"visualLayers\[(\d+)\]\.(\w+)")


def without_effect(change: Change, new: JsonObject) -> str | None:
    """Return the cause, as a rule's name, where a change has no effect in the answer `new`."""
    if change.pattern == "learningRate":
        learned = new.get("useLearnedOptimizer") is True
        return f"{NO_EFFECT}learned-optimizer" if learned else None
    for policy in _POLICIES:
        if change.pattern.startswith(policy):
            return _of_policy(change, new, policy)
    return _of_layer(change, new)


def _of_policy(change: Change, new: JsonObject, policy: str) -> str | None:
    if change.pattern == f"{policy}.enabled":
        return None
    sides = (change.before, change.after) if change.pattern == policy else (new.get(policy),)
    return None if any(map(_is_on, sides)) else f"{NO_EFFECT}switched-off"


def _is_on(policy: Json) -> bool:
    if not isinstance(policy, dict):
        return policy is not None
    return policy.get("enabled") is not False


def _of_layer(change: Change, new: JsonObject) -> str | None:
    found = _LAYER_PROPERTY.fullmatch(change.path)
    if found is None or found.group(2) == "enabled" or change.kind is Kind.MOVED:
        return None
    layers, place = new.get("visualLayers"), int(found.group(1))
    if not isinstance(layers, list) or place >= len(layers):
        return None
    layer = layers[place]
    is_off = isinstance(layer, dict) and layer.get("enabled") is False
    return f"{NO_EFFECT}disabled-layer" if is_off else None
