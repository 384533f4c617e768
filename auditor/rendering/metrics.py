"""Metrics in Prometheus' text format, for the textfile collector of its node exporter.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format; names and units are
https://prometheus.io/docs/practices/naming/'s. Every value is a gauge as of the last run, since
the process that counts is not the one that is scraped. The collector takes no timestamps.

Of labels only the project's id has no fixed number of values. So the series of projects are cut
to `MOST_PROJECTS`, by id, which keeps each series in its place; another gauge says how many are
left out. What covers all projects counts every block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from auditor.model import (
    ConditionKind,
    OpenCondition,
    RunInfo,
    RunStatus,
    Severity,
    Since,
    TargetState,
)
from auditor.outbox import NOT_DELIVERED, MessageState
from auditor.report import Report

MOST_PROJECTS = 200
_Label = TypeVar("_Label", bound=StrEnum)
_ENDS = (RunStatus.COMPLETE, RunStatus.INCOMPLETE, RunStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What is measured.

    Attributes:
        states: how many targets of each project are in which state.
        last: the report, unchanged targets left out, of the last finished run over all targets.
        success: the last run over all targets that checked something.
        messages: how many are queued, dead and dropped.
    """

    version: str
    last: Report | None
    success: RunInfo | None
    states: Mapping[tuple[int, TargetState], int]
    messages: Mapping[MessageState, int]
    open_conditions: Sequence[OpenCondition] = ()


@dataclass(frozen=True, slots=True)
class _Family:
    """Gauges of one name: their values by the values of their labels, or one without."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


def render_metrics(measured: Measurements) -> str:
    """Return the whole file; a family without a known value is left out."""
    families = (*_of_service(measured), *_of_run(measured.last), *_of_projects(measured))
    return "".join(line for family in families if family.values for line in _lines(family))


def _of_service(measured: Measurements) -> Iterator[_Family]:
    yield _Family(
        "auditor_build_info", "The auditor's version.", ("version",), {(measured.version,): 1}
    )
    success = measured.success
    if success is not None and success.finished_at is not None:
        yield _alone(
            "auditor_last_success_timestamp_seconds",
            "When the last run over all targets that checked something ended.",
            success.finished_at.timestamp(),
        )
    yield _Family(
        "auditor_targets",
        "Audited blocks, by state.",
        ("state",),
        _counted(TargetState, _sum_states(measured)),
    )
    opened = Counter((each.kind, each.severity) for each in measured.open_conditions)
    yield _Family(
        "auditor_open_conditions",
        "Bad states of blocks that last, by kind and severity.",
        ("kind", "severity"),
        {
            (str(kind), str(severity)): opened[kind, severity]
            for kind in ConditionKind
            for severity in Severity
        },
    )
    yield _Family(
        "auditor_outbox_messages",
        "Messages not delivered: waiting for another attempt (queued), given up (dead), or to "
        "nobody any more (dropped).",
        ("state",),
        _counted(NOT_DELIVERED, Counter(measured.messages)),
    )


def _sum_states(measured: Measurements) -> Counter[TargetState]:
    sums: Counter[TargetState] = Counter()
    for (_, state), number in measured.states.items():
        sums[state] += number
    return sums


def _of_run(last: Report | None) -> Iterator[_Family]:
    if last is None:
        return
    run = last.run
    yield _alone(
        "auditor_last_run_timestamp_seconds",
        "When the last run over all targets began.",
        run.started_at.timestamp(),
    )
    if run.finished_at is not None:
        seconds = (run.finished_at - run.started_at).total_seconds()
        yield _alone("auditor_last_run_duration_seconds", "How long that run took.", seconds)
    yield _Family(
        "auditor_last_run_status",
        "How that run ended: one label has 1, the others 0.",
        ("status",),
        _counted(_ENDS, Counter([run.status])),
    )
    yield _alone(
        "auditor_last_run_targets",
        "Blocks that run was to check, without those of a type that cannot be audited.",
        last.totals.targets - last.totals.unsupported,
    )
    yield _alone(
        "auditor_last_run_checked_targets",
        "Blocks that run checked.",
        last.totals.checked,
    )
    found = Counter(severity for _, severity in _findings(last))
    yield _Family(
        "auditor_last_run_findings",
        "Findings of that run, without the vendor's changes, by severity.",
        ("severity",),
        _counted(Severity, found),
    )
    yield _Family(
        "auditor_last_run_fetches",
        "Blocks asked of Studio: a new answer, the same answer, or the kind of failure.",
        ("outcome",),
        dict[tuple[str, ...], float]({("answer",): 0, ("same",): 0})
        | {(outcome,): number for outcome, number in last.fetch_counts},
    )


def _of_projects(measured: Measurements) -> Iterator[_Family]:
    audited = sorted({project_id for project_id, _ in measured.states})
    projects = audited[:MOST_PROJECTS]
    yield _Family(
        "auditor_project_targets",
        "Audited blocks of a project, by state.",
        ("project", "state"),
        _by_project(projects, TargetState, Counter(measured.states)),
    )
    opened = Counter((each.target.project_id, each.severity) for each in measured.open_conditions)
    yield _Family(
        "auditor_project_open_conditions",
        "Bad states of blocks of a project that last, by severity.",
        ("project", "severity"),
        _by_project(projects, Severity, opened),
    )
    if measured.last is not None:
        found = Counter(_findings(measured.last))
        yield _Family(
            "auditor_project_last_run_findings",
            "Findings of the last run over all targets in a project, by severity.",
            ("project", "severity"),
            _by_project(projects, Severity, found),
        )
    yield _alone(
        "auditor_left_out_projects",
        f"Audited projects without a series of their own: only the first {MOST_PROJECTS} by id "
        "have one.",
        len(audited) - len(projects),
    )


def _findings(report: Report) -> Iterator[tuple[int, Severity]]:
    """Yield the project and severity of each finding that the totals count."""
    for target in report.targets:
        for finding in target.findings:
            if finding.since is Since.LAST:
                yield target.target.project_id, finding.severity


def _by_project(
    projects: Sequence[int], labels: Iterable[_Label], counts: Counter[tuple[int, _Label]]
) -> Mapping[tuple[str, ...], float]:
    every = tuple(labels)
    return {
        (str(project), str(label)): counts[project, label]
        for project in projects
        for label in every
    }


def _alone(name: str, words: str, value: float) -> _Family:
    return _Family(name, words, (), {(): value})


def _counted(labels: Iterable[_Label], counts: Counter[_Label]) -> Mapping[tuple[str, ...], float]:
    """Return a value for each label, 0 included: alerts need a series that never disappears."""
    return {(str(label),): counts[label] for label in labels}


def _lines(family: _Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} gauge\n"
    for values, number in family.values.items():
        pairs = zip(family.labels, values, strict=True)
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in pairs)
        yield f"{family.name}{f'{{{labels}}}' if labels else ''} {number!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
