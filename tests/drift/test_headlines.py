"""Headlines: understood without seeing JSON."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drift.answers import Edit, after, sample


def _reset(answer: dict[str, Any]) -> None:
    answer["dependencies"]["outputClasses"] = ["wave", "idle", "updown"]


@pytest.mark.parametrize(
    ("edit", "base", "expected"),
    [
        (
            lambda a: a["visualLayers"].insert(1, {"type": "dropout", "dropoutRate": 0.25}),
            "keras",
            "Layer 2 added: dropout (dropout rate 0.25)",
        ),
        (
            lambda a: a["visualLayers"].reverse(),
            "keras",
            "Layer dense (neurons 20) moved from place 1 to 2",
        ),
        (
            lambda a: a["visualLayers"][1].update(neurons=12),
            "keras",
            "Layer 2 (dense): neurons: 10 → 12",
        ),
        (
            lambda a: a["thresholds"][0].update(value=0.5),
            "keras",
            "Threshold min_score (Confidence threshold): 0.6 → 0.5",
        ),
        (
            lambda a: a["dependencies"].update(sampleCount=4000),
            "keras",
            "Samples: 3214 → 4000 (+24%)",
        ),
        (lambda a: a["dependencies"]["classes"].append("new"), "keras", "Labels: new added"),
        (_reset, "keras", "Output classes: reordered, wave, idle, updown"),
        (lambda a: a.update(autoClassWeights=True), "keras", "Auto-weight classes: off → on"),
        (
            lambda a: a["customParameters"].update(epochs="50"),
            "keras-object-detection-yolo-pro",
            "Custom parameter epochs: 100 → 50",
        ),
    ],
)
def test_a_headline_says_what_changed(edit: Edit, base: str, expected: str) -> None:
    assert [one.headline for one in after(edit, sample(base))] == [expected]
