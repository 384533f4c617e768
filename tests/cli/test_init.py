"""The command `init`: from keys to a configuration that works, at a terminal and in scripts."""

from __future__ import annotations

import os
import pty
import stat
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from auditor.config import load
from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from tests.audit.stage import KEY, TOKEN, Postbox, mail_server
from tests.chat_services import SLACK, chat_services
from tests.cli.command import Command, Done, environment
from tests.cli.gate import DEADLINE_S
from tests.processes import start
from tests.simulated_studio import SimulatedStudio

OTHER_KEY = "ei_" + "0d" * 24
LIFT = 8
STORE = "which only you can read? [Y/n]"
ANOTHER = "Key of another project (Enter: none), not shown"
NO_MAIL = ("Mail reports to", "")
NO_CHAT = ("Its address (Enter: none)", "")


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimulatedStudio]:
    """A Studio with two projects; the present folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    with SimulatedStudio(jwt=TOKEN) as served:
        served.add_project(7, name="pump", api_key=KEY)
        served.put(TargetId(7, 3), {**sample_blocks()["keras"], "name": "Motion"})
        served.add_project(LIFT, name="lift", api_key=OTHER_KEY)
        served.put(TargetId(LIFT, 5), {**sample_blocks()["keras"], "name": "Doors"})
        yield served


def document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# In scripts


def test_a_script_names_the_variable_of_each_key(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFT_KEY", OTHER_KEY)
    keys = ("--api-key-env", "EI_KEY", "--api-key-env", "LIFT_KEY")
    done = auditor("init", *keys, "--base-url", studio.base_url)

    assert (done.code, done.err) == (0, "")
    assert "ok      project 7 (pump), role admin: 1 block found" in done.out
    assert "        5  keras  Doors" in done.out
    written = document(tmp_path / "config.toml")
    assert written["studio"] == {"base_url": studio.base_url}
    assert [(project["id"], project["api_key"]) for project in written["projects"]] == [
        (7, {"env": "EI_KEY"}),
        (LIFT, {"env": "LIFT_KEY"}),
    ]
    assert names(tmp_path) == ["config.schema.json", "config.toml"]


def test_what_is_written_passes_check_and_runs(studio: SimulatedStudio, auditor: Command) -> None:
    postbox = Postbox()
    with mail_server(postbox) as port:
        mail = ("--mail-to", "ops@example.org", "--mail-server", f"127.0.0.1:{port}")
        wrote = auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url, *mail)
        checked = auditor("check")
        ran = auditor("run")

    assert (wrote.code, checked.code, ran.code) == (0, 0, 0), checked.out + ran.err
    assert "advice" not in checked.out
    [(recipient, message)] = postbox.taken
    assert (recipient, message["From"]) == ("ops@example.org", "auditor@example.org")


def test_the_first_run_reaches_a_chat(
    studio: SimulatedStudio,
    auditor: Command,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_URL", SLACK)
    with chat_services(tmp_path_factory.mktemp("chat"), monkeypatch) as chat:
        flags = ("--api-key-env", "EI_KEY", "--channel-env", "CHAT_URL")
        wrote = auditor("init", *flags, "--base-url", studio.base_url)
        checked = auditor("check", "--send-test")
        ran = auditor("run")

    assert (wrote.code, checked.code, ran.code) == (0, 0, 0), checked.out + ran.err
    assert "check --send-test  " in wrote.out
    assert [post.host for post in chat.taken] == ["hooks.slack.com"] * 2
    assert b"Motion" in chat.taken[1].body


def test_the_next_steps_come_last(studio: SimulatedStudio, auditor: Command) -> None:
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    check, run, _ = done.out.splitlines()[-3:]
    assert "auditor check  " in check
    assert "auditor run  " in run


def test_the_next_steps_name_a_file_that_is_not_found_by_itself(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path
) -> None:
    (tmp_path / "a b").mkdir()
    named = ("--config", "a b/audit.toml")
    done = auditor("init", *named, "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    assert "check --config 'a b/audit.toml'" in done.out
    assert auditor("check", "--config", "a b/audit.toml").code == 0


def test_a_users_token_audits_every_project_that_it_sees(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EI_TOKEN", TOKEN)
    done = auditor("init", "--api-key-env", "EI_TOKEN", "--base-url", studio.base_url)

    assert (done.code, done.err) == (0, "")
    assert "project 7 (pump): 1 block found" in done.out
    written = document(tmp_path / "config.toml")
    assert written["studio"]["auth"] == {"type": "jwt", "token": {"env": "EI_TOKEN"}}
    assert (written["studio"]["projects"], "projects" in written) == ("all", False)
    assert "2 projects seen" in auditor("check").out


def test_a_project_that_cannot_be_read_is_named_and_the_others_are_audited(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EI_TOKEN", TOKEN)
    studio.fail(Fault.HTTP_403, path=f"/{LIFT}/impulses")
    done = auditor("init", "--api-key-env", "EI_TOKEN", "--base-url", studio.base_url)

    assert done.code == 0
    assert "ok      project 7 (pump)" in done.out
    assert f"advice  project {LIFT} (lift): " in done.out
    assert names(tmp_path) == ["config.schema.json", "config.toml"]


def test_no_secret_is_written(studio: SimulatedStudio, auditor: Command, tmp_path: Path) -> None:
    login = ("--mail-to", "ops@example.org", "--mail-user", "auditor")
    auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url, *login)

    settings = load(tmp_path / "config.toml", environ={"EI_KEY": KEY, "SMTP_PASSWORD": "canary"})
    assert settings.email is not None
    assert settings.email.username == "auditor"
    assert all(KEY not in path.read_text() for path in tmp_path.iterdir())


def test_a_file_that_exists_is_not_overwritten(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n")
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    assert (done.code, done.out) == (2, "")
    assert "config.toml exists and is not overwritten" in done.err
    assert (path.read_text(), studio.requests) == ("# mine\n", [])


def test_without_a_terminal_the_flag_is_named(auditor: Command, studio: SimulatedStudio) -> None:
    del studio
    done = auditor("init")

    assert (done.code, done.out) == (2, "")
    assert "--api-key-env EI_KEY" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--api-key-env", "NOT_SET"), "the environment variable NOT_SET is not set"),
        (("--api-key-env", "WRONG"), "the key in WRONG does not work"),
        (("--api-key-env", "EI_KEY", "--api-key-env", "EI_KEY"), "project 7 has a key already"),
        (("--api-key-env", "EI_KEY", "--mail-to", "no body@"), "is not a mail address"),
        (("--api-key-env", "EI_KEY", "--mail-server", "mx"), "add --mail-to"),
        (("--api-key-env", "EI_KEY", "--channel-env", "NOT_SET"), "NOT_SET is not set"),
        (("--api-key-env", "EI_KEY", "--channel-env", "WRONG"), "is not the URL of a service"),
        (
            ("--api-key-env", "EI_KEY", "--mail-to", "a@b.example", "--mail-server", "mx:x"),
            "HOST:PORT",
        ),
        (
            ("--api-key-env", "EI_KEY", "--config", "absent/config.toml"),
            "absent cannot be written",
        ),
    ],
)
def test_what_does_not_work_is_exit_2_and_nothing_is_written(
    studio: SimulatedStudio,
    auditor: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setenv("WRONG", "ei_wrong")
    done = auditor("init", "--base-url", studio.base_url, *arguments)

    assert done.code == 2
    assert words in done.err
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/hook", "correct it (docs/channels.md has examples)"),
        ("https://hooks.slack.com/services/T00000000/B00000000", "copy the whole webhook"),
        ("https://team.webhook.office.com/webhookb2/x", "have ended: create a workflow"),
        (
            "https://prod-4.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke",
            "copy the whole address of the workflow",
        ),
        ("https://slack.com.example.org/services", "correct it"),
    ],
)
def test_a_chat_whose_address_leads_to_no_service_is_refused_and_not_shown(
    studio: SimulatedStudio,
    auditor: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    words: str,
) -> None:
    monkeypatch.setenv("CHAT_URL", url)
    asked = ("--api-key-env", "EI_KEY", "--channel-env", "CHAT_URL")
    done = auditor("init", "--base-url", studio.base_url, *asked)

    assert done.code == 2
    assert "the address cannot be used: its url is no address that Apprise knows" in done.err
    assert words in done.err
    assert url not in done.err
    assert names(tmp_path) == []


def test_an_address_that_is_none_is_refused(auditor: Command, studio: SimulatedStudio) -> None:
    del studio
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", "studio.example")

    assert done.code == 2
    assert "the base URL 'studio.example' is not a URL" in done.err


def test_an_address_to_which_keys_would_go_unencrypted_is_named(
    auditor: Command, studio: SimulatedStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    del studio
    monkeypatch.delenv("EI_KEY")
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", "http://studio.example/v1")

    assert done.code == 2
    assert "studio.base_url: http sends credentials unencrypted (use https)" in done.err


def test_a_key_that_may_not_read_blocks_is_refused(
    studio: SimulatedStudio, auditor: Command
) -> None:
    studio.change_role(7, "ingestiononly")
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    assert done.code == 2
    assert "role admin" in done.err


def test_a_key_that_may_not_list_projects_is_used(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path
) -> None:
    studio.fail(Fault.HTTP_403, path="/projects")
    done = auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    assert (done.code, done.err) == (0, "")
    assert [project["id"] for project in document(tmp_path / "config.toml")["projects"]] == [7]


def test_names_of_studio_are_harmless_in_the_file(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path
) -> None:
    studio.rename_project(7, 'pump\u202e\n[studio]\nbase_url = "http://evil"')
    auditor("init", "--api-key-env", "EI_KEY", "--base-url", studio.base_url)

    assert document(tmp_path / "config.toml")["studio"] == {"base_url": studio.base_url}


# At a terminal


@dataclass(frozen=True, slots=True)
class Session:
    """What a person saw at the terminal, and the command's end."""

    shown: str
    done: Done


def at_terminal(studio: SimulatedStudio, folder: Path, *dialogue: tuple[str, str]) -> Session:
    """Run `auditor init`, and answer each question that ends the text so far."""
    ours, theirs = pty.openpty()
    shown = ""
    with (
        TemporaryFile() as out,
        start(
            *("init", "--base-url", studio.base_url),
            folder=folder,
            stdin=theirs,
            stdout=out.fileno(),
            stderr=theirs,
            environment=environment(),
        ) as running,
    ):
        os.close(theirs)
        for question, answer in dialogue:
            begin = len(shown)
            while question not in shown[begin:] or not shown.endswith(": "):
                shown += os.read(ours, 4096).decode()
            os.write(ours, f"{answer}\n".encode())
        shown += _rest(ours)
        code = running.wait(DEADLINE_S)
        os.close(ours)
        out.seek(0)
        answered = out.read().decode()
    return Session(shown, Done(code=code, out=answered, err=shown))


def _rest(terminal: int) -> str:
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # Linux ends a terminal whose other side is closed with EIO
        pass
    return shown.decode()


def test_a_person_is_asked_and_the_key_is_stored_in_a_file(
    studio: SimulatedStudio, auditor: Command, tmp_path: Path
) -> None:
    key = ("API key of a project", KEY)
    session = at_terminal(studio, tmp_path, key, (STORE, ""), (ANOTHER, ""), NO_MAIL, NO_CHAT)

    assert session.done.code == 0
    assert KEY not in session.shown + session.done.out
    assert "3  keras  Motion" in session.done.out
    stored = tmp_path / "auditor-7.key"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert document(tmp_path / "config.toml")["projects"][0]["api_key"] == {"file": stored.name}
    assert auditor("check").code == 0


def test_a_key_that_is_not_stored_has_its_variable_named(
    studio: SimulatedStudio, tmp_path: Path
) -> None:
    key = ("API key of a project", KEY)
    session = at_terminal(studio, tmp_path, key, (STORE, "n"), (ANOTHER, ""), NO_MAIL, NO_CHAT)

    assert "  export EI_KEY_7=…" in session.done.out
    assert document(tmp_path / "config.toml")["projects"][0]["api_key"] == {"env": "EI_KEY_7"}
    assert names(tmp_path) == ["config.schema.json", "config.toml"]


def test_a_key_that_does_not_work_is_asked_for_again(
    studio: SimulatedStudio, tmp_path: Path
) -> None:
    session = at_terminal(
        studio,
        tmp_path,
        ("API key of a project", "ei_wrong"),
        ("API key of a project", KEY),
        (STORE, "y"),
        (ANOTHER, OTHER_KEY),
        (STORE, "y"),
        (ANOTHER, ""),
        NO_MAIL,
        NO_CHAT,
    )

    assert "FAILED: Studio refused the credential" in session.shown
    assert [project["id"] for project in document(tmp_path / "config.toml")["projects"]] == [7, 8]


def test_mail_is_asked_for(studio: SimulatedStudio, tmp_path: Path) -> None:
    at_terminal(
        studio,
        tmp_path,
        ("API key of a project", KEY),
        (STORE, "y"),
        (ANOTHER, ""),
        ("Mail reports to", "no@body@"),
        ("Mail reports to", "ops@example.org"),
        ("Sender", "mx.example.org:587"),
        ("Mail reports to", "ops@example.org ml@example.org"),
        ("Sender (Enter: auditor@example.org)", ""),
        ("Mail server", "mx.example.org:587"),
        ("User name", "auditor"),
        ("password", "canary"),
        (STORE, "y"),
        NO_CHAT,
    )

    email = document(tmp_path / "config.toml")["email"]
    assert email["recipients"] == ["ops@example.org", "ml@example.org"]
    assert (email["host"], email["port"], email["security"]) == ("mx.example.org", 587, "starttls")
    assert email["password"] == {"file": "auditor-smtp.key"}
    assert (tmp_path / "auditor-smtp.key").read_text() == "canary\n"


def test_a_chat_is_asked_for(studio: SimulatedStudio, tmp_path: Path) -> None:
    key = ("API key of a project", KEY)
    chat = (("Its address", "not an address"), ("Its address", SLACK), (STORE, ""))
    session = at_terminal(studio, tmp_path, key, (STORE, ""), (ANOTHER, ""), NO_MAIL, *chat)

    [channel] = document(tmp_path / "config.toml")["channels"]
    assert channel == {"name": "chat", "url": {"file": "auditor-chat.key"}, "send": "drift"}
    assert (tmp_path / "auditor-chat.key").read_text() == f"{SLACK}\n"
    assert SLACK not in session.shown + session.done.out


# The units


def test_the_units_run_the_program_that_wrote_them(auditor: Command, tmp_path: Path) -> None:
    done = auditor("init", "--systemd", str(tmp_path / "units"))

    assert done.code == 0
    unit = (tmp_path / "units" / "auditor.service").read_text()
    assert f"\nExecStart={sys.executable} -I" in unit
    assert f"\nExecPaths={sys.prefix} /usr\n" in unit
    assert names(tmp_path / "units") == [
        "auditor-check.service",
        "auditor-run.service",
        "auditor-run.timer",
        "auditor-worker.service",
        "auditor.service",
        "auditor.sysusers.conf",
    ]
    assert "systemctl enable --now auditor" in done.out


def test_a_unit_that_was_changed_is_not_overwritten(auditor: Command, tmp_path: Path) -> None:
    auditor("init", "--systemd", str(tmp_path))
    again = auditor("init", "--systemd", str(tmp_path))
    (tmp_path / "auditor.service").write_text("[Unit]\n")
    changed = auditor("init", "--systemd", str(tmp_path))

    assert (again.code, changed.code) == (0, 2)
    assert "auditor.service exists with another content" in changed.err


def test_the_variables_that_each_run_needs_are_named(
    studio: SimulatedStudio, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", SLACK)
    asked = ("--api-key-env", "EI_KEY", "--channel-env", "CHAT_URL")
    done = auditor("init", "--base-url", studio.base_url, *asked)

    assert done.code == 0
    assert "these variables have to be set: EI_KEY, CHAT_URL\n" in done.out
