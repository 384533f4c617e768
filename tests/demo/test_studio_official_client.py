"""The built-in Studio as the vendor's own client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from auditor.demo.faults import Fault
from auditor.demo.sample_fleet import CAMERA, KERAS_BLOCKS, KEYS, PUMP, fill_studio
from auditor.demo.studio_server import BuiltInStudio, sample_blocks
from auditor.drift.block_kinds import KERAS
from auditor.drift.restore import SETTABLE
from auditor.model import TargetId
from auditor.studio.answers import read_answer
from tests.simulated_studio import SimulatedStudio

SAMPLES = sample_blocks()
BUILT = datetime(2026, 11, 12, 15, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def vendor() -> Any:  # noqa: ANN401 # a module without types
    return import_module("edgeimpulse_api")


@pytest.fixture(scope="module")
def studio() -> Iterator[SimulatedStudio]:
    with SimulatedStudio() as studio:
        studio.add_project(101, name="Pump", api_key="ei_0123")
        for learn_id, answer in enumerate(SAMPLES.values(), start=1):
            studio.put(TargetId(101, learn_id), answer)
        yield studio


@pytest.fixture
def official(vendor: Any, studio: SimulatedStudio) -> Iterator[Any]:  # noqa: ANN401
    with client_of(vendor, studio, "ei_0123") as client:
        yield client


@pytest.fixture(scope="module")
def of_fleet(vendor: Any) -> Iterator[Any]:  # noqa: ANN401
    """The clients before the demo's Studio, by project."""
    with BuiltInStudio() as studio, ExitStack() as clients:
        fill_studio(studio, BUILT)
        yield {
            project_id: clients.enter_context(client_of(vendor, studio, key))
            for project_id, key in KEYS.items()
        }


def client_of(vendor: Any, studio: BuiltInStudio, key: str) -> Any:  # noqa: ANN401
    configuration = vendor.Configuration(
        host=studio.base_url, api_key={"ApiKeyAuthentication": key}
    )
    return vendor.ApiClient(configuration)


def refused_places(
    vendor: Any,  # noqa: ANN401
    body: bytes,
    model: str = "KerasResponse",
) -> list[Any]:
    """Return where the client's strict model (enums, types, required keys) refuses an answer."""
    try:
        getattr(vendor, model).parse_obj(json.loads(body))
    except import_module("pydantic.v1").ValidationError as error:
        return [problem["loc"] for problem in error.errors()]
    return []


@pytest.mark.parametrize(("learn_id", "name"), list(enumerate(SAMPLES, start=1)))
def test_the_official_client_fetches_a_block_and_its_strict_model_accepts_it(
    vendor: Any,  # noqa: ANN401
    official: Any,  # noqa: ANN401
    learn_id: int,
    name: str,
) -> None:
    response = vendor.LearnApi(official).get_keras(101, learn_id, _preload_content=False)

    body = response.data
    assert read_answer(body, KERAS) == SAMPLES[name]
    assert without_thresholds(refused_places(vendor, body)) == []


def test_the_official_client_lists_projects_and_impulses(
    vendor: Any,  # noqa: ANN401
    official: Any,  # noqa: ANN401
) -> None:
    projects = vendor.ProjectsApi(official).list_projects(_preload_content=False)
    impulses = vendor.ImpulseApi(official).get_all_impulses(101, _preload_content=False)

    assert json.loads(projects.data)["projects"][0]["name"] == "Pump"
    assert len(json.loads(impulses.data)["impulses"][0]["learnBlocks"]) == 9


def test_the_official_client_fetches_every_block_that_the_default_impulse_names(
    vendor: Any,  # noqa: ANN401
    official: Any,  # noqa: ANN401
) -> None:
    impulse = vendor.ImpulseApi(official).get_impulse(101, _preload_content=False)

    blocks = json.loads(impulse.data)["impulse"]["learnBlocks"]
    for block in blocks:
        response = vendor.LearnApi(official).get_keras(101, block["id"], _preload_content=False)
        assert read_answer(response.data, KERAS)["name"] == block["name"]
    assert len(blocks) == 9


def without_thresholds(places: list[Any]) -> list[Any]:
    """Leave thresholds out: of each value this version of the client says "Multiple matches"."""
    return [at for at in places if at[:1] + at[2:] != ("thresholds", "value")]


@pytest.mark.parametrize("project_id", [PUMP, CAMERA])
def test_the_strict_model_accepts_the_listing_and_every_block_of_the_demo(
    vendor: Any,  # noqa: ANN401
    of_fleet: Any,  # noqa: ANN401
    project_id: int,
) -> None:
    client = of_fleet[project_id]
    listed = vendor.ImpulseApi(client).get_all_impulses(project_id, _preload_content=False)
    assert refused_places(vendor, listed.data, "GetAllImpulsesResponse") == []

    asked = {
        "dspBlocks": (vendor.DSPApi(client).get_dsp_config, "DSPConfigResponse"),
        "postProcessingBlocks": (
            vendor.PostProcessingApi(client).get_post_processing_config,
            "PostProcessingConfigResponse",
        ),
        "anomaly": (vendor.LearnApi(client).get_anomaly, "AnomalyConfigResponse"),
        "keras": (vendor.LearnApi(client).get_keras, "KerasResponse"),
    }
    seen = set()
    for impulse in json.loads(listed.data)["impulses"]:
        for key in ("dspBlocks", "learnBlocks", "postProcessingBlocks"):
            for block in impulse[key]:
                if block["type"] == "vlm":  # the client has no request for its configuration
                    continue
                learn = "anomaly" if block["type"] == "anomaly" else "keras"
                of_kind = learn if key == "learnBlocks" else key
                request, model = asked[of_kind]
                body = request(project_id, block["id"], _preload_content=False).data
                assert without_thresholds(refused_places(vendor, body, model)) == []
                seen.add(of_kind)
    assert seen == (
        {*asked} - {"postProcessingBlocks"} if project_id == PUMP else {*asked} - {"anomaly"}
    )


def test_the_strict_model_accepts_jobs_trainings_and_deployments(
    vendor: Any,  # noqa: ANN401
    of_fleet: Any,  # noqa: ANN401
) -> None:
    pump, camera = of_fleet[PUMP], of_fleet[CAMERA]
    learn = vendor.LearnApi(pump)
    asked = {
        "ListJobsResponse": vendor.JobsApi(pump).list_finished_jobs(PUMP, _preload_content=False),
        "KerasModelMetadataResponse": learn.get_keras_metadata(PUMP, 3, _preload_content=False),
        "ListDeploymentHistoryResponse": vendor.DeploymentApi(camera).list_deployment_history(
            CAMERA, _preload_content=False
        ),
    }

    for model, response in asked.items():
        assert json.loads(response.data)["success"] is True, model
        assert refused_places(vendor, response.data, model) == [], model


def test_the_strict_model_accepts_the_metadata_of_every_trained_block(
    vendor: Any,  # noqa: ANN401
    of_fleet: Any,  # noqa: ANN401
) -> None:
    learn = {project_id: vendor.LearnApi(client) for project_id, client in of_fleet.items()}
    modes = {}
    untrained, anomaly = TargetId(PUMP, 7), TargetId(PUMP, 8)
    for target in sorted({each for each, _, _ in KERAS_BLOCKS} - {untrained}):
        body = learn[target.project_id].get_keras_metadata(*target, _preload_content=False).data
        assert refused_places(vendor, body, "KerasModelMetadataResponse") == [], target
        modes[target] = json.loads(body)["mode"]
    clusters = learn[PUMP].get_anomaly_metadata(*anomaly, _preload_content=False).data
    none = learn[PUMP].get_keras_metadata(*untrained, _preload_content=False).data

    assert refused_places(vendor, clusters, "AnomalyModelMetadataResponse") == []
    assert set(modes.values()) == {
        *("classification", "regression", "object-detection", "visual-anomaly")
    }
    assert json.loads(none)["success"] is False


def test_the_official_client_meets_a_fault_too(
    vendor: Any,  # noqa: ANN401
    official: Any,  # noqa: ANN401
    studio: SimulatedStudio,
) -> None:
    studio.fail(Fault.SUCCESS_ABSENT, times=1)

    body = vendor.LearnApi(official).get_keras(101, 1, _preload_content=False).data

    assert json.loads(body).keys() == next(iter(SAMPLES.values())).keys() - {"success"}


def test_the_settable_fields_are_those_of_the_official_client(vendor: Any) -> None:  # noqa: ANN401
    fields = vendor.SetKerasParameterRequest.__fields__.values()
    names = {field.alias for field in fields}

    assert names >= SETTABLE
    assert "thresholds" not in names


def test_the_strict_model_is_strict(vendor: Any) -> None:  # noqa: ANN401
    body = json.dumps(SAMPLES["keras"] | {"trained": "yes", "mode": "guided"}).encode()

    assert {("trained",), ("mode",)} <= set(refused_places(vendor, body))
