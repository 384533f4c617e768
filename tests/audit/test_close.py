from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auditor.audit.close import draw_signs
from auditor.listings import MOST_RUNS_DRAWN, RunSummary
from auditor.model import RunInfo, RunStatus, TargetId, TargetState, Trigger
from auditor.report import Totals

PUMP, FAN = TargetId(1, 3), TargetId(1, 4)
FIRST = datetime(2026, 10, 1, 3, 15, tzinfo=UTC)


def night(number: int, state: TargetState | None) -> RunSummary:
    """Return a stored night in which the pump stood so; None: it was not audited."""
    audited = frozenset({FAN} if state is None else {FAN, PUMP})
    is_quiet = state is None or state is TargetState.IN_SYNC
    run = RunInfo(
        id=number,
        status=RunStatus.COMPLETE,
        trigger=Trigger.SCHEDULE,
        started_at=FIRST + timedelta(days=number),
    )
    return RunSummary(
        run=run,
        totals=Totals(),
        audited=audited,
        states={} if is_quiet or state is None else {PUMP: state},
        findings={},
    )


def newest_first(*states: TargetState | None) -> list[RunSummary]:
    return [night(number, state) for number, state in enumerate(states)][::-1]


def test_the_oldest_night_is_left_and_tonight_last() -> None:
    past = newest_first(
        TargetState.NEW,
        TargetState.IN_SYNC,
        None,
        TargetState.UNKNOWN,
        TargetState.MISSING,
        TargetState.DRIFTED,
    )

    assert draw_signs(PUMP, past, TargetState.DRIFTED) == "+· ?○▲▲"


def test_nights_before_the_first_sight_are_left_out() -> None:
    past = newest_first(None, None, TargetState.NEW)

    assert draw_signs(PUMP, past, TargetState.DRIFTED) == "+▲"


def test_no_more_than_a_month_is_shown() -> None:
    past = newest_first(*[TargetState.IN_SYNC] * 50)

    assert draw_signs(PUMP, past, TargetState.DRIFTED) == "·" * (MOST_RUNS_DRAWN - 1) + "▲"
