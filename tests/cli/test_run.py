from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor import app
from auditor.demo.faults import Fault
from auditor.model import TargetId
from tests.audit.stage import KEY, Stage, target
from tests.cli.command import Command, call, environment
from tests.cli.gate import DEADLINE_S, gated_studio
from tests.processes import Process, start
from tests.store.examples import Sql


def edit(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))


def database(pump: Stage) -> Path:
    return pump.folder / "auditor.db"


def reconfigure(pump: Stage, old: str, new: str) -> None:
    text = (pump.folder / "config.toml").read_text()
    assert old in text
    pump.configure(text.replace(old, new))


def test_a_run_prints_its_report_and_nothing_else(pump: Stage, auditor: Command) -> None:
    done = auditor("run")

    assert done.code == 0
    assert done.out.startswith("EI drift · Run 1 · ")
    assert "2 blocks recorded" in done.out
    assert "run started run=1 trigger=manual" in done.err
    assert sorted(recipient for recipient, _ in pump.postbox.taken) == [
        "ml@example.org",
        "ops@example.org",
    ]


def test_a_run_prints_json_as_the_contract_has_it(pump: Stage, auditor: Command) -> None:
    auditor("run")
    edit(pump)
    report = auditor("run", "--format", "json").json

    assert list(report) == ["schema", "run", "totals", "targets", "catalogue", "open", "errors"]
    assert report["schema"] == "auditor.report/1"
    assert report["run"] | {"started_at": "", "finished_at": ""} == {
        "id": 2,
        "status": "complete",
        "trigger": "manual",
        "started_at": "",
        "finished_at": "",
    }
    assert [(target["state"], len(target["findings"])) for target in report["targets"]] == [
        ("drifted", 1),
        ("in_sync", 0),
    ]


def test_drift_is_exit_1_only_where_asked_for(pump: Stage, auditor: Command) -> None:
    codes = [auditor("run", "--exit-code").code]
    edit(pump)
    codes.append(auditor("run", "--exit-code").code)
    codes.append(auditor("run", "--exit-code").code)
    pump.studio.edit(target(3), lambda a: a.update(batchSize=16))
    codes.append(auditor("run").code)

    assert codes == [0, 1, 0, 0]


def test_a_target_that_went_missing_tonight_is_exit_1_once(pump: Stage, auditor: Command) -> None:
    auditor("run")
    pump.studio.remove(target(4))

    assert [auditor("run", "--exit-code").code for _ in range(2)] == [1, 0]


def test_the_catalogue_alone_is_exit_0(pump: Stage, auditor: Command) -> None:
    auditor("run")
    for learn_id in (3, 4):
        pump.studio.edit(
            target(learn_id), lambda a: a["transferLearningModels"][0].update(description="New")
        )
    done = auditor("run", "--exit-code", "--format", "json")

    assert done.code == 0
    assert done.json["catalogue"]


def test_a_target_not_checked_is_exit_2_and_wins_over_drift(pump: Stage, auditor: Command) -> None:
    auditor("run")
    edit(pump)
    pump.studio.fail(Fault.HTML, target=target(4))
    done = auditor("run", "--exit-code", "--format", "json")

    assert done.code == 2
    assert done.json["totals"] | {"findings": 1, "unknown": 1} == done.json["totals"]


def test_a_message_not_taken_is_exit_2_and_wins_over_drift(pump: Stage, auditor: Command) -> None:
    auditor("run")
    edit(pump)
    pump.postbox.refuses["ml@example.org"] = "450 try later"
    refused = auditor("run", "--exit-code")
    pump.postbox.refuses.clear()
    taken = auditor("run", "--exit-code")

    assert (refused.code, taken.code) == (2, 0)
    assert "recipient=ml@example.org" in refused.err


def test_a_run_tries_every_queued_message_whether_due_or_not(
    pump: Stage, auditor: Command
) -> None:
    pump.postbox.refuses["ml@example.org"] = "450 try later"
    auditor("run")
    pump.postbox.refuses.clear()
    auditor("run")

    subjects = [mail["Subject"] for to, mail in pump.postbox.taken if to == "ml@example.org"]
    assert [subject.split("|")[0].strip() for subject in subjects] == [
        "[EI drift] audit started",
        "[EI drift] no change",
    ]


def test_without_drift_to_tell_a_report_is_not_mailed_where_only_drift_is_wanted(
    pump: Stage, auditor: Command
) -> None:
    reconfigure(pump, "[email]", '[email]\nsend = "drift"')
    auditor("run")
    pump.postbox.taken.clear()
    done = auditor("run")

    assert (done.code, pump.postbox.taken) == (0, [])
    assert "report not sent" in done.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_dry_run_makes_no_database_and_has_no_run_id(
    pump: Stage, auditor: Command, form: str
) -> None:
    database(pump).unlink()
    done = auditor("run", "--dry-run", "--format", form)

    assert done.code == 0
    assert sorted(path.name for path in pump.folder.iterdir()) == ["config.toml"]
    assert pump.postbox.taken == []
    if form == "json":
        assert done.json["run"]["id"] is None
        assert done.json["totals"]["new"] == 2


def test_a_dry_run_compares_with_what_is_stored_and_leaves_it_so(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    edit(pump)
    before = json.loads(auditor("status", "--format", "json").out)
    dry = auditor("run", "--dry-run", "--exit-code", "--format", "json")

    assert (dry.code, dry.json["run"]["id"], dry.json["totals"]["findings"]) == (1, None, 1)
    assert json.loads(auditor("status", "--format", "json").out) == before
    assert auditor("run", "--exit-code").code == 1


def test_a_dry_run_names_the_run_before_it(pump: Stage, auditor: Command) -> None:
    pump.night()

    assert "\nPrevious:    run 1\n" in auditor("run", "--dry-run").out


def test_a_dry_run_works_beside_a_run(pump: Stage, auditor: Command) -> None:
    with app.open_store(pump.settings) as store, store.run_lock():
        assert auditor("run", "--dry-run").code == 0


def test_a_dry_run_refuses_an_older_database_rather_than_upgrade_it(
    pump: Stage, auditor: Command
) -> None:
    with Sql(f"sqlite:///{database(pump)}") as sql:
        sql.write("DELETE FROM alembic_version")
        done = auditor("run", "--dry-run")

        assert (done.code, done.out) == (2, "")
        assert "auditor db upgrade" in done.err
        assert sql.read("SELECT version_num FROM alembic_version") == []


def test_a_run_is_refused_while_another_is_under_way(pump: Stage, auditor: Command) -> None:
    with app.open_store(pump.settings) as store, store.run_lock():
        refused = auditor("run")

    assert (refused.code, refused.out) == (2, "")
    assert "another run" in refused.err
    assert pump.studio.requests == []
    assert auditor("run").code == 0


@pytest.mark.usefixtures("pump")
@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_a_run_without_standard_error_is_a_run(tmp_path: Path, closed: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", "-c", f'exec "$0" -m auditor run {closed}', sys.executable],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )

    assert done.returncode == 0
    assert done.stdout.startswith("EI drift")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_run_that_is_stopped_ends_the_block_in_hand_and_the_next_one_says_so(
    pump: Stage, auditor: Command, number: signal.Signals, code: int
) -> None:
    reconfigure(pump, "[studio]", "[studio]\nconcurrency = 1")
    with gated_studio(pump) as studio, running("run", folder=pump.folder) as process:
        assert studio.asked.wait(DEADLINE_S)
        meanwhile = auditor("run")
        process.send_signal(number)
        hear(process, "stopping, after the blocks in hand")
        studio.gate.set()
        hear(process, "the run was stopped after 1 of 3 blocks")
        assert process.wait(DEADLINE_S) == code
        status = auditor("status", "--format", "json").json
        following = auditor("run")

    assert (meanwhile.code, meanwhile.out) == (2, "")
    assert status["last_run"]["status"] == "abandoned"
    assert [target["state"] for target in status["targets"]] == ["new"]
    assert (following.code, "Run 1 did not end" in following.out) == (0, True)


def test_a_run_that_is_stopped_while_studio_lists_says_that_it_read_nothing(pump: Stage) -> None:
    with (
        gated_studio(pump, at="/impulses") as studio,
        running("run", folder=pump.folder) as process,
    ):
        assert studio.asked.wait(DEADLINE_S)
        process.send_signal(signal.SIGINT)
        hear(process, "stopping, after the blocks in hand")
        studio.gate.set()
        assert process.wait(DEADLINE_S) == 130
        assert process.stderr is not None
        rest = process.stderr.read()

    assert "the run was stopped before it read a block" in rest
    assert "run started" not in rest


def test_a_run_by_hand_is_ended_at_once_by_a_second_ctrl_c(pump: Stage) -> None:
    with gated_studio(pump) as studio, running("run", folder=pump.folder) as process:
        assert studio.asked.wait(DEADLINE_S)
        process.send_signal(signal.SIGINT)
        hear(process, "stopping, after the blocks in hand")
        process.send_signal(signal.SIGINT)

        assert process.wait(DEADLINE_S) == 130


def test_a_run_that_was_killed_is_not_shown_as_running(pump: Stage, auditor: Command) -> None:
    with gated_studio(pump) as studio, running("run", folder=pump.folder) as process:
        assert studio.asked.wait(DEADLINE_S)
        alive = auditor("status", "--format", "json").json
        process.kill()
        process.wait(DEADLINE_S)
        killed = auditor("status", "--format", "json").json

    states = [status["last_run"]["status"] for status in (alive, killed)]
    assert states == ["running", "abandoned"]


def hear(process: Process, words: str) -> None:
    """Wait until the process says so on standard error."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr)


def running(*arguments: str, folder: Path) -> Process:
    """Run a command that is still at it when the caller goes on."""
    return start(*arguments, folder=folder, stderr=subprocess.PIPE, environment=environment())


@pytest.mark.usefixtures("pump")
def test_a_run_is_narrowed_to_a_project_or_a_block(auditor: Command) -> None:
    block = auditor("run", "--block", "7/4", "--format", "json").json
    both = auditor("run", "--project", "7", "--format", "json").json

    assert "This run audited a part" in " ".join(auditor("run", "--block", "7/4").out.split())
    assert [target["learn_id"] for target in block["targets"]] == [4]
    assert [target["state"] for target in both["targets"]] == ["new", "in_sync"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--project", "8"], "project 8 is not in the configuration"),
        (["--block", "8/3"], "project 8 is not in the configuration"),
        (["--block", "7/9"], "block 7/9 is not audited"),
        (["--block", "Motion"], "'Motion' is not a block"),
        (["--block", "7/3@latest"], "is not a block"),
        (["--project", "8", "--block", "7/3"], "block 7/3 does not belong to project 8"),
        (["--project", "Pump"], "is not the id of a project, run or message"),
        (["--format", "html"], "invalid choice"),
    ],
    ids=call,
)
def test_what_is_not_audited_cannot_be_run(
    pump: Stage, auditor: Command, arguments: list[str], words: str
) -> None:
    done = auditor("run", *arguments)

    assert (done.code, done.out) == (2, "")
    assert words in done.err
    with app.open_store(pump.settings) as store:
        assert store.last_run() is None


def test_a_wrong_key_is_exit_2_and_shown_nowhere(pump: Stage, auditor: Command) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)
    done = auditor("run", "--format", "json")

    assert (done.code, done.json["run"]["status"]) == (2, "failed")
    assert done.json["errors"][0]["kind"] == "unauthorized"
    assert KEY not in done.out + done.err


def test_a_missing_block_of_a_project_that_cannot_be_listed_is_named_as_that(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.studio.remove(target(4))
    auditor("run")
    pump.studio.fail(Fault.LISTING_REFUSED, target=target(0))
    done = auditor("run")

    missing, read = (
        next(part for part in done.out.split("* ") if part.startswith(name))
        for name in ("Screws (7/4)", "Motion (7/3)")
    )
    assert "missing before this run, and not known whether it is back" in " ".join(missing.split())
    assert "missing" not in read.partition("\n\n")[0]


def test_a_page_that_cannot_be_written_is_logged(pump: Stage, auditor: Command) -> None:
    (pump.folder / "reports").write_text("in the way")
    done = auditor("run")

    assert "report page not written" in done.err
    assert len(pump.postbox.taken) == 2


def test_names_of_strangers_are_harmless_on_the_terminal(pump: Stage, auditor: Command) -> None:
    hostile = "\x1b[2J<img>\r\nBcc: a@b \u202egpj"
    pump.studio.edit(target(3), lambda a: a.update(name=hostile))
    pump.studio.put(TargetId(7, 5), {"success": False, "error": hostile, "type": "keras"})
    text = auditor("run")
    status = auditor("status")

    for done in (text, status):
        assert "\\x1b[2J<img>\\x0d\\x0aBcc" in done.out
        assert not {"\x1b", "\r", "\u202e"} & set(done.out + done.err)


def test_a_run_that_sends_nothing_leaves_what_it_found_to_the_next_report(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.postbox.taken.clear()
    pump.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    kept = auditor("run", "--no-send", "--exit-code", "--format", "json")
    sent_to = len(pump.postbox.taken)
    after = auditor("run", "--format", "json").json
    last = auditor("run", "--format", "json").json

    assert (kept.code, sent_to) == (1, 0)
    assert len(kept.json["targets"][0]["findings"]) == 1
    (late,) = after["targets"][0]["findings"]
    assert (late["late"], late["run"], late["holds"]) == (True, kept.json["run"]["id"], True)
    assert last["targets"][0]["findings"] == []
    assert auditor("run", "--no-send", "--deliver-for", "1m").code == 2
