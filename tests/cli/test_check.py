"""The command `check`: this machine, the mail server, and what Studio lists."""

from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path

import pytest
from sqlalchemy import make_url

from auditor import app
from auditor.demo.faults import Fault
from auditor.model import TargetId
from auditor.records import SignKind
from tests.audit.stage import KEY, TOKEN, Stage, block
from tests.cli.command import Command, Done, database, reconfigure
from tests.conftest import Postgres
from tests.pings import UUID, pings
from tests.smtp_server import RawServer
from tests.store.examples import Sql
from tests.test_mail import free_port


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
    assert "2 blocks found" in done.out
    assert pump.postbox.taken == []
    assert database(pump).read_bytes() == before


def test_check_makes_no_database(pump: Stage, auditor: Command) -> None:
    database(pump).unlink()
    done = auditor("check")

    assert done.code == 0
    assert "database: none yet" in done.out
    assert sorted(path.name for path in pump.folder.iterdir()) == ["config.toml"]


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


def test_a_refused_key_is_reported_in_its_line_and_nowhere_else(
    pump: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a process of its own

    assert auditor("check").err == ""


def test_blocks_that_fail_for_the_same_reason_share_a_line(pump: Stage, auditor: Command) -> None:
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


def test_a_recipient_that_the_server_refuses_fails_the_check(
    pump: Stage, auditor: Command
) -> None:
    pump.postbox.refuses["ops@example.org"] = "550 5.1.1 no such user"
    done = auditor("check")

    [line] = lines(done.out, "mail")
    assert done.code == 2
    assert "ops@example.org: 550 5.1.1 no such user" in line
    assert line.endswith(
        "correct [email] where it refuses something, or have the server accept it"
    )
    assert "ml@example.org" not in line


def test_a_mail_server_that_makes_no_sense_costs_the_check_one_line(
    pump: Stage, auditor: Command
) -> None:
    assert pump.settings.email is not None
    with RawServer({"EHLO": "250-raw\r\n250 AUTH PLAIN", "AUTH": "334 ok"}) as server:
        login = 'username = "u"\npassword = { env = "EI_KEY" }\n'
        port = f"port = {pump.settings.email.port}"
        reconfigure(pump, port, f"{login}port = {server.port}")
        done = auditor("check")

    [line] = lines(done.out, "mail")
    assert done.code == 2
    assert "at AUTH; Error" in line
    assert "ok      Studio, project 7" in done.out


def test_everything_that_fails_is_reported_at_once(pump: Stage, auditor: Command) -> None:
    database(pump).write_text("not a database, but long enough to look like one " * 99)
    pump.studio.fail(Fault.HTML)
    done = auditor("check")

    assert done.code == 2
    assert "it is a file of another kind" in done.out
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


def test_check_finds_what_would_stop_the_first_run(pump: Stage, auditor: Command) -> None:
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


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


NOBODY = 65534


def lines(out: str, what: str) -> list[str]:
    return [line for line in out.splitlines() if line[8:].startswith(f"{what}:")]


@pytest.mark.usefixtures("pump")
def test_the_next_run_is_printed(auditor: Command) -> None:
    [line] = lines(auditor("check").out, "schedule")

    assert line.startswith("ok      schedule: next due 20")
    assert line.endswith(
        "03:15 UTC, by 15 3 * * * (UTC); no service was seen, so nothing runs then: start it, or "
        "use the timer"
    )


def test_check_says_that_a_service_or_a_timer_runs_by_the_schedule(
    pump: Stage, auditor: Command
) -> None:
    auditor("run", "--by-timer")
    [by_timer] = lines(auditor("check").out, "schedule")
    with app.open_store(pump.settings) as store, store.service_lock():
        app.sign(store, SignKind.SERVICE)
        [served] = lines(auditor("check").out, "schedule")

    assert by_timer.endswith("; a timer starts the runs, no service was seen")
    assert served.endswith("; the service runs")


def test_times_of_a_check_are_in_the_zone_of_the_readers(pump: Stage, auditor: Command) -> None:
    pump.configure(
        f'{(pump.folder / "config.toml").read_text()}[reports]\ntimezone = "Asia/Tokyo"\n'
    )
    [line] = lines(auditor("check").out, "schedule")

    assert " 12:15 JST, by 15 3 * * * (UTC)" in line


def test_the_configuration_and_the_room_on_its_disks_are_named(
    pump: Stage, auditor: Command
) -> None:
    out = auditor("check").out

    assert lines(out, "configuration")[0].endswith(f"1 project in {pump.folder}/config.toml")
    for what in ("database", "reports"):
        assert lines(out, what)[0].endswith(" free")


@AS_ROOT
@pytest.mark.parametrize(("name", "what"), [("auditor.db", "database"), ("reports", "reports")])
def test_what_root_made_in_the_folder_of_the_services_user_fails(
    pump: Stage, auditor: Command, name: str, what: str
) -> None:
    (pump.folder / "reports").mkdir()
    for path in (pump.folder, database(pump), pump.folder / "reports"):
        os.chown(path, NOBODY, NOBODY)
    before = auditor("check")
    os.chown(pump.folder / name, 0, 0)
    after = auditor("check")

    assert (before.code, after.code) == (0, 2)
    [line] = lines(after.out, what)
    remedy = f"chown -R --reference={pump.folder} {pump.folder / name}"
    assert line.startswith("FAILED") and line.endswith(remedy)  # noqa: PT018 - one line, two ends


def test_a_mail_server_that_is_down_comes_with_the_remedy(pump: Stage, auditor: Command) -> None:
    assert pump.settings.email is not None
    reconfigure(pump, f"port = {pump.settings.email.port}", f"port = {free_port()}")
    [line] = lines(auditor("check").out, "mail")

    assert line.endswith("accepts mail from this machine, or correct [email]")


@pytest.mark.usefixtures("pump")
def test_under_systemd_the_way_of_notifications_is_tried_and_nothing_sent(
    auditor: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        heard = auditor("check")
        with pytest.raises(BlockingIOError):
            manager.recv(1)
    Path(address).unlink()
    hidden = auditor("check")

    assert lines(heard.out, "systemd") == ["ok      systemd: notifications reach systemd"]
    assert hidden.code == 2
    assert "add AF_UNIX to RestrictAddressFamilies=" in lines(hidden.out, "systemd")[0]


@pytest.mark.usefixtures("pump")
def test_without_systemd_nothing_is_printed_about_it(
    auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    assert lines(auditor("check").out, "systemd") == []


_ACCOUNT = 'tries = 1\nauth = { type = "jwt", token = { env = "EI_TOKEN" } }\nprojects = "all"\n'


@pytest.fixture
def fleet(pump: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Project 7, named, and 8 and 9, which only the account sees."""
    monkeypatch.setenv("EI_TOKEN", TOKEN)
    pump.studio.add_project(8, name="Fan", api_key="ei_" + "08" * 24)
    pump.studio.add_project(9, name="Mill", api_key="ei_" + "09" * 24)
    pump.studio.put(TargetId(8, 3), block("keras-transfer-kws", name="Valves"))
    pump.studio.put(TargetId(8, 4), {"name": "Odd", "type": "anomaly-gmm"})
    reconfigure(pump, "tries = 1\n", _ACCOUNT)
    return pump


def advice(done: Done) -> list[str]:
    return [line[8:] for line in done.out.splitlines() if line.startswith("advice")]


@pytest.mark.usefixtures("fleet")
def test_check_counts_what_the_account_sees(auditor: Command) -> None:
    done = auditor("check")

    assert done.code == 0
    assert "ok      configuration: 1 project named, and every other that is found" in done.out
    assert (
        "Studio, every project: 3 projects seen, 1 under [[projects]]; 2 blocks found"
    ) in done.out
    assert advice(done) == []


def test_check_names_what_matches_nothing(fleet: Stage, auditor: Command) -> None:
    filters = 'exclude_projects = [9, 99]\ninclude = { types = ["keras*", "x*"] }\n'
    reconfigure(fleet, 'projects = "all"\n', f'projects = "all"\n{filters}')
    rules = '\nprojects = [8, 9]\nblocks = ["8/3", "8/4", "7/99", "7/3", "50/1"]\n'
    reconfigure(
        fleet,
        'learn_blocks = "all"',
        'exclude = { names = ["old *"] }\n[[severity]]\narea = "data"\nseverity = "low"' + rules,
    )
    done = auditor("check")

    assert done.code == 0
    assert "1 left out; 2 blocks found, 1 left out" in done.out
    assert advice(done) == [
        "studio.exclude_projects: 99 matches no project that Studio lists",
        "projects[0].exclude.names: 'old *' matches no block that Studio lists",
        "studio.include.types: 'x*' matches no block that Studio lists",
        "severity[0].projects: project 9 is not listed, or left out",
        "severity[0].blocks: the project of block 50/1 is not audited",
        "severity[0].blocks: block 7/99 is not listed, or left out",
        "severity[0].blocks: block 8/4 is not listed, or left out",
    ]


def test_check_advises_of_filters_that_leave_nothing(fleet: Stage, auditor: Command) -> None:
    filters = 'exclude_projects = ["*"]\nexclude = { types = ["keras*"] }\n'
    reconfigure(fleet, 'projects = "all"\n', f'projects = "all"\n{filters}')

    assert advice(auditor("check")) == [
        "studio.projects: include_projects and exclude_projects leave none of 2 projects",
        "projects[0]: include and exclude leave none of 2 blocks",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/api/projects", "the answer is not JSON"), ("/8/impulses", "project 8: the answer is not")],
)
def test_a_listing_that_fails_fails_the_check_and_advises_nothing(
    fleet: Stage, auditor: Command, path: str, words: str
) -> None:
    fleet.studio.fail(Fault.HTML, path=path)
    reconfigure(fleet, 'projects = "all"\n', 'projects = "all"\nexclude = { names = ["old *"] }\n')
    done = auditor("check")

    assert done.code == 2
    assert f"FAILED  Studio, every project: {words}" in done.out
    assert advice(done) == []


def test_every_named_block_that_does_not_answer_is_named(pump: Stage, auditor: Command) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3, 98, 99]")
    done = auditor("check")

    assert done.code == 2
    assert "block 7/98: Studio refused" in done.out
    assert "; block 7/99: Studio refused" in done.out


def test_a_found_block_can_be_run_alone_and_what_is_not_audited_is_bad_usage(
    fleet: Stage, auditor: Command
) -> None:
    del fleet
    block = auditor("run", "--block", "8/3", "--format", "json")
    project = auditor("run", "--project", "8", "--dry-run", "--format", "json")
    refused = [
        auditor("run", "--project", "99"),
        auditor("run", "--block", "8/99"),
        auditor("run", "--block", "99/1", "--dry-run"),
    ]

    assert [target["learn_id"] for target in block.json["targets"]] == [3]
    assert [target["learn_id"] for target in project.json["targets"]] == [3, 4]
    assert [(done.code, done.out) for done in refused] == [(2, "")] * 3
    assert "project 99 is not audited" in refused[0].err


def use_database(pump: Stage, url: str) -> None:
    path = pump.folder / "config.toml"
    path.write_text(re.sub('url = "sqlite.*"', f'url = "{url}"', path.read_text()))


def test_an_empty_database_of_a_server_is_made_by_the_first_run(
    pump: Stage, auditor: Command, postgres_server: Postgres
) -> None:
    use_database(pump, postgres_server.empty().replace("postgresql+psycopg:", "postgres:"))
    before, status = auditor("check"), auditor("status")
    unread = auditor("history", "7/3")
    first, after = auditor("run"), auditor("check")

    assert "ok      database: PostgreSQL reached, it is empty, the first run makes" in before.out
    assert "the database has no tables yet: `auditor run` makes them" in unread.err
    assert (before.code, status.code, first.code, after.code) == (0, 0, 0, 0)
    assert "last run 1 complete" in after.out


@pytest.mark.parametrize("command", ["check", "status", "run", "history 7/3", "suppressed"])
def test_a_database_that_the_server_lacks_is_named_by_every_command(
    pump: Stage, auditor: Command, postgres_url: str, command: str
) -> None:
    missing = make_url(postgres_url).set(drivername="postgresql+psycopg", database="mistyped")
    use_database(pump, missing.render_as_string(hide_password=False))
    done = auditor(*command.split())

    assert done.code == 2
    assert "no such database on the server; make it (createdb" in done.out + done.err
    assert "auditor run" not in done.err


@pytest.mark.parametrize("ready", [True, False], ids=["tables of others", "empty"])
def test_a_user_without_rights_gets_an_explanation(
    pump: Stage, auditor: Command, postgres_server: Postgres, *, ready: bool
) -> None:
    url = postgres_server.ready() if ready else postgres_server.empty()
    with Sql(url) as sql:
        sql.write(
            "DROP ROLE IF EXISTS stranger",
            "CREATE ROLE stranger LOGIN",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
    stranger = make_url(url).set(username="stranger")
    use_database(pump, stranger.render_as_string(hide_password=False))
    done = auditor("check")

    assert done.code == 2
    assert "FAILED  database" in done.out
    assert "lacks a right on it; make that user its owner" in done.out


def test_offline_reads_the_file_alone_and_no_secret(
    pump: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EI_KEY")
    database(pump).unlink()
    done = auditor("check", "--offline")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("ok      configuration: 1 project in ")
    assert done.out.endswith("nothing else was tried, and no secret was read\n")
    assert pump.studio.requests == []


def test_offline_gives_advice_and_names_what_is_wrong(pump: Stage, auditor: Command) -> None:
    text = (pump.folder / "config.toml").read_text()
    (pump.folder / "config.toml").write_text(
        text + '[[rules]]\nname = "x"\npath = "tranied"\nis = true\n'
    )
    assert "tranied" in auditor("check", "--offline").out
    (pump.folder / "config.toml").write_text(text + "[wrong]\n")

    assert auditor("check", "--offline").code == 2
    assert auditor("check", "--offline", "--send-test").code == 2


def test_the_heartbeat_is_tried_without_a_ping(pump: Stage, auditor: Command) -> None:
    with pings() as heard:
        text = (pump.folder / "config.toml").read_text()
        (pump.folder / "config.toml").write_text(f'{text}\n[heartbeat]\nurl = "{heard.url}"\n')
        done = auditor("check")
        closed = free_port()
        (pump.folder / "config.toml").write_text(
            f'{text}\n[heartbeat]\nurl = "http://127.0.0.1:{closed}/{UUID}"\n'
        )
        refused = auditor("check")

    assert "ok      heartbeat: 127.0.0.1 can be reached" in done.out
    assert heard.received == []
    assert refused.code == 2
    assert "FAILED  heartbeat: 127.0.0.1 cannot be reached: Connection refused" in refused.out
    assert UUID not in refused.out


def test_a_single_named_block_answers(pump: Stage, auditor: Command) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3]")

    assert "project 7: the named block answers" in auditor("check").out


def test_a_folder_that_is_missing_or_a_file_has_its_own_remedy(
    pump: Stage, auditor: Command
) -> None:
    (pump.folder / "taken").write_text("")
    text = (pump.folder / "config.toml").read_text()
    (pump.folder / "config.toml").write_text(f'{text}\n[metrics]\ntextfile = "none/a.prom"\n')
    missing = auditor("check").out
    (pump.folder / "config.toml").write_text(f'{text}\n[metrics]\ntextfile = "taken/a.prom"\n')

    assert f"there is no folder {pump.folder}/none: create it (mkdir -p" in missing
    assert f"{pump.folder}/taken is a file and not a folder" in auditor("check").out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/v1", "/other", "base_url does not end in /v1, where Studio's API is: correct it"),
        ("127.0.0.1", "studio.invalid", "the name studio.invalid is not found"),
        ("http://127.0.0.1", "ftp://127.0.0.1", "is not a URL of http or https"),
    ],
)
def test_a_wrong_base_url_has_its_remedy(
    pump: Stage, auditor: Command, old: str, new: str, words: str
) -> None:
    path = pump.folder / "config.toml"
    [line] = [line for line in path.read_text().splitlines() if line.startswith("base_url")]
    reconfigure(pump, line, line.replace(old, new))
    done = auditor("check")

    assert done.code == 2
    assert words in done.out + done.err


def test_a_path_that_no_block_has_is_advice_with_the_one_that_was_meant(
    pump: Stage, auditor: Command
) -> None:
    pump.studio.edit(
        TargetId(7, 3), lambda a: a.update(thresholds=[{"key": "min_score", "value": 0.5}])
    )
    auditor("run")
    text = (pump.folder / "config.toml").read_text()
    (pump.folder / "config.toml").write_text(
        f'{text}\n[[rules]]\nname = "a"\npath = "thresholds[min_scor].value"\nis = 1\n'
        '[[rules]]\nname = "b"\npath = "visualLayers[*].droputRate"\nis = 1\n'
    )
    done = auditor("check")

    assert "rules[0].path: no audited block has thresholds[min_scor].value" in done.out
    assert "did you mean thresholds[min_score].value?" in done.out
    assert "did you mean visualLayers[*].dropoutRate?" in done.out
