"""Who gets what part of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.drift.rules import TargetScope
from auditor.drift.subscriptions import Subscription, part_for
from auditor.model import Area, ModelState, Report, RunStatus, Severity, TargetId
from tests.rendering.samples import drift, failed, incomplete, quiet

_PUMP = TargetScope(projects=frozenset({1}))


def _part(report: Report, **values: object) -> Report | None:
    subscription = Subscription(recipient="a@example.org")
    return part_for(report, replace(subscription, **values))  # type: ignore[arg-type]  # by name


def _paths(part: Report | None) -> list[str]:
    assert part is not None
    return [finding.path for target in part.targets for finding in target.findings]


def test_a_part_holds_the_blocks_of_its_scope_and_counts_them() -> None:
    part = _part(drift(), scope=_PUMP)

    assert part is not None
    assert {one.target.project_id for one in part.targets} == {1}
    assert (part.totals.targets, part.totals.findings) == (2, 7)
    assert part.catalogue == ()


def test_a_part_holds_its_areas_from_the_least_severity_up() -> None:
    assert _paths(_part(drift(), areas=frozenset({Area.TRAINED, Area.DATA}))) == [
        "dependencies.classes",
        "dependencies.sampleCount",
        "trained",
    ]
    assert _paths(_part(drift(), least=Severity.CRITICAL)) == ["trained"]


def test_a_block_whose_findings_are_left_out_reads_in_sync() -> None:
    part = _part(drift(), scope=_PUMP, areas=frozenset({Area.SCRIPT}), gets=frozenset({"quiet"}))

    assert part is not None
    assert [str(one.state) for one in part.targets] == ["in_sync", "in_sync"]
    assert part.targets[0].model_state is ModelState.STALE


@pytest.mark.parametrize(
    ("report", "gets", "is_sent"),
    [
        (quiet(), {"drift", "failures"}, False),
        (quiet(), {"quiet"}, True),
        (drift(), {"failures"}, False),
        (drift(), {"drift"}, True),
        (failed(), {"drift"}, False),
        (failed(), {"failures"}, True),
        (failed(), {"quiet"}, False),
    ],
)
def test_nobody_gets_a_mail_they_did_not_ask_for(
    report: Report, gets: set[str], *, is_sent: bool
) -> None:
    assert (_part(report, gets=frozenset(gets)) is not None) is is_sent


def test_a_part_that_was_read_whole_is_complete() -> None:
    only_read = TargetScope(blocks=frozenset({TargetId(1, 3), TargetId(1, 7)}))
    read, unread = _part(incomplete(), scope=only_read), _part(incomplete())

    assert read is not None
    assert unread is not None
    assert (read.run.status, unread.run.status) == (RunStatus.COMPLETE, RunStatus.INCOMPLETE)


def test_a_failure_elsewhere_is_none_of_a_parts() -> None:
    assert _part(
        failed(), scope=TargetScope(projects=frozenset({9})), gets=frozenset({"failures"})
    ) is (None)
