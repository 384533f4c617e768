"""Values in headlines: what differs is seen, and what is said is true."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.lookalikes import outline_of, tell_apart
from auditor.drift.wording import describe_list, describe_pair
from auditor.model import Severity
from tests.drift.answers import Edit, after, sample

COMPOSED = "na\u00efve"
DECOMPOSED = "nai\u0308ve"


@pytest.mark.parametrize(
    ("before", "new", "words"),
    [
        (30, 60, ": 30 → 60"),
        ("a", "b", ": a → b"),
        (100, "100", ': 100 → "100" (a number, now text)'),
        (True, "on", ': true → "on" (on or off, now text)'),
        (None, "none", ': null → "none" (none, now text)'),
        ("idle ", "idle", ": idle\\u0020 → idle (\\u0020 is SPACE)"),
        (
            COMPOSED,
            DECOMPOSED,
            (
                ": na\\u00efve → nai\\u0308ve (\\u00ef is LATIN SMALL LETTER I WITH DIAERESIS, "
                "\\u0308 is COMBINING DIAERESIS)"
            ),
        ),
        ("wave", "wav\u0435", ": wave → wav\\u0435 (\\u0435 is CYRILLIC SMALL LETTER IE)"),
        ("wave", "wa\u200bve", ": wave → wa\\u200bve (\\u200b is ZERO WIDTH SPACE)"),
        (
            "a b",
            "a\u00a0b",
            ": a\\u0020b → a\\u00a0b (\\u0020 is SPACE, \\u00a0 is NO-BREAK SPACE)",
        ),
        ("Idle", "idle", ": Idle → idle (only upper and lower case differ)"),
        ("x" * 80 + "a", "x" * 80 + "b", ": …xxxxxxxxa → …xxxxxxxxb"),
        ("", "a", ": (empty) → a"),
        ("(hidden:" + "0" * 32 + ")", "(hidden:" + "1" * 32 + ")", " changed (hidden)"),
    ],
)
def test_two_values_are_never_shown_alike(before: Any, new: Any, words: str) -> None:  # noqa: ANN401 - any JSON
    assert describe_pair(before, new) == words


@pytest.mark.parametrize(
    ("before", "new", "words"),
    [
        (["a"], ["a", "b"], ": b added"),
        (
            ["idle"],
            ["idle", "idle "],
            ": idle\\u0020 added (\\u0020 is SPACE)",
        ),
        (
            ["idle", "wave"],
            ["idle ", "wave"],
            ": idle\\u0020 added, idle removed (\\u0020 is SPACE)",
        ),
        ([100], ["100"], ': "100" added, 100 removed (a number and text)'),
        (["a", "b"], ["b", "a"], " reordered: a, b → b, a"),
    ],
)
def test_members_that_look_alike_are_distinguished(
    before: list[Any], new: list[Any], words: str
) -> None:
    assert describe_list(before, new) == words


@given(st.text(max_size=20), st.text(max_size=20))
def test_texts_that_look_alike_and_differ_are_shown_differently(first: str, second: str) -> None:
    if first != second and outline_of(first) == outline_of(second):
        assert len({*tell_apart(first, second)}) == 2


@given(st.text(max_size=20))
def test_composed_and_decomposed_letters_look_alike(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)

    assert outline_of(composed) == outline_of(unicodedata.normalize("NFD", composed))


def _outputs(*labels: str) -> Edit:
    return lambda answer: answer["dependencies"].update(outputClasses=[*labels])


def _samples(number: int) -> Edit:
    return lambda answer: answer["dependencies"].update(sampleCount=number)


def _layer(**values: Any) -> Edit:  # noqa: ANN401 - any JSON
    return lambda answer: answer["visualLayers"][0].update(values)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            _outputs("idle", "snake", "updown", "wave"),
            (
                "Output classes: snake added; updown moved from output 1 to 2, wave from 2 to 3: "
                "firmware built before maps them wrongly"
            ),
        ),
        (
            _outputs("idle", "wave"),
            (
                "Output classes: updown removed; wave moved from output 2 to 1: "
                "firmware built before maps it wrongly"
            ),
        ),
        (_outputs("idle", "updown", "snake"), "Output classes: snake added, wave removed"),
        (_samples(12), "Samples: 3214 → 12 (-99.6%)"),
        (_samples(0), "Samples: 3214 → 0 (-100%)"),
        (_samples(3215), "Samples: 3214 → 3215 (+0.03%)"),
        (_samples(3182), "Samples: 3214 → 3182 (-1%)"),
        (_samples(321400), "Samples: 3214 → 321400 (+9,900%)"),
        (_layer(enabled=False), "Layer 1 (dense) switched off"),
        (lambda a: a.update(autoClassWeights=True), "Auto-weight classes: off → on"),
        (lambda a: a.update(batchSize=64), "Batch size: Studio's default (32) → 64"),
        (
            lambda a: a.update(selectedModelType="requiresRetrain"),
            "Studio asks to train again (selected model was int8)",
        ),
    ],
)
def test_a_headline_says_what_it_means(edit: Edit, words: str) -> None:
    base = {key: value for key, value in sample().items() if key != "batchSize"}

    assert words in [finding.headline for finding in after(edit, base)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Layer 1 (dense) switched on"),
        ({"enabled": True}, "Layer 1 (dense) switched on"),
    ],
)
def test_a_layer_without_a_switch_is_on(values: dict[str, Any], words: str) -> None:
    base = sample()
    first = base["visualLayers"][0]
    base["visualLayers"][0] = {**first, "enabled": False}

    (finding,) = after(lambda a: a["visualLayers"].__setitem__(0, {**first, **values}), base)

    assert finding.headline == words


def test_a_custom_model_is_called_as_in_the_catalogue() -> None:
    base = sample()
    organization = {"type": "transfer_organization", "learnBlockType": "keras"}
    base["transferLearningModels"] = [
        {**organization, "organizationModelId": 163, "name": "Acme words"},
        {**organization, "organizationModelId": 6493, "name": "Acme words 2"},
    ]
    base["visualLayers"] = [{"type": "transfer_organization", "organizationModelId": 163}]

    (finding,) = after(lambda a: a["visualLayers"][0].update(organizationModelId=6493), base)

    assert finding.headline == (
        "Layer 1 replaced: “Acme words” (custom model 163) → “Acme words 2” (custom model 6493)"
    )


OFF = {"type": "dropout", "dropoutRate": 0.5, "enabled": False}


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ([], [OFF], Severity.INFO),
        ([OFF], [], Severity.INFO),
        ([OFF], [{**OFF, "dropoutRate": 0.1}], Severity.INFO),
        ([OFF], [{"type": "flatten", "enabled": False}], Severity.INFO),
        ([OFF], [{"type": "flatten"}], Severity.HIGH),
        ([OFF], [{**OFF, "enabled": True}], Severity.HIGH),
        ([], [{**OFF, "enabled": True}], Severity.HIGH),
    ],
)
def test_whatever_happens_to_a_disabled_layer_has_no_effect(
    old: list[Any], new: list[Any], severity: Severity
) -> None:
    base = sample()
    kept = base["visualLayers"]
    base["visualLayers"] = [*old, *kept]

    (finding,) = after(lambda a: a.update(visualLayers=[*new, *kept]), base)

    assert finding.severity is severity
    assert ("no effect now (the layer is disabled)" in finding.headline) is (
        severity is Severity.INFO
    )


def test_a_disabled_layer_that_moves_has_no_effect() -> None:
    base = sample()
    base["visualLayers"] = [OFF, *base["visualLayers"]]

    (finding,) = after(
        lambda a: a.update(visualLayers=[a["visualLayers"][1], OFF, *a["visualLayers"][2:]]), base
    )

    assert (finding.kind, finding.severity) == ("moved", Severity.INFO)
