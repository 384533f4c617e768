"""Baselines over nights: what counts as a difference, whoever brought the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.decide import Decision
from auditor.demo.faults import Fault
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve, approve_all_new

_BLOCKS = (3, 4, 5, 6)


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Four approved blocks, to which the vendor brings a field that nobody knows."""
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in _BLOCKS}
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.audit()
        with set_up.open_store() as store:
            approve_all_new(store, Decision(author="anna", reason="ok", at=app.now()))
        for learn_id in _BLOCKS:
            set_up.studio.edit(target(learn_id), lambda answer: answer.update(kNew={"folds": 5}))
        brought = set_up.json()
        assert [found["path"] for found in brought["catalogue"]] == ["kNew"]
        assert _said(brought) == []
        yield set_up


def _edit(pump: Stage, learn_id: int = 3, **values: Any) -> Any:  # noqa: ANN401 - any JSON
    pump.studio.edit(target(learn_id), lambda answer: answer.update(values))
    return pump.json()


def _said(report: Any) -> list[tuple[int, str, str]]:  # noqa: ANN401 - any JSON
    return [
        (line["learn_id"], finding["since"], finding["path"])
        for line in report["targets"]
        for finding in line["findings"]
    ]


def _off_baseline(report: Any) -> list[int]:  # noqa: ANN401 - any JSON
    return [each["block_id"] for each in report["open"] if each["kind"] == "off_baseline"]


def test_a_field_of_the_vendors_is_no_difference_until_a_person_changes_it(pump: Stage) -> None:
    quiet = pump.json()
    changed = _edit(pump, kNew={"folds": 7})
    after = pump.json()

    assert (_said(quiet), _off_baseline(quiet)) == ([], [])
    assert _said(changed) == [(3, "last", "kNew.folds")]
    assert _off_baseline(changed) == [3]
    assert _said(after) == [(3, "baseline", "kNew")]
    assert after["targets"][0]["findings"][0]["stands_since"] == changed["run"]["started_at"]
    assert after["targets"][0]["state"] == "drifted"


def test_a_person_who_takes_a_field_of_the_vendors_out_makes_no_difference(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda answer: answer.pop("kNew"))
    taken, after = pump.json(), pump.json()

    assert _said(taken) == [(3, "last", "kNew")]
    assert (_said(after), _off_baseline(after)) == ([], [])


def test_a_persons_field_counts_where_the_vendor_never_was(pump: Stage) -> None:
    changed, after = _edit(pump, mine=1), pump.json()

    assert _said(changed) == [(3, "last", "mine")]
    assert _said(after) == [(3, "baseline", "mine")]


@pytest.mark.both_databases
def test_what_a_person_put_back_is_the_vendors_again(pump: Stage) -> None:
    for learn_id in _BLOCKS:
        pump.studio.edit(target(learn_id), lambda answer: answer.update(level=5))
    pump.audit()
    _edit(pump, level=7)
    between = pump.json()
    back, after = _edit(pump, level=5), pump.json()

    assert _said(between) == [(3, "baseline", "level")]
    assert _said(back) == [(3, "last", "level")]
    assert (_said(after), _off_baseline(after)) == ([], [])


def test_a_change_from_before_the_baseline_is_none(pump: Stage) -> None:
    _edit(pump, kNew={"folds": 7})
    with pump.open_store() as store:
        approve([target(3)], store, Decision(author="anna", reason="ok", at=app.now()))
    for learn_id in _BLOCKS:
        pump.studio.edit(target(learn_id), lambda answer: answer.update(later=True))
    brought, after = pump.json(), pump.json()

    assert [found["path"] for found in brought["catalogue"]] == ["later"]
    assert _said(after) == []


def test_what_a_training_or_the_data_count_changes_is_no_difference(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda answer: answer["dependencies"].update(sampleCount=9))
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(suggestedValue=0.4))
    changed = _edit(pump, trained=False, selectedModelType="requiresRetrain")
    after = pump.json()

    assert {path for _, since, path in _said(changed) if since == "last"} >= {
        "trained",
        "dependencies.sampleCount",
        "thresholds[min_score].suggestedValue",
    }
    assert [since for _, since, _ in _said(changed) if since == "baseline"] == []
    assert (_said(after), _off_baseline(after)) == ([], [])


def test_what_the_vendor_withdraws_is_tonights_and_no_difference(pump: Stage) -> None:
    pump.studio.put(target(9), block("keras-object-detection"))
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, Decision(author="anna", reason="ok", at=app.now()))
    used = block("keras-object-detection")["visualLayers"][0]["type"]

    def withdraw(answer: dict[str, Any]) -> None:
        (model,) = (m for m in answer["transferLearningModels"] if m["type"] == used)
        model["blockNoLongerAvailable"] = {"reasonMarkdown": "old", "reasonHtml": "old"}

    pump.studio.edit(target(9), withdraw)
    withdrawn, after = pump.json(), pump.json()

    assert [each[:2] for each in _said(withdrawn)] == [(9, "last")]
    assert _said(after) == []


@pytest.mark.both_databases
def test_a_block_that_missed_a_release_was_edited_by_nobody(pump: Stage) -> None:
    pump.studio.fail(Fault.HTTP_500, target=target(3))
    for learn_id in _BLOCKS:
        pump.studio.edit(target(learn_id), lambda answer: answer.update(kLater={"folds": 5}))
    pump.json()
    pump.studio.heal()
    read = pump.json()

    assert _said(read) == []
    assert [(found["path"], found["targets"]) for found in read["catalogue"]] == [("kLater", 1)]
    assert (read["targets"][0]["state"], read["open"]) == ("in_sync", [])


def test_a_key_that_is_gone_again_from_a_block_of_a_release_is_an_edit(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda answer: answer.pop("kNew"))
    pump.json()

    assert _said(_edit(pump, kNew={"folds": 5})) == [(3, "last", "kNew")]
