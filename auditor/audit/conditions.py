"""Open conditions in a run: what each result says of them, and which are open at its end."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from auditor.drift.canonical import parse
from auditor.drift.causes import lacks_features
from auditor.drift.conditions import (
    MISSING,
    FoundCondition,
    JudgedConditions,
    apply_changes,
    compare_conditions,
    condition_of_baseline,
    condition_of_rule,
    judge_features,
    judge_model,
    judge_unchanged_model,
    key_of_rule,
    worst_conditions_first,
)
from auditor.drift.model_state import asks_for_training
from auditor.model import (
    BlockKindName,
    ConditionKind,
    ModelState,
    OpenCondition,
    TargetId,
    TargetState,
)
from auditor.records import KnownTarget, RuleBreach
from auditor.results import Missing, NewVersion, ReadResult, TargetResult, Unchanged, Unreadable

_PRESENCE = frozenset({ConditionKind.MISSING})
_OF_EVERY_READING = frozenset(
    {ConditionKind.MISSING, ConditionKind.RULE_BROKEN, ConditionKind.OFF_BASELINE}
)


def judge_conditions(result: TargetResult, known: KnownTarget | None) -> JudgedConditions | None:
    """Return what a result says of its target's conditions, None where it says nothing."""
    match result:
        case Missing():
            return JudgedConditions(target=result.target, judged=_PRESENCE, found=(MISSING,))
        case Unreadable():
            is_back = result.was_asked_for and known and known.state is TargetState.MISSING
            return JudgedConditions(target=result.target, judged=_PRESENCE) if is_back else None
        case Unchanged():
            of_reading = _judge_reading(result)
            now = ModelState.TRAINED if result.is_retrained else known and known.model_state
            over = judge_unchanged_model(now) if now else frozenset()
            return replace(of_reading, judged=of_reading.judged | over)
        case NewVersion():
            return _judge_version(result, known)


def _judge_reading(result: ReadResult) -> JudgedConditions:
    """Return what holds of a target whatever its model is."""
    rules = {condition.key: condition for condition in map(condition_of_rule, result.violations)}
    found = tuple(rules.values())
    if result.baseline is not None and result.baseline.unaccepted:
        found += (condition_of_baseline(result.baseline.unaccepted),)
    return JudgedConditions(target=result.target, judged=_OF_EVERY_READING, found=found)


def _judge_version(result: NewVersion, known: KnownTarget | None) -> JudgedConditions:
    of_reading = _judge_reading(result)
    before = known.model_state if known else ModelState.UNKNOWN
    judged, found = judge_model(
        before,
        result.model_state,
        asks_for_training=result.model_state is ModelState.STALE
        and asks_for_training(parse(result.snapshot.document)),
    )
    kinds, features = _judge_features(result)
    return JudgedConditions(
        target=result.target,
        judged=of_reading.judged | judged | kinds,
        found=(*found, *features, *of_reading.found),
    )


def _judge_features(
    result: NewVersion,
) -> tuple[frozenset[ConditionKind], tuple[FoundCondition, ...]]:
    if result.kind is not BlockKindName.PROCESSING:
        return frozenset(), ()
    changed = (*result.findings, *(suppressed.finding for suppressed in result.suppressed))
    return judge_features(
        {path for finding in changed for path in (finding.path, *finding.folded)},
        lacks_features=lacks_features(parse(result.snapshot.document)),
    )


def end_rules(
    ended: Iterable[RuleBreach], open_before: Sequence[OpenCondition]
) -> tuple[JudgedConditions, ...]:
    """Return what ended breaches say of the conditions of their targets.

    A rule that left the configuration is over also where its target could not be read.
    """
    over = {(each.target, key_of_rule(each.rule, each.path)) for each in ended}
    targets = sorted({target for target, _ in over})
    return tuple(
        JudgedConditions(
            target=target,
            judged=frozenset({ConditionKind.RULE_BROKEN}),
            found=tuple(
                FoundCondition(
                    kind=each.kind, severity=each.severity, headline=each.headline, key=each.key
                )
                for each in open_before
                if each.kind is ConditionKind.RULE_BROKEN
                and each.target == target
                and (target, each.key) not in over
            ),
        )
        for target in targets
    )


def conditions_at_end(
    open_before: Sequence[OpenCondition],
    judged: Sequence[JudgedConditions],
    targets: Container[TargetId],
    *,
    run_id: int,
    at: datetime,
) -> tuple[OpenCondition, ...]:
    """Return what is open of a run's targets at its end, worst first.

    `open_before` is what its batches left open, and `judged` what only its end can say.
    """
    changes = compare_conditions(open_before, judged, run_id=run_id, at=at)
    return worst_conditions_first(
        replace(condition, since=at) if condition.run_id == run_id else condition
        for condition in apply_changes(open_before, changes)
        if condition.target in targets
    )
