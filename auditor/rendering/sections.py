"""How a report becomes an outline: what goes into which section, in which order, cut where.

Findings are cut worst first over the whole report, then shown by impulse and block. Blocks whose
number of samples is all that changed have a section of their own: nobody edited them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from auditor.drift.impulses import is_replacement_of
from auditor.model import (
    ConditionKind,
    Finding,
    OpenCondition,
    Owner,
    Recurrence,
    Severity,
    Since,
    TargetId,
)
from auditor.rendering.alike import Pair, cut_section, group_alike, merge_rewordings
from auditor.rendering.coverage import describe_coverage, list_unchecked
from auditor.rendering.digests import enter_digest
from auditor.rendering.inventory import list_inventory
from auditor.rendering.late import enter_late
from auditor.rendering.model_events import describe_bounds, enter_model_events
from auditor.rendering.notices import RULES, enter_notices
from auditor.rendering.outline import (
    AlikeView,
    Count,
    Entry,
    Footer,
    Limits,
    Outline,
    Section,
    TargetView,
    count_hidden,
)
from auditor.rendering.summary import Summary, block_title, pair_findings, summarize
from auditor.rendering.verdict import judge_run
from auditor.rendering.views import (
    enter_finding,
    enter_group,
    enter_impulse,
    list_ids,
    view_changes,
    view_finding,
)
from auditor.rendering.words import (
    count,
    describe_next_run,
    length,
    moment,
    name,
    sentence,
    times_in,
)
from auditor.report import Report, TargetReport

FURTHER = "More findings, in one line each"
OPEN = "Open conditions"
WEEK = "Since the last digest"
IMPULSES = "Replaced and new impulses"
LATE = "Reported late"
OFF_BASELINE = "Still different from the baseline"


def outline_report(report: Report, footer: Footer, limits: Limits) -> Outline:
    """Return the report's sections, cut to `limits`."""
    with times_in(footer.zone):
        return _outline(report, footer, limits)


def _outline(report: Report, footer: Footer, limits: Limits) -> Outline:
    summary = summarize(report)
    replaced = {target.target for each in summary.replaced for target in each.replaced}
    groups = group_alike(
        pair
        for pair in summary.findings
        if not (_is_only_counted(pair[1]) or _is_in_impulse(pair, replaced))
    )
    number = len(groups) if limits.findings is None else limits.findings
    kept, others = groups[:number], groups[number:]
    unchecked, unchecked_hidden = list_unchecked(report, limits.entries)
    edited = _edited_blocks(kept)
    dataset = [group for group in kept if _is_apart(group, edited)]
    edits = [group for group in kept if not _is_apart(group, edited)]
    changes = view_changes(edits, report, footer, limits)
    vendor = merge_rewordings(report.catalogue)
    return Outline(
        run=_title(report),
        when=moment(report.run.started_at),
        verdict=judge_run(report),
        counts=_counts(summary),
        notes=tuple(map(sentence, report.notes)),
        unchecked=unchecked,
        unchecked_hidden=unchecked_hidden,
        changes=changes,
        further=cut_section(FURTHER, [enter_group(group) for group in others], limits.further),
        extras=_extra_sections(summary, limits.entries),
        inventory=list_inventory(summary, limits.entries),
        dataset=view_changes(dataset, report, footer, replace(limits, pictures=0)),
        vendor=tuple(map(view_finding, vendor[: limits.entries])),
        vendor_hidden=count_hidden(len(vendor), limits.entries),
        coverage=describe_coverage(summary),
        ids=list_ids(groups),
        shown=_shown(sum(map(len, others)), changes, limits),
        api=footer.api_url,
        full=footer.full,
        page=footer.page,
        links=limits.links,
        foot=_foot(report, footer),
    )


def _title(report: Report) -> str:
    if report.digest is not None:
        return "Weekly digest"
    return "Dry run" if report.run.id is None else f"Run {report.run.id}"


def _is_in_impulse(pair: Pair, replaced: Collection[TargetId]) -> bool:
    """Return whether a finding is part of an impulse that is another one, which is one entry."""
    target, finding = pair
    return target.target in replaced and is_replacement_of(finding)


def _edited_blocks(groups: Sequence[tuple[Pair, ...]]) -> frozenset[TargetId]:
    """Return the blocks that have a card of their own, for more than their number of samples."""
    single = [group[0] for group in groups if len(group) == 1]
    return frozenset(target.target for target, found in single if not _is_of_data_set(found))


def _is_apart(group: tuple[Pair, ...], edited: Collection[TargetId]) -> bool:
    """Return whether a change stands below the dataset, and not with others of its block."""
    target, finding = group[0]
    return _is_of_data_set(finding) and not (len(group) == 1 and target.target in edited)


def _is_of_data_set(finding: Finding) -> bool:
    """Return whether no more than data changed, and it matters little.

    What follows an edit is with that edit; what matters is among the changes, worst first.
    """
    is_of_data = finding.owner is Owner.DATASET and finding.follows is None
    return is_of_data and finding.severity.rank <= Severity.LOW.rank


def _counts(summary: Summary) -> tuple[Count, ...]:
    totals = summary.report.totals
    unread = Count(value=totals.unknown, label="not checked", tone="medium")
    still_open = tuple(
        Count(value=len(summary.open), label="open", tone=worst.severity)
        for worst in summary.open[:1]
    )
    if summary.is_first_run:
        return (Count(value=totals.new, label="recorded", tone="low"), *still_open, unread)
    answered = len(summary.in_window) + summary.acknowledged
    acknowledged = Count(value=answered, label="acknowledged", tone="info")
    return (
        Count(value=summary.critical, label="critical", tone="critical"),
        Count(value=len(summary.severities) - summary.critical, label="less severe", tone="high"),
        *still_open,
        *([acknowledged] if answered else []),
        Count(value=totals.in_sync, label="unchanged", tone="ok"),
        unread,
    )


def _extra_sections(summary: Summary, most: int | None) -> tuple[Section, ...]:
    """Return the sections next to the changes that are not empty, each cut to `most` entries.

    Of those that ask for something the worst is first.
    """
    week = cut_section(WEEK, enter_digest(summary.report), most)
    urgent = [
        cut_section(IMPULSES, _enter_impulses(summary), most),
        cut_section(OPEN, _enter_open(summary), most),
        cut_section(LATE, enter_late(summary.report), most),
        cut_section(RULES, enter_notices(summary, RULES), most),
    ]
    urgent.sort(key=lambda section: -_rank_of(section))
    answered = (
        cut_section(OFF_BASELINE, _enter_baseline(summary.report), most),
        cut_section("Expected changes", _enter_expected(summary), most),
        cut_section("Changed back and forth", _enter_back_and_forth(summary), most),
        cut_section("Model state", list(enter_model_events(summary)), most),
    )
    return tuple(section for section in (week, *urgent, *answered) if section.entries)


def _rank_of(section: Section) -> int:
    """Return how severe the first entry of a section is, which is its worst."""
    severity = section.entries[0].severity if section.entries else None
    return -1 if severity is None else severity.rank


def _enter_impulses(summary: Summary) -> list[Entry]:
    entries = list(map(enter_impulse, summary.replaced))
    return sorted(entries, key=lambda entry: -entry.severity.rank if entry.severity else 1)


def _enter_open(summary: Summary) -> list[Entry]:
    """Return an entry for each open condition, worst first; a new one of an impulse is there."""
    report = summary.report
    in_impulses = {target.target for each in summary.replaced for target in each.missing}
    targets = {target.target: target for target in report.targets}
    return [
        Entry(
            project=name(target.project) if (target := targets.get(each.target)) else "",
            block=block_title(target) if target else f"block {each.target}",
            target=str(each.target),
            note=f"{sentence(each.headline)}; {_open_since(each, target, report)}",
            severity=each.severity,
        )
        for each in report.open
        if not (each.kind is ConditionKind.MISSING and each.target in in_impulses)
    ]


def _open_since(condition: OpenCondition, target: TargetReport | None, report: Report) -> str:
    is_fresh = report.digest is None and condition.run_id == (report.run.id or 0)
    if is_fresh:
        return "since this run"
    since = f"since {moment(condition.since)}"
    if condition.kind is not ConditionKind.STALE or target is None or target.model_since is None:
        return since
    return f"{since}: it became stale {describe_bounds(target.model_since)}"


def _enter_baseline(report: Report) -> list[Entry]:
    return [
        enter_finding(target, finding, _since_when(finding, report))
        for target, finding in pair_findings(report, Since.BASELINE)
    ]


def _since_when(finding: Finding, report: Report) -> str:
    if finding.open_since is None:
        return ""
    age = length(report.run.started_at - finding.open_since)
    return f"; since {moment(finding.open_since)}, for {age}"


def _enter_expected(summary: Summary) -> list[Entry]:
    return [
        enter_finding(target, found, f"; expected: {sentence(found.expected)}")
        for target, found in summary.in_window
    ]


def _enter_back_and_forth(summary: Summary) -> list[Entry]:
    return [
        enter_finding(target, found)
        for target, found in summary.findings
        if _is_only_counted(found)
    ]


def _is_only_counted(finding: Finding) -> bool:
    """Return whether it was reported before that a value changes back and forth."""
    return finding.recurrence is Recurrence.STILL_FLAPPING


def _foot(report: Report, footer: Footer) -> tuple[tuple[str, str], ...]:
    run = report.run
    took = "" if run.finished_at is None else f", took {length(run.finished_at - run.started_at)}"
    previous = "none" if report.previous_run_id is None else f"run {report.previous_run_id}"
    pairs = (
        ("Run", f"{'dry run, nothing stored' if run.id is None else run.id} ({run.trigger})"),
        ("Started", f"{moment(run.started_at)}{took}"),
        ("Previous", previous),
        ("Schedule", sentence(report.schedule)),
        ("Next run", describe_next_run(report.next_run_at, report.starter)),
        ("Run hash", report.head_hash),
        ("Program", f"auditor {footer.version}"),
        ("Full report", footer.full),
        ("Recipient", footer.why),
    )
    return tuple((label, text) for label, text in pairs if text)


def _shown(undetailed: int, views: tuple[TargetView | AlikeView, ...], limits: Limits) -> str:
    notes = [f"Details of {undetailed:,} more in the full report."] if undetailed else []
    drawn = sum(isinstance(view, TargetView) for view in views)
    if limits.pictures and drawn > limits.pictures:
        blocks = count(limits.pictures, "block")
        notes.append(f"Pictures of layers and past runs are shown for {blocks}.")
    return " ".join(notes)
