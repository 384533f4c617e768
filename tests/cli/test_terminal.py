"""Answers on a terminal: colours, tables that fit, and the progress bar apart from the log."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.demo.faults import Fault
from tests.audit.stage import KEY, TEAM, Stage, stage, target
from tests.cli.command import Command, environment
from tests.cli.conftest import two_blocks
from tests.cli.gate import DEADLINE_S
from tests.processes import start

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(pump: Stage, *arguments: str, typed: str = "", **changes: str) -> str:
    """Run a command whose three streams are one terminal; return what it shows there."""
    own, its = pty.openpty()
    os.write(own, typed.encode())
    termios.tcsetwinsize(own, (40, 80))
    around = environment(**{"EI_KEY": KEY, "TERM": "xterm-256color", **changes})
    for name in {"NO_COLOR", "COLUMNS", "LINES"} - changes.keys():
        around.pop(name, None)
    with start(
        *arguments, folder=pump.folder, stdin=its, stdout=its, stderr=its, environment=around
    ) as process:
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while part := os.read(own, 65536):
                shown += part
        process.wait(DEADLINE_S)
    os.close(own)
    return shown.decode().replace("\r\n", "\n")


def lines_of(shown: str) -> list[str]:
    """Return what is left on each line once what was erased is away."""
    kept = (line.rpartition("\x1b[2K")[2] for line in shown.split("\n"))
    return [_SEQUENCE.sub("", line).strip("\r").rstrip() for line in kept]


@pytest.fixture(scope="module")
def two_nights(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two nights: block 4 lost its training before the second, and block 5 was never read."""
    folder = tmp_path_factory.mktemp("terminal")
    shutil.copy(sqlite_template, folder / "auditor.db")
    with stage("sqlite:///auditor.db", folder, two_blocks(), recipients=TEAM) as set_up:
        set_up.night()
        set_up.studio.edit(target(4), lambda a: a.update(trained=False))
        set_up.studio.fail(Fault.HTTP_500, target=target(5))
        set_up.night()
        yield set_up


@pytest.fixture
def drifted(two_nights: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The same for the command line, which finds it by $AUDITOR_CONFIG."""
    del auditor  # for its environment
    monkeypatch.setenv("AUDITOR_CONFIG", str(two_nights.folder / "config.toml"))
    return two_nights


def test_status_is_coloured_and_fits_80_columns(drifted: Stage) -> None:
    shown = on_terminal(drifted, "status")

    assert "\x1b[" in shown
    assert max(map(len, lines_of(shown))) <= 80
    rows = [line for line in lines_of(shown) if re.match(r"7/\d ", line)]
    assert rows[0].startswith("7/4")
    assert "drifted" in rows[0]
    assert rows[0].endswith("just now  just now")


def test_a_row_of_status_is_one_line_on_80_columns(pump: Stage) -> None:
    pump.reconfigure('name = "Pump"', 'name = "Pump monitor"')
    pump.studio.edit(target(3), lambda a: a.update(name="Bearing classifier"))
    pump.night()
    shown = lines_of(on_terminal(pump, "status"))

    [row] = [line for line in shown if line.startswith("7/3")]
    assert "Pump monitor / Bearing classifier" in row
    assert row.endswith("just now  just now")


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_status_has_no_colour_where_none_is_wanted(
    drifted: Stage, changes: dict[str, str]
) -> None:
    shown = on_terminal(drifted, "status", **changes)

    assert "\x1b" not in shown
    assert max(map(len, lines_of(shown))) <= 80


def test_a_run_is_one_line_on_80_columns(drifted: Stage) -> None:
    shown = lines_of(on_terminal(drifted, "runs"))

    assert [line.split()[0] for line in shown if line] == ["RUN", "2", "1"]
    assert max(map(len, shown)) <= 80


def test_history_fits_80_columns(drifted: Stage) -> None:
    shown = lines_of(on_terminal(drifted, "history", "7/4"))

    assert max(map(len, shown)) <= 80
    assert shown[0].split() == ["SEEN", "RUN", "MODEL", "WHAT"]


@pytest.mark.usefixtures("drifted")
def test_a_pipe_gets_the_plain_table_with_every_column(auditor: Command) -> None:
    out = auditor("status").out
    head = next(line for line in out.split("\n") if line.startswith("TARGET"))

    assert "\x1b" not in out
    assert head.split() == ["TARGET", "BLOCK", "STATE", "MODEL", "CHANGED", "CHECKED", "ATTEMPTED"]


def test_a_run_keeps_its_log_apart_from_the_bar_and_says_what_was_sent(pump: Stage) -> None:
    pump.postbox.refuses = {"ops@example.org": "450 later"}
    shown = on_terminal(pump, "run")

    assert "\x1b[" in shown
    [warning] = [line for line in lines_of(shown) if "message not delivered" in line]
    assert "checking" not in warning
    assert "1 message sent to 1 recipient, 1 waiting for another attempt" in lines_of(shown)
    assert len(pump.postbox.taken) == 1


@pytest.mark.usefixtures("pump")
def test_what_was_sent_is_in_the_log_of_a_run_that_nobody_watches(auditor: Command) -> None:
    done = auditor("run")

    assert "2 messages sent to 2 recipients" in done.err
    assert "sent to" not in done.out


def test_approve_asks_on_a_terminal_before_it_approves_a_lost_training(
    drifted: Stage, auditor: Command
) -> None:
    for answer, approved in (("n", 0), ("", 0), ("y", 1), ("YES", 2)):
        before = len(auditor("history", "7/4", "--format", "json").json["baselines"])
        shown = on_terminal(drifted, "approve", "7/4", "--reason", "start", typed=f"{answer}\n")
        baselines = auditor("history", "7/4", "--format", "json").json["baselines"]

        assert "7/4 Screws: its training is lost" in shown
        assert "Approve them as they are? [y/N] " in shown
        assert ("nothing was approved" in shown) is (len(baselines) == before)
        assert len(baselines) == approved
