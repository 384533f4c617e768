"""How values of blocks of other kinds than Keras are restored, with the official client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.drift.block_kinds import kind_of
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.restore import Restoration, find_restoration
from auditor.model import BlockKindName, TargetId
from tests.drift.kinds import Edit, difference, document_of, edited_document, parameter
from tests.official_client import model

TARGET = TargetId(12, 3)
ANOMALY, VLM = BlockKindName.ANOMALY, BlockKindName.VLM
INPUT, PROCESSING = BlockKindName.INPUT, BlockKindName.PROCESSING
POST = BlockKindName.POST_PROCESSING


def restoration_of(name: BlockKindName, edit: Edit) -> Restoration:
    """Return how the first finding of an edit is restored."""
    findings = difference(name, edit).findings
    kind = kind_of(name)
    excerpt = excerpt_answers(document_of(name), edited_document(name, edit), findings, kind)
    restoration = find_restoration(findings[0], TARGET, kind, excerpt)
    assert restoration is not None
    return restoration


def body(restoration: Restoration) -> Any:  # noqa: ANN401 - any JSON
    assert restoration.why == ""
    return json.loads(restoration.body)


def test_a_parameter_of_a_processing_block_is_set_as_a_text() -> None:
    found = restoration_of(PROCESSING, lambda d: parameter(d, "fft-length").update(value="32"))

    assert found.request == "POST /api/12/dsp/3"
    assert body(found) == {"config": {"fft-length": "16"}}
    model("dsp_config_request.DSPConfigRequest").parse_obj(body(found))


def test_a_parameter_of_a_post_processing_block_is_set_with_what_is_required() -> None:
    found = restoration_of(POST, lambda d: parameter(d, "keep_grace").update(value="9"))

    assert found.request == "POST /api/12/post-processing/3"
    assert body(found) == {"enabled": True, "parameters": {"keep_grace": "5"}}
    model("post_processing_config_request.PostProcessingConfigRequest").parse_obj(body(found))


def test_a_post_processing_block_is_switched_on_again() -> None:
    found = restoration_of(POST, lambda document: document.update(enabled=False))

    assert body(found) == {"enabled": True, "parameters": {}}
    model("post_processing_config_request.PostProcessingConfigRequest").parse_obj(body(found))


def test_the_rating_of_an_anomaly_block_is_set_alone() -> None:
    found = restoration_of(ANOMALY, lambda document: document.update(minimumConfidenceRating=0.5))

    assert found.request == "POST /api/12/training/anomaly/3"
    assert body(found) == {"minimumConfidenceRating": 0.3}
    model("set_anomaly_parameter_request.SetAnomalyParameterRequest").parse_obj(body(found))


def test_clusters_and_axes_are_those_of_a_training() -> None:
    found = restoration_of(ANOMALY, lambda document: document.update(clusterCount=64))

    assert found.request == "POST /api/12/jobs/train/anomaly/3"
    assert body(found) == {
        "axes": [0, 3, 6],
        "minimumConfidenceRating": 0.3,
        "clusterCount": 32,
    }
    model("start_training_request_anomaly.StartTrainingRequestAnomaly").parse_obj(body(found))


def test_a_threshold_of_any_learn_block_is_set_at_its_impulse() -> None:
    found = restoration_of(VLM, lambda d: d["metadata"]["thresholds"][0].update(value=0.7))

    assert found.request.endswith("/set-thresholds")
    assert body(found)["thresholds"] == [{"blockId": 3, "key": "min_score", "value": 0.6}]


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (INPUT, lambda document: document.update(windowSizeMs=1000)),
        (PROCESSING, lambda document: document["block"].update(axes=["accX"])),
    ],
)
def test_what_is_set_with_the_whole_impulse_says_so(name: BlockKindName, edit: Edit) -> None:
    assert "Create impulse" in restoration_of(name, edit).why


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (VLM, lambda document: document["metadata"]["config"].update(modelId=5)),
        (PROCESSING, lambda document: document["dsp"].update(normalizeData="x")),
        (PROCESSING, lambda document: document["dsp"].update(windowLength=1)),
        (PROCESSING, lambda document: document["block"].update(name="x")),
        (POST, lambda document: document["parameters"].pop()),
    ],
)
def test_what_no_request_sets_says_why(name: BlockKindName, edit: Edit) -> None:
    found = restoration_of(name, edit)

    assert found.request == ""
    assert found.why


def test_a_request_leaves_what_else_was_edited() -> None:
    def edit(document: dict[str, Any]) -> None:
        document["clusterCount"] = 64
        document["selectedAxes"] = [0, 1]

    found = restoration_of(ANOMALY, edit)

    assert body(found) == {"axes": [0, 1], "minimumConfidenceRating": 0.3, "clusterCount": 32}
