"""Search, filter and comparison in a real browser, and the same pages without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.studio_server import sample_blocks
from auditor.listings import Overview
from auditor.model import TargetState
from auditor.rendering.project_pages import gather_fleet
from tests.browser import Browser, browser
from tests.rendering.samples import HOSTILE
from tests.rendering.sites import history_of, overview_of, site, year_of_runs

_CHOOSE = """
const list = document.querySelectorAll("#compare select")[{}];
list.value = "{}";
list.dispatchEvent(new Event("change", {{bubbles: true}}));
"""


def versions() -> tuple[dict[str, Any], ...]:
    """Return three answers: a layer comes and a threshold moves, then the script and a setting."""
    visual: dict[str, Any] = deepcopy(sample_blocks()["keras"])
    second = deepcopy(visual)
    second["visualLayers"].insert(0, {"type": "reshape", "columns": 13})
    second["thresholds"][0]["value"] = 0.9
    third = deepcopy(second)
    third |= {"batchSize": 64, "script": f"{visual['script']}\nprint('</script>{HOSTILE}')"}
    return visual, second, third


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    here = site(folder)
    here.write_target(history_of(*versions()), runs=())
    blocks = [overview_of(n) for n in range(1, 300)]
    blocks += [overview_of(300, TargetState.DRIFTED, name="Motión")]
    here.write_overview(
        Overview(
            newest=None,
            listing=year_of_runs(300),
            years=(),
            summaries=(),
            fleet=gather_fleet(blocks),
        ),
        runs=(),
    )
    return folder


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def test_any_two_versions_are_compared(pages: Path, opened: Browser) -> None:
    opened.open((pages / "targets/1/3.html").as_uri())
    assert opened.text("#compare output") == "1 value differs, and the script differs."

    opened.run(_CHOOSE.format(0, 2))

    shown = opened.text("#compare tbody")
    assert "Layer 1" in shown
    assert "reshape (columns 13)" in shown
    assert "Threshold min_score" in shown
    assert "0.9" in shown
    assert "Batch size" in shown
    assert "+ print('</script>" in opened.text("#compare pre")
    assert opened.text("#compare .hint") == (
        "The same with severities: auditor diff 1/3@run:1 1/3@run:3"
    )
    opened.run(_CHOOSE.format(0, 0))
    assert opened.text("#compare output") == "This is one version: choose two."
    assert opened.complaints() == []


def test_blocks_and_runs_are_searched_and_filtered(pages: Path, opened: Browser) -> None:
    opened.open((pages / "index.html").as_uri())
    blocks = ".find[data-list=block-list]"
    assert opened.text(f"{blocks} output") == "300 in all"

    opened.type(f"{blocks} input", "motion pump")

    assert opened.text(f"{blocks} output") == "1 of 300 shown"
    assert "Motión" in opened.text("#block-list tbody")
    assert "Block 7" not in opened.text("#block-list tbody")
    filtered = (
        "const list = document.querySelector('.find[data-list=run-list] select');"
        "list.value = 'C'; list.dispatchEvent(new Event('input', {bubbles: true}));"
        "return document.querySelectorAll('#run-list tbody tr:not([hidden])').length"
    )
    shown = opened.run(filtered)
    assert 0 < shown < 300
    assert opened.text(".find[data-list=run-list] output") == f"{shown} of 300 shown"
    assert opened.complaints() == []


def test_without_javascript_all_is_listed_and_no_dead_control_is_shown(
    pages: Path, opened: Browser
) -> None:
    opened.allow_scripts(False)
    try:
        opened.open((pages / "index.html").as_uri())
        assert "Search blocks" not in opened.text()
        opened.open((pages / "targets/1/3.html").as_uri())
        text = opened.text()
    finally:
        opened.allow_scripts(True)

    assert "The timeline below has the differences between neighbours" in text
    assert "Older" not in text
    assert "now 64" in text
