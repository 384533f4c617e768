from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.retention import Retention, jumped_ahead

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def ago(*days: float) -> list[datetime]:
    return [NOW - timedelta(days=day) for day in days]


def retention(days: int = 0, versions: int = 1, *, monthly: bool = False) -> Retention:
    return Retention(keep=timedelta(days=days), versions=versions, monthly=monthly)


@pytest.mark.parametrize(
    ("kept", "seen_at", "removable"),
    [
        pytest.param(retention(), [], (), id="nothing is stored"),
        pytest.param(retention(), ago(900), (), id="the current one, however old"),
        pytest.param(retention(), ago(3, 2, 1), (0, 1), id="all but the current one"),
        pytest.param(retention(30), ago(90, 29), (), id="one that was current within the days"),
        pytest.param(retention(30), ago(90, 31, 1), (0,), id="one that was followed before"),
        pytest.param(retention(30), ago(90, 30, 1), (0,), id="on the day itself"),
        pytest.param(retention(0, 3), ago(5, 4, 3, 2), (0,), id="beyond the newest three"),
        pytest.param(
            retention(monthly=True),
            [datetime(2026, 9, day, tzinfo=UTC) for day in (1, 5, 9, 30)] + ago(1),
            (1, 2),
            id="between the first and the last of a month",
        ),
    ],
)
def test_what_no_rule_holds_may_go(
    kept: Retention, seen_at: Sequence[datetime], removable: tuple[int, ...]
) -> None:
    assert kept.find_removable(seen_at, NOW) == removable


@given(
    st.lists(st.integers(0, 4000), max_size=30),
    st.builds(retention, st.integers(0, 5000), versions=st.integers(0, 40), monthly=st.booleans()),
)
def test_the_current_version_never_may_go(days: list[int], kept: Retention) -> None:
    seen_at = ago(*sorted(days, reverse=True))

    assert len(seen_at) - 1 not in kept.find_removable(seen_at, NOW)


@pytest.mark.parametrize(
    ("started", "is_ahead"),
    [
        pytest.param([], False, id="no run"),
        pytest.param(ago(0, 1, 2, 3), False, id="every night"),
        pytest.param(ago(0, 8, 9), False, id="a week off"),
        pytest.param(ago(0, 400, 401), True, id="more than a year past the last run"),
        pytest.param(ago(0, 1, 401), True, id="the night after that"),
        pytest.param(ago(0, 1, 2, 3, 4, 404), False, id="some nights after that"),
        pytest.param(ago(400, 0, 401), True, id="a clock set right again"),
        pytest.param(ago(0, 30, 60, 90, 120, 150), False, id="once a month"),
        pytest.param(ago(-45, 1, 2, 3, 4, -40, 6, 7), True, id="ahead for the second time"),
    ],
)
def test_a_clock_is_ahead_where_the_newest_runs_lie_far_past_those_before(
    started: Sequence[datetime], is_ahead: bool
) -> None:
    assert jumped_ahead(started) == is_ahead
