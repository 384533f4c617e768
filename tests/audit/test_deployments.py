"""What was built of impulses, over whole runs: whether it still is what they would build."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.demo.faults import Fault
from tests.audit.stage import PROJECT, Stage, block, stage, target

BLOCK = target(3)
NOON = datetime(2026, 11, 12, 14, 2, 51, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, {3: block(), 4: block(name="Other")}) as set_up:
        set_up.reconfigure("deployments = false", "deployments = true")
        yield set_up


@pytest.mark.both_databases
def test_a_deployment_that_its_impulse_left_behind_is_open_until_a_newer_one(pump: Stage) -> None:
    pump.studio.deploy(PROJECT, at=NOON, person="Ada")
    built = pump.json()
    pump.studio.edit(BLOCK, lambda answer: answer["thresholds"][0].update(value=0.9))
    pump.studio.leave_behind(PROJECT)
    behind = pump.json_of_night()
    pump.studio.fail(Fault.HTTP_403, path="/deployment/history")
    unread = pump.json()
    pump.studio.heal()
    pump.studio.deploy(PROJECT, at=NOON + DAY, person="Ada")
    newer = pump.json()

    assert built["open"] == []
    (condition,) = behind["open"]
    assert (condition["kind"], condition["severity"]) == ("deployment_behind", "medium")
    assert (condition["project_id"], condition["block_id"]) == (7, 3)
    assert condition["headline"].startswith(
        "Deployment 1 (arduino) of Impulse #1, built by Ada on 12 Nov 14:02 UTC, is behind: "
        "since then "
    )
    assert "0.9" in condition["headline"]
    assert unread["open"] == [condition]
    assert newer["open"] == []


def test_what_moved_is_unknown_where_only_studio_saw_it(pump: Stage) -> None:
    pump.studio.deploy(PROJECT, at=NOON)
    pump.studio.leave_behind(PROJECT)

    (condition,) = pump.json()["open"]
    assert condition["headline"] == (
        "Deployment 1 (arduino) of Impulse #1, built on 12 Nov 14:02 UTC, is behind: "
        "Studio says that the impulse changed since"
    )


def test_it_is_one_condition_an_impulse(pump: Stage) -> None:
    pump.studio.put(target(5), block(name="Second"), impulses=(2,))
    for impulse_id in (1, 2):
        pump.studio.deploy(PROJECT, at=NOON, impulse_id=impulse_id)
        pump.studio.leave_behind(PROJECT, impulse_id=impulse_id)

    assert [each["block_id"] for each in pump.json()["open"]] == [3, 5]


def test_a_deployment_of_an_impulse_that_was_deleted_is_behind_nothing(pump: Stage) -> None:
    pump.studio.put(target(5), block(name="Second"), impulses=(2,))
    pump.studio.deploy(PROJECT, at=NOON)
    pump.studio.leave_behind(PROJECT)
    behind = pump.json_of_night()
    pump.studio.delete_impulse(PROJECT, 1)

    assert [each["kind"] for each in behind["open"]] == ["deployment_behind"]
    assert {each["kind"] for each in pump.json()["open"]} == {"missing"}


def test_a_deployment_that_no_page_has_any_more_is_as_it_was(pump: Stage) -> None:
    pump.studio.deploy(PROJECT, at=NOON, person="Ada")
    pump.studio.leave_behind(PROJECT)
    behind = pump.json_of_night()
    for day in range(100):
        pump.studio.deploy(PROJECT, at=NOON + DAY * (day + 1), impulse_id=2)

    assert pump.json()["open"] == behind["open"] != []


@pytest.mark.parametrize("impulses", [1, 2])
def test_named_blocks_are_taken_for_those_of_the_only_impulse_that_was_deployed(
    pump: Stage, impulses: int
) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    for impulse_id in range(1, 1 + impulses):
        pump.studio.deploy(PROJECT, at=NOON, impulse_id=impulse_id)
    pump.studio.leave_behind(PROJECT)
    report = pump.json()

    assert "/impulses" not in {request.path for request in pump.studio.requests}
    assert [each["block_id"] for each in report["open"]] == ([3] if impulses == 1 else [])


def test_named_blocks_cost_no_more_than_two_requests_beside_their_own(pump: Stage) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3, 4]")
    pump.reconfigure("training = false", "training = true")
    pump.audit()
    pump.studio.requests.clear()
    pump.audit()

    assert sorted(r.path.removeprefix("/v1/api/7") for r in pump.studio.requests) == [
        "/deployment/history?limit=100&offset=0",
        "/jobs/history?limit=100&offset=0",
        "/training/keras/3",
        "/training/keras/4",
    ]
