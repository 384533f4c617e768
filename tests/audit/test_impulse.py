"""Cause and effect over the blocks of an impulse, over whole runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.model import BlockKindName
from auditor.rendering.json import encode_report
from tests.audit.stage import Stage, block, stage, target
from tests.audit.test_kinds import parameter
from tests.kinds import sample_answer, sample_entry

INPUT, PROCESSING, KERAS, ANOMALY, SECOND, OTHER = map(target, (1, 2, 3, 4, 5, 9))


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """An impulse: a window, one processing block, two learn blocks of its features."""
    with stage(database_url, tmp_path, {3: block(name="Motion")}) as set_up:
        put = set_up.studio.put_block
        put(INPUT, BlockKindName.INPUT, {}, entry=sample_entry("inputBlocks"))
        spectral = sample_answer("dsp-spectral-analysis")
        put(PROCESSING, BlockKindName.PROCESSING, spectral, entry=sample_entry("dspBlocks"))
        listed: dict[str, Any] = {
            "type": "anomaly",
            "name": "K-means",
            "title": "K-means",
            "dsp": [2],
        }
        put(ANOMALY, BlockKindName.ANOMALY, sample_answer("anomaly"), entry=listed)
        set_up.audit()
        yield set_up


def edit_window(set_up: Stage) -> None:
    set_up.studio.edit_entry(INPUT, lambda listed: listed.update(windowSizeMs=1000))


def edit_parameter(set_up: Stage, value: str = "32") -> None:
    set_up.studio.edit(PROCESSING, lambda a: parameter(a, "fft-length").update(value=value))


def drop_features(set_up: Stage) -> None:
    set_up.studio.edit(
        PROCESSING, lambda answer: answer["dsp"]["features"].update(generated=False)
    )


def generate_features(set_up: Stage, number: int = 65) -> None:
    """Have the features generated anew: the processing block and its learn blocks follow."""
    features = {"generated": True, "count": number}
    set_up.studio.edit(PROCESSING, lambda answer: answer["dsp"]["features"].update(features))
    set_up.studio.edit(PROCESSING, lambda answer: answer["dsp"].update(windowLength=number * 3))
    for learn in (KERAS, ANOMALY):
        set_up.studio.edit(learn, lambda answer: follow(answer, number))


def follow(answer: dict[str, Any], number: int) -> None:
    data = answer["dependencies"]
    data.update(featureCount=number, sampleCount=data["sampleCount"] + number)
    if "shape" in answer:
        answer["shape"] = f"({number},)"


def found(report: Any) -> list[tuple[int, str, int | None]]:  # noqa: ANN401 - any JSON
    """Return block, path and the block that it follows of each finding."""
    return [
        (each["block_id"], finding["path"], finding.get("follows", {}).get("block_id"))
        for each in report["targets"]
        for finding in each["findings"]
    ]


def still_open(report: Any) -> list[tuple[str, int, str]]:  # noqa: ANN401 - any JSON
    return [
        (each["kind"], each["block_id"], each["severity"])
        for each in report["open"]
        if each["kind"] != "stale"
    ]


def test_a_parameter_and_all_that_follows_it_in_one_night(pump: Stage) -> None:
    edit_parameter(pump)
    generate_features(pump)
    report = pump.json()

    assert found(report) == [
        (2, "config[fft-length].value", None),
        (3, "shape", 2),
        (4, "dependencies.featureCount", 2),
    ]
    own, keras = report["targets"][1]["findings"][0], report["targets"][2]["findings"][0]
    assert set(own["folded"]) == {"dsp.features.count", "dsp.windowLength"}
    assert set(keras["folded"]) == {"dependencies.featureCount", "dependencies.sampleCount"}
    assert keras["headline"].endswith(", with the edit of “Spectral features”")
    assert keras["severity"] == "high"
    assert found(pump.json()) == []


def test_a_window_and_all_that_follows_it_in_one_night(pump: Stage) -> None:
    edit_window(pump)
    generate_features(pump)

    assert found(pump.json()) == [
        (1, "windowSizeMs", None),
        (2, "dsp.features.count", 1),
        (3, "shape", 1),
        (4, "dependencies.featureCount", 1),
    ]


def test_what_follows_two_edits_follows_the_nearest(pump: Stage) -> None:
    edit_window(pump)
    edit_parameter(pump)
    generate_features(pump)

    assert found(pump.json()) == [
        (1, "windowSizeMs", None),
        (2, "config[fft-length].value", None),
        (3, "shape", 2),
        (4, "dependencies.featureCount", 2),
    ]


def rename(set_up: Stage, name: str) -> None:
    set_up.studio.edit_entry(PROCESSING, lambda listed: listed.update(name=name))
    set_up.studio.edit(PROCESSING, lambda answer: answer["dsp"].update(name=name))
    for which in (KERAS, ANOMALY):
        set_up.studio.edit(which, lambda a: a["dependencies"].update(blockNames=[name]))


def test_the_names_of_inputs_follow_a_renaming(pump: Stage) -> None:
    rename(pump, "Spectra")
    report = pump.json()

    assert found(report) == [
        (2, "block.name", None),
        (3, "dependencies.blockNames", 2),
        (4, "dependencies.blockNames", 2),
    ]
    (finding,) = report["targets"][2]["findings"]
    assert finding["headline"].endswith(", with the renaming to “Spectra”")


def test_labels_do_not_follow_a_renaming(pump: Stage) -> None:
    rename(pump, "Spectra")
    pump.studio.edit(KERAS, lambda answer: answer["dependencies"]["classes"].append("zoom"))

    assert found(pump.json()) == [
        (2, "block.name", None),
        (3, "dependencies.classes", None),
        (3, "dependencies.blockNames", None),
        (4, "dependencies.blockNames", 2),
    ]


def test_a_parameter_one_night_and_its_features_the_next(pump: Stage) -> None:
    edit_parameter(pump)
    drop_features(pump)
    edited, waiting = pump.json(), pump.json()
    generate_features(pump)
    generated, after = pump.json(), pump.json()

    assert found(edited) == [(2, "config[fft-length].value", None)]
    assert still_open(edited) == still_open(waiting) == [("features_missing", 2, "medium")]
    assert found(waiting) == []
    assert found(generated) == [
        (2, "dsp.features.count", 2),
        (3, "shape", 2),
        (4, "dependencies.featureCount", 2),
    ]
    assert still_open(generated) == []
    headline = generated["targets"][2]["findings"][0]["headline"]
    assert headline.endswith(", after the edit of “Spectral features” in an earlier run")
    assert found(after) == []


def test_a_window_one_night_and_the_features_the_next(pump: Stage) -> None:
    edit_window(pump)
    drop_features(pump)
    edited = pump.json()
    generate_features(pump)
    generated = pump.json()

    assert found(edited) == [(1, "windowSizeMs", None)]
    assert still_open(edited) == [("features_missing", 2, "medium")]
    assert found(generated) == [
        (2, "dsp.features.count", 1),
        (3, "shape", 1),
        (4, "dependencies.featureCount", 1),
    ]


def test_learn_blocks_may_follow_a_night_after_the_features(pump: Stage) -> None:
    edit_parameter(pump)
    pump.audit()
    pump.studio.edit(PROCESSING, lambda answer: answer["dsp"]["features"].update(count=65))
    pump.audit()
    pump.studio.edit(KERAS, lambda answer: follow(answer, 65))

    assert found(pump.json()) == [(3, "shape", 2)]


def test_data_follows_an_edit_once(pump: Stage) -> None:
    edit_parameter(pump)
    generate_features(pump)
    pump.audit()
    generate_features(pump, 77)

    assert found(pump.json_of_night()) == [
        (2, "dsp.features.count", None),
        (3, "shape", None),
        (3, "dependencies.sampleCount", None),
        (4, "dependencies.featureCount", None),
        (4, "dependencies.sampleCount", None),
    ]


def test_new_samples_alone_follow_nothing(pump: Stage) -> None:
    edit_parameter(pump)
    pump.audit()
    pump.studio.edit(KERAS, lambda answer: answer["dependencies"].update(sampleCount=9999))

    assert found(pump.json()) == [(3, "dependencies.sampleCount", None)]


def test_a_name_is_no_edit_that_data_follows(pump: Stage) -> None:
    pump.studio.edit_entry(PROCESSING, lambda listed: listed.update(name="Spectra"))
    pump.studio.edit(KERAS, lambda answer: answer["dependencies"].update(sampleCount=9999))

    assert (3, "dependencies.sampleCount", None) in found(pump.json_of_night())


def test_blocks_of_another_impulse_follow_nothing(pump: Stage) -> None:
    pump.studio.put(OTHER, block(name="Other"), impulses=(2,))
    pump.audit()
    edit_parameter(pump)
    for learn in (KERAS, OTHER):
        pump.studio.edit(learn, lambda answer: follow(answer, 65))

    assert found(pump.json()) == [
        (2, "config[fft-length].value", None),
        (3, "shape", 2),
        (9, "shape", None),
        (9, "dependencies.sampleCount", None),
    ]


def take_other_features(set_up: Stage) -> None:
    """Have both learn blocks take the features of a second processing block as well."""
    answer, listed = sample_answer("dsp-spectral-analysis"), sample_entry("dspBlocks")
    set_up.studio.put_block(
        SECOND, BlockKindName.PROCESSING, answer, entry={**listed, "name": "Second"}
    )
    set_up.studio.edit_entry(ANOMALY, lambda entry: entry.update(dsp=[5, 2]))


def test_other_features_of_a_learn_block_are_an_edit_of_it(pump: Stage) -> None:
    take_other_features(pump)
    report, text = pump.json_of_night(), mailed_text(pump)
    again = pump.json()

    assert found(report) == [(3, "dsp", None), (4, "dsp", None)]
    (finding,) = report["targets"][2]["findings"]
    assert (finding["area"], finding["owner"], finding["severity"]) == (
        *("processing", "intent"),
        "high",
    )
    assert (finding["before"], finding["after"]) == ([2], [2, 5])
    assert finding["headline"] == "Processing blocks: 5 added"
    assert report["targets"][2]["model_state"] == "trained"
    assert found(again) == []
    assert "set it under Create impulse" in text


def test_the_data_of_other_features_is_part_of_that_edit(pump: Stage) -> None:
    take_other_features(pump)
    pump.studio.edit(KERAS, lambda answer: follow(answer, 65))
    report = pump.json()

    assert found(report) == [(3, "dsp", None), (4, "dsp", None)]
    (finding,) = report["targets"][2]["findings"]
    assert {"shape", "dependencies.featureCount"} <= set(finding["folded"])
    assert report["targets"][2]["model_state"] == "stale"


def test_the_data_of_other_features_may_come_a_night_later(pump: Stage) -> None:
    take_other_features(pump)
    pump.night()
    pump.studio.edit(KERAS, lambda answer: follow(answer, 65))

    assert found(pump.json()) == [(3, "shape", 3)]


def test_what_a_learn_block_takes_features_from_says_nothing_when_first_seen(pump: Stage) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    named = pump.json()
    pump.studio.edit(KERAS, lambda answer: answer.update(trainingCycles=99))
    edited = pump.json()
    pump.reconfigure("learn_blocks = [3, 4]", 'learn_blocks = "all"')
    listed = pump.json()

    assert [found(each) for each in (named, edited, listed)] == [
        [],
        [(3, "trainingCycles", None)],
        [],
    ]


def test_features_that_are_dropped_with_nothing_else_are_a_finding(pump: Stage) -> None:
    drop_features(pump)
    report = pump.json()
    pump.studio.edit(PROCESSING, lambda answer: answer["dsp"]["features"].update(generated=True))
    after = pump.json()

    assert found(report) == [(2, "dsp.features.generated", None)]
    assert report["targets"][1]["findings"][0]["severity"] == "medium"
    assert still_open(report) == [("features_missing", 2, "medium")]
    assert found(after) == []
    assert still_open(after) == []


def test_features_that_were_never_generated_are_no_condition(pump: Stage) -> None:
    answer = sample_answer("dsp-spectral-analysis")
    answer["dsp"]["features"]["generated"] = False
    listed = sample_entry("dspBlocks")
    pump.studio.put_block(OTHER, BlockKindName.PROCESSING, answer, entry=listed)

    assert still_open(pump.json()) == []


def test_labels_that_come_with_an_edit_stay_in_the_headline(pump: Stage) -> None:
    edit_parameter(pump)
    pump.studio.edit(KERAS, lambda answer: follow(answer, 65))
    pump.studio.edit(KERAS, lambda answer: answer["dependencies"]["classes"].append("wave"))
    finding = pump.json()["targets"][2]["findings"][0]

    assert finding["path"] == "shape"
    assert "dependencies.classes" in finding["folded"]
    assert "wave" in finding["headline"]


@pytest.mark.both_databases
def test_a_stored_report_still_says_what_follows(pump: Stage) -> None:
    edit_parameter(pump)
    generate_features(pump)
    run = pump.audit().run.id
    with pump.open_store() as store:
        stored = store.report(run)
    assert stored is not None
    assert [f.follows for t in stored.targets for f in t.findings] == [None, 2, 2]
    assert stored.targets[1].place.sources == (1,)
    assert [impulse.id for impulse in stored.targets[1].place.impulses] == [1]


def make_anew(set_up: Stage, numbers: tuple[int, int, int, int], *, made_by: str) -> None:
    """Put blocks of other ids in the place of all four."""
    for removed in (INPUT, PROCESSING, KERAS, ANOMALY):
        set_up.studio.remove(removed)
    put = set_up.studio.put_block
    window, spectral, keras, anomaly = map(target, numbers)
    made = {"createdBy": made_by}
    put(window, BlockKindName.INPUT, {}, entry={**sample_entry("inputBlocks"), **made, "id": 11})
    answer = sample_answer("dsp-spectral-analysis")
    entry = {**sample_entry("dspBlocks"), **made, "id": 12, "input": 11}
    put(spectral, BlockKindName.PROCESSING, answer, entry=entry)
    set_up.studio.put(keras, block(name="Motion"))
    listed: dict[str, Any] = {"type": "anomaly", "name": "K-means", "title": "K", "dsp": [12]}
    put(anomaly, BlockKindName.ANOMALY, sample_answer("anomaly"), entry=listed)


@pytest.mark.both_databases
def test_an_impulse_that_was_made_anew_is_one_entry(pump: Stage) -> None:
    make_anew(pump, (11, 12, 13, 14), made_by="tuner")
    run = pump.night()
    report = encode_report(run.report)
    text = mailed_text(pump)

    assert report["totals"] == {
        "targets": 8,
        "checked": 4,
        "new": 4,
        "in_sync": 0,
        "drifted": 0,
        "missing": 4,
        "unknown": 0,
        "unsupported": 0,
        "findings": 0,
    }
    assert report["impulses_replaced"] == [
        {
            "project_id": 7,
            "impulse_id": 1,
            "name": "Impulse #1",
            "tuner": True,
            "gone": [1, 2, 3, 4],
            "replaced": [],
            "new": [11, 12, 13, 14],
        }
    ]
    assert "1 impulse was replaced: Impulse #1" in text
    assert "4 blocks are gone, 4 blocks are new, of 8 before and now; a result" in text
    assert "MISSING BLOCKS" not in text
    assert "NEW BLOCKS" not in text
    assert "impulse replaced: Impulse #1" in pump.postbox.taken[-1][1]["Subject"]


def test_an_impulse_that_is_new_is_one_entry(pump: Stage) -> None:
    pump.studio.put(target(21), block(name="Other"), impulses=(2,))
    pump.studio.put(target(22), block(name="Another"), impulses=(2,))
    report = pump.json_of_night()

    (found,) = report["impulses_replaced"]
    assert (found["impulse_id"], found["gone"], found["new"]) == (2, [], [21, 22])
    assert "impulse new: Impulse #2" in pump.postbox.taken[-1][1]["Subject"]


@pytest.mark.parametrize("others", [0, 1])
def test_an_impulse_of_which_half_is_gone_is_one_entry_and_of_which_less_is_none(
    pump: Stage, others: int
) -> None:
    for number in range(others):
        pump.studio.put(target(30 + number), block(name="Stays"))
    pump.night()
    for removed in (KERAS, ANOMALY):
        pump.studio.remove(removed)
    report = pump.json_of_night()

    entries = [(each["gone"], each["new"]) for each in report.get("impulses_replaced", [])]
    assert entries == ([] if others else [([3, 4], [])])
    assert report["totals"]["missing"] == 2
    assert still_open(report) == [("missing", 3, "high"), ("missing", 4, "high")]
    assert ("2 blocks are gone" in mailed_text(pump)) is not bool(others)
    assert "impulses_replaced" not in pump.json_of_night()


def test_blocks_that_became_others_under_their_ids_are_one_entry(pump: Stage) -> None:
    pump.studio.edit_entry(INPUT, lambda listed: listed.update(type="image", createdBy="tuner"))
    pump.studio.put(KERAS, block("keras-regression", name="Motion"))
    report = pump.json_of_night()

    (entry,) = report["impulses_replaced"]
    assert (entry["gone"], entry["replaced"], entry["new"]) == ([], [1, 3], [])
    assert entry["tuner"] is True
    assert {(block_id, path) for block_id, path, _ in found(report)} == {(1, "type"), (3, "type")}
    text = mailed_text(pump)
    assert text.count("1 impulse was replaced: Impulse #1") == 1


def share_processing(set_up: Stage) -> None:
    """Have a second impulse use the processing block, with a learn block of its own."""
    set_up.studio.put(OTHER, block(name="Second"), impulses=(2,))
    answer, listed = sample_answer("dsp-spectral-analysis"), sample_entry("dspBlocks")
    processing = BlockKindName.PROCESSING
    set_up.studio.put_block(PROCESSING, processing, answer, entry=listed, impulses=(1, 2))


def test_a_block_that_two_impulses_share_counts_once_and_both_follow_it(pump: Stage) -> None:
    share_processing(pump)
    pump.night()
    pump.studio.requests.clear()
    edit_parameter(pump)
    generate_features(pump)
    pump.studio.edit(OTHER, lambda answer: follow(answer, 65))
    report = pump.json_of_night()

    asked = [request.path for request in pump.studio.requests]
    assert asked.count("/v1/api/7/dsp/2") == 1
    assert report["totals"]["targets"] == 5
    assert {each["block_id"]: each["impulse_ids"] for each in report["targets"]} == {
        1: [1],
        2: [1, 2],
        3: [1],
        4: [1],
        9: [2],
    }
    assert found(report) == [
        (2, "config[fft-length].value", None),
        (3, "shape", 2),
        (4, "dependencies.featureCount", 2),
        (9, "shape", 2),
    ]
    assert mailed_text(pump).count("[HIGH] FFT length (fft-length): 16 → 32") == 1
    for impulse in (1, 2):
        page = (pump.folder / f"reports/impulses/7/{impulse}.html").read_text(encoding="utf-8")
        assert "FFT length (fft-length): 16 → 32" in page


def test_one_new_block_of_an_impulse_is_no_other_impulse(pump: Stage) -> None:
    pump.studio.put(OTHER, block(name="Other"))

    assert "impulses_replaced" not in pump.json()


def test_a_first_run_has_no_other_impulses(database_url: str, tmp_path: Path) -> None:
    with stage(database_url, tmp_path, {3: block(), 4: block()}) as set_up:
        assert "impulses_replaced" not in set_up.json()


def test_blocks_of_an_impulse_stand_together_in_the_order_of_the_data(pump: Stage) -> None:
    pump.studio.edit(KERAS, lambda answer: answer.update(name="First by its severity"))
    pump.studio.edit(KERAS, lambda answer: answer.update(trained=False))
    edit_parameter(pump)
    generate_features(pump)
    edit_window(pump)
    pump.night()
    text = mailed_text(pump)
    places = [text.index(f"({block_id}") for block_id in ("7/1", "7/2", "7/3", "7/4")]

    assert places == sorted(places)
    assert "DATASET" not in text


def mailed_text(set_up: Stage) -> str:
    part = set_up.postbox.taken[-1][1].get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def test_an_impulse_has_a_page_that_project_and_blocks_link_to(pump: Stage) -> None:
    edit_window(pump)
    generate_features(pump)
    pump.night()
    reports = pump.folder / "reports"
    page, project, own = (
        (reports / name).read_text(encoding="utf-8")
        for name in ("impulses/7/1.html", "projects/7.html", "targets/7/2.html")
    )

    assert page.count('<rect class="box"') == 4
    assert page.count('<path class="way"') == 3  # the window to its features, these to two blocks
    assert "Window size: 2000 → 1000 ms" in page
    assert page.index('../targets/7/1.html"><bdi>') < page.index('../targets/7/2.html"><bdi>')
    assert "<script" not in page
    for linking in (project, own):
        assert '../impulses/7/1.html"' in linking


def test_what_studio_no_longer_lists_is_at_the_end_of_the_chain(pump: Stage) -> None:
    pump.studio.remove(KERAS)
    pump.night()
    page = (pump.folder / "reports/impulses/7/1.html").read_text(encoding="utf-8")

    assert page.count('<rect class="box gone"') == 1
    assert page.rindex("../targets/7/4.html", 0, page.index("</svg>")) < page.index('"box gone"')
