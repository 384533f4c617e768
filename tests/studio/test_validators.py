"""Conditional requests: what the server says is unchanged, and what it may not say."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256

import pytest

from auditor.demo.studio_server import sample_blocks
from auditor.protocols import Answer, FetchFailure, FetchResult, StoredBody, UnchangedAnswer

from .asking import TARGET, answer, client, wire

BODY = json.dumps(sample_blocks()["keras"]).encode()
DIGEST = sha256(BODY).hexdigest()
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nConnection: close\r\n\r\n'


def ask(response: bytes, known: StoredBody | None) -> tuple[FetchResult, str]:
    async def once() -> tuple[FetchResult, str]:
        async with wire(response) as server, client(server.base_url, tries=1) as studio:
            return await studio.fetch(TARGET, stored_body=known), server.heard[0].lower()

    return asyncio.run(once())


def test_a_validator_comes_with_the_bytes_it_stands_for() -> None:
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
