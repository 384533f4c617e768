"""Two configurations on one database: each would retire the blocks of the other."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.records import Configuration
from auditor.store.store import open_database
from tests.audit.stage import Stage
from tests.cli.command import Command, reconfigure


@pytest.fixture
def other(pump: Stage, auditor: Command) -> Path:
    """Another configuration on the database of one that ran; it audits one block of the two."""
    first = auditor("run")
    assert first.code == 0
    text = (pump.folder / "config.toml").read_text()
    path = pump.folder / "other.toml"
    path.write_text(text.replace('learn_blocks = "all"', "learn_blocks = [3]"))
    return path


@pytest.mark.parametrize("command", ["run", "daemon"])
def test_another_configuration_is_refused_and_retires_nothing(
    auditor: Command, other: Path, command: str
) -> None:
    refused = auditor(command, "--config", str(other))
    blocks = auditor("status", "--format", "json").json["targets"]

    assert (refused.code, refused.out) == (2, "")
    assert "give each a database of its own" in refused.err
    assert len(blocks) == 2
    assert auditor("run").code == 0


def test_check_finds_a_database_of_another_configuration(auditor: Command, other: Path) -> None:
    done = auditor("check", "--config", str(other))

    assert done.code == 2
    assert "FAILED  database: the database belongs to another configuration" in done.out


def test_a_refusal_says_what_differs(pump: Stage, auditor: Command, other: Path) -> None:
    refused, host = auditor("run", "--config", str(other)), socket.gethostname()
    studio = pump.studio.base_url

    assert (
        f"another configuration, {pump.folder}/config.toml on host {host}, which audits project 7 "
        f"of {studio}. This one, {other} on host {host}, audits project 7 (blocks 3) of {studio}."
    ) in refused.err


def test_a_refusal_says_that_only_filters_differ(auditor: Command, other: Path) -> None:
    text = other.read_text().replace("learn_blocks = [3]", 'exclude = { names = ["Screws"] }')
    other.write_text(text)

    assert "with other blocks or filters. Each would" in auditor("run", "--config", str(other)).err


def test_what_a_database_of_before_audits_is_remembered_with_the_next_run(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    remember(pump, lambda known: replace(known, audits=""))
    auditor("run")

    assert remember(pump, lambda known: known).audits.startswith("project 7 of ")


def test_another_configuration_takes_over_by_hand(auditor: Command, other: Path) -> None:
    taken = auditor("run", "--take-over", "--config", str(other))
    again, former = auditor("run", "--config", str(other)), auditor("run")

    assert (taken.code, again.code, former.code) == (0, 0, 2)
    assert "other.toml" in former.err


def test_a_configuration_that_was_moved_and_edited_is_the_same(
    pump: Stage, auditor: Command, other: Path
) -> None:
    (pump.folder / "config.toml").unlink()

    assert auditor("run", "--config", str(other)).code == 0


def test_an_edited_configuration_and_a_copy_are_the_same(
    pump: Stage, auditor: Command, other: Path
) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3]")
    edited, copied = auditor("run"), auditor("run", "--config", str(other))
    reconfigure(pump, "learn_blocks = [3]", "learn_blocks = [4]")
    edited_again = auditor("run")

    assert (edited.code, copied.code, edited_again.code) == (0, 0, 0)


def remember(pump: Stage, change: Callable[[Configuration], Configuration]) -> Configuration:
    """Let the database remember another configuration than it does."""
    with open_database(pump.settings.database.url, upgrade=False) as store:
        known = store.configuration()
        assert known is not None
        store.remember_configuration(change(known))
    return known


def test_a_newer_configuration_on_a_standby_machine_goes_on_and_says_so(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    remember(pump, lambda known: replace(known, host="db2", inventory="older"))
    done = auditor("run")

    assert done.code == 0
    assert "the configuration of host db2 audited something else" in done.err


def test_machines_that_take_turns_with_one_file_of_two_contents_are_refused(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    remember(
        pump,
        lambda known: replace(known, host="db2", inventory="of db2", before=known.mark),
    )
    done = auditor("run")

    assert done.code == 2
    assert "on host db2" in done.err


def test_another_file_on_another_machine_is_another_configuration(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    remember(
        pump, lambda known: replace(known, host="db2", file="/srv/a.toml", inventory="of db2")
    )

    assert auditor("run").code == 2
    assert auditor("run", "--take-over").code == 0
