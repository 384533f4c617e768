"""Which part of a report each subscriber receives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.drift.rules import TargetScope
from auditor.drift.subscriptions import Subscription, select_part
from auditor.model import Area, ConditionKind, ModelState, RunStatus, Severity, TargetId
from auditor.report import Report
from tests.rendering.samples import condition, drift, failed, incomplete, quiet

_PUMP = TargetScope(projects=frozenset({1}))


def _part(report: Report, **values: object) -> Report | None:
    subscription = Subscription(recipient="a@example.org")
    return select_part(report, replace(subscription, **values))  # type: ignore[arg-type]  # by name


def _paths(part: Report | None) -> list[str]:
    assert part is not None
    return [finding.path for target in part.targets for finding in target.findings]


def test_a_part_has_the_blocks_of_its_scope_and_counts_them() -> None:
    part = _part(drift(), scope=_PUMP)

    assert part is not None
    assert {target.target.project_id for target in part.targets} == {1}
    assert (part.totals.targets, part.totals.findings) == (3, 8)
    assert part.catalogue == ()


def test_a_part_has_the_findings_of_its_areas_and_severities() -> None:
    assert _paths(_part(drift(), areas=frozenset({Area.TRAINED, Area.DATA}))) == [
        "dependencies.classes",
        "dependencies.sampleCount",
        "metadata.created",
        "trained",
        "dependencies.sampleCount",
    ]
    assert _paths(_part(drift(), least=Severity.CRITICAL)) == ["trained"]


def test_a_block_whose_findings_are_left_out_is_in_sync() -> None:
    part = _part(drift(), scope=_PUMP, areas=frozenset({Area.SCRIPT}), gets=frozenset({"quiet"}))

    assert part is not None
    assert [str(target.state) for target in part.targets] == ["in_sync"] * 3
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
def test_nobody_receives_a_message_that_they_did_not_ask_for(
    report: Report, gets: set[str], *, is_sent: bool
) -> None:
    assert (_part(report, gets=frozenset(gets)) is not None) is is_sent


def test_a_part_whose_blocks_were_all_read_is_complete() -> None:
    read_blocks = TargetScope(blocks=frozenset({TargetId(1, 3), TargetId(1, 7)}))
    complete, whole = _part(incomplete(), scope=read_blocks), _part(incomplete())

    assert complete is not None
    assert whole is not None
    assert (complete.run.status, whole.run.status) == (RunStatus.COMPLETE, RunStatus.INCOMPLETE)


def test_a_failure_outside_its_scope_is_not_in_a_part() -> None:
    assert _part(
        failed(), scope=TargetScope(projects=frozenset({9})), gets=frozenset({"failures"})
    ) is (None)


def test_a_part_names_no_sibling_outside_its_scope() -> None:
    deviates = condition(
        ConditionKind.SIBLING_DIFFERS,
        TargetId(1, 3),
        Severity.MEDIUM,
        "Deviates from its siblings 1/7, 2/4 and 3 more: Minimum confidence: 0.6 → 0.35",
    )
    whole = replace(drift(), open=(deviates,))

    part, all_of_it = _part(whole, scope=_PUMP), _part(whole)

    assert part is not None
    assert all_of_it is not None
    assert [each.headline for each in part.open] == [
        "Deviates from its siblings: Minimum confidence: 0.6 → 0.35"
    ]
    assert all_of_it.open == (deviates,)


def test_a_part_counts_no_blocks_of_the_whole_run_in_its_notes() -> None:
    whole = replace(drift(), notes=("The API now has selectedModelType “int4” (41 blocks).",))

    part, all_of_it = _part(whole, scope=_PUMP), _part(whole)

    assert part is not None
    assert all_of_it is not None
    assert part.notes == ("The API now has selectedModelType “int4”.",)
    assert all_of_it.notes == whole.notes
