"""What a block's page shows besides its versions: the configuration now, values over time."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.context import ModelMetadata, Training
from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import read
from auditor.model import BlockKindName, TargetState
from auditor.rendering.configuration import describe_configuration
from auditor.rendering.project_pages import gather_fleet
from auditor.rendering.run_list import find_worse, list_runs
from auditor.rendering.target_page import make_target_page
from tests.drift.kinds import document_of
from tests.rendering.sites import history_of, overview_of, year_of_runs

TRAINED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def trained(day: int, accuracy: float) -> Training:
    at = TRAINED + timedelta(days=day)
    metrics = {"int8": {"accuracy": accuracy}}
    return Training(
        metadata=ModelMetadata(created=str(at), at=at, model_type="int8", metrics=metrics)
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (BlockKindName.ANOMALY, "Cluster count"),
        (BlockKindName.VLM, "Model"),
        (BlockKindName.PROCESSING, "FFT length (fft-length)"),
        (BlockKindName.INPUT, "Window size"),
    ],
)
def test_blocks_of_other_kinds_show_their_own_settings(name: BlockKindName, label: str) -> None:
    kind = kind_of(name)

    shown = describe_configuration(read(document_of(name), kind), kind)

    assert label in [row.label for row in shown.settings]


def test_a_threshold_is_drawn_over_the_versions_and_an_accuracy_over_the_trainings() -> None:
    first: dict[str, Any] = deepcopy(sample_blocks()["keras"])
    second = deepcopy(first)
    second["thresholds"][0]["value"] = 0.9
    history = history_of(first, second, trainings=(trained(0, 0.95), trained(2, 0.91)))

    threshold, accuracy = make_target_page(history, runs=(), studio_url="").charts

    assert threshold.words == "Threshold min_score: 0.9 since 2026-11-24, 0.6 before"
    assert accuracy.words == "Accuracy (int8): 0.91 after the last of 2 trainings, 0.95 before"
    assert [value for _, value in accuracy.rows] == ["0.91", "0.95"]


def test_the_project_in_most_trouble_is_first() -> None:
    calm, drifted = overview_of(3, project="A"), overview_of(4, TargetState.DRIFTED, project="B")
    elsewhere = replace(drifted.status, target=drifted.status.target._replace(project_id=2))

    rows = gather_fleet([calm, replace(drifted, status=elsewhere)]).projects

    assert [row.title for row in rows] == ["B", "A"]


def test_a_worse_run_of_the_same_day_is_found_beside_the_newest() -> None:
    listing = year_of_runs(6)
    at = listing.runs[0].started_at
    same_day = replace(listing, runs=tuple(replace(run, started_at=at) for run in listing.runs))
    rows = list_runs(same_day, runs={1, 2, 3, 4, 5, 6})

    worst = find_worse(rows, max(rows, key=lambda row: row.rank))

    assert worst is not None
    assert worst.word == "Critical drift"
    assert find_worse(rows, worst) is None
