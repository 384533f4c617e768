"""A folder of reports that cannot be written."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

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


def test_a_full_folder_is_named_with_a_remedy_and_the_mail_links_to_no_page(
    pump: Installation, auditor: Command, disk: Path
) -> None:
    folder = disk / "reports"
    text = (pump.stage.folder / "config.toml").read_text()
    reports = f'[reports]\ndirectory = "{folder}"\nurl = "https://drift.example.org/"\n'
    (pump.stage.folder / "config.toml").write_text(f"{reports}{text}")
    auditor("run")
    fill(disk / "filler")
    pump.edit(3)
    pump.postbox.taken.clear()
    done = auditor("run")
    [(_, mail), _] = pump.postbox.taken
    body = mail.get_body(("plain",))
    assert body is not None
    words = " ".join(body.get_content().split())

    remedy = f"{folder} cannot be written, no space left on device: make room on its disk"
    assert done.code == 0
    assert f"report page not written: {remedy}" in done.err
    assert (
        f"pages not brought up to date: {remedy}. The next run writes what is missing" in done.err
    )
    assert "The page of this run could not be written, so this mail links to no page." in words
    assert "drift.example.org" not in words
    (disk / "filler").unlink()
    pump.hold_to_the_law()


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
