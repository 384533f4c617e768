"""Certificates are trusted as the machine trusts them, for every connection alike."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from auditor.credentials import ClientCredentials
from auditor.errors import DeliveryError, UsageError
from auditor.fetching import FetchFailure
from auditor.heartbeat import Heartbeat
from auditor.redaction import Secret
from auditor.smtp import SmtpMailer
from auditor.trust import create_context
from tests.certificates import Authority
from tests.studio.asking import fetch


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class TlsServer:
    """Counts connections; completes a handshake where the client accepts its certificate."""

    def __init__(self, certificate: Path) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    @contextmanager
    def serving(self) -> Iterator[TlsServer]:
        self._thread.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                channel, _ = self._listener.accept()
                self.connections += 1
                with channel, suppress(OSError):
                    channel.settimeout(10)
                    with self._context.wrap_socket(channel, server_side=True) as encrypted:
                        encrypted.recv(4096)
                        encrypted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A company's own, of which no machine knows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[TlsServer]:
    with TlsServer(authority.certificate("127.0.0.1")).serving() as running:
        yield running


def test_studio_is_asked_once_where_its_certificate_is_not_trusted(server: TlsServer) -> None:
    fetched = fetch(f"https://127.0.0.1:{server.port}/v1", tries=4)

    assert server.connections == 1
    assert isinstance(fetched, FetchFailure)
    assert fetched.whole_project
    assert fetched.failure.kind == "unreachable"
    assert "its certificate is not trusted: unable to get local issuer" in fetched.failure.message
    assert "update-ca-certificates" in fetched.failure.message
    assert "studio.ca_file" in fetched.failure.message


def test_a_heartbeat_is_tried_once_where_its_certificate_is_not_trusted(
    server: TlsServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"https://127.0.0.1:{server.port}/canary"

    Heartbeat(Secret(url), waits_s=(0, 0)).end("", is_well=True)

    (line,) = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert server.connections == 1
    assert line.startswith("heartbeat failed: its certificate is not trusted: unable to get local")
    assert "set SSL_CERT_FILE" in line
    assert "canary" not in line


def test_mail_names_the_remedy_where_a_certificate_is_not_trusted(server: TlsServer) -> None:
    mailer = SmtpMailer(host="127.0.0.1", port=server.port, security="tls", sender="a@b.example")

    with pytest.raises(DeliveryError, match=r"email\.ca_file or SSL_CERT_FILE") as caught:
        mailer.probe()

    assert not caught.value.permanent


def test_the_environments_authority_is_trusted_by_studio_and_heartbeat(
    authority: Authority,
    server: TlsServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    fetched = fetch(f"https://127.0.0.1:{server.port}/v1", tries=1)
    Heartbeat(Secret(f"https://127.0.0.1:{server.port}/")).end("", is_well=True)

    assert isinstance(fetched, FetchFailure)
    assert "certificate" not in fetched.failure.message
    assert "it is empty" in fetched.failure.message
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read: No such file"), ("no PEM", "contains no usable PEM")],
)
def test_a_file_of_the_environment_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    path = tmp_path / "company.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(UsageError, match=words) as caught:
        create_context()

    assert str(caught.value).startswith(f"SSL_CERT_FILE: {path} ")


def test_an_intermediate_authority_may_be_trusted_alone(authority: Authority) -> None:
    """Curl accepts it, and so does Python from 3.13 on."""
    below = authority.intermediate()

    with TlsServer(below.certificate("127.0.0.1")).serving() as server:
        context = create_context(below.file)
        with (
            socket.create_connection(("127.0.0.1", server.port)) as channel,
            context.wrap_socket(channel, server_hostname="127.0.0.1") as encrypted,
        ):
            assert encrypted.version() is not None


@pytest.mark.parametrize(
    ("name", "days", "remedy"),
    [
        pytest.param("127.0.0.1", -1, "correct this machine's clock", id="expired"),
        pytest.param("127.0.0.2", 1, "use the name that the certificate has", id="another name"),
    ],
)
def test_the_remedy_fits_the_fault_of_the_certificate(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str, days: int, remedy: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    with TlsServer(authority.certificate(name, days=days)).serving() as server:
        fetched = fetch(f"https://127.0.0.1:{server.port}/v1", tries=4)

    assert isinstance(fetched, FetchFailure)
    assert remedy in fetched.failure.message


def test_a_token_request_is_sent_once_where_the_certificate_is_not_trusted(
    server: TlsServer,
) -> None:
    grant = ClientCredentials("client", Secret("canary-of-the-client"))

    fetched = fetch(f"https://127.0.0.1:{server.port}/v1", tries=4, credentials={101: grant})

    assert server.connections == 1
    assert isinstance(fetched, FetchFailure)
    assert "no OAuth2 token" in fetched.failure.message
    assert "its certificate is not trusted" in fetched.failure.message
