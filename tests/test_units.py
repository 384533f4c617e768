from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[1] / "systemd"
UNITS = ("auditor.service", "auditor-run.service", "auditor-run.timer")
SERVICES = ("auditor.service", "auditor-run.service")
PYTHON = "/opt/auditor/bin/python"
# What the two services have of their own; all else, the hardening, is one.
OWN_KEYS = {
    "Type",
    "NotifyAccess",
    "ExecStart",
    "ExecReload",
    "WatchdogSec",
    "WatchdogSignal",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Restart",
    "RestartSec",
    "RestartPreventExitStatus",
}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    return path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the tests name what is run


def settings(unit: str, section: str) -> list[tuple[str, str]]:
    """The lines of one section, as configparser cannot read them: keys may repeat."""
    body = (SYSTEMD / unit).read_text().split(f"\n[{section}]\n")[1].split("\n[")[0]
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def installed(folder: Path) -> list[str]:
    """The units with every drop-in, started by a program that is here."""
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text().replace(PYTHON, "/bin/true")
        (folder / unit).write_text(text)
    for service in SERVICES:
        shutil.copytree(SYSTEMD / "examples", folder / f"{service}.d")
    return [str(folder / unit) for unit in UNITS]


def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    verify = tool("systemd-analyze")

    done = run(verify, "verify", "--man=no", *installed(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_say_what_is_wrong_with_a_drop_in(tmp_path: Path) -> None:
    verify = tool("systemd-analyze")
    units = installed(tmp_path)
    (tmp_path / "auditor.service.d" / "x.conf").write_text("[Service]\nProtectSytem=strict\n")

    done = run(verify, "verify", "--man=no", *units)

    # It returns 0 for an unknown key: only what it prints tells.
    assert "ProtectSytem" in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_exposed_to_1_1_at_most(tmp_path: Path, service: str) -> None:
    security = tool("systemd-analyze")
    text = (SYSTEMD / service).read_text()
    (tmp_path / service).write_text(text.replace(PYTHON, "/bin/true"))

    # The threshold is in tenths.
    done = run(security, "security", "--offline=true", "--threshold=11", str(tmp_path / service))

    assert done.returncode == 0, done.stdout.splitlines()[-1:]


def test_the_user_can_be_made(tmp_path: Path) -> None:
    sysusers = tool("systemd-sysusers")
    (tmp_path / "etc").mkdir()

    done = run(sysusers, f"--root={tmp_path}", str(SYSTEMD / "auditor.sysusers.conf"))

    assert done.returncode == 0, done.stderr
    assert "\nauditor:" in "\n" + (tmp_path / "etc" / "passwd").read_text()


def test_both_services_are_hardened_alike() -> None:
    daemon, once = (
        [pair for pair in settings(service, "Service") if pair[0] not in OWN_KEYS]
        for service in SERVICES
    )

    assert daemon == once
    assert ("User", "auditor") in daemon


def test_the_services_start_the_commands_that_there_are() -> None:
    start = f"{PYTHON} -I -X faulthandler -u -m auditor"

    assert [dict(settings(service, "Service"))["ExecStart"] for service in SERVICES] == [
        f"{start} daemon --config /etc/auditor/config.toml",
        f"{start} run --config /etc/auditor/config.toml",
    ]


def test_the_daemon_is_not_started_again_where_that_is_no_use() -> None:
    service = dict(settings("auditor.service", "Service"))

    assert service["RestartPreventExitStatus"] == "2 78"
    assert service["Type"] == "notify"


def test_the_timer_catches_up_and_stays_clear_of_summer_time() -> None:
    timer = dict(settings("auditor-run.timer", "Timer"))

    assert timer["Persistent"] == "true"
    assert timer["OnCalendar"].endswith(" UTC")
