"""Excerpts of two answers: what is needed besides the findings to draw them and to restore.

A finding carries the value at its own path only. To restore one layer, the request has to contain
the whole stack; to restore a detail of a policy, the whole policy; and a picture of a threshold
shows the suggested value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from auditor.drift.block_kinds import BlockKind
from auditor.drift.canonical import dump, parse
from auditor.drift.fields import CATALOGUE
from auditor.model import Area, BlockKindName, Finding, Json, JsonObject
from auditor.report import AnswerExcerpt

LAYERS, THRESHOLDS, SCRIPT, MODE = "visualLayers", "thresholds", "script", "mode"
PARAMETERS = "customParameters"
_TOP_FIELD = re.compile(r"[^.\[]+")


def excerpt_answers(
    old: JsonObject, new: JsonObject, findings: Iterable[Finding], kind: BlockKind
) -> AnswerExcerpt | None:
    """Return the parts of two answers that the findings need, or None if they need none.

    The secrets in both answers must be hidden already.
    """
    findings = tuple(findings)
    is_keras = kind.name is BlockKindName.KERAS
    needed = _needed_fields(findings) if is_keras else kind.restored_with
    before = {key: old[key] for key in needed if key in old}
    after = {
        key: new[key]
        for key in before
        if key in new and (not is_keras or isinstance(new[key], dict | list))
    }
    if any(finding.area is Area.LAYERS for finding in findings):
        after |= {key: new[key] for key in (LAYERS, MODE) if key in new}
    if any(top_field(finding.path) == THRESHOLDS for finding in findings):
        after[THRESHOLDS] = [*_suggestions(new.get(THRESHOLDS))]
    if not before and not after:
        return None
    ids = tuple(finding.id for finding in findings)
    return AnswerExcerpt(before=dump(before), after=dump(after), findings=ids)


def top_field(path: str) -> str:
    """Return the top-level field of the answer that contains a path; empty for a quoted name."""
    found = _TOP_FIELD.match(path)
    return found.group() if found else ""


def layer_stacks(
    excerpt: AnswerExcerpt | None,
) -> tuple[list[JsonObject], list[JsonObject]] | None:
    """Return the old and the new stack of layers, None unless both are known and visual."""
    if excerpt is None:
        return None
    before, after = parse(excerpt.before), parse(excerpt.after)
    if "expert" in (before.get(MODE), after.get(MODE)):
        return None
    old, new = before.get(LAYERS), after.get(LAYERS)
    if not isinstance(old, list) or not isinstance(new, list):
        return None
    return _objects(old), _objects(new)


def suggested_value(excerpt: AnswerExcerpt | None, path: str) -> float | None:
    """Return the suggested value of the threshold that contains a path, None if unknown."""
    thresholds = parse(excerpt.after).get(THRESHOLDS) if excerpt else None
    for threshold in _objects(thresholds):
        value = threshold.get("suggestedValue")
        is_at_path = path.startswith(f"{THRESHOLDS}[{threshold.get('key')}]")
        if is_at_path and isinstance(value, int | float):
            return value
    return None


def drop_secret_parameters(
    excerpt: AnswerExcerpt | None, secrets: Collection[str]
) -> AnswerExcerpt | None:
    """Return the excerpt; without its parameters if one of them is now known to be secret."""
    if excerpt is None:
        return None
    before, after = (_without_secrets(side, secrets) for side in (excerpt.before, excerpt.after))
    return replace(excerpt, before=before, after=after)


def _without_secrets(side: bytes, secrets: Collection[str]) -> bytes:
    answer = parse(side)
    parameters = answer.get(PARAMETERS)
    if not isinstance(parameters, dict) or not any(key in secrets for key in parameters):
        return side
    return dump({key: value for key, value in answer.items() if key != PARAMETERS})


def _needed_fields(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the fields of the old answer that no finding carries completely, each once."""
    needed: dict[str, None] = {}
    for finding in findings:
        for path in (finding.path, *finding.folded):
            key = top_field(path)
            if path != finding.path or path != key:
                needed[key] = None
        if finding.area in (Area.LAYERS, Area.SCRIPT):
            needed[MODE] = None
        if finding.path == MODE:
            needed[LAYERS] = None
    yield from (key for key in needed if key not in ("", CATALOGUE, THRESHOLDS, "dependencies"))


def _suggestions(thresholds: Json) -> Iterator[Json]:
    for threshold in _objects(thresholds):
        value = threshold.get("suggestedValue")
        if isinstance(value, int | float):
            yield {"key": threshold.get("key"), "suggestedValue": value}


def _objects(members: Json) -> list[JsonObject]:
    if not isinstance(members, list):
        return []
    return [member for member in members if isinstance(member, dict)]
