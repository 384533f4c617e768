"""A folder of reports that cannot be written."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.command import Command
from tests.faults.stage import Installation


@pytest.mark.parametrize("has_mail", [True, False], ids=["mail", "no-mail"])
def test_a_run_without_a_page_says_so_and_is_reported_by_mail_or_not_at_all(
    pump: Installation, auditor: Command, has_mail: bool
) -> None:
    shutil.rmtree(pump.stage.folder / "reports")
    (pump.stage.folder / "reports").write_text("in the way")
    if not has_mail:
        text = (pump.stage.folder / "config.toml").read_text()
        head, _, rest = text.partition("[email]")
        (pump.stage.folder / "config.toml").write_text(head + "[[" + rest.partition("[[")[2])
    pump.edit(3)
    pump.postbox.taken.clear()
    done = auditor("run")

    assert "report page not written" in done.err
    assert (done.code, len(pump.postbox.taken)) == ((0, 2) if has_mail else (2, 0))
    (pump.stage.folder / "reports").unlink()
    pump.hold_to_the_law()
