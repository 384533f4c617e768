"""What a mail offers to do about a change, and what it says of a model, over nights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.decide import Decision
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve_all_new


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, {3: block(name="Motion", trained=True)}) as set_up:
        set_up.audit()
        yield set_up


def _approve(set_up: Stage) -> None:
    with set_up.open_store() as store:
        approve_all_new(store, Decision(author="anna", reason="ok", at=app.now()))


def _night(set_up: Stage, **values: Any) -> str:  # noqa: ANN401 - any JSON
    """Edit the block, run once, and return the mail's text on one line."""
    set_up.studio.edit(target(3), lambda answer: answer.update(values))
    set_up.night()
    body = set_up.postbox.taken[-1][1].get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def test_without_a_baseline_nothing_is_offered_to_acknowledge(pump: Stage) -> None:
    text = _night(pump, trainingCycles=99)

    assert "acknowledge:" not in text
    assert 'restore: POST /api/7/training/keras/3 {"trainingCycles": 30}' in text


def test_what_differs_from_the_baseline_can_be_acknowledged(pump: Stage) -> None:
    _approve(pump)
    text = _night(pump, trainingCycles=99)

    assert "acknowledge: auditor acknowledge" in text
    assert '{"trainingCycles": 30}' in text


def test_a_revert_to_the_baseline_is_not_offered_to_be_undone(pump: Stage) -> None:
    _approve(pump)
    _night(pump, trainingCycles=99, batchSize=64)
    text = _night(pump, trainingCycles=30)

    assert "Training cycles: 99 → 30" in text
    assert "acknowledge:" not in text
    assert '{"trainingCycles": 99}' not in text
    assert "cannot be restored" not in text


def test_a_layer_as_approved_is_not_offered_to_be_undone(pump: Stage) -> None:
    layers = block()["visualLayers"]
    _approve(pump)
    _night(pump, visualLayers=[{"type": "flatten"}, *layers])
    text = _night(pump, visualLayers=layers)

    assert "Layer 1 removed: flatten" in text
    assert "restore:" not in text


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        ({"trainingCycles": 99}, "of its settings or data (inferred)", "Studio asks"),
        (
            {"selectedModelType": "requiresRetrain"},
            "Stale: trained before the last edit. Studio asks to train it again.",
            "inferred",
        ),
    ],
    ids=["inferred", "said by Studio"],
)
def test_a_mail_says_whether_a_stale_model_is_inferred(
    pump: Stage, values: dict[str, Any], said: str, unsaid: str
) -> None:
    text = _night(pump, **values)

    assert said in text
    assert unsaid not in text


def test_a_training_that_studio_asked_for_is_not_inferred(pump: Stage) -> None:
    _night(pump, selectedModelType="requiresRetrain")
    text = _night(pump, selectedModelType="int8")

    assert "trained again: Studio no longer asks for it" in text
    assert "requiresRetrain" not in text.replace("~", "").split("MODEL STATE")[1]
    assert "inferred" not in text


def test_an_edit_and_a_training_between_two_polls_are_named(pump: Stage) -> None:
    answer = block()
    answer["thresholds"][0]["suggestedValue"] = 0.31
    text = _night(pump, trainingCycles=99, thresholds=answer["thresholds"])

    assert "Edited and trained between two polls" in text
    assert "model trained" in text
