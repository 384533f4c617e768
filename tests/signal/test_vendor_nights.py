"""Nights of the vendor's, mixed with what people do: what is whose, and what nobody loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.drift.rules import IgnoreRule, Rules, SeverityRule, Subject, TargetScope
from auditor.model import Area, Severity, TargetId
from tests.signal.audited import Own, accept, edit, fleet_of, line_of, own, shared
from tests.signal.bases import BASES
from tests.signal.edits import Answer, cut, every, insert, place, put, script
from tests.signal.fleet import Fleet, approve_all

_TEMPLATE = script("beta_2=0.999", "beta_2=0.99")
_OWN_SCRIPT = script("or 30", "or 40")
_RETRAIN = put(selectedModelType="requiresRetrain")
_KEY = put(isSharded=False)
PROJECT = 7
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.4}
_WITHDRAWN = put(
    "transferLearningModels.0", blockNoLongerAvailable={"reasonMarkdown": "x", "reasonHtml": "x"}
)
_NEURONS = put("visualLayers.1", neurons=12)
_YOLO = "keras-object-detection-yolo-pro"
_EXPERT = every(
    put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Edits of one night on a fleet, and what the report says of it.

    Attributes:
        fleet: the bases of blocks 1, 2, 3, …; `setup` edits them before anything is read.
        edits: each with the blocks that it is made on, all of them where none is named.
        unread: blocks that cannot be read that night.
        new: blocks that are first seen that night, made as the others and edited with them.
        own: what each block has as findings of its own: what each folds, by path.
        vendor: the number of targets by path.
        stale: the blocks whose model is stale after that night.
    """

    fleet: Sequence[str]
    edits: Sequence[tuple[Any, ...]]
    setup: Sequence[tuple[Any, ...]] = ()
    unread: frozenset[int] = frozenset()
    new: frozenset[int] = frozenset()
    rules: Rules = field(default_factory=Rules)
    own: dict[int, Own] = field(default_factory=dict)
    vendor: dict[str, int] = field(default_factory=dict)
    stale: frozenset[int] = frozenset()


def _ignore(path: str, *learn_ids: int) -> Rules:
    blocks = frozenset(TargetId(PROJECT, learn_id) for learn_id in learn_ids)
    rule = IgnoreRule(
        name="quiet",
        subject=Subject(path=path),
        reason="known",
        author="ada",
        until=date(2027, 1, 1),
        scope=TargetScope(blocks=blocks),
    )
    return Rules(ignores=(rule,))


def _weigh(severity: Severity, *, path: str = "", area: Area | None = None) -> Rules:
    subject = Subject(path=path, area=area)
    return Rules(severities=(SeverityRule(name="weighed", subject=subject, severity=severity),))


_KERAS = ["keras"] * 5
_CASES: dict[str, Case] = {
    # --- keys that appear or go
    "an unknown key on all": Case(fleet=_KERAS, edits=[(_KEY,)], vendor={"isSharded": 5}),
    "on all, each with a value of its own": Case(
        fleet=_KERAS,
        edits=[(put(isSharded=n), n) for n in range(1, 6)],
        vendor={"isSharded": 5},
    ),
    "on three of six": Case(fleet=["keras"] * 6, edits=[(_KEY, 1, 2, 3)], vendor={"isSharded": 3}),
    "on three of seven": Case(
        fleet=["keras"] * 7,
        edits=[(_KEY, 1, 2, 3)],
        own={n: {"isSharded": ()} for n in (1, 2, 3)},
    ),
    "on two of three": Case(
        fleet=["keras"] * 3, edits=[(_KEY, 1, 2)], own={n: {"isSharded": ()} for n in (1, 2)}
    ),
    "on two of four": Case(
        fleet=["keras"] * 4, edits=[(_KEY, 1, 2)], own={n: {"isSharded": ()} for n in (1, 2)}
    ),
    "on two of two": Case(fleet=["keras"] * 2, edits=[(_KEY,)], vendor={"isSharded": 2}),
    "on one of two": Case(fleet=["keras"] * 2, edits=[(_KEY, 1)], own={1: {"isSharded": ()}}),
    "on the only block": Case(fleet=["keras"], edits=[(_KEY,)], own={1: {"isSharded": ()}}),
    "on all of one type of two": Case(
        fleet=["keras"] * 3 + ["keras-regression"] * 9,
        edits=[(_KEY, 1, 2, 3)],
        vendor={"isSharded": 3},
    ),
    "on two of two of a type, none of the other": Case(
        fleet=["keras"] * 4 + ["keras-regression"] * 2,
        edits=[(_KEY, 5, 6)],
        vendor={"isSharded": 2},
    ),
    "half of one type, one of many of another": Case(
        fleet=["keras"] * 6 + ["keras-regression"] * 5,
        edits=[(_KEY, 1, 2, 3, 7)],
        own={7: {"isSharded": ()}},
        vendor={"isSharded": 3},
    ),
    "on all of three types of one block each": Case(
        fleet=["keras", "keras-regression", "keras-transfer-kws"],
        edits=[(_KEY,)],
        vendor={"isSharded": 3},
    ),
    "on two blocks of two types": Case(
        fleet=["keras", "keras-regression", "keras-transfer-kws"],
        edits=[(_KEY, 1, 2)],
        own={n: {"isSharded": ()} for n in (1, 2)},
    ),
    "an unknown key goes": Case(
        fleet=_KERAS, setup=[(_KEY,)], edits=[(cut("isSharded"),)], vendor={"isSharded": 5}
    ),
    "it goes from one": Case(
        fleet=_KERAS, setup=[(_KEY,)], edits=[(cut("isSharded"), 2)], own={2: {"isSharded": ()}}
    ),
    "it appears on three and goes from two others": Case(
        fleet=_KERAS,
        setup=[(_KEY, 4, 5)],
        edits=[(_KEY, 1, 2, 3), (cut("isSharded"), 4, 5)],
        own={n: {"isSharded": ()} for n in (4, 5)},
        vendor={"isSharded": 3},
    ),
    "an unknown value changes alike": Case(
        fleet=_KERAS,
        setup=[(put(schemaVersion=1),)],
        edits=[(put(schemaVersion=2), 1, 2, 3)],
        vendor={"schemaVersion": 3},
    ),
    "an unknown value changes alike on two of five": Case(
        fleet=_KERAS,
        setup=[(put(schemaVersion=1),)],
        edits=[(put(schemaVersion=2), 1, 2)],
        own={n: {"schemaVersion": ()} for n in (1, 2)},
    ),
    "an unknown value changes to something else on each": Case(
        fleet=_KERAS,
        setup=[(put(schemaVersion=1),)],
        edits=[(put(schemaVersion=10 + n), n) for n in range(1, 6)],
        own={n: {"schemaVersion": ()} for n in range(1, 6)},
    ),
    "a key inside an unknown object": Case(
        fleet=_KERAS,
        setup=[(put(sharding={"on": True}),)],
        edits=[(put("sharding", size=n), n) for n in range(1, 5)],
        vendor={"sharding.size": 4},
    ),
    "a key in layers at different places": Case(
        fleet=_KERAS,
        edits=[(put("visualLayers.0", units=1), 1, 2), (put("visualLayers.1", units=2), 3, 4)],
        vendor={"visualLayers[0].units": 4},
    ),
    "a setting of the schema appears on all": Case(
        fleet=_KERAS,
        setup=[(cut("batchSize"),)],
        edits=[(put(batchSize=64), 1, 2), (put(batchSize=16), 3, 4, 5)],
        vendor={"batchSize": 5},
    ),
    "a setting of the schema goes from all": Case(
        fleet=_KERAS, edits=[(cut("trainTestSplit"),)], vendor={"trainTestSplit": 5}
    ),
    "a setting changes alike on all, by a person": Case(
        fleet=_KERAS,
        edits=[(put(batchSize=64),)],
        own={n: {"batchSize": ()} for n in range(1, 6)},
        stale=frozenset(range(1, 6)),
    ),
    "a threshold appears on all": Case(
        fleet=_KERAS, edits=[(insert("thresholds.1", _IOU),)], vendor={"thresholds[iou]": 5}
    ),
    "a threshold goes from all": Case(
        fleet=_KERAS,
        setup=[(insert("thresholds.1", _IOU),)],
        edits=[(cut("thresholds.1"),)],
        vendor={"thresholds[iou]": 5},
    ),
    "a threshold changes alike on all": Case(
        fleet=_KERAS,
        edits=[(put("thresholds.0", value=0.5),)],
        own={n: {"thresholds[min_score].value": ()} for n in range(1, 6)},
    ),
    "a parameter appears on all": Case(
        fleet=[_YOLO] * 3,
        edits=[(put("customParameters", fresh="1"),)],
        vendor={"customParameters.fresh": 3},
    ),
    "layers switched off on all are a person's": Case(
        fleet=_KERAS,
        edits=[(put("visualLayers.0", enabled=False),)],
        own={n: {"visualLayers[0].enabled": ()} for n in range(1, 6)},
        stale=frozenset(range(1, 6)),
    ),
    "a layer added to all is a person's": Case(
        fleet=_KERAS,
        edits=[(insert("visualLayers.1", {"type": "dropout", "dropoutRate": 0.2}),)],
        own={n: {"visualLayers[1]": ()} for n in range(1, 6)},
        stale=frozenset(range(1, 6)),
    ),
    "labels that all get are theirs": Case(
        fleet=_KERAS,
        edits=[(put("dependencies", sampleCount=4000),)],
        own={n: {"dependencies.sampleCount": ()} for n in range(1, 6)},
    ),
    # --- templates
    "a template on all": Case(fleet=_KERAS, edits=[(_TEMPLATE,)], vendor={"script": 5}),
    "a template on one": Case(fleet=_KERAS, edits=[(_TEMPLATE, 3)], vendor={"script": 1}),
    "a template on the only block": Case(
        fleet=["keras"], edits=[(_TEMPLATE,)], vendor={"script": 1}
    ),
    "a template in expert mode is a program": Case(
        fleet=["keras-expert"] * 3,
        edits=[(_TEMPLATE,)],
        own={n: {"script": ()} for n in (1, 2, 3)},
        stale=frozenset({1, 2, 3}),
    ),
    "a template with a threshold, which explains no script": Case(
        fleet=_KERAS,
        edits=[(_TEMPLATE, 1), (put("thresholds.0", value=0.5), 1)],
        own={1: {"thresholds[min_score].value": ()}},
        vendor={"script": 1},
    ),
    "a template, and Studio asks to train again": Case(
        fleet=_KERAS,
        edits=[(every(_TEMPLATE, _RETRAIN),)],
        own={n: {"selectedModelType": ()} for n in range(1, 6)},
        vendor={"script": 5},
        stale=frozenset(range(1, 6)),
    ),
    "a template, and one block trained": Case(
        fleet=["keras", "keras", "keras-untrained"],
        edits=[(_TEMPLATE,), (put(trained=True), 3)],
        own={3: {"trained": ()}},
        vendor={"script": 3},
    ),
    "a template, and one block edited": Case(
        fleet=_KERAS,
        edits=[(_TEMPLATE,), (every(_NEURONS, _RETRAIN), 2)],
        own={2: {"visualLayers[1].neurons": ("script", "selectedModelType")}},
        vendor={"script": 4},
        stale=frozenset({2}),
    ),
    # --- the vendor's night, and a person on one of the blocks
    "a key on all, and a person's edit": Case(
        fleet=_KERAS,
        edits=[(_KEY,), (every(_NEURONS, _OWN_SCRIPT), 4)],
        own={4: {"visualLayers[1].neurons": ("script",)}},
        vendor={"isSharded": 5},
        stale=frozenset({4}),
    ),
    "a setting appears on all, and Studio asks one to train again": Case(
        fleet=_KERAS,
        setup=[(cut("batchSize"),)],
        edits=[(put(batchSize=64),), (_RETRAIN, 2)],
        own={2: {"selectedModelType": ()}},
        vendor={"batchSize": 5},
        stale=frozenset({2}),
    ),
    "a setting appears on all with the template that reads it": Case(
        fleet=_KERAS,
        setup=[(cut("batchSize"),)],
        edits=[(every(put(batchSize=64), _TEMPLATE),)],
        vendor={"batchSize": 5, "script": 5},
    ),
    "a setting appears on all, script and training asked for": Case(
        fleet=_KERAS,
        setup=[(cut("batchSize"),)],
        edits=[(every(put(batchSize=64), _TEMPLATE, _RETRAIN),)],
        own={n: {"selectedModelType": ()} for n in range(1, 6)},
        vendor={"batchSize": 5, "script": 5},
        stale=frozenset(range(1, 6)),
    ),
    "a threshold appears on all, and a rating equal to it": Case(
        fleet=_KERAS,
        edits=[(every(insert("thresholds.1", _IOU), put(minimumConfidenceRating=0.4)),)],
        own={n: {"minimumConfidenceRating": ()} for n in range(1, 6)},
        vendor={"thresholds[iou]": 5},
    ),
    "a threshold appears on all, and one block swaps its model": Case(
        fleet=[_YOLO] * 4,
        edits=[
            (insert("thresholds.1", _IOU),),
            (place("visualLayers.0", {"type": "fomo_mobilenet_v2_a35"}), 1),
        ],
        own={1: {"visualLayers[0]": ("thresholds[iou]",)}},
        vendor={"thresholds[iou]": 3},
        stale=frozenset({1}),
    ),
    "a person swaps the model of all": Case(
        fleet=[_YOLO] * 3,
        edits=[
            (insert("thresholds.1", _IOU),),
            (place("visualLayers.0", {"type": "fomo_mobilenet_v2_a35"}),),
        ],
        own={n: {"visualLayers[0]": ("thresholds[iou]",)} for n in (1, 2, 3)},
        stale=frozenset({1, 2, 3}),
    ),
    "a key on all, one block replaced": Case(
        fleet=["keras"] * 4,
        edits=[(_KEY,), (put(type="keras-regression"), 2)],
        own={2: {"type": ("isSharded",)}},
        vendor={"isSharded": 3},
    ),
    "a person sets what the vendor adds": Case(
        fleet=_KERAS,
        setup=[(cut("batchSize"), 1, 2, 3)],
        edits=[(put(batchSize=64),)],
        own={n: {"batchSize": ()} for n in (4, 5)},
        vendor={"batchSize": 3},
        stale=frozenset({4, 5}),
    ),
    "a policy's detail appears on all, another is edited on one": Case(
        fleet=["spectrogram on"] * 3,
        setup=[(cut("augmentationPolicySpectrogram.warping"),)],
        edits=[
            (put("augmentationPolicySpectrogram", warping=True),),
            (put("augmentationPolicySpectrogram", freqMasking="high"), 1),
        ],
        own={1: {"augmentationPolicySpectrogram.freqMasking": ()}},
        vendor={"augmentationPolicySpectrogram.warping": 3},
        stale=frozenset({1}),
    ),
    # --- partial reads, new blocks
    "some blocks unread": Case(
        fleet=_KERAS, edits=[(_KEY,)], unread=frozenset({4, 5}), vendor={"isSharded": 3}
    ),
    "all but two unread": Case(
        fleet=_KERAS, edits=[(_KEY,)], unread=frozenset({3, 4, 5}), vendor={"isSharded": 2}
    ),
    "all but one unread": Case(
        fleet=_KERAS,
        edits=[(_KEY,)],
        unread=frozenset({2, 3, 4, 5}),
        own={1: {"isSharded": ()}},
    ),
    "a new block that has the key": Case(
        fleet=["keras"] * 4, edits=[(_KEY,)], new=frozenset({4}), vendor={"isSharded": 3}
    ),
    "more new blocks than known ones": Case(
        fleet=["keras"] * 7,
        edits=[(_KEY,)],
        new=frozenset({4, 5, 6, 7}),
        vendor={"isSharded": 3},
    ),
    # --- the catalogue
    "the models in use withdrawn": Case(
        fleet=["keras-object-detection"] * 2,
        edits=[(_WITHDRAWN,)],
        own={
            n: {"transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable": ()}
            for n in (1, 2)
        },
        vendor={"transferLearningModels[fomo_mobilenet_v2_a35].blockNoLongerAvailable": 2},
    ),
    "a version of the implementation that first appears": Case(
        fleet=["keras-object-detection"] * 2,
        edits=[(put("transferLearningModels.0", implementationVersion=2),)],
        vendor={"transferLearningModels[fomo_mobilenet_v2_a35].implementationVersion": 2},
    ),
    "another version of the implementation": Case(
        fleet=["versioned"] * 2,
        edits=[(put("transferLearningModels.0", implementationVersion=2),)],
        own={
            n: {"transferLearningModels[fomo_mobilenet_v2_a35].implementationVersion": ()}
            for n in (1, 2)
        },
        vendor={"transferLearningModels[fomo_mobilenet_v2_a35].implementationVersion": 2},
    ),
    "a model that another block uses withdrawn": Case(
        fleet=["keras-transfer-image", "keras-object-detection"],
        edits=[(_WITHDRAWN, 1)],
        vendor={"transferLearningModels[transfer_mobilenetv2_a35].blockNoLongerAvailable": 1},
    ),
    # --- rules
    "an ignored key on all": Case(fleet=_KERAS, edits=[(_KEY,)], rules=_ignore("isSharded")),
    "a key ignored on one block": Case(
        fleet=_KERAS, edits=[(_KEY,)], rules=_ignore("isSharded", 1), vendor={"isSharded": 4}
    ),
    "an ignored host sets what it would fold free": Case(
        fleet=_KERAS,
        edits=[(every(put(trainingCycles=40), _RETRAIN), 1)],
        rules=_ignore("trainingCycles"),
        own={1: {"selectedModelType": ()}},
        stale=frozenset({1}),
    ),
    "an ignored edit still explains its script": Case(
        fleet=_KERAS,
        edits=[(every(put(trainingCycles=40), _OWN_SCRIPT), 1)],
        rules=_ignore("trainingCycles"),
        own={1: {"script": ()}},
        stale=frozenset({1}),
    ),
    "an ignored swap": Case(
        fleet=[_YOLO] * 2,
        edits=[
            (
                every(
                    place("visualLayers.0", {"type": "fomo_mobilenet_v2_a35"}),
                    put(trainingCycles=77),
                ),
                1,
            )
        ],
        rules=_ignore("visualLayers"),
        own={1: {"trainingCycles": ()}},
        stale=frozenset({1}),
    ),
    "an ignored switch of the mode": Case(
        fleet=_KERAS,
        edits=[(_EXPERT, 1)],
        rules=_ignore("mode"),
        own={1: {"visualLayers": (), "trainingCycles": (), "learningRate": ()}},
        stale=frozenset({1}),
    ),
    "a host that a rule makes a trifle": Case(
        fleet=_KERAS,
        edits=[(every(put(trainingCycles=40), _OWN_SCRIPT, _RETRAIN), 1)],
        rules=_weigh(Severity.INFO, path="trainingCycles"),
        own={1: {"trainingCycles": ("script",), "selectedModelType": ()}},
        stale=frozenset({1}),
    ),
    "what a rule makes worse than its host": Case(
        fleet=_KERAS,
        edits=[(every(put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.5)), 1)],
        rules=_weigh(Severity.CRITICAL, path="minimumConfidenceRating"),
        own={1: {"thresholds[min_score].value": (), "minimumConfidenceRating": ()}},
    ),
    "an ignored block type": Case(
        fleet=_KERAS,
        edits=[(put(type="keras-regression", trained=False, name="Other"), 1)],
        rules=_ignore("type"),
        own={1: {"trained": (), "name": ()}},
    ),
}


def _apply(fleet: Fleet, edits: Sequence[tuple[Any, ...]], only: frozenset[int]) -> None:
    for change, *blocks in edits:
        for block in blocks or tuple(fleet.blocks):
            if block in only:
                change(fleet.blocks[block])


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_a_night_is_reported_as_its_label_says(case: Case, sqlite_template: Path) -> None:
    answers: dict[int, Answer] = {n: BASES[base] for n, base in enumerate(case.fleet, start=1)}
    everywhere = frozenset(answers)
    with fleet_of(sqlite_template, answers) as fleet:
        fleet.rules = case.rules
        _apply(fleet, case.setup, everywhere)
        later = {n: fleet.blocks.pop(n) for n in case.new}
        fleet.night()
        fleet.blocks |= later
        _apply(fleet, case.edits, everywhere)
        fleet.silent |= case.unread
        report = fleet.night()

    found = {n: own(report, n) for n in answers}
    stale = {n for n in answers if line_of(report, n)["model_state"] == "stale"}
    assert {n: paths for n, paths in found.items() if paths} == case.own
    assert shared(report) == case.vendor
    assert stale == case.stale


def test_a_key_that_comes_over_two_nights_is_judged_by_each(sqlite_template: Path) -> None:
    with fleet_of(sqlite_template, dict.fromkeys(range(1, 7), BASES["keras"])) as fleet:
        fleet.night()
        edit(fleet, _KEY, 1, 2, 3)
        first = fleet.night()
        edit(fleet, _KEY, 4, 5, 6)
        second = fleet.night()

    assert (shared(first), shared(second)) == ({"isSharded": 3}, {"isSharded": 3})


def test_the_templates_entry_counts_blocks_whose_lines_differ_by_numbers_only(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, dict.fromkeys(range(1, 5), BASES["keras"])) as fleet:
        for n in fleet.blocks:
            edit(fleet, script("or 30", f"or {50 + n}"), n)
        fleet.night()
        for n in fleet.blocks:
            edit(fleet, script(f"or {50 + n}", f"or {50 + n} # cycles"), n)
        report = fleet.night()

    assert [(each["path"], each["targets"]) for each in report["catalogue"]] == [("script", 4)]


def test_what_the_vendor_withdrew_is_said_of_an_expert_blocks_last_model(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, {1: BASES["keras-object-detection"]}) as fleet:
        fleet.night()
        edit(fleet, _EXPERT)
        fleet.night()
        edit(fleet, _WITHDRAWN)
        report = fleet.night()

    assert [finding["severity"] for finding in line_of(report, 1)["findings"]] == ["high"]


def test_an_ignored_key_is_not_called_the_vendors_in_the_history(sqlite_template: Path) -> None:
    with fleet_of(sqlite_template, dict.fromkeys((1, 2), BASES["keras"])) as fleet:
        fleet.rules = _ignore("isSharded")
        fleet.night()
        edit(fleet, _KEY)
        fleet.night()
        headline = fleet.store.version_lines(TargetId(PROJECT, 1))[0].headline

    assert headline.startswith("Ignored by rule: ")


def test_the_vendors_finding_names_no_value_that_only_one_block_has(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, dict.fromkeys(range(1, 4), BASES["keras"])) as fleet:
        edit(fleet, cut("batchSize"))
        fleet.night()
        for n in fleet.blocks:
            edit(fleet, put(batchSize=8 * n), n)
        [finding] = fleet.night()["catalogue"]

    assert (finding["severity"], finding["headline"]) == ("info", "The API now has batchSize")


# --- under a baseline


def _open(fleet: Fleet, block: int) -> Own:
    return own(fleet.night(), block, since="baseline")


def test_what_the_vendor_brought_is_no_difference_from_the_baseline(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, dict.fromkeys(range(1, 4), BASES["keras"])) as fleet:
        edit(fleet, cut("batchSize"))
        fleet.night()
        approve_all()(fleet)
        edit(fleet, every(put(batchSize=64), insert("thresholds.1", _IOU), _TEMPLATE, _KEY))
        tonight = fleet.night()
        after = _open(fleet, 1)

    assert [line["findings"] for line in tonight["targets"]] == [[]] * 3
    assert after == {}


def test_a_rating_under_the_vendors_threshold_stays_a_difference_from_the_baseline(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, dict.fromkeys(range(1, 4), BASES["keras"])) as fleet:
        fleet.night()
        approve_all()(fleet)
        edit(fleet, insert("thresholds.1", _IOU))
        edit(fleet, put(minimumConfidenceRating=0.4), 2)
        fleet.night()
        after = _open(fleet, 2)

    assert after == {"minimumConfidenceRating": ()}


def test_what_changes_below_an_acknowledged_replacement_is_open_again(
    sqlite_template: Path,
) -> None:
    with fleet_of(sqlite_template, {1: BASES["keras"]}) as fleet:
        fleet.night()
        approve_all()(fleet)
        edit(fleet, put(type="keras-regression", trainingCycles=60))
        fleet.night()
        assert accept(fleet, 1, "type")
        quiet = _open(fleet, 1)
        edit(fleet, every(put("thresholds.0", value=0.1), put(batchSize=64)))
        fleet.night()
        after = _open(fleet, 1)

    assert quiet == {}
    assert after == {"thresholds[min_score].value": (), "batchSize": ()}
