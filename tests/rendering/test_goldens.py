from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.rendering.json import dump_json, encode_report
from tests.rendering.samples import NIGHTS, PAGE, renderer

GOLDEN = Path(__file__).parents[1] / "golden"


def compare(name: str, found: str) -> None:
    """Hold `found` against the golden file; `AUDITOR_UPDATE_GOLDEN=1` writes it again."""
    path = GOLDEN / name
    if os.environ.get("AUDITOR_UPDATE_GOLDEN") == "1":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("night", NIGHTS)
def test_the_plain_text_of_a_run_reads_as_agreed(night: str) -> None:
    mailing = renderer().mail_content(NIGHTS[night](), page=PAGE)

    headers = "".join(f"{name}: {value}\n" for name, value in mailing.headers.items())
    compare(f"{night}.txt", f"Subject: {mailing.subject}\n{headers}\n{mailing.text}")


@pytest.mark.parametrize("night", NIGHTS)
def test_the_page_of_a_run_reads_as_agreed(night: str) -> None:
    compare(f"{night}.html", renderer().page(NIGHTS[night]()))


@pytest.mark.parametrize("night", NIGHTS)
def test_the_json_of_a_run_reads_as_agreed(night: str) -> None:
    compare(f"{night}.json", dump_json(encode_report(NIGHTS[night]())))
