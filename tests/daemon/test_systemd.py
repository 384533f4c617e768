from __future__ import annotations

import os
import re
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.daemon.systemd import notify, notify_reloading, read_watchdog_period
from tests.daemon.manager import Ears, ears


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "n") if request.param == "path" else f"@auditor-test-{uuid.uuid4()}"


def said(listening: Ears) -> str:
    return listening.hear("")


def test_what_is_said_is_heard_line_by_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with ears(address) as listening:
        notify("READY=1", "STATUS=Größe")

        assert said(listening) == "READY=1\nSTATUS=Größe"


def test_a_reload_says_when_it_began(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with ears(address) as listening:
        before = time.monotonic_ns() // 1000
        notify_reloading()
        after = time.monotonic_ns() // 1000

        notice = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", said(listening))
        assert notice is not None
        assert before <= int(notice[1]) <= after


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_without_a_manager_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", value)

    notify("READY=1")


def test_a_manager_that_hears_nothing_stops_nobody(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    notify("READY=1")


def test_the_watchdog_hears_twice_as_often_as_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert read_watchdog_period() == timedelta(seconds=30)

    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert read_watchdog_period() == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("usec", "pid"),
    [(None, None), ("", None), ("soon", None), ("-1", None), ("60000000", "1")],
    ids=["unset", "empty", "no number", "negative", "for another process"],
)
def test_without_a_watchdog_there_is_no_period(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    assert read_watchdog_period() is None
