"""Whole runs over blocks of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.model import BlockKindName, TargetId
from tests.audit.stage import Stage, block, stage, target
from tests.kinds import sample_answer, sample_entry
from tests.store.examples import Sql

INPUT, PROCESSING, KERAS, ANOMALY, POST, VLM = (target(number) for number in range(1, 7))


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A project with a block of each kind."""
    with stage(database_url, tmp_path, {3: block(name="Motion")}) as set_up:
        put_impulse(set_up)
        yield set_up


def put_impulse(set_up: Stage) -> None:
    put, names = set_up.studio.put_block, BlockKindName
    put(INPUT, names.INPUT, {}, entry=sample_entry("inputBlocks"))
    processing = sample_answer("dsp-spectral-analysis")
    put(PROCESSING, names.PROCESSING, processing, entry=sample_entry("dspBlocks"))
    put(ANOMALY, names.ANOMALY, sample_answer("anomaly"), entry=entry("anomaly", "K-means"))
    post = sample_answer("post-processing")
    put(POST, names.POST_PROCESSING, post, entry=sample_entry("postProcessingBlocks"))
    put(VLM, names.VLM, sample_answer("vlm"), entry=entry("vlm", "Scene reader"))


def entry(type_: str, name: str) -> dict[str, Any]:
    return {"type": type_, "name": name, "title": name, "dsp": [2]}


def asked(set_up: Stage) -> list[str]:
    """Return the paths that were asked for since the last call, without the names of projects."""
    paths = [request.path.removeprefix("/v1/api") for request in set_up.studio.requests]
    set_up.studio.requests.clear()
    return sorted(path for path in paths if path != "/projects")


def states(report: Any) -> dict[int, str]:  # noqa: ANN401 - any JSON
    return {each["block_id"]: each["state"] for each in report["targets"]}


def paths(report: Any) -> list[tuple[int, str]]:  # noqa: ANN401 - any JSON
    return [
        (each["block_id"], finding["path"])
        for each in report["targets"]
        for finding in each["findings"]
    ]


def parameter(answer: dict[str, Any], param: str) -> dict[str, Any]:
    items = [item for group in answer["config"] for item in group["items"]]
    found: dict[str, Any] = next(item for item in items if item["param"] == param)
    return found


@pytest.mark.both_databases
def test_every_block_of_an_impulse_is_a_target_of_its_kind(pump: Stage) -> None:
    report, again = pump.json(), pump.json()

    assert states(report) == dict.fromkeys(range(1, 7), "new")
    assert states(again) == dict.fromkeys(range(1, 7), "in_sync")
    assert [
        (each["kind"], each["type"], each["name"], each["model_state"])
        for each in again["targets"]
    ] == [
        ("input", "time-series", "Time series", None),
        ("processing", "spectral-analysis", "Spectral features", None),
        ("learn", "keras", "Motion", "trained"),
        ("learn", "anomaly", "Anomaly detection", "trained"),
        ("post_processing", "object-tracking", "Object tracking", None),
        ("learn", "vlm", "Scene reader", None),
    ]
    assert [each["block_id"] for each in again["targets"] if "learn_id" in each] == [3, 4, 6]


def test_a_run_asks_for_the_listing_and_once_for_each_block_but_the_input(pump: Stage) -> None:
    pump.audit()

    assert asked(pump) == [
        "/7/dsp/2",
        "/7/impulses",
        "/7/post-processing/5",
        "/7/training/anomaly/4",
        "/7/training/keras/3",
        "/7/training/vlm/6",
    ]


@pytest.mark.both_databases
def test_an_edit_of_each_kind_is_one_finding(pump: Stage) -> None:
    studio = pump.studio
    pump.audit()
    studio.edit_entry(INPUT, lambda listed: listed.update(windowSizeMs=1000))
    studio.edit(PROCESSING, lambda answer: parameter(answer, "fft-length").update(value="32"))
    studio.edit(ANOMALY, lambda answer: answer.update(clusterCount=64))
    studio.edit(POST, lambda answer: answer.update(enabled=False))
    studio.edit(VLM, lambda answer: answer["metadata"]["config"].update(modelId=5, configId=18))
    report, after = pump.json_of_night(), pump.json()

    assert paths(report) == [
        (1, "windowSizeMs"),
        (2, "config[fft-length].value"),
        (4, "clusterCount"),
        (5, "enabled"),
        (6, "metadata.config.modelId"),
    ]
    assert report["totals"]["findings"] == 5
    assert report["targets"][3]["model_state"] == "stale"
    assert paths(after) == []


def test_an_entry_of_the_listing_is_part_of_a_processing_block(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit_entry(PROCESSING, lambda listed: listed.update(implementationVersion=5))

    assert paths(pump.json()) == [(2, "block.implementationVersion")]


@pytest.mark.both_databases
def test_without_the_impulse_only_learn_blocks_are_audited(pump: Stage) -> None:
    pump.audit()
    pump.reconfigure('learn_blocks = "all"', 'learn_blocks = "all"\nimpulse = false')
    report, again = pump.json_of_night(), pump.json()

    assert states(report) == dict.fromkeys((3, 4, 6), "in_sync")
    assert report["totals"]["missing"] == 0
    assert [(each["kind"], "impulse = false" in each["text"]) for each in report["notices"]] == [
        ("left_out", True)
    ]
    assert "notices" not in again


def test_filters_hold_for_every_kind(pump: Stage) -> None:
    pump.reconfigure(
        'learn_blocks = "all"',
        'learn_blocks = "all"\nexclude = { types = ["time-*", "anomaly"], names = ["Spectral*"] }',
    )

    assert states(pump.json()) == dict.fromkeys((3, 5, 6), "new")


def test_a_failed_listing_makes_every_target_unknown(pump: Stage) -> None:
    pump.audit()
    pump.studio.change_role(7, "viewer")

    report = pump.json_of_night()

    assert states(report) == dict.fromkeys(range(1, 7), "unknown")
    models = {each["block_id"]: each["model_state"] for each in report["targets"]}
    assert models == {1: None, 2: None, 3: "unknown", 4: "unknown", 5: None, 6: None}


def test_blocks_that_leave_the_impulse_are_missing(pump: Stage) -> None:
    pump.audit()
    for removed in (INPUT, PROCESSING):
        pump.studio.remove(removed)
    report = pump.json()

    assert (states(report)[1], states(report)[2]) == ("missing", "missing")
    assert [(each["kind"], each["block_id"]) for each in report["open"]] == [
        ("missing", 1),
        ("missing", 2),
    ]


@pytest.mark.parametrize(
    ("which", "spoil"),
    [
        (PROCESSING, lambda answer: answer.pop("dsp")),
        (PROCESSING, lambda answer: answer["dsp"].pop("features")),
        (PROCESSING, lambda answer: answer["dsp"].update(id="2")),
        (ANOMALY, lambda answer: answer.pop("selectedAxes")),
        (ANOMALY, lambda answer: answer.pop("trained")),
        (ANOMALY, lambda answer: answer["thresholds"][0].pop("value")),
        (POST, lambda answer: answer.pop("parameters")),
        (VLM, lambda answer: answer["metadata"].pop("config")),
        (VLM, lambda answer: answer.pop("metadata")),
    ],
)
def test_an_answer_that_cannot_be_believed_is_no_snapshot(
    pump: Stage, which: TargetId, spoil: Callable[[dict[str, Any]], object]
) -> None:
    pump.audit()
    pump.studio.edit(which, spoil)
    report = pump.json()

    assert states(report)[which.learn_id] == "unknown"
    assert paths(report) == []


def test_the_configuration_of_a_post_processing_block_may_stand_under_config(pump: Stage) -> None:
    pump.audit()
    inner = sample_answer("post-processing")
    answer = {"success": inner.pop("success"), "config": inner}
    listed = sample_entry("postProcessingBlocks")
    pump.studio.put_block(POST, BlockKindName.POST_PROCESSING, answer, entry=listed)

    assert states(pump.json())[5] == "in_sync"


def test_a_named_block_of_unknown_type_is_asked_for_in_turn_and_remembered(pump: Stage) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    first = pump.json()
    on_first = asked(pump)
    second = pump.json()

    assert on_first == ["/7/training/anomaly/4", "/7/training/keras/3", "/7/training/keras/4"]
    assert asked(pump) == ["/7/training/anomaly/4", "/7/training/keras/3"]
    assert states(first) == dict.fromkeys((3, 4), "new")
    assert states(second) == dict.fromkeys((3, 4), "in_sync")
    assert second["targets"][1]["type"] == "anomaly"


@pytest.mark.both_databases
def test_what_an_older_auditor_could_not_read_is_new(pump: Stage, database_url: str) -> None:
    pump.audit()
    with Sql(database_url) as sql:  # as 0006 left an anomaly block in the place of a Keras block
        keras = sql.read("SELECT version_id FROM target WHERE learn_id = 3")[0]
        sql.write(
            "UPDATE target SET state = 'unsupported', kind = 'keras', version_id = :version "
            "WHERE learn_id = 4",
            "DELETE FROM version WHERE learn_id = 4",
            version=keras,
        )
    report = pump.json()

    assert states(report)[4] == "new"
    assert paths(report) == []
    assert "notices" not in report


@pytest.mark.both_databases
def test_a_confirmed_answer_is_the_same_only_with_the_same_entry(
    pump: Stage, tmp_path: Path
) -> None:
    del tmp_path
    pump.studio._etags = True
    pump.audit()
    pump.audit()
    pump.studio.edit_entry(PROCESSING, lambda listed: listed.update(implementationVersion=5))

    assert paths(pump.json()) == [(2, "block.implementationVersion")]
    assert paths(pump.json()) == []


def test_the_authors_words_are_reported_once_and_drift_nobody(pump: Stage) -> None:
    another = sample_answer("dsp-spectral-analysis")
    listed = {**sample_entry("dspBlocks"), "id": 7, "name": "Other"}
    pump.studio.put_block(target(7), BlockKindName.PROCESSING, another, entry=listed)
    pump.audit()
    for which in (PROCESSING, target(7)):
        pump.studio.edit(
            which, lambda a: parameter(a, "fft-length").update(help="Longer is finer.")
        )
    report = pump.json()

    assert set(states(report).values()) == {"in_sync"}
    assert [(each["path"], each["targets"]) for each in report["catalogue"]] == [
        ("config[fft-length].help", 2)
    ]


def test_a_parameter_that_comes_on_many_blocks_is_the_vendors(pump: Stage) -> None:
    which = [PROCESSING, target(7), target(8)]
    for block_id in which[1:]:
        answer = sample_answer("dsp-spectral-analysis")
        listed = {**sample_entry("dspBlocks"), "id": block_id.learn_id}
        pump.studio.put_block(block_id, BlockKindName.PROCESSING, answer, entry=listed)
    pump.audit()
    for block_id in which:
        pump.studio.edit(block_id, add_parameter)
    report = pump.json()

    assert set(states(report).values()) == {"in_sync"}
    assert [(each["path"], each["targets"]) for each in report["catalogue"]] == [
        ("config[new-one]", 3)
    ]


def add_parameter(answer: dict[str, Any]) -> None:
    items = answer["config"][1]["items"]
    items.append({**items[1], "param": "new-one", "name": "New"})


def test_a_named_block_is_a_learn_block_whatever_it_was(pump: Stage) -> None:
    pump.audit()
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [2, 3]")
    report = pump.json()

    assert states(report) == {2: "unknown", 3: "in_sync"}
    assert paths(report) == []
