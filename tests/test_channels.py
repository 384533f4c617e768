"""Channels against stand-ins that refuse what the real services refuse."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.channels.chat import ChatChannel, ChatComposer
from auditor.channels.texts import cut_text, mark_up
from auditor.channels.webhook import Webhook
from auditor.errors import AuditorError, DeliveryError, WebError
from auditor.outbox import Message, MessageState, channel_recipient
from auditor.redaction import Secret
from auditor.rendering.brief import BriefRenderer
from auditor.rendering.outline import Footer
from tests.chat_services import (
    DISCORD,
    NTFY,
    SECRETS_OF_URLS,
    SLACK,
    TEAMS,
    Services,
    chat_services,
    is_signed,
    shown_lines,
    webhook,
)
from tests.rendering.samples import NIGHTS
from tests.store.examples import NIGHT
from tests.test_web import dripping

LONG = "\n\n".join(
    (
        "DRIFT. 300 changes.",
        "\n".join(f"[HIGH] Pump / block {number}: neurons: 8 → 12" for number in range(300)),
        "Full report: https://drift.example.org/run-000007.html",
    )
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with chat_services(tmp_path, monkeypatch) as running:
        yield running


def message(
    text: str = "DRIFT. One change.", title: str = "[EI drift] 1 high", attempts: int = 1
) -> Message:
    return Message(
        id=1,
        run_id=7,
        recipient=channel_recipient("team chat"),
        message_id="<run-7.0123456789ab.ba9876543210@localhost>",
        subject=title,
        content=json.dumps({"title": title, "text": text}).encode(),
        state=MessageState.QUEUED,
        attempts=attempts,
        due_at=NIGHT,
    )


def chat(url: str, limit_s: float = 30.0) -> ChatChannel:
    return ChatChannel(name="team chat", url=Secret(url), limit_s=limit_s, pace_s=0.0)


@pytest.mark.parametrize("url", [SLACK, DISCORD, TEAMS, NTFY])
def test_a_service_takes_a_message_by_its_own_name(services: Services, url: str) -> None:
    chat(url).send(message())

    [post] = services.taken
    assert "One change" in post.body.decode()


@pytest.mark.parametrize(
    ("url", "most"),
    [(SLACK, 1), (f"{SLACK}?blocks=yes", 1), (DISCORD, 8), (TEAMS, 1), (NTFY, 1)],
)
def test_a_long_message_is_cut_to_what_the_service_takes_and_keeps_its_link(
    services: Services, url: str, most: int
) -> None:
    channel = chat(url)
    channel.send(message(LONG))

    said = "".join(post.body.decode() for post in services.taken)
    assert 1 <= len(services.taken) <= most
    assert "300 changes" in said
    assert "000007" in said
    assert "block 0:" in said


def test_parts_that_were_taken_do_not_come_again_with_each_attempt(services: Services) -> None:
    services.answers = [0, 0, 503]
    with pytest.raises(DeliveryError, match="503"):
        chat(DISCORD).send(message(LONG))
    services.posts.clear()
    chat(DISCORD).send(message(LONG, attempts=2))

    [post] = services.posts
    assert "more" in post.body.decode()


def test_teams_shows_each_line_on_its_own(services: Services) -> None:
    chat(TEAMS).send(message("DRIFT. One.\n2 blocks\n\n[HIGH] Pump / min_score: 1\n[LOW] a: 2"))

    expected = ["DRIFT. One.", "2 blocks", "[HIGH] Pump / min_score: 1", "[LOW] a: 2"]
    assert shown_lines(services.taken[0]) == expected


def test_teams_gets_few_backslashes_and_a_link(services: Services) -> None:
    line = "[HIGH] Pump / Screw-finder 2.1 (1/3): Threshold min_score: 0.35 → 0.4 | a & b"
    link = "https://drift.example.org/runs/run-000007.html"
    chat(TEAMS).send(message(f"DRIFT. One.\n\n{line}\n\nFull report: {link}", title="x_y"))

    [attachment] = services.taken[0].json["attachments"]
    title, body = attachment["content"]["body"]
    assert title["text"] == "x_y"
    assert body["text"] == f"DRIFT. One.\n\n{line}\n\n[Full report]({link})"


@pytest.mark.parametrize(
    ("line", "markdown"),
    [
        ("min_score is 2 * 3, [LOW] a-b. c#d", "min_score is 2 * 3, [LOW] a-b. c#d"),
        ("__init__ **x** `y`", r"\_\_init\_\_ \*\*x\*\* \`y\`"),
        ("[a](https://b.example) [c]: d", r"[a]\(https://b.example) [c]\: d"),
        (r"C:\models \_", r"C:\models \\\_"),
        ("- a", r"\- a"),
        ("# a", r"\# a"),
        ("12. a", r"12\. a"),
        ("1,234 blocks", "1,234 blocks"),
        ("<b> &amp; a < b & c", r"\<b> \&amp; a < b & c"),
        ("~~a~~", r"\~\~a\~\~"),
        ("Full report: https://b.example/(a)", "Full report: https://b.example/(a)"),
    ],
)
def test_a_line_for_teams_is_shown_as_it_is(line: str, markdown: str) -> None:
    assert mark_up(line) == markdown


@pytest.mark.parametrize(
    ("report", "colour"),
    [
        ("failed", "#A32037"),
        ("drift", "#A32037"),  # it is critical
        ("incomplete", "#CACF29"),
        ("decided", "#CACF29"),
        ("open-conditions", "#CACF29"),
        ("first-night", "#3AA3E3"),
        ("quiet", "#3AA337"),
    ],
)
def test_the_verdict_decides_a_message_s_colour(
    services: Services, report: str, colour: str
) -> None:
    content = BriefRenderer(footer=Footer(version="0.1.0")).mail_content(NIGHTS[report](), page="")
    composed = ChatComposer().compose(content, recipient="", message_id="", at=NIGHT)
    chat(SLACK).send(replace(message(), content=composed))

    assert services.taken[0].json["attachments"][0]["color"] == colour


def test_a_message_that_an_earlier_version_queued_has_the_colour_of_information(
    services: Services,
) -> None:
    chat(SLACK).send(message())

    assert services.taken[0].json["attachments"][0]["color"] == "#3AA3E3"


@pytest.mark.parametrize("url", [SLACK, DISCORD])
def test_a_name_calls_nobody(services: Services, url: str) -> None:
    chat(url).send(message("DRIFT. @everyone <!channel> <@U123> mail a@b.example"))

    body = services.taken[0].body.decode()
    assert "@everyone" not in body
    assert "<!channel>" not in body
    assert "<@U123>" not in body
    assert "a@b.example" in body


@pytest.mark.parametrize(
    ("status", "is_for_good"),
    [
        (404, True),
        (403, True),
        (410, True),
        (408, False),
        (425, False),
        (429, False),
        (500, False),
        (503, False),
        (307, False),
        (301, False),
    ],
)
@pytest.mark.parametrize("kind", ["chat", "json"])
def test_a_status_decides_whether_a_message_is_tried_again(
    status: int, is_for_good: bool, kind: str
) -> None:
    with webhook() as services:
        services.answers = [status]
        channel = (
            chat(services.url.replace("http:", "json:"))
            if kind == "chat"
            else Webhook(name="team chat", url=Secret(services.url))
        )
        with pytest.raises(DeliveryError) as refused:
            channel.send(message())

    assert refused.value.permanent is is_for_good
    assert f"channel team chat: the service answered {status}" in str(refused.value)
    assert "c0ffee" not in str(refused.value)
    assert [post.path for post in services.posts] == ["/hook/c0ffee-c0ffee"]  # not followed


def test_what_a_service_says_is_quoted_without_the_parts_of_the_url(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    services.answers = [404]
    with pytest.raises(DeliveryError) as refused:
        chat(SLACK).send(message())

    said = f"{refused.value}{caplog.text}"
    assert "(Not Found): no: /services/(hidden)" in str(refused.value)
    assert not any(secret in said for secret in SECRETS_OF_URLS)


@pytest.mark.parametrize("kind", ["chat", "json"])
def test_an_attempt_ends_in_its_time_whatever_the_service_does(kind: str) -> None:
    with webhook() as services:
        services.gate.clear()
        channel = (
            chat(services.url.replace("http:", "json:"), limit_s=2.0)
            if kind == "chat"
            else Webhook(name="team chat", url=Secret(services.url), limit_s=0.3)
        )
        begun = time.monotonic()
        with pytest.raises(DeliveryError, match="no answer in time") as refused:
            channel.send(message())
        took = time.monotonic() - begun

    assert took < 5
    assert (refused.value.permanent, refused.value.is_unavailable) == (False, True)


def test_a_message_is_taken_with_2xx_although_the_rest_of_the_answer_drips() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n") as url:
        Webhook(name="hook", url=Secret(url), limit_s=2.0).send(message())
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n") as url:
        chat(url.replace("http:", "json:"), limit_s=3.0).send(message())


@pytest.mark.parametrize("kind", ["chat", "json"])
def test_a_host_that_has_no_address_is_tried_again(kind: str) -> None:
    channel = (
        chat("json://no-such-host.invalid/hook")
        if kind == "chat"
        else Webhook(name="hook", url=Secret("http://no-such-host.invalid/hook"))
    )
    with pytest.raises(DeliveryError) as refused:
        channel.send(message())

    assert (refused.value.permanent, refused.value.is_unavailable) == (False, True)


def test_a_certificate_that_the_machine_does_not_trust_is_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DeliveryError, match="is not trusted") as refused:
        chat(f"{SLACK}?verify=no").send(message())

    assert not refused.value.permanent
    assert services.posts == []


def test_a_webhook_gets_the_report_signed_and_an_id_that_stays() -> None:
    body = json.dumps({"schema": "auditor.report/1"}).encode()
    with webhook() as services:
        services.answers = [503]
        channel = Webhook(name="hook", url=Secret(services.url), secret=Secret("s3cret"))
        queued = Message(
            id=1,
            run_id=7,
            recipient=channel_recipient("hook"),
            message_id="<run-7.0123456789ab.ba9876543210@localhost>",
            subject="",
            content=body,
            state=MessageState.QUEUED,
            attempts=1,
            due_at=NIGHT,
        )
        with pytest.raises(DeliveryError):
            channel.send(queued)
        channel.send(queued)

    assert [post.body for post in services.posts] == [body, body]
    assert all(is_signed(post, "s3cret") for post in services.posts)
    ids = {post.headers["x-auditor-delivery"] for post in services.posts}
    assert ids == {"run-7.0123456789ab.ba9876543210@localhost"}
    assert services.posts[0].headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed() -> None:
    with webhook() as services:
        Webhook(name="hook", url=Secret(services.url)).send(message())

    assert "x-auditor-signature" not in services.posts[0].headers


def test_a_login_in_the_url_of_a_webhook_is_sent_as_basic() -> None:
    with webhook() as services:
        url = services.url.replace("http://", "http://user:pa%20ss@")
        Webhook(name="hook", url=Secret(url)).send(message())

    assert services.posts[0].headers["authorization"] == "Basic dXNlcjpwYSBzcw=="


@pytest.mark.parametrize("url", ["cheese://x/y", "slack://", "https://drift.example.org/hook"])
def test_a_url_that_names_no_service_can_be_corrected(url: str) -> None:
    with pytest.raises(DeliveryError, match="Apprise") as refused:
        chat(url).send(message())

    assert not refused.value.permanent


@pytest.mark.parametrize("url", [SLACK, DISCORD, TEAMS, NTFY])
def test_a_probe_reaches_the_service_and_sends_nothing(services: Services, url: str) -> None:
    words = chat(url).probe(limit_s=15)

    assert "can be reached; nothing was sent" in words
    assert not any(secret in words for secret in SECRETS_OF_URLS)
    assert services.posts == []


def test_a_service_that_is_not_spoken_to_by_http_is_not_tried() -> None:
    assert "only --send-test can try" in chat("rsyslog://localhost").probe(limit_s=15)


def test_a_probe_says_that_a_webhook_is_not_there() -> None:
    with webhook() as services:
        url = Secret(services.url)
    with pytest.raises((WebError, AuditorError), match="Connection refused"):
        Webhook(name="hook", url=url).probe(limit_s=5)


def test_a_cut_text_says_how_many_lines_it_lacks() -> None:
    cut = cut_text(LONG, 500)

    head, middle, foot = cut.split("\n\n")
    assert len(cut) <= 500
    assert (head, foot) == (LONG.split("\n\n")[0], LONG.split("\n\n")[2])
    lines = middle.split("\n")
    assert lines[-1] == f"… and {300 - len(lines) + 1} more"


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert cut_text(LONG, len(LONG)) == LONG
