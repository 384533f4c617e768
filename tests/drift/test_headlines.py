"""Headlines: what changed, understandable without the JSON."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.drift.headlines import plain_text
from tests.drift.answers import Edit, after, sample


def _reorder_outputs(answer: dict[str, Any]) -> None:
    answer["dependencies"]["outputClasses"] = ["wave", "idle", "updown"]


def _base(name: str) -> dict[str, Any]:
    """Return a sample answer; the threshold of `suggesting` has a suggested value."""
    if name != "suggesting":
        return sample(name)
    base = sample()
    base["thresholds"][0]["suggestedValue"] = 0.7
    return base


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
            lambda a: a.update(akidaEdgeLearningConfig={"enabled": True, "additionalClasses": 5}),
            "keras",
            "Akida edge learning: off → on; Akida additional classes 5",
        ),
        (
            lambda a: a["transferLearningModels"][1].update(implementationVersion=1),
            "keras",
            "Implementation of model “LightGBM” transfer_organization:901 added: 1",
        ),
        (
            lambda a: a["transferLearningModels"][1].update(name="LGBM"),
            "keras",
            "Catalogue, name of model transfer_organization:901: LightGBM → LGBM",
        ),
        (
            lambda a: a["thresholds"][0].update(value=0.5),
            "keras",
            "Threshold min_score (Confidence threshold): 0.6 → 0.5",
        ),
        (
            lambda a: a["thresholds"][0].update(value=0.9),
            "suggesting",
            "Threshold min_score (Confidence threshold): 0.6 → 0.9, away from the suggested 0.7",
        ),
        (
            lambda a: a["thresholds"][0].update(value="0.65"),
            "suggesting",
            "Threshold min_score (Confidence threshold): 0.6 → 0.65, towards the suggested 0.7",
        ),
        (
            lambda a: a["thresholds"][0].update(value=0.7),
            "suggesting",
            "Threshold min_score (Confidence threshold): 0.6 → 0.7, now as Studio suggests",
        ),
        (
            lambda a: a["thresholds"][0].update(suggestedValue=0.8),
            "suggesting",
            "Suggested value of threshold min_score: 0.7 → 0.8; "  # noqa: ISC004 - one text
            "the threshold itself stayed at 0.6",
        ),
        (
            lambda a: a["dependencies"].update(sampleCount=4000),
            "keras",
            "Samples: 3214 → 4000 (+24%)",
        ),
        (lambda a: a["dependencies"]["classes"].append("new"), "keras", "Labels: new added"),
        (
            _reorder_outputs,
            "keras",
            "Output classes reordered: idle moved from output 0 to 1, updown from 1 to 2, "  # noqa: ISC004 - one text
            "wave from 2 to 0: firmware built before maps them wrongly",
        ),
        (lambda a: a.update(autoClassWeights=True), "keras", "Auto-weight classes: off → on"),
        (
            lambda a: a["customParameters"].update(epochs="50"),
            "keras-object-detection-yolo-pro",
            "Custom parameter epochs: 100 → 50",
        ),
    ],
)
def test_a_headline_says_what_changed(edit: Edit, base: str, expected: str) -> None:
    assert [finding.headline for finding in after(edit, _base(base))] == [expected]


def test_an_edited_script_is_described_in_words() -> None:
    def edit(answer: dict[str, Any]) -> None:
        script = answer["script"].replace("= Adam(", "= SGD(").replace("or 30\n", "or 60\n")
        answer.update(script=script)

    (finding,) = after(edit, sample("keras-expert"))

    assert finding.headline == (
        "Training script: optimizer Adam → SGD; EPOCHS 30 → 60 (2 lines added, 2 removed)"
    )


def test_lines_that_became_comments_are_counted_as_such() -> None:
    def edit(answer: dict[str, Any]) -> None:
        lines = answer["script"].split("\n")
        place = next(n for n, line in enumerate(lines) if line.startswith("model.add("))
        lines[place] = f"# {lines[place]}"
        answer.update(script="\n".join(lines))

    (finding,) = after(edit, sample("keras-expert"))

    assert finding.headline.endswith(" (1 line commented out)")


def test_a_withdrawn_model_shows_the_vendors_reason_as_plain_text() -> None:
    reason = {
        "reasonMarkdown": "Use **YOLO-Pro**, see [the guide](https://docs.example.org/yolo).",
        "reasonHtml": "<p>Use <b>YOLO-Pro</b></p>",
    }
    used = sample("keras-object-detection")["visualLayers"][0]["type"]

    def withdraw(answer: dict[str, Any]) -> None:
        for model in answer["transferLearningModels"]:
            if model["type"] == used:
                model["blockNoLongerAvailable"] = reason

    (finding,) = after(withdraw, sample("keras-object-detection"))

    assert finding.headline == (
        f"Model “FOMO (Faster Objects, More Objects) MobileNetV2 0.35” {used} (in use here) is no "
        "longer available. Edge Impulse says: Use YOLO-Pro, see the guide "
        "(https://docs.example.org/yolo)."
    )


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Use **YOLO-Pro** instead.", "Use YOLO-Pro instead."),
        (
            "See [the docs](https://docs.example.org/x).",
            "See the docs (https://docs.example.org/x).",
        ),
        ("[https://e.org](https://e.org)", "https://e.org"),
        ("![shot](https://e.org/a.png)", "shot (https://e.org/a.png)"),
        ("# Withdrawn\n\n- use `fomo_ad`\n- or *retrain*", "Withdrawn use fomo_ad or retrain"),
        ("keep snake_case_names and 2 * 3 * 4", "keep snake_case_names and 2 * 3 * 4"),
        ("<b>bold</b> &amp; a < b", "bold &amp; a < b"),
        ("> quoted\n1. first", "quoted first"),
        ("", ""),
    ],
)
def test_markdown_loses_its_marks_and_keeps_its_words(markdown: str, expected: str) -> None:
    assert plain_text(markdown) == expected


@pytest.mark.parametrize("piece", ["[", "[a](", "[a](x", "*a", "_", "<a", "# ", "`"])
def test_hostile_markdown_is_converted_in_bounded_time(piece: str) -> None:
    assert len(plain_text(piece * 100_000)) < 10_000
