"""Changes that undo earlier changes: reverted, back and forth, counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from auditor.drift.findings import finding_id
from auditor.drift.recurrence import PastChange, mark_recurrence, open_since
from auditor.model import Area, Finding, Json, Kind, Owner, Recurrence, Severity, Since, TargetId

_PUMP = TargetId(1, 3)
_NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
_PATH = "thresholds[min_score].value"


def _finding(before: Json, after: Json) -> Finding:
    return Finding(
        id=finding_id(_PUMP, _PATH, before, after),
        area=Area.THRESHOLDS,
        owner=Owner.INTENT,
        kind=Kind.CHANGED,
        path=_PATH,
        before=before,
        after=after,
        severity=Severity.HIGH,
        headline="score",
        rule="default:thresholds",
    )


def _past(days: int, before: Json, after: Json, **more: object) -> PastChange:
    values: dict[str, object] = {"path": _PATH, "since": Since.LAST} | more
    return PastChange(
        id=finding_id(_PUMP, _PATH, before, after),
        at=_NOW - timedelta(days=days),
        **values,  # type: ignore[arg-type]  # fields by name, for brevity
    )


def _alternating(*days: int) -> list[PastChange]:
    """Return changes 1 → 2, 2 → 1, …, made so many days ago."""
    return [_past(ago, 1 + place % 2, 2 - place % 2) for place, ago in enumerate(days)]


@pytest.mark.parametrize(
    ("past", "recurrence", "reversals"),
    [
        ([], Recurrence.FIRST, 0),
        (_alternating(3), Recurrence.REVERTED, 1),
        (_alternating(300), Recurrence.REVERTED, 1),
        ([_past(3, 1, 2), _past(2, 2, 5)], Recurrence.FIRST, 0),
        ([_past(3, 1, 2), _past(2, 2, 5), _past(1, 5, 2)], Recurrence.FIRST, 0),
        (_alternating(3, 2, 1), Recurrence.REVERTED, 3),
        (_alternating(5, 4, 3, 2, 1), Recurrence.STILL_FLAPPING, 5),
        (_alternating(19, 18, 17, 16, 15), Recurrence.REVERTED, 1),
        (_alternating(9, 8, 6, 2, 1), Recurrence.FLAPPING, 4),
        ([_past(1, 1, 2, path="batchSize")], Recurrence.FIRST, 0),
        ([_past(1, 1, 2, since=Since.BASELINE)], Recurrence.FIRST, 0),
    ],
    ids=[
        "never before",
        "reverted",
        "reverted after long",
        "another value since",
        "another value between",
        "three reversals",
        "back and forth from before",
        "flapped long ago",
        "begins to flap",
        "another path",
        "a difference from the baseline",
    ],
)
def test_a_change_that_undoes_an_earlier_one_is_marked(
    past: list[PastChange], recurrence: Recurrence, reversals: int
) -> None:
    marked = mark_recurrence(_finding(2, 1), _PUMP, past, at=_NOW)

    assert (marked.recurrence, marked.reversals) == (recurrence, reversals)


def test_the_fourth_reversal_in_a_week_is_back_and_forth() -> None:
    marked = mark_recurrence(_finding(1, 2), _PUMP, _alternating(4, 3, 2, 1), at=_NOW)

    assert marked.recurrence is Recurrence.FLAPPING
    assert marked.headline == (
        "score (changed back and forth: 4 reversals in 7 days; two people or scripts may set it "
        "in turn)"
    )


@pytest.mark.parametrize("direction", ["<", ">"])
def test_a_layer_moved_back_is_reverted_whatever_its_place(direction: str) -> None:
    order = "visualLayers[order 0123456789abcdef {}]"
    past = _past(1, 0, 1, path="visualLayers[1]", lasting_path=order.format("<"))
    moved = replace(
        _finding(4, 3),
        kind=Kind.MOVED,
        path="visualLayers[3]",
        lasting_path=order.format(direction),
    )

    marked = mark_recurrence(moved, _PUMP, [past], at=_NOW)

    assert (marked.recurrence is Recurrence.REVERTED) is (direction == ">")


def _tracked(place: int, before: Json, after: Json) -> Finding:
    """Return an edit of the layer with key 2, at a place."""
    path = f"visualLayers[{place}].neurons"
    return replace(
        _finding(before, after),
        id=finding_id(_PUMP, path, before, after),
        path=path,
        lasting_path="visualLayers[2].neurons",
    )


def test_an_edit_is_undone_at_another_place_of_the_same_layer() -> None:
    path = "visualLayers[1].neurons"
    past = PastChange(
        id=finding_id(_PUMP, path, 20, 10),
        path=path,
        since=Since.LAST,
        at=_NOW - timedelta(days=1),
        lasting_path="visualLayers[2].neurons",
    )
    other = replace(past, lasting_path="visualLayers[1].neurons")

    assert mark_recurrence(_tracked(3, 10, 20), _PUMP, [past], at=_NOW).reversals == 1
    assert mark_recurrence(_tracked(3, 10, 20), _PUMP, [other], at=_NOW).reversals == 0
    assert mark_recurrence(_tracked(1, 10, 20), _PUMP, [other], at=_NOW).reversals == 0


def test_a_difference_of_a_layer_dates_from_the_last_change_of_that_layer() -> None:
    layer = [
        _past(9, 20, 10, path="visualLayers[1].neurons", lasting_path="visualLayers[2].neurons"),
        _past(2, 20, 10, path="visualLayers[1].neurons"),
    ]

    since = open_since(_tracked(3, 20, 10), _PUMP, layer, at=_NOW)

    assert since == _NOW - timedelta(days=9)


def test_a_difference_from_the_baseline_dates_from_the_last_change_of_the_value() -> None:
    past = [_past(9, 1, 2), _past(8, 2, 1), _past(3, 1, 2), _past(2, 1, 2, since=Since.BASELINE)]

    assert open_since(_finding(1, 2), _PUMP, past, at=_NOW) == _NOW - timedelta(days=3)


def test_a_difference_that_no_change_explains_dates_from_its_first_report() -> None:
    past = [_past(2, 1, 2, since=Since.BASELINE), _past(1, 1, 2, since=Since.BASELINE)]

    assert open_since(_finding(1, 2), _PUMP, past, at=_NOW) == _NOW - timedelta(days=2)
    assert open_since(_finding(1, 2), _PUMP, [], at=_NOW) == _NOW
