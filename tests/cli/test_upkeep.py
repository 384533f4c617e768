"""Commands that keep the database: verify, db upgrade, prune, backup, export and import."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from auditor import app
from auditor.model import Json, JsonObject
from tests.audit.stage import TEAM, Stage, block, stage, target
from tests.cli.command import Command, database, environment, reconfigure
from tests.conftest import Postgres
from tests.crawling import broken_links
from tests.processes import run
from tests.store.examples import Sql


@pytest.mark.usefixtures("pump")
def test_a_sound_history_is_exit_0(auditor: Command) -> None:
    auditor("run")
    done = auditor("verify")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("The history is sound.\nVerified: versions, ")
    assert "\nNot covered: findings and notices outside reports" in done.out


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


def test_commands_that_read_the_history_need_no_secret(pump: Stage, auditor: Command) -> None:
    pump.night()
    with pytest.MonkeyPatch.context() as without:
        without.delenv("EI_KEY", raising=False)
        codes = [auditor(*words).code for words in (["status"], ["history", "7/3"], ["verify"])]
        refused = auditor("run")

    assert codes == [0, 0, 0]
    assert refused.code == 2


ZERO = "\n[retention]\nkeep_days = 0\nkeep_versions = 1\nkeep_monthly = false\n"


@pytest.fixture(scope="module")
def four_nights(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("four-nights") / "installed"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "auditor.db")
    with stage(
        "sqlite:///auditor.db", folder, {3: block(), 4: block(name="Fan")}, recipients=TEAM
    ) as set_up:
        nights(set_up, 64, 128, 64, 128)
        yield set_up


@pytest.fixture
def aged(
    four_nights: Stage, auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    """An installation of its own, whose block 3 changed on each of the last three nights."""
    del auditor  # for its environment
    folder = tmp_path / "installed"
    shutil.copytree(four_nights.folder, folder)
    monkeypatch.setenv("AUDITOR_CONFIG", str(folder / "config.toml"))
    copied = Stage(four_nights.studio, folder, four_nights.postbox)
    copied.configure((folder / "config.toml").read_text())
    return copied


def substitute(set_up: Stage, pattern: str, text: str) -> None:
    path = set_up.folder / "config.toml"
    written = re.sub(pattern, text, path.read_text(), count=1)
    set_up.configure(written)


def nights(set_up: Stage, *sizes: int) -> None:
    for size in sizes:
        set_up.studio.edit(target(3), partial(_put, "batchSize", size))
        set_up.night()


def _put(key: str, value: Json, answer: JsonObject) -> None:
    answer[key] = value


def outputs(auditor: Command) -> list[str]:
    """Every stored report in every format, and all that is said of the history."""
    runs = [str(number) for number in (1, 2, 3)]
    said = [auditor("report", run, "--format", form) for run in runs for form in FORMATS]
    said += [auditor(*words) for words in (["history", "7/3"], ["show", "7/3"], ["suppressed"])]
    assert {result.code for result in said} == {0}
    return [result.out for result in said]


FORMATS = ("json", "text", "html")


def test_every_report_is_the_same_byte_for_byte_in_the_other_database_and_back(
    aged: Stage, auditor: Command, postgres_server: Postgres
) -> None:
    before = outputs(auditor)
    moves = [f"{aged.folder}/{name}" for name in ("there.export", "back.export")]
    done = []
    for url, export in zip((postgres_server.empty(), "sqlite:///back.db"), moves, strict=True):
        done.append(auditor("export", export))
        substitute(aged, r'url = "(sqlite|postgres).*"', f'url = "{url}"')
        done.append(auditor("import", export))
        assert outputs(auditor) == before

    exported, back = (Path(export).read_bytes() for export in moves)
    assert [result.code for result in done] == [0, 0, 0, 0]
    assert done[1].out.endswith("The history is sound.\n")
    assert exported == back


def test_an_export_goes_through_a_pipe(aged: Stage, auditor: Command) -> None:
    around, folder = environment(), aged.folder
    piped = run("export", folder=folder, environment=around)
    substitute(aged, r'url = ".*\.db"', 'url = "sqlite:///new.db"')
    taken = run("import", "-", folder=folder, environment=around, stdin=piped.stdout)

    assert (piped.returncode, piped.stderr) == (0, b"")
    assert taken.returncode == 0
    assert b"sound" in taken.stdout
    assert auditor("report").code == 0


def test_an_import_into_a_database_in_use_is_refused(pump: Stage, auditor: Command) -> None:
    pump.night()
    export = f"{pump.folder}/export"
    auditor("export", export)
    done = auditor("import", export)

    assert (done.code, done.out) == (2, "")
    assert "not empty" in done.err
    assert "database.url" in done.err


def test_a_file_that_cannot_be_read_or_written_is_reported(pump: Stage, auditor: Command) -> None:
    pump.night()
    nowhere = f"{pump.folder}/nowhere/file"
    done = [auditor(command, nowhere) for command in ("import", "export", "backup")]

    assert [result.code for result in done] == [2, 2, 2]
    assert all(f"{nowhere} cannot be" in result.err for result in done)


def test_a_backup_is_a_database_that_only_its_owner_reads(pump: Stage, auditor: Command) -> None:
    pump.night()
    copy = pump.folder / "copy.db"
    done = [auditor("backup", str(copy)), auditor("backup", str(copy))]
    again = auditor("backup", str(copy), "--overwrite")
    substitute(pump, r'url = ".*\.db"', 'url = "sqlite:///copy.db"')

    assert [result.code for result in done] == [0, 2]
    assert "--overwrite" in done[1].err
    assert again.code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert auditor("verify").out.startswith("The history is sound.\n")
    assert not [path for path in pump.folder.iterdir() if path.name.startswith(".copy")]


def test_a_backup_is_made_while_a_run_holds_the_database(pump: Stage, auditor: Command) -> None:
    with app.open_store(pump.settings) as store, store.run_lock():
        done = auditor("backup", f"{pump.folder}/copy.db")

    assert done.code == 0


def test_without_retention_nothing_is_pruned(pump: Stage, auditor: Command) -> None:
    pump.night()
    done = auditor("prune")

    assert (done.code, done.out) == (2, "")
    assert "[retention]" in done.err


def test_pruning_says_what_would_go_and_then_what_went(aged: Stage, auditor: Command) -> None:
    substitute(aged, r"\Z", ZERO)
    foretold, done, again = auditor("prune", "--dry-run"), auditor("prune"), auditor("prune")

    assert foretold.out.replace("would be ", "") == done.out
    assert done.out.splitlines() == [
        "1 version of 1 block pruned",
        "0 catalogues pruned",
        "3 reports of runs pruned (runs 1 to 3)",
        "6 mails deleted",
        "1 ended condition deleted",
    ]
    assert again.out == "Nothing was pruned: everything has to be kept.\n"
    first, *_, versions, pruned = auditor("verify").out.splitlines()
    assert first == "The history is sound."
    assert versions == "1 version pruned: the documents are deleted, the links kept."
    assert pruned == "3 reports pruned: only that each existed is verified."


def test_a_pruned_version_is_refused_with_the_reason(aged: Stage, auditor: Command) -> None:
    substitute(aged, r"\Z", ZERO)
    auditor("prune")
    asked = [auditor("show", "7/3@run:2"), auditor("diff", "7/3@run:2", "7/3")]
    report = auditor("report", "2")
    lines = auditor("history", "7/3").out.splitlines()
    listed = auditor("history", "7/3", "--format", "json").json["versions"]

    assert [result.code for result in asked] == [2, 2]
    assert all("of run 2 was pruned" in result.err for result in asked)
    assert (report.code, report.out) == (2, "")
    assert "report of run 2 was pruned" in report.err
    assert [line.endswith("(pruned)") for line in lines[1:]] == [False, False, True, False]
    assert ["pruned" in line for line in listed] == [False, False, True, False]


def test_a_finding_of_a_pruned_version_is_still_explained(aged: Stage, auditor: Command) -> None:
    (found,) = auditor("report", "2", "--format", "json").json["targets"][0]["findings"]
    substitute(aged, r"\Z", ZERO)
    auditor("prune")
    done = auditor("explain", found["id"])

    assert done.code == 0
    assert "128" in done.out


def test_a_run_prunes_versions_and_pages_if_retention_is_configured(
    aged: Stage, auditor: Command
) -> None:
    substitute(aged, r"\Z", ZERO)
    quiet = aged.night()
    reports = aged.settings.reports.directory
    pages = {str(path.relative_to(reports)) for path in reports.rglob("*.html")}
    timeline = (reports / "targets/7/3.html").read_text()

    assert quiet.is_delivered
    assert pages == {
        "impulses/7/1.html",
        "index.html",
        "projects/7.html",
        "run-000005.html",
        "targets/7/3.html",
        "targets/7/4.html",
    }
    assert broken_links(reports) == []
    assert timeline.count("pruned: its document is no longer stored") == 1
    assert auditor("verify").code == 0
    assert auditor("report", "--rebuild").code == 0
    assert broken_links(reports) == []


def test_a_fault_of_pruning_delays_no_report(
    pump: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    nights(pump, 64)
    substitute(pump, r"\Z", ZERO)
    page = pump.settings.reports.directory / "run-000001.html"
    page.unlink()
    page.mkdir()  # a folder in its place cannot be removed as a page
    done = pump.night()

    assert done.is_delivered
    assert "pages not pruned" in caplog.text


def test_the_chain_head_of_a_mail_shows_that_the_last_run_was_removed(
    pump: Stage, auditor: Command
) -> None:
    pump.night()
    pump.close()
    database = pump.folder / "auditor.db"
    copy = database.read_bytes()
    head = pump.night().report.head_hash
    found = auditor("verify", "--head", head.upper())
    pump.close()
    database.write_bytes(copy)
    missed = [
        auditor("verify"),
        auditor("verify", "--head", head),
        auditor("verify", "--head", "x"),
    ]

    assert found.out.startswith("The history is sound.\n")
    assert found.out.endswith("\nRun 2 has this hash.\n")
    assert [result.code for result in missed] == [0, 2, 2]
    assert head in missed[1].err
