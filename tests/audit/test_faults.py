"""Whole runs over real sockets in which every fault strikes a block: docs/faults.md is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from auditor.demo.faults import FAULT_DESCRIPTIONS, Fault
from auditor.model import RunStatus, TargetState
from tests.audit.faulty_fleet import Fleet, audited_fleet
from tests.fault_table import by_fault, rows

TABLE = by_fault()
UNREAD = [fault for fault in Fault if TABLE[fault].state == "unknown"]
BELIEVED = [fault for fault in Fault if TABLE[fault].state == "drifted"]
UNSEEN = [fault for fault in Fault if TABLE[fault].state == "in_sync"]
LOOKED_AT_TWICE = 2


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Fault, Fleet]]:
    """Each fault with its fleet: one that has time, and one that waits for nothing."""
    late = [fault for fault in Fault if TABLE[fault].kind == "timeout"]
    prompt = [fault for fault in Fault if fault not in late]
    with ExitStack() as stack:
        fleets: dict[Fault, Fleet] = {}
        for faults, timeout_s in ((prompt, 30), (late, 0.3)):
            folder: Path = tmp_path_factory.mktemp("fleet")
            url = f"sqlite:///{folder / 'auditor.db'}"
            entered = stack.enter_context(audited_fleet(url, folder, faults, timeout_s=timeout_s))
            fleets.update(dict.fromkeys(faults, entered))
        yield fleets


@pytest.fixture
def fleet(fleets: dict[Fault, Fleet], request: pytest.FixtureRequest) -> Fleet:
    """The fleet of the test's fault, else the one that has time."""
    spec = getattr(request.node, "callspec", None)
    return fleets[spec.params["fault"] if spec else Fault.HTTP_500]


def test_the_page_names_every_fault_once_and_nothing_else() -> None:
    assert [row.name for row in rows()] == list(Fault)
    assert {row.name: row.wire for row in rows()} == FAULT_DESCRIPTIONS


@pytest.mark.parametrize("fault", UNREAD)
def test_a_block_is_unknown_for_the_reason_of_the_page(fleet: Fleet, fault: Fault) -> None:
    reported = fleet.target_report(fault, night=3)

    assert reported is not None
    assert reported.error is not None
    assert (reported.state, reported.error.kind) == (TargetState.UNKNOWN, TABLE[fault].kind)
    assert TABLE[fault].says(reported.error.message), reported.error.message
    assert (reported.findings, reported.name) == (
        (),
        fleet.studio.answer(fleet.targets[fault])["name"],
    )


@pytest.mark.parametrize("fault", UNREAD)
def test_nothing_is_stored_of_it_and_the_next_night_is_clean(fleet: Fleet, fault: Fault) -> None:
    healed = fleet.target_report(fault, night=4)

    assert healed is not None
    assert (healed.state, healed.error) == (TargetState.IN_SYNC, None)
    assert [stored[fault] for stored in fleet.stored] == [0, 1, 1, 1]


@pytest.mark.parametrize("fault", UNREAD)
def test_at_first_sight_it_is_no_block_to_compare_with(fleet: Fleet, fault: Fault) -> None:
    first, second = fleet.target_report(fault, night=1), fleet.target_report(fault, night=2)

    if fault.is_listing_fault:
        error = fleet.error(fault, night=1)
        assert first is None
        assert error is not None
        assert TABLE[fault].says(error.message)
    else:
        assert first is not None
        assert (first.state, first.findings) == (TargetState.UNKNOWN, ())
    assert second is not None
    assert second.state is TargetState.NEW


@pytest.mark.parametrize("fault", BELIEVED)
def test_what_can_be_believed_is_judged_and_what_heals_is_reported(
    fleet: Fleet, fault: Fault
) -> None:
    path = TABLE[fault].words.partition("`:")[0].strip("`")

    for night in (2, 3, 4):
        reported = fleet.target_report(fault, night=night)
        assert reported is not None
        assert [finding.path for finding in reported.findings] == [path]


@pytest.mark.parametrize("fault", UNSEEN)
def test_what_passes_within_the_run_is_nothing_to_tell(fleet: Fleet, fault: Fault) -> None:
    for night in (3, 4):
        reported = fleet.target_report(fault, night=night)
        assert reported is not None
        assert (reported.state, reported.findings) == (TargetState.IN_SYNC, ())


def test_a_night_with_faults_says_that_it_is_incomplete(fleet: Fleet) -> None:
    statuses = [report.run.status for report in fleet.reports]

    assert statuses == [RunStatus.INCOMPLETE, RunStatus.COMPLETE] * 2
    assert fleet.reports[2].totals.unknown == len(fleet.targets.keys() & set(UNREAD))


def test_no_fault_multiplies_the_requests(fleet: Fleet) -> None:
    clean = 2 * len(fleet.targets)  # a listing and a block each

    assert fleet.asked[1] == fleet.asked[3] == clean
    assert all(asked <= clean + LOOKED_AT_TWICE for asked in fleet.asked)
