"""The one client for POST requests, against real servers on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from auditor.errors import UsageError, WebError
from auditor.redaction import Secret
from auditor.web import post, reach
from tests.certificates import Authority
from tests.pings import UUID, pings


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server that answers with `head`, then with one byte after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(head)
                    while True:
                        connection.sendall(b"x")
                        time.sleep(0.02)  # less than any timeout between two bytes

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/{UUID}"
        thread.join(5)
        assert not thread.is_alive(), "the connection was not ended"


@contextmanager
def serving_tls(pem: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server with a certificate that takes one request, if the client trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                plain, _ = server.accept()
                with context.wrap_socket(plain, server_side=True) as connection:
                    received.append(connection.recv(65536))
                    while received[0] and not received[0].endswith(b"words"):
                        received[0] += connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}/{UUID}", received
        thread.join(5)


def test_a_body_is_posted_and_the_refusal_read() -> None:
    with pings() as server:
        server.answers = [404]
        answer = post(Secret(server.url), b"words", {"X-A": "b"}, limit_s=5)

    assert (answer.status, answer.body, answer.is_taken) == (404, b"OK", False)
    assert server.received == [("POST", f"/{UUID}", "words")]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with pings() as server:
        server.answers = [307]
        answer = post(Secret(server.url), b"words", {}, limit_s=5)

    assert (answer.status, answer.is_taken, len(server.received)) == (307, False, 1)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-A: ", b""])
def test_a_server_that_drips_its_head_is_left_when_the_time_is_over(head: bytes) -> None:
    with dripping(head) as url:
        begun = time.monotonic()
        with pytest.raises(WebError, match="no answer in time"):
            post(Secret(url), b"words", {}, limit_s=0.2)
        took = time.monotonic() - begun

    assert took < 2


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_whose_body_drips_is_what_its_status_says(status: int) -> None:
    with dripping(b"HTTP/1.1 %d X\r\nContent-Length: 99999\r\n\r\n" % status) as url:
        answer = post(Secret(url), b"", {}, limit_s=2.0)

    assert answer.status == status
    assert 0 < len(answer.body) < 99999


def test_an_authority_of_the_machine_is_trusted_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    pem = authority.certificate("127.0.0.1")
    with (
        serving_tls(pem) as (url, received),
        pytest.raises(WebError, match="is not trusted") as refused,
    ):
        post(Secret(url), b"words", {}, limit_s=5)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serving_tls(pem) as (url, taken):
        answer = post(Secret(url), b"words", {}, limit_s=5)

    assert (received, refused.value.is_final, answer.status) == ([], True, 204)
    assert taken[0].endswith(b"words")


def test_a_server_is_reached_by_tls_and_gets_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serving_tls(authority.certificate("127.0.0.1")) as (url, received):
        reach(Secret(url), limit_s=5)

    assert received in ([], [b""])


def test_a_proxy_that_is_none_is_named_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:canary@proxy:port")

    with pytest.raises(UsageError) as refused:
        post(Secret("http://drift.example.org/"), b"", {}, limit_s=5)

    assert "canary" not in str(refused.value)
