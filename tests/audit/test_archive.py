"""The archive after nights end to end, on both databases."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from auditor import app
from auditor.demo.faults import Fault
from auditor.listings import ProjectPages
from auditor.model import Json, JsonObject
from auditor.rendering.publish import Publisher
from tests.audit.stage import PROJECT, Stage, block, stage, target
from tests.crawling import broken_links, pages, reachable, strange_scripts, written
from tests.rendering.samples import HOSTILE
from tests.store.examples import Sql


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks: dict[int, JsonObject] = {
        3: block(name="Motion"),
        4: block("keras-object-detection", name="Screws"),
    }
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.without_mail()
        yield set_up


@pytest.fixture(scope="module")
def history(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three nights, block 3 edited before the second and the third; to be looked at alone."""
    folder = tmp_path_factory.mktemp("history")
    shutil.copy(sqlite_template, folder / "auditor.db")
    blocks: dict[int, JsonObject] = {
        3: block(name="Motion"),
        4: block("keras-object-detection", name="Screws"),
    }
    with stage("sqlite:///auditor.db", folder, blocks) as set_up:
        set_up.without_mail()
        set_up.night()
        for size in (64, 128):
            set_up.studio.edit(target(3), partial(_put, "batchSize", size))
            set_up.night()
        yield set_up


def reports(set_up: Stage) -> Path:
    return set_up.settings.reports.directory


def page(set_up: Stage, name: str) -> str:
    return (reports(set_up) / name).read_text(encoding="utf-8")


def _put(key: str, value: Json, answer: JsonObject) -> None:
    answer[key] = value


def changed(set_up: Stage) -> set[str]:
    """Run a night and return the files that it wrote."""
    before = written(reports(set_up))
    set_up.night()
    after = written(reports(set_up))
    assert before.keys() <= after.keys()
    return {name for name, mark in after.items() if before.get(name) != mark}


@pytest.mark.both_databases
def test_two_nights_make_a_site_in_which_every_link_leads_somewhere(pump: Stage) -> None:
    pump.night()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.night()

    assert broken_links(reports(pump)) == []
    assert reachable(reports(pump)) == {
        "index.html",
        "run-000001.html",
        "run-000002.html",
        "projects/7.html",
        "impulses/7/1.html",
        "targets/7/3.html",
        "targets/7/4.html",
    }


def test_a_block_has_its_versions_and_what_differs_between_them(history: Stage) -> None:
    shown = page(history, "targets/7/3.html")

    assert shown.count('<section class="stage">') == 3
    assert "was 64" in shown
    assert "now 128" in shown
    assert shown.index("now 128") < shown.index("now 64")
    for run in (1, 2, 3):
        assert f'<a href="../../run-00000{run}.html">run {run}</a>' in shown


def test_a_quiet_night_writes_its_own_page_and_the_index(
    database_url: str, tmp_path: Path
) -> None:
    blocks: dict[int, JsonObject] = {n: block(name=f"Block {n}") for n in range(1, 31)}
    with stage(database_url, tmp_path, blocks) as fleet:
        fleet.without_mail()
        fleet.night()
        quiet = changed(fleet)
        fleet.studio.edit(target(7), lambda a: a.update(batchSize=64))
        busy = changed(fleet)

        assert len(list((reports(fleet) / "targets").rglob("*.html"))) == 30
        # The run before gets its link to the one that followed.
        assert quiet == {"index.html", "run-000001.html", "run-000002.html"}
        assert busy == {
            "targets/7/.pages.json",
            "index.html",
            "projects/7.html",
            "impulses/7/1.html",
            "run-000002.html",
            "run-000003.html",
            "targets/7/7.html",
        }


def test_runs_lead_to_their_neighbours(history: Stage) -> None:
    middle, newest = page(history, "run-000002.html"), page(history, "run-000003.html")

    assert 'rel="prev" href="run-000001.html"' in middle
    assert 'rel="next" href="run-000003.html"' in middle
    assert 'rel="prev" href="run-000002.html"' in newest
    assert "newest run" in newest
    assert "newest run" not in middle


def test_a_block_that_cannot_be_read_says_so_once(pump: Stage) -> None:
    pump.night()
    pump.studio.fail(Fault.HTTP_500, target=target(3))
    first, second = changed(pump), changed(pump)

    assert "targets/7/3.html" in first
    assert "targets/7/3.html" not in second
    assert "not checked" in page(pump, "targets/7/3.html")
    assert "1 not checked, 1 in sync" in page(pump, "projects/7.html")


def test_what_was_deleted_comes_back_with_the_next_run(pump: Stage) -> None:
    pump.night()
    pump.night()
    whole = set(written(reports(pump)))
    shutil.rmtree(reports(pump))

    pump.night()

    assert set(written(reports(pump))) == {*whole, "run-000003.html"}
    assert broken_links(reports(pump)) == []


def test_a_deleted_page_comes_back_with_the_next_run(pump: Stage) -> None:
    pump.night()
    (reports(pump) / "targets/7/4.html").unlink()

    assert "targets/7/4.html" in changed(pump)


def test_a_page_that_cannot_be_written_keeps_neither_the_index_nor_the_finding(
    pump: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pump.night()
    shutil.rmtree(reports(pump) / "targets")
    (reports(pump) / "targets").touch()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))

    with caplog.at_level(logging.ERROR):
        delivered = pump.night()

    assert delivered.is_delivered
    assert delivered.page is not None
    assert '<a href="run-000002.html">' in page(pump, "index.html")
    assert any("not written" in record.message for record in caplog.records)
    assert pump.night().report.totals.findings == 0


def test_an_index_that_cannot_be_written_leaves_the_report_delivered(
    pump: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pump.night()
    (reports(pump) / "index.html").unlink()
    (reports(pump) / "index.html").mkdir()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))

    with caplog.at_level(logging.ERROR):
        delivered = pump.night()

    assert delivered.is_delivered
    assert [record.message for record in caplog.records if "pages" in record.message]
    assert pump.night().report.totals.findings == 0


def test_a_run_page_that_cannot_be_written_is_reported_by_the_next_run(pump: Stage) -> None:
    pump.night()
    (reports(pump) / "run-000002.html").mkdir()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    lost = pump.night()
    (reports(pump) / "run-000002.html").rmdir()

    again = pump.night()

    assert not lost.is_delivered
    assert [len(result.late) for result in again.report.targets] == [1, 0]
    assert (reports(pump) / "run-000002.html").is_file()  # made again, beside tonight's
    assert broken_links(reports(pump)) == []


def test_hostile_names_stay_words(database_url: str, tmp_path: Path) -> None:
    long = HOSTILE + "x" * 100_000
    blocks: dict[int, JsonObject] = {3: block(name=HOSTILE), 4: block(name=long)}
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.configure((tmp_path / "config.toml").read_text().replace('name = "Pump"', ""))
        set_up.without_mail()
        set_up.studio.rename_project(PROJECT, HOSTILE)
        set_up.night()
        set_up.studio.edit(target(3), lambda a: a.update(script=HOSTILE, name=f"{HOSTILE}2"))
        set_up.studio.edit(target(4), lambda a: a.update(name=long + "y", **{HOSTILE: long}))
        set_up.night()

        for path, found in pages(reports(set_up)).items():
            text = path.read_bytes()
            assert not found.elements & {"img", "iframe", "form", "object"}, path
            assert strange_scripts(found) == [], path
            assert not [name for name in found.attributes if name.startswith("on")], path
            assert b"\x00" not in text
            assert b"\x1b" not in text
            assert "\u202e".encode() not in text
            assert len(text) < 100_000
        assert broken_links(reports(set_up)) == []


def test_every_page_has_a_strict_policy_and_headings_in_order(history: Stage) -> None:
    for path, found in pages(reports(history)).items():
        assert found.policy.startswith("default-src 'none'; style-src 'sha256-"), path
        assert "base-uri 'none'; form-action 'none'" in found.policy
        assert strange_scripts(found) == [], path
        assert found.headings[0] == 1
        steps = zip(found.headings, found.headings[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps), path
        assert "main" in found.elements
        assert "nav" in found.elements


def test_what_became_a_secret_is_hidden_where_pages_are_written_anew(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(customParameters={"token": "first-canary"}))
    pump.night()
    pump.studio.edit(target(3), lambda a: a.update(customParameters={"token": "second-canary"}))
    pump.night()
    with pump.open_store() as store:
        store.add_secret_parameters(["token"])
        app.rebuild_pages(pump.settings, store)

    for path in reports(pump).rglob("*.html"):
        assert "canary" not in path.read_text(encoding="utf-8"), path


def test_a_service_that_stops_leaves_the_rest_to_the_next_run(pump: Stage) -> None:
    pump.night()
    shutil.rmtree(reports(pump))
    asked = iter([False, True])
    with pump.open_store() as store:
        site = app.build_site(pump.settings)
        Publisher(store=store, site=site, stopping=lambda: next(asked)).publish()

    assert (reports(pump) / "index.html").is_file()
    assert not (reports(pump) / "targets").exists()
    assert "targets/7/3.html" in changed(pump)


def test_an_address_of_an_earlier_release_leads_to_the_page(pump: Stage) -> None:
    pump.night()
    old = {"targets/7-3.html": "targets/7/3.html", "impulses/7-1.html": "impulses/7/1.html"}
    for name in old:
        (reports(pump) / name).write_text("a page of an earlier release", encoding="utf-8")

    pump.night()

    for name, place in old.items():
        assert f'url=../{place}"' in page(pump, name)
    assert broken_links(reports(pump)) == []


@pytest.mark.both_databases
def test_pages_are_pruned_with_what_they_show(pump: Stage) -> None:
    pump.night()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.night()
    pump.night()
    foreign = {"notes.html", "run-1.html", "run-000001.html.bak", "targets/readme.html"}
    for name in foreign:
        (reports(pump) / name).touch()

    removed = app.build_site(pump.settings).prune(
        {2, 3}, lambda _: ProjectPages(targets=frozenset({3}))
    )

    assert set(removed) == {"run-000001.html", "targets/7/4.html", "impulses/7/1.html"}
    left = set(written(reports(pump)))
    assert foreign < left
    assert not left & set(removed)
    assert broken_links(reports(pump)) == []
    assert "run 1" in page(pump, "targets/7/3.html")  # the words stay


def test_a_page_that_meets_an_unexpected_error_costs_that_page_alone(
    pump: Stage, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    pump.night()
    with Sql(database_url) as sql:
        sql.write("UPDATE version SET model_state = 'of tomorrow' WHERE learn_id = 3")
    for learn_id in (3, 4):
        pump.studio.edit(target(learn_id), partial(_put, "trainingCycles", 77))

    written_now = changed(pump)

    assert "targets/7/3.html" not in written_now
    assert {"targets/7/4.html", "index.html", "run-000002.html"} <= written_now
    assert "page of block 7/3 not written, the others are" in caplog.text
    with Sql(database_url) as sql:
        sql.write("UPDATE version SET model_state = 'trained' WHERE model_state = 'of tomorrow'")
    assert "targets/7/3.html" in changed(pump)  # it was due until it was written


def test_pages_of_block_and_project_say_their_state_by_what_is_open(pump: Stage) -> None:
    pump.night()
    pump.studio.edit(target(3), partial(_put, "trained", False))
    pump.night()
    quiet = changed(pump)

    block_page, project = page(pump, "targets/7/3.html"), page(pump, "projects/7.html")
    index = page(pump, "index.html")
    assert '<div class="banner critical">\n<div class="word">in sync, training lost</div>' in (
        block_page
    )
    assert '<span class="tag critical">in sync, training lost</span>' in project
    for shown in (block_page, project):
        assert "Training lost, and the block was not trained again" in shown
    assert '<span class="dot critical" aria-hidden="true"></span>' in index
    assert "2 in sync; open: 1 training lost" in index
    assert not quiet & {"targets/7/4.html"}
    assert broken_links(reports(pump)) == []

    pump.studio.edit(target(3), partial(_put, "trained", True))
    pump.night()

    for name in ("targets/7/3.html", "projects/7.html"):
        assert "Open conditions" not in page(pump, name)
