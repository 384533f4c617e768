from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from auditor.demo.sample_reports import drift
from auditor.model import (
    ConditionKind,
    OpenCondition,
    RunInfo,
    RunStatus,
    Severity,
    Since,
    TargetId,
    Trigger,
)
from auditor.rendering.metrics import Measurements, render_metrics
from auditor.report import Report, Totals
from tests.rendering.prometheus import read

BEGAN = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
RUN = RunInfo(
    id=7,
    status=RunStatus.INCOMPLETE,
    trigger=Trigger.SCHEDULE,
    started_at=BEGAN,
    finished_at=BEGAN + timedelta(seconds=12.5),
)
REPORT = Report(run=RUN, totals=Totals(), targets=(), fetch_counts=(("same", 40), ("timeout", 1)))
NOTHING = Measurements(version="1.2.3", last=None, success=None, states={}, messages={})
MEASURED = replace(NOTHING, last=REPORT, success=RUN)


def test_before_the_first_run_only_what_is_known_is_written() -> None:
    samples = read(render_metrics(NOTHING))

    assert samples["auditor_build_info", "1.2.3"] == 1
    assert {name for name, _ in samples} == {
        "auditor_build_info",
        "auditor_targets",
        "auditor_outbox_messages",
        "auditor_open_conditions",
        "auditor_left_out_projects",
    }
    assert sum(samples.values()) == 1


def test_a_run_has_its_times_in_seconds() -> None:
    samples = read(render_metrics(MEASURED))

    assert samples["auditor_last_run_timestamp_seconds", ""] == BEGAN.timestamp()
    assert samples["auditor_last_success_timestamp_seconds", ""] == BEGAN.timestamp() + 12.5
    assert samples["auditor_last_run_duration_seconds", ""] == 12.5
    assert samples["auditor_last_run_status", "incomplete"] == 1
    assert samples["auditor_last_run_status", "complete"] == 0


def test_open_conditions_are_counted_by_kind_and_severity() -> None:
    lost = OpenCondition(
        kind=ConditionKind.TRAINING_LOST,
        target=TargetId(1, 3),
        severity=Severity.CRITICAL,
        headline="Training lost",
        since=BEGAN,
        run_id=6,
    )
    samples = read(render_metrics(replace(NOTHING, open_conditions=(lost,))))

    assert samples["auditor_open_conditions", "training_lost,critical"] == 1
    assert sum(n for (name, _), n in samples.items() if name == "auditor_open_conditions") == 1
    assert samples["auditor_open_conditions", "missing,high"] == 0


def test_requests_are_counted_by_outcome() -> None:
    samples = read(render_metrics(MEASURED))

    asked = {label: n for (name, label), n in samples.items() if name.endswith("_fetches")}
    assert asked == {"answer": 0, "same": 40, "timeout": 1}


def test_findings_are_those_that_the_totals_count_by_severity() -> None:
    report = drift()
    samples = read(render_metrics(replace(NOTHING, last=report)))

    found = [n for (name, _), n in samples.items() if name == "auditor_last_run_findings"]
    old = [f for target in report.targets for f in target.findings if f.since is Since.BASELINE]
    assert sum(found) == report.totals.findings > 0
    assert len(found) == 5
    assert old == [] or sum(found) < sum(len(target.findings) for target in report.targets)


@pytest.mark.parametrize("version", ['1"2', "1\\2", "1\n2", '\\"\n'])
def test_no_value_ends_its_label(version: str) -> None:
    samples = read(render_metrics(replace(NOTHING, version=version)))

    assert len([name for name, _ in samples if name == "auditor_build_info"]) == 1
