"""Runs of a schedule that has some of the projects, runs at their limit, and what was missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from auditor import app
from auditor.audit.close import close_run
from auditor.audit.notices import note_of_missed
from auditor.audit.plan import Missed, RunControl
from auditor.audit.run import Audit
from auditor.errors import RunUnderWayError
from auditor.model import NoticeKind, RunStatus, Starter, TargetId, TargetState
from auditor.report import Report
from auditor.schedule import Gap
from tests.audit.stage import KEY, TEAM, Stage, block, stage, target

pytestmark = pytest.mark.both_databases

FAN = TargetId(8, 1)
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_FAN = """
[[projects]]
id = 8
name = "Fan"
api_key = { env = "EI_KEY" }
[[schedules]]
name = "hourly"
cron = "0 * * * *"
projects = [8]
"""


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Project 7 by the usual schedule, project 8 by the hour."""
    blocks = {3: block(name="Motion"), 4: block(name="Screws")}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.studio.add_project(8, name="fan", api_key=KEY)
        set_up.studio.put(FAN, block(name="Blades"))
        set_up.configure((tmp_path / "config.toml").read_text() + _FAN)
        yield set_up


def scheduled(pump: Stage, name: str) -> Report:
    """Run what is due by a schedule."""
    [schedule] = [
        schedule for schedule in app.find_schedules(pump.settings) if schedule.name == name
    ]
    with pump.open_store() as store:
        order = app.build_scheduled_request(pump.settings, schedule)
        return app.run_async(app.run_and_deliver(pump.settings, order, store)).report


def reconfigure(pump: Stage, old: str, new: str) -> None:
    text = (pump.folder / "config.toml").read_text()
    assert old in text
    pump.configure(text.replace(old, new))


def audited(pump: Stage) -> list[TargetId]:
    with pump.open_store() as store:
        return [status.target for status in store.statuses()]


def test_a_schedule_audits_its_projects_and_leaves_the_others_alone(pump: Stage) -> None:
    pump.night()
    hourly, nightly = scheduled(pump, "hourly"), scheduled(pump, "nightly")

    assert [result.target for result in hourly.targets] == [FAN]
    assert [result.target for result in nightly.targets] == [target(3), target(4)]
    assert hourly.schedule == "hourly, 0 * * * * (UTC)"
    assert nightly.schedule == "15 3 * * * (UTC)"
    assert audited(pump) == [target(3), target(4), FAN]


@ONLY_SQLITE
def test_what_a_schedule_no_longer_audits_is_retired_by_it_alone(pump: Stage) -> None:
    pump.night()
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3]")
    scheduled(pump, "hourly")
    before = audited(pump)
    scheduled(pump, "nightly")

    assert (before, audited(pump)) == ([target(3), target(4), FAN], [target(3), FAN])


@ONLY_SQLITE
def test_a_project_that_left_is_retired_though_only_named_schedules_are_left(pump: Stage) -> None:
    pump.night()
    text = (pump.folder / "config.toml").read_text()
    begin, end = text.index("[[projects]]\nid = 7"), text.index("[[projects]]\nid = 8")
    pump.configure(text[:begin] + text[end:])
    scheduled(pump, "hourly")

    assert [schedule.name for schedule in app.find_schedules(pump.settings)] == ["hourly"]
    assert audited(pump) == [FAN]


@ONLY_SQLITE
def test_a_run_by_hand_audits_all_and_names_every_schedule(pump: Stage) -> None:
    report = pump.night().report

    assert report.totals.targets == 3
    assert report.schedule == "15 3 * * * (UTC); hourly, 0 * * * * (UTC)"
    assert (report.next_run_at, report.starter) == (None, Starter.NOBODY)
    served = app.build_request(pump.settings, starter=Starter.SERVICE)
    assert served.next_run_at is not None
    assert served.next_run_at - app.now() <= timedelta(hours=1)


@ONLY_SQLITE
def test_a_run_at_its_limit_keeps_what_it_has_and_tells_the_rest(pump: Stage) -> None:
    asked: list[int] = []
    watch = RunControl(checked=asked.append, is_late=lambda: bool(asked))
    with pump.open_store() as store, store.run_lock():
        audit = Audit(store, app.build_client(pump.settings), now=app.now, control=watch)
        order = replace(app.build_request(pump.settings), concurrency=1)
        ended = app.run_async(audit.run(order))
        close_run(ended, store, archive=app.build_archive(pump.settings), plan=None, now=app.now)
        known = store.statuses()

    states = [result.state for result in ended.report.targets]
    assert states == [TargetState.NEW, TargetState.UNKNOWN, TargetState.UNKNOWN]
    assert ended.report.run.status is RunStatus.INCOMPLETE
    [error] = {status.error for status in known if status.error}
    assert error.kind == "time_limit"
    assert "time limit (schedule.limit_s)" in error.message


@ONLY_SQLITE
def test_the_report_of_a_run_at_its_limit_is_sent_and_the_next_is_whole(pump: Stage) -> None:
    pump.night()
    pump.postbox.taken.clear()
    limit_s = pump.settings.schedule.limit_s
    pump.change("schedule", limit_s=0)
    late = pump.night()
    pump.change("schedule", limit_s=limit_s)
    after = pump.night()

    assert late.is_delivered
    assert {result.error.kind for result in late.report.targets if result.error} == {"time_limit"}
    assert len(pump.postbox.taken) == 4
    assert after.report.run.status is RunStatus.COMPLETE


@ONLY_SQLITE
def test_a_run_is_refused_before_it_asks_for_anything(pump: Stage) -> None:
    with pump.open_store() as other, other.run_lock():
        with pytest.raises(RunUnderWayError):
            pump.night()
        assert other.last_run() is None
    assert pump.studio.requests == []


@ONLY_SQLITE
def test_what_a_target_left_unreported_is_reported_once(pump: Stage) -> None:
    pump.night()
    pump.postbox.refuses = {"ops@example.org": "550 no", "ml@example.org": "550 no"}
    pump.studio.edit(target(4), lambda a: a.update(batchSize=64, trainingCycles=99))
    pump.night()
    pump.postbox.refuses.clear()
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3]")
    hourly, nightly, again = (scheduled(pump, name) for name in ("hourly", "nightly", "nightly"))

    assert (hourly.notices, again.notices) == ((), ())
    [notice] = nightly.notices
    assert (notice.kind, notice.target) == (NoticeKind.LEFT_UNREPORTED, target(4))
    assert notice.text.startswith("Is no longer audited, and was not reported before: ")
    assert notice.text.count("`auditor explain ") == 2


@pytest.mark.parametrize(
    ("gap", "takes_place", "words"),
    [
        (
            Gap(1, "2026-03-01T03:15", "2026-03-01T03:15"),
            True,
            "The run due at 2026-03-01 03:15, by L, was missed; this one takes its place.",
        ),
        (
            Gap(7, "2026-03-01T03:15", "2026-03-07T03:15"),
            True,
            (
                "7 runs were missed between 2026-03-01 03:15 and 2026-03-07 03:15, by L; "
                "this one takes their place."
            ),
        ),
        (
            Gap(1000, "2026-03-01T03:15", "2026-03-07T03:15"),
            False,
            (
                "1,000 or more runs were missed between 2026-03-01 03:15 and 2026-03-07 03:15, "
                "by L; this one is the next."
            ),
        ),
    ],
    ids=["one", "a week", "many"],
)
def test_a_gap_is_reported_with_its_window(gap: Gap, takes_place: bool, words: str) -> None:
    assert note_of_missed(Missed(gap, "L"), takes_place=takes_place) == words
