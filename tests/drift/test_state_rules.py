"""Rules on state: what breaks them, and what they do not look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from auditor.drift.block_kinds import KERAS, kind_of
from auditor.drift.rules import (
    Between,
    Condition,
    OneOf,
    Rules,
    StaleAtMost,
    StateRule,
    TargetScope,
)
from auditor.drift.state_rules import BlockState, RuleViolation, find_violations, notice_of_break
from auditor.model import BlockKindName, Interval, ModelState, NoticeKind, Severity, TargetId
from tests.drift.answers import sample
from tests.drift.kinds import document_of

_PUMP = TargetId(1, 3)
_NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


def _broken(
    condition: Condition, path: str = "", *, state: ModelState = ModelState.TRAINED, days: int = 0
) -> list[str]:
    rules = Rules(states=(StateRule(name="r", path=path, condition=condition),))
    since = Interval(None, _NOW - timedelta(days=days))
    standing = BlockState(KERAS, {**sample(), "odd": {"x": "0.5"}}, state, since)
    return [violation.words for violation in find_violations(rules, _PUMP, standing, at=_NOW)]


@pytest.mark.parametrize(
    ("condition", "path", "holds"),
    [
        (Between(0.4, 0.8), "thresholds[min_score].value", True),
        (Between(0.6, 0.6), "thresholds[min_score].value", True),
        (Between(0.7, 0.8), "thresholds[min_score].value", False),
        (Between(0.7, 0.8), "thresholds[no_such].value", True),
        (Between(0.7, 0.8), "thresholds[*].value", False),
        (Between(0, 1), "odd.x", True),
        (Between(0, 1), "mode", False),
        (OneOf((True,)), "trained", True),
        (OneOf((1,)), "trained", False),
        (OneOf(("visual",)), "mode", True),
        (OneOf(("expert", "visual")), "mode", True),
        (OneOf(("expert",)), "mode", False),
        (OneOf((False,)), "useLearnedOptimizer", True),
        (OneOf((True,)), "useLearnedOptimizer", False),
        (OneOf((32,)), "noSuchField", True),
        (Between(0, 1), "noSuchField", True),
        (OneOf(("x",)), "thresholds", True),
        (OneOf((True, False)), "noSuchField", True),
        (OneOf((20,)), "visualLayers[0].neurons", True),
        (OneOf((20,)), "visualLayers[*].neurons", False),
    ],
)
def test_a_rule_holds_or_is_broken(condition: Condition, path: str, *, holds: bool) -> None:
    assert (_broken(condition, path) == []) is holds


def test_a_broken_rule_says_what_is_and_what_should_be() -> None:
    assert _broken(Between(0.7, 0.8), "thresholds[min_score].value") == [
        "thresholds[min_score].value is 0.6, should be between 0.7 and 0.8"
    ]


@pytest.mark.parametrize(
    ("state", "days", "holds"),
    [
        (ModelState.STALE, 8, False),
        (ModelState.STALE, 7, True),
        (ModelState.TRAINED, 80, True),
        (ModelState.UNTRAINED, 80, True),
    ],
)
def test_a_model_may_be_stale_for_so_long(state: ModelState, days: int, *, holds: bool) -> None:
    assert (_broken(StaleAtMost(7), state=state, days=days) == []) is holds


def test_a_rule_is_for_its_scope_alone() -> None:
    rule = StateRule(
        name="r",
        path="trained",
        condition=OneOf((False,)),
        scope=TargetScope(projects=frozenset({2})),
    )
    standing = BlockState(KERAS, sample(), ModelState.TRAINED, None)

    assert find_violations(Rules(states=(rule,)), _PUMP, standing, at=_NOW) == ()
    assert find_violations(Rules(states=(rule,)), TargetId(2, 1), standing, at=_NOW) != ()


def test_the_notice_of_a_break_names_rule_and_severity() -> None:
    first = RuleViolation(
        target=_PUMP, rule="sane", path="mode", words="mode is odd", severity=Severity.LOW
    )
    notice = notice_of_break(first)

    assert (notice.kind, notice.severity) == (NoticeKind.RULE_BROKEN, Severity.LOW)
    assert notice.text == "Rule “sane” is broken: mode is odd"


@pytest.mark.parametrize(
    ("condition", "param", "holds"),
    [
        (Between(8, 64), "fft-length", True),
        (Between(32, 64), "fft-length", False),
        (OneOf((16,)), "fft-length", True),
        (OneOf((True,)), "do-log", True),
        (OneOf((False,)), "do-log", False),
        (OneOf(("db4",)), "wavelet", True),
    ],
)
def test_a_parameter_of_a_block_is_checked_by_what_it_spells(
    condition: Condition, param: str, *, holds: bool
) -> None:
    rules = Rules(
        states=(StateRule(name="r", path=f"config[{param}].value", condition=condition),)
    )
    kind = kind_of(BlockKindName.PROCESSING)
    state = BlockState(kind, document_of(BlockKindName.PROCESSING), ModelState.NONE, None)

    assert (find_violations(rules, _PUMP, state, at=_NOW) == ()) is holds
