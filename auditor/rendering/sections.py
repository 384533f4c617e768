"""How a report becomes an outline: what goes into which section, in which order, cut where.

Findings are cut worst first over the whole report, then shown by project and block. Changes of
the data set have a section of their own, since nobody edited the block for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from auditor.drift import policy
from auditor.drift.conditions import key_of_rule
from auditor.drift.impulses import is_replacement_of, place_in_data
from auditor.model import (
    EVERY_PROJECT,
    AgainstBaseline,
    ConditionKind,
    Finding,
    Interval,
    ModelEvent,
    NoticeKind,
    OpenCondition,
    Owner,
    Recurrence,
    Since,
    TargetId,
    TargetState,
)
from auditor.rendering.alike import Pair, group_alike, merge_entries, merge_rewordings
from auditor.rendering.conditions import is_asked_for
from auditor.rendering.digests import enter_digest
from auditor.rendering.outline import (
    AlikeView,
    Count,
    Entry,
    Footer,
    Limits,
    Outline,
    Section,
    TargetView,
    UncheckedBlocks,
)
from auditor.rendering.summary import Summary, block_title, name_projects, pair_findings, summarize
from auditor.rendering.verdict import judge_run
from auditor.rendering.views import (
    enter_finding,
    enter_group,
    enter_impulse,
    enter_target,
    list_ids,
    title_project,
    view_changes,
    view_finding,
)
from auditor.rendering.words import (
    count,
    describe_model,
    describe_next_run,
    join_first,
    length,
    moment,
    name,
    period,
    sentence,
    times_in,
)
from auditor.report import LateFinding, LateVendorFinding, Notice, Report, TargetReport

FURTHER = "More findings, in one line each"
OPEN = "Open conditions"
WEEK = "Since the last digest"
IMPULSES = "Impulses that are others than before"
LATE, RULES, AUDITED = "Reported late", "Rules and notices", "Changes in what is audited"
_MOST_STARTED = 20  # blocks of a project that the first report names
_BACK_AND_FORTH = "Changed back and forth"
_EVENTS = {
    ModelEvent.TRAINED: ("trained: the block has a model now", False),
    ModelEvent.STALE: ("stale: trained before the last edit of its settings or data", True),
    ModelEvent.RETRAINED: ("trained again", True),
    ModelEvent.REVERTED: ("as it was trained again: the edits were undone", True),
    ModelEvent.RESET: ("reset: the trained model was removed", False),
}
"""By event: its words, and whether it is inferred from two polls and not said by Studio."""
_CONDITIONS = {
    ModelEvent.STALE: ConditionKind.STALE,
    ModelEvent.RESET: ConditionKind.TRAINING_LOST,
}
_SUPPRESSORS = {
    policy.INTERFACE: "Studio's interface",
    policy.UPGRADE: "an upgrade of the auditor",
}


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
    kept, others = groups[: limits.findings], groups[len(groups[: limits.findings]) :]
    unchecked, unchecked_hidden = _unchecked(report, limits.entries)
    dataset = [group for group in kept if _is_of_data_set(group[0][1])]
    edits = [group for group in kept if not _is_of_data_set(group[0][1])]
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
        further=_cut_section(FURTHER, [enter_group(group) for group in others], limits.further),
        extras=_extra_sections(summary, limits.entries),
        inventory=_inventory(summary, limits.entries),
        dataset=view_changes(dataset, report, footer, replace(limits, pictures=0)),
        vendor=tuple(map(view_finding, vendor[: limits.entries])),
        vendor_hidden=_hidden(len(vendor), limits.entries),
        baseline=_baseline(report, limits.entries),
        coverage=_coverage(summary),
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


def _is_of_data_set(finding: Finding) -> bool:
    """Return whether the data set changed; what follows an edit is with that edit."""
    return finding.owner is Owner.DATASET and finding.follows is None


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
    return (
        Count(value=summary.critical, label="critical", tone="critical"),
        Count(value=len(summary.severities) - summary.critical, label="less severe", tone="high"),
        *still_open,
        Count(value=answered, label="acknowledged", tone="info"),
        Count(value=totals.in_sync, label="unchanged", tone="ok"),
        unread,
    )


def _unchecked(report: Report, most: int | None) -> tuple[tuple[UncheckedBlocks, ...], int]:
    """Return what could not be checked, by reason, and how many blocks are left out."""
    unread = [target for target in report.targets if target.state is TargetState.UNKNOWN]
    kept = sorted(unread[:most], key=lambda t: (_reason_of(t), title_project(t), t.target))
    groups = sorted(
        (
            _unchecked_for(reason, tuple(group), report)
            for reason, group in groupby(kept, key=_reason_of)
        ),
        key=lambda blocks: (blocks.project, blocks.reason),
    )
    covered = {target.target.project_id for target in unread}
    reasons = {group.reason for group in groups}
    bare = [
        error
        for error in report.errors
        if error.project_id not in covered
        and not (error.project_id == EVERY_PROJECT and sentence(error.message) in reasons)
    ]
    groups += [
        UncheckedBlocks(
            project=name_projects([error.project_id]), reason=sentence(error.message), blocks=()
        )
        for error in bare[:most]
    ]
    return tuple(groups), len(unread) - len(kept) + _hidden(len(bare), most)


def _unchecked_for(
    reason: str, targets: tuple[TargetReport, ...], report: Report
) -> UncheckedBlocks:
    """Return the blocks that one cause kept from being checked, over all projects."""
    projects = tuple(dict.fromkeys(map(title_project, targets)))
    return UncheckedBlocks(
        project=join_first(projects, most=3),
        reason=reason,
        blocks=tuple(
            merge_entries([enter_target(target, _last_read(target, report)) for target in targets])
        ),
    )


def _reason_of(target: TargetReport) -> str:
    return sentence(target.error.message if target.error is not None else "no reason is known")


def _last_read(target: TargetReport, report: Report) -> str:
    if target.last_good_at is None:
        return "never read so far"
    age = length(report.run.started_at - target.last_good_at)
    read = f"last read {moment(target.last_good_at)}, {age} earlier"
    is_missing = any(
        each.kind is ConditionKind.MISSING and each.target == target.target for each in report.open
    )
    return (
        f"{read}; missing before this run, and not known whether it is back"
        if is_missing
        else read
    )


def _inventory(summary: Summary, most: int | None) -> tuple[Section, ...]:
    unsupported = tuple(
        target
        for target in summary.report.targets
        if target.state is TargetState.UNSUPPORTED and target.is_news
    )
    new = (
        _started(summary, most)
        if summary.is_first_run
        else _section("New blocks", summary.new, _new_note, most)
    )
    sections = (
        _section("Missing blocks", summary.missing, _missing_note, most),
        _section("Not supported", unsupported, _unsupported_note, most),
        new,
        _cut_section(AUDITED, _notices(summary, AUDITED), most),
    )
    return tuple(section for section in sections if section.entries)


def _section(
    heading: str,
    targets: tuple[TargetReport, ...],
    note: Callable[[TargetReport], str],
    most: int | None,
) -> Section:
    ordered = sorted(targets, key=place_in_data)
    return _cut_section(heading, [enter_target(target, note(target)) for target in ordered], most)


def _cut_section(heading: str, every: list[Entry], most: int | None) -> Section:
    entries = merge_entries(every)
    hidden = _hidden(len(entries), most)
    return Section(title=heading, entries=tuple(entries[:most]), hidden=hidden)


def _missing_note(target: TargetReport) -> str:
    return "Studio no longer lists it" if target.is_news else "Studio still does not list it"


def _unsupported_note(target: TargetReport) -> str:
    kind = name(target.type) or "unknown"
    return f"blocks of type {kind} cannot be audited (this is reported only once)"


def _new_note(target: TargetReport) -> str:
    kind = name(target.type) or "type unknown"
    return f"recorded for the first time; {kind}, {describe_model(target.model_state)}"


def _started(summary: Summary, most: int | None) -> Section:
    """Return the first run's section: one line per project, since it may have many blocks."""
    groups = [tuple(group) for _, group in groupby(summary.new, key=lambda t: t.target.project_id)]
    entries = [
        Entry(
            project="",
            block=title_project(group[0]),
            target="",
            note=f"{count(len(group), 'block')}: {_named(group)}",
        )
        for group in groups
    ]
    return _cut_section("Audit started", entries, most)


def _named(targets: tuple[TargetReport, ...]) -> str:
    """Return the names of the first blocks, each with its id where several have it."""
    titles = Counter(map(block_title, targets))
    named = tuple(
        title if titles[title] == 1 else f"{title} ({target.target})"
        for target in targets
        for title in [block_title(target)]
    )
    more = "; `auditor status` lists all" if len(named) > _MOST_STARTED else ""
    return f"{join_first(named, most=_MOST_STARTED)}{more}"


def _baseline(report: Report, most: int | None) -> Section:
    entries = [
        enter_finding(target, finding, _since_when(finding, report))
        for target, finding in pair_findings(report, Since.BASELINE)
    ]
    return _cut_section("Still different from the baseline", entries, most)


def _since_when(finding: Finding, report: Report) -> str:
    if finding.open_since is None:
        return ""
    age = length(report.run.started_at - finding.open_since)
    return f"; since {moment(finding.open_since)}, for {age}"


def _extra_sections(summary: Summary, most: int | None) -> tuple[Section, ...]:
    """Return the sections next to the changes that are not empty, each cut to `most` entries."""
    expected = [
        enter_finding(target, f, f"; expected: {sentence(f.expected)}")
        for target, f in summary.in_window
    ]
    back_and_forth = [
        enter_finding(target, f) for target, f in summary.findings if _is_only_counted(f)
    ]
    sections = (
        _cut_section(WEEK, enter_digest(summary.report), most),
        _cut_section(IMPULSES, list(map(enter_impulse, summary.replaced)), most),
        _cut_section(OPEN, _open_entries(summary), most),
        _cut_section(LATE, _late_entries(summary.report), most),
        _cut_section(RULES, _notices(summary, RULES), most),
        _cut_section("Expected changes", expected, most),
        _cut_section(_BACK_AND_FORTH, back_and_forth, most),
        _cut_section("Model state", [*_model_events(summary)], most),
    )
    return tuple(section for section in sections if section.entries)


def _open_entries(summary: Summary) -> list[Entry]:
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
    since = "since this run" if is_fresh else f"since {moment(condition.since)}"
    if condition.kind is not ConditionKind.STALE or target is None or target.model_since is None:
        return since
    return f"{since}: it became stale {_bounds(target.model_since)}"


def _late_entries(report: Report) -> list[Entry]:
    """Return an entry for each finding that is reported late; what no longer holds says so."""
    late = [(target, each) for target in report.targets for each in target.late]
    late.sort(key=lambda pair: (not pair[1].holds, -pair[1].finding.severity.rank))
    own = [
        replace(
            enter_finding(target, each.finding, f"; {_found_by(each)}, {_whether_it_holds(each)}"),
            id="",
        )
        for target, each in late
    ]
    vendor = [
        Entry(
            project="",
            block="Vendor catalogue",
            target="",
            note=f"{sentence(each.finding.headline)} "
            f"({count(each.finding.targets, 'block')}); {_found_by(each)}",
            severity=each.finding.severity,
        )
        for each in report.late_catalogue
    ]
    notices = [notice for notice in report.notices if notice.is_late]
    blocks = _blocks_named(notices, report)
    once = [_late_notice(n, blocks.get(n.target) if n.target else None) for n in notices]
    return own + once + vendor


def _late_notice(notice: Notice, target: TargetReport | None) -> Entry:
    entry = _notice(notice, target, _section_of(notice.kind))
    at = "" if notice.found_at is None else f", {moment(notice.found_at)}"
    holds = {True: ", still so", False: ", no longer so", None: ""}[notice.holds]
    return replace(entry, note=f"{entry.note}; found by run {notice.run_id}{at}{holds}")


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


def _is_only_counted(finding: Finding) -> bool:
    """Return whether it was reported before that a value changes back and forth."""
    return finding.recurrence is Recurrence.STILL_FLAPPING


def _notices(summary: Summary, section: str) -> list[Entry]:
    now = [notice for notice in summary.report.notices if not notice.is_late]
    notices = [notice for notice in now if _section_of(notice.kind) == section]
    blocks = _blocks_named(notices, summary.report)
    return [_notice(n, blocks.get(n.target) if n.target else None, section) for n in notices]


def _blocks_named(notices: Iterable[Notice], report: Report) -> dict[TargetId, TargetReport]:
    named = {notice.target for notice in notices}
    return {target.target: target for target in report.targets if target.target in named}


def _section_of(kind: NoticeKind) -> str:
    match kind:
        case (
            NoticeKind.BLOCK_BACK
            | NoticeKind.LEFT_OUT
            | NoticeKind.PROJECT_RENAMED
            | NoticeKind.BLOCK_NEW
            | NoticeKind.BLOCK_MISSING
            | NoticeKind.BLOCK_UNSUPPORTED
            | NoticeKind.CONTEXT_UNREAD
        ):
            return AUDITED
        case (
            NoticeKind.RULE_BROKEN
            | NoticeKind.RULE_RESTORED
            | NoticeKind.RULE_ENDED
            | NoticeKind.IGNORE_EXPIRED
            | NoticeKind.ACKNOWLEDGEMENT_ENDED
            | NoticeKind.LEFT_UNREPORTED
            | NoticeKind.READ_AGAIN
            | NoticeKind.MATCHES_NOTHING
        ):
            return RULES


def _notice(notice: Notice, target: TargetReport | None, section: str) -> Entry:
    note, severity = sentence(notice.text), notice.severity if section == RULES else None
    if target is not None:
        return replace(enter_target(target, note), severity=severity)
    whose = "All blocks" if section == RULES else "Projects"
    block = whose if notice.target is None else str(notice.target)
    return Entry(project="", block=block, target="", note=note, severity=severity)


def _model_events(summary: Summary) -> Iterator[Entry]:
    """Yield what happened to models in this run, then the older stale ones, oldest first.

    What an open condition names is not named again.
    """
    report = summary.report
    open_now = {(c.kind, c.target) for c in summary.open}
    for target in report.targets:
        if target.model_event is None:
            continue
        if (_CONDITIONS.get(target.model_event), target.target) not in open_now:
            words, is_inferred = _event(target.model_event, target, report)
            source = ", inferred" if is_inferred else ""
            yield enter_target(target, f"{words} ({_bounds(target.model_since)}{source})")
    older = [
        t
        for t in summary.stale
        if t.model_event is None and (ConditionKind.STALE, t.target) not in open_now
    ]
    for target in sorted(older, key=_stale_until):
        since = target.model_since
        age = "" if since is None else f" for {length(report.run.started_at - since.until)}"
        words = f"still stale{age}: it became stale {_bounds(since)}"
        if is_asked_for(target, report):
            yield enter_target(target, f"{words}; Studio asks to train it again")
        else:
            yield enter_target(target, f"{words}, trained before the last edit (inferred)")


def _event(event: ModelEvent, target: TargetReport, report: Report) -> tuple[str, bool]:
    """Return what happened to a model, and whether that is inferred and not said by Studio."""
    if event is ModelEvent.STALE and is_asked_for(target, report):
        return "stale: Studio asks to train it again", False
    if event is ModelEvent.RETRAINED and any(map(_ends_request, target.findings)):
        return "trained again: Studio no longer asks for it", False
    if event is ModelEvent.RETRAINED and target.is_trained_now:
        return "trained again: Studio has the date", False
    return _EVENTS[event]


def _ends_request(finding: Finding) -> bool:
    return finding.path == "selectedModelType" and finding.before == policy.REQUIRES_RETRAIN


def _bounds(since: Interval | None) -> str:
    if since is None:
        return "at an unknown time"
    if since.after is None:
        return f"before {moment(since.until)}, when it was first read"
    if since.after > since.until:  # the clock was set back
        return f"by {moment(since.until)}"
    return period(since.after, since.until)


def _stale_until(target: TargetReport) -> str:
    return "" if target.model_since is None else target.model_since.until.isoformat()


def _coverage(summary: Summary) -> tuple[str, ...]:
    """Return what was checked and what is not reported: silence alone does not mean health."""
    report, totals = summary.report, summary.report.totals
    readable = count(summary.readable, "block")
    lines = [f"{totals.checked:,} of {readable} checked, {totals.in_sync:,} unchanged."]
    if not report.is_whole:
        lines.append("This run audited a part of the configuration only, as it was asked to.")
    of_blocks = sum(target.suppressed for target in report.targets)
    if of_blocks and not report.suppressed_by:  # a part of a report: its rules are not known
        lines.append(f"{count(of_blocks, 'change')} stored but not reported.")
    if suppressed := sum(number for _, number in report.suppressed_by):
        by_rule = tuple(
            f"{number:,} by {_suppressor(rule)}" for rule, number in report.suppressed_by
        )
        changes = count(suppressed, "change")
        lines.append(
            f"{changes} stored but not reported ({join_first(by_rule)}); to list them: "
            "auditor suppressed"
        )
    if summary.acknowledged:
        differences = count(summary.acknowledged, "acknowledged difference")
        lines.append(f"{differences} from the baseline.")
    named = {(c.target, c.key) for c in summary.open if c.kind is ConditionKind.RULE_BROKEN}
    broken = tuple(
        f"“{name(rule)}” ({target}{f' {name(path)}' if path else ''})"
        for target, rule, path in report.broken_rules
        if (target, key_of_rule(rule, path)) not in named
    )
    if broken:
        lines.append(f"Rules that are broken now: {join_first(broken)}.")
    if totals.unsupported:
        lines.append(f"{count(totals.unsupported, 'block')} of a type that cannot be audited.")
    return tuple(lines)


def _suppressor(rule: str) -> str:
    return _SUPPRESSORS.get(rule, f"rule “{name(rule)}”")


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


def _hidden(every: int, most: int | None) -> int:
    """Return how many of `every` are left out where `most` are shown."""
    return 0 if most is None else max(every - most, 0)
