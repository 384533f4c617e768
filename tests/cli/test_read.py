from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from auditor.model import JsonObject, Trigger
from auditor.store.store import open_database
from tests.audit.stage import KEY, Stage, block, target
from tests.cli.command import Command, call
from tests.store.examples import PUMP, audited, changed, first


def layout(document: object) -> object:
    """The keys of a document in their order, at every depth."""
    if isinstance(document, dict):
        return [(key, layout(value)) for key, value in document.items()]
    return [layout(item) for item in document] if isinstance(document, list) else None


@pytest.mark.usefixtures("history")
def test_status_shows_each_target_and_the_service(auditor: Command) -> None:
    done = auditor("status")

    assert (done.code, done.err) == (0, "")
    assert re.search(r"^Last run: +3, complete, .* \(manual\)$", done.out, re.MULTILINE)
    assert re.search(r"^Service: +never seen$", done.out, re.MULTILINE)
    assert re.search(r"^Next run: +no service was seen: start it", done.out, re.MULTILINE)
    assert re.search(r"^Undelivered: +0 messages queued, 0 dead$", done.out, re.MULTILINE)
    assert re.search(r"^7/3 +Pump / Motion +drifted +stale ", done.out, re.MULTILINE)
    assert re.search(r"^7/4 +Pump / Screws +in_sync +trained ", done.out, re.MULTILINE)


@pytest.mark.usefixtures("history")
def test_status_as_json(auditor: Command) -> None:
    document = auditor("status", "--format", "json").json

    assert document["schema"] == "auditor.status/1"
    assert document["last_run"]["id"] == 3
    assert document["next_run_at"] is None
    assert document["service"]["starter"] == "nobody"
    assert [(target["learn_id"], target["state"]) for target in document["targets"]] == [
        (3, "drifted"),
        (4, "in_sync"),
    ]


@pytest.mark.usefixtures("pump")
def test_status_before_the_first_run(auditor: Command) -> None:
    done = auditor("status")

    assert done.code == 0
    assert "none so far" in done.out
    assert "No target to list." in done.out


def test_status_says_that_messages_have_no_mail_server(pump: Stage, auditor: Command) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later", "ops@example.org": "450 later"}
    pump.night()
    before = auditor("status")
    text = (pump.folder / "config.toml").read_text()
    begin, end = text.index("[email]"), text.index("[[projects]]")
    pump.configure(text[:begin] + text[end:])
    after = auditor("status")

    assert "2 messages queued" in after.out
    assert (before.err, "reports are sent to nobody" in after.err) == ("", True)


def test_status_shows_what_is_not_delivered_and_why(pump: Stage, auditor: Command) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later", "ops@example.org": "550 unknown"}
    auditor("run")
    done = auditor("status")

    assert "1 message queued, 1 dead" in done.out
    assert re.search(r"run 1 to ml@example.org, queued, 1 attempt, next try .*450 later", done.out)
    assert re.search(r"run 1 to ops@example.org, dead, 1 attempt: .*550 unknown", done.out)


@pytest.mark.usefixtures("history")
def test_history_is_one_line_a_version_newest_first(auditor: Command) -> None:
    done = auditor("history", "7/3")

    head, newest, oldest = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert head.split() == ["SEEN", "RUN", "MODEL", "WHAT"]
    assert re.fullmatch(r"\S+ \S+ UTC +3 +stale +Batch size: 32 → 64", newest)
    assert re.fullmatch(r"\S+ \S+ UTC +1 +trained +First seen", oldest)


@pytest.mark.usefixtures("history")
def test_history_as_json(auditor: Command) -> None:
    document = auditor("history", "7/3", "--format", "json").json

    assert (document["project_id"], document["learn_id"]) == (7, 3)
    assert [(version["run_id"], version["model_state"]) for version in document["versions"]] == [
        (3, "stale"),
        (1, "trained"),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["history", "7/9"], "no version of 7/9 is stored"),
        (["history", "Motion"], "'Motion' is not a block"),
        (["history", "7/3@latest"], "is not a block"),
        (["show", "7/9"], "no version of 7/9 is stored"),
        (["show", "Motion"], "'Motion' is not a version"),
        (["show", "7/3@baseline"], "no baseline of 7/3 is approved"),
        (["report", "99"], "no run 99"),
        (["report", "last"], "is not the id of a project, run or message"),
    ],
    ids=call,
)
@pytest.mark.usefixtures("history")
def test_what_is_not_stored_is_exit_2(auditor: Command, arguments: list[str], words: str) -> None:
    done = auditor(*arguments)

    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_show_prints_an_answer_as_studio_sent_it(history: Stage, auditor: Command) -> None:
    done = auditor("show", "7/3")
    sent = history.studio.answer(target(3))

    assert (done.code, done.err) == (0, "")
    assert done.json == sent
    assert layout(done.json) == layout(sent)


@pytest.mark.parametrize(
    ("when", "batch_size"),
    [("latest", 64), ("previous", 32), ("run:1", 32), ("run:2", 32), ("run:3", 64)],
)
@pytest.mark.usefixtures("history")
def test_show_prints_the_version_asked_for(auditor: Command, when: str, batch_size: int) -> None:
    assert auditor("show", f"7/3@{when}").json["batchSize"] == batch_size


def test_a_date_is_the_end_of_that_day_in_the_schedules_time_zone(
    pump: Stage, auditor: Command
) -> None:
    """03:15 UTC on the 23rd is still the 22nd on Midway, eleven hours behind."""
    with open_database(f"sqlite:///{pump.folder / 'auditor.db'}", upgrade=False) as store:
        audited(store, 0, first(PUMP))
        audited(store, 1, changed(PUMP))
    in_utc = [auditor("show", f"{PUMP}@2026-11-{day}").code for day in (21, 22, 23)]
    text = (pump.folder / "config.toml").read_text()
    pump.configure(f'{text}\n[schedule]\ntimezone = "Pacific/Midway"\n')
    on_midway = [auditor("show", f"{PUMP}@2026-11-{day}").code for day in (21, 22, 23)]
    shown = [auditor("show", f"{PUMP}@2026-11-{day}").json["content"] for day in (22, 23)]

    assert (in_utc, on_midway) == ([2, 2, 0], [2, 0, 0])
    assert shown == ["first", "second"]


def test_show_hides_secrets_and_keeps_the_order_of_keys(pump: Stage, auditor: Command) -> None:
    parameter: JsonObject = {"param": "token", "type": "secret", "value": "canary-1"}
    models = [{"type": "fomo", "customParameters": [parameter]}]
    key = "ei_" + "ab" * 24
    answer = block(
        transferLearningModels=models,
        customParameters={"z": "1", "token": "canary-2", "a": "2"},
        script=f"KEY = '{key}'\n",
    )
    pump.studio.put(target(5), answer)
    auditor("run")
    done = auditor("show", "7/5")

    assert done.json["customParameters"] == {"z": "1", "token": "(hidden)", "a": "2"}
    assert done.json["script"] == "KEY = '(hidden)'\n"
    assert layout(done.json) == layout(answer)
    for secret in ("canary", key, KEY, "hidden:"):
        assert secret not in done.out


def test_a_report_is_the_runs_own(pump: Stage, auditor: Command) -> None:
    first_json = auditor("run", "--format", "json").out
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    second_text = auditor("run").out

    assert auditor("report", "1", "--format", "json").out == first_json
    assert auditor("report").out == second_text
    assert auditor("report", "2").out == second_text


def test_a_report_as_html_is_the_page_without_links_to_the_folder(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    auditor("run")
    done = auditor("report", "--format", "html")
    page = (pump.folder / "reports" / "run-000002.html").read_text()

    assert (done.code, done.err) == (0, "")
    assert _heading(done.out) == _heading(page) != ""
    assert 'href="targets/' in page
    assert 'href="targets/' not in done.out


def _heading(page: str) -> str:
    return "".join(re.findall("<h1.*</h1>", page))


def test_every_page_is_written_anew(pump: Stage, auditor: Command) -> None:
    auditor("run")
    auditor("run")
    reports = pump.folder / "reports"
    before = {path.relative_to(reports) for path in reports.rglob("*.html")}
    shutil.rmtree(reports)

    done = auditor("report", "--rebuild")

    assert (done.code, done.err) == (0, "")
    assert done.out == f"All pages were written: {reports / 'index.html'}\n"
    assert {path.relative_to(reports) for path in reports.rglob("*.html")} == before


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("more", [["2"], ["--send"], ["--format", "json"]], ids=str)
def test_to_write_every_page_goes_with_nothing_else(auditor: Command, more: list[str]) -> None:
    done = auditor("report", "--rebuild", *more)

    assert (done.code, done.out) == (2, "")
    assert "--rebuild writes every page" in done.err


@pytest.mark.usefixtures("pump")
def test_before_the_first_run_there_is_no_report(auditor: Command) -> None:
    done = auditor("report")

    assert (done.code, done.out) == (2, "")
    assert "no run is stored" in done.err


def test_a_run_that_is_not_there_names_those_that_are(history: Stage, auditor: Command) -> None:
    del history
    done = auditor("report", "77")

    assert (done.code, done.out) == (2, "")
    assert "there is no run 77; the runs with a report are 3, 2, 1" in done.err


def test_a_report_is_mailed_again_to_every_recipient(pump: Stage, auditor: Command) -> None:
    auditor("run")
    before = {mail["Message-ID"] for _, mail in pump.postbox.taken}
    pump.postbox.taken.clear()
    done = auditor("report", "--send", "--format", "json")

    assert (done.code, done.json["run"]["id"]) == (0, 1)
    assert done.err == "The report of run 1 was sent to 2 of 2 recipients.\n"
    assert sorted(recipient for recipient, _ in pump.postbox.taken) == [
        "ml@example.org",
        "ops@example.org",
    ]
    # a message of its own: servers may drop one whose Message-ID they have seen
    assert before.isdisjoint(mail["Message-ID"] for _, mail in pump.postbox.taken)


def test_a_report_not_taken_is_exit_2_and_reaches_the_others(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.postbox.taken.clear()
    pump.postbox.refuses["ops@example.org"] = "550 unknown"
    done = auditor("report", "--send")

    assert done.code == 2
    assert "ops@example.org: " in done.err
    assert "was sent to 1 of 2 recipients" in done.err
    assert [recipient for recipient, _ in pump.postbox.taken] == ["ml@example.org"]


def test_without_mail_nothing_can_be_sent(pump: Stage, auditor: Command) -> None:
    text = (pump.folder / "config.toml").read_text()
    pump.configure(re.sub(r"\[email\].*?(?=\[\[)", "", text, flags=re.DOTALL))
    auditor("run")
    done = auditor("report", "--send")

    assert done.code == 2
    assert "add [email] or [[channels]] to the configuration" in done.err


def test_json_is_ascii_so_that_no_name_moves_a_cursor(pump: Stage, auditor: Command) -> None:
    pump.studio.edit(target(3), lambda a: a.update(name="\x1b[2J Größe \u202e"))
    auditor("run")
    for arguments in (["status"], ["report"], ["history", "7/3"]):
        done = auditor(*arguments, "--format", "json")
        assert done.out.isascii()
        assert "\x1b" not in done.out
        assert json.loads(done.out)


def test_where_nothing_can_be_sent_nothing_is_printed(pump: Stage, auditor: Command) -> None:
    text = (pump.folder / "config.toml").read_text()
    pump.configure(re.sub(r"\[email\].*?(?=\[\[)", "", text, flags=re.DOTALL))
    auditor("run")
    done = auditor("report", "--send")

    assert (done.code, done.out) == (2, "")


@pytest.mark.usefixtures("history")
def test_runs_are_listed_newest_first(auditor: Command) -> None:
    done = auditor("runs")

    assert (done.code, done.err) == (0, "")
    heads = [line.split()[0] for line in done.out.splitlines()]
    assert heads == ["RUN", "3", "2", "1"]
    assert re.search(r"^3 .* complete +drift +2 of 2 +[1-9]", done.out, re.MULTILINE)
    assert re.search(r"^1 .* complete +ok +2 of 2 +0", done.out, re.MULTILINE)


@pytest.mark.usefixtures("history")
def test_runs_as_json(auditor: Command) -> None:
    document = auditor("runs", "--format", "json").json

    assert document["schema"] == "auditor.runs/1"
    assert [run["id"] for run in document["runs"]] == [3, 2, 1]
    assert list(document["runs"][0]) == [
        *("id", "status", "trigger", "started_at", "finished_at", "verdict", "totals")
    ]
    assert document["runs"][0]["totals"]["checked"] == 2


def test_a_run_that_is_not_closed_runs_while_a_process_makes_it(
    pump: Stage, auditor: Command
) -> None:
    pump.night()
    with open_database(pump.settings.database.url, upgrade=False) as store:
        with store.run_lock():
            store.open_run(Trigger.MANUAL, started_at=datetime(2026, 11, 24, tzinfo=UTC))
            running = auditor("runs", "--format", "json").json["runs"][0]
        left = auditor("runs", "--format", "json").json["runs"][0]

    assert (running["status"], running["verdict"], running["totals"]) == ("running", None, None)
    assert (left["status"], left["verdict"], left["totals"]) == ("abandoned", None, None)


@pytest.mark.usefixtures("pump")
def test_runs_before_the_first_run(auditor: Command) -> None:
    assert auditor("runs").out == "No run is stored.\n"
