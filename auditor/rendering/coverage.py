"""What a run checked, what it could not check and why, and what it suppressed."""

from __future__ import annotations

from itertools import groupby

from auditor.drift import policy
from auditor.drift.conditions import key_of_rule
from auditor.model import EVERY_PROJECT, ConditionKind, TargetState
from auditor.rendering.alike import merge_entries
from auditor.rendering.outline import UncheckedBlocks, count_hidden
from auditor.rendering.summary import Summary, name_projects
from auditor.rendering.views import enter_target, title_project
from auditor.rendering.words import count, join_first, length, moment, name, sentence
from auditor.report import Report, TargetReport

_SUPPRESSORS = {
    policy.INTERFACE: "of what Studio's pages remember",
    policy.UPGRADE: "that only an upgrade of the auditor shows",
}
"""By rule that is built in: which changes it suppresses."""
_LEFT_OUT = {
    TargetState.IN_SYNC: "unchanged",
    TargetState.NEW: "new",
    TargetState.UNKNOWN: "not checked",
    TargetState.UNSUPPORTED: "of a type that cannot be audited",
}


def describe_coverage(summary: Summary) -> tuple[str, ...]:
    """Return what was checked and what is not reported: silence alone does not mean health."""
    report, totals = summary.report, summary.report.totals
    readable = count(summary.readable, "block")
    lines = [f"{totals.checked:,} of {readable} checked, {totals.in_sync:,} unchanged."]
    lines += _describe_left_out(report)
    if not report.is_whole:
        lines.append("This run audited a part of the configuration only, as it was asked to.")
    lines += _describe_suppressed(report)
    if summary.acknowledged:
        differences = count(summary.acknowledged, "acknowledged difference")
        lines.append(f"{differences} from the baseline.")
    lines += _describe_broken_rules(summary)
    if totals.unsupported:
        lines.append(f"{count(totals.unsupported, 'block')} of a type that cannot be audited.")
    return tuple(lines)


def _describe_left_out(report: Report) -> list[str]:
    """Return how many blocks are counted and not listed, and where they are."""
    numbers = [(report.count_left_out(state), words) for state, words in _LEFT_OUT.items()]
    parts = [f"{number:,} {words}" for number, words in numbers if number]
    if not parts:
        return []
    every = count(sum(number for number, _ in numbers), "block")
    line = f"{every} counted here and not listed by name: {', '.join(parts)}."
    return [f"{line} `auditor status` lists all."]


def _describe_suppressed(report: Report) -> list[str]:
    by_rule = tuple(f"{number:,} {_suppressor(rule)}" for rule, number in report.suppressed_by)
    if by_rule:
        suppressed = sum(number for _, number in report.suppressed_by)
        what = f"{count(suppressed, 'change')} suppressed: {join_first(by_rule)}"
        return [f"{what}; to list them: auditor suppressed"]
    of_blocks = sum(target.suppressed for target in report.targets)
    # A part of a report: its rules are not known.
    return [f"{count(of_blocks, 'change')} suppressed."] if of_blocks else []


def _suppressor(rule: str) -> str:
    return _SUPPRESSORS.get(rule, f"by rule “{name(rule)}”")


def _describe_broken_rules(summary: Summary) -> list[str]:
    """Return the rules that are broken and that no open condition names."""
    named = {(c.target, c.key) for c in summary.open if c.kind is ConditionKind.RULE_BROKEN}
    broken = tuple(
        f"“{name(rule)}” ({target}{f' {name(path)}' if path else ''})"
        for target, rule, path in summary.report.broken_rules
        if (target, key_of_rule(rule, path)) not in named
    )
    return [f"Rules that are broken now: {join_first(broken)}."] if broken else []


def list_unchecked(report: Report, most: int | None) -> tuple[tuple[UncheckedBlocks, ...], int]:
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
    covered |= {each.project_id for each in report.left_out if each.unknown}
    uncounted = report.count_left_out(TargetState.UNKNOWN)
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
    hidden = len(unread) - len(kept) + uncounted + count_hidden(len(bare), most)
    return tuple(groups), hidden


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
