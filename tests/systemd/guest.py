"""What the steps do in the throw-away machine and look at: commands, units, journal, mails."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]
CONFIG = Path("/etc/auditor/config.toml")
STANDINS = Path("/run/standins")
A_RUN_S = 90  # the schedule is due every minute


class Failed(Exception):  # noqa: N818 - it is a verdict, not an error
    """A step did not come to what it should."""


def expect(holds: object, what: str) -> None:
    """Fail the step with `what` unless `holds`."""
    if not holds:
        raise Failed(what)


def within(seconds: float, what: str, holds: Callable[[], object]) -> None:
    """Fail the step unless it comes to hold in time."""
    end = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < end, f"not within {seconds:g} s: {what}")
        time.sleep(0.2)  # systemd is asked by commands, one after the other


def sh(command: str, *, stdin: str = "", folder: Path = SOURCE) -> str:
    """Return what a command prints; a failure fails the step."""
    code, out = tried(command, stdin=stdin, folder=folder)
    expect(code == 0, f"exit {code} of {command.splitlines()[0]}\n{out}")
    return out


def tried(command: str, *, stdin: str = "", folder: Path = SOURCE) -> tuple[int, str]:
    """Return a command's exit code and all that it prints."""
    done = subprocess.run(  # noqa: S603 - the page and the steps name what is run
        ["/bin/bash", "-o", "pipefail", "-c", command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
    )
    return done.returncode, done.stdout


def shown(unit: str, *names: str) -> dict[str, str]:
    """Return properties of a unit."""
    wanted = ",".join(names)
    lines = sh(f"systemctl show --property {wanted} {unit}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def shown_one(unit: str, name: str) -> str:
    """Return one property of a unit."""
    return shown(unit, name)[name]


def journal(unit: str, since: float) -> str:
    """Return what a unit has logged since a moment, and what systemd has of it."""
    # Not by cursor: where the entry at the cursor is another unit's, journalctl 252 leaves out the
    # first of this one.
    sh("journalctl --sync")
    return sh(f"journalctl --unit {unit} --output cat --quiet --since @{since:.6f}")


def mails() -> list[Path]:
    """Return the mails that came, oldest first."""
    return sorted(STANDINS.glob("*.eml"))


def mail_of(run: int) -> bool:
    """Return whether the mail of a run came; its Message-ID names the run."""
    return any(f"<run-{run}." in mail.read_text(errors="replace") for mail in mails())


def last_run() -> dict[str, Any]:
    """Return the last run as `auditor status` tells it."""
    status = json.loads(sh("runuser -u auditor -- auditor status --format json"))
    run: dict[str, Any] = status["last_run"] or {"id": 0, "trigger": "", "status": ""}
    return run


def a_run(trigger: str, *, after: int) -> dict[str, Any]:
    """Wait for a later run by this trigger, complete and with its mail; return it."""
    found: dict[str, Any] = {}

    def came() -> bool:
        found.update(last_run())
        newer = found["id"] > after and found["trigger"] == trigger
        return bool(newer and found["status"] == "complete" and mail_of(found["id"]))

    within(A_RUN_S, f"a complete {trigger} run with a mail; the last is {found}", came)
    return found


def set_cron(line: str) -> None:
    """Change the schedule as an editor would."""
    text, count = re.subn(
        r'^cron = ".*"$', f'cron = "{line}"', CONFIG.read_text(), flags=re.MULTILINE
    )
    expect(count == 1, f"the configuration has {count} schedules")
    CONFIG.write_text(text)


@contextmanager
def a_wrong_configuration() -> Iterator[None]:
    """Have a schedule that cannot be, and then what was there before."""
    good = CONFIG.read_text()
    set_cron("61 * * * *")
    try:
        yield
    finally:
        CONFIG.write_text(good)


@contextmanager
def drop_in(text: str, *, unit: str = "auditor.service") -> Iterator[None]:
    """Have a drop-in of the test's own, and then no longer."""
    file = Path(f"/etc/systemd/system/{unit}.d/test.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    sh("systemctl daemon-reload")
    try:
        yield
    finally:
        file.unlink()
        sh("systemctl daemon-reload")


def active(unit: str = "auditor") -> None:
    """Wait for a unit to be up: after `systemctl reload` it is reloading for a moment."""
    within(30, f"{unit} active", lambda: shown_one(unit, "ActiveState") == "active")
