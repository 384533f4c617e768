from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from auditor.errors import AuditorError
from auditor.heartbeat import Heartbeat, probe_heartbeat
from auditor.redaction import Secret
from tests.pings import UUID, Pings, pings
from tests.test_mail import free_port


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def heard() -> Iterator[Pings]:
    with pings() as server:
        yield server


def heart(url: str) -> Heartbeat:
    return Heartbeat(Secret(url), waits_s=(0, 0))


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_run_that_is_well_is_a_start_and_the_url_with_a_line(heard: Pings) -> None:
    pulse = heart(heard.url)
    pulse.start()
    pulse.end("run 7 complete", is_well=True)

    assert heard.received == [
        ("POST", f"/{UUID}/start", ""),
        ("POST", f"/{UUID}", "run 7 complete"),
    ]


def test_a_run_that_is_not_well_is_a_start_and_a_fail(heard: Pings) -> None:
    pulse = heart(heard.url)
    pulse.start()
    pulse.end("run 7 failed", is_well=False)

    assert heard.signals == ["/start", "/fail"]


def test_a_query_stays_behind_the_suffix(heard: Pings) -> None:
    heart(f"{heard.url}/?create=1").end("", is_well=False)

    assert heard.signals == ["/fail?create=1"]


def test_without_a_url_nothing_is_said() -> None:
    pulse = Heartbeat(None)
    pulse.start()
    pulse.end("run 7 complete", is_well=True)

    assert pulse._thread is None


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_cannot_now_is_tried_again(
    heard: Pings, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    heard.answers = [status, status]
    heart(heard.url).end("", is_well=True)

    assert (len(heard.received), warned(caplog)) == (3, [])


def test_a_start_does_not_wait_for_its_answer_and_comes_before_the_end(heard: Pings) -> None:
    heard.gate.clear()
    pulse = heart(heard.url)
    pulse.start()
    before = list(heard.received)
    heard.gate.set()
    pulse.end("", is_well=True)

    assert (before, heard.signals) == ([], ["/start", ""])


def test_a_start_that_failed_is_not_tried_again_once_the_run_is_over(heard: Pings) -> None:
    heard.answers = [503]
    pulse = Heartbeat(Secret(heard.url), waits_s=(3600,))
    pulse.start()
    pulse.end("", is_well=True)

    assert heard.signals[-1] == ""
    assert heard.signals.count("/start") <= 1


@pytest.mark.parametrize("status", [404, 301, 307])
def test_what_would_not_help_is_tried_once_and_followed_nowhere(
    heard: Pings, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    heard.answers = [status]
    heart(heard.url).end("", is_well=True)

    assert len(heard.received) == 1
    assert warned(caplog) == [f"heartbeat failed: answered {status}"]


def test_a_server_that_is_not_there_is_logged_once_a_run_without_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        pulse = heart(f"http://127.0.0.1:{probe.getsockname()[1]}/{UUID}")
        pulse.start()
        pulse.end("", is_well=True)
        pulse.end("", is_well=True)

    assert warned(caplog) == ["heartbeat failed: Connection refused"]
    assert vars(caplog.records[-1])["host"] == "127.0.0.1"
    assert UUID not in str([vars(record) for record in caplog.records])


def test_what_is_no_http_is_logged_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        pulse = Heartbeat(Secret(f"http://127.0.0.1:{server.getsockname()[1]}/{UUID}"), waits_s=())
        pulse.start()
        channel, _ = server.accept()
        channel.recv(4096)
        channel.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        channel.close()
        assert pulse._thread is not None
        pulse._thread.join()

    assert warned(caplog) == ["heartbeat failed: RemoteProtocolError"]


def test_a_server_that_never_answers_costs_its_time_limit(
    heard: Pings, caplog: pytest.LogCaptureFixture
) -> None:
    heard.gate.clear()
    Heartbeat(Secret(heard.url), timeout_s=0.05, waits_s=(0,)).end("", is_well=True)

    assert warned(caplog) == ["heartbeat failed: no answer in time"]


class _OddError(Exception):
    """An error of no family that is known to belong to HTTP."""


class _Body(bytes):
    """A text that cannot be sent."""

    def __len__(self) -> int:
        raise _OddError


def test_whatever_a_ping_meets_is_logged_and_ends_nothing(
    heard: Pings, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = heart(heard.url)
    pulse.end(_Text("well"), is_well=True)

    assert warned(caplog) == ["heartbeat failed: _OddError"]


class _Text(str):
    """A line whose bytes cannot be sent."""

    def encode(self, *_: object) -> bytes:
        return _Body(b"x")


def test_a_probe_connects_and_pings_nothing(heard: Pings) -> None:
    words = probe_heartbeat(Secret(heard.url))

    assert words.startswith("127.0.0.1 can be reached; no ping was sent")
    assert UUID not in words
    assert heard.received == []


def test_a_probe_names_the_host_that_it_cannot_reach_and_not_the_url() -> None:
    with pytest.raises(AuditorError) as refused:
        probe_heartbeat(Secret(f"http://127.0.0.1:{free_port()}/{UUID}"))

    assert str(refused.value) == (
        "127.0.0.1 cannot be reached: Connection refused; "
        "correct heartbeat.url, or let this machine reach it"
    )


def test_a_probe_goes_through_the_proxy_of_the_environment(
    heard: Pings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(AuditorError, match="Connection refused"):
        probe_heartbeat(Secret(heard.url))
