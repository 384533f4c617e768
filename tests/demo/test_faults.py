"""Every fault as bytes on the wire, seen by clients that judge nothing."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zstandard

from auditor.demo.faults import ActiveFault, ApiRequest, Fault, faulty_reply
from auditor.demo.http_server import ServerReply, json_reply
from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from tests.simulated_studio import SimulatedStudio

TARGET = TargetId(101, 3)
KEY = "ei_" + "ab" * 24
KERAS = "/v1/api/101/training/keras/3"
LISTING = "/v1/api/101/impulses"


@pytest.fixture
def studio() -> Iterator[SimulatedStudio]:
    with SimulatedStudio(etags=True) as studio:
        studio.add_project(101, name="Pump", api_key=KEY)
        studio.put(TARGET, sample_blocks()["keras"])
        yield studio


@contextmanager
def asked(
    studio: SimulatedStudio, path: str = KERAS, **headers: str
) -> Iterator[http.client.HTTPResponse]:
    port = int(studio.base_url.rpartition(":")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"x-api-key": KEY, **fields})
        yield connection.getresponse()
    finally:
        connection.close()


def spoiled(fault: Fault) -> ServerReply:
    request = ApiRequest(path=KERAS, target=TARGET, secret=KEY)
    trouble = ActiveFault(fault=fault, target=None, times=None)
    reply = faulty_reply(trouble, request, ServerReply(body=b'{"success":true}'))
    assert reply is not None
    return reply


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_answers_otherwise_than_well(fault: Fault) -> None:
    good = json_reply(sample_blocks()["keras"])
    trouble = ActiveFault(fault=fault, target=None, times=None)

    reply = faulty_reply(trouble, ApiRequest(path=KERAS, target=TARGET), good)

    assert reply != good


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.startswith("http_")])
def test_a_status_is_sent_as_it_is_called(studio: SimulatedStudio, fault: Fault) -> None:
    studio.fail(fault)

    with asked(studio) as response:
        assert response.status == int(fault.split("_")[1])
        response.read()


@pytest.mark.parametrize(
    ("fault", "location"),
    [
        (Fault.REDIRECT_LOOP, KERAS),
        (Fault.REDIRECT_FILE, "file:///etc/passwd"),
        (Fault.REDIRECT_SECRET, f"http://127.0.0.2:9/login?back=studio&api_key={KEY}"),
    ],
)
def test_a_redirect_says_where_to(studio: SimulatedStudio, fault: Fault, location: str) -> None:
    studio.fail(fault)

    with asked(studio) as response:
        assert response.headers["Location"] == location


def test_a_reset_connection_ends_in_the_middle(studio: SimulatedStudio) -> None:
    studio.fail(Fault.RESET)

    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)), asked(studio) as half:
        half.read()


@pytest.mark.parametrize("fault", [Fault.HALF_BODY, Fault.HALF_CHUNKED])
def test_half_a_body_is_sent_and_the_connection_ended(
    studio: SimulatedStudio, fault: Fault
) -> None:
    studio.fail(fault)

    with asked(studio) as half, pytest.raises(http.client.IncompleteRead):
        half.read()


def test_headers_may_never_end(studio: SimulatedStudio) -> None:
    studio.fail(Fault.ENDLESS_HEADERS)

    with pytest.raises(http.client.HTTPException, match="100 headers"), asked(studio):
        pass


def test_a_large_answer_is_made_while_it_is_sent(studio: SimulatedStudio) -> None:
    studio.fail(Fault.TOO_LARGE)

    with asked(studio) as response:
        assert response.length == 400 * 2**20
        assert response.read(2**21) == b" " * 2**21


def test_the_bombs_unpack_to_300_mib() -> None:
    gzipped, deflated, zstd = (
        spoiled(fault).body for fault in (Fault.GZIP_BOMB, Fault.DEFLATE_BOMB, Fault.ZSTD_BOMB)
    )
    size = 300 * 2**20

    assert len(zlib.decompress(gzipped, 16 + zlib.MAX_WBITS, size)) == size
    assert len(zlib.decompress(deflated, bufsize=size)) == size
    with zstandard.ZstdDecompressor().stream_reader(zstd) as reader:
        assert sum(len(part) for part in iter(lambda: reader.read(2**20), b"")) == size


def test_gzip_in_gzip_holds_the_answer() -> None:
    twice = spoiled(Fault.DOUBLE_GZIP).body

    assert gzip.decompress(gzip.decompress(twice)) == b'{"success":true}'


def test_a_fault_of_the_listing_leaves_the_blocks_alone(studio: SimulatedStudio) -> None:
    studio.fail(Fault.LISTING_EMPTY, times=1)

    with asked(studio) as block:
        assert json.load(block) == sample_blocks()["keras"]
    with asked(studio, LISTING) as empty:
        assert json.load(empty)["impulses"] == []
    with asked(studio, LISTING) as whole:
        assert len(json.load(whole)["impulses"]) == 1


def test_an_answer_that_is_known_comes_as_304(studio: SimulatedStudio) -> None:
    with asked(studio) as first:
        etag = first.headers["ETag"]
        first.read()

    for known in (etag, f'"other", W/{etag}', "*"):
        with asked(studio, if_none_match=known) as again:
            assert (again.status, again.headers["ETag"], again.read()) == (304, etag, b"")


def test_an_answer_that_changed_comes_whole(studio: SimulatedStudio) -> None:
    with asked(studio) as first:
        etag = first.headers["ETag"]
        first.read()
    studio.edit(TARGET, lambda answer: answer.update(trainingCycles=7))

    with asked(studio, if_none_match=etag) as again:
        assert again.headers["ETag"] != etag
        assert json.load(again)["trainingCycles"] == 7


def test_it_ends_while_an_endless_answer_is_under_way() -> None:
    with SimulatedStudio() as studio:
        studio.fail(Fault.ENDLESS_HEADERS)
        port = int(studio.base_url.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as reader:
            reader.sendall(f"GET {KERAS} HTTP/1.1\r\nHost: studio\r\n\r\n".encode())
            assert reader.recv(100).startswith(b"HTTP/1.1 200")
