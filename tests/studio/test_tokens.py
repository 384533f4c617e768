from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from auditor.credentials import BearerToken, Credential
from auditor.demo.http_server import ServerReply, json_reply
from auditor.demo.studio_server import sample_blocks
from auditor.fetching import Answer, FetchFailure, FetchResult
from auditor.model import TargetId
from auditor.redaction import Secret
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import TARGET, Waits, answer, client, fetch, wire
from .oauth_runs import (
    MACHINE,
    PASSWORD,
    PERSON,
    SECRET,
    TOKEN,
    Clock,
    ask,
    failure,
    token_requests,
)


@pytest.mark.parametrize("credential", [MACHINE, PERSON], ids=["machine", "person"])
def test_one_token_serves_every_project_and_coroutine_of_a_run(
    server: SimulatedStudio, clock: Clock, credential: Credential
) -> None:
    server.add_project(102, name="Fan", api_key="other")
    server.put(TargetId(102, 9), sample_blocks()["keras"])

    answers = ask(server, credential, clock, *[TARGET, TargetId(102, 9)] * 25)

    assert {type(answer) for answer in answers} == {Answer}
    assert token_requests(server) == 1


def test_a_token_request_says_no_more_than_it_must(server: SimulatedStudio, clock: Clock) -> None:
    ask(server, MACHINE, clock)

    asked = server.requests[0]
    assert (asked.method, asked.path) == ("POST", TOKEN)
    assert sorted(asked.header_names) == [
        "accept", "accept-encoding", "authorization", "content-length", "content-type", "host",
        "user-agent",
    ]  # fmt: skip
    assert "authorization" in server.requests[1].header_names


def test_a_token_from_elsewhere_is_sent_as_it_is(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.allow("from-elsewhere")
    credential = BearerToken(Secret("from-elsewhere"))

    (found,) = ask(server, credential, clock)

    assert isinstance(found, Answer)
    assert token_requests(server) == 0


def test_a_token_is_renewed_before_it_ends(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.life_s = 600

    async def run() -> list[int]:
        seen = []
        async with client(server.base_url, credentials={101: MACHINE}, now=clock) as asking:
            for seconds in (0, 500, 50, 500):
                clock.at += timedelta(seconds=seconds)
                assert isinstance(await asking.fetch(TARGET, NAMED, stored_body=None), Answer)
                seen.append(token_requests(server))
        return seen

    assert asyncio.run(run()) == [1, 1, 2, 2]


def test_a_short_life_is_not_all_leeway(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.life_s = 30

    ask(server, MACHINE, clock, *[TARGET] * 10)

    assert token_requests(server) == 1


def test_a_revoked_token_is_renewed_once_for_a_thousand_refusals(
    server: SimulatedStudio, clock: Clock
) -> None:
    async def run() -> list[FetchResult]:
        asking = client(server.base_url, credentials={101: MACHINE}, now=clock, concurrency=256)
        async with asking:
            await asking.fetch(TARGET, NAMED, stored_body=None)
            server.oauth.revoke()
            return await asyncio.gather(
                *(asking.fetch(TARGET, NAMED, stored_body=None) for _ in range(1000))
            )

    assert {type(answer) for answer in asyncio.run(run())} == {Answer}
    assert token_requests(server) == 2


def test_a_renewed_token_that_is_refused_too_is_the_last(
    server: SimulatedStudio, clock: Clock
) -> None:
    server.oauth.life_s = -1  # ended before it comes

    answers = ask(server, MACHINE, clock, *[TargetId(101, n) for n in range(40)])

    assert {failure(answer).kind for answer in answers} == {"unauthorized"}
    assert len({failure(answer).message for answer in answers}) == 1
    assert "the client's permissions in Studio" in failure(answers[0]).message
    assert token_requests(server) == 2


HTML = ServerReply(body=b"<!DOCTYPE html><title>Sign in</title>", content_type="text/html")


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (json_reply({"error": "invalid_client"}, status=401), "unauthorized", "(invalid_client)"),
        (json_reply({"error": "invalid_client"}), "unauthorized", "check client_id"),
        (
            json_reply({"error": "invalid_grant", "error_description": "gone"}, status=400),
            "unauthorized",
            "(invalid_grant: gone)",
        ),
        (json_reply({"success": False, "error": "No"}), "unauthorized", "(No)"),
        (json_reply({"success": False}), "unauthorized", "it gave no reason"),
        (ServerReply(status=403, body=b"no"), "unauthorized", "403 Forbidden"),
        (ServerReply(status=404, body=b"no"), "http", "404 Not Found"),
        (HTML, "not_json", "check base_url"),
        (ServerReply(body=b"[]"), "not_json", "not a JSON object"),
        (ServerReply(body=b""), "not_json", "not a JSON object"),
        (ServerReply(body=b"[" * 60_000), "not_json", "not a JSON object"),
        (ServerReply(body=b" " * 70_000), "too_large", "no OAuth2 token"),
        (ServerReply(status=302, headers=(("Location", "/"),)), "redirect", "not followed"),
        (json_reply({"token_type": "Bearer"}), "invalid", "access_token"),
        (json_reply({"access_token": "two words"}), "invalid", "access_token"),
        (json_reply({"access_token": "t\r\nx: y"}), "invalid", "access_token"),
        (json_reply({"access_token": "t", "token_type": "mac"}), "invalid", "token_type"),
        (json_reply({"access_token": "t", "token_type": 1}), "invalid", "token_type"),
        (json_reply({"access_token": "a\nb"}), "invalid", "access_token: expected printable"),
        (json_reply({"access_token": "a" * 16_385}), "invalid", "access_token: expected"),
        (
            json_reply({"access_token": "t", "refresh_token": "\ud800"}),
            "invalid",
            "refresh_token: expected printable ASCII",
        ),
    ],
)
def test_what_is_refused_for_good_is_asked_once_for_all_projects(
    server: SimulatedStudio, clock: Clock, reply: ServerReply, kind: str, words: str
) -> None:
    server.oauth.replies = [reply] * 9

    answers = ask(server, MACHINE, clock, *[TargetId(n, 3) for n in (101, 102, 103, 101)])

    failures = {failure(answer) for answer in answers}
    assert {fault.kind for fault in failures} == {kind}
    assert [words in fault.message for fault in failures] == [True]
    assert all(isinstance(answer, FetchFailure) and answer.whole_project for answer in answers)
    assert [asked.path for asked in server.requests] == [TOKEN]


@pytest.mark.parametrize(
    "reply",
    [
        ServerReply(status=500),
        ServerReply(status=503, headers=(("Retry-After", "3"),)),
        ServerReply(status=429),
        json_reply({"error": "temporarily_unavailable"}, status=400),
        json_reply({"error": "server_error"}),
        ServerReply(body=b"{}", promised=99),
    ],
)
def test_a_passing_fault_of_the_token_endpoint_is_outlasted(
    server: SimulatedStudio, clock: Clock, reply: ServerReply
) -> None:
    server.oauth.replies = [reply] * 2

    (found,) = ask(server, MACHINE, clock)

    assert isinstance(found, Answer)
    assert token_requests(server) == 3


def test_a_token_endpoint_that_is_silent_is_a_value(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.replies = [ServerReply(delay_s=60)] * 2

    found = fetch(
        server.base_url,
        credentials={101: MACHINE},
        now=clock,
        timeout=timedelta(seconds=0.2),
        tries=2,
    )

    assert failure(found).kind == "timeout"
    assert failure(found).message == (
        "no OAuth2 token: no complete answer within 0.2 s (tried 2 times)"
    )


def test_a_wait_that_the_token_endpoint_asks_for_is_granted(
    server: SimulatedStudio, clock: Clock
) -> None:
    waits = Waits()
    server.oauth.replies = [ServerReply(status=429, headers=(("Retry-After", "7"),))]

    fetch(server.base_url, credentials={101: MACHINE}, now=clock, sleep=waits)

    assert waits.seconds == [7.0]


@pytest.mark.parametrize("life", ["600", 600.0, 0, -5, None, "soon", True, 1e300, []])
def test_a_life_of_any_form_is_understood_or_passed_over(
    server: SimulatedStudio, clock: Clock, life: object
) -> None:
    server.oauth.allow("a-token")
    body = json.dumps({"access_token": "a-token", "expires_in": life}).encode()
    server.oauth.replies = [ServerReply(body=body)]

    assert isinstance(ask(server, MACHINE, clock)[0], Answer)


@pytest.mark.parametrize("credential", [MACHINE, PERSON], ids=["machine", "person"])
def test_no_message_holds_what_the_token_endpoint_repeats(
    server: SimulatedStudio, clock: Clock, credential: Credential
) -> None:
    echo = f"{SECRET.reveal()} {PASSWORD.reveal()} canary+of%2Fthe%2Bclient%3D"
    basic = "bWFjaGluZTpjYW5hcnkrb2YlMkZ0aGUlMkJjbGllbnQlM0Q="
    server.oauth.replies = [json_reply({"error": "no", "error_description": f"{echo} {basic}"})]

    (found,) = ask(server, credential, clock)

    mine = SECRET if credential is MACHINE else PASSWORD
    assert mine.reveal() not in failure(found).message
    if credential is MACHINE:
        assert "canary+of" not in failure(found).message
        assert basic not in failure(found).message


def test_studio_cannot_make_a_message_of_the_token(clock: Clock) -> None:
    token = "canary-token"

    async def run() -> FetchResult:
        answers = [
            answer(json.dumps({"access_token": token}).encode()),
            answer(json.dumps({"success": False, "error": f"no {token}"}).encode()),
        ]
        async with (
            wire(*answers) as proxied,
            client(proxied.base_url, credentials={101: MACHINE}, now=clock) as asking,
        ):
            return await asking.fetch(TARGET, NAMED, stored_body=None)

    assert failure(asyncio.run(run())).message == "Studio refused: no (hidden)"


def test_the_token_request_goes_through_the_proxy(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[str]:
        token = answer(b'{"access_token": "a-token"}')
        async with wire(token, answer(b"{}")) as proxy:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            base_url = "http://studio.invalid/v1"
            async with client(base_url, credentials={101: MACHINE}, now=clock) as asking:
                await asking.fetch(TARGET, NAMED, stored_body=None)
            return [request.partition("\r\n")[0] for request in proxy.heard]

    assert asyncio.run(run()) == [
        "POST http://studio.invalid/v1/oauth/token HTTP/1.1",
        "GET http://studio.invalid/v1/api/101/training/keras/3 HTTP/1.1",
    ]
