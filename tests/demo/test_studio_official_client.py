"""The built-in Studio as the vendor's own client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from edgeimpulse_api import ApiClient, Configuration, ImpulseApi, LearnApi, ProjectsApi
from edgeimpulse_api.models.keras_response import KerasResponse
from pydantic.v1 import ValidationError

from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import KERAS
from auditor.model import TargetId
from auditor.studio.answers import read_answer
from tests.simulated_studio import SimulatedStudio

SAMPLES = sample_blocks()


@pytest.fixture(scope="module")
def studio() -> Iterator[SimulatedStudio]:
    with SimulatedStudio() as studio:
        studio.add_project(101, name="Pump", api_key="ei_0123")
        for learn_id, answer in enumerate(SAMPLES.values(), start=1):
            studio.put(TargetId(101, learn_id), answer)
        yield studio


@pytest.fixture
def official(studio: SimulatedStudio) -> Iterator[ApiClient]:
    configuration = Configuration(
        host=studio.base_url, api_key={"ApiKeyAuthentication": "ei_0123"}
    )
    with ApiClient(configuration) as client:
        yield client


def refused_places(body: bytes) -> list[Any]:
    """Return where the client's strict model (enums, types, required keys) refuses an answer."""
    try:
        KerasResponse.parse_obj(json.loads(body))
    except ValidationError as error:
        return [problem["loc"] for problem in error.errors()]
    return []


@pytest.mark.parametrize(("learn_id", "name"), list(enumerate(SAMPLES, start=1)))
def test_the_official_client_fetches_a_block_and_its_strict_model_accepts_it(
    official: ApiClient, learn_id: int, name: str
) -> None:
    response = LearnApi(official).get_keras(101, learn_id, _preload_content=False)

    body = response.data
    assert read_answer(body, KERAS) == SAMPLES[name]
    # Of every threshold's value this version of the client says "Multiple matches found".
    assert [at for at in refused_places(body) if at[:1] + at[2:] != ("thresholds", "value")] == []


def test_the_official_client_lists_projects_and_impulses(official: ApiClient) -> None:
    projects = ProjectsApi(official).list_projects(_preload_content=False)
    impulses = ImpulseApi(official).get_all_impulses(101, _preload_content=False)

    assert json.loads(projects.data)["projects"][0]["name"] == "Pump"
    assert len(json.loads(impulses.data)["impulses"][0]["learnBlocks"]) == 9


def test_the_official_client_fetches_every_block_that_the_default_impulse_names(
    official: ApiClient,
) -> None:
    impulse = ImpulseApi(official).get_impulse(101, _preload_content=False)

    blocks = json.loads(impulse.data)["impulse"]["learnBlocks"]
    for block in blocks:
        response = LearnApi(official).get_keras(101, block["id"], _preload_content=False)
        assert read_answer(response.data, KERAS)["name"] == block["name"]
    assert len(blocks) == 9


def test_the_strict_model_is_strict() -> None:
    body = json.dumps(SAMPLES["keras"] | {"trained": "yes", "mode": "guided"}).encode()

    assert {("trained",), ("mode",)} <= set(refused_places(body))
