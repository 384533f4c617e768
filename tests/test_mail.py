"""Mail against a real SMTP server on loopback, and messages read back as a client reads them."""

from __future__ import annotations

import asyncio
import email
import ipaddress
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auditor.errors import DeliveryError
from auditor.mail import MimeComposer
from auditor.outbox import Message, MessageState
from auditor.publishing import MailContent
from auditor.redaction import Secret
from auditor.smtp import SmtpLimits, SmtpMailer

NOW = datetime(2026, 11, 23, 3, 15, 41, tzinfo=UTC)
MESSAGE_ID = "<run-7.rcpt-1.0b5fe2c0a9d14b3c8e7f6a5b4c3d2e1f@drift.example.org>"
PASSWORD = "canary-pa55word"
MOST_BYTES = 33_554_432  # what aiosmtpd announces


@dataclass
class Postbox:
    """What the server took, and what it answers where it refuses."""

    taken: list[Envelope] = field(default_factory=list)
    refuse_sender: str = ""
    refuse_recipient: str = ""
    refuse_data: str = ""
    drop_after_data: bool = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.refuse_data:
            return self.refuse_data
        self.taken.append(envelope)
        if self.drop_after_data:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            await asyncio.sleep(0)  # the connection ends at the next turn of the loop
        return "250 OK"


def authenticator(
    _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: object
) -> AuthResult:
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


@contextmanager
def serving(
    postbox: Postbox,
    **options: Any,  # noqa: ANN401 - whatever aiosmtpd takes
) -> Iterator[SmtpMailer]:
    """Run a server for `postbox` and yield a mailer that is set to it."""
    controller = Controller(postbox, hostname="127.0.0.1", port=free_port(), **options)
    with warnings.catch_warnings():
        # It warns of AUTH without TLS at each connection; these tests want that, on loopback.
        warnings.simplefilter("ignore", UserWarning)
        controller.start()
        try:
            yield SmtpMailer(
                host="127.0.0.1",
                port=controller.port,
                security="none",
                sender="EI drift <auditor@example.org>",
                helo="auditor.example.org",
            )
        finally:
            controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with the key and certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="session")
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def mail_content(**more: object) -> MailContent:
    values: dict[str, object] = {
        "subject": "[EI drift] no change · 41 of 41 blocks checked",
        "text": "Nothing changed.\n. a dot in front\nüber\n",
        "html": f"<!DOCTYPE html><p>{'Nothing changed. ' * 200}</p>\n",
        "headers": {"List-Id": "<drift.example.org>", "Auto-Submitted": "auto-generated"},
    }
    return MailContent(**{**values, **more})  # type: ignore[arg-type]  # fields by name, for brevity


def composed(recipient: str = "ops@example.org", **more: object) -> bytes:
    composer = MimeComposer("EI drift <auditor@example.org>")
    return composer.compose(
        mail_content(**more), recipient=recipient, message_id=MESSAGE_ID, at=NOW
    )


def message(recipient: str = "ops@example.org") -> Message:
    return Message(
        id=1,
        run_id=7,
        recipient=recipient,
        message_id=MESSAGE_ID,
        subject="s",
        content=composed(recipient),
        state=MessageState.QUEUED,
        attempts=0,
        due_at=NOW,
    )


def read(content: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(content, policy=default.clone(raise_on_defect=True))
    assert isinstance(parsed, EmailMessage)
    return parsed


def refusal(mailer: SmtpMailer) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        mailer.send(message())
    return caught.value


def test_recipients_of_one_report_get_the_same_parts_with_boundaries_of_their_own() -> None:
    composer, content = MimeComposer("auditor@example.org"), mail_content()
    first, second = (
        composer.compose(content, recipient="ops@example.org", message_id=each, at=NOW)
        for each in (MESSAGE_ID, MESSAGE_ID.replace("run-7", "run-8"))
    )
    boundaries = [email.message_from_bytes(each).get_boundary() or "" for each in (first, second)]

    assert boundaries[0] != boundaries[1]
    as_first = second.replace(boundaries[1].encode(), boundaries[0].encode())
    assert as_first.replace(b"run-8", b"run-7") == first


def test_a_message_reads_back_as_it_was_meant() -> None:
    parsed = read(composed())

    assert parsed["Subject"] == "[EI drift] no change · 41 of 41 blocks checked"
    assert parsed["From"] == "EI drift <auditor@example.org>"
    assert parsed["To"] == "ops@example.org"
    assert parsed["Message-ID"] == MESSAGE_ID
    assert parsed["Date"].datetime == NOW
    assert parsed["List-Id"] == "<drift.example.org>"
    assert parsed["Precedence"] is None


def test_plain_text_comes_before_html_and_both_are_quoted_printable() -> None:
    plain, html = read(composed()).iter_parts()

    assert [plain.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
    assert plain["Content-Transfer-Encoding"] == "quoted-printable"
    assert html["Content-Transfer-Encoding"] == "quoted-printable"
    assert isinstance(plain, EmailMessage)
    assert plain.get_content().splitlines() == ["Nothing changed.", ". a dot in front", "über"]


def test_lines_end_in_crlf_and_none_is_too_long() -> None:
    content = composed(subject="word " * 400)

    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()


@pytest.mark.parametrize("header", ["subject", "X-EI-Drift-Run"])
def test_no_header_can_be_broken_by_a_line_end_in_its_value(header: str) -> None:
    hostile = "odd\r\nBcc: victim@example.org\u2028\x00\ud800 end"
    more: dict[str, Any] = (
        {"subject": hostile} if header == "subject" else {"headers": {header: hostile}}
    )

    parsed = read(composed(**more))

    assert parsed["Bcc"] is None
    assert "Bcc: victim@example.org" in parsed[header]


def test_a_lone_surrogate_in_the_text_does_not_stop_a_message() -> None:
    plain = next(read(composed(text="odd \ud800\n")).iter_parts())

    assert isinstance(plain, EmailMessage)
    assert plain.get_content().splitlines() == ["odd \\ud800"]


@pytest.mark.parametrize("recipient", ["", "two words", "ops@", "a@b@c@", "a@b\r\nRCPT TO:<c@d>"])
def test_what_is_no_address_is_refused_for_good(recipient: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        composed(recipient)

    assert caught.value.permanent


def test_the_server_takes_one_message_for_one_recipient_unaltered() -> None:
    postbox = Postbox()

    with serving(postbox) as mailer:
        mailer.send(message())

    (envelope,) = postbox.taken
    assert envelope.mail_from == "auditor@example.org"
    assert envelope.rcpt_tos == ["ops@example.org"]
    assert envelope.content == message().content


@pytest.mark.parametrize("stage", ["refuse_sender", "refuse_recipient", "refuse_data"])
@pytest.mark.parametrize(("reply", "permanent"), [("450 later", False), ("550 never", True)])
def test_a_refusal_is_permanent_when_the_server_says_so(
    stage: str, reply: str, permanent: bool
) -> None:
    with serving(Postbox(**{stage: reply})) as mailer:  # type: ignore[arg-type]  # one text field
        error = refusal(mailer)

    assert error.permanent is permanent
    assert reply in str(error)


def test_a_connection_lost_after_data_is_tried_again() -> None:
    with serving(Postbox(drop_after_data=True)) as mailer:
        error = refusal(mailer)

    assert not error.permanent


def test_nobody_listening_is_temporary() -> None:
    mailer = SmtpMailer(host="127.0.0.1", port=free_port(), security="none", sender="a@b.example")

    error = refusal(mailer)

    assert not error.permanent
    assert "refused" in str(error)


def test_a_server_that_never_answers_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mailer = SmtpMailer(
            host="127.0.0.1",
            port=port,
            security="none",
            sender="a@b.example",
            limits=SmtpLimits(reply_s=0.2),
        )
        error = refusal(mailer)

    assert not error.permanent
    assert "timed out" in str(error)


def test_login_is_done_where_a_password_is_given() -> None:
    postbox = Postbox()

    with serving(postbox, **AUTH) as mailer:
        replace(mailer, username="auditor", password=Secret(PASSWORD)).send(message())

    assert len(postbox.taken) == 1


AUTH = {"authenticator": authenticator, "auth_required": True, "auth_require_tls": False}


def test_a_wrong_password_is_the_operators_to_mend_and_is_not_shown() -> None:
    wrong = Secret("canary-wrong-one")

    with serving(Postbox(), **AUTH) as mailer:
        error = refusal(replace(mailer, username="auditor", password=wrong))

    assert not error.permanent
    assert "user name or password refused: 535" in str(error)
    assert wrong.reveal() not in str(error)


def test_a_server_that_wants_a_login_is_the_operators_to_mend() -> None:
    with serving(Postbox(), **AUTH) as mailer:
        error = refusal(mailer)

    assert not error.permanent
    assert "530" in str(error)


def test_a_password_outside_ascii_is_refused_without_showing_it() -> None:
    with serving(Postbox(), **AUTH) as mailer:
        error = refusal(replace(mailer, username="auditor", password=Secret("pässwort")))

    assert not error.permanent
    assert error.__cause__ is None
    assert "wort" not in str(error).removeprefix(str(error).partition("password")[0] + "password")


def test_a_server_without_login_says_so() -> None:
    with serving(Postbox()) as mailer:
        error = refusal(replace(mailer, username="auditor", password=Secret(PASSWORD)))

    assert not error.permanent
    assert "AUTH" in str(error)


def starttls(postbox: Postbox, context: ssl.SSLContext) -> AbstractContextManager[SmtpMailer]:
    return serving(postbox, tls_context=context, require_starttls=True)


def tls(postbox: Postbox, context: ssl.SSLContext) -> AbstractContextManager[SmtpMailer]:
    return serving(postbox, ssl_context=context)


Encrypted = Callable[[Postbox, ssl.SSLContext], AbstractContextManager[SmtpMailer]]
ENCRYPTED = [pytest.param(starttls, id="starttls"), pytest.param(tls, id="tls")]


@pytest.mark.parametrize("encrypted", ENCRYPTED)
def test_a_message_goes_over_tls(
    encrypted: Encrypted, server_side: ssl.SSLContext, certificate: Path
) -> None:
    postbox = Postbox()
    security = "starttls" if encrypted is starttls else "tls"

    with encrypted(postbox, server_side) as mailer:
        replace(mailer, security=security, ca_file=certificate).send(message())

    assert len(postbox.taken) == 1


@pytest.mark.parametrize("encrypted", ENCRYPTED)
def test_a_certificate_that_is_not_trusted_ends_the_attempt(
    encrypted: Encrypted, server_side: ssl.SSLContext
) -> None:
    postbox = Postbox()
    security = "starttls" if encrypted is starttls else "tls"

    with encrypted(postbox, server_side) as mailer:
        error = refusal(replace(mailer, security=security))

    assert not error.permanent
    assert "certificate is not trusted" in str(error)
    assert not postbox.taken


def test_a_server_without_starttls_gets_nothing_in_clear() -> None:
    postbox = Postbox()

    with serving(postbox) as mailer:
        error = refusal(replace(mailer, security="starttls"))

    assert not error.permanent
    assert not postbox.taken


def test_probing_sends_nothing() -> None:
    postbox = Postbox(refuse_data="550 never")

    with serving(postbox, **AUTH) as mailer:
        login = replace(mailer, username="auditor", password=Secret(PASSWORD))
        most = login.probe(["ops@example.org", "ml@example.org"])

    assert most == MOST_BYTES

    assert not postbox.taken


def test_probing_finds_a_wrong_password() -> None:
    with serving(Postbox(), **AUTH) as mailer, pytest.raises(DeliveryError, match="refused: 535"):
        replace(mailer, username="auditor", password=Secret("wrong")).probe()


def test_an_address_outside_ascii_is_sent_where_the_server_can() -> None:
    postbox = Postbox()

    with serving(postbox, enable_SMTPUTF8=True) as mailer:
        mailer.send(message("jörg@example.org"))

    (envelope,) = postbox.taken
    assert envelope.rcpt_tos == ["jörg@example.org"]
    assert envelope.smtp_utf8


def test_an_address_outside_ascii_is_refused_where_the_server_cannot() -> None:
    with (
        serving(Postbox(), enable_SMTPUTF8=False) as mailer,
        pytest.raises(DeliveryError, match="SMTPUTF8") as caught,
    ):
        mailer.send(message("jörg@example.org"))

    assert caught.value.permanent


def test_a_domain_outside_ascii_needs_nothing_of_the_server() -> None:
    postbox = Postbox()

    with serving(postbox, enable_SMTPUTF8=False) as mailer:
        mailer.send(message("ops@bücher.example"))

    assert postbox.taken[0].rcpt_tos == ["ops@xn--bcher-kva.example"]
