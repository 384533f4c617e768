"""What is done in the throw-away machine, step by step; docs/install.md says with which commands.

Runs under the system's Python, without a library. Exits 1 where a step failed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.systemd.guest import (
    A_RUN_S,
    CONFIG,
    SOURCE,
    STANDINS,
    Failed,
    a_run,
    a_wrong_configuration,
    active,
    drop_in,
    expect,
    journal,
    last_run,
    mails,
    set_cron,
    sh,
    shown,
    shown_one,
    tried,
    within,
)
from tests.systemd.page import blocks

WHEELS = SOURCE.parent / "wheels"
KEYS = ("ei_" + "11" * 24, "ei_" + "22" * 24)


def follow(name: str, *, stdin: str = "") -> str:
    """Run every command of a block of the page and return what they print."""
    return "".join(sh(command, stdin=stdin) for command in blocks()[name])


def say(text: str) -> None:
    """Print for who watches."""
    sys.stdout.write(f"{text}\n")


def the_ten_commands_install_it() -> None:
    commands = blocks()["install"]
    expect(len(commands) == 10, f"they are {len(commands)}")
    for command in commands:
        say(f"        $ {command.splitlines()[0]}")
        sh(command, stdin=f"{KEYS[0]}\n")
        if "pip install --no-deps" in command:
            start_standins()
        if str(CONFIG) in command:
            lead_to_standins()


def start_standins() -> None:
    """Start Studio and the mail server on loopback; SMTP on port 25, as the page has it."""
    STANDINS.mkdir()
    libraries = [str(path) for path in WHEELS.glob("*.whl") if re.match("aiosmtpd|atp", path.name)]
    path = ":".join([str(SOURCE), *libraries])
    sh(
        f"systemd-run --quiet --unit standins --setenv PYTHONPATH={path} "
        f"/opt/auditor/bin/python -W ignore -m tests.systemd.standins {STANDINS}"
    )
    within(20, "Studio's stand-in is up", (STANDINS / "studio").exists)


def lead_to_standins() -> None:
    """Let the configuration of the page ask the Studio of this machine."""
    studio = (STANDINS / "studio").read_text()
    with CONFIG.open("a") as file:
        file.write(f'[studio]\nbase_url = "{studio}"\ntimeout_s = 20\ntries = 1\n')


def the_check_finds_everything_well() -> None:
    since = time.time()
    sh("systemctl start auditor-check")
    said = journal("auditor-check", since)
    expect("FAILED" not in said, said)
    for what in ("configuration", "database", "reports", "Studio", "mail", "schedule"):
        expect(re.search(rf"^ok +{what}", said, re.MULTILINE), f"no line on {what}:\n{said}")
    say(re.sub("^", "        | ", said.strip(), flags=re.MULTILINE))


def the_service_is_well_by_the_page() -> None:
    said = follow("verify")
    expect(said.startswith("active\n"), said)
    expect(re.search(r"StatusText=Next run .*; 0 undelivered", said), said)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    expect(exposure and float(exposure[1]) <= 1.1, said)


def it_runs_as_its_user_with_the_credential_that_is_there() -> None:
    pid = shown_one("auditor", "MainPID")
    expect(sh(f"stat -c %U /proc/{pid}").strip() == "auditor", "it runs as somebody else")
    handed = sorted(path.name for path in Path("/run/credentials/auditor.service").iterdir())
    expect(handed == ["api-key"], f"it was handed {handed}")


def a_run_beside_it_mails_the_first_night() -> None:
    follow("first-run")
    expect(last_run()["trigger"] == "manual", str(last_run()))
    within(10, "the mail of the first night", mails)


def it_works_by_hand_from_the_folder_of_root() -> None:
    sh("runuser -u auditor -- auditor history 12345/1", folder=Path("/root"))


def a_reload_takes_new_hours_and_the_schedule_runs() -> None:
    last, before = last_run()["id"], status()
    set_cron("* * * * *")
    sh("systemctl reload auditor")
    within(5, "another next run", lambda: status() != before)
    active()
    a_run("schedule", after=last)


def a_reload_refuses_what_cannot_be_used() -> None:
    last, since = last_run()["id"], time.time()
    with a_wrong_configuration():
        sh("systemctl reload auditor")
        within(5, "a word on it", lambda: "new configuration refused" in journal("auditor", since))
        active()
    a_run("schedule", after=last)


def a_hang_is_killed_and_started_again() -> None:
    with drop_in("[Service]\nWatchdogSec=5s\nRestartSec=1s\n"):
        sh("systemctl restart auditor")
        since, pid = time.time(), shown_one("auditor", "MainPID")
        time.sleep(11)  # two periods: left alone, it keeps the watchdog quiet
        expect(shown_one("auditor", "MainPID") == pid, "it was killed without a hang")
        sh(f"kill -STOP {pid}")
        within(30, "a restart", lambda: shown_one("auditor", "NRestarts") == "1")
        active()
        said = journal("auditor", since)
    expect("Watchdog timeout" in said, said)
    expect("Fatal Python error: Aborted" in said, f"no stack of the hang:\n{said}")
    sh("systemctl restart auditor")


def a_crash_is_started_again() -> None:
    with drop_in("[Service]\nRestartSec=1s\n"):
        pid = shown_one("auditor", "MainPID")
        sh(f"kill -KILL {pid}")
        within(30, "another process", lambda: shown_one("auditor", "MainPID") not in {"0", pid})
        active()


def a_stop_is_exit_0() -> None:
    sh("systemctl stop auditor")
    require_a_clean_end()


def require_a_clean_end() -> None:
    """Fail the step unless the service went by itself, with exit 0."""
    ended = shown("auditor", "Result", "ExecMainCode", "ExecMainStatus")
    expect(ended == {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}, str(ended))


def a_start_catches_up_what_was_missed() -> None:
    last = last_run()["id"]
    time.sleep(61 - datetime.now(UTC).second)  # over the next slot
    sh("systemctl start auditor")
    a_run("catch-up", after=last)


def a_stop_amid_a_run_has_the_time_it_asks_for() -> None:
    # systemd would wait for 5 s, and Studio takes a minute an answer: 20 s until it is given up.
    within(A_RUN_S, "a rest between two runs", lambda: status().startswith("Next run"))
    with drop_in("[Service]\nTimeoutStopSec=5s\n"), slow_studio():
        since = time.time()
        within(A_RUN_S, "a run under way", lambda: "under way" in status())
        time.sleep(2)  # into the minute of an answer, past the start of the run
        begun = time.monotonic()
        sh("systemctl stop auditor")
        took = time.monotonic() - begun
    try:
        require_a_clean_end()
    except Failed as why:
        raise Failed(f"{why}\n{journal('auditor', since)}") from None
    expect(took > 5, f"the stop took {took:.1f} s: nothing was under way")


def status() -> str:
    """Return what the service says of itself."""
    return shown_one("auditor", "StatusText")


@contextmanager
def slow_studio() -> Iterator[None]:
    """Let Studio take a minute for each answer."""
    sh("systemctl kill --signal USR2 standins")
    try:
        yield
    finally:
        sh("systemctl kill --signal USR2 standins")


def a_wrong_configuration_is_not_started_again() -> None:
    with a_wrong_configuration():
        code, _ = tried("systemctl restart auditor")
        expect(code != 0, "it started")
        time.sleep(32)  # RestartSec is 30 s
        ended = shown("auditor", "ActiveState", "ExecMainStatus", "NRestarts")
    sh("systemctl reset-failed auditor")
    wanted = {"ActiveState": "failed", "ExecMainStatus": "2", "NRestarts": "0"}
    expect(ended == wanted, str(ended))


def the_timer_runs_it_without_a_resident_process() -> None:
    said = follow("timer")
    expect("auditor-run.service" in said, said)
    expect(shown_one("auditor", "ActiveState") == "inactive", "the service is still there")
    last = last_run()["id"]
    with drop_in("[Timer]\nOnCalendar=*:*:0/10\nAccuracySec=1s\n", unit="auditor-run.timer"):
        sh("systemctl restart auditor-run.timer")
        a_run("manual", after=last)
        sh("systemctl disable --now auditor-run.timer")
    within(30, "its end", lambda: shown_one("auditor-run", "ActiveState") == "inactive")
    expect(shown_one("auditor-run", "Result") == "success", "the run failed")


def a_key_is_rotated_by_the_page() -> None:
    sh("systemctl enable --now auditor")
    sh("systemctl kill --signal USR1 standins")
    code, _ = tried("systemctl start auditor-check")
    expect(code != 0, "the check did not see that the old key is refused")
    follow("rotate", stdin=f"{KEYS[1]}\n")
    expect(shown_one("auditor-check", "Result") == "success", "the check refuses the new key")
    a_run("schedule", after=last_run()["id"])


def an_allow_list_holds() -> None:
    follow("addresses")
    nowhere = "[Service]\nIPAddressAllow=\nIPAddressAllow=10.9.9.9\n"
    with drop_in(nowhere, unit="auditor-.service"):
        code, _ = tried("systemctl start auditor-check")
    expect(code != 0, "the check reached what the list leaves out")
    sh("systemctl start auditor-check")


def an_encrypted_credential_takes_the_place_of_the_plain_one() -> None:
    plain, kept = Path("/etc/credstore/auditor.api-key"), Path("/etc/kept-key")
    safe = Path("/etc/credstore.encrypted/auditor.api-key")
    plain.rename(kept)
    safe.parent.mkdir()
    try:
        code, _ = tried("systemctl start auditor-check")
        expect(code != 0, "the check passed without a key")
        sh(f"systemd-creds encrypt --with-key=host --name=api-key {kept} {safe}")
        named = "[Service]\nLoadCredentialEncrypted=api-key:auditor.api-key\n"
        with drop_in(named, unit="auditor-check.service"):
            sh("systemctl start auditor-check")
    finally:
        safe.unlink(missing_ok=True)
        kept.rename(plain)


def metrics_are_written_where_the_collector_reads_them() -> None:
    file = Path("/var/lib/prometheus/node-exporter/auditor.prom")
    good = CONFIG.read_text()
    CONFIG.write_text(f'{good}[metrics]\ntextfile = "{file}"\n')
    try:
        follow("metrics")
        within(20, "the file of metrics", file.exists)
        said = sh(f"runuser -u nobody -- cat {file}")
    finally:
        CONFIG.write_text(good)
        sh("systemctl restart auditor")
        file.unlink(missing_ok=True)
    expect("auditor_last_success_timestamp_seconds " in said, said)


def pages_are_written_where_a_web_server_reads_them() -> None:
    good, folder = CONFIG.read_text(), Path("/srv/drift")
    try:
        follow("web")
        run = a_run("schedule", after=last_run()["id"])
        page = folder / f"run-{run['id']:06}.html"
        within(20, f"{page}", page.exists)
        for name in (page, folder / "index.html", *(folder / "targets").iterdir()):
            sh(f"runuser -u www-data -- cat {name}")
        code, _ = tried(f"runuser -u nobody -- ls {folder}")
    finally:
        CONFIG.write_text(good)
        for unit in ("auditor.service", "auditor-.service"):
            Path(f"/etc/systemd/system/{unit}.d/web.conf").unlink(missing_ok=True)
        sh("systemctl daemon-reload && systemctl restart auditor")
        shutil.rmtree(folder, ignore_errors=True)
    expect(code != 0, "everybody can read the pages")


def a_newer_version_is_installed_by_the_page() -> None:
    last = last_run()["id"]
    follow("upgrade")
    active()
    a_run("schedule", after=last)


def a_backup_is_restored_as_on_another_machine() -> None:
    last = last_run()["id"]
    follow("backup")
    follow("backup")  # as on any later day: the file exists
    sh("systemctl disable --now auditor")
    sh("mv /var/lib/auditor/backup.db . && rm -rf /var/lib/auditor")
    follow("restore")
    expect(shown_one("auditor-check", "Result") == "success", "the check fails")
    expect(last_run()["id"] >= last, f"the history ends before run {last}")
    active()


def the_history_moves_to_postgresql() -> None:
    last = last_run()["id"]
    sh("rm -rf /etc/postgresql/* /var/lib/postgresql/*")
    versions = sorted(Path("/usr/lib/postgresql").iterdir())
    expect(versions, "PostgreSQL is not on this machine")
    sh(f"pg_createcluster {versions[-1].name} main")
    sh(f"systemctl start postgresql@{versions[-1].name}-main")
    follow("postgresql")
    active()
    sh("systemctl start auditor-check")
    a_run("schedule", after=last)


def nothing_is_left_when_it_is_taken_away() -> None:
    follow("uninstall")
    follow("purge")
    folders = "/etc /opt /run /usr /var"
    found = sh(f"find {folders} -path /usr/src -prune -o -iname '*auditor*' -print").split()
    expect(not found, f"there is still {found}")
    expect("auditor" not in Path("/etc/passwd").read_text(), "the user is still there")


STEPS = (
    the_ten_commands_install_it,
    the_check_finds_everything_well,
    the_service_is_well_by_the_page,
    it_runs_as_its_user_with_the_credential_that_is_there,
    a_run_beside_it_mails_the_first_night,
    it_works_by_hand_from_the_folder_of_root,
    a_reload_takes_new_hours_and_the_schedule_runs,
    a_reload_refuses_what_cannot_be_used,
    a_hang_is_killed_and_started_again,
    a_crash_is_started_again,
    a_stop_is_exit_0,
    a_start_catches_up_what_was_missed,
    a_stop_amid_a_run_has_the_time_it_asks_for,
    a_wrong_configuration_is_not_started_again,
    the_timer_runs_it_without_a_resident_process,
    a_key_is_rotated_by_the_page,
    an_allow_list_holds,
    an_encrypted_credential_takes_the_place_of_the_plain_one,
    metrics_are_written_where_the_collector_reads_them,
    pages_are_written_where_a_web_server_reads_them,
    a_newer_version_is_installed_by_the_page,
    a_backup_is_restored_as_on_another_machine,
    the_history_moves_to_postgresql,
    nothing_is_left_when_it_is_taken_away,
)


# What the steps after them stand on: it is there, and its schedule is due every minute.
FIRST = (the_ten_commands_install_it, a_reload_takes_new_hours_and_the_schedule_runs)


def main(words: list[str]) -> int:
    """Take every step, whatever became of the one before, unless it could not be installed."""
    wanted = [s for s in STEPS if s in FIRST or not words or any(w in s.__name__ for w in words)]
    failed = 0
    for step in wanted:
        name, begun = step.__name__.replace("_", " "), time.monotonic()
        try:
            step()
        except Failed as why:
            failed += 1
            say(f"FAILED  {name}: {why}")
            if step is FIRST[0]:
                break
        else:
            say(f"ok      {name} ({time.monotonic() - begun:.0f} s)")
    say(f"{len(wanted)} steps, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ["SYSTEMD_PAGER"] = os.environ["SYSTEMD_COLORS"] = ""
    sys.exit(main(sys.argv[1:]))
