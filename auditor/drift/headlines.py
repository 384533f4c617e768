"""The headline of a finding: one line in Studio's words that says what changed, with its unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from auditor.drift.canonical import as_number, is_number, is_same
from auditor.drift.compare import NO_DOCUMENTS, Documents, identity_of_model
from auditor.drift.fields import CATALOGUE, TYPE_PATTERNS, Field, names_model
from auditor.drift.parameter_words import describe_parameter, is_of_parameter
from auditor.drift.policy import NO_EFFECT, POLICIES, REQUIRES_RETRAIN, Verdict, field_of
from auditor.drift.script import changed_lines, describe_script, name_formalities
from auditor.drift.wording import describe_list, describe_outputs, describe_pair, value_words
from auditor.model import Change, Json, JsonObject, Kind

_MAX_VENDOR_TEXT = 24
_MAX_REASON = 240
_MAX_MARKDOWN = 4_000  # characters read; the result is cut far below that
_LAYER_PATH = re.compile(r"visualLayers\[(\d+)\]")
_MEMBER_PATH = re.compile(
    r"^(?:(?:metadata\.)?thresholds|transferLearningModels)\[(.*?)\](?:\.|$)"
)
_PROPERTY_WORDS = {"organizationModelId": "custom model"}
_NO_EFFECT_CAUSES = {
    f"{NO_EFFECT}learned-optimizer": "the learned optimizer sets the rate",
    f"{NO_EFFECT}switched-off": "it is switched off",
    f"{NO_EFFECT}disabled-layer": "the layer is disabled",
}

# Possessive and bounded, else an unfinished "[a](" repeated many times takes minutes.
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500}+)\]\(<?([^()\s>]{0,500}+)>?[^()\n]{0,200}+\)")
_MARKS = re.compile(r"(\*\*|__|~~|`+)")
_EMPHASIS = re.compile(r"(?<![\w*_])[*_](?=\S)([^*_\n]+?)(?<=\S)[*_](?![\w*_])")
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)", re.MULTILINE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")


def headline(change: Change, verdict: Verdict, documents: Documents) -> str:
    """Return one line that says what changed.

    `documents` adds what else the answers say about the layer or threshold.
    """
    words = _words(change, verdict, documents)
    cause = _NO_EFFECT_CAUSES.get(verdict.rule)
    return f"{words}, no effect now ({cause})" if cause else words


def layer_words(layer: Json, names: Mapping[str, str] = NO_DOCUMENTS.names) -> str:
    """Return a layer in words: `dense (neurons 20)`, with its model by `names` of identities."""
    if not isinstance(layer, dict):
        return value_words(layer)
    properties = [
        f"{_PROPERTY_WORDS.get(key) or _spaced(key)} {value_words(value)}"
        for key, value in layer.items()
        if key != "type"
    ]
    type_, name = value_words(layer.get("type")), _model_name(layer, names)
    if name and "organizationModelId" not in layer:
        properties.insert(0, type_)
    head = name or type_
    return f"{head} ({', '.join(properties)})" if properties else head


def plain_text(markdown: str) -> str:
    """Return Markdown as one line of plain text, links as `text (address)`."""
    text = _LINK.sub(_link_text, markdown[:_MAX_MARKDOWN])
    text = _LINE_START.sub("", _TAG.sub("", text))
    text = _EMPHASIS.sub(r"\1", _MARKS.sub("", text))
    return " ".join(text.split())


def _words(change: Change, verdict: Verdict, documents: Documents) -> str:  # noqa: PLR0911 - one for each part
    if describe := _OWN_WORDS.get(change.pattern):
        return describe(change, verdict)
    if is_of_parameter(change):
        return describe_parameter(change, documents)
    if change.path.startswith("visualLayers["):
        if change.pattern == "visualLayers[]":
            return _layer(change, documents)
        return _layer_property(change, documents)
    if "thresholds[]" in change.pattern:
        return _threshold_words(change, documents)
    if change.path.startswith(CATALOGUE):
        return _catalogue(change, verdict, documents.names)
    return _setting(change, documents)


def _setting(change: Change, documents: Documents) -> str:
    is_default = change.pattern == "batchSize" and None in (change.before, change.after)
    if is_default:
        return _batch_size(change, documents)
    unit = field_of(change).unit
    return _value_change(_label(change), change) + (f" {unit}" if unit else "")


def _value_change(label: str, change: Change) -> str:
    """Return the words that fit any field: what was added, removed, or changed to what."""
    if _is_switch(change):
        return f"{label}: {_on_off(change.before)} → {_on_off(change.after)}"
    match change.kind:
        case Kind.ADDED:
            return f"{label} added: {value_words(change.after)}"
        case Kind.REMOVED:
            return f"{label} removed, was {value_words(change.before)}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            if isinstance(change.before, list) and isinstance(change.after, list):
                return f"{label}{describe_list(change.before, change.after)}"
            return f"{label}{describe_pair(change.before, change.after)}"


def _is_switch(change: Change) -> bool:
    """Return whether a setting that is off where it is absent was switched on or off."""
    sides = (change.before, change.after)
    is_boolean = all(side is None or isinstance(side, bool) for side in sides)
    return is_boolean and None in sides and not change.pattern.endswith("?")


def _on_off(value: Json) -> str:
    return "on" if value else "off"


def _label(change: Change) -> str:
    row: Field = field_of(change)
    if row.pattern.endswith("{}"):
        return f"{row.label} {_last_key(change.path)}"
    if row.pattern.endswith("?"):
        return f"Unknown field {change.path}"
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
    if change.after == REQUIRES_RETRAIN:
        return f"Studio asks to train again (selected model was {value_words(change.before)})"
    if change.before == REQUIRES_RETRAIN:
        return f"Studio no longer asks to train again (selected model {value_words(change.after)})"
    return _value_change("Selected model", change)


def _mode(change: Change, _verdict: Verdict) -> str:
    return f"Switched from {value_words(change.before)} to {value_words(change.after)} mode"


def _block_type(change: Change, _verdict: Verdict) -> str:
    if change.kind is Kind.REPLACED:
        before, after = value_words(change.before), value_words(change.after)
        return f"Block replaced under the same id: {before} → {after}"
    return _value_change("Block type", change)


def _policy(change: Change, _verdict: Verdict) -> str:
    """Return that a policy was switched, where it came or went as a whole, with its details."""
    label = _label(change)
    policies = [side for side in (change.before, change.after) if isinstance(side, dict)]
    if len(policies) != 1 or policies[0].get("enabled") is not True:
        return _value_change(label, change)
    if not isinstance(change.after, dict):
        return f"{label}: on → off"
    details = (
        f"{_label(_detail(change, key))} {value_words(value)}"
        for key, value in policies[0].items()
        if key != "enabled"
    )
    return "; ".join([f"{label}: off → on", *details])


def _detail(policy: Change, key: str) -> Change:
    path, pattern = (f"{place}.{key}" for place in (policy.path, policy.pattern))
    return replace(policy, path=path, pattern=pattern)


def _script(change: Change, verdict: Verdict) -> str:
    before, after = str(change.before), str(change.after)
    if verdict.rule == "script:same-program":
        *more, last = name_formalities(before, after)
        return f"Training script: only {', '.join(more)} or {last} changed, same program"
    counts = _count_lines(changed_lines(before, after))
    return f"Training script: {'; '.join(describe_script(before, after))} ({counts})"


def _count_lines(changed: Sequence[str]) -> str:
    """Return how many lines came and went; one that is a comment now, or was, is its own count."""
    removed, added = (
        [line[1:].strip() for line in changed if line[0] == sign] for sign in ("-", "+")
    )
    commented = (Counter(removed) & Counter(_code_in_comments(added))).total()
    restored = (Counter(_code_in_comments(removed)) & Counter(added)).total()
    counts = [
        (len(added) - commented - restored, "added"),
        (len(removed) - commented - restored, "removed"),
        (commented, "commented out"),
        (restored, "no longer commented out"),
    ]
    named = [count for count in counts if count[0]] if commented or restored else counts[:2]
    first = f"{named[0][0]} {'line' if named[0][0] == 1 else 'lines'} {named[0][1]}"
    return ", ".join([first, *(f"{number} {what}" for number, what in named[1:])])


def _code_in_comments(lines: Iterable[str]) -> list[str]:
    """Return what those of the lines say that are comments, without empty ones."""
    texts = (line.lstrip("# ") for line in lines if line.startswith("#"))
    return [text for text in texts if text]


def _sample_count(change: Change, _verdict: Verdict) -> str:
    words = _value_change("Samples", change)
    match change.before, change.after:
        case (int() | float() as before, int() | float() as after) if before:
            return f"{words} ({_percent(before, after)})"
        case _:
            return words


def _percent(before: float, after: float) -> str:
    """Return by how much a number changed, with a decimal where a whole percent would mislead."""
    percent = (after - before) / before * 100
    for decimals in range(3):
        rounded = round(percent, decimals)
        if rounded not in (0, -100) or percent == -100:
            return f"{percent:+,.{decimals}f}%"
    return "more than 99.99% fewer" if percent < -1 else "less than 0.01%"


def _output_classes(change: Change, _verdict: Verdict) -> str:
    if isinstance(change.before, list) and isinstance(change.after, list):
        return f"Output classes{describe_outputs(change.before, change.after)}"
    return _value_change("Output classes", change)


_OWN_WORDS: dict[str, Callable[[Change, Verdict], str]] = {
    "trained": _trained,
    "selectedModelType": _model_type,
    "mode": _mode,
    **dict.fromkeys(TYPE_PATTERNS, _block_type),
    "script": _script,
    **dict.fromkeys(POLICIES, _policy),
    "dependencies.sampleCount": _sample_count,
    "dependencies.outputClasses": _output_classes,
}
"""By pattern: fields whose change has words of its own."""


def _batch_size(change: Change, documents: Documents) -> str:
    """Return the words of a batch size, which is Studio's default where it is absent."""
    if change.before is None:
        before, after = _default_batch_size(documents.old), value_words(change.after)
    else:
        before, after = value_words(change.before), _default_batch_size(documents.new)
    return f"Batch size: {before} → {after}"


def _default_batch_size(document: JsonObject) -> str:
    return f"Studio's default ({value_words(document.get('defaultBatchSize'))})"


def _layer(change: Change, documents: Documents) -> str:
    number, names = _layer_number(change.path), documents.names
    match change.kind:
        case Kind.ADDED:
            return f"Layer {number} added: {layer_words(change.after, names)}"
        case Kind.REMOVED:
            return f"Layer {number} removed: {layer_words(change.before, names)}"
        case Kind.MOVED:
            layer = layer_words(_layer_at(change.path, documents.new), names)
            places = f"{_place_number(change.before)} to {_place_number(change.after)}"
            return f"Layer {layer} moved from place {places}"
        case Kind.CHANGED | Kind.REPLACED:
            before, after = (layer_words(layer, names) for layer in (change.before, change.after))
            return f"Layer {number} replaced: {before} → {after}"


def _layer_property(change: Change, documents: Documents) -> str:
    layer = _layer_at(change.path, documents.new)
    head = f"Layer {_layer_number(change.path)}"
    if isinstance(layer, dict):
        head += f" ({_model_name(layer, documents.names) or value_words(layer.get('type'))})"
    if change.pattern == "visualLayers[].enabled":
        return f"{head} switched {'off' if change.after is False else 'on'}"
    words = _value_change(_label(change), change)
    return f"{head}: {words[:1].lower()}{words[1:]}"


def _model_name(layer: JsonObject, names: Mapping[str, str]) -> str:
    """Return what the catalogue calls the model that a layer names, empty without one."""
    name = names.get(identity_of_model(layer)) if names_model(layer.get("type")) else None
    return f"“{value_words(name)}”" if name else ""


def _layer_at(path: str, document: JsonObject) -> Json:
    layers, number = document.get("visualLayers"), _layer_number(path)
    return layers[number - 1] if isinstance(layers, list) and number <= len(layers) else None


def _layer_number(path: str) -> int:
    """Return the place of a layer, counted from 1."""
    found = _LAYER_PATH.match(path)
    return int(found.group(1)) + 1 if found else 0


def _place_number(index: Json) -> str:
    return str(index + 1) if isinstance(index, int) else value_words(index)


def _member_name(change: Change) -> str:
    found = _MEMBER_PATH.match(change.path)
    return found.group(1) if found else change.path


def _whole_threshold(change: Change) -> str:
    name = f"Threshold {_member_name(change)}"
    match change.kind:
        case Kind.ADDED:
            return f"{name} added: {_threshold_value(change.after)}"
        case Kind.REMOVED:
            return f"{name} removed, was {_threshold_value(change.before)}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            return _value_change(name, change)


def _threshold_value(threshold: Json) -> str:
    return value_words(threshold.get("value") if isinstance(threshold, dict) else threshold)


def _threshold_words(change: Change, documents: Documents) -> str:
    key = _member_name(change)
    change = replace(change, pattern=change.pattern.removeprefix("metadata."))
    if change.pattern == "thresholds[]":
        return _whole_threshold(change)
    if change.pattern == "thresholds[].value":
        threshold = _threshold_at(key, documents.new)
        description = threshold.get("description")
        suffix = f" ({value_words(description)})" if description else ""
        words = _value_change(f"Threshold {key}{suffix}", change)
        return words + _relative_to_suggestion(change, threshold.get("suggestedValue"))
    if change.pattern == "thresholds[].suggestedValue":
        words = _value_change(f"Suggested value of threshold {key}", change)
        return words + _unchanged_threshold(key, documents)
    if change.pattern.startswith("thresholds[].dropdownOptions"):
        return f"Options of threshold {key} changed"
    if change.pattern in ("thresholds[].description", "thresholds[].helpText"):
        return f"{_label(change)} of threshold {key} reworded"
    return _value_change(f"{_label(change)} of threshold {key}", change)


def _threshold_at(key: str, document: JsonObject) -> JsonObject:
    metadata = document.get("metadata")
    of_vlm = metadata.get("thresholds") if isinstance(metadata, dict) else None
    thresholds = document.get("thresholds", of_vlm)
    for threshold in thresholds if isinstance(thresholds, list) else []:
        if isinstance(threshold, dict) and threshold.get("key") == key:
            return threshold
    return {}


def _relative_to_suggestion(change: Change, suggested: Json) -> str:
    """Return whether a value moved towards the value that Studio suggests or away from it."""
    before, after = as_number(change.before), as_number(change.after)
    if not (is_number(before) and is_number(after) and is_number(suggested)):
        return ""
    if is_same(after, suggested):
        return ", now as Studio suggests"
    direction = "away from" if abs(after - suggested) > abs(before - suggested) else "towards"
    return f", {direction} the suggested {value_words(suggested)}"


def _unchanged_threshold(key: str, documents: Documents) -> str:
    """Return that a threshold kept its value while its suggested value changed."""
    old, new = (
        as_number(_threshold_at(key, document).get("value"))
        for document in (documents.old, documents.new)
    )
    if new is None or not is_same(old, new):
        return ""
    return f"; the threshold itself stayed at {value_words(new)}"


def _catalogue(change: Change, verdict: Verdict, names: Mapping[str, str]) -> str:
    identity = _member_name(change)
    name = None if change.path.endswith(f"[{identity}].name") else names.get(identity)
    model = f"“{value_words(name)}” {identity}" if name else identity
    in_use = " (in use here)" if verdict.rule == "catalogue:model-in-use" else ""
    if change.pattern == f"{CATALOGUE}[]":
        return _catalogue_entry(change, identity, in_use)
    if change.pattern.endswith(".blockNoLongerAvailable") and change.after:
        return f"Model {model}{in_use} is no longer available{_withdrawal_reason(change.after)}"
    if change.pattern.endswith(".implementationVersion"):
        return _value_change(f"Implementation of model {model}{in_use}", change)
    field = change.path.removeprefix(f"{CATALOGUE}[{identity}].")
    label = f"Catalogue, {field} of model {model}{in_use}"
    values = (change.before, change.after)
    if any(isinstance(value, str) and len(value) > _MAX_VENDOR_TEXT for value in values):
        return f"{label}: reworded"
    return _value_change(label, change)


def _catalogue_entry(change: Change, model: str, in_use: str) -> str:
    match change.kind:
        case Kind.ADDED:
            return f"Model {_quoted_name(change.after)}{model} added to the catalogue{in_use}"
        case Kind.REMOVED:
            return f"Model {_quoted_name(change.before)}{model} removed from the catalogue{in_use}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            return _value_change(f"Catalogue, model {model}{in_use}", change)


def _quoted_name(model: Json) -> str:
    name = model.get("name") if isinstance(model, dict) else None
    return f"“{name}” " if isinstance(name, str) and name else ""


def _withdrawal_reason(withdrawal: Json) -> str:
    reason = withdrawal.get("reasonMarkdown") if isinstance(withdrawal, dict) else None
    words = plain_text(reason) if isinstance(reason, str) else ""
    if len(words) > _MAX_REASON:
        words = f"{words[:_MAX_REASON]}…"
    return f". Edge Impulse says: {words}" if words else ""


def _link_text(found: re.Match[str]) -> str:
    words, address = found.group(1).strip(), found.group(2)
    if not words or words == address:
        return address
    return f"{words} ({address})" if address else words
