"""One credential for the list of projects, and for those that have none of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from auditor.credentials import JwtHeader
from auditor.demo.studio_server import sample_blocks
from auditor.model import Failure, TargetId
from auditor.protocols import Answer, FetchResult
from auditor.redaction import Secret
from tests.simulated_studio import SimulatedStudio

from .asking import KEY, TARGET, client, fetch

OTHER = TargetId(102, 9)


def test_the_shared_credential_lists_projects_and_reads_those_without_their_own() -> None:
    token = "eyJ0.c2Vl.YWxs"
    with SimulatedStudio(jwt=token) as studio:
        studio.add_project(101, name="Pump", api_key=KEY)
        studio.add_project(OTHER.project_id, name="Fan", api_key="another key")
        studio.put(OTHER, sample_blocks()["keras-regression"])

        async def ask() -> tuple[Mapping[int, str] | Failure, FetchResult]:
            async with client(studio.base_url, shared=JwtHeader(Secret(token))) as asking:
                return await asking.list_projects(), await asking.fetch(OTHER, stored_body=None)

        projects, fetched = asyncio.run(ask())

    assert projects == {101: "Pump", OTHER.project_id: "Fan"}
    assert isinstance(fetched, Answer)
    assert not any("x-api-key" in asked.header_names for asked in studio.requests)


def test_a_shared_credential_that_is_refused_keeps_no_named_project_from_being_read(
    studio: SimulatedStudio, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> tuple[Mapping[int, str] | Failure, FetchResult]:
        async with client(studio.base_url, shared=JwtHeader(Secret("wrong"))) as asking:
            return await asking.list_projects(), await asking.fetch(TARGET, stored_body=None)

    projects, fetched = asyncio.run(ask())

    assert isinstance(projects, Failure)
    assert projects.kind == "unauthorized"
    assert isinstance(fetched, Answer)
    assert caplog.messages == ["list of projects not readable, no further requests"]


def test_without_a_shared_credential_another_project_is_nobodys_to_ask_for() -> None:
    with pytest.raises(KeyError):
        fetch("http://127.0.0.1:9/v1", target=OTHER)
