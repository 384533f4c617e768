"""What a run says once: by whom it was received, and who may still write it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.audit.close import close_run
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit
from auditor.demo.faults import Fault
from auditor.errors import LockLostError
from auditor.outbox import mark_failed
from tests.audit.stage import TEAM, Stage, block, stage, target

BOTH = ("ops@example.org", "ml@example.org")


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in (3, 4, 5)}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.audit()
        yield set_up


def _refuse(pump: Stage, reply: str) -> None:
    pump.postbox.refuses = dict.fromkeys(BOTH, reply)


def _said(report: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    return [(found["kind"], found["text"]) for found in report.get("notices", ())]


def _completed(pump: Stage) -> CompletedRun:
    with pump.open_store() as store:
        audit = Audit(store, app.build_client(pump.settings), now=app.now)
        return app.run_async(audit.run(app.build_request(pump.settings)))


def _close(pump: Stage, completed: CompletedRun) -> None:
    with pump.open_store() as store:
        close_run(
            completed,
            store,
            archive=app.build_archive(pump.settings),
            plan=app.build_delivery_plan(pump.settings),
            now=app.now,
        )


@pytest.mark.both_databases
def test_a_message_that_dies_before_the_run_is_closed_takes_no_notice_with_it(
    pump: Stage,
) -> None:
    pump.studio.put(target(6), block(name="Block 6"))
    _refuse(pump, "450 later")
    pump.night()
    completed = _completed(pump)  # while a queued message holds what is new
    with pump.open_store() as store:
        for queued in store.queued_messages(due_by=None):
            store.record(mark_failed(queued, "550 no such user", permanent=True, now=app.now()))
    pump.postbox.refuses = {}
    _close(pump, completed)

    assert _said(pump.json_of_night()) == [("new", "Block 6 (7/6) was new")]


@pytest.mark.both_databases
def test_a_run_that_was_given_up_retires_nothing_and_remembers_nothing(pump: Stage) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    given_up = _completed(pump)
    with pump.open_store() as store:
        store.abandon_open_runs(app.now() + timedelta(seconds=1))
        with pytest.raises(LockLostError):
            store.remember_inventory(given_up.report.run.id or 0, {99}, ())
        with pytest.raises(LockLostError):
            store.close_run(given_up.report, (), carried=(), conclusions=given_up.conclusions)

        assert store.found_projects() == frozenset()
        assert [status.target.learn_id for status in store.statuses()] == [3, 4, 5]


@pytest.mark.both_databases
def test_a_part_that_was_taken_has_reported_the_notices_that_it_holds(pump: Stage) -> None:
    pump.reconfigure(
        "[[projects]]",
        '[[subscriptions]]\nrecipient = "fan@example.org"\nblocks = ["7/6"]\n[[projects]]',
    )
    pump.studio.put(target(6), block(name="Block 6"))
    pump.studio.put(target(8), block(name="Block 8"))
    pump.studio.remove(target(5))
    pump.night()
    pump.studio.put(target(5), block(name="Block 5"))
    pump.studio.remove(target(6))
    _refuse(pump, "550 no such user")
    pump.night()
    pump.postbox.refuses = {}

    assert _said(pump.json_of_night()) == [("block_back", _BACK)]


_BACK = "listed again after it was missing; compared with its last version"


@pytest.mark.both_databases
def test_a_leavers_findings_are_one_notice_however_many_mails_die(pump: Stage) -> None:
    _refuse(pump, "550 no such user")
    pump.studio.edit(target(5), lambda answer: answer.update(batchSize=64))
    pump.night()
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    for _ in range(3):
        pump.night()
    pump.postbox.refuses = {}
    report, after = pump.json(), pump.json()

    assert [kind for kind, _ in _said(report)] == ["left_untold"]
    assert _said(after) == []


def test_without_drift_a_vendors_change_waits_for_a_mail_and_is_said_in_that_alone(
    pump: Stage,
) -> None:
    pump.change("email", send="drift")
    for learn_id in (3, 4, 5):
        pump.studio.edit(target(learn_id), lambda answer: answer.update(defaultBatchSize=99))
    first, quiet = pump.json_of_night(), pump.json_of_night()
    pump.postbox.taken.clear()
    pump.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    mailed, after = pump.json_of_night(), pump.json_of_night()

    assert [(found["path"], found["targets"]) for found in first["catalogue"]] == [
        ("defaultBatchSize", 3)
    ]
    assert quiet["catalogue"] == []
    assert [(found["late"], found["run"], found["targets"]) for found in mailed["catalogue"]] == [
        (True, 2, 3)
    ]
    assert after["catalogue"] == []
    assert len(pump.postbox.taken) == 2


def _night_of_vendor(pump: Stage, size: int) -> Any:  # noqa: ANN401 - any JSON
    for learn_id in (3, 4, 5):
        pump.studio.edit(target(learn_id), lambda answer: answer.update(defaultBatchSize=size))
    return pump.json_of_night()["catalogue"]


def test_a_vendors_change_that_is_undone_and_made_again_is_counted_once(pump: Stage) -> None:
    pump.change("email", send="drift")
    catalogues = [_night_of_vendor(pump, size) for size in (99, 32, 99)]
    pump.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    mailed = pump.json_of_night()

    assert [(found["after"], found["targets"], found.get("late")) for found in catalogues[-1]] == [
        (99, 3, None)
    ]
    assert sorted(
        (found["after"], found["targets"], found["run"]) for found in mailed["catalogue"]
    ) == [
        (32, 3, 3),
        (99, 3, 4),
    ]


def _states(report: Any) -> dict[int, str]:  # noqa: ANN401 - any JSON
    return {line["learn_id"]: line["state"] for line in report["targets"]}


def _stored_states(pump: Stage) -> dict[int, str]:
    with pump.open_store() as store:
        return {each.target.learn_id: str(each.state) for each in store.statuses()}


def test_a_named_block_that_never_existed_is_not_missing_once_all_are_asked_for(
    pump: Stage,
) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4, 5, 99]")
    mistaken = pump.json()
    pump.reconfigure("learn_blocks = [3, 4, 5, 99]", 'learn_blocks = "all"')
    report, after = pump.json(), pump.json()

    assert _states(mistaken)[99] == "unknown"
    assert _states(report) == {3: "in_sync", 4: "in_sync", 5: "in_sync"}
    why = "as Studio does not list them and they were never read"
    assert _said(report) == [("left_out", f"Pump: no longer audited, {why}: block (7/99)")]
    assert _said(after) == []
    assert 99 not in _stored_states(pump)


def test_a_missing_block_that_is_named_by_now_is_unknown_in_the_status_too(pump: Stage) -> None:
    pump.studio.remove(target(5))
    pump.audit()
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4, 5]")
    report = pump.json()

    assert _states(report)[5] == _stored_states(pump)[5] == "unknown"
    assert _said(report) == []


def test_a_missing_block_that_is_listed_again_is_back_even_where_it_cannot_be_read(
    pump: Stage,
) -> None:
    pump.studio.remove(target(5))
    pump.audit()
    pump.studio.put(target(5), block(name="Block 5"))
    pump.studio.fail(Fault.HTTP_500, target=target(5))
    report = pump.json()

    assert _states(report)[5] == _stored_states(pump)[5] == "unknown"
    assert _said(report) == [
        ("block_back", "listed again after it was missing; it could not be read so far")
    ]
