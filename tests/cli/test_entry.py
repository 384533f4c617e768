"""What all commands share: usage, configuration, the two streams, how quickly they start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from auditor import __version__
from tests.audit.stage import KEY, Stage, block
from tests.cli.command import Command, environment, python
from tests.cli.gate import DEADLINE_S

COMMANDS = (
    ["init"],
    ["run"],
    ["daemon"],
    ["demo"],
    ["diff"],
    ["status"],
    ["history"],
    ["runs"],
    ["show"],
    ["report"],
    ["check"],
    ["login"],
    ["verify"],
    ["db"],
    ["db", "upgrade"],
    ["config"],
    ["config", "schema"],
)
NEED_CONFIG = (
    ["run"],
    ["run", "--dry-run"],
    ["daemon"],
    ["status"],
    ["history", "7/3"],
    ["runs"],
    ["show", "7/3"],
    ["report"],
    ["check"],
    ["login"],
    ["verify"],
    ["db", "upgrade"],
    ["diff", "7/3", "7/3@previous"],
)
UNREACHABLE = """
[studio]
base_url = "http://127.0.0.1:1/v1"
tries = 1
[database]
url = "sqlite:///auditor.db"
[[projects]]
id = 7
api_key = { env = "EI_KEY" }
learn_blocks = [3]
"""
LIST_IMPORTS = """
import sys
present = set(sys.modules)
from auditor.__main__ import main
try:
    main()
finally:
    new = set(sys.modules) - present
    packages = {name for name in new if "site-packages" in str(sys.modules[name])}
    heavy = {"asyncio", "ssl", "auditor.config", "sqlalchemy.dialects.postgresql"} & new
    print("imported", *heavy, *{name.partition(".")[0] for name in packages}, file=sys.stderr)
"""
READING = (
    "auditor.config asyncio ssl sqlalchemy "
    "pydantic pydantic_core annotated_types typing_extensions typing_inspection"
)
RUNNING = (
    "uvloop jinja2 markupsafe zstandard httpx httpx_aiohttp certifi idna "
    "aiohttp aiohappyeyeballs aiosignal attr frozenlist multidict propcache yarl "
    "click pygments rich"  # by httpx, where click is installed
)
BROKEN = """
[studio]
concurency = 8
[email]
sender = "no body@"
recipients = []
[[projects]]
id = 7
api_key = "ei_canary"
"""


def test_the_version_is_printed(auditor: Command) -> None:
    done = auditor("--version")

    assert (done.code, done.out, done.err) == (0, f"auditor {__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(auditor: Command, command: list[str]) -> None:
    done = auditor(*command, "--help")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: auditor {' '.join(command)}")


@pytest.mark.parametrize(
    "arguments",
    [[], ["nothing"], ["diff", "one"], ["db"], ["history"], ["run", "7/3"], ["demo", "--config"]],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2(auditor: Command, arguments: list[str]) -> None:
    done = auditor(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("usage: auditor")


@pytest.mark.parametrize("command", NEED_CONFIG, ids=" ".join)
def test_every_wrong_key_is_named_at_once_and_no_secret_shown(
    auditor: Command, tmp_path: Path, command: list[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BROKEN)
    done = auditor(*command, "--config", str(path))

    assert (done.code, done.out) == (2, "")
    for key in ("concurency", "email.sender", "email.recipients", "projects[0].api_key"):
        assert key in done.err
    assert "canary" not in done.err
    assert list(tmp_path.iterdir()) == [path]


def test_a_configuration_that_is_not_there_is_named(
    auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = auditor("status", "--config", "absent.toml")
    monkeypatch.setenv("AUDITOR_CONFIG", "elsewhere.toml")
    by_environment = auditor("status")

    assert (named.code, by_environment.code) == (2, 2)
    assert "absent.toml" in named.err
    assert "elsewhere.toml" in by_environment.err


def test_the_option_wins_over_the_environment_and_that_over_the_folder(
    pump: Stage, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = pump.folder / "config.toml", tmp_path / "bad" / "config.toml"
    bad.parent.mkdir()
    bad.write_text(BROKEN)
    monkeypatch.chdir(bad.parent)
    by_environment = auditor("status").code
    monkeypatch.setenv("AUDITOR_CONFIG", str(bad))
    by_option = auditor("status", "--config", str(good)).code
    monkeypatch.delenv("AUDITOR_CONFIG")

    assert (by_environment, by_option, auditor("status").code) == (0, 0, 2)


def test_relative_paths_are_the_configurations_and_not_the_callers(
    pump: Stage, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    auditor("run")

    assert list(elsewhere.iterdir()) == []
    assert (pump.folder / "reports" / "run-000001.html").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["diff", "\x1b[2J\u202egone\r\n.json", "b"],
        ["status", "--config", "\x1b[2J\u202egone\r\n.toml"],
        ["history", "\x1b[2J\u202egone\r\n"],
        ["show", "7/3@\x1b[2J\u202egone\r\n"],
    ],
    ids=["diff", "status", "history", "show"],
)
@pytest.mark.usefixtures("pump")
def test_control_characters_in_an_error_are_harmless(
    auditor: Command, arguments: list[str]
) -> None:
    done = auditor(*arguments)

    assert (done.code, done.out) == (2, "")
    assert not {"\x1b", "\u202e", "\r"} & set(done.err)


def test_what_an_answer_says_of_itself_is_harmless_in_an_error(
    auditor: Command, tmp_path: Path
) -> None:
    path = tmp_path / "refused.json"
    path.write_text(json.dumps({"success": False, "error": "\x1b[2J\u202egone\r\nauditor: ok"}))
    done = auditor("diff", str(path), str(path))

    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert not {"\x1b", "\u202e", "\r"} & set(done.err)


@pytest.mark.parametrize(
    ("arguments", "may_import"),
    [
        ("--version", ""),
        ("run --help", ""),
        ("diff a.json a.json", ""),
        ("status --config config.toml", READING),
        ("run --dry-run --config config.toml", f"{READING} {RUNNING}"),
    ],
    ids=lambda each: each.partition(" --config")[0],
)
def test_a_command_imports_what_it_needs_alone(
    tmp_path: Path, arguments: str, may_import: str
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(block()))
    (tmp_path / "config.toml").write_text(UNREACHABLE)
    done = python("-c", LIST_IMPORTS, *arguments.split(), folder=tmp_path, EI_KEY=KEY)

    assert set(done.stderr.decode().splitlines()[-1].split()) <= {"imported", *may_import.split()}


def test_the_program_hands_its_exit_code_to_the_system(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(block()))
    done = python("-m", "auditor", "diff", "a.json", "b.json", folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"auditor: b\.json cannot be read: .*\n", done.stderr)


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_reader_that_closes_the_pipe_gets_nothing_more(tmp_path: Path, form: str) -> None:
    for name, size in (("a.json", 32), ("b.json", 64)):
        (tmp_path / name).write_text(json.dumps(block(batchSize=size)))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "auditor", "diff", "a.json", "b.json", "--format", form],
            cwd=tmp_path,
            env=environment(),
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
            timeout=DEADLINE_S,
        )

    assert (done.returncode, done.stderr) == (2, b"")


@pytest.mark.parametrize("way", ["full", "closed"])
def test_an_answer_that_cannot_be_written_is_exit_2_and_never_drift(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(block()))
    where = {"full": ">/dev/full", "closed": ">&-"}[way]
    shell = f'exec "$0" -m auditor diff a.json a.json {where}'
    done = subprocess.run(  # noqa: S603 - our own interpreter
        ["/bin/sh", "-c", shell, sys.executable],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_terminal_that_lacks_a_letter_gets_an_escape(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(block()))
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "diff", "a.json", "a.json"],
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING="latin-1"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "arguments",
    [["show", "7/3@9999-12-31"], ["report", "9223372036854775808"]],
    ids=" ".join,
)
@pytest.mark.usefixtures("history")
def test_a_number_beyond_all_bounds_is_exit_2(auditor: Command, arguments: list[str]) -> None:
    done = auditor(*arguments)

    assert done.code == 2


@pytest.mark.parametrize("arguments", [["status", "\x1b[2J"], ["\x1b[2J"]])
def test_control_characters_in_a_usage_error_are_harmless(
    auditor: Command, arguments: list[str]
) -> None:
    done = auditor(*arguments)

    assert done.code == 2
    assert "\x1b" not in done.err
