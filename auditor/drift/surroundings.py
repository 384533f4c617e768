"""What stands around the findings of a block: enough to draw them and to restore what was.

A finding carries the value at its own path. Who restores a layer has to send the whole stack, who
restores a detail of a policy the whole policy; who looks at a threshold wants its suggestion.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from auditor.drift.canonical import dump, parse
from auditor.drift.fields import CATALOGUE
from auditor.model import Area, Finding, Json, JsonObject, Surroundings

LAYERS, THRESHOLDS, SCRIPT, MODE = "visualLayers", "thresholds", "script", "mode"
PARAMETERS = "customParameters"
_TOP = re.compile(r"[^.\[]+")


def surroundings(
    old: JsonObject, new: JsonObject, findings: Iterable[Finding]
) -> Surroundings | None:
    """Return what stands around the findings between two answers, None where nothing is needed.

    Both answers have their secrets hidden.
    """
    own = tuple(findings)
    before = {key: old[key] for key in _needed(own) if key in old}
    after: JsonObject = {}
    if any(one.area is Area.LAYERS for one in own):
        after = {key: new[key] for key in (LAYERS, MODE) if key in new}
    if any(top_key(one.path) == THRESHOLDS for one in own):
        after[THRESHOLDS] = [*_suggestions(new.get(THRESHOLDS))]
    if not before and not after:
        return None
    ids = tuple(one.id for one in own)
    return Surroundings(before=dump(before), after=dump(after), findings=ids)


def top_key(path: str) -> str:
    """Return the field of the answer that a path lies in; empty where its name is quoted."""
    found = _TOP.match(path)
    return found.group() if found else ""


def stacks(around: Surroundings | None) -> tuple[list[JsonObject], list[JsonObject]] | None:
    """Return the old and the new stack of layers, None where not both are known and visual."""
    if around is None:
        return None
    before, after = parse(around.before), parse(around.after)
    if "expert" in (before.get(MODE), after.get(MODE)):
        return None
    old, new = before.get(LAYERS), after.get(LAYERS)
    if not isinstance(old, list) or not isinstance(new, list):
        return None
    return _objects(old), _objects(new)


def suggestion(around: Surroundings | None, path: str) -> float | None:
    """Return what Studio suggests for the threshold that a path lies in, where it is known."""
    members = parse(around.after).get(THRESHOLDS) if around else None
    for one in members if isinstance(members, list) else ():
        is_meant = isinstance(one, dict) and path.startswith(f"{THRESHOLDS}[{one.get('key')}]")
        value = one.get("suggestedValue") if isinstance(one, dict) and is_meant else None
        if isinstance(value, int | float):
            return value
    return None


def without_secrets(around: Surroundings | None, secrets: Collection[str]) -> Surroundings | None:
    """Return the surroundings less parameters of which one became known as a secret since."""
    if around is None:
        return None
    before = parse(around.before)
    parameters = before.get(PARAMETERS)
    if not isinstance(parameters, dict) or not any(key in secrets for key in parameters):
        return around
    kept = {key: value for key, value in before.items() if key != PARAMETERS}
    return replace(around, before=dump(kept))


def _needed(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the fields of the old answer that no finding carries whole itself, once each."""
    needed: dict[str, None] = {}
    for one in findings:
        for path in (one.path, *one.folded):
            key = top_key(path)
            if path != one.path or path != key:
                needed[key] = None
        if one.area in (Area.LAYERS, Area.SCRIPT):
            needed[MODE] = None
        if one.path == MODE:
            needed[LAYERS] = None
    yield from (key for key in needed if key not in ("", CATALOGUE, THRESHOLDS, "dependencies"))


def _suggestions(members: Json) -> Iterator[Json]:
    for one in members if isinstance(members, list) else ():
        value = one.get("suggestedValue") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(value, int | float):
            yield {"key": one.get("key"), "suggestedValue": value}


def _objects(members: list[Json]) -> list[JsonObject]:
    return [one for one in members if isinstance(one, dict)]
