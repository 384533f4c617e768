"""What the ledger says is due, whatever somebody does to clocks and lines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from auditor.app import Schedule
from auditor.audit.plan import Missed, Scope
from auditor.daemon.due import DueCheck, DueRun, find_due_run
from auditor.daemon.monitoring import Clock, ClockReading, find_clock_jump, find_fault
from auditor.model import Trigger
from auditor.schedule import Gap, parse_cron
from auditor.store.store import SqlStore, open_database

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def ledger(sqlite_template: Path, tmp_path: Path) -> Iterator[SqlStore]:
    path = shutil.copy(sqlite_template, tmp_path / "auditor.db")
    with open_database(f"sqlite:///{path}", upgrade=False) as opened:
        yield opened


def nightly(zone: str = "UTC", cron: str = "15 3 * * *") -> Schedule:
    return Schedule(
        name="nightly",
        cron=parse_cron(cron),
        zone=ZoneInfo(zone),
        scope=Scope(),
    )


def due_run(
    ledger: SqlStore, schedule: Schedule, at: datetime, *, is_wake_up: bool = False
) -> DueRun | None:
    return find_due_run(schedule, ledger, DueCheck(at=at, up_since=START, is_wake_up=is_wake_up))


def slot_run(ledger: SqlStore, schedule: Schedule, at: datetime) -> str | None:
    """Run what is due and return its slot."""
    due = due_run(ledger, schedule, at)
    if due is None:
        return None
    ledger.open_run(due.trigger, started_at=at, schedule=schedule.name, slot=due.slot.local)
    return due.slot.local


def test_a_week_without_runs_is_one_run_that_names_the_gap(ledger: SqlStore) -> None:
    schedule = nightly("Europe/Berlin")
    due_run(ledger, schedule, START)
    assert slot_run(ledger, schedule, START + DAY) == "2026-03-02T03:15"

    due = due_run(ledger, schedule, START + 8 * DAY)
    assert due is not None
    assert (due.slot.local, due.trigger) == ("2026-03-09T03:15", Trigger.CATCH_UP)
    gap = Gap(7, "2026-03-03T03:15", "2026-03-09T03:15")
    assert due.missed == Missed(gap, "15 3 * * * (Europe/Berlin)")


def test_a_wake_up_names_only_what_was_missed_before_it(ledger: SqlStore) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START)

    first = due_run(ledger, schedule, datetime(2026, 3, 2, 3, 15, tzinfo=UTC), is_wake_up=True)
    third = due_run(ledger, schedule, datetime(2026, 3, 4, 3, 15, tzinfo=UTC), is_wake_up=True)
    assert first is not None
    assert (first.trigger, first.missed) == (Trigger.SCHEDULE, None)
    assert third is not None
    assert third.missed == Missed(Gap(2, "2026-03-02T03:15", "2026-03-03T03:15"), schedule.label)


def test_a_run_that_was_stopped_counts_as_missed(ledger: SqlStore) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START)
    slot_run(ledger, schedule, START + DAY)
    ledger.abandon_open_runs(START + DAY)

    due = due_run(ledger, schedule, START + 2 * DAY)
    assert due is not None
    assert due.missed == Missed(Gap(2, "2026-03-02T03:15", "2026-03-03T03:15"), schedule.label)


def test_a_clock_set_back_has_no_night_twice_and_one_set_right_again_has_the_next(
    ledger: SqlStore,
) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START)
    slots = [slot_run(ledger, schedule, START + days * DAY) for days in (1, 2, 3, 1, 2, 3, 4)]

    assert slots == [
        *("2026-03-02T03:15", "2026-03-03T03:15", "2026-03-04T03:15"),
        *(None, None, None),
        "2026-03-05T03:15",
    ]


def test_a_clock_set_forward_past_a_night_has_it_late(ledger: SqlStore) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START)

    assert slot_run(ledger, schedule, datetime(2026, 3, 2, 9, tzinfo=UTC)) == "2026-03-02T03:15"


def test_a_first_start_by_a_clock_that_was_ahead_does_not_silence_the_nights_before_it(
    ledger: SqlStore,
) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START + 300 * DAY)
    due_run(ledger, schedule, START)

    assert slot_run(ledger, schedule, START + DAY) == "2026-03-02T03:15"


def test_what_was_missed_after_a_run_by_a_clock_that_was_ahead_is_named(ledger: SqlStore) -> None:
    schedule = nightly()
    due_run(ledger, schedule, START)
    slot_run(ledger, schedule, START + DAY)
    slot_run(ledger, schedule, START + 300 * DAY)

    due = due_run(ledger, schedule, START + 5 * DAY)
    assert due is not None
    assert due.missed == Missed(Gap(4, "2026-03-03T03:15", "2026-03-06T03:15"), schedule.label)


def test_the_night_that_a_former_line_owes_is_had_before_the_new_line_counts(
    ledger: SqlStore,
) -> None:
    due_run(ledger, nightly("Europe/Berlin"), START)
    other = nightly("Asia/Tokyo", "15 4 * * *")

    due = due_run(ledger, other, START + DAY)
    assert due is not None
    assert due.missed == Missed(
        Gap(1, "2026-03-02T03:15", "2026-03-02T03:15"), "15 3 * * * (Europe/Berlin)"
    )
    assert slot_run(ledger, other, START + DAY) == "2026-03-02T03:15"
    assert slot_run(ledger, other, START + DAY + HOUR) is None
    assert ledger.schedule_in_force("nightly") == (other.line, START + DAY + HOUR)
    assert slot_run(ledger, other, START + 2 * DAY) == "2026-03-03T04:15"


def test_another_zone_has_no_night_of_the_same_name_twice(ledger: SqlStore) -> None:
    due_run(ledger, nightly("Asia/Kolkata"), START)
    slot_run(ledger, nightly("Asia/Kolkata"), datetime(2026, 3, 1, 22, tzinfo=UTC))
    slots = [
        slot_run(ledger, nightly("UTC"), START + timedelta(hours=hours))
        for hours in (11, 16, 24, 40)
    ]

    assert slots == [None, None, None, "2026-03-03T03:15"]


def test_a_former_line_that_this_version_cannot_read_owes_nothing(ledger: SqlStore) -> None:
    ledger.schedule_start("nightly", "every night Mars/Base", now=START)

    assert due_run(ledger, nightly(), START + DAY) is None
    assert slot_run(ledger, nightly(), START + 2 * DAY) == "2026-03-03T03:15"


def test_schedules_have_ledgers_of_their_own(ledger: SqlStore) -> None:
    schedule, other = nightly(), replace(nightly(), name="other")
    due_run(ledger, schedule, START)
    due_run(ledger, other, START)

    assert slot_run(ledger, schedule, START + DAY) == "2026-03-02T03:15"
    assert slot_run(ledger, other, START + DAY) == "2026-03-02T03:15"


def test_a_clock_that_was_set_is_noticed_and_time_that_passes_is_not() -> None:
    before = ClockReading(START, 100.0)

    assert find_clock_jump(before, ClockReading(START + HOUR, 100.0 + 3600)) is None
    assert find_clock_jump(before, ClockReading(START + HOUR, 160.0)) == HOUR - timedelta(
        minutes=1
    )
    assert find_clock_jump(before, ClockReading(START - DAY, 160.0)) == -DAY - timedelta(minutes=1)
    assert find_clock_jump(before, Clock(lambda: START, lambda: 101.0).read()) is None


def test_a_service_lives_until_its_database_or_its_run_does_not_end() -> None:
    none, limit = timedelta(), timedelta(hours=4)

    assert find_fault(waiting=timedelta(minutes=9), running=limit, limit=limit) == ""
    assert "not answered for 11 minutes" in find_fault(
        waiting=timedelta(minutes=11), running=none, limit=limit
    )
    assert "taken 301 minutes" in find_fault(
        waiting=none, running=limit + timedelta(minutes=61), limit=limit
    )
