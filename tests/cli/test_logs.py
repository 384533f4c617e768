from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.logs import JsonLines, TextLines, report_error, set_up_logging
from auditor.demo.faults import Fault
from auditor.redaction import Secret, guard
from tests.audit.stage import Stage, block, target
from tests.cli.command import ROOT, Command


def record(message: str, *arguments: object, **extras: object) -> logging.LogRecord:
    made = logging.LogRecord("auditor.audit", logging.INFO, __file__, 1, message, arguments, None)
    made.__dict__.update(extras)
    return made


def test_a_record_is_one_line_with_its_extras_behind() -> None:
    line = TextLines("%(levelname)s %(name)s: %(message)s").format(
        record("run %s", "started", run=7, trigger="manual")
    )

    assert line == "INFO auditor.audit: run started run=7 trigger=manual"


@pytest.mark.parametrize(
    ("message", "extras"),
    [("\x1b[2J\u202e\r", {}), ("run started", {"target": "\x1b[2J\u202e\r\nauditor: ok"})],
    ids=["message", "extra"],
)
def test_what_strangers_wrote_is_harmless_in_the_log(
    message: str, extras: dict[str, object]
) -> None:
    line = TextLines("%(message)s").format(record(message, **extras))

    assert line.isprintable()
    assert "\\x1b[2J\\u202e\\x0d" in line


def test_no_studio_key_is_logged() -> None:
    key = "ei_" + "ab" * 24

    assert key not in TextLines("%(message)s").format(record("refused %s", key, header=key))


def test_a_traceback_follows_the_line_and_its_extras() -> None:
    made = record("job failed", slot="2026-11-23T03:15")
    made.exc_info = (OSError, OSError("the disk is on fire"), None)

    assert TextLines("%(message)s").format(made).splitlines() == [
        "job failed slot=2026-11-23T03:15",
        "  OSError: the disk is on fire",
    ]


def test_the_lines_behind_the_first_are_harmless_too() -> None:
    key = "ei_" + "ab" * 24
    text = f"first\nsecond \x1b[2J\u202e {key}"
    line = TextLines("%(message)s").format(
        logging.LogRecord("auditor", logging.ERROR, __file__, 1, text, (), None)
    )
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert key not in line


@pytest.mark.parametrize("form", [TextLines("%(message)s"), JsonLines()])
def test_the_log_holds_no_secret_that_was_read(form: logging.Formatter) -> None:
    guard(Secret("canary-that-slipped"))
    made = record("see %s", "canary-that-slipped", where="canary-that-slipped")
    made.exc_info = (ValueError, ValueError("no canary-that-slipped here"), None)

    line = form.format(made)

    assert "canary" not in line
    assert line.count("(hidden)") == 3


def test_no_line_of_a_strangers_begins_where_records_begin() -> None:
    forged = "refused\nINFO auditor.audit: run ended run=7"
    text = TextLines("%(levelname)s %(message)s").format(record("%s", forged))

    assert text.splitlines() == ["INFO refused", "  INFO auditor.audit: run ended run=7"]


def test_the_time_is_utc() -> None:
    made = record("run started")
    made.created, made.msecs = 0.25, 250.0

    assert TextLines("%(asctime)s").format(made) == "1970-01-01T00:00:00.250Z"
    assert as_json(made)["time"] == "1970-01-01T00:00:00.250Z"


@pytest.mark.parametrize("form", [TextLines("%(message)s"), JsonLines()])
def test_a_whole_document_is_cut(form: logging.Formatter) -> None:
    line = form.format(record("refused %s", "x" * 100_000, body="y" * 100_000))

    assert len(line) < 4_500
    assert "more character" in line


def as_json(made: logging.LogRecord) -> Any:  # noqa: ANN401 - any JSON
    line = JsonLines().format(made)
    assert "\n" not in line
    assert line.isascii()
    return json.loads(line)


def test_a_record_as_json_keeps_numbers_and_comes_in_order() -> None:
    logged = as_json(record("run %s", "started", run=7, trigger="manual", page=None, dry=False))

    assert list(logged)[:4] == ["time", "level", "logger", "message"]
    assert logged | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "auditor.audit",
        "message": "run started",
        "run": 7,
        "trigger": "manual",
        "page": None,
        "dry": False,
    }


def test_an_extra_takes_the_place_of_nothing_in_json() -> None:
    logged = as_json(record("run started", level="none", time="never", logger="x"))

    assert (logged["level"], logged["logger"], logged["time"] == "never") == (
        "info",
        "auditor.audit",
        False,
    )


def test_a_traceback_is_a_key_of_json() -> None:
    made = record("job failed")
    made.exc_info = (OSError, OSError("the disk\x1b[2J is on fire"), None)

    assert as_json(made)["trace"] == "OSError: the disk\\x1b[2J is on fire"


def test_what_strangers_wrote_is_harmless_in_json_once_it_is_read() -> None:
    key = "ei_" + "ab" * 24
    logged = as_json(record("%s", f"\x1b[2J\u202e {key}", target=f"\r\n{key}"))

    assert (logged["message"], logged["target"]) == (
        "\\x1b[2J\\u202e (hidden)",
        "\\x0d\\x0a(hidden)",
    )


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A file in the place of the journal's socket, known by its numbers as the socket is."""
    path = tmp_path / "journal"
    path.touch()
    stream = path.stat()
    monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    return Journal(path)


@dataclass
class Journal:
    path: Path

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Send standard error there, and the log as it was afterwards."""
        before = logging.root.handlers[:], logging.root.level
        with self.path.open("w") as stream, redirect_stderr(stream):
            yield
            logging.root.handlers[:], level = before
            logging.root.setLevel(level)

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()


def test_the_journal_gets_the_priority_of_each_line_and_no_time(journal: Journal) -> None:
    with journal.attached():
        set_up_logging()
        logging.getLogger("auditor.x").info("run started", extra={"run": 7})
        logging.getLogger("auditor.x").warning("two\nlines")
        report_error("config.toml cannot be used:\n  a.b: is wrong")

    assert journal.lines == [
        "<6>INFO auditor.x: run started run=7",
        "<4>WARNING auditor.x: two",
        "<4>  lines",
        "<3>auditor: config.toml cannot be used:",
        "<3>  a.b: is wrong",
    ]


def test_json_in_the_journal_has_its_priority_before_it(journal: Journal) -> None:
    with journal.attached():
        set_up_logging(form="json")
        logging.getLogger("auditor.x").error("no")
        report_error("config.toml cannot be used")

    assert [json.loads(line.removeprefix("<3>"))["message"] for line in journal.lines] == [
        "no",
        "config.toml cannot be used",
    ]


def test_a_log_that_goes_elsewhere_is_not_taken_for_the_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234")
    with journal.attached():
        set_up_logging()
        logging.getLogger("auditor.x").info("run started")

    (line,) = journal.lines
    assert re.fullmatch(r"\d{4}-\S+Z INFO auditor\.x: run started", line)


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_a_run_logs_json_where_that_is_wanted(pump: Stage, auditor: Command, how: str) -> None:
    if how == "configuration":
        path = pump.folder / "config.toml"
        pump.configure(f'{path.read_text()}\n[log]\nformat = "json"\n')
    done = auditor("run", *(["--log-format", "json"] if how == "option" else []))

    logged = [json.loads(line) for line in done.err.splitlines()]
    assert [record["message"] for record in logged] == [
        "run started",
        "run ended",
        "message delivered",
        "message delivered",
        "2 messages sent to 2 recipients",
    ]
    assert {record["run"] for record in logged} == {1}


def test_the_option_goes_before_the_configuration(pump: Stage, auditor: Command) -> None:
    path = pump.folder / "config.toml"
    pump.configure(f'{path.read_text()}\n[log]\nformat = "json"\n')

    assert " INFO auditor." in auditor("run", "--log-format", "text").err


@pytest.mark.usefixtures("pump")
def test_an_error_at_the_start_is_json_too_where_that_is_asked_for(auditor: Command) -> None:
    done = auditor("run", "--log-format", "json", "--config", "nowhere.toml")

    assert done.code == 2
    assert "nowhere.toml does not exist" in json.loads(done.err)["message"]


def test_a_run_over_many_blocks_logs_under_twenty_lines(pump: Stage, auditor: Command) -> None:
    for learn_id in range(10, 60):
        pump.studio.put(target(learn_id), block(name=f"Motion {learn_id}"))
    auditor("run")
    for learn_id in range(10, 35):
        pump.studio.edit(target(learn_id), lambda a: a.update(batchSize=64))
        pump.studio.fail(Fault.HTML, target=target(learn_id + 25))
    done = auditor("run", "--format", "json")

    totals = done.json["totals"]
    assert (totals["drifted"], totals["unknown"]) == (25, 25)
    assert len(done.err.splitlines()) < 20


_DEFECT = """
from auditor.cli.logs import report_defect, silence_logging

silence_logging()
try:
    1 / 0
except ZeroDivisionError as error:
    report_defect(error)
"""


def test_a_defect_is_reported_although_the_command_logs_nothing() -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _DEFECT], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stderr.startswith("auditor: a defect of the auditor, please report it\n")
    assert "ZeroDivisionError" in done.stderr
