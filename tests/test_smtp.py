"""What a mail server can answer, from a server on loopback that answers as a test says."""

from __future__ import annotations

import socket
import time

import pytest

from auditor.errors import DeliveryError
from auditor.redaction import Secret
from auditor.smtp import SmtpLimits, SmtpMailer
from tests.smtp_server import Answer, RawServer
from tests.test_mail import PASSWORD, message


def mailer(server: RawServer, **more: object) -> SmtpMailer:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "auditor@example.org",
        "helo": "auditor.example.org",
    }
    return SmtpMailer(**{**values, **more})  # type: ignore[arg-type]  # fields by name, for brevity


def failure(server: RawServer, **more: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        mailer(server, **more).send(message())
    return caught.value


def test_a_server_that_thinks_about_the_content_gets_it_once() -> None:
    def accept_late(connection: socket.socket) -> None:
        time.sleep(0.5)
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
    login = {"username": "auditor", "password": Secret(PASSWORD)} if "AUTH" in answers else {}
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
