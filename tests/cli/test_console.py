from __future__ import annotations

import logging

import pytest

from auditor.cli.console import LogFormat, complain
from auditor.redaction import Secret, guard


def record(message: str, *arguments: object, **extras: object) -> logging.LogRecord:
    made = logging.LogRecord("auditor.audit", logging.INFO, __file__, 1, message, arguments, None)
    made.__dict__.update(extras)
    return made


def test_a_record_is_one_line_with_its_extras_behind() -> None:
    line = LogFormat("%(levelname)s %(name)s: %(message)s").format(
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
    line = LogFormat("%(message)s").format(record(message, **extras))

    assert line.isprintable()
    assert "\\x1b[2J\\u202e\\x0d" in line


def test_no_studio_key_is_logged() -> None:
    key = "ei_" + "ab" * 24

    assert key not in LogFormat("%(message)s").format(record("refused %s", key, header=key))


def test_a_traceback_stands_behind_the_line_and_its_extras() -> None:
    made = record("job failed", slot="2026-11-23T03:15")
    made.exc_info = (OSError, OSError("the disk is on fire"), None)

    assert LogFormat("%(message)s").format(made).splitlines() == [
        "job failed slot=2026-11-23T03:15",
        "OSError: the disk is on fire",
    ]


def test_a_complaint_keeps_its_lines_and_nothing_else_that_moves_a_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain("config.toml cannot be used:\n  a.b: \x1b[2J is wrong\n  c: \u202e is wrong")

    assert capsys.readouterr().err == (
        "auditor: config.toml cannot be used:\n  a.b: \\x1b[2J is wrong\n  c: \\u202e is wrong\n"
    )


def test_the_lines_behind_the_first_are_harmless_too() -> None:
    key = "ei_" + "ab" * 24
    text = f"first\nsecond \x1b[2J\u202e {key}"
    line = LogFormat("%(message)s").format(
        logging.LogRecord("auditor", logging.ERROR, __file__, 1, text, (), None)
    )
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert key not in line


def test_the_log_holds_no_secret_that_was_read() -> None:
    guard(Secret("canary-that-slipped"))
    made = record("see %s", "canary-that-slipped", where="canary-that-slipped")
    error = ValueError("no canary-that-slipped here")
    made.exc_info = (ValueError, error, None)

    line = LogFormat("%(message)s").format(made)

    assert "canary" not in line
    assert line.count("(hidden)") == 3


def test_a_complaint_holds_no_secret_that_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    guard(Secret("canary-that-slipped"))
    complain("no canary-that-slipped here")

    assert capsys.readouterr().err == "auditor: no (hidden) here\n"
