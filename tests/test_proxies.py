"""The proxy of the environment is found as curl finds it."""

from __future__ import annotations

import logging
import os

import pytest

from auditor.errors import UsageError
from auditor.heartbeat import Heartbeat
from auditor.proxies import is_exempt, proxy_of_environment
from auditor.redaction import Secret
from tests.pings import pings
from tests.studio.asking import fetch

URL = "https://studio.example.org/v1"


@pytest.fixture(autouse=True)
def _no_proxy_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"https_proxy": "http://p:1"}, "http://p:1", id="by scheme"),
        pytest.param({"HTTPS_PROXY": "http://p:1"}, "http://p:1", id="upper case"),
        pytest.param({"http_proxy": "http://p:1"}, None, id="of another scheme"),
        pytest.param({"all_proxy": "p:1"}, "http://p:1", id="for all, without a scheme"),
        pytest.param(
            {"https_proxy": "http://p:1", "all_proxy": "socks5://s:2"}, "http://p:1", id="both"
        ),
        pytest.param({"https_proxy": "", "ALL_PROXY": "http://p:1"}, "http://p:1", id="empty"),
        pytest.param({"https_proxy": "http://p:1", "no_proxy": "example.org"}, None, id="exempt"),
        pytest.param(
            {"all_proxy": "socks5://s:2", "NO_PROXY": ".example.org"}, None, id="SOCKS, exempt"
        ),
    ],
)
def test_the_proxy_is_the_one_that_curl_takes(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    found = proxy_of_environment(URL)

    assert (found and found.reveal()) == address


@pytest.mark.parametrize(
    ("host", "exempt", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "192.168.0.0/16, 10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::1]", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("studio.example.org", "10.0.0.0/8", False),
        ("studio.example.org", "example.org", True),
        ("studio.example.org", ".example.org localhost", True),
        ("studio.example.org", "STUDIO.EXAMPLE.ORG", True),
        ("studio.example.org", "ample.org", False),
        ("studio.example.org", "example.org:443", True),
        ("studio.example.org", "example.org:8443", False),
        ("10.1.2.3", "10.0.0.0/8:443", True),
        ("studio.example.org", "*", True),
        ("studio.example.org", "10.0.0.0/99, ,", False),
        ("studio.example.org", "", False),
    ],
)
def test_a_host_is_exempt_as_for_curl(host: str, exempt: str, expected: bool) -> None:
    assert is_exempt(host, 443, exempt) is expected


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4", "gopher"])
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:canary@127.0.0.1:9")

    with pytest.raises(UsageError, match="the proxy in ALL_PROXY of the environment") as caught:
        fetch(URL)

    assert "canary" not in str(caught.value)
    assert "list studio.example.org in no_proxy" in str(caught.value)


def test_an_exempt_network_is_asked_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")

    with pings() as heard:
        Heartbeat(Secret(heard.url)).end("", is_well=True)

    assert heard.signals == [""]


def test_a_heartbeat_takes_the_proxy_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with pings() as proxy:
        monkeypatch.setenv("all_proxy", proxy.url.rpartition("/")[0])
        Heartbeat(Secret("http://heartbeat.invalid/id")).end("", is_well=True)

    assert [path for _, path, _ in proxy.received] == ["http://heartbeat.invalid/id"]


def test_a_heartbeat_says_which_proxy_it_cannot_use(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")

    Heartbeat(Secret("http://heartbeat.invalid/canary")).end("", is_well=True)

    (line,) = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert line.startswith("heartbeat failed: the proxy in all_proxy of the environment")
    assert "canary" not in line
