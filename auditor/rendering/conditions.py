"""Open conditions in words: what lasts, how many, since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from auditor.drift.conditions import is_said_by_studio
from auditor.model import ConditionKind, OpenCondition
from auditor.rendering.words import count, day
from auditor.report import Report, TargetReport

_NOUNS = {
    ConditionKind.TRAINING_LOST: ("training lost", "trainings lost"),
    ConditionKind.STALE: ("model stale", "models stale"),
    ConditionKind.RULE_BROKEN: ("rule broken", "rules broken"),
    ConditionKind.MISSING: ("block missing", "blocks missing"),
    ConditionKind.OFF_BASELINE: ("block off the baseline", "blocks off the baseline"),
    ConditionKind.SIBLING_DIFFERS: ("sibling differs", "siblings differ"),
    ConditionKind.DEPLOYMENT_BEHIND: ("deployment behind", "deployments behind"),
    ConditionKind.FEATURES_MISSING: ("block without features", "blocks without features"),
}


_SHORT = {
    ConditionKind.TRAINING_LOST: "training lost",
    ConditionKind.STALE: "model stale",
    ConditionKind.RULE_BROKEN: "rule broken",
    ConditionKind.MISSING: "missing",
    ConditionKind.OFF_BASELINE: "off the baseline",
    ConditionKind.SIBLING_DIFFERS: "differs from siblings",
    ConditionKind.DEPLOYMENT_BEHIND: "deployment behind",
    ConditionKind.FEATURES_MISSING: "without features",
}


def name_kinds(conditions: Iterable[OpenCondition]) -> str:
    """Return `training lost, rule broken` of one block: each kind once."""
    return ", ".join(dict.fromkeys(_SHORT[condition.kind] for condition in conditions))


def count_kinds(conditions: Iterable[OpenCondition]) -> str:
    """Return `1 training lost, 2 models stale` of many blocks, in the order given."""
    counts = Counter(condition.kind for condition in conditions)
    return ", ".join(f"{number:,} {_NOUNS[kind][number > 1]}" for kind, number in counts.items())


def find_lasting(report: Report) -> tuple[OpenCondition, ...]:
    """Return the open conditions that an earlier run saw first, worst first.

    In a digest these are the runs that an earlier digest was of.
    """
    if report.digest is not None:
        after = report.digest.after
        return tuple(condition for condition in report.open if condition.run_id <= after)
    this_run = report.run.id or 0
    return tuple(condition for condition in report.open if condition.run_id != this_run)


def is_asked_for(target: TargetReport, report: Report) -> bool:
    """Return whether Studio itself asks to train the block's model again."""
    return any(
        condition.target == target.target and is_said_by_studio(condition)
        for condition in report.open
    )


def describe_worst(conditions: Sequence[OpenCondition]) -> str:
    """Return `1 training lost since 24 Nov`: those of the worst kind, the oldest's day."""
    worst = [condition for condition in conditions if condition.kind is conditions[0].kind]
    noun = _NOUNS[conditions[0].kind][len(worst) > 1]
    since = day(min(condition.since for condition in worst))
    return f"{len(worst):,} {noun} since {since.day} {since:%b}"


def count_conditions(conditions: Sequence[OpenCondition]) -> str:
    """Return `2 open conditions`."""
    return count(len(conditions), "open condition")


def count_older(conditions: Sequence[OpenCondition]) -> str:
    """Return `2 older open conditions, the worst critical`; they are worst first."""
    worst = conditions[0].severity
    how_bad = f", {'the worst ' if len(conditions) > 1 else ''}{worst}"
    return count(len(conditions), "older open condition") + how_bad
