from __future__ import annotations

import asyncio
import json

import pytest

from auditor.credentials import (
    ApiKey,
    BearerToken,
    Credential,
    JwtCookie,
    JwtHeader,
)
from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from auditor.redaction import Secret
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import KEY, TARGET, answer, client, wire
from .oauth_runs import MACHINE, Clock, ask, failure


def test_no_scheme_shows_what_belongs_to_another() -> None:
    block = json.dumps(sample_blocks()["keras"]).encode()
    cookies = answer(block, "Set-Cookie: jwt=of-another; Path=/", "Set-Cookie: session=1; Path=/")
    token = answer(b'{"access_token": "secret-5"}', "Set-Cookie: oauth=1; Path=/")
    credentials: dict[int, Credential] = {
        1: ApiKey(Secret("secret-1")),
        2: JwtHeader(Secret("secret-2")),
        3: JwtCookie(Secret("secret-3")),
        4: BearerToken(Secret("secret-4")),
    }

    async def run() -> list[str]:
        async with wire(token, cookies) as server:
            base_url = f"http://localhost:{server.port}/v1"  # by name: jars pass over addresses
            async with client(base_url, credentials=credentials | {5: MACHINE}) as asking:
                for project_id in (5, 1, 2, 3, 4, 5, 4, 3, 2, 1):
                    await asking.fetch(TargetId(project_id, 3), NAMED, stored_body=None)
            return server.heard

    posted, *heard = asyncio.run(run())

    lines = {
        1: "x-api-key: secret-1",
        2: "x-jwt-token: secret-2",
        3: "cookie: jwt=secret-3",
        4: "authorization: Bearer secret-4",
        5: "authorization: Bearer secret-5",
    }
    assert "secret-" not in posted
    for project_id, request in zip((5, 1, 2, 3, 4, 5, 4, 3, 2, 1), heard, strict=True):
        assert lines[project_id] in request.split("\r\n")
        assert request.count("secret-") == 1
        assert ("cookie" in request.lower()) == (project_id == 3)


def test_a_key_of_another_project_is_named_as_such(studio: SimulatedStudio, clock: Clock) -> None:
    studio.add_project(102, name="Fan", api_key="other")

    answers = ask(studio, ApiKey(Secret(KEY)), clock, *[TargetId(102, n) for n in range(5)])

    (message,) = {failure(answer).message for answer in answers}
    assert message == (
        "Studio refused the credential (Invalid API key): check the configured key; this "
        "key belongs to project 101, not to 102: create one for project "
        "102 in Studio (Dashboard, Keys)"
    )
    paths = [asked.path for asked in studio.requests]
    assert paths.count("/v1/api/projects/api-key-info") == 1


@pytest.mark.parametrize("role", ["readonly", "ingestiononly"])
def test_a_key_that_may_not_read_is_named_by_its_role(
    studio: SimulatedStudio, clock: Clock, role: str
) -> None:
    studio.change_role(101, role)

    error = failure(ask(studio, ApiKey(Secret(KEY)), clock)[0])

    assert error.kind == "forbidden"
    assert f"the role of this key is {role}" in error.message
    assert "create a key for project 101 with role admin" in error.message


def test_a_key_that_studio_does_not_know_says_where_keys_are_made(
    studio: SimulatedStudio, clock: Clock
) -> None:
    error = failure(ask(studio, ApiKey(Secret("ei_" + "0" * 64)), clock)[0])

    assert "Invalid API key" in error.message
    assert "create a key for project 101 with role admin in Studio" in error.message


def test_a_night_without_a_refusal_asks_nothing_of_keys(
    studio: SimulatedStudio, clock: Clock
) -> None:
    ask(studio, ApiKey(Secret(KEY)), clock, TARGET, TargetId(101, 99))

    assert all("/keras/" in asked.path for asked in studio.requests)
