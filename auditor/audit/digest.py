"""Weekly digests: what the runs since a reader's last one come to, from what they stored.

A digest is a report whose findings are the net change: each block's version at the last digest is
compared with its version now. How many changes there were in between is counted, so that what was
changed and changed back is not silence. Nothing is asked of Studio.

Rules:
- A week begins on Monday, in the readers' time zone. A digest is queued by the first run over all
  targets that is closed in it: a week without a run on Monday has its digest with its next run.
- It is compared with the newest digest that the server took. So one that is given up is part of
  the next. The first digest of a reader who had every report has what came after the last of them.
- A new reader's first digest waits for the beginning of a week, and covers a week at most, unless
  something older was reported to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo

from auditor.audit.baseline import name_act
from auditor.audit.left_out import LeftOutCounts, has_news
from auditor.audit.plan import RunContext
from auditor.audit.snapshots import Snapshots
from auditor.drift.conditions import worst_conditions_first
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.findings import finding_id
from auditor.drift.policy import worst_first
from auditor.drift.report import CHECKED_STATES, count_totals, merge_vendor_findings, status_of
from auditor.listings import TargetStatus
from auditor.model import (
    AgainstBaseline,
    Area,
    ConditionKind,
    Finding,
    Interval,
    NoticeKind,
    OpenCondition,
    RunStatus,
    Since,
    TargetId,
    TargetState,
    VendorFinding,
)
from auditor.protocols import DigestStore
from auditor.records import DigestMark, KnownTarget, Retirement, RunPeriod, TargetChanges
from auditor.report import Digest, LeftOut, Notice, Report, TargetReport

_WEEK = timedelta(days=7)
_AT_ONCE = 200  # targets
_PROJECTS_AT_ONCE = 20
_NEVER = DigestMark()
_NO_CHANGES = TargetChanges()
# What the states of the blocks say, and what the open conditions say.
_SAID_OTHERWISE = (
    NoticeKind.BLOCK_NEW,
    NoticeKind.BLOCK_MISSING,
    NoticeKind.BLOCK_UNSUPPORTED,
    NoticeKind.LEFT_UNREPORTED,
)
_OF_RULES = (NoticeKind.RULE_BROKEN, NoticeKind.RULE_RESTORED)


def begin_week(at: datetime, zone: tzinfo) -> datetime:
    """Return the beginning of the week, in UTC: midnight before Monday, local time of `zone`."""
    local = at.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    return datetime.combine(monday, time(), zone).astimezone(UTC)


def find_due(
    recipients: Iterable[str], report: Report, store: DigestStore, *, at: datetime, zone: tzinfo
) -> dict[str, int]:
    """Return who gets a digest now, each with the run that it is compared with.

    A run that leaves targets out queues no digest.
    """
    run_id, week = report.run.id, begin_week(at, zone)
    if run_id is None or not report.is_whole:
        return {}
    marks = store.digest_marks()
    due: dict[str, int] = {}
    for recipient in recipients:
        mark = marks.get(recipient, _NEVER)
        if mark.queued_at is not None and mark.queued_at >= week:
            continue
        if mark.received_run_id is not None:
            if mark.queued_at is None and _has_ended_since(mark.received_run_id, week, store):
                continue
            due[recipient] = mark.received_run_id
        elif mark.queued_at is not None or _begins_week(run_id, at, week, store, zone):
            due[recipient] = _week_before(run_id, at, store)
    return due


def _has_ended_since(run_id: int, week: datetime, store: DigestStore) -> bool:
    """Return whether a run whose whole report the reader got ended in this week."""
    run = store.run_info(run_id)
    return run is not None and run.finished_at is not None and run.finished_at >= week


def _begins_week(
    run_id: int, at: datetime, week: datetime, store: DigestStore, zone: tzinfo
) -> bool:
    """Return whether a run is the week's first; the very first run is, on a Monday only."""
    if store.has_earlier_run(run_id, since=week):
        return False
    is_monday = at.astimezone(zone).weekday() == 0
    return is_monday or store.previous_run_id(run_id) is not None


def _week_before(run_id: int, at: datetime, store: DigestStore) -> int:
    """Return the newest run a week ago, or the one before the oldest unreported finding's."""
    unreported = (each.run_id - 1 for each in store.unreported_findings(run_id))
    return min((store.newest_run_before(at - _WEEK), *unreported))


def write_digest(
    report: Report,
    after: int,
    store: DigestStore,
    context: RunContext,
    *,
    retirement: Retirement | None = None,
) -> Report:
    """Return the digest of the runs after `after`, of which `report` is the last.

    The targets that the run retires are left out.
    """
    run_id = report.run.id or 0
    period = store.run_period(after, until=run_id)
    opened = _open_conditions(report, store)
    lines, left_out = _lines(report, store, opened, retirement, period)
    net = _NetChanges(store, context, period, lines)
    targets = tuple(
        _line_of_period(line, net.of(line.target), period, opened.get(line.target, ()), after)
        for line in lines.values()
    )
    totals = count_totals(targets, left_out)
    status = status_of(totals, report.errors)
    catalogue = _net_vendor((*period.vendor, *report.catalogue))
    every_open = tuple(each for group in opened.values() for each in group)
    return replace(
        report,
        run=replace(
            report.run,
            # What the runs of a week stored is known, whatever became of the last one.
            status=RunStatus.INCOMPLETE if status is RunStatus.FAILED else status,
        ),
        totals=totals,
        targets=targets,
        left_out=left_out,
        catalogue=catalogue,
        late_catalogue=(),
        notices=_net_notices((*period.notices, *report.notices), opened),
        notes=tuple(net.notes),
        suppressed_by=(),
        previous_run_id=after or None,
        open=worst_conditions_first(every_open),
        digest=_digest(after, period, targets, report.run.status, net),
    )


def _open_conditions(
    report: Report, store: DigestStore
) -> dict[TargetId, tuple[OpenCondition, ...]]:
    """Return what is open: of the run's own targets as its report says, else as it is stored."""
    own = {line.target for line in report.targets}
    others = (each for each in store.open_conditions() if each.target not in own)
    found: dict[TargetId, tuple[OpenCondition, ...]] = {}
    for condition in (*report.open, *others):
        found[condition.target] = (*found.get(condition.target, ()), condition)
    return found


def _lines(
    report: Report,
    store: DigestStore,
    opened: Mapping[TargetId, Sequence[OpenCondition]],
    retirement: Retirement | None,
    period: RunPeriod,
) -> tuple[dict[TargetId, TargetReport], tuple[LeftOut, ...]]:
    """Return a line for each audited target, by id: other schedules have theirs.

    Where the run's report does not list all targets, those without news in the period are counted.
    """
    lines = {line.target: line for line in report.targets}
    counts, counted = LeftOutCounts(), {each.project_id for each in report.left_out}
    for status in _statuses(store):
        target = status.target
        is_retired = retirement is not None and retirement.covers(target.project_id)
        if target in lines or (is_retired and target.project_id not in counted):
            continue
        line = _line_of_status(status, opened.get(target, ()))
        is_news = target in period.versions or target in period.changes or target in opened
        if report.left_out and not is_news and not has_news(line):
            counts.add(line)
        else:
            lines[target] = line
    return dict(sorted(lines.items())), counts.every()


def _statuses(store: DigestStore) -> Iterator[TargetStatus]:
    projects = store.known_projects()
    for start in range(0, len(projects), _PROJECTS_AT_ONCE):
        yield from store.statuses(projects[start : start + _PROJECTS_AT_ONCE])


def _line_of_status(status: TargetStatus, opened: Sequence[OpenCondition]) -> TargetReport:
    state = status.state
    if state in CHECKED_STATES:
        is_off = any(each.kind is ConditionKind.OFF_BASELINE for each in opened)
        state = TargetState.DRIFTED if is_off else TargetState.IN_SYNC
    return TargetReport(
        target=status.target,
        kind=status.kind,
        project=status.project,
        name=status.name,
        type=status.type,
        state=state,
        model_state=status.model_state,
        error=status.error,
        last_good_at=status.last_checked_at,
    )


@dataclass(frozen=True, slots=True)
class _Net:
    """The net change of a target: its findings, and the line with the parts they need.

    `is_whole` is false where something is left that is not reported.
    """

    findings: tuple[Finding, ...]
    line: TargetReport
    is_whole: bool


class _NetChanges:
    """Compares each target that has a new version with its version before the period."""

    def __init__(
        self,
        store: DigestStore,
        context: RunContext,
        period: RunPeriod,
        lines: Mapping[TargetId, TargetReport],
    ) -> None:
        self._store = store
        self._context = context
        self._period = period
        self._snapshots = Snapshots(store)
        self._vendor = {(each.path, each.kind) for each in period.vendor}
        self._without_windows = replace(context, rules=replace(context.rules, windows=()))
        self.notes: list[str] = []
        self._net = {net.line.target: net for net in self._compare_all(lines)}

    def of(self, target: TargetId) -> _Net | None:
        """Return what changed at a target, None where it was not compared."""
        return self._net.get(target)

    def is_whole(self, target: TargetId) -> bool:
        """Return whether all that is left of a target's changes is reported."""
        net = self._net.get(target)
        return net.is_whole if net is not None else target not in self._period.versions

    def _compare_all(self, lines: Mapping[TargetId, TargetReport]) -> Iterator[_Net]:
        changed = [
            (target, before)
            for target, before in self._period.versions.items()
            if before is not None and target in lines
        ]
        pruned = 0
        for start in range(0, len(changed), _AT_ONCE):
            some = dict(changed[start : start + _AT_ONCE])
            known = self._store.known_targets(list(some))
            before = self._store.lines_of_versions(list(some.values()))
            for target, version_id in some.items():
                if before[version_id].is_pruned:
                    pruned += 1
                elif target in known and known[target].version_id not in (None, version_id):
                    yield self._compare(known[target], version_id, lines[target])
        if pruned:
            blocks = "block" if pruned == 1 else "blocks"
            self.notes.append(
                f"{pruned:,} changed {blocks} cannot be compared: [retention] pruned the version "
                "at the last digest. Their changes are counted."
            )

    def _compare(self, known: KnownTarget, before: int, line: TargetReport) -> _Net:
        if known.version_id is None:
            raise AssertionError(f"{known.target} has no version")
        snapshot = self._snapshots.load(known.version_id)
        comparison = self._snapshots.compare_with(before, snapshot, known, layers=known.layers)
        judged = self._context.judge(comparison, known.target)
        between = Interval(self._period.since, self._context.now())
        ruled = self._without_windows.apply_rules(judged.findings, known.target, between)
        changes = self._period.changes.get(known.target, _NO_CHANGES)
        findings = tuple(
            _as_found(finding, changes)
            for finding in ruled.reported
            if not self._is_others(finding, changes)
        )
        excerpt = excerpt_answers(comparison.old, comparison.new, findings, comparison.kind)
        is_whole = len(findings) == len(judged.findings)
        return _Net(findings, replace(line, excerpt=excerpt), is_whole)

    def _is_others(self, finding: Finding, changes: TargetChanges) -> bool:
        """Return whether it is the vendor's change, or only shows since an upgrade."""
        is_vendors = (finding.path, finding.kind) in self._vendor
        path = finding.lasting_path or finding.path
        is_own = path in changes.newest_ids or finding.area is Area.CATALOGUE
        return (is_vendors and not is_own) or path in changes.from_upgrade


def _as_found(finding: Finding, changes: TargetChanges) -> Finding:
    """Return a finding under the id that `explain` knows, as expected if it always was."""
    path = finding.lasting_path or finding.path
    return replace(
        finding,
        id=changes.newest_ids.get(path, finding.id),
        expected="in a window" if path in changes.expected else "",
    )


def _line_of_period(
    line: TargetReport,
    net: _Net | None,
    period: RunPeriod,
    opened: Sequence[OpenCondition],
    after: int,
) -> TargetReport:
    """Return a target as the period leaves it."""
    is_new = line.target in period.versions and period.versions[line.target] is None
    line = replace(line, excerpt=None)
    if net is not None:
        line = replace(net.line, last_good_at=period.since)
    findings = () if net is None else net.findings
    if (training := period.changes.get(line.target, _NO_CHANGES).training) is not None:
        findings = (*findings, training)
        line = replace(line, last_good_at=period.since)
    baseline = {name_act(f): f for f in line.findings if f.since is Since.BASELINE}
    marked = (
        replace(finding, against_baseline=AgainstBaseline.DIFFERS, id=baseline[act].id)
        if (act := name_act(finding)) in baseline
        else finding
        for finding in findings
    )
    acts = set(map(name_act, findings))
    left = (finding for act, finding in baseline.items() if act not in acts)
    every = (*marked, *left)
    return replace(
        line,
        findings=worst_first(every),
        state=_state(line, every, opened, is_new=is_new),
        is_news=_is_news(line, opened, after),
        late=(),
        model_event=None,
        suppressed=0,
        signs="",
    )


def _state(
    line: TargetReport,
    findings: Sequence[Finding],
    opened: Sequence[OpenCondition],
    *,
    is_new: bool,
) -> TargetState:
    if line.state not in CHECKED_STATES:
        return line.state
    if is_new:
        return TargetState.NEW
    is_off = any(each.kind is ConditionKind.OFF_BASELINE for each in opened)
    return TargetState.DRIFTED if findings or is_off else TargetState.IN_SYNC


def _is_news(line: TargetReport, opened: Sequence[OpenCondition], after: int) -> bool:
    """Return whether a block went missing, or became one that cannot be read, in the period."""
    if line.state is TargetState.MISSING:
        return any(c.kind is ConditionKind.MISSING and c.run_id > after for c in opened)
    return line.is_news


def _net_vendor(found: Sequence[VendorFinding]) -> tuple[VendorFinding, ...]:
    """Return the vendor's changes, each once, less those that were undone again."""
    kept: dict[str, VendorFinding] = {}
    for finding in found:
        undone = finding_id(None, finding.path, finding.after, finding.before)
        if kept.pop(undone, None) is None:
            merged = merge_vendor_findings([*filter(None, [kept.get(finding.id)]), finding])
            kept[finding.id] = merged[0]
    return worst_first(kept.values())


def _net_notices(
    found: Sequence[Notice], opened: Mapping[TargetId, Sequence[OpenCondition]]
) -> tuple[Notice, ...]:
    """Return the notices that the period leaves, each once.

    Of a rule at a block only what is new in the end is left: one that was broken and holds again
    is none, and neither is one that was broken before and is broken again.
    """
    kept: dict[object, Notice] = {}
    first_of_rule: dict[object, NoticeKind] = {}
    for notice in found:
        if notice.is_late or notice.kind in _SAID_OTHERWISE:
            continue
        if notice.kind not in _OF_RULES:
            kept[notice.ids()] = notice
            continue
        rule = notice.target, _name_rule(notice.text)
        first = first_of_rule.setdefault(rule, notice.kind)
        broken = opened.get(notice.target, ()) if notice.target else ()
        is_broken = any(_name_rule(each.headline) == rule[1] for each in broken)
        if first is notice.kind and is_broken == (notice.kind is NoticeKind.RULE_BROKEN):
            kept[rule] = notice
    return tuple(sorted(kept.values(), key=lambda notice: -notice.severity.rank))


def _name_rule(text: str) -> str:
    """Return the beginning of a notice or a condition of a rule, which names it."""
    return text.partition("”")[0]


def _digest(
    after: int,
    period: RunPeriod,
    targets: Sequence[TargetReport],
    last: RunStatus,
    net: _NetChanges,
) -> Digest:
    runs = dict(period.runs)
    runs.pop(RunStatus.RUNNING, None)
    runs[last] = runs.get(last, 0) + 1
    came_to: list[tuple[TargetId, int, int | None]] = []
    for line in targets:
        number = period.changes.get(line.target, _NO_CHANGES).number
        left = sum(finding.since is Since.LAST for finding in line.findings)
        if number > left:
            is_known = left or net.is_whole(line.target)
            came_to.append((line.target, number, left if is_known else None))
    return Digest(
        after=after,
        since=period.since,
        runs=runs,
        changes=sum(changes.number for changes in period.changes.values()),
        approved=period.approved,
        acknowledged=period.acknowledged,
        taken_back=period.taken_back,
        came_to=tuple(sorted(came_to, key=lambda each: (each[2] or 0, -each[1], each[0]))),
    )
