"""The manual page that is shipped says what the commands' own help says."""

from __future__ import annotations

import re
import sys

import pytest

from tests.cli.command import ROOT, Command
from tests.man_page import build_page

PAGE = ROOT / "docs" / "auditor.1"


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="each Python words the usage of a command its own way"
)
def test_the_page_is_current() -> None:
    assert PAGE.read_text() == build_page(), "write it again: make man"


def test_the_page_has_every_command(auditor: Command) -> None:
    listed = re.findall(r"(?m)^    ([a-z]+)  ", auditor("--help").out)
    page = PAGE.read_text()

    assert [name for name in listed if f".SS \\fBauditor {name}\\fR" not in page] == []
    assert len(listed) > 20


def test_no_text_of_the_page_is_taken_for_a_macro() -> None:
    macros = {line.split()[0] for line in PAGE.read_text().splitlines() if line[:1] in (".", "'")}

    assert macros <= {".TH", ".SH", ".SS", ".TP", ".B", ".I", ".RS", ".RE"}
