"""Patterns, scopes and windows of the operator's rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from auditor.drift.rules import (
    Between,
    IgnoreRule,
    OneOf,
    StaleAtMost,
    Subject,
    TargetScope,
    Window,
)
from auditor.drift.rules import matches as covers
from auditor.model import Area, TargetId

_NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("visualLayers", "visualLayers[2].neurons", True),
        ("visualLayers", "visualLayers", True),
        ("trained", "trainedTwice", False),
        ("thresholds[*].value", "thresholds[min_score].value", True),
        ("thresholds[*].value", "thresholds[min_score].suggestedValue", False),
        ("*.sampleCount", "dependencies.sampleCount", True),
        ("*", "anything[0].at.all", True),
        ("custom*[*]", 'customParameters["a.b"]', True),
        ("a*b*c", "aXbYc.d", True),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("learningRate", "learningrate", False),
        ("a.c", "abc", False),
    ],
)
def test_a_pattern_covers_what_it_names_and_all_beneath(
    pattern: str, path: str, *, expected: bool
) -> None:
    assert covers(pattern, path) is expected


def test_many_stars_cost_no_more_than_a_walk() -> None:
    assert not covers("*a" * 40, "a" * 39 + "b" * 5_000)


def test_a_scope_without_names_is_every_target_and_the_vendor() -> None:
    everything, one_project = TargetScope(), TargetScope(projects=frozenset({1}))

    assert everything.includes(None)
    assert not one_project.includes(None)
    assert one_project.includes(TargetId(1, 3))
    assert TargetScope(blocks=frozenset({TargetId(2, 4)})).includes(TargetId(2, 4))


def test_an_area_covers_only_itself() -> None:
    assert Subject(area=Area.DATA).covers("dependencies.classes", Area.DATA)
    assert not Subject(area=Area.DATA).covers("dependencies.classes", Area.LAYERS)


@pytest.mark.parametrize(
    ("after", "until", "expected"),
    [
        (_NOON - _HOUR, _NOON + _HOUR, True),
        (None, _NOON, True),
        (_NOON + 3 * _HOUR, _NOON + 4 * _HOUR, False),
        (_NOON - 2 * _HOUR, _NOON - _HOUR, False),
        (_NOON + 2 * _HOUR, _NOON + 3 * _HOUR, False),
    ],
    ids=["around the start", "first look", "after", "before", "from its end on"],
)
def test_a_window_touches_what_may_have_happened_in_it(
    after: datetime | None, until: datetime, *, expected: bool
) -> None:
    window = Window(reason="r", author="a", starts_at=_NOON, ends_at=_NOON + 2 * _HOUR)

    assert window.touches(after, until) is expected


def test_a_renewed_ignore_rule_is_another_rule() -> None:
    rule = IgnoreRule(
        name="samples",
        subject=Subject(path="dependencies.sampleCount"),
        reason="grows",
        author="anna",
        until=date(2026, 12, 1),
    )
    renewed = IgnoreRule(
        name=rule.name,
        subject=rule.subject,
        reason=rule.reason,
        author=rule.author,
        until=date(2027, 12, 1),
    )

    assert rule.is_in_force(date(2026, 12, 1))
    assert not rule.is_in_force(date(2026, 12, 2))
    assert rule.key != renewed.key


def test_conditions_read_as_words() -> None:
    assert str(Between(0, 1234567)) == "between 0 and 1234567"
    assert str(OneOf(("visual", True))) == '"visual" or true'
    assert str(StaleAtMost(7)) == "stale for at most 7 days"
