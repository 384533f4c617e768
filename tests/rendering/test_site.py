from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.listings import (
    Overview,
    PageMarks,
    ProjectBlocks,
    ProjectMarks,
    RunListing,
    RunSummary,
    TargetHistory,
)
from auditor.model import (
    Area,
    RunInfo,
    RunStatus,
    Severity,
    TargetId,
    TargetState,
    Trigger,
)
from auditor.rendering.archive import (
    blocks_folder,
    list_pages,
    list_project_folders,
    parse_run_place,
    parse_year_place,
    target_place,
)
from auditor.rendering.fleet import MOST_ROWS, draw_fleet
from auditor.rendering.html import add_policy
from auditor.rendering.project_pages import gather_fleet, mark_target
from auditor.rendering.publish import split_runs
from auditor.rendering.run_list import list_runs, make_calendar
from auditor.report import Totals
from tests.crawling import Page, pages, strange_scripts
from tests.rendering.samples import HOSTILE, NIGHTS, block, finding, report, unread
from tests.rendering.sites import overview_of, site, year_of_runs

STARTED = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


def info(run_id: int, at: datetime, status: RunStatus = RunStatus.COMPLETE) -> RunInfo:
    return RunInfo(id=run_id, status=status, trigger=Trigger.SCHEDULE, started_at=at)


def run_summary(run_id: int, audited: int, **states: TargetState) -> RunSummary:
    found = {TargetId(1, int(name.removeprefix("b"))): state for name, state in states.items()}
    return RunSummary(
        run=info(run_id, STARTED + timedelta(days=run_id)),
        totals=Totals(),
        audited=frozenset(TargetId(1, n) for n in range(1, audited + 1)),
        states=found,
        findings={},
    )


@pytest.mark.parametrize("name", NIGHTS)
def test_the_page_of_a_run_is_sealed_and_holds_nothing_active(name: str) -> None:
    found = Page(site(Path()).run_page(NIGHTS[name](), 6, 8))

    assert found.policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not found.elements & {"script", "img", "iframe", "form", "object", "link"}
    assert not [name for name in found.attributes if name.startswith("on")]
    assert {"run-000006.html", "run-000008.html", "index.html"} <= set(found.links)


def test_a_policy_names_the_styles_by_their_hash() -> None:
    page = add_policy('<head><meta charset="utf-8"><style>p { color: red }</style></head>')

    digest = base64.b64encode(hashlib.sha256(b"p { color: red }").digest()).decode()
    assert f"style-src 'sha256-{digest}';" in page
    assert "unsafe-inline" not in page


def test_style_attributes_are_allowed_where_a_page_has_some() -> None:
    head = '<meta charset="utf-8">'

    assert "style-src-attr 'unsafe-inline'" in add_policy(f'{head}<p style="color: red">')
    assert "style-src-attr" not in add_policy(f"{head}<p>&lt;p style=&#34;color: red&#34;&gt;")


@pytest.mark.parametrize(
    ("read", "name", "found"),
    [
        (parse_run_place, "run-000007.html", 7),
        (parse_run_place, "run-1000007.html", 1_000_007),
        (parse_run_place, "run-7.html", None),
        (parse_run_place, "run-0000007.html", None),
        (parse_run_place, "run-000007.html.gz", None),
        (parse_run_place, "run-00000\N{ARABIC-INDIC DIGIT SEVEN}.html", None),
        (parse_run_place, "run-000007.html\n", None),
        (parse_year_place, "runs-2025.html", 2025),
        (parse_year_place, "runs-25.html", None),
    ],
    ids=lambda value: value.__name__ if callable(value) else repr(value),
)
def test_only_names_of_the_archives_own_making_are_its_own(
    read: object, name: str, found: object
) -> None:
    assert callable(read)
    assert read(name) == found


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (TargetId(7, 3), "targets/7/3.html"),
        (TargetId(12345, 3), "targets/345/12345/3.html"),
        (TargetId(345, 12005), "targets/345/005/12005.html"),
        (TargetId(12345, 4711), "targets/345/12345/711/4711.html"),
    ],
)
def test_pages_of_blocks_are_found_in_the_folders_of_their_projects(
    target: TargetId, place: str, tmp_path: Path
) -> None:
    assert target_place(target) == place

    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    (tmp_path / place).with_name("03.html").touch()

    assert list(list_pages(tmp_path / blocks_folder(target.project_id))) == [target.learn_id]
    assert target.project_id in set(list_project_folders(tmp_path / "targets"))


def test_a_day_of_the_calendar_shows_its_worst_run() -> None:
    listing = year_of_runs(
        6
    )  # first night, quiet, drift, decided, incomplete, failed; newest first
    same_day = replace(
        listing,
        runs=tuple(replace(info, started_at=STARTED) for info in listing.runs),
        briefs=tuple(
            replace(brief, run=replace(brief.run, started_at=STARTED)) for brief in listing.briefs
        ),
    )

    [month] = make_calendar(list_runs(same_day, runs={1, 2, 3, 4}))
    [day] = [day for week in month.weeks for day in week if day.letter]

    assert month.title == "November 2026"
    assert (day.number, day.letter, day.place) == (23, "C?", "run-000004.html")
    assert day.words == "23 November 2026: Critical drift, run 4, the worst of 6 runs"


def test_a_run_that_did_not_end_is_listed_without_a_page() -> None:
    listing = replace(year_of_runs(0), runs=(info(8, STARTED, RunStatus.ABANDONED),))

    [row] = list_runs(listing, runs=set())

    assert (row.word, row.counts, row.place) == ("Run abandoned", "it did not finish", "")
    assert not row.has_report


def test_the_picture_shows_what_was_not_in_sync_worst_first_and_says_it_in_words() -> None:
    summaries = [
        run_summary(3, 9, b2=TargetState.DRIFTED, b5=TargetState.UNKNOWN),
        run_summary(2, 9, b2=TargetState.DRIFTED),
        run_summary(1, 4, b2=TargetState.NEW),
    ]

    shown = draw_fleet(summaries, [overview_of(n) for n in range(1, 10)], audited=9)

    assert [line.title for line in shown.lines] == ["Pump / Block 2", "Pump / Block 5"]
    assert [line.words for line in shown.lines] == [
        "drifted in runs 2 to 3; new in run 1",
        "not checked in run 3",
    ]
    assert [cell and cell.letter for cell in shown.lines[0].cells] == ["N", "D", "D"]
    assert [cell and cell.letter for cell in shown.lines[1].cells] == [None, "·", "?"]
    assert shown.rest == "and 7 more blocks always in sync"


def test_the_picture_names_no_block_that_is_forgotten() -> None:
    summaries = [run_summary(1, 3, b2=TargetState.MISSING, b3=TargetState.NEW)]

    shown = draw_fleet(summaries, [overview_of(1), overview_of(3)], audited=2)

    assert [line.title for line in shown.lines] == ["Pump / Block 3"]
    assert shown.rest == "and 1 more block always in sync"


def test_the_picture_tells_blocks_of_one_name_apart() -> None:
    summaries = [run_summary(1, 3, **{f"b{n}": TargetState.NEW for n in (1, 2, 3)})]
    named = [overview_of(n, name="Image") for n in (1, 2)]

    shown = draw_fleet(summaries, [*named, overview_of(3)], audited=3)

    labels = ["Image (1/1) · Pump", "Image (1/2) · Pump", "Block 3 · Pump"]
    assert [line.label for line in shown.lines] == labels


def test_the_picture_is_cut_and_says_so() -> None:
    states = {f"b{n}": TargetState.DRIFTED for n in range(1, 100)}

    overviews = [overview_of(n) for n in range(1, 10_001)]

    shown = draw_fleet([run_summary(1, 10_000, **states)], overviews, audited=10_000)

    assert len(shown.lines) == MOST_ROWS
    assert (
        shown.rest
        == "and 39 more blocks that changed or failed and 9,901 more blocks always in sync"
    )


def test_the_index_lists_whole_months_and_the_years_hold_the_rest() -> None:
    runs = [info(900 - n, STARTED - timedelta(days=n)) for n in range(900)]

    listed, older = split_runs(runs, most=400)

    assert len(listed) <= 400
    assert (*listed, *older) == tuple(runs)
    assert listed[-1].started_at.day == 1
    # The next run of the same month moves nothing to the older ones.
    assert split_runs([info(901, STARTED + timedelta(days=1)), *runs], most=400)[1] == older


def test_the_newest_month_is_listed_however_many_runs_it_has() -> None:
    runs = [info(900 - n, STARTED - timedelta(minutes=n)) for n in range(500)]

    assert split_runs(runs, most=400) == (tuple(runs), ())


def test_a_mark_moves_with_what_a_page_shows_and_not_with_each_look() -> None:
    overview = overview_of(3)
    later = replace(overview.status, last_checked_at=STARTED + timedelta(days=1))

    assert mark_target(replace(overview, status=later)) == mark_target(overview)
    assert mark_target(overview_of(3, TargetState.NEW)) == mark_target(overview)
    for other in (
        overview_of(3, TargetState.DRIFTED),
        overview_of(3, name="Renamed"),
        overview_of(3, project="Renamed"),
        replace(overview, version_id=8),
        replace(overview, baseline_version_id=7),
        replace(overview, retired=True),
    ):
        assert mark_target(other) != mark_target(overview)


def test_marks_are_kept_for_the_pages_that_lie_there(tmp_path: Path) -> None:
    here = site(tmp_path)
    here.write_project(ProjectBlocks(project_id=1, overviews=(overview_of(3),)))
    here.keep_project(1, ProjectMarks(project="cd", targets={3: "ab"}, impulses={1: "ef"}))

    assert site(tmp_path).project_marks(1) == ProjectMarks(project="cd")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"form": "0"}', '{"form": "1", "targets": {"x": 1}}']
)
def test_marks_that_cannot_be_read_are_none(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "targets" / "1"
    folder.mkdir(parents=True)
    (folder / "3.html").touch()
    for place in (tmp_path, folder):
        (place / ".pages.json").write_text(content)

    assert site(tmp_path).marks() == PageMarks()
    assert site(tmp_path).project_marks(1) == ProjectMarks()


def test_hostile_words_stay_words_on_every_page(tmp_path: Path) -> None:
    here = site(tmp_path)
    long = HOSTILE + "x" * 100_000
    named = [
        overview_of(3, name=HOSTILE, project=long),
        overview_of(4, name=long, project=HOSTILE),
    ]
    summaries = (run_summary(1, 4, b3=TargetState.DRIFTED, b4=TargetState.UNKNOWN),)
    here.write_run(NIGHTS["hostile"](), previous=None, following=None)
    here.write_project(ProjectBlocks(project_id=1, overviews=tuple(named)))
    for overview in named:
        history = TargetHistory(overview=overview, entries=(), older=0, baseline_run_id=None)
        here.write_target(history, runs=())
    listing = year_of_runs(9)
    here.write_overview(
        Overview(
            newest=NIGHTS["hostile"](),
            listing=listing,
            years=(),
            summaries=summaries,
            fleet=gather_fleet(named, summaries),
        ),
        runs=(),
    )

    found = pages(tmp_path)

    assert len(found) == 5
    for path, page in found.items():
        text = path.read_text(encoding="utf-8")
        assert "img" not in page.elements, path
        assert strange_scripts(page) == [], path
        assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", text), path
        assert len(text) < 60_000, path


def test_a_critical_run_that_is_incomplete_is_critical_in_the_calendar() -> None:
    worst = finding(Area.TRAINED, "trained", True, False, severity=Severity.CRITICAL)
    night = report(
        block(1, 3, state=TargetState.DRIFTED, findings=(worst,)), unread(1, 4, "timeout", "slow")
    )

    rows = list_runs(RunListing(runs=(night.run,), briefs=(night,)), runs={7})

    assert (rows[0].letter, rows[0].tone) == ("C?", "critical")
    assert rows[0].word == "Incomplete, critical drift"


def test_the_names_in_the_picture_of_the_fleet_are_links(tmp_path: Path) -> None:
    summaries = (run_summary(1, 4, b2=TargetState.DRIFTED),)
    overview = Overview(
        newest=None,
        listing=RunListing(runs=(), briefs=()),
        years=(),
        summaries=summaries,
        fleet=gather_fleet([overview_of(2)], summaries),
    )

    site(tmp_path).write_overview(overview, runs=())

    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.search(r'<a href="targets/1/2.html"><text class="label"[^>]*>Block 2', index)


def test_a_day_shows_what_was_found_and_that_not_everything_was_checked() -> None:
    change = finding(Area.TRAINING, "batchSize", 32, 64)
    night = report(
        block(1, 3, state=TargetState.DRIFTED, findings=(change,)), unread(1, 4, "timeout", "slow")
    )

    rows = list_runs(RunListing(runs=(night.run,), briefs=(night,)), runs={7})

    assert (rows[0].letter, rows[0].tone, rows[0].word) == ("D?", "high", "Incomplete, drift")


def test_a_calm_day_with_a_lost_training_is_no_calm_day() -> None:
    night = NIGHTS["open-conditions"]()

    rows = list_runs(RunListing(runs=(night.run,), briefs=(night,)), runs={7})

    assert (rows[0].letter, rows[0].tone, rows[0].word) == ("O", "critical", "Still open")
