"""One line a finding, in Studio's words: what changed, from what to what, with its unit."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

from auditor.drift.canonical import as_number, is_number, is_same
from auditor.drift.compare import Documents
from auditor.drift.fields import CATALOGUE, Field
from auditor.drift.policy import NO_EFFECT, Verdict, field_of
from auditor.drift.prose import plain_text
from auditor.drift.script import changed_lines, describe_script
from auditor.model import Change, Json, JsonObject, Kind
from auditor.redaction import shown

_LONGEST = 60  # characters of one value; the report shows the whole beside it
_LONGEST_WORDING = 24
_LONGEST_REASON = 240
_PLACE = re.compile(r"visualLayers\[(\d+)\]")
_MEMBER = re.compile(r"^(?:thresholds|transferLearningModels)\[(.*?)\](?:\.|$)")
_CAUSES = {
    f"{NO_EFFECT}learned-optimizer": "the learned optimizer sets the rate",
    f"{NO_EFFECT}switched-off": "it is switched off",
    f"{NO_EFFECT}disabled-layer": "the layer is disabled",
}


def headline(change: Change, verdict: Verdict, documents: Documents) -> str:
    """Return the change in one line."""
    told = _told(change, verdict, documents)
    cause = _CAUSES.get(verdict.rule)
    return f"{told}, no effect now ({cause})" if cause else told


def _told(change: Change, verdict: Verdict, documents: Documents) -> str:
    special = _SPECIAL.get(change.pattern)
    if change.kind is Kind.MOVED:
        return _moved(change, documents.new)
    if special is not None:
        return special(change, verdict)
    if change.path.startswith(("visualLayers[", "thresholds[")):
        return _part(change, documents)
    if change.path.startswith(CATALOGUE):
        return _catalogue(change, verdict)
    return _plain(_label(change), change)


def layer_words(layer: Json) -> str:
    """Return a layer in words: `dense (neurons 20)`."""
    if not isinstance(layer, dict):
        return value_words(layer)
    rest = ", ".join(
        f"{_spaced(key)} {value_words(part)}" for key, part in layer.items() if key != "type"
    )
    name = value_words(layer.get("type"))
    return f"{name} ({rest})" if rest else name


def value_words(value: Json) -> str:
    """Return a value as a headline writes it, cut where it is long."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case str():
            text = shown(value) or "(empty)"  # before it is cut, or half a fingerprint stays
        case _:
            text = shown(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(label: str, change: Change) -> str:
    match change.kind:
        case Kind.ADDED:
            return f"{label} added: {value_words(change.after)}"
        case Kind.REMOVED:
            return f"{label} removed, was {value_words(change.before)}"
        case _ if isinstance(change.before, list) and isinstance(change.after, list):
            return f"{label}{_list_change(change.before, change.after)}"
        case _:
            return f"{label}: {value_words(change.before)} → {value_words(change.after)}"


def _label(change: Change) -> str:
    row: Field = field_of(change)
    if row.pattern.endswith("{}"):
        return f"{row.label} {_last_key(change.path)}"
    if row.pattern.endswith("?"):
        return f"Field {change.path}, unknown to this version"
    return row.label


def _last_key(path: str) -> str:
    quoted = re.search(r'\["(.*)"\]$', path)
    return quoted.group(1) if quoted else path.rsplit(".", 1)[-1]


def _spaced(key: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: f" {match.group(1).lower()}", key)


def _trained(change: Change, _verdict: Verdict) -> str:
    if change.after is True:
        return "The block is now trained"
    return "Training lost: the block is no longer trained"


def _model_type(change: Change, _verdict: Verdict) -> str:
    if change.after == "requiresRetrain":
        return f"Studio asks to train again (selected model was {value_words(change.before)})"
    return _plain("Selected model", change)


def _mode(change: Change, _verdict: Verdict) -> str:
    return f"Switched from {value_words(change.before)} to {value_words(change.after)} mode"


def _block_type(change: Change, _verdict: Verdict) -> str:
    if change.kind is Kind.REPLACED:
        before, after = value_words(change.before), value_words(change.after)
        return f"Block replaced under the same id: {before} → {after}"
    return _plain("Block type", change)


def _script(change: Change, verdict: Verdict) -> str:
    if verdict.rule == "script:same-program":
        return "Training script: only comments or formatting changed, same program"
    before, after = str(change.before), str(change.after)
    lines = changed_lines(before, after)
    added = sum(1 for line in lines if line.startswith("+"))
    counts = f"{added} {'line' if added == 1 else 'lines'} added, {len(lines) - added} removed"
    return f"Training script: {'; '.join(describe_script(before, after))} ({counts})"


def _layer(change: Change, _verdict: Verdict) -> str:
    place = _layer_number(change.path)
    match change.kind:
        case Kind.ADDED:
            return f"Layer {place} added: {layer_words(change.after)}"
        case Kind.REMOVED:
            return f"Layer {place} removed: {layer_words(change.before)}"
        case _:
            before, after = layer_words(change.before), layer_words(change.after)
            return f"Layer {place} replaced: {before} → {after}"


def _threshold(change: Change, _verdict: Verdict) -> str:
    one = change.after if change.kind is Kind.ADDED else change.before
    value = value_words(one.get("value") if isinstance(one, dict) else one)
    if change.kind is Kind.ADDED:
        return f"Threshold {_member(change)} added: {value}"
    return f"Threshold {_member(change)} removed, was {value}"


def _samples(change: Change, _verdict: Verdict) -> str:
    text = _plain("Samples", change)
    match change.before, change.after:
        case (int() | float() as before, int() | float() as after) if before:
            return f"{text} ({(after - before) / before:+.0%})"
        case _:
            return text


_SPECIAL: dict[str, Callable[[Change, Verdict], str]] = {
    "trained": _trained,
    "selectedModelType": _model_type,
    "mode": _mode,
    "type": _block_type,
    "script": _script,
    "visualLayers[]": _layer,
    "thresholds[]": _threshold,
    "dependencies.sampleCount": _samples,
}


def _part(change: Change, documents: Documents) -> str:
    """Return what changed inside a layer or a threshold."""
    if change.path.startswith("visualLayers["):
        return _layer_property(change, documents.new)
    return _threshold_part(change, documents)


def _moved(change: Change, new: JsonObject) -> str:
    layer = layer_words(_layer_at(change.path, new))
    return f"Layer {layer} moved from place {_place(change.before)} to {_place(change.after)}"


def _layer_property(change: Change, new: JsonObject) -> str:
    layer = _layer_at(change.path, new)
    kind = f" ({value_words(layer.get('type'))})" if isinstance(layer, dict) else ""
    name = f"Layer {_layer_number(change.path)}{kind}"
    return f"{name}: {_lower(_plain(_label(change), change))}"


def _layer_at(path: str, document: JsonObject) -> Json:
    layers, place = document.get("visualLayers"), _layer_number(path)
    return layers[place - 1] if isinstance(layers, list) and place <= len(layers) else None


def _layer_number(path: str) -> int:
    """Return a layer's place as people count, from 1."""
    found = _PLACE.match(path)
    return int(found.group(1)) + 1 if found else 0


def _place(index: Json) -> str:
    return str(index + 1) if isinstance(index, int) else value_words(index)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _member(change: Change) -> str:
    found = _MEMBER.match(change.path)
    return found.group(1) if found else change.path


def _threshold_part(change: Change, documents: Documents) -> str:
    key = _member(change)
    if change.pattern == "thresholds[].value":
        threshold = _threshold_of(key, documents.new)
        text = _plain(f"Threshold {key}{_described(threshold)}", change)
        return text + _beside_suggestion(change, threshold.get("suggestedValue"))
    if change.pattern == "thresholds[].suggestedValue":
        text = _plain(f"Suggested value of threshold {key}", change)
        return text + _left_behind(key, documents)
    if change.pattern.startswith("thresholds[].dropdownOptions"):
        return f"Options of threshold {key} changed"
    if change.pattern in ("thresholds[].description", "thresholds[].helpText"):
        return f"{_label(change)} of threshold {key} reworded"
    return _plain(f"{_label(change)} of threshold {key}", change)


def _threshold_of(key: str, document: JsonObject) -> JsonObject:
    thresholds = document.get("thresholds")
    for one in thresholds if isinstance(thresholds, list) else []:
        if isinstance(one, dict) and one.get("key") == key:
            return one
    return {}


def _described(threshold: JsonObject) -> str:
    words = threshold.get("description")
    return f" ({value_words(words)})" if words else ""


def _beside_suggestion(change: Change, suggested: Json) -> str:
    """Return which way a value went, seen from what Studio suggests."""
    before, after = as_number(change.before), as_number(change.after)
    if not (is_number(before) and is_number(after) and is_number(suggested)):
        return ""
    if is_same(after, suggested):
        return ", now as Studio suggests"
    way = "away from" if abs(after - suggested) > abs(before - suggested) else "towards"
    return f", {way} the suggested {value_words(suggested)}"


def _left_behind(key: str, documents: Documents) -> str:
    """Return that a threshold stayed where it was while its suggestion moved."""
    old, new = (as_number(_threshold_of(key, one).get("value")) for one in documents)
    if new is None or not is_same(old, new):
        return ""
    return f"; the threshold itself stayed at {value_words(new)}"


def _catalogue(change: Change, verdict: Verdict) -> str:
    model = _member(change)
    used = " (in use here)" if verdict.rule == "catalogue:model-in-use" else ""
    if change.pattern == f"{CATALOGUE}[]":
        what = "added to" if change.kind is Kind.ADDED else "removed from"
        return f"Model {_model_name(change)}{model} {what} the catalogue{used}"
    if change.pattern.endswith(".blockNoLongerAvailable") and change.after:
        return f"Model {model}{used} is no longer available{_reason(change.after)}"
    if change.pattern.endswith(".implementationVersion"):
        return _plain(f"Implementation of model {model}{used}", change)
    label = f"{change.path.removeprefix(_model_path(model))} of model {model}{used}"
    return _wording(label, change)


def _model_path(model: str) -> str:
    return f"{CATALOGUE}[{model}]."


def _wording(label: str, change: Change) -> str:
    """Return a change of the vendor's; of long texts only that there is one."""
    texts = (change.before, change.after)
    if any(isinstance(text, str) and len(text) > _LONGEST_WORDING for text in texts):
        return f"Catalogue, {label}: reworded"
    return _plain(f"Catalogue, {label}", change)


def _model_name(change: Change) -> str:
    one = change.after if change.kind is Kind.ADDED else change.before
    name = one.get("name") if isinstance(one, dict) else None
    return f"“{name}” " if isinstance(name, str) and name else ""


def _reason(withdrawal: Json) -> str:
    reason = withdrawal.get("reasonMarkdown") if isinstance(withdrawal, dict) else None
    words = plain_text(reason) if isinstance(reason, str) else ""
    if len(words) > _LONGEST_REASON:
        words = f"{words[:_LONGEST_REASON]}…"
    return f". Edge Impulse says: {words}" if words else ""


def _list_change(before: list[Json], after: list[Json]) -> str:
    old, new = Counter(map(value_words, before)), Counter(map(value_words, after))
    added, removed = list((new - old).elements()), list((old - new).elements())
    parts = [f"{_some(added)} added"] if added else []
    parts += [f"{_some(removed)} removed"] if removed else []
    if not parts:
        old_order, new_order = (_some([*map(value_words, side)]) for side in (before, after))
        return f" reordered: {old_order} → {new_order}"
    return f": {', '.join(parts)}"


def _some(values: list[str]) -> str:
    shown = ", ".join(values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
