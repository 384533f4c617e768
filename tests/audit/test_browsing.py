"""The archive in a real browser: opened from its folder, followed, gone back in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model import JsonObject
from tests.audit.stage import block, stage, target
from tests.browser import Browser, browser


@pytest.fixture(scope="module")
def reports(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of two nights, block 3 edited before the second."""
    folder = tmp_path_factory.mktemp("browsed")
    shutil.copy(sqlite_template, folder / "auditor.db")
    blocks: dict[int, JsonObject] = {3: block(name="Motion"), 4: block(name="Screws")}
    with stage("sqlite:///auditor.db", folder, blocks) as set_up:
        set_up.without_mail()
        set_up.night()
        set_up.studio.edit(target(3), lambda a: a.update(batchSize=64))
        set_up.night()
        return set_up.settings.reports.directory


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def test_from_the_index_to_a_run_to_a_block_and_back(reports: Path, opened: Browser) -> None:
    opened.open((reports / "index.html").as_uri())
    assert opened.title == "All runs · EI drift"

    opened.follow("Run 2")
    assert opened.address == (reports / "run-000002.html").as_uri()
    opened.follow("7/3")
    assert opened.text("h1") == "Motion"
    assert "now 64" in opened.text("main")
    opened.follow("Pump")
    assert opened.text("h1") == "Pump"

    for name in ("targets/7/3.html", "run-000002.html", "index.html"):
        opened.back()
        assert opened.address == (reports / name).as_uri()
    assert opened.complaints() == []


def test_from_run_to_run(reports: Path, opened: Browser) -> None:
    opened.open((reports / "run-000002.html").as_uri())

    opened.follow("← Run 1")
    opened.follow("Run 2 →")

    assert opened.address == (reports / "run-000002.html").as_uri()
    assert "newest run" in opened.text("nav")


def test_the_policy_lets_the_pages_own_styles_in_and_no_script(
    reports: Path, opened: Browser, tmp_path: Path
) -> None:
    page = (reports / "index.html").read_text(encoding="utf-8")
    attacked = tmp_path / "attacked.html"
    attack = "<script>document.title = 'taken'</script><style>main { display: none }</style>"
    attacked.write_text(page.replace("<main", f"{attack}<main", 1), encoding="utf-8")

    opened.open(attacked.as_uri())

    assert opened.title == "All runs · EI drift"
    style = "return getComputedStyle(document.querySelector('{}')).{}"
    assert opened.run(style.format("main", "display")) == "block"
    assert opened.run(style.format(".site", "maxWidth")) == "992px"
    assert len(opened.complaints()) == 2


@pytest.mark.parametrize("name", ["index.html", "run-000002.html", "targets/7/3.html"])
def test_no_page_is_wider_than_a_phone(reports: Path, opened: Browser, name: str) -> None:
    opened.open((reports / name).as_uri())
    opened.look(width=360, is_dark=False)

    assert opened.run("return document.documentElement.scrollWidth") <= 360


def test_what_is_focused_is_seen_and_the_content_is_one_step_away(
    reports: Path, opened: Browser
) -> None:
    opened.open((reports / "index.html").as_uri())

    opened.press_tab()

    assert opened.run("return document.activeElement.textContent") == "Skip to content"
    shown = "return document.activeElement.getBoundingClientRect().left"
    assert opened.run(shown) >= 0
