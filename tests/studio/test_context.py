"""What Studio says beside the configuration, read from answers as they come."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.context import Deployment, ModelMetadata, NewTrainings
from auditor.demo.context import make_metadata
from auditor.demo.faults import Fault
from auditor.errors import StudioError
from auditor.fetching import NOT_ASKED
from auditor.model import BlockKindName, Failure, Json
from auditor.studio.context import read_deployments, read_jobs, read_metadata
from tests.simulated_studio import SimulatedStudio

from .asking import TARGET, client

NOON = datetime(2026, 11, 12, 14, 2, 51, tzinfo=UTC)
CREATED = "2026-11-12T14:02:51.000Z"
ADA: dict[str, Json] = {
    "id": 77,
    "name": "Ada Lovelace",
    "username": "ada",
    "photo": "https://example.org/ada",
}


def job(number: Json = 4711, **values: Json) -> dict[str, Json]:
    """Return a job that trained block 3, with some values of its own."""
    done: dict[str, Json] = {"finished": CREATED, "finishedSuccessful": True}
    return {"id": number, "key": "keras-3", "created": CREATED, **done, **values}


def built(**values: Json) -> dict[str, Json]:
    """Return what was built of impulse 1, with some values of its own."""
    return {
        "created": CREATED,
        "deploymentVersion": 7,
        "deploymentFormat": "arduino",
        "impulseId": 1,
        "impulseName": "Motion",
        "impulseIsDeleted": False,
        "impulseHasChangedSinceDeployment": True,
        **values,
    }


def body(**values: Json) -> bytes:
    return json.dumps({"success": True, **values}).encode()


# Jobs


def test_a_job_that_trained_says_which_block_when_and_who() -> None:
    (training,) = read_jobs(body(jobs=[job(createdByUser=ADA)])).trainings

    assert (training.id, training.block_id, training.person) == (4711, 3, "Ada Lovelace")
    assert (training.created_at, training.has_worked) == (NOON, True)


@pytest.mark.parametrize(
    ("user", "person"),
    [
        (ADA, "Ada Lovelace"),
        ({**ADA, "name": ""}, "ada"),
        ({**ADA, "name": "  "}, "ada"),
        ({"id": 77, "username": "ada"}, "ada"),
        ({"id": 77, "name": 5}, ""),
        ("Ada", ""),
        (None, ""),
    ],
)
def test_a_person_is_a_name_else_a_username(user: Json, person: str) -> None:
    assert read_jobs(body(jobs=[job(createdByUser=user)])).trainings[0].person == person


def test_of_a_person_nothing_but_the_name_is_read() -> None:
    jobs = read_jobs(body(jobs=[job(createdByUser=ADA)]))
    deployments = read_deployments(body(deployments=[built(createdByUser=ADA)]))

    for words in map(repr, (jobs, deployments)):
        assert "Ada Lovelace" in words
        assert not any(other in words for other in ("77", "ada", "photo", "example.org"))


@pytest.mark.parametrize(
    ("key", "block_id"),
    [
        ("keras-192", 192),
        ("anomaly-8", 8),
        ("anomaly-gmm-8", 8),
        ("dsp-3", None),
        ("deploy-arduino-3", None),
        ("build-3", None),
        ("classify-3", None),
        ("tuner-3", None),
        ("keras-", None),
        ("keras-3-export", None),
        (None, None),
    ],
)
def test_only_jobs_that_train_a_block_are_trainings(key: Json, block_id: int | None) -> None:
    page = read_jobs(body(jobs=[job(key=key)]))

    assert [training.block_id for training in page.trainings] == [block_id] * (
        block_id is not None
    )
    assert page.ids == (4711,)


@pytest.mark.parametrize(
    ("values", "has_worked"),
    [
        ({}, True),
        ({"finishedSuccessful": False}, False),
        ({"finishedSuccessful": None}, True),
        ({"finished": None, "finishedSuccessful": None}, None),
    ],
)
def test_a_job_has_worked_or_failed_or_is_under_way(
    values: dict[str, Json], has_worked: bool | None
) -> None:
    assert read_jobs(body(jobs=[job(**values)])).trainings[0].has_worked is has_worked


@pytest.mark.parametrize("entry", [None, 3, [], {}, job("4711"), job(True), job(created="soon")])
def test_a_job_that_is_not_understood_leaves_the_others(entry: Json) -> None:
    page = read_jobs(body(jobs=[entry, job(4712)], totalJobCount="many"))

    assert [training.id for training in page.trainings] == [4712]
    assert page.total == len(page.ids)


@pytest.mark.parametrize("answer", [b"{}", b'{"success": false}', body(), body(jobs={})])
def test_an_answer_without_jobs_is_refused(answer: bytes) -> None:
    with pytest.raises(StudioError):
        read_jobs(answer)


# Models


def test_a_model_says_when_it_was_trained_and_what_was_measured() -> None:
    metadata = make_metadata(NOON, accuracy=0.93, loss=0.2)
    found = read_metadata(json.dumps(metadata).encode())

    assert (found.created, found.at, found.model_type) == (CREATED, NOON, "int8")
    measured = {"accuracy": 0.93, "loss": 0.2, "latency": 3, "ram": 1900, "rom": 15300}
    assert found.metrics["int8"] == measured


def test_memory_is_that_of_the_default_device_and_of_tflite_where_there_is_no_eon() -> None:
    metadata: Any = make_metadata(NOON)
    measured = metadata["modelValidationMetrics"][1]
    (device,) = measured["onDevicePerformance"]
    other = {**device, "isDefault": False, "latency": 99}
    del device["eon"]
    measured["onDevicePerformance"] = [other, device]
    found = read_metadata(json.dumps(metadata).encode()).metrics["int8"]

    assert (found["latency"], found["ram"], found["rom"]) == (3, 3400, 19200)


@pytest.mark.parametrize(
    "values",
    [
        {"created": None},
        {"created": "yesterday"},
        {"hasTrainedModel": False},
        {"success": False, "error": "No trained model"},
    ],
)
def test_a_model_that_was_not_trained_is_refused(values: dict[str, Json]) -> None:
    with pytest.raises(StudioError):
        read_metadata(json.dumps({**make_metadata(NOON), **values}).encode())


@pytest.mark.parametrize("metrics", [None, {}, ["x"], [{"type": 3}], [{"type": "int8"}]])
def test_a_model_without_usable_metrics_was_trained_all_the_same(metrics: Json) -> None:
    answer = {**make_metadata(NOON), "modelValidationMetrics": metrics}
    found = read_metadata(json.dumps(answer).encode())

    assert found.at == NOON
    assert not any(found.metrics.values())


# Deployments


@pytest.mark.parametrize("step", [1, -1])
def test_of_each_impulse_the_newest_deployment_counts_in_whatever_order_they_come(
    step: int,
) -> None:
    older = built(created="2026-11-10T00:00:00.000Z", deploymentVersion=9)
    of_other = built(impulseId=2, deploymentVersion=1)
    entries: list[Json] = [older, built(createdByUser=ADA), of_other]
    found = read_deployments(body(deployments=entries[::step]))

    assert found[0] == Deployment(
        impulse_id=1,
        impulse="Motion",
        version=7,
        format="arduino",
        person="Ada Lovelace",
        at=NOON,
        is_behind=True,
        is_deleted=False,
    )
    assert [each.impulse_id for each in found] == [1, 2]


@pytest.mark.parametrize("entry", [None, [], {}, built(impulseId="1"), built(created=0)])
def test_a_deployment_that_is_not_understood_leaves_the_others(entry: Json) -> None:
    (found,) = read_deployments(body(deployments=[entry, built()]))

    assert found.version == 7


# Asking


def trainings(studio: SimulatedStudio, since: int | None) -> NewTrainings:
    async def ask() -> NewTrainings | Failure:
        async with client(studio.base_url) as opened:
            return await opened.list_trainings(TARGET.project_id, since)

    found = asyncio.run(ask())
    assert isinstance(found, NewTrainings)
    return found


@pytest.mark.parametrize("has_oldest_first", [False, True])
def test_no_order_of_jobs_is_relied_upon(studio: SimulatedStudio, has_oldest_first: bool) -> None:
    first = studio.add_job(TARGET.project_id, "dsp-2", at=NOON)
    for _ in range(150):
        studio.add_job(TARGET.project_id, "dsp-2", at=NOON)
    last = studio.add_job(TARGET.project_id, "keras-3", at=NOON)
    if has_oldest_first:
        studio.turn_jobs(TARGET.project_id)
    found = trainings(studio, first)

    assert ([job.id for job in found.jobs], found.newest) == ([last], last)


def test_after_three_answers_that_do_not_come_nothing_more_is_asked(
    studio: SimulatedStudio,
) -> None:
    async def ask() -> list[str]:
        async with client(studio.base_url, timeout=timedelta(seconds=0.2)) as opened:
            answers: list[ModelMetadata | Failure] = [
                await opened.fetch_metadata(TARGET, BlockKindName.KERAS) for _ in range(5)
            ]
            return [each.kind for each in answers if isinstance(each, Failure)]

    studio.fail(Fault.SLOW, path="/metadata")
    kinds = asyncio.run(ask())

    assert kinds == ["timeout"] * 3 + [NOT_ASKED] * 2
    assert len(studio.requests) == 3
