from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from auditor.demo.faults import Fault
from tests.audit.stage import KEY, Stage
from tests.cli.command import Command
from tests.store.examples import Sql
from tests.test_mail import free_port


def reconfigure(pump: Stage, old: str, new: str) -> None:
    path = pump.folder / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def database(pump: Stage) -> Path:
    return pump.folder / "auditor.db"


def test_check_tries_everything_and_changes_nothing(pump: Stage, auditor: Command) -> None:
    auditor("run")
    before = database(pump).read_bytes()
    pump.postbox.taken.clear()
    done = auditor("check")

    assert (done.code, done.err) == (0, "")
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        "ok      configuration",
        "ok      database",
        "ok      reports",
        "ok      schedule",
        "ok      Studio, project 7",
        "ok      mail",
    ]
    assert "last run 1 complete" in done.out
    assert "2 learn blocks found" in done.out
    assert pump.postbox.taken == []
    assert database(pump).read_bytes() == before


def test_check_makes_no_database(pump: Stage, auditor: Command) -> None:
    database(pump).unlink()
    done = auditor("check")

    assert done.code == 0
    assert "database: none yet" in done.out
    assert sorted(one.name for one in pump.folder.iterdir()) == ["config.toml"]


def test_check_upgrades_no_database(pump: Stage, auditor: Command) -> None:
    with Sql(f"sqlite:///{database(pump)}") as sql:
        sql.write("DELETE FROM alembic_version")
        done = auditor("check")

        assert done.code == 2
        assert "auditor db upgrade" in done.out
        assert sql.read("SELECT version_num FROM alembic_version") == []


def test_check_asks_every_named_block_where_blocks_are_named(
    pump: Stage, auditor: Command
) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3, 4]")
    done = auditor("check")

    assert done.code == 0
    assert "all 2 named blocks answer" in done.out
    assert {asked.path for asked in pump.studio.requests} == {
        "/v1/api/7/training/keras/3",
        "/v1/api/7/training/keras/4",
        "/v1/api/projects/api-key-info",
    }


@pytest.mark.parametrize("blocks", ['"all"', "[3]"])
def test_a_wrong_key_fails_the_check_and_is_not_shown(
    pump: Stage, auditor: Command, blocks: str
) -> None:
    reconfigure(pump, 'learn_blocks = "all"', f"learn_blocks = {blocks}")
    pump.studio.change_key(7, "ei_" + "00" * 24)
    done = auditor("check")

    assert done.code == 2
    assert "FAILED  Studio, project 7: " in done.out
    assert "Invalid API key" in done.out
    assert "ok      mail" in done.out
    assert KEY not in done.out + done.err


def test_a_key_that_is_refused_is_told_in_its_line_and_nowhere_else(
    pump: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a process of its own

    assert auditor("check").err == ""


def test_blocks_that_fail_for_one_reason_are_told_in_one_breath(
    pump: Stage, auditor: Command
) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3, 4, 5, 6, 7]")
    pump.studio.fail(Fault.HTML)
    out = auditor("check").out

    assert "project 7: 5 blocks (7/3, 7/4, 7/5 and 2 more): the answer is not JSON" in out
    assert out.count("not JSON") == 1


def test_a_mail_server_that_is_down_fails_the_check(pump: Stage, auditor: Command) -> None:
    assert pump.settings.email is not None
    port = free_port()
    reconfigure(pump, f"port = {pump.settings.email.port}", f"port = {port}")
    done = auditor("check")

    assert done.code == 2
    assert f"FAILED  mail: mail server 127.0.0.1:{port}: " in done.out
    assert "ok      Studio, project 7" in done.out


def test_everything_that_fails_is_told_at_once(pump: Stage, auditor: Command) -> None:
    database(pump).write_text("not a database, but long enough to look like one " * 99)
    pump.studio.fail(Fault.HTML)
    done = auditor("check")

    assert done.code == 78
    assert [line.split(":")[0] for line in done.out.splitlines() if "FAILED" in line] == [
        "FAILED  database",
        "FAILED  Studio, project 7",
    ]


def test_check_gives_advice_without_failing(pump: Stage, auditor: Command) -> None:
    path = pump.folder / "config.toml"
    schedule = '[schedule]\ncron = "30 2 * * *"\ntimezone = "Europe/Berlin"\n'
    path.write_text(f"{path.read_text()}\n{schedule}")
    done = auditor("check")

    assert done.code == 0
    assert "advice  " in done.out


@pytest.mark.usefixtures("pump")
def test_a_sound_history_is_exit_0(auditor: Command) -> None:
    auditor("run")
    done = auditor("verify")

    assert (done.code, done.out, done.err) == (0, "The history is sound.\n", "")


def test_a_tampered_history_is_exit_2_and_the_link_named(pump: Stage, auditor: Command) -> None:
    auditor("run")
    with Sql(f"sqlite:///{database(pump)}") as sql:
        sql.write("UPDATE version SET headline = 'nothing' WHERE learn_id = 4")
    done = auditor("verify")

    assert (done.code, done.out) == (2, "")
    assert "of 7/4" in done.err


def test_the_schema_is_brought_up_to_date(pump: Stage, auditor: Command) -> None:
    database(pump).unlink()
    reconfigure(pump, "[database]", "[database]\nauto_upgrade = false")
    refused = auditor("run")
    made = [auditor("db", "upgrade").code for _ in range(2)]

    assert (refused.code, refused.out) == (2, "")
    assert "auditor db upgrade" in refused.err
    assert made == [0, 0]
    assert auditor("run").code == 0


@pytest.mark.parametrize(
    "arguments", [["run"], ["db", "upgrade"], ["status"], ["verify"]], ids=" ".join
)
def test_a_newer_database_is_refused(pump: Stage, auditor: Command, arguments: list[str]) -> None:
    with Sql(f"sqlite:///{database(pump)}") as sql:
        sql.write("UPDATE alembic_version SET version_num = '0999'")
    done = auditor(*arguments)

    assert (done.code, done.out) == (2, "")
    assert "0999" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--dry-run"],
        ["daemon"],
        ["status"],
        ["history", "7/3"],
        ["show", "7/3"],
        ["report"],
        ["verify"],
        ["db", "upgrade"],
        ["diff", "7/3@previous", "7/3"],
    ],
    ids=" ".join,
)
def test_a_damaged_database_is_exit_78(
    pump: Stage, auditor: Command, arguments: list[str]
) -> None:
    with database(pump).open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 4096)
    done = auditor(*arguments)

    assert (done.code, done.out) == (78, "")
    assert "damaged" in done.err
    assert pump.studio.requests == []


def test_check_finds_what_the_first_run_would_stumble_over(pump: Stage, auditor: Command) -> None:
    text = (pump.folder / "config.toml").read_text()
    nowhere = f'url = "sqlite:///{pump.folder}/nowhere/auditor.db"'
    (pump.folder / "config.toml").write_text(re.sub(r'url = "sqlite.*"', nowhere, text))
    (pump.folder / "reports").write_text("in the way")
    done = auditor("check")

    assert done.code == 2
    assert "FAILED  database" in done.out
    assert "FAILED  reports" in done.out


@pytest.mark.parametrize(("folder", "code"), [(".", 0), ("missing", 2)])
def test_check_looks_where_metrics_would_be_written(
    pump: Stage, auditor: Command, folder: str, code: int
) -> None:
    text = (pump.folder / "config.toml").read_text()
    pump.configure(f'{text}\n[metrics]\ntextfile = "{folder}/auditor.prom"\n')
    done = auditor("check")

    assert (done.code, "auditor.prom can be written" in done.out) == (code, code == 0)
    assert not (pump.folder / "auditor.prom").exists()


def test_what_is_stored_is_looked_at_without_any_secret(pump: Stage, auditor: Command) -> None:
    pump.night()
    with pytest.MonkeyPatch.context() as without:
        without.delenv("EI_KEY", raising=False)
        codes = [auditor(*one).code for one in (["status"], ["history", "7/3"], ["verify"])]
        refused = auditor("run")

    assert codes == [0, 0, 0]
    assert refused.code == 2
