"""How a report becomes an outline: what goes into which section, in which order, cut where.

Findings are cut worst first over the whole report, then shown by project and block; a change of
the data set stands in its own section, since nobody edited the block for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

from auditor.drift import policy
from auditor.drift.restore import restoration
from auditor.model import (
    EVERY_PROJECT,
    Area,
    Finding,
    Interval,
    ModelEvent,
    ModelState,
    Notice,
    NoticeKind,
    Owner,
    Recurrence,
    Report,
    Since,
    TargetId,
    TargetReport,
    TargetState,
    VendorFinding,
)
from auditor.rendering.changes import lines
from auditor.rendering.outline import (
    Count,
    Entry,
    FindingView,
    Footer,
    Limits,
    Outline,
    Section,
    TargetView,
    Unchecked,
)
from auditor.rendering.pictures import scale_of, stack_of, strip_of
from auditor.rendering.summary import Summary, projects_named, summarize, title, verdict
from auditor.rendering.words import count, length, listed, moment, name, sentence, studio_page

MOST_FOLDED = 8
_EFFECTS = {
    ModelState.STALE: "The trained model no longer matches its configuration (inferred).",
    ModelState.UNTRAINED: "This block holds no trained model.",
    ModelState.TRAINED: "",
    ModelState.UNKNOWN: "",
}

Pair: TypeAlias = tuple[TargetReport, Finding]


def outline(report: Report, footer: Footer, limits: Limits) -> Outline:
    """Return the report's sections, cut to `limits`."""
    summary = summarize(report)
    told_whole = [pair for pair in summary.findings if not is_counted_only(pair[1])]
    kept = told_whole[: limits.findings]
    vendor = sorted(report.catalogue, key=lambda finding: -finding.severity.rank)
    unchecked, unchecked_hidden = _unchecked(report, limits.entries)
    edits = (pair for pair in kept if pair[1].owner is not Owner.DATASET)
    changes = _cards(edits, report, footer, limits)
    return Outline(
        run="Dry run" if report.run.id is None else f"Run {report.run.id}",
        when=moment(report.run.started_at),
        verdict=verdict(report),
        counts=_counts(summary),
        notes=tuple(map(sentence, report.notes)),
        unchecked=unchecked,
        unchecked_hidden=unchecked_hidden,
        changes=changes,
        beside=beside(summary, limits.entries),
        inventory=_inventory(summary, limits.entries),
        dataset=_cards(
            (p for p in kept if p[1].owner is Owner.DATASET),
            report,
            footer,
            replace(limits, pictures=0),
        ),
        vendor=tuple(map(told, vendor[: limits.entries])),
        vendor_hidden=beyond(len(vendor), limits.entries),
        baseline=_baseline(report, limits.entries),
        quiet=_quiet(summary),
        shown=_shown(len(kept), len(told_whole), changes, limits),
        api=footer.api_url,
        full=footer.full,
        foot=_foot(report, footer),
    )


def told(finding: Finding | VendorFinding) -> FindingView:
    """Return the finding in words."""
    folded: tuple[str, ...] = ()
    rule, targets = "", 1
    match finding:
        case Finding():
            folded, rule = tuple(map(name, finding.folded)), name(finding.rule)
        case VendorFinding():
            targets = finding.targets
    return FindingView(
        id=finding.id,
        severity=finding.severity,
        headline=sentence(finding.headline),
        path=sentence(finding.path),
        lines=lines(finding),
        folded=listed(folded, most=MOST_FOLDED),
        rule=rule,
        targets=targets,
    )


def _counts(summary: Summary) -> tuple[Count, ...]:
    totals = summary.report.totals
    decided = len(summary.in_window) + summary.acknowledged
    return (
        Count(value=summary.critical, label="critical", tone="critical"),
        Count(value=len(summary.findings) - summary.critical, label="other", tone="high"),
        Count(value=decided, label="accepted", tone="info"),
        Count(value=totals.in_sync, label="unchanged", tone="ok"),
        Count(value=totals.unknown, label="not checked", tone="medium"),
    )


def _unchecked(report: Report, most: int | None) -> tuple[tuple[Unchecked, ...], int]:
    """Return what could not be checked, by reason, and how many blocks are cut."""
    unread = [target for target in report.targets if target.state is TargetState.UNKNOWN]
    kept = unread[:most]
    causes = groupby(sorted(kept, key=_failure_of), key=_reason_of)
    groups = sorted(
        (_unchecked_for(reason, tuple(group), report) for reason, group in causes),
        key=lambda one: (one.project, one.reason),
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
        Unchecked(
            project=projects_named([error.project_id]), reason=sentence(error.message), blocks=()
        )
        for error in bare[:most]
    ]
    return tuple(groups), len(unread) - len(kept) + beyond(len(bare), most)


def _unchecked_for(reason: str, targets: tuple[TargetReport, ...], report: Report) -> Unchecked:
    """Return what one cause kept from being checked, over all the projects that it struck."""
    projects = list(dict.fromkeys(project(target) for target in targets))
    return Unchecked(
        project=listed(tuple(projects), most=3),
        reason=reason,
        blocks=tuple(entry(target, _age(target, report)) for target in targets),
    )


def _failure_of(target: TargetReport) -> tuple[str, str, TargetId]:
    return _reason_of(target), project(target), target.target


def _reason_of(target: TargetReport) -> str:
    return sentence(target.error.message if target.error is not None else "no reason is known")


def _age(target: TargetReport, report: Report) -> str:
    if target.last_good_at is None:
        return "never read so far"
    age = length(report.run.started_at - target.last_good_at)
    return f"last read {moment(target.last_good_at)}, {age} before"


def _cards(
    pairs: Iterable[Pair], report: Report, footer: Footer, limits: Limits
) -> tuple[TargetView, ...]:
    """Return a card a block: worst project first, in it the worst block."""
    by_target: dict[TargetId, list[Pair]] = {}
    worst: dict[int, int] = {}
    for target, finding in pairs:
        by_target.setdefault(target.target, []).append((target, finding))
        project = target.target.project_id
        worst[project] = max(worst.get(project, 0), finding.severity.rank)
    ordered = sorted(
        by_target.values(),
        key=lambda own: (
            -worst[own[0][0].target.project_id],
            own[0][0].target.project_id,
            -own[0][1].severity.rank,
            own[0][0].target.learn_id,
        ),
    )
    cards = [_card(own, report, footer) for own in ordered]
    drawn = len(cards) if limits.pictures is None else limits.pictures
    return (*cards[:drawn], *map(_without_pictures, cards[drawn:]))


def _without_pictures(card: TargetView) -> TargetView:
    findings = tuple(replace(told, scale=None) for told in card.findings)
    return replace(card, stack=None, nights=None, findings=findings)


def _card(own: list[Pair], report: Report, footer: Footer) -> TargetView:
    target = own[0][0]
    has_layers = any(finding.area is Area.LAYERS for _, finding in own)
    return TargetView(
        project=project(target),
        block=title(target),
        target=target.target,
        type=name(target.type),
        model=target.model_state,
        effect=_EFFECTS[target.model_state],
        between=_between(target, report),
        link=studio_page(footer.studio_url, *target.target),
        findings=tuple(_once([_asked(finding, target) for _, finding in own])),
        stack=stack_of(target.excerpt) if has_layers else None,
        nights=strip_of(target.nights),
    )


def _once(findings: Iterable[FindingView]) -> Iterator[FindingView]:
    """Yield the findings, each request at the first that it restores."""
    requests: set[str] = set()
    for one in findings:
        body = one.restore.body if one.restore else ""
        yield replace(one, is_restored_above=body in requests)
        requests |= {body} - {""}


def _asked(finding: Finding, target: TargetReport) -> FindingView:
    """Return a finding with what a person can do about it."""
    return replace(
        told(finding),
        accept=f'auditor acknowledge {finding.id} --reason "…"',
        restore=restoration(finding, target.target, target.excerpt),
        scale=scale_of(finding, target.excerpt),
    )


def _between(target: TargetReport, report: Report) -> str:
    now = moment(report.run.started_at)
    if target.last_good_at is None:
        return f"by {now}"
    return f"between {moment(target.last_good_at).removesuffix(' UTC')} and {now}"


def _inventory(summary: Summary, most: int | None) -> tuple[Section, ...]:
    unserved = tuple(
        target
        for target in summary.report.targets
        if target.state is TargetState.UNSUPPORTED and target.went
    )
    sections = [
        _section("Missing blocks", summary.missing, _missing_note, most),
        _section("Not supported", unserved, _unserved_note, most),
    ]
    if summary.first_night:
        sections.append(_started(summary, most))
    else:
        sections.append(_section("New blocks", summary.new, _new_note, most))
    sections.append(what_is_audited(summary, most))
    return tuple(section for section in sections if section.entries)


def _section(
    heading: str,
    targets: tuple[TargetReport, ...],
    note: Callable[[TargetReport], str],
    most: int | None,
) -> Section:
    entries = tuple(entry(target, note(target)) for target in targets[:most])
    return Section(title=heading, entries=entries, hidden=beyond(len(targets), most))


def _missing_note(target: TargetReport) -> str:
    return "Studio no longer lists it" if target.went else "still not listed"


def _unserved_note(target: TargetReport) -> str:
    return f"a block of type {name(target.type) or 'unknown'} cannot be read here; told once"


def _new_note(target: TargetReport) -> str:
    return (
        f"recorded for the first time; {name(target.type) or 'type unknown'}, {target.model_state}"
    )


def _started(summary: Summary, most: int | None) -> Section:
    """Return the first night's section: one line a project, for a flood helps nobody."""
    groups = [tuple(group) for _, group in groupby(summary.new, key=lambda t: t.target.project_id)]
    entries = tuple(
        Entry(
            project="",
            block=project(group[0]),
            target="",
            note=f"{count(len(group), 'block')}: {listed(tuple(map(title, group)))}",
        )
        for group in groups[:most]
    )
    return Section(title="Audit started", entries=entries, hidden=beyond(len(groups), most))


def _baseline(report: Report, most: int | None) -> Section:
    pairs = [(t, f) for t in report.targets for f in t.findings if f.since is Since.BASELINE]
    pairs.sort(key=lambda pair: -pair[1].severity.rank)
    entries = tuple(entry(t, _standing_note(f, report)) for t, f in pairs[:most])
    hidden = beyond(len(pairs), most)
    return Section(title="Still different from the baseline", entries=entries, hidden=hidden)


def _standing_note(finding: Finding, report: Report) -> str:
    note = f"{finding.severity}: {sentence(finding.headline)}"
    if finding.stands_since is None:
        return f"{note} (id {finding.id})"
    age = length(report.run.started_at - finding.stands_since)
    return f"{note}; since {moment(finding.stands_since)}, {age} (id {finding.id})"


def _quiet(summary: Summary) -> tuple[str, ...]:
    """Return what is not told, as counts, so that silence is never mistaken for health."""
    totals = summary.report.totals
    every = count(summary.expected, "block")
    told_of = [f"{totals.checked:,} of {every} checked, {totals.in_sync:,} unchanged."]
    told_of += _suppressed(summary)
    if totals.unsupported:
        told_of.append(f"{count(totals.unsupported, 'block')} of a type that cannot be read here.")
    return tuple(told_of)


def _suppressed(summary: Summary) -> list[str]:
    report = summary.report
    by_rule = tuple(f"{number:,} by {_suppressor(rule)}" for rule, number in report.suppressed_by)
    suppressed = sum(number for _, number in report.suppressed_by)
    lines = []
    if suppressed:
        changes = count(suppressed, "change")
        lines.append(f"{changes} stored and not told ({listed(by_rule)}): auditor suppressed")
    if summary.acknowledged:
        differences = count(summary.acknowledged, "difference")
        lines.append(f"{differences} from the baseline acknowledged.")
    if report.broken_rules:
        broken = tuple(
            f"“{name(rule)}” ({target}{f' {name(path)}' if path else ''})"
            for target, rule, path in report.broken_rules
        )
        lines.append(f"Broken as this run ended: {listed(broken)}.")
    return lines


def _suppressor(rule: str) -> str:
    match rule:
        case policy.INTERFACE:
            return "Studio's interface"
        case policy.UPGRADE:
            return "an upgrade of the auditor"
        case _:
            return f"rule “{name(rule)}”"


def _foot(report: Report, footer: Footer) -> tuple[tuple[str, str], ...]:
    run = report.run
    took = "" if run.finished_at is None else f", took {length(run.finished_at - run.started_at)}"
    previous = "none before" if report.previous_run_id is None else f"run {report.previous_run_id}"
    pairs = (
        ("Run", f"{'dry run, nothing stored' if run.id is None else run.id} ({run.trigger})"),
        ("Started", f"{moment(run.started_at)}{took}"),
        ("Previous", previous),
        ("Schedule", sentence(report.schedule)),
        ("Next run", "" if report.next_run_at is None else moment(report.next_run_at)),
        ("Chain head", report.head_hash),
        ("Program", f"auditor {footer.version}"),
        ("Full report", footer.full),
        ("Why you", footer.why),
    )
    return tuple((label, text) for label, text in pairs if text)


def _shown(kept: int, every: int, cards: tuple[TargetView, ...], limits: Limits) -> str:
    said = [f"Showing {kept:,} of {every:,} findings, worst first."] if kept < every else []
    if limits.pictures is not None and len(cards) > limits.pictures:
        blocks = count(limits.pictures, "block")
        said.append(f"Layers and nights are drawn for {blocks} here.")
    return " ".join(said)


AUDITED = frozenset({NoticeKind.BLOCK_BACK, NoticeKind.LEFT_OUT, NoticeKind.PROJECT_RENAMED})
"""What notices tell of which blocks and projects are audited; the others tell of rules."""
_STEPS = {
    ModelEvent.TRAINED: "trained: it holds a model now",
    ModelEvent.STALE: "stale: it no longer matches its configuration",
    ModelEvent.RETRAINED: "trained again",
    ModelEvent.REVERTED: "matches its configuration again: the edits were taken back",
    ModelEvent.RESET: "reset: the training is gone",
}


def beside(summary: Summary, most: int | None) -> tuple[Section, ...]:
    """Return the sections that hold something, each cut to `most` entries."""
    sections = (
        ("Rules", [*_notices(summary, without=AUDITED)]),
        ("Expected changes", [_expected(t, f) for t, f in summary.in_window]),
        ("Flapping", [_flapping(t, f) for t, f in summary.findings if is_counted_only(f)]),
        ("Life of models", [*_life(summary)]),
    )
    return tuple(
        Section(title=heading, entries=tuple(entries[:most]), hidden=beyond(len(entries), most))
        for heading, entries in sections
        if entries
    )


def is_counted_only(finding: Finding) -> bool:
    """Return whether a finding was told as flapping before: now it is a line with a counter."""
    return finding.recurrence is Recurrence.STILL_FLAPPING


def entry(target: TargetReport, note: str) -> Entry:
    """Return a block in one line."""
    return Entry(
        project=project(target), block=title(target), target=str(target.target), note=note
    )


def project(target: TargetReport) -> str:
    """Return how a block's project is called."""
    return name(target.project) or f"Project {target.target.project_id}"


def beyond(every: int, most: int | None) -> int:
    """Return how many of `every` are left out where `most` are shown."""
    return 0 if most is None else max(every - most, 0)


def what_is_audited(summary: Summary, most: int | None) -> Section:
    """Return the section of what came back, was renamed or is left out."""
    others = frozenset(NoticeKind) - AUDITED
    entries = tuple(_notices(summary, without=others))
    hidden = beyond(len(entries), most)
    return Section(title="Back, renamed, left out", entries=entries[:most], hidden=hidden)


def _notices(summary: Summary, *, without: Set[NoticeKind]) -> Iterator[Entry]:
    notices = [one for one in summary.report.notices if one.kind not in without]
    named = {one.target for one in notices}
    blocks = {one.target: one for one in summary.report.targets if one.target in named}
    return (_notice(one, blocks.get(one.target) if one.target else None) for one in notices)


def _notice(one: Notice, told: TargetReport | None) -> Entry:
    is_of_rule = one.kind not in AUDITED
    note = f"{one.severity}: {sentence(one.text)}" if is_of_rule else sentence(one.text)
    if told is not None:
        return entry(told, note)
    where = "" if one.target is None else str(one.target)
    every = "All blocks" if is_of_rule else "Projects"
    return Entry(project="", block=where or every, target="", note=note)


def _flapping(target: TargetReport, finding: Finding) -> Entry:
    return entry(target, f"{finding.severity}: {sentence(finding.headline)} (id {finding.id})")


def _expected(target: TargetReport, finding: Finding) -> Entry:
    why = sentence(finding.expected)
    note = f"{finding.severity}: {sentence(finding.headline)}; expected: {why} (id {finding.id})"
    return entry(target, note)


def _life(summary: Summary) -> Iterator[Entry]:
    """Yield tonight's steps, then the models that are stale from before, oldest first."""
    for target in summary.report.targets:
        if target.step is not None:
            yield entry(target, f"{_STEPS[target.step]}; {_bounds(target)} (inferred)")
    before = [target for target in summary.stale if target.step is None]
    for target in sorted(before, key=_stale_until):
        note = f"still stale, since {_bounds(target)}{_model_age(target, summary)} (inferred)"
        yield entry(target, note)


def _bounds(target: TargetReport) -> str:
    since = target.model_since
    if since is None:
        return "a time that is not known"
    if since.after is None:
        return f"before {moment(since.until)}, when it was first seen"
    return f"between {moment(since.after).removesuffix(' UTC')} and {moment(since.until)}"


def _model_age(target: TargetReport, summary: Summary) -> str:
    if target.model_since is None:
        return ""
    return f", for {length(summary.report.run.started_at - target.model_since.until)}"


def _stale_until(target: TargetReport) -> str:
    since: Interval | None = target.model_since
    return "" if since is None else since.until.isoformat()
