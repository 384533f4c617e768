"""Completion, tried in real shells."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.cli.parser import build_parser
from tests.cli.command import Command, call

SHELLS = ("bash", "zsh", "fish")
# In bash the script names its own function; a shell calls it with command, word and previous word.
_BASH = """\
read -ra spec <<<"$(complete -p auditor)"
for ((i = 0; i < ${#spec[@]}; i++)); do [[ ${spec[i]} == -F ]] && offer=${spec[i+1]}; done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$offer" auditor "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def shell(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not on this machine")
    return program


def completed(auditor: Command, folder: Path, *words: str) -> list[str]:
    """Complete the last word in bash and return what it offers."""
    script = auditor("completion", "bash").out
    line = shlex.join(["auditor", *words])
    done = subprocess.run(  # noqa: S603 - a shell and our own script
        [shell("bash"), "--norc", "--noprofile", "-c", f"{script}\nCOMP_WORDS=({line})\n{_BASH}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def commands(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with its parser."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, command in action.choices.items():
                yield from commands(command, below)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sta"], ["status"]),
        (["db", ""], ["upgrade"]),
        (["run", "--e"], ["--exit-code"]),
        (["run", "--format", ""], ["text", "json"]),
        (["diff", "--format", "h"], ["html"]),
        (["run", "--config", "conf"], ["config.toml"]),
        (["run", "--config", "config.toml", "--dry"], ["--dry-run"]),
        (["diff", "old", "o"], ["old answer.json"]),
        (["demo", "--folder", "r"], ["reports"]),
        (["approve", "--reason", ""], []),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["status", "run", "--dry"], []),
    ],
    ids=call,
)
def test_bash_offers_what_is_possible_at_each_place(
    auditor: Command, tmp_path: Path, words: list[str], offered: list[str]
) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / "old answer.json").touch()
    (tmp_path / "reports").mkdir()

    assert completed(auditor, tmp_path, *words) == offered


def test_bash_offers_every_command(auditor: Command, tmp_path: Path) -> None:
    offered = completed(auditor, tmp_path, "")

    assert {"run", "daemon", "status", "completion"} < set(offered)


@pytest.mark.parametrize("name", SHELLS)
def test_every_command_and_option_is_in_each_script(auditor: Command, name: str) -> None:
    done = auditor("completion", name)

    assert done.code == 0
    for command, parser in commands(build_parser()):
        assert command in done.out
        for option in parser._option_string_actions:
            assert option.lstrip("-") in done.out


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_a_shell_that_is_installed_can_read_its_script(
    auditor: Command, tmp_path: Path, name: str
) -> None:
    script = tmp_path / "script"
    script.write_text(auditor("completion", name).out)

    done = subprocess.run([shell(name), "-n", script], capture_output=True, check=False)  # noqa: S603 - as above

    assert (done.returncode, done.stderr) == (0, b"")


def test_another_shell_is_refused(auditor: Command) -> None:
    assert auditor("completion", "tcsh").code == 2
