from __future__ import annotations

import pytest

from auditor.cli.console import print_error
from auditor.redaction import Secret, guard


def test_a_complaint_keeps_its_lines_and_nothing_else_that_moves_a_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error("config.toml cannot be used:\n  a.b: \x1b[2J is wrong\n  c: \u202e is wrong")

    assert capsys.readouterr().err == (
        "auditor: config.toml cannot be used:\n  a.b: \\x1b[2J is wrong\n  c: \\u202e is wrong\n"
    )


def test_a_complaint_holds_no_secret_that_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    guard(Secret("canary-that-slipped"))
    print_error("no canary-that-slipped here")

    assert capsys.readouterr().err == "auditor: no (hidden) here\n"
