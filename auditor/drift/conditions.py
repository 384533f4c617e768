"""Open conditions: which bad states of a block last, and when they begin and end.

Rules:
- A run opens and ends only the kinds of conditions that it can judge of a block. What was not
  read keeps its conditions.
- A training is lost where a model was trained and is untrained now. It ends when the model is
  trained again, or a person approves the version. A model that was never trained is no condition.
- Features are missing where they were generated and are not any more, until they are again.
- A model that is as it was trained is neither stale nor lost, also where nothing was read anew.
- A condition that is open stays the same one, and began when it began, whatever its headline or
  severity is now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from auditor.drift.state_rules import RuleViolation, without_layer_places
from auditor.model import (
    ConditionKind,
    Finding,
    ModelState,
    OpenCondition,
    Severity,
    TargetId,
)

_Key: TypeAlias = tuple[ConditionKind, TargetId, str]
_MODEL_EXISTS = (ModelState.TRAINED, ModelState.STALE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCondition:
    """A bad state that a block is in; `key` as in `OpenCondition`."""

    kind: ConditionKind
    severity: Severity
    headline: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedConditions:
    """What was found of a block's conditions; those of the kinds `judged` not found have ended."""

    target: TargetId
    judged: frozenset[ConditionKind]
    found: tuple[FoundCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class ConditionChanges:
    """What changes in open conditions; `restated` have another severity or headline."""

    begun: tuple[OpenCondition, ...] = ()
    ended: tuple[OpenCondition, ...] = ()
    restated: tuple[OpenCondition, ...] = ()


GENERATED = "dsp.features.generated"
MISSING = FoundCondition(
    kind=ConditionKind.MISSING,
    severity=Severity.HIGH,
    headline="Block is missing: Studio no longer lists it",
)
_TRAINING_LOST = FoundCondition(
    kind=ConditionKind.TRAINING_LOST,
    severity=Severity.CRITICAL,
    headline="Training lost, and the block was not trained again",
)
_FEATURES_MISSING = FoundCondition(
    kind=ConditionKind.FEATURES_MISSING,
    severity=Severity.MEDIUM,
    headline="Features are not generated: the edit has no effect until they are",
)
_STALE_BY_STUDIO = FoundCondition(
    kind=ConditionKind.STALE,
    severity=Severity.HIGH,
    headline="Model is stale: Studio asks for a new training",
)
_STALE_BY_EDIT = replace(
    _STALE_BY_STUDIO,
    headline="Model is stale: settings or data changed after its training (inferred)",
)


def judge_model(
    before: ModelState, now: ModelState, *, asks_for_training: bool
) -> tuple[frozenset[ConditionKind], tuple[FoundCondition, ...]]:
    """Return the kinds that a new version's model state judges, and what it finds of them."""
    if now is ModelState.NONE:
        return frozenset({ConditionKind.STALE, ConditionKind.TRAINING_LOST}), ()
    if now in _MODEL_EXISTS:
        stale = _STALE_BY_STUDIO if asks_for_training else _STALE_BY_EDIT
        found = (stale,) if now is ModelState.STALE else ()
        return frozenset({ConditionKind.STALE, ConditionKind.TRAINING_LOST}), found
    if now is ModelState.UNTRAINED and before in _MODEL_EXISTS:
        judged = frozenset({ConditionKind.STALE, ConditionKind.TRAINING_LOST})
        return judged, (_TRAINING_LOST,)
    return frozenset({ConditionKind.STALE}), ()


def judge_features(
    paths: Iterable[str], *, lacks_features: bool
) -> tuple[frozenset[ConditionKind], tuple[FoundCondition, ...]]:
    """Return whether a processing block's changed version opens or ends that features wait.

    `paths` are all that changed. Features that were never generated are no condition.
    """
    kinds = frozenset({ConditionKind.FEATURES_MISSING})
    if not lacks_features:
        return kinds, ()
    return (kinds, (_FEATURES_MISSING,)) if GENERATED in paths else (frozenset(), ())


def judge_unchanged_model(state: ModelState) -> frozenset[ConditionKind]:
    """Return the kinds that are over where an unchanged block's model has this state."""
    if state is ModelState.TRAINED:
        return frozenset({ConditionKind.STALE, ConditionKind.TRAINING_LOST})
    return frozenset()


def is_said_by_studio(condition: OpenCondition) -> bool:
    """Return whether Studio itself says that a model is stale; else it is inferred."""
    return condition.headline == _STALE_BY_STUDIO.headline


def condition_of_rule(violation: RuleViolation) -> FoundCondition:
    """Return a broken rule as a condition."""
    return FoundCondition(
        kind=ConditionKind.RULE_BROKEN,
        severity=violation.severity,
        headline=f"Rule “{violation.rule}” is broken: {violation.words}",
        key=key_of_rule(violation.rule, violation.path),
    )


def key_of_rule(rule: str, path: str) -> str:
    """Return the key of a rule that is broken at a path."""
    return f"{rule} {without_layer_places(path)}"


def condition_of_baseline(differences: Sequence[Finding]) -> FoundCondition:
    """Return that a block differs from its baseline; the differences are worst first."""
    worst, more = differences[0], len(differences) - 1
    rest = f" (and {more} more)" if more else ""
    return FoundCondition(
        kind=ConditionKind.OFF_BASELINE,
        severity=max(Severity.MEDIUM, worst.severity, key=lambda severity: severity.rank),
        headline=f"Differs from the baseline: {worst.headline}{rest}",
    )


def compare_conditions(
    open_before: Iterable[OpenCondition],
    judged: Iterable[JudgedConditions],
    *,
    run_id: int,
    at: datetime,
) -> ConditionChanges:
    """Return how a run changes what is open; what begins began `at`."""
    changes = _Changes()
    by_target: dict[TargetId, dict[_Key, OpenCondition]] = defaultdict(dict)
    for condition in open_before:
        by_target[condition.target][_key(condition)] = condition
    for each in judged:
        before = by_target[each.target]
        found = {
            (condition.kind, each.target, condition.key): OpenCondition(
                kind=condition.kind,
                target=each.target,
                severity=condition.severity,
                headline=condition.headline,
                since=at,
                run_id=run_id,
                key=condition.key,
            )
            for condition in each.found
        }
        changes.add(before, found, each.judged)
    return ConditionChanges(tuple(changes.begun), tuple(changes.ended), tuple(changes.restated))


def apply_changes(
    open_before: Iterable[OpenCondition], changes: ConditionChanges
) -> tuple[OpenCondition, ...]:
    """Return what is open after the changes."""
    after = {_key(condition): condition for condition in open_before}
    for ended in changes.ended:
        del after[_key(ended)]
    after.update((_key(each), each) for each in (*changes.begun, *changes.restated))
    return tuple(after.values())


def worst_conditions_first(conditions: Iterable[OpenCondition]) -> tuple[OpenCondition, ...]:
    """Return conditions by severity, then by time, the oldest first."""
    return tuple(
        sorted(
            conditions,
            key=lambda each: (-each.severity.rank, each.since, each.target, each.kind, each.key),
        )
    )


@dataclass(slots=True)
class _Changes:
    begun: list[OpenCondition] = field(default_factory=list)
    ended: list[OpenCondition] = field(default_factory=list)
    restated: list[OpenCondition] = field(default_factory=list)

    def add(
        self,
        before: dict[_Key, OpenCondition],
        found: dict[_Key, OpenCondition],
        judged: frozenset[ConditionKind],
    ) -> None:
        for key, condition in found.items():
            same = before.get(key)
            if same is None:
                self.begun.append(condition)
                continue
            restated = replace(same, severity=condition.severity, headline=condition.headline)
            if restated != same:
                self.restated.append(restated)
        self.ended += [
            condition
            for key, condition in before.items()
            if condition.kind in judged and key not in found
        ]


def _key(condition: OpenCondition) -> _Key:
    return condition.kind, condition.target, condition.key
