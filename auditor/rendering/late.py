"""What an earlier run found and nobody received, as entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auditor.model import AgainstBaseline, Severity
from auditor.rendering.notices import enter_notice, name_blocks
from auditor.rendering.outline import Entry
from auditor.rendering.views import enter_finding
from auditor.rendering.words import count, moment, sentence
from auditor.report import LateFinding, LateVendorFinding, Report


@dataclass(frozen=True, slots=True)
class _Late:
    """An entry, and what decides its place: what no longer holds is below what does."""

    entry: Entry
    severity: Severity
    is_over: bool = False


def enter_late(report: Report) -> list[Entry]:
    """Return an entry for each finding and notice that is reported late.

    Worst first; what no longer holds says so and comes last.
    """
    late = [*_findings(report), *_notices(report), *_of_vendor(report)]
    late.sort(key=lambda each: (each.is_over, -each.severity.rank))
    return [each.entry for each in late]


def _findings(report: Report) -> Iterator[_Late]:
    for target in report.targets:
        for late in target.late:
            more = f"; {_found_by(late)}, {_whether_it_holds(late)}"
            entry = replace(enter_finding(target, late.finding, more), id="")
            yield _Late(entry, late.finding.severity, not late.holds)


def _notices(report: Report) -> Iterator[_Late]:
    notices = [notice for notice in report.notices if notice.is_late]
    blocks = name_blocks(notices, report)
    for notice in notices:
        entry = enter_notice(notice, blocks)
        at = "" if notice.found_at is None else f", {moment(notice.found_at)}"
        holds = {True: ", still so", False: ", no longer so", None: ""}[notice.holds]
        found = f"{entry.note}; found by run {notice.run_id}{at}{holds}"
        yield _Late(replace(entry, note=found), notice.severity, notice.holds is False)


def _of_vendor(report: Report) -> Iterator[_Late]:
    for late in report.late_catalogue:
        found = late.finding
        blocks = count(found.targets, "block")
        entry = Entry(
            project="",
            block="Vendor catalogue",
            target="",
            note=f"{sentence(found.headline)} ({blocks}); {_found_by(late)}",
            severity=found.severity,
        )
        yield _Late(entry, found.severity)


def _whether_it_holds(late: LateFinding) -> str:
    """Return whether a late finding still holds, with its id, and how to acknowledge it."""
    id_ = late.finding.id
    if not late.holds:
        return f"no longer so (id {id_})"
    if late.finding.against_baseline is not AgainstBaseline.DIFFERS:
        return f"still so (id {id_})"
    return f'still so (id {id_}; to acknowledge it: auditor acknowledge {id_} --reason "…")'


def _found_by(late: LateFinding | LateVendorFinding) -> str:
    return f"found by run {late.run_id}, {moment(late.found_at)}"
