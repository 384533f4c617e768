"""Fleets that are too large to list: what is counted, what is said of it, and what is kept.

A few hundred blocks, and reports that list all of fewer.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import app
from auditor.app.build import build_renderer, build_site
from auditor.audit.digest import write_digest
from auditor.audit.left_out import LeftOutCounts
from auditor.audit.plan import RunContext
from auditor.audit.run import Audit
from auditor.drift.rules import TargetScope
from auditor.drift.subscriptions import QUIET, Subscription, select_part
from auditor.model import BlockKindName, Failure, ModelState, TargetId, TargetState
from auditor.outbox import mark_failed
from auditor.rendering.archive import impulse_place, project_place, target_place
from auditor.rendering.json import encode_report
from auditor.rendering.project_pages import gather_fleet
from auditor.rendering.publish import Publisher
from auditor.report import MOST_ALIKE, Report, TargetReport
from auditor.store.store import open_database
from tests.crawling import broken_links, written
from tests.scale.fleet import LargeFleet, LargeStudio, configure

_BLOCKS = 250
_EDITED = TargetId(1001, 5)


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Iterator[LargeFleet]:
    with open_database(database_url, upgrade=False) as store:
        studio = LargeStudio(_BLOCKS, is_short=True)
        settings = configure(database_url, tmp_path, studio)
        yield LargeFleet(studio, store, settings, most_listed=100)


def after_an_edit(fleet: LargeFleet) -> Report:
    fleet.audit()
    fleet.studio.edit(_EDITED)
    return fleet.audit()


def refuse_messages(fleet: LargeFleet) -> None:
    for message in fleet.store.queued_messages(due_by=None):
        refused = mark_failed(message, "550 no such user", permanent=True, now=fleet.now())
        fleet.store.record(refused)


def test_of_a_large_fleet_a_report_lists_what_has_news_and_counts_the_rest(
    fleet: LargeFleet,
) -> None:
    found = after_an_edit(fleet)

    assert [line.target for line in found.targets] == [_EDITED]
    assert (found.totals.targets, found.totals.in_sync, found.totals.drifted) == (250, 249, 1)
    assert [(each.project_id, each.in_sync) for each in found.left_out] == [
        (1000, 100),
        (1001, 99),
        (1002, 50),
    ]
    assert fleet.store.report(None) == replace(found, head_hash=found.head_hash)


def test_a_report_of_a_large_fleet_says_what_it_leaves_out(fleet: LargeFleet) -> None:
    found = after_an_edit(fleet)

    text = build_renderer(fleet.settings).text(found)
    document = encode_report(found)

    assert "250 of 250 blocks checked, 249 unchanged." in text
    assert "249 blocks counted here and not listed by name: 249 unchanged." in text
    assert document["left_out"] == {"targets": 249, "in_sync": 249}
    assert len(json.dumps(document)) < 5_000
    (queued,) = fleet.store.queued_ids(due_by=None)[-1:]
    message = fleet.store.queued_message(queued)
    assert message is not None
    assert b"249 blocks counted" in message.content.replace(b"=\r\n", b"")


def test_a_fleet_that_is_small_enough_has_every_block_in_its_report(fleet: LargeFleet) -> None:
    fleet.most_listed = _BLOCKS

    found = fleet.audit()

    assert (len(found.targets), found.left_out) == (_BLOCKS, ())
    assert "left_out" not in encode_report(found)


def test_a_part_of_a_large_report_counts_its_own_blocks(fleet: LargeFleet) -> None:
    found = after_an_edit(fleet)
    scope = TargetScope(projects=frozenset({1000}))

    part = select_part(found, Subscription(recipient="anna", scope=scope, gets=frozenset({QUIET})))

    assert part is not None
    assert (part.totals.targets, part.totals.in_sync) == (100, 100)


def test_a_block_that_was_left_out_is_listed_where_an_earlier_finding_of_it_is_late(
    fleet: LargeFleet,
) -> None:
    after_an_edit(fleet)
    refuse_messages(fleet)

    carried = fleet.audit()

    (line,) = carried.targets
    assert (line.target, line.state, len(line.late)) == (_EDITED, TargetState.IN_SYNC, 1)
    assert (line.name, line.model_state) == (f"Block {_EDITED}", ModelState.STALE)
    assert sum(each.targets for each in carried.left_out) == _BLOCKS - 1


def test_a_late_finding_waits_where_its_block_is_one_of_too_many_that_could_not_be_read(
    database_url: str, tmp_path: Path
) -> None:
    edited = TargetId(1000, 3 + MOST_ALIKE + 50)
    with open_database(database_url, upgrade=False) as store:
        studio = LargeStudio(MOST_ALIKE + 100, is_short=True, blocks_a_project=MOST_ALIKE + 100)
        settings = configure(database_url, tmp_path, studio)
        fleet = LargeFleet(studio, store, settings, most_listed=100)
        fleet.audit()
        studio.edit(edited)
        fleet.audit()
        refuse_messages(fleet)

        studio.is_down = True
        outage = fleet.audit()
        (in_short,) = store.run_summaries(1)
        overviews = store.target_overviews([edited.project_id])
        shown = gather_fleet(overviews, [in_short])
        studio.is_down = False
        after = fleet.audit()

    assert not any(line.target == edited for line in outage.targets)
    assert in_short.state(edited) is None
    assert shown.audited == len(shown.noticed) == MOST_ALIKE
    assert [line.target for line in after.targets if line.late] == [edited]


def test_a_digest_of_a_large_fleet_lists_what_changed_and_counts_the_rest(
    fleet: LargeFleet,
) -> None:
    found = after_an_edit(fleet)
    context = RunContext(now=fleet.now, today=fleet.now().date())

    digest = write_digest(found, (found.run.id or 0) - 1, fleet.store, context)

    assert [line.target for line in digest.targets] == [_EDITED]
    assert (digest.totals.targets, digest.totals.in_sync) == (_BLOCKS, _BLOCKS - 1)


@pytest.mark.parametrize("state", [TargetState.NEW, TargetState.UNKNOWN])
def test_of_many_alike_those_with_the_lowest_ids_are_listed(state: TargetState) -> None:
    counts = LeftOutCounts(most_alike=2)
    listed = {}

    for number in (5, 1, 4, 2, 3):
        line = _line(TargetId(7, number), state)
        listed[line.target] = line
        for each in counts.beyond_most_alike(line):
            counts.add(listed.pop(each))

    assert sorted(listed) == [TargetId(7, 1), TargetId(7, 2)]
    (left_out,) = counts.every()
    assert left_out.targets == 3
    assert left_out.passing == (3 if state is TargetState.UNKNOWN else 0)


def _line(target: TargetId, state: TargetState) -> TargetReport:
    failure = Failure(kind="timeout", message="slow", may_pass=True)
    return TargetReport(
        target=target,
        kind=BlockKindName.KERAS,
        project="Pump",
        name="",
        type="keras",
        state=state,
        model_state=ModelState.TRAINED,
        error=failure if state is TargetState.UNKNOWN else None,
    )


def test_a_target_without_news_leaves_no_object_behind(database_url: str, tmp_path: Path) -> None:
    left = []
    with open_database(database_url, upgrade=False) as store:
        for size in (200, 400):
            studio = LargeStudio(size, is_short=True, blocks_a_project=5)
            settings = configure(database_url, tmp_path, studio)
            LargeFleet(studio, store, settings, nights=size).audit()
            request = replace(app.build_request(settings), most_listed=100)
            audit = Audit(store, nullcontext(studio), now=LargeFleet(studio, store, settings).now)
            completed = app.run_async(audit.run(request))
            store.abandon_open_runs(completed.report.run.started_at)
            left.append(_count_objects())
            del audit, completed

    small, large = left
    grown = {name: number - small[name] for name, number in large.items()}
    assert {name: number for name, number in grown.items() if number > 100} == {}


def _count_objects() -> Counter[str]:
    """Return how many objects of this program there are, and of the kinds that hold them."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    return Counter(
        kind.__qualname__
        for kind in kinds
        if str(kind.__module__).startswith("auditor.") or kind in (dict, list, set, tuple)
    )


def test_no_folder_of_the_archive_has_more_than_some_thousand_names() -> None:
    many_projects = [TargetId(400_000 + 7 * number, 3) for number in range(20_000)]
    many_blocks = [TargetId(12_345, number) for number in range(1, 60_000, 3)]
    places = {
        *map(target_place, (*many_projects, *many_blocks)),
        *(project_place(target.project_id) for target in many_projects),
        *(impulse_place(target.project_id, target.learn_id) for target in many_blocks),
    }

    names = Counter(parent.parent for parent in _with_parents(places))

    assert max(names.values()) < 2_500


def _with_parents(places: set[str]) -> set[Path]:
    paths = {Path(place) for place in places}
    return paths | {parent for path in paths for parent in path.parents if parent.name}


def test_pages_with_nothing_but_settings_are_written_over_several_runs(fleet: LargeFleet) -> None:
    reports = fleet.settings.reports.directory
    publisher = Publisher(store=fleet.store, site=build_site(fleet.settings), most_plain=100)
    fleet.audit()
    publisher.publish()
    first = _blocks_with_page(reports)
    assert broken_links(reports) == []

    fleet.studio.edit(TargetId(1002, 40))
    fleet.audit()
    publisher.publish()
    second = _blocks_with_page(reports)
    assert broken_links(reports) == []
    publisher.publish()

    assert len(first) == 100
    assert max(first) == TargetId(1000, 102)
    assert second - first >= {TargetId(1002, 40)}
    assert len(second) == 201
    assert _blocks_with_page(reports) == set(fleet.studio.targets())
    assert broken_links(reports) == []
    before = {name: (reports / name).stat().st_mtime_ns for name in written(reports)}
    publisher.publish()
    changed = {name for name in before if (reports / name).stat().st_mtime_ns != before[name]}
    assert changed == {"index.html"}


def _blocks_with_page(reports: Path) -> set[TargetId]:
    pages = (reports / "targets").rglob("*.html")
    return {TargetId(int(page.parent.name), int(page.stem)) for page in pages}
