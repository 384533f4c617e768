"""The status of a model, event by event."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.block_kinds import KERAS
from auditor.drift.model_state import first_status, next_status
from auditor.model import ModelEvent, ModelState
from tests.drift.answers import difference_between, sample

_U, _T, _S = ModelState.UNTRAINED, ModelState.TRAINED, ModelState.STALE


def _answer(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {**sample(), **values}


_UNTRAINED = _answer(trained=False)
_TRAINED = _answer(trained=True)
_EDITED = _answer(trained=True, trainingCycles=99)
_ASKS = _answer(trained=True, selectedModelType="requiresRetrain")


def _data(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return _answer(trained=True, dependencies={**sample()["dependencies"], **values})


def _suggested(value: float | None, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    answer = _answer(trained=True, **values)
    first, *others = answer["thresholds"]
    kept = {key: entry for key, entry in first.items() if key != "suggestedValue"}
    suggestion = {} if value is None else {"suggestedValue": value}
    return {**answer, "thresholds": [{**kept, **suggestion}, *others]}


@pytest.mark.parametrize(
    ("before", "old", "new", "state", "event"),
    [
        (_U, _UNTRAINED, _UNTRAINED, _U, None),
        (_U, _UNTRAINED, _TRAINED, _T, ModelEvent.TRAINED),
        (_U, _UNTRAINED, _EDITED, _T, ModelEvent.TRAINED),
        (_U, _UNTRAINED, _ASKS, _S, ModelEvent.TRAINED),
        (_T, _TRAINED, _EDITED, _S, ModelEvent.STALE),
        (_T, _TRAINED, _ASKS, _S, ModelEvent.STALE),
        (_S, _ASKS, _TRAINED, _T, ModelEvent.RETRAINED),
        (_S, _ASKS, _EDITED, _T, ModelEvent.RETRAINED),
        (_S, _EDITED, _EDITED, _S, None),
        (_S, _EDITED, _UNTRAINED, _U, ModelEvent.RESET),
        (_T, _TRAINED, _UNTRAINED, _U, ModelEvent.RESET),
        (_T, _TRAINED, _answer(name="Other"), _T, None),
        (_T, _TRAINED, _data(classes=["a", "b"]), _S, ModelEvent.STALE),
        (_T, _TRAINED, _data(outputClasses=["a", "b"]), _S, ModelEvent.STALE),
        (_T, _TRAINED, _data(featureCount=7), _S, ModelEvent.STALE),
        (_T, _TRAINED, _answer(trained=True, shape="(7, 1)"), _S, ModelEvent.STALE),
        (_T, _TRAINED, _data(sampleCount=7), _T, None),
        (_T, _TRAINED, _answer(trained=True, script="import keras\n"), _T, None),
        (_T, _TRAINED, _answer(trained=True, profileInt8=True), _T, None),
        (_T, _TRAINED, _suggested(0.42), _T, None),
        (_T, _suggested(0.1), _suggested(0.42, trainingCycles=99), _T, None),
        (_S, _suggested(0.1), _suggested(0.42), _T, ModelEvent.RETRAINED),
        (_S, _suggested(None), _suggested(0.42), _T, ModelEvent.RETRAINED),
        (_S, _suggested(0.42), _suggested(None), _S, None),
        (_S, _ASKS, _answer(name="Other", selectedModelType="requiresRetrain"), _S, None),
        (_T, _ASKS, _answer(name="Other", selectedModelType="requiresRetrain"), _T, None),
        (_T, _ASKS, {**_ASKS, "trainingCycles": 99}, _S, ModelEvent.STALE),
    ],
)
def test_each_step_is_an_event(
    before: ModelState,
    old: dict[str, Any],
    new: dict[str, Any],
    state: ModelState,
    event: ModelEvent | None,
) -> None:
    status = next_status(before, old, new, difference_between(old, new).findings, KERAS)

    assert (status.state, status.event) == (state, event)


def test_a_script_that_people_write_makes_a_model_stale() -> None:
    old = {**sample(), "trained": True, "mode": "expert", "script": "EPOCHS = 30\n"}
    new = {**old, "script": "EPOCHS = 60\n"}
    same = {**old, "script": "EPOCHS = 30  # as before\n"}

    states = [difference_between(old, answer).model_state for answer in (new, same)]

    assert states == [_S, _T]


def test_another_block_under_the_same_id_begins_a_life_of_its_own() -> None:
    other = {**sample("keras-regression"), "trained": True}
    status = next_status(_S, _EDITED, other, difference_between(_EDITED, other).findings, KERAS)

    assert (status.state, status.trained_now, status.event) == (_T, True, None)


_STATIONS = st.sampled_from([_UNTRAINED, _TRAINED, _EDITED, _ASKS])


@given(st.lists(_STATIONS, min_size=2, max_size=8))
def test_no_state_is_reached_without_a_step_and_no_step_without_a_change(
    walk: list[dict[str, Any]],
) -> None:
    status = first_status(walk[0], KERAS)
    for old, new in pairwise(walk):
        before = status.state
        status = next_status(before, old, new, difference_between(old, new).findings, KERAS)
        assert (status.event is None) is (status.state is before)
        assert (new["trained"] is not True) is (status.state is ModelState.UNTRAINED)
