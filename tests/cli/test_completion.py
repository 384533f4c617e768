"""Completion, tried in a real shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.cli.completion import SHELLS, bash, places
from auditor.cli.parser import build_parser
from tests.cli.command import Command, call

EVERY = tuple(places(build_parser()))


def completed(folder: Path, *words: str) -> list[str]:
    """Complete the last word in bash and return what it offers."""
    program = shutil.which("bash")
    if program is None:
        pytest.skip("bash is not on this machine")
    line = shlex.join(["auditor", *words])
    script = (
        f"{bash(EVERY)}\nCOMP_WORDS=({line})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_auditor\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    done = subprocess.run(  # noqa: S603 - a shell and our own script
        [program, "--norc", "--noprofile", "-eu", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sta"], ["status"]),
        (["db", ""], ["upgrade", "-h", "--help"]),
        (["run", "--e"], ["--exit-code"]),
        (["run", "--format", ""], ["text", "json"]),
        (["diff", "--format", "h"], ["html"]),
        (["run", "--format", "=", "j"], ["json"]),
        (["run", "--format", "="], ["text", "json"]),
        (["run", "--config", "conf"], ["config.toml"]),
        (["run", "--config", "config.toml", "--dry"], ["--dry-run"]),
        (["diff", "old", "o"], ["old answer.json"]),
        (["approve", "--reason", ""], []),
        (["completion", ""], ["bash", "zsh", "fish", "--help"]),
        (["status", "run", "--dry"], []),
    ],
    ids=call,
)
def test_bash_offers_what_may_stand_there(
    tmp_path: Path, words: list[str], offered: list[str]
) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / "old answer.json").touch()

    found = completed(tmp_path, *words)

    assert found == [word for word in offered if word != "-h"]


def test_bash_offers_every_command(tmp_path: Path) -> None:
    offered = completed(tmp_path, "")

    assert offered == [*EVERY[0].commands, "--help", "--version"]
    assert {"run", "daemon", "status", "completion"} < set(offered)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_each_script(auditor: Command, shell: str) -> None:
    done = auditor("completion", shell)

    assert done.code == 0
    for place in EVERY:
        for command in place.commands:
            assert command in done.out
        for option in place.options:
            assert (f"-l {option.name[2:]} " if shell == "fish" else option.name) in done.out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_that_is_here_can_read_its_script(tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not on this machine")
    script = tmp_path / "script"
    script.write_text(SHELLS[shell](EVERY))

    done = subprocess.run([program, "-n", script], capture_output=True, check=False)  # noqa: S603 - as above

    assert (done.returncode, done.stderr) == (0, b"")


def test_another_shell_is_refused(auditor: Command) -> None:
    assert auditor("completion", "tcsh").code == 2
