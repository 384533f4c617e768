"""`auditor status --exit-code`, as a monitoring system calls it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from auditor import app
from auditor.demo.faults import Fault
from auditor.health import Due, Signs, read_signs
from auditor.model import Trigger
from auditor.records import SignKind, SignOfLife
from auditor.schedule import DEFAULT_SCHEDULE, Slot
from auditor.store.tables import run
from tests.audit.stage import Stage, target
from tests.cli.command import Command
from tests.daemon.conftest import scheduled_since


def problems(auditor: Command, *options: str) -> tuple[int, list[str]]:
    done = auditor("status", "--exit-code", *options)
    return done.code, done.out.split("\n\n")[0].splitlines()


def test_after_a_reported_run_all_is_well_with_or_without_drift(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.studio.edit(target(3), lambda a: a.update(name="Motion two"))
    auditor("run")

    assert problems(auditor) == (0, ["All is well."])


def test_a_lost_training_is_no_fault_of_the_service_and_is_named_first(
    pump: Stage, auditor: Command
) -> None:
    pump.studio.edit(target(3), lambda a: a.update(trained=True))
    auditor("run")
    pump.studio.edit(target(3), lambda a: a.update(trained=False))
    auditor("run")
    auditor("run")

    code, words = problems(auditor)
    listed = auditor("status")

    assert (code, words) == (1, ["The auditor is well; 1 open condition."])
    assert listed.code == 0
    assert listed.out.startswith("Open conditions: 1\n  [critical] ")
    assert "(7/3): Training lost" in listed.out
    assert json.loads(auditor("status", "--format", "json").out)["open"][0]["block_id"] == 3


@pytest.mark.usefixtures("pump")
def test_without_a_run_nothing_is_well(auditor: Command) -> None:
    assert problems(auditor) == (2, ["NOT WELL: no run was ever made"])


def test_without_a_database_nothing_is_well(pump: Stage, auditor: Command) -> None:
    (pump.folder / "auditor.db").unlink()

    assert problems(auditor) == (2, ["NOT WELL: no run was ever made"])


def test_a_message_that_is_not_taken_is_named_with_why(pump: Stage, auditor: Command) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later", "ops@example.org": "550 \x1b[2J no"}
    auditor("run")

    code, (waiting, dead) = problems(auditor)

    assert (code, "450" in waiting, "550" in dead) == (2, True, True)
    assert "\x1b" not in dead


def test_a_run_narrowed_by_hand_is_not_the_one_that_was_due(pump: Stage, auditor: Command) -> None:
    scheduled_since(pump, app.now() - timedelta(days=3))
    auditor("run", "--block", "7/3")
    narrowed = problems(auditor, "--overdue-hours", "0.001")
    auditor("run")

    assert narrowed[0] == 2
    assert "has not ended" in narrowed[1][0]
    assert problems(auditor, "--overdue-hours", "0.001") == (0, ["All is well."])


def test_an_unknown_block_is_named_once_it_is_old_enough(pump: Stage, auditor: Command) -> None:
    auditor("run")
    pump.studio.fail(Fault.HTML, target=target(4))
    auditor("run")

    assert problems(auditor) == (0, ["All is well."])
    assert problems(auditor, "--unknown-hours", "0") == (
        2,
        ["NOT WELL: not checked for more than 0 h, or never: 7/4"],
    )


def test_problems_are_json_where_they_are_asked_for(pump: Stage, auditor: Command) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)
    auditor("run")
    asked = auditor("status", "--exit-code", "--format", "json")

    assert asked.code == 2
    assert "failed: nothing could be checked" in asked.json["problems"][0]
    assert "problems" not in auditor("status", "--format", "json").json


@contextmanager
def a_service(pump: Stage) -> Iterator[None]:
    """Have what a service has of the database: its lock, and a sign of life."""
    with app.open_store(pump.settings) as store, store.service_lock():
        app.sign(store, SignKind.SERVICE)
        yield


def test_the_next_run_and_the_next_try_are_named_while_a_service_runs(
    pump: Stage, auditor: Command
) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later"}
    auditor("run")
    unserved = auditor("status").out
    with a_service(pump):
        served, report = auditor("status").out, auditor("run").out

    assert "Next run:     no service was seen: start it, or use the timer" in unserved
    assert "next try with the next run" in unserved
    assert re.search(r"^Next run: +\d{4}-\d\d-\d\d 03:15 UTC$", served, re.MULTILINE)
    assert re.search(r"next try \d{4}-\d\d-\d\d", served)
    assert re.search(r"^Next run: +\d{4}-\d\d-\d\d 03:15 UTC$", report, re.MULTILINE)


@pytest.mark.usefixtures("pump")
def test_a_run_by_the_timer_says_that_the_timer_starts_the_next(auditor: Command) -> None:
    by_hand, by_timer = auditor("run").out, auditor("run", "--by-timer").out
    shown = auditor("status").out

    assert re.search(r"^Next run: +no service was seen: start it", by_hand, re.MULTILINE)
    assert re.search(r"^Next run: +when the timer starts it$", by_timer, re.MULTILINE)
    assert re.search(r"^Service: +none, a timer started a run 20", shown, re.MULTILINE)


def test_a_service_that_ended_without_a_word_is_not_well(pump: Stage, auditor: Command) -> None:
    auditor("run")
    with a_service(pump):
        pass

    code, [words] = problems(auditor)

    assert code == 2
    assert words.startswith("NOT WELL: no service was seen since 20")
    assert re.search(
        r"^Service: +ended unexpectedly, last seen 20", auditor("status").out, re.MULTILINE
    )


def test_a_service_that_a_person_stopped_is_no_fault_until_a_run_is_overdue(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    with app.open_store(pump.settings) as store:
        app.sign(store, SignKind.SERVICE, is_over=True)

    assert problems(auditor) == (0, ["All is well."])
    shown = auditor("status").out
    assert re.search(r"^Service: +stopped 20", shown, re.MULTILINE)
    assert re.search(
        r"^Next run: +none while the service does not run: start", shown, re.MULTILINE
    )


def test_who_starts_runs_by_hand_hears_of_no_slot_and_of_no_run_that_was_stopped(
    pump: Stage,
) -> None:
    with app.open_store(pump.settings) as store:
        three_days_ago = app.now() - timedelta(days=3)
        store.open_run(Trigger.MANUAL, started_at=three_days_ago)
        store.abandon_open_runs(three_days_ago)
        [schedule] = app.find_schedules(pump.settings)
        slot = Slot("2026-11-24T03:15", app.now() - timedelta(hours=3))
        dues = [Due(schedule.name, schedule.line, slot)]
        by_hand = read_signs(store, dues, now=app.now())
        store.record_sign(SignOfLife(kind=SignKind.TIMER, seen_at=three_days_ago, is_over=False))
        by_timer = read_signs(store, dues, now=app.now())

    assert (by_hand.newest, by_hand.overdue) == (None, ())
    assert by_timer.newest is not None
    assert len(by_timer.overdue) == 1


@pytest.mark.usefixtures("history")
def test_targets_are_those_of_a_project_and_in_a_state(auditor: Command) -> None:
    drifted = auditor("status", "--project", "7", "--state", "drifted", "--format", "json").json
    missing = auditor("status", "--state", "missing")

    assert [each["block_id"] for each in drifted["targets"]] == [3]
    assert {each["block_id"] for each in drifted["open"]} <= {3}
    assert (missing.code, "No target to list." in missing.out) == (0, True)
    assert "Open conditions" not in missing.out


@pytest.mark.usefixtures("history")
def test_a_project_that_nobody_knows_is_not_well(auditor: Command) -> None:
    done = auditor("status", "--project", "8", "--exit-code")

    assert (done.code, done.out) == (2, "")
    assert "project 8" in done.err


@pytest.mark.parametrize("hours", ["-1", "inf", "a day", "99999"])
def test_a_limit_is_a_number_of_hours(auditor: Command, hours: str) -> None:
    assert auditor("status", "--unknown-hours", hours).code == 2


def seen(pump: Stage, slot: Slot) -> Signs:
    with app.open_store(pump.settings) as store:
        [schedule] = app.find_schedules(pump.settings)
        return read_signs(store, [Due(schedule.name, schedule.line, slot)], now=app.now())


def test_what_was_due_before_anything_watched_is_not_overdue(pump: Stage) -> None:
    slot = Slot("2026-11-24T03:15", app.now() - timedelta(hours=3))
    never = seen(pump, slot)
    scheduled_since(pump, app.now() - timedelta(hours=2))
    young = seen(pump, slot)

    assert (never.watched_since, never.overdue) == (None, ())
    assert (young.watched_since is None, young.overdue) == (False, ())


def test_a_run_by_a_clock_that_was_ahead_counts_for_no_slot(pump: Stage) -> None:
    scheduled_since(pump, app.now() - timedelta(days=2))
    slot = Slot("2026-11-24T03:15", app.now() - timedelta(hours=3))
    pump.night()
    by_hand = seen(pump, slot)
    with app.open_store(pump.settings) as store, store.database.writing() as connection:
        connection.execute(update(run).values(started_at=app.now() + timedelta(days=300)))
    ahead = seen(pump, slot)

    assert (len(by_hand.overdue), len(ahead.overdue)) == (0, 1)


def test_a_slot_is_used_once_its_own_run_has_ended(pump: Stage) -> None:
    scheduled_since(pump, app.now() - timedelta(hours=4))
    slot = Slot("2026-11-24T03:15", app.now() - timedelta(hours=3))
    before = seen(pump, slot).overdue
    with app.open_store(pump.settings) as store:
        store.open_run(
            Trigger.SCHEDULE, started_at=app.now(), schedule=DEFAULT_SCHEDULE, slot=slot.local
        )
    hanging = seen(pump, slot)
    pump.night()

    assert [due.slot for due in before] == [slot]
    assert [due.slot for due in hanging.overdue] == [slot]
    assert hanging.under_way is not None
    assert seen(pump, slot).overdue == ()


def test_a_run_of_another_schedule_is_not_the_one_that_was_due(pump: Stage) -> None:
    scheduled_since(pump, app.now() - timedelta(hours=4))
    slot = Slot("2026-11-24T03:15", app.now() - timedelta(hours=3))
    with app.open_store(pump.settings) as store:
        [schedule] = app.find_schedules(pump.settings)
        other = replace(
            app.build_scheduled_request(pump.settings, schedule), trigger=Trigger.SCHEDULE
        )
        order = replace(other, schedule="hourly", slot="2026-11-24T05:00")
        app.run_async(app.run_and_deliver(pump.settings, order, store))

    assert [due.slot for due in seen(pump, slot).overdue] == [slot]
