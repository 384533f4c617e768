"""Blocks of other kinds than Keras: what counts in them, whose it is, and what is one edit."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.drift.block_kinds import ALL_FIELDS, BLOCK_KINDS
from auditor.drift.difference import find_difference
from auditor.drift.secrets import Secrets
from auditor.model import BlockKindName, ModelState
from tests.drift.kinds import (
    Document,
    Edit,
    difference,
    document_of,
    edited_document,
    findings_of,
    parameter,
    snapshot_of,
)

ANOMALY, VLM = BlockKindName.ANOMALY, BlockKindName.VLM
INPUT, PROCESSING = BlockKindName.INPUT, BlockKindName.PROCESSING
POST = BlockKindName.POST_PROCESSING
HIGH = ("high", "intent")


def setting(param: str, value: str) -> Any:  # noqa: ANN401 - an edit
    return lambda document: parameter(document, param).update(value=value)


def test_a_pattern_means_the_same_in_every_kind() -> None:
    for kind in BLOCK_KINDS.values():
        for pattern, row in kind.fields.items():
            assert ALL_FIELDS[pattern] == row


@pytest.mark.parametrize("name", BLOCK_KINDS)
def test_every_kind_has_a_form_and_a_page(name: BlockKindName) -> None:
    kind = BLOCK_KINDS[name]

    assert kind.path.startswith("/api/{project}/")
    assert kind.page.startswith("/studio/{project}/")


# Anomaly blocks


def select_another_axis(document: Document) -> None:
    document["selectedAxes"] = [0, 1, 6]
    for axis in document["axes"]:
        axis["selected"] = axis["ix"] in (0, 1, 6)


def test_other_clusters_are_a_training_setting() -> None:
    found = findings_of(ANOMALY, lambda answer: answer.update(clusterCount=64))

    assert found == [("clusterCount", "training", "medium", "intent")]


def test_the_axes_of_an_anomaly_block_follow_the_selected_ones() -> None:
    (finding,) = difference(ANOMALY, select_another_axis).findings

    assert (finding.path, finding.folded) == ("selectedAxes", ("axes",))


def test_a_favourite_axis_alone_says_nothing() -> None:
    found = difference(ANOMALY, lambda answer: answer["axes"][1].update(favourite=True))

    assert (found.findings, found.suppressed) == ((), 1)


def test_clusters_after_the_training_make_an_anomaly_model_stale() -> None:
    found = difference(ANOMALY, lambda answer: answer.update(clusterCount=64))

    assert found.model_state is ModelState.STALE


def test_kmeans_that_becomes_a_mixture_is_a_replaced_block() -> None:
    document = document_of(ANOMALY)
    old, new = (snapshot_of(ANOMALY, document, type_) for type_ in ("anomaly", "anomaly-gmm"))
    (finding,) = find_difference(old, new, secrets=Secrets(b"k" * 32)).findings

    assert (finding.path, finding.kind, finding.area) == ("type", "replaced", "identity")
    assert (finding.before, finding.after) == ("anomaly", "anomaly-gmm")


def test_a_type_that_was_not_known_before_is_no_change() -> None:
    document = document_of(ANOMALY)
    old, new = snapshot_of(ANOMALY, document), snapshot_of(ANOMALY, document, "anomaly-gmm")

    assert find_difference(old, new, secrets=Secrets(b"k" * 32)).findings == ()
    assert old.shown_type == "anomaly"


# VLM blocks


def edit_prompt(document: Document) -> None:
    document["metadata"]["config"]["promptComponents"]["user"] = "What is it?"
    document["metadata"]["config"]["configId"] = 18


def test_an_edited_prompt_is_one_finding_with_its_configuration_id() -> None:
    (finding,) = difference(VLM, edit_prompt).findings

    assert finding.path == "metadata.config.promptComponents.user"
    assert (finding.area, finding.severity) == ("training", "high")
    assert finding.folded == ("metadata.config.configId",)


def test_a_configuration_id_alone_says_nothing() -> None:
    found = difference(VLM, lambda answer: answer["metadata"]["config"].update(configId=18))

    assert (found.findings, found.suppressed) == ((), 1)


def test_a_vlm_block_has_thresholds_a_name_and_no_model() -> None:
    def edit(answer: Document) -> None:
        answer["metadata"]["thresholds"][0]["value"] = 0.7
        answer["metadata"]["name"] = "Reader"

    found = difference(VLM, edit)

    assert [finding.path for finding in found.findings] == [
        "metadata.thresholds[min_score].value",
        "metadata.name",
    ]
    assert [finding.area for finding in found.findings] == ["thresholds", "identity"]
    assert found.findings[0].headline.startswith(
        "Threshold min_score (Score threshold): 0.6 → 0.7"
    )
    assert found.model_state is ModelState.NONE


# Processing blocks


def test_a_parameter_is_one_finding_with_the_name_that_studio_shows() -> None:
    (finding,) = difference(PROCESSING, setting("fft-length", "32")).findings

    assert finding.path == "config[fft-length].value"
    assert (finding.area, finding.severity, finding.owner) == ("processing", *HIGH)
    assert finding.headline == "FFT length (fft-length): 16 → 32"


def test_the_order_of_parameters_and_their_group_say_nothing() -> None:
    def regroup(document: Document) -> None:
        first, second, *_ = document["config"]
        second["items"].insert(0, first["items"].pop())
        document["config"].reverse()

    assert difference(PROCESSING, regroup).findings == ()


def test_a_parameter_without_a_value_has_its_default() -> None:
    assert findings_of(PROCESSING, lambda d: parameter(d, "fft-length").pop("value")) == []
    assert findings_of(PROCESSING, lambda d: parameter(d, "fft-length").update(value=None)) == []
    assert findings_of(PROCESSING, lambda d: parameter(d, "fft-length").update(value=16)) == []
    assert findings_of(PROCESSING, lambda d: parameter(d, "do-log").update(value=True)) == []


def test_what_follows_a_value_is_not_compared() -> None:
    def edit(document: Document) -> None:
        item = parameter(document, "wavelet")
        item["shouldShow"] = not item["shouldShow"]
        item["valid"] = False
        for option in item["selectOptions"]:
            option["selected"] = not option["selected"]

    found = difference(PROCESSING, edit)

    assert (found.findings, found.suppressed) == ((), 0)


def test_help_and_options_are_the_vendors() -> None:
    def edit(document: Document) -> None:
        parameter(document, "fft-length")["help"] = "Longer is finer."
        parameter(document, "wavelet")["selectOptions"].append({"value": "new"})
        document["dsp"]["canNormalizeData"] = True

    assert [(area, owner) for _, area, _, owner in findings_of(PROCESSING, edit)] == [
        ("catalogue", "vendor")
    ] * 3


def generate(document: Document) -> None:
    document["dsp"]["features"].update(count=45, labels=["a", "b"])
    document["dsp"]["expectedWindowCount"] = 1300
    document["dsp"]["windowLength"] = 250
    document["block"]["valuesPerAxis"] = 15


def test_what_is_generated_after_an_edit_belongs_to_it() -> None:
    (finding,) = difference(PROCESSING, setting("fft-length", "32"), generate).findings

    assert finding.path == "config[fft-length].value"
    assert set(finding.folded) == {
        "block.valuesPerAxis",
        "dsp.windowLength",
        "dsp.features.count",
        "dsp.features.labels",
        "dsp.expectedWindowCount",
    }


def test_what_is_generated_after_another_block_is_one_data_finding() -> None:
    found = findings_of(PROCESSING, generate)

    assert found == [("dsp.features.count", "data", "high", "dataset")]


def test_more_windows_alone_are_as_little_as_more_samples() -> None:
    found = findings_of(PROCESSING, lambda d: d["dsp"].update(expectedWindowCount=1300))

    assert found == [("dsp.expectedWindowCount", "data", "low", "dataset")]


def drop_features(document: Document) -> None:
    document["dsp"]["features"]["generated"] = False


def test_dropped_features_are_a_finding_only_where_nothing_else_changed() -> None:
    alone = findings_of(PROCESSING, drop_features)
    (finding,) = difference(PROCESSING, setting("fft-length", "32"), drop_features).findings
    named = findings_of(PROCESSING, drop_features, lambda d: d["block"].update(name="x"))

    assert alone == [("dsp.features.generated", "data", "medium", "dataset")]
    assert finding.folded == ("dsp.features.generated",)
    assert [path for path, *_ in named] == ["block.name"]


def test_autotune_is_a_finding_a_parameter() -> None:
    found = findings_of(PROCESSING, setting("fft-length", "32"), setting("filter-type", "low"))

    assert {path for path, *_ in found} == {
        "config[filter-type].value",
        "config[fft-length].value",
    }


def test_parameters_that_come_with_another_version_belong_to_it() -> None:
    def upgrade(document: Document) -> None:
        document["block"]["implementationVersion"] = 5
        items = document["config"][1]["items"]
        items.append({**items[0], "param": "new-one", "name": "New"})
        del document["config"][0]["items"][4]

    (finding,) = difference(PROCESSING, upgrade).findings

    assert finding.path == "block.implementationVersion"
    assert (finding.area, finding.severity) == ("processing", "high")
    assert set(finding.folded) == {"config[filter-order]", "config[new-one]"}


def test_a_parameter_that_comes_alone_has_the_area_of_its_container() -> None:
    def add(document: Document) -> None:
        items = document["config"][1]["items"]
        items.append({**items[1], "param": "new-one", "name": "New"})

    (finding,) = difference(PROCESSING, add).findings

    assert (finding.path, finding.kind, finding.area) == ("config[new-one]", "added", "processing")
    assert finding.headline == "Parameter New (new-one) added: 16"


def test_a_name_in_listing_and_answer_is_one_finding() -> None:
    def rename(document: Document) -> None:
        document["block"]["name"] = document["dsp"]["name"] = "Spectrum"

    (finding,) = difference(PROCESSING, rename).findings

    assert (finding.path, finding.area, finding.severity) == ("block.name", "identity", "low")
    assert finding.folded == ("dsp.name",)


def test_another_type_under_the_same_id_is_one_finding() -> None:
    def replace_block(document: Document) -> None:
        document["block"]["type"] = document["dsp"]["type"] = "mfe"
        document["config"] = []
        document["dsp"]["features"]["count"] = 1

    (finding,) = difference(PROCESSING, replace_block).findings

    assert (finding.path, finding.kind, finding.area) == ("block.type", "replaced", "identity")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input", 9),
        ("customUrl", "https://example.org"),
        ("organization", {"id": 1, "dspId": 2}),
        ("axes", ["accX"]),
    ],
)
def test_connections_and_axes_are_processing(key: str, value: object) -> None:
    found = findings_of(PROCESSING, lambda document: document["block"].update({key: value}))

    assert found == [(f"block.{key}", "processing", *HIGH)]


def test_normalization_is_a_setting_of_a_processing_block() -> None:
    value = "normalize-channel-standard-scaler"
    found = findings_of(PROCESSING, lambda d: d["dsp"].update(normalizeData=value))

    assert found == [("dsp.normalizeData", "processing", *HIGH)]


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (lambda d: d["dsp"]["features"].update(count=45), "dsp.features.count"),
        (lambda d: d["dsp"]["features"].update(labels=["a"]), "dsp.features.labels"),
        (lambda d: d["dsp"]["features"].update(classes=["a"]), "dsp.features.classes"),
        (lambda d: d["dsp"].update(windowLength=9), "dsp.windowLength"),
        (lambda d: d["dsp"].update(classes=["a"]), "dsp.classes"),
    ],
)
def test_what_studio_makes_of_the_data_is_the_datasets(edit: Edit, path: str) -> None:
    assert findings_of(PROCESSING, edit) == [(path, "data", "high", "dataset")]


def test_a_mixture_is_read_as_kmeans_is() -> None:
    document = document_of(ANOMALY)
    old = snapshot_of(ANOMALY, document, "anomaly-gmm")
    select_another_axis(document)
    document["clusterCount"] = 64
    new = snapshot_of(ANOMALY, document, "anomaly-gmm")
    findings = find_difference(old, new, secrets=Secrets(b"k" * 32)).findings

    assert [(each.path, each.area) for each in findings] == [
        ("clusterCount", "training"),
        ("selectedAxes", "training"),
    ]


def test_parameters_that_a_broken_custom_block_no_longer_says_are_one_finding() -> None:
    def fail(document: Document) -> None:
        del document["config"]
        document["configError"] = "the block's server does not answer"

    (finding,) = difference(PROCESSING, fail).findings

    assert (finding.path, finding.kind) == ("config", "removed")
    assert finding.folded == ("configError",)


def test_when_and_how_a_block_was_made_says_nothing_alone() -> None:
    found = difference(
        PROCESSING, lambda d: d["block"].update(createdAt="2026-04-01", createdBy="clone")
    )

    assert (found.findings, found.suppressed) == ((), 2)


def test_the_tuner_is_named_in_the_headline() -> None:
    def take(document: Document) -> None:
        document["block"].update(createdAt="2026-04-01", createdBy="tuner")
        parameter(document, "fft-length")["value"] = "64"

    (finding,) = difference(PROCESSING, take).findings

    assert finding.headline == "FFT length (fft-length): 16 → 64, taken from the EON Tuner"


def test_performance_is_of_the_interface() -> None:
    found = difference(PROCESSING, lambda d: d["dsp"]["performance"].update(latency=99))

    assert (found.findings, found.suppressed) == ((), 1)


def test_an_error_of_the_parameters_is_high_and_belongs_to_the_edit() -> None:
    def fail(document: Document) -> None:
        document["configError"] = "FFT length is no power of 2"

    (finding,) = difference(PROCESSING, setting("fft-length", "17"), fail).findings

    assert findings_of(PROCESSING, fail) == [("configError", "processing", *HIGH)]
    assert finding.folded == ("configError",)
    assert finding.headline.endswith(
        "16 → 17; Error of the parameters added: FFT length is no power of 2"
    )


def test_a_secret_parameter_is_shown_nowhere() -> None:
    def hide(document: Document) -> None:
        parameter(document, "fft-length").update(type="secret", value="hunter2")

    kept = snapshot_of(PROCESSING, edited_document(PROCESSING, hide))

    assert b"hunter2" not in kept.document


# Post-processing and input blocks


def test_a_post_processing_block_is_processing() -> None:
    def edit(document: Document) -> None:
        document["enabled"] = False
        parameter(document, "keep_grace")["value"] = "9"

    assert findings_of(POST, edit) == [
        ("enabled", "processing", *HIGH),
        ("parameters[keep_grace].value", "processing", *HIGH),
    ]


def test_the_listing_of_a_post_processing_block_is_compared_as_that_of_others() -> None:
    def upgrade(document: Document) -> None:
        document["block"].update(implementationVersion=9, createdAt="2026-04-01", name="Tracker")
        document["parameters"].append({**document["parameters"][0], "param": "new-one"})

    found = difference(POST, upgrade)

    assert [(each.path, each.area, each.folded) for each in found.findings] == [
        ("block.implementationVersion", "processing", ("parameters[new-one]",)),
        ("block.name", "identity", ()),
    ]
    assert found.suppressed == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("windowSizeMs", 1000),
        ("windowIncreaseMs", 40),
        ("frequencyHz", 100),
        ("padZeros", False),
        ("axes", ["accX"]),
        ("labelingMethodMultiLabel", {"type": "end-of-window"}),
        ("datasetSubset", {"subsetModulo": 10, "subsetSeed": 1}),
        ("resizeMode", "crop"),
        ("classificationWindowIncreaseMs", 40),
        ("imageWidth", 96),
        ("imageHeight", 96),
        ("resizeMethod", "nearest"),
        ("cropAnchor", "top-left"),
    ],
)
def test_the_settings_of_an_input_block_are_input(key: str, value: object) -> None:
    found = findings_of(INPUT, lambda document: document.update({key: value}))

    assert found == [(key, "input", *HIGH)]


def test_width_and_height_of_images_are_one_edit() -> None:
    (finding,) = difference(INPUT, lambda d: d.update(imageWidth=96, imageHeight=96)).findings

    assert (finding.path, finding.folded) == ("imageWidth", ("imageHeight",))
    assert finding.headline == "Image height added: 96 px; Image width added: 96 px"


def test_an_unknown_key_of_a_listing_is_unknown() -> None:
    assert findings_of(INPUT, lambda document: document.update(novel=1)) == [
        ("novel", "unknown", "low", "unknown")
    ]


def test_a_headline_has_the_unit_of_its_values() -> None:
    (finding,) = difference(INPUT, lambda d: d.update(windowSizeMs=1000)).findings

    assert finding.headline == "Window size: 2000 → 1000 ms"


def test_a_version_that_first_appears_is_no_upgrade() -> None:
    old, new = document_of(PROCESSING), document_of(PROCESSING)
    del old["block"]["implementationVersion"]
    before, after = (snapshot_of(PROCESSING, document) for document in (old, new))
    (finding,) = find_difference(before, after, secrets=Secrets(b"k" * 32)).findings

    assert (finding.path, finding.severity) == ("block.implementationVersion", "info")


def test_a_name_that_the_listing_had_before_the_answer_is_said_once() -> None:
    old, new = document_of(PROCESSING), document_of(PROCESSING)
    old["block"]["name"] = new["block"]["name"] = new["dsp"]["name"] = "Spectrum"
    before, after = (snapshot_of(PROCESSING, document) for document in (old, new))

    assert find_difference(before, after, secrets=Secrets(b"k" * 32)).findings == ()
