"""What a mail server can answer, from a server on loopback that answers as a test says."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from auditor.errors import DeliveryError
from auditor.mail import MimeComposer
from auditor.outbox import Message
from auditor.publishing import Attachment
from auditor.redaction import Secret
from auditor.smtp import SmtpLimits, SmtpMailer
from tests.smtp_server import Answer, RawServer
from tests.test_mail import MESSAGE_ID, NOW, PASSWORD, mail_content, message, read

COMPOSED = message()


def mailer(server: RawServer, **more: object) -> SmtpMailer:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "auditor@example.org",
        "helo": "auditor.example.org",
    }
    return SmtpMailer(**{**values, **more})  # type: ignore[arg-type]  # fields by name, for brevity


def failure(server: RawServer, message: Message = COMPOSED, **more: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        mailer(server, **more).send(message)
    return caught.value


def test_a_server_that_thinks_about_the_content_gets_it_once() -> None:
    def accept_late(connection: socket.socket) -> None:
        time.sleep(0.5)  # past reply_s, within acceptance_s
        connection.sendall(b"250 OK\r\n")

    limits = SmtpLimits(reply_s=0.1, acceptance_s=60)
    with RawServer({"content": accept_late}) as server:
        mailer(server, limits=limits).send(message())

    assert len(server.offered) == 1


def test_each_step_has_its_own_limit() -> None:
    with RawServer() as server:
        server.answers["content"] = server.be_silent
        error = failure(server, limits=SmtpLimits(acceptance_s=0.1))

    assert not error.permanent
    assert "timed out: no answer to the content" in str(error)


@pytest.mark.parametrize("place", ["greeting", "EHLO", "MAIL"])
def test_a_server_that_drips_has_an_end(place: str) -> None:
    with RawServer() as server:
        server.answers[place] = server.drip(b"220-tick\r\n" if place == "greeting" else b"250-a")
        error = failure(server, limits=SmtpLimits(talk_s=0.3))

    assert not error.permanent
    assert "took longer than 0.3 s" in str(error)


def test_a_server_that_drips_its_answer_to_the_content_has_an_end() -> None:
    with RawServer() as server:
        server.answers["content"] = server.drip(b"250-a\r\n")
        error = failure(server, limits=SmtpLimits(acceptance_s=0.3))

    assert "took longer than 0.3 s, up to the content" in str(error)


@pytest.mark.parametrize("part", [b"250", b"250 O", b"250-ok\r\n250"])
def test_half_an_answer_takes_no_mail(part: bytes) -> None:
    def break_off(connection: socket.socket) -> None:
        connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)

    with RawServer({"content": break_off}) as server:
        error = failure(server)

    assert not error.permanent


def test_a_server_that_drips_while_tls_begins_has_an_end() -> None:
    with RawServer() as server:
        server.answers["greeting"] = server.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 16_000)
        error = failure(server, security="tls", limits=SmtpLimits(talk_s=0.3))

    assert "took longer than 0.3 s" in str(error)


def test_the_whole_attempt_has_a_limit() -> None:
    with RawServer() as server:
        server.answers["content"] = server.be_silent
        error = failure(server, limits=SmtpLimits(attempt_s=0.3))

    assert "the attempt took longer than 0.3 s, up to the content" in str(error)


def test_an_attempt_under_way_ends_soon_after_the_program_was_asked_to_stop() -> None:
    with RawServer() as server:
        server.answers["RCPT"] = server.be_silent
        error = failure(server, stopping=lambda: True, limits=SmtpLimits(stop_s=0.1))

    assert not error.permanent
    assert "the auditor was stopped before the answer to RCPT TO" in str(error)


def test_the_name_in_ehlo_is_the_configured_one() -> None:
    with RawServer() as server:
        mailer(server, helo="drift.example.org").send(message())

    assert server.said[0] == "EHLO drift.example.org"


def test_a_machine_without_a_full_name_says_its_address() -> None:
    with RawServer() as server:
        mailer(server, helo="").send(message())

    assert server.said[0] == "EHLO [127.0.0.1]"


@pytest.mark.parametrize(
    "answer", ["421 4.7.0 too many connections", "504 5.5.2 need a full name", "550 bad name"]
)
def test_a_refused_ehlo_is_temporary_and_keeps_the_servers_words(answer: str) -> None:
    with RawServer({"EHLO": answer}) as server:
        error = failure(server)

    assert not error.permanent
    assert answer in str(error)
    assert str(error).endswith("set email.helo to a full name of this machine")
    assert len(server.said) == 1


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    with RawServer({"EHLO": "502 unknown command"}) as server:
        mailer(server).send(message())

    assert server.said[1] == "HELO auditor.example.org"
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("504 5.5.2 <nas>: Helo command rejected: need fully-qualified hostname", False),
        ("450 4.7.1 <nas>: Helo command rejected: Host not found", False),
        ("550 5.7.1 <nas>: Helo command rejected: Host not found", True),
        ("550 5.1.1 no such user", True),
    ],
)
def test_a_refusal_at_rcpt_is_reported_in_the_servers_words(answer: str, permanent: bool) -> None:
    with RawServer({"RCPT": answer}) as server:
        error = failure(server)

    assert error.permanent is permanent
    assert answer in str(error)
    assert ("set email.helo" in str(error)) is ("Helo" in answer)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"EHLO": "250-raw\r\n250 AUTH PLAIN", "AUTH": "334 ok"}, "at AUTH; Error"),
        ({"EHLO": "250-raw\r\n250 AUTH CRAM-MD5", "AUTH": "334 ok"}, "at AUTH; Error"),
        ({"greeting": "hello"}, "that is not SMTP"),
        ({"greeting": "554 no service here"}, "554 no service here"),
        ({"MAIL": "250" + "x" * 9000}, "500 Line too long"),
        ({"EHLO": "250-raw\r\n250 SIZE lots"}, ""),
    ],
    ids=["auth-plain", "auth-cram", "no-smtp", "no-service", "long-line", "odd-size"],
)
def test_an_answer_that_makes_no_sense_costs_one_attempt(
    answers: dict[str, Answer], words: str
) -> None:
    login: dict[str, Any] = {}
    if "AUTH" in answers:
        login = {"username": "auditor", "password": Secret(PASSWORD)}
    with RawServer(answers) as server:
        if not words:
            mailer(server, **login).send(message())
            return
        error = failure(server, **login)

    assert not error.permanent
    assert words in str(error)
    assert PASSWORD not in str(error)


def test_a_check_goes_as_far_as_every_recipient_and_sends_nothing() -> None:
    with RawServer({"EHLO": "250-raw\r\n250 SIZE 5000000"}) as server:
        most = mailer(server).probe(["a@example.org", "b@example.org"])

    verbs = [line.partition(":")[0] for line in server.said]
    assert verbs == ["EHLO auditor.example.org", "MAIL FROM", "RCPT TO", "RCPT TO", "RSET", "QUIT"]
    assert most == 5_000_000
    assert server.offered == []


def test_a_check_names_every_recipient_that_is_refused() -> None:
    with (
        RawServer({"RCPT": "550 5.1.1 no such user"}) as server,
        pytest.raises(DeliveryError) as caught,
    ):
        mailer(server).probe(["a@example.org", "b@example.org"])

    for recipient in ("a@example.org", "b@example.org"):
        assert f"{recipient}: 550 5.1.1 no such user" in str(caught.value)


def with_attachment(**more: object) -> Message:
    """A message with its forms: its lengths differ by far."""
    page = Attachment(name="run-7.html", type="text/html", content=b"<p>Everything." * 1000)
    html = "<!DOCTYPE html><body style='margin: 0'><p>Nothing changed."
    summary = "CHANGED. One finding."
    content = mail_content(html=html, attachment=page, summary=summary)
    composer = MimeComposer("auditor@example.org")
    values: dict[str, object] = {
        form: compose(content, recipient="ops@example.org", message_id=MESSAGE_ID, at=NOW)
        for form, compose in (
            ("content", composer.compose),
            ("summary", composer.compose_summary),
        )
    }
    return replace(message(), **{**values, **more})  # type: ignore[arg-type]  # fields by name


def refusing(words: str, *, of: Callable[[bytes], bool], closes: bool = False) -> RawServer:
    """A server that answers with `words` to some contents."""
    server = RawServer()

    def answer(connection: socket.socket) -> None:
        is_refused = of(server.offered[-1])
        if not is_refused:
            server.taken.append(server.offered[-1])
        connection.sendall((words if is_refused else "250 OK").encode() + b"\r\n")
        if is_refused and closes:
            connection.shutdown(socket.SHUT_RDWR)

    server.answers["content"] = answer
    return server


def has_attachment(content: bytes) -> bool:
    return b"run-7.html" in content


def has_html(content: bytes) -> bool:
    return b"text/html" in content


@pytest.mark.parametrize("closes", [False, True], ids=["goes on", "closes the connection"])
@pytest.mark.parametrize(
    "words", ["552 5.3.4 too large", "554 5.7.1 no HTML attachments", "550 5.7.1 content rejected"]
)
def test_a_mail_refused_for_its_attachment_is_sent_without_it_at_once(
    words: str, closes: bool
) -> None:
    with refusing(words, of=has_attachment, closes=closes) as server:
        mailer(server).send(with_attachment())

    [taken] = server.taken
    parsed = read(taken)
    plain, html = parsed.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert parsed.get_content_type() == "multipart/alternative"
    assert (parsed["Message-ID"], parsed["Date"].datetime) == (MESSAGE_ID, NOW)
    assert parsed["Subject"] == mail_content().subject
    assert parsed["List-Id"] == "<drift.example.org>"
    assert "it was left out" in plain.get_content()
    assert "Nothing changed." in plain.get_content()
    assert "it was left out" in html.get_content()


def test_a_mail_refused_for_its_html_is_sent_as_summary_at_once() -> None:
    with refusing("554 5.6.1 plain text only", of=has_html) as server:
        mailer(server).send(with_attachment())

    [taken] = server.taken
    assert read(taken).get_content().splitlines() == ["CHANGED. One finding."]
    assert read(taken)["Message-ID"] == MESSAGE_ID
    assert len(server.offered) == 3


def test_a_mail_is_sent_in_the_largest_form_that_the_server_announces_to_take() -> None:
    whole = with_attachment()
    with RawServer({"EHLO": f"250-raw\r\n250 SIZE {len(whole.content) - 1}"}) as server:
        mailer(server).send(whole)
    with RawServer({"EHLO": "250-raw\r\n250 SIZE 1000"}) as small:
        mailer(small).send(whole)

    assert [has_attachment(content) for content in server.offered] == [False]
    assert [has_html(content) for content in server.offered] == [True]
    assert [has_html(content) for content in small.offered] == [False]


def test_a_size_that_is_refused_before_the_content_is_one_of_form() -> None:
    def answer(connection: socket.socket) -> None:
        size = int(server.said[-1].rpartition("size=")[2])
        words = "250 OK" if size < 1000 else "552 5.3.4 message size exceeds fixed limit"
        connection.sendall(words.encode() + b"\r\n")

    with RawServer({"EHLO": "250-raw\r\n250 SIZE"}) as server:
        server.answers["MAIL"] = answer
        mailer(server).send(with_attachment())

    assert [has_html(content) for content in server.taken] == [False]


def test_a_mail_refused_in_every_form_is_refused_for_good() -> None:
    with RawServer({"content": "554 5.7.1 go away"}) as server:
        error = failure(server, message=with_attachment())

    assert error.permanent
    assert len(server.offered) == 3


@pytest.mark.parametrize(
    "answers",
    [{"RCPT": "550 5.1.1 no such user"}, {"content": "451 4.7.1 later"}, {"MAIL": "550 no"}],
    ids=["recipient", "temporary", "sender"],
)
def test_another_form_is_no_answer_to_another_refusal(answers: dict[str, Answer]) -> None:
    with RawServer(answers) as server:
        failure(server, message=with_attachment())

    assert [line[:4] for line in server.said].count("MAIL") == 1


def test_after_two_days_of_attempts_only_the_summary_is_sent() -> None:
    with RawServer() as server:
        mailer(server).send(with_attachment(attempts=18))
        mailer(server).send(with_attachment(attempts=19))

    assert [has_html(content) for content in server.taken] == [True, False]
