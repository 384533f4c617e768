"""What `auditor check` finds out about the machine it runs on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.audit.stage import Stage
from tests.cli.command import Command
from tests.cli.test_upkeep import database, reconfigure
from tests.test_mail import free_port

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


def lines(out: str, what: str) -> list[str]:
    return [line for line in out.splitlines() if line[8:].startswith(f"{what}:")]


@pytest.mark.usefixtures("pump")
def test_the_next_run_is_told(auditor: Command) -> None:
    [line] = lines(auditor("check").out, "schedule")

    assert line.startswith("ok      schedule: next run ")
    assert line.endswith("03:15 UTC, by 15 3 * * * (UTC)")


def test_the_configuration_and_the_room_on_its_disks_are_named(
    pump: Stage, auditor: Command
) -> None:
    out = auditor("check").out

    assert lines(out, "configuration")[0].endswith(f"1 project in {pump.folder}/config.toml")
    for what in ("database", "reports"):
        assert lines(out, what)[0].endswith(" free")


@AS_ROOT
@pytest.mark.parametrize(("name", "what"), [("auditor.db", "database"), ("reports", "reports")])
def test_what_root_made_in_the_folder_of_the_services_user_fails(
    pump: Stage, auditor: Command, name: str, what: str
) -> None:
    (pump.folder / "reports").mkdir()
    for path in (pump.folder, database(pump), pump.folder / "reports"):
        os.chown(path, NOBODY, NOBODY)
    before = auditor("check")
    os.chown(pump.folder / name, 0, 0)
    after = auditor("check")

    assert (before.code, after.code) == (0, 2)
    [line] = lines(after.out, what)
    remedy = f"chown -R --reference={pump.folder} {pump.folder / name}"
    assert line.startswith("FAILED") and line.endswith(remedy)  # noqa: PT018 - one line, two ends


def test_a_mail_server_that_is_down_comes_with_the_remedy(pump: Stage, auditor: Command) -> None:
    assert pump.settings.email is not None
    reconfigure(pump, f"port = {pump.settings.email.port}", f"port = {free_port()}")
    [line] = lines(auditor("check").out, "mail")

    assert line.endswith("takes mail of this machine, or correct [email]")


@pytest.mark.usefixtures("pump")
def test_under_systemd_the_way_of_notifications_is_tried_and_nothing_sent(
    auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        heard = auditor("check")
        with pytest.raises(BlockingIOError):
            manager.recv(1)
    Path(address).unlink()
    hidden = auditor("check")

    assert lines(heard.out, "systemd") == ["ok      systemd: notifications get through"]
    assert hidden.code == 2
    assert "add AF_UNIX to RestrictAddressFamilies=" in lines(hidden.out, "systemd")[0]


@pytest.mark.usefixtures("pump")
def test_elsewhere_nothing_is_said_of_systemd(
    auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    assert lines(auditor("check").out, "systemd") == []
