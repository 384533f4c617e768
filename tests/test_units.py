from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.config import load, warnings
from tests.systemd.page import blocks, commands

SYSTEMD = Path(__file__).parents[1] / "systemd"
SERVICES = (
    "auditor.service",
    "auditor-run.service",
    "auditor-check.service",
    "auditor-worker.service",
)
UNITS = (*SERVICES, "auditor-run.timer")
PYTHON = "/opt/auditor/bin/python"
# What the services have of their own; all else, the hardening, is one.
OWN_KEYS = {
    "Type",
    "NotifyAccess",
    "ExecStart",
    "ExecReload",
    "WatchdogSec",
    "WatchdogSignal",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "SuccessExitStatus",
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
    for name in ("auditor.service.d", "auditor-.service.d"):
        shutil.copytree(SYSTEMD / "examples", folder / name)
    return [str(folder / unit) for unit in UNITS]


def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    verify = tool("systemd-analyze")

    done = run(verify, "verify", "--man=no", *installed(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["auditor.service.d", "auditor-.service.d"])
def test_systemd_reads_the_drop_ins_of_either_folder(tmp_path: Path, name: str) -> None:
    verify = tool("systemd-analyze")
    units = installed(tmp_path)
    (tmp_path / name / "x.conf").write_text("[Service]\nProtectSytem=strict\n")

    done = run(verify, "verify", "--man=no", *units)

    # It returns 0 for an unknown key: only what it prints tells.
    assert f"{name}/x.conf" in done.stderr
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


def test_the_services_are_hardened_alike() -> None:
    daemon, *others = (
        [pair for pair in settings(service, "Service") if pair[0] not in OWN_KEYS]
        for service in SERVICES
    )

    assert others == [daemon] * 3
    assert ("User", "auditor") in daemon


def test_a_credential_that_is_not_there_keeps_nothing_from_starting() -> None:
    loaded = [value for key, value in settings("auditor.service", "Service") if "Cred" in key]

    # With a folder before its name a missing file is exit 243; without one it is passed over.
    assert loaded == ["api-key:auditor.api-key", "smtp-password:auditor.smtp-password"]


def test_the_services_start_the_commands_that_there_are() -> None:
    start = f"{PYTHON} -I -X faulthandler -u -m auditor"

    assert [dict(settings(service, "Service"))["ExecStart"] for service in SERVICES] == [
        f"{start} {command} --config /etc/auditor/config.toml"
        for command in ("daemon", "run --by-timer --deliver-for 6h", "check", "worker")
    ]


def test_the_daemon_is_watched_and_not_started_again_where_that_is_no_use() -> None:
    service = dict(settings("auditor.service", "Service"))

    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert (service["WatchdogSec"], service["WatchdogSignal"]) == ("60s", "SIGABRT")
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2 78")
    assert ("StartLimitIntervalSec", "0") in settings("auditor.service", "Unit")


def test_the_timer_catches_up_and_stays_clear_of_summer_time() -> None:
    timer = dict(settings("auditor-run.timer", "Timer"))

    assert timer["Persistent"] == "true"
    assert timer["OnCalendar"].endswith(" UTC")


def test_the_page_installs_it_in_ten_commands_and_every_unit_with_them() -> None:
    ten = blocks()["install"]
    named = {
        str(path.relative_to(SYSTEMD.parent))
        for command in ten
        for pattern in re.findall(r"systemd/\S+", command)
        for path in SYSTEMD.parent.glob(pattern)
    }

    assert len(ten) == 10
    assert named == {f"systemd/{path.name}" for path in SYSTEMD.iterdir() if path.is_file()}


def test_the_configuration_of_the_page_can_be_used(tmp_path: Path) -> None:
    [command] = [line for line in blocks()["install"] if "config.toml" in line]
    (tmp_path / "config.toml").write_text("\n".join(command.splitlines()[1:-1]))
    (tmp_path / "api-key").write_text("ei_key\n")

    found = load(tmp_path / "config.toml", environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert found.database.url == "sqlite:////var/lib/auditor/auditor.db"
    assert warnings(found) == ()


def test_a_here_document_is_one_command() -> None:
    assert list(commands(["a", "b <<'X'", "1", "2", "X", "c"])) == ["a", "b <<'X'\n1\n2\nX", "c"]
