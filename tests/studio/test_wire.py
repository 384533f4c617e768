"""What the pairing of httpx and aiohttp must do on the wire, byte for byte."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import json
import ssl
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from auditor.credentials import ApiKey, Credential, JwtCookie, JwtHeader
from auditor.demo.studio_server import sample_blocks
from auditor.errors import StudioError, UsageError
from auditor.fetching import Answer, FetchFailure, FetchResult
from auditor.model import TargetId
from auditor.redaction import Secret
from auditor.studio.tls import Security
from auditor.studio.wire import Body
from tests.studio.asking import NAMED

from .asking import KEY, TARGET, Waits, answer, client, fetch, fetch_from_wire, wire

BODY = json.dumps(sample_blocks()["keras"]).encode()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer(BODY), id="plain"),
        pytest.param(answer(gzip.compress(BODY), "Content-Encoding: gzip"), id="gzip"),
        pytest.param(answer(zlib.compress(BODY), "Content-Encoding: deflate"), id="deflate"),
        pytest.param(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, id="until the connection ends"),
        pytest.param(answer(BODY, "Content-Type: text/html; charset=utf-16"), id="wrong type"),
    ],
)
def test_a_body_comes_through_however_it_travels(response: bytes) -> None:
    fetched = fetch_from_wire(response)

    assert isinstance(fetched, Answer)
    assert fetched.document == json.loads(BODY)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        pytest.param(CHUNKED + b"%x\r\n%b" % (len(BODY), BODY), "unreachable", id="half a chunk"),
        pytest.param(CHUNKED + b"zz\r\n", "unreachable", id="a broken chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "unreachable", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99999, "unreachable", id="endless header"),
        pytest.param(b"", "unreachable", id="nothing"),
        pytest.param(answer(b"x", "Content-Encoding: br"), "not_json", id="unasked encoding"),
        pytest.param(
            answer(gzip.compress(BODY)[:-20], "Content-Encoding: gzip"),
            "unreachable",
            id="half a gzip",
        ),
        pytest.param(
            answer(gzip.compress(gzip.compress(b" " * 9)), "Content-Encoding: gzip, gzip"),
            "not_json",
            id="gzip in gzip",
        ),
        pytest.param(answer(b"", status="204 No Content"), "http", id="no content"),
        pytest.param(
            b"HTTP/1.1 502 Passerelle cass\xe9e\r\nContent-Length: 0\r\n\r\n",
            "unreachable",
            id="a reason in Latin-1",
        ),
        pytest.param(
            answer(
                b"",
                f"Retry-After: Mon, 01 Jan {'9' * 20} 00:00:00 GMT",
                status="503 Service Unavailable",
            ),
            "http",
            id="a date of any length",
        ),
        pytest.param(answer(BODY, status="206 Partial Content"), "http", id="a part"),
        pytest.param(answer(BODY, status="599 Odd"), "http", id="an odd status"),
    ],
)
def test_a_broken_answer_is_a_value(response: bytes, kind: str) -> None:
    fetched = fetch_from_wire(response)

    assert isinstance(fetched, FetchFailure)
    assert fetched.failure.kind == kind


def test_the_reason_of_a_bad_status_is_quoted_without_the_key() -> None:
    body = json.dumps({"success": False, "error": f"no such project for {KEY}"}).encode()

    fetched = fetch_from_wire(answer(body, status="400 Bad Request"))

    assert isinstance(fetched, FetchFailure)
    assert fetched.failure.message == (
        "Studio answered 400 Bad Request (no such project for (hidden))"
    )


def test_a_key_of_any_form_is_hidden_in_the_reason_of_a_bad_status() -> None:
    body = json.dumps({"success": False, "error": "no such key: canary of an unknown form"})
    key = {101: ApiKey(Secret("canary of an unknown form"))}

    fetched = fetch_from_wire(answer(body.encode(), status="400 Bad Request"), credentials=key)

    assert isinstance(fetched, FetchFailure)
    assert fetched.failure.message == "Studio answered 400 Bad Request (no such key: (hidden))"


def test_no_message_holds_the_password_in_the_base_url() -> None:
    fetched = fetch("http://user:canary@127.0.0.1:1/v1")

    assert isinstance(fetched, FetchFailure)
    assert "127.0.0.1:1" in fetched.failure.message
    assert "canary" not in fetched.failure.message


def test_a_bad_status_counts_even_where_its_body_is_broken() -> None:
    half = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99\r\nConnection: close\r\n\r\nx"

    fetched = fetch_from_wire(half, tries=1)

    assert isinstance(fetched, FetchFailure)
    assert fetched.failure.kind == "http"
    assert fetched.failure.message == "Studio answered 502 Bad Gateway (tried once)"


def test_a_wait_may_be_asked_for_as_a_date() -> None:
    waits = Waits()
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    busy = answer(b"", f"Retry-After: {soon}", status="503 Service Unavailable")

    assert isinstance(fetch_from_wire(busy, answer(BODY), sleep=waits), Answer)
    assert waits.seconds == [120.0]


@pytest.mark.parametrize(
    ("credential", "line"),
    [
        (ApiKey(Secret("s3cret")), "x-api-key: s3cret"),
        (JwtHeader(Secret("s3cret")), "x-jwt-token: s3cret"),
        (JwtCookie(Secret("s3cret")), "cookie: jwt=s3cret"),
    ],
)
def test_each_credential_has_its_header_and_no_other(credential: Credential, line: str) -> None:
    async def ask() -> str:
        async with wire(answer(BODY)) as server:
            async with client(server.base_url, credentials={101: credential}) as asking:
                await asking.fetch(TARGET, NAMED, stored_body=None)
            return server.heard[0]

    heard = asyncio.run(ask())

    assert line in heard.split("\r\n")
    assert heard.count("s3cret") == 1


def test_a_cookie_set_for_one_credential_does_not_go_out_with_the_next() -> None:
    credentials = {101: JwtCookie(Secret("first")), 102: ApiKey(Secret("second"))}

    async def ask() -> list[str]:
        cookies = answer(BODY, "Set-Cookie: jwt=of-the-first; Path=/", "Set-Cookie: id=1")
        async with wire(cookies) as server:
            # By name: cookie jars pass over addresses.
            base_url = f"http://localhost:{server.port}/v1"
            async with client(base_url, credentials=credentials) as asking:
                for project_id in (101, 102, 101):
                    await asking.fetch(TargetId(project_id, 3), NAMED, stored_body=None)
            return server.heard

    first, second, third = asyncio.run(ask())

    assert "cookie" not in second.lower()
    assert third == first


def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> tuple[FetchResult, str]:
        async with wire(answer(BODY)) as proxy:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            async with client("http://studio.invalid/v1") as asking:
                return await asking.fetch(TARGET, NAMED, stored_body=None), proxy.heard[0]

    fetched, heard = asyncio.run(ask())

    assert isinstance(fetched, Answer)
    assert heard.startswith("GET http://studio.invalid/v1/api/101/training/keras/3 HTTP/1.1\r\n")


def test_no_proxy_is_asked_for_what_the_environment_exempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert isinstance(fetch_from_wire(answer(BODY)), Answer)


def test_an_unusable_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://user:canary@proxy.invalid")

    with pytest.raises(UsageError) as caught:
        fetch("http://studio.invalid/v1")

    assert "canary" not in str(caught.value)


def certificate(folder: Path) -> Path:
    """Write a certificate of 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "studio")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "studio.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_must_be_one_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    path = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))

    async def ask() -> FetchResult:
        async with wire(answer(BODY), tls=tls) as server:
            base_url = f"https://127.0.0.1:{server.port}/v1"
            async with client(base_url, tries=1) as asking:
                return await asking.fetch(TARGET, NAMED, stored_body=None)

    fetched = asyncio.run(ask())

    assert isinstance(fetched, Answer) is trusted
    assert trusted or "certificate" in str(fetched)


def ask_over_tls(server_tls: ssl.SSLContext, security: Security) -> FetchResult:
    async def ask() -> FetchResult:
        async with wire(answer(BODY), tls=server_tls) as server:
            base_url = f"https://127.0.0.1:{server.port}/v1"
            async with client(base_url, tries=1, security=security) as asking:
                return await asking.fetch(TARGET, NAMED, stored_body=None)

    return asyncio.run(ask())


def test_a_private_authority_is_trusted_where_it_is_configured(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)

    assert isinstance(ask_over_tls(tls, Security(ca_file=path)), Answer)


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=path)
    tls.load_cert_chain(path)
    tls.verify_mode = ssl.CERT_REQUIRED

    shown = ask_over_tls(tls, Security(ca_file=path, certificate=path))
    hidden = ask_over_tls(tls, Security(ca_file=path))

    assert isinstance(shown, Answer)
    assert isinstance(hidden, FetchFailure)


@pytest.mark.parametrize("is_authority", [True, False])
@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read: No such file"), ("no PEM", "contains no usable PEM")],
)
def test_a_file_of_certificates_that_cannot_be_used_is_named(
    tmp_path: Path, is_authority: bool, text: str | None, words: str
) -> None:
    path = tmp_path / "some.pem"
    if text is not None:
        path.write_text(text)

    security = Security(ca_file=path) if is_authority else Security(certificate=path)
    with pytest.raises(UsageError, match=words) as caught:
        fetch("https://127.0.0.1:1/v1", security=security)

    assert str(path) in str(caught.value)


def test_a_configured_proxy_is_asked_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")

    async def ask() -> tuple[FetchResult, str]:
        async with wire(answer(BODY)) as proxy:
            address = Secret(f"http://user:canary@127.0.0.1:{proxy.port}")
            async with client(
                "http://studio.invalid/v1", security=Security(proxy=address)
            ) as asking:
                return await asking.fetch(TARGET, NAMED, stored_body=None), proxy.heard[0]

    fetched, heard = asyncio.run(ask())

    assert isinstance(fetched, Answer)
    assert heard.startswith("GET http://studio.invalid/v1/api/101/training/keras/3 ")
    assert "proxy-authorization: basic" in heard.lower()


def test_a_missing_proxy_is_reported_without_its_password() -> None:
    answer = fetch(
        "http://studio.invalid/v1",
        security=Security(proxy=Secret("http://user:canary@127.0.0.1:1")),
        tries=1,
    )

    assert isinstance(answer, FetchFailure)
    assert answer.failure.kind == "unreachable"
    assert answer.failure.message == (
        "no complete answer from studio.invalid through the proxy 127.0.0.1:1: Connection refused "
        "(tried once)"
    )


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    " X-GZip ": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": lambda data: zlib.compress(data, wbits=-zlib.MAX_WBITS),
}


def collected(encoding: str, wire: bytes, *, max_bytes: int, step: int = 7) -> bytes:
    body = Body(encoding, max_bytes=max_bytes)
    for start in range(0, len(wire), step):
        body.add(wire[start : start + step])
    return body.whole()


@given(
    encoding=st.sampled_from(sorted(ENCODERS)),
    data=st.binary(max_size=300),
    step=st.integers(min_value=2, max_value=400),
)
def test_what_was_encoded_comes_out_in_any_chunks(encoding: str, data: bytes, step: int) -> None:
    wire = ENCODERS[encoding](data)

    assert collected(encoding, wire, max_bytes=len(data), step=step) == data


@pytest.mark.parametrize("encoding", sorted(ENCODERS))
def test_the_limit_counts_decoded_bytes_to_the_byte(encoding: str) -> None:
    wire = ENCODERS[encoding](b"x" * 1000)

    assert len(collected(encoding, wire, max_bytes=1000)) == 1000
    with pytest.raises(StudioError) as caught:
        collected(encoding, wire, max_bytes=999)

    assert caught.value.kind == "too_large"


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b" " * (32 << 20))
    tracemalloc.start()

    with pytest.raises(StudioError) as caught:
        collected("gzip", bomb, max_bytes=1 << 16, step=len(bomb))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.kind == "too_large"
    assert peak < 1 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "chunked"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(StudioError, match="not requested"):
        Body(encoding, max_bytes=10)


def test_compressed_data_that_ends_early_may_be_asked_for_again() -> None:
    with pytest.raises(StudioError) as caught:
        collected("gzip", gzip.compress(b"x" * 1000)[:-9], max_bytes=2000)

    assert (caught.value.kind, caught.value.transient) == ("unreachable", True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"<!DOCTYPE html>", id="never compressed"),
        pytest.param(gzip.compress(b"x" * 99, mtime=0)[:15] + b"\xff" * 9, id="overwritten"),
    ],
)
def test_damaged_data_is_refused(encoding: str, wire: bytes) -> None:
    with pytest.raises(StudioError) as caught:
        collected(encoding, wire, max_bytes=2000)

    assert caught.value.kind in {"not_json", "unreachable"}


def test_what_unpacks_to_nothing_without_end_is_too_large() -> None:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    begun = packer.compress(b"{}") + packer.flush(zlib.Z_FULL_FLUSH)
    empty_block = b"\x00\x00\x00\xff\xff"

    with pytest.raises(StudioError) as caught:
        collected("gzip", begun + empty_block * 20_000, max_bytes=1000, step=1000)

    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("behind", [b"more", gzip.compress(b"more")], ids=["bytes", "a member"])
def test_nothing_may_stand_behind_what_was_compressed(behind: bytes) -> None:
    with pytest.raises(StudioError) as caught:
        collected("gzip", gzip.compress(b"{}") + behind, max_bytes=1000)

    assert caught.value.kind == "not_json"


class _Unexpected(httpx.AsyncBaseTransport):
    """Raises what no library of HTTP says that it raises."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"canary {request.headers['x-api-key']}")


def test_an_unexpected_error_costs_one_request_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ask() -> FetchResult:
        async with client("http://studio.invalid/v1", tries=1) as asking:
            await asking._wire.transport.aclose()
            asking._wire.transport = _Unexpected()
            return await asking.fetch(TARGET, NAMED, stored_body=None)

    fetched = asyncio.run(ask())

    assert isinstance(fetched, FetchFailure)
    assert fetched.failure.kind == "unreachable"
    assert "AssertionError canary (hidden)" in fetched.failure.message
    assert "request failed in an unexpected way" in caplog.text
