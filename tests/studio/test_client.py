"""Conditional requests: what the server says is unchanged, and what it may not say."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

import pytest

from auditor.credentials import ApiKey, JwtHeader
from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.fetching import (
    Answer,
    BlockSource,
    FetchFailure,
    FetchResult,
    StoredBody,
    Studio,
    UnchangedAnswer,
)
from auditor.model import BlockKindName, Failure, JsonObject, TargetId
from auditor.redaction import Secret
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import KEY, KEY_OF_PROJECT, TARGET, Waits, answer, client, fetch, wire

OTHER = TargetId(102, 9)


KEY_INFO = "/v1/api/projects/api-key-info"


def asked_for_blocks(studio: SimulatedStudio) -> int:
    """How often a block was asked for; why a key is refused is asked once beside it."""
    explained = [asked for asked in studio.requests if asked.path == KEY_INFO]
    assert len(explained) <= 1
    return len(studio.requests) - len(explained)


def failure(fetched: FetchResult) -> Failure:
    assert isinstance(fetched, FetchFailure)
    return fetched.failure


def test_a_block_comes_with_the_digest_of_its_bytes(studio: SimulatedStudio) -> None:
    fetched = fetch(studio.base_url)

    assert isinstance(fetched, Answer)
    assert fetched.document == studio.answer(TARGET)
    assert (
        fetch(studio.base_url, stored_body=StoredBody(digest=fetched.body_digest))
        == UnchangedAnswer()
    )


def test_an_edited_block_is_an_answer_again(studio: SimulatedStudio) -> None:
    first = fetch(studio.base_url)
    assert isinstance(first, Answer)

    studio.edit(TARGET, lambda answer: answer.update(trainingCycles=99))
    second = fetch(studio.base_url, stored_body=StoredBody(digest=first.body_digest))

    assert isinstance(second, Answer)
    assert second.document["trainingCycles"] == 99


def test_bytes_known_from_before_are_not_judged_again(studio: SimulatedStudio) -> None:
    studio.fail(Fault.REFUSED)
    body = b'{"success":false,"error":"Something went wrong"}'
    known = hashlib.sha256(body).hexdigest()

    assert fetch(studio.base_url, stored_body=StoredBody(digest=known)) == UnchangedAnswer()


def test_a_base_url_may_end_with_a_slash(studio: SimulatedStudio) -> None:
    fetch(studio.base_url + "/")

    assert studio.requests[0].path == "/v1/api/101/training/keras/3"


def test_only_get_is_sent_and_nothing_but_what_it_takes(studio: SimulatedStudio) -> None:
    fetch(studio.base_url)

    (asked,) = studio.requests
    assert asked.method == "GET"
    assert sorted(asked.header_names) == [
        "accept", "accept-encoding", "host", "user-agent", "x-api-key",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.HALF_BODY, Fault.HTTP_429])
def test_a_passing_fault_is_outlasted(studio: SimulatedStudio, fault: Fault) -> None:
    studio.fail(fault, times=2)

    assert isinstance(fetch(studio.base_url), Answer)
    assert len(studio.requests) == 3


def test_a_dropped_connection_is_outlasted(studio: SimulatedStudio) -> None:
    studio.fail(Fault.CLOSE, times=2)

    assert isinstance(fetch(studio.base_url), Answer)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.HTTP_500, "http"),
        (Fault.HTTP_429, "rate_limited"),
        (Fault.HALF_BODY, "unreachable"),
        (Fault.CLOSE, "unreachable"),
        (Fault.DRIP, "timeout"),
        (Fault.SLOW, "timeout"),
    ],
)
def test_a_lasting_fault_ends_after_the_last_try(
    studio: SimulatedStudio, fault: Fault, kind: str
) -> None:
    studio.fail(fault)
    waits = Waits()

    error = failure(fetch(studio.base_url, sleep=waits, timeout=timedelta(seconds=0.3)))

    assert error.kind == kind
    assert error.message.endswith("(tried 3 times)")
    assert len(waits.seconds) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.HTTP_404, "http"),
        (Fault.HTTP_401, "unauthorized"),
        (Fault.HTTP_403, "forbidden"),
        (Fault.HTML, "not_json"),
        (Fault.NOT_JSON, "not_json"),
        (Fault.REFUSED, "refused"),
        (Fault.REDIRECT, "redirect"),
        (Fault.TOO_LARGE, "too_large"),
        (Fault.GZIP_BOMB, "too_large"),
        (Fault.MISSING_KEY, "invalid"),
    ],
)
def test_what_asking_again_cannot_mend_is_asked_once(
    studio: SimulatedStudio, fault: Fault, kind: str
) -> None:
    studio.fail(fault)

    assert failure(fetch(studio.base_url)).kind == kind
    assert asked_for_blocks(studio) == 1


def test_a_redirect_is_not_followed(studio: SimulatedStudio) -> None:
    studio.fail(Fault.REDIRECT)

    assert "not followed" in failure(fetch(studio.base_url)).message
    assert [asked.path for asked in studio.requests] == ["/v1/api/101/training/keras/3"]


def test_waits_grow_and_are_spread(studio: SimulatedStudio) -> None:
    studio.fail(Fault.HTTP_500)
    waits = Waits()

    fetch(studio.base_url, sleep=waits, jitter=lambda: 0.5, tries=4)

    assert waits.seconds == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("retry_after", "wait"), [("7", 7.0), ("100000", 120.0), ("nonsense", 0.5)]
)
def test_a_server_that_asks_for_a_wait_gets_it(
    studio: SimulatedStudio, retry_after: str, wait: float
) -> None:
    studio.fail(Fault.HTTP_429, times=1, retry_after=retry_after)
    waits = Waits()

    assert isinstance(fetch(studio.base_url, sleep=waits), Answer)
    assert waits.seconds == [wait]


def test_a_block_that_does_not_exist_is_refused_in_studio_s_words(studio: SimulatedStudio) -> None:
    error = failure(fetch(studio.base_url, target=TargetId(TARGET.project_id, 99)))

    assert error == Failure(kind="refused", message="Studio refused: No learn block with ID 99")


def test_nobody_at_home_is_a_value(studio: SimulatedStudio) -> None:
    base_url = studio.base_url
    studio.__exit__(None, None, None)

    error = failure(fetch(base_url))

    assert error.kind == "unreachable"
    assert "127.0.0.1" in error.message
    studio.__enter__()


def test_a_server_that_does_not_speak_tls_is_a_value(studio: SimulatedStudio) -> None:
    assert failure(fetch(studio.base_url.replace("http:", "https:"))).kind == "unreachable"


def test_a_refused_key_is_remembered_for_its_project_alone(
    studio: SimulatedStudio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.add_project(OTHER.project_id, name="Fan", api_key="another key")
    studio.put(OTHER, sample_blocks()["keras-regression"])
    credentials = {101: ApiKey(Secret("ei_" + "0" * 64)), 102: ApiKey(Secret("another key"))}

    async def ask() -> list[FetchResult]:
        async with client(studio.base_url, credentials=credentials, concurrency=1) as asking:
            targets = [TARGET, TargetId(101, 4), OTHER, TargetId(101, 5)]
            return [await asking.fetch(target, NAMED, stored_body=None) for target in targets]

    with caplog.at_level(logging.INFO, logger="auditor"):
        first, second, other, last = asyncio.run(ask())

    assert first == second == last
    assert isinstance(first, FetchFailure)
    assert first.whole_project
    assert first.failure.kind == "unauthorized"
    assert isinstance(other, Answer)
    assert asked_for_blocks(studio) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "project 101 not readable, no further requests"
    ]


def test_studio_has_two_seconds_to_settle() -> None:
    waits = Waits()
    asyncio.run(client("http://127.0.0.1:9/v1", sleep=waits).wait_to_settle())

    assert sum(waits.seconds) == 2


def test_a_refused_key_stops_those_that_wait_in_line(studio: SimulatedStudio) -> None:
    studio.change_key(TARGET.project_id, "rotated")

    async def ask() -> list[FetchResult]:
        async with client(studio.base_url, concurrency=1) as asking:
            return await asyncio.gather(
                *(asking.fetch(TargetId(101, n), NAMED, stored_body=None) for n in range(20))
            )

    answers = asyncio.run(ask())

    assert {failure(fetched).kind for fetched in answers} == {"unauthorized"}
    assert asked_for_blocks(studio) == 1


def test_one_block_that_is_forbidden_keeps_no_other_from_being_read(
    studio: SimulatedStudio,
) -> None:
    locked = TargetId(101, 4)
    studio.put(locked, sample_blocks()["keras"])
    studio.fail(Fault.HTTP_403, target=locked)

    async def ask() -> list[FetchResult]:
        async with client(studio.base_url, concurrency=1) as asking:
            targets = [locked, TARGET, locked, TARGET]
            return [await asking.fetch(target, NAMED, stored_body=None) for target in targets]

    first, second, third, fourth = asyncio.run(ask())

    assert failure(first).kind == failure(third).kind == "forbidden"
    assert isinstance(second, Answer)
    assert isinstance(fourth, Answer)


def test_two_blocks_that_are_forbidden_before_any_was_read_are_enough(
    studio: SimulatedStudio,
) -> None:
    studio.fail(Fault.HTTP_403)

    async def ask() -> None:
        async with client(studio.base_url, concurrency=1) as asking:
            for number in range(5):
                await asking.fetch(TargetId(101, number), NAMED, stored_body=None)

    asyncio.run(ask())

    assert asked_for_blocks(studio) == 2


def test_no_message_holds_a_key_that_studio_repeats(studio: SimulatedStudio) -> None:
    key = "canary of an unknown form"
    studio.put(TARGET, {"success": False, "error": f"key '{key}' and {KEY} may not"})
    studio.change_key(TARGET.project_id, key)

    error = failure(fetch(studio.base_url, credentials={101: ApiKey(Secret(key))}))

    assert error.message == "Studio refused: key '(hidden)' and (hidden) may not"


@pytest.mark.parametrize("key", ["", "two\r\nlines", "schlüssel", "nul\x00"])
def test_a_key_that_no_header_can_carry_is_reported_without_being_shown(
    studio: SimulatedStudio, key: str
) -> None:
    fetched = fetch(studio.base_url, credentials={101: ApiKey(Secret(key))})

    assert isinstance(fetched, FetchFailure)
    assert fetched.whole_project
    assert fetched.failure.kind == "unauthorized"
    assert not key or key not in fetched.failure.message
    assert not studio.requests


def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way: list[int] = []
    most: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        under_way.append(1)
        most.append(len(under_way))
        await asyncio.sleep(0.01)  # long enough for others to come meanwhile
        under_way.pop()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, client(f"http://127.0.0.1:{port}", concurrency=3) as asking:
            await asyncio.gather(
                *(asking.fetch(TARGET, NAMED, stored_body=None) for _ in range(12))
            )

    asyncio.run(ask())

    assert max(most) == 3


def test_waiting_in_line_does_not_count_as_answering_late(studio: SimulatedStudio) -> None:
    studio.fail(Fault.SLOW, times=2)

    async def ask() -> list[FetchResult]:
        async with client(
            studio.base_url, concurrency=1, tries=1, timeout=timedelta(seconds=0.5)
        ) as asking:
            return await asyncio.gather(
                *(asking.fetch(TARGET, NAMED, stored_body=None) for _ in range(3))
            )

    *slow, last = asyncio.run(ask())

    assert [failure(fetched).kind for fetched in slow] == ["timeout", "timeout"]
    assert isinstance(last, Answer)


def test_a_cancelled_fetch_is_cancelled(studio: SimulatedStudio) -> None:
    studio.fail(Fault.SLOW)

    async def ask() -> None:
        async with client(studio.base_url) as asking, asyncio.timeout(0.2):
            await asking.fetch(TARGET, NAMED, stored_body=None)

    with pytest.raises(TimeoutError):
        asyncio.run(ask())


def test_a_project_without_a_credential_is_the_caller_s_mistake(studio: SimulatedStudio) -> None:
    with pytest.raises(KeyError):
        fetch(studio.base_url, target=OTHER)


def test_blocks_of_a_project_are_listed_once_each_with_its_kind(
    studio: SimulatedStudio,
) -> None:
    studio.put(TargetId(101, 8), {"type": "anomaly", "name": "K-means"}, impulses=(1, 2))
    studio.put(TARGET, sample_blocks()["keras"], impulses=(2, 1))

    async def ask() -> None:
        async with client(studio.base_url) as asking:
            found = await asking.list_blocks(101)
            assert isinstance(found, tuple)
            assert [(b.target.learn_id, b.type, b.kind) for b in found] == [
                (3, "keras", BlockKindName.KERAS),
                (8, "anomaly", BlockKindName.ANOMALY),
            ]

    asyncio.run(ask())


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.HTML, Fault.REFUSED, Fault.HTTP_401])
def test_a_listing_that_fails_is_a_value(studio: SimulatedStudio, fault: Fault) -> None:
    studio.fail(fault)

    async def ask() -> tuple[object, str]:
        async with client(studio.base_url) as asking:
            return await asking.list_blocks(101), await asking.fetch_project_name(101)

    listing, name = asyncio.run(ask())

    assert isinstance(listing, Failure)
    assert name == ""


def test_a_project_is_called_as_studio_calls_it(studio: SimulatedStudio) -> None:
    async def ask() -> str:
        async with client(studio.base_url) as asking:
            return await asking.fetch_project_name(101)

    assert asyncio.run(ask()) == "Pump"


def test_a_key_that_may_not_list_projects_may_still_read_blocks(studio: SimulatedStudio) -> None:
    studio.fail(Fault.HTTP_403, times=1)

    async def ask() -> tuple[str, FetchResult]:
        async with client(studio.base_url) as asking:
            name = await asking.fetch_project_name(101)
            return name, await asking.fetch(TARGET, NAMED, stored_body=None)

    name, fetched = asyncio.run(ask())

    assert name == ""
    assert isinstance(fetched, Answer)


def test_the_client_is_a_studio(studio: SimulatedStudio) -> None:
    asking: Studio = client(studio.base_url)

    assert asking
    assert KEY not in repr(asking)
    assert KEY not in repr(KEY_OF_PROJECT)


BODY = json.dumps(sample_blocks()["keras"]).encode()
DIGEST = sha256(BODY).hexdigest()
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nConnection: close\r\n\r\n'


def ask(response: bytes, known: StoredBody | None) -> tuple[FetchResult, str]:
    async def once() -> tuple[FetchResult, str]:
        async with wire(response) as server, client(server.base_url, tries=1) as studio:
            return await studio.fetch(TARGET, NAMED, stored_body=known), server.heard[0].lower()

    return asyncio.run(once())


def test_a_validator_comes_with_the_bytes_it_belongs_to() -> None:
    fetched, heard = ask(answer(BODY, 'ETag: "v1"'), None)

    assert isinstance(fetched, Answer)
    assert (fetched.body_digest, fetched.validator) == (DIGEST, '"v1"')
    assert "if-none-match" not in heard


def test_an_answer_that_is_unchanged_is_the_known_one() -> None:
    fetched, heard = ask(UNCHANGED, StoredBody(digest=DIGEST, validator='"v1"'))

    assert fetched == UnchangedAnswer(validator='"v1"')
    assert 'if-none-match: "v1"\r\n' in heard


def test_the_same_bytes_under_a_new_validator_are_the_known_ones() -> None:
    fetched, _ = ask(answer(BODY, 'ETag: "v2"'), StoredBody(digest=DIGEST, validator='"v1"'))

    assert fetched == UnchangedAnswer(validator='"v2"')


@pytest.mark.parametrize("known", [None, StoredBody(digest=DIGEST)])
def test_nothing_unasked_for_is_unchanged(known: StoredBody | None) -> None:
    fetched, _ = ask(UNCHANGED, known)

    assert isinstance(fetched, FetchFailure)
    assert "304" in fetched.failure.message


@pytest.mark.parametrize("etag", ['W/"v1"', "v1", '"a b"', '"v1", "v2"', '"' + "x" * 999 + '"'])
def test_a_weak_or_odd_validator_is_not_kept(etag: str) -> None:
    fetched, _ = ask(answer(BODY, f"ETag: {etag}"), None)

    assert isinstance(fetched, Answer)
    assert fetched.validator == ""


def test_what_is_not_believed_leaves_no_validator() -> None:
    fetched, _ = ask(answer(b"{}", 'ETag: "v9"'), StoredBody(digest=DIGEST, validator='"v1"'))

    assert isinstance(fetched, FetchFailure)


SHARED_TARGET = TargetId(102, 9)


def test_the_shared_credential_lists_projects_and_reads_those_without_their_own() -> None:
    token = "eyJ0.c2Vl.YWxs"
    with SimulatedStudio(jwt=token) as studio:
        studio.add_project(101, name="Pump", api_key=KEY)
        studio.add_project(SHARED_TARGET.project_id, name="Fan", api_key="another key")
        studio.put(SHARED_TARGET, sample_blocks()["keras-regression"])

        async def ask() -> tuple[Mapping[int, str] | Failure, FetchResult]:
            async with client(studio.base_url, shared=JwtHeader(Secret(token))) as asking:
                return await asking.list_projects(), await asking.fetch(
                    SHARED_TARGET, NAMED, stored_body=None
                )

        projects, fetched = asyncio.run(ask())

    assert projects == {101: "Pump", SHARED_TARGET.project_id: "Fan"}
    assert isinstance(fetched, Answer)
    assert not any("x-api-key" in asked.header_names for asked in studio.requests)


def test_a_shared_credential_that_is_refused_keeps_no_named_project_from_being_read(
    studio: SimulatedStudio, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> tuple[Mapping[int, str] | Failure, FetchResult]:
        async with client(studio.base_url, shared=JwtHeader(Secret("wrong"))) as asking:
            return await asking.list_projects(), await asking.fetch(
                TARGET, NAMED, stored_body=None
            )

    projects, fetched = asyncio.run(ask())

    assert isinstance(projects, Failure)
    assert projects.kind == "unauthorized"
    assert isinstance(fetched, Answer)
    assert caplog.messages == ["list of projects not readable, no further requests"]


def test_without_a_shared_credential_another_project_is_nobodys_to_ask_for() -> None:
    with pytest.raises(KeyError):
        fetch("http://127.0.0.1:9/v1", target=SHARED_TARGET)


def test_an_input_block_is_its_entry_and_says_nothing_of_the_credential(
    studio: SimulatedStudio,
) -> None:
    entry: JsonObject = {"id": 1, "type": "time-series", "windowSizeMs": 2000}
    source = BlockSource(kinds=(BlockKindName.INPUT,), type="time-series", entry=entry)

    async def ask() -> tuple[FetchResult, FetchResult, FetchResult]:
        async with client(studio.base_url) as asking:
            first = await asking.fetch(TargetId(101, 1), source, stored_body=None)
            assert isinstance(first, Answer)
            known = StoredBody(digest=first.body_digest)
            again = await asking.fetch(TargetId(101, 1), source, stored_body=known)
            studio.change_role(101, "viewer")
            refused = [await asking.fetch(TARGET, NAMED, stored_body=None) for _ in range(2)]
            return first, again, refused[1]

    first, again, refused = asyncio.run(ask())

    assert isinstance(first, Answer)
    assert first.document == entry
    assert isinstance(again, UnchangedAnswer)
    assert isinstance(refused, FetchFailure)
    assert refused.whole_project
    assert len(studio.requests) <= 3  # two refusals, and why
