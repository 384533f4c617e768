"""What a run has to say besides its changes: missed runs, broken rules, ended decisions.

Each is said once; the store keeps what was said with the report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, tzinfo
from itertools import groupby
from typing import TypeAlias

from auditor.audit.news import notices_of_upgrade
from auditor.audit.plan import Missed, RunContext, Scope
from auditor.audit.results import Results
from auditor.drift.layer_keys import without_direction
from auditor.drift.recurrence import paths_overlap, place_of
from auditor.drift.rules import IgnoreRule, Rules
from auditor.drift.state_rules import (
    RuleViolation,
    notice_of_break,
    notice_of_end,
    without_layer_places,
)
from auditor.errors import ConfigError, Problem
from auditor.model import NoticeKind, Since, TargetId, TargetState
from auditor.protocols import RunStore
from auditor.records import (
    Acknowledgement,
    KnownTarget,
    RuleBreach,
    RunConclusions,
    UnreportedFinding,
    value_of_finding,
)
from auditor.report import Notice
from auditor.schedule import MOST_COUNTED

_MOST_HEADLINES = 3
_BreachKey: TypeAlias = tuple[TargetId, str, str]


def note_of_missed(missed: Missed, *, takes_place: bool) -> str:
    """Return a sentence about missed slots; with `takes_place` the last is this run's own."""
    gap, line = missed.gap, missed.line
    first, last = (local.replace("T", " ") for local in (gap.first, gap.last))
    if gap.count == 1:
        place = "takes its place" if takes_place else "is the next"
        return f"The run due at {first}, by {line}, was missed; this one {place}."
    many = f"{gap.count:,} or more" if gap.count >= MOST_COUNTED else str(gap.count)
    place = "takes their place" if takes_place else "is the next"
    return f"{many} runs were missed between {first} and {last}, by {line}; this one {place}."


def note_of_tries(runs: Sequence[int]) -> str:
    """Return a sentence about earlier runs of the same slot that read too little."""
    named = f"Run {runs[0]}" if len(runs) == 1 else f"Runs {', '.join(map(str, runs))}"
    return f"{named} of the same time checked less than half; this run is another try."


def note_of_jump(now: datetime, before: datetime, *, zone: tzinfo) -> str:
    """Return a sentence about a run that started far past the one before it."""
    days, last = (now - before).days, f"{before.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    return (
        f"The clock is {days} days past the last run ({last}). "
        "If it is wrong, set it. Nothing is pruned until a few more runs have followed."
    )


def note_of_crash(run_id: int, *, is_whole: bool) -> str:
    """Return a sentence about an earlier run that did not end, whose findings this one reports."""
    what = "what it found" if is_whole else "what it found of the blocks of this run"
    return f"Run {run_id} did not end; {what} is reported here."


def notices_of_leavers(unreported: Iterable[UnreportedFinding]) -> tuple[Notice, ...]:
    """Return a notice for each block that is no longer audited and has unreported findings."""
    owned = sorted(
        ((finding.target, finding) for finding in unreported if finding.target is not None),
        key=lambda pair: pair[0],
    )
    return tuple(
        _notice_of_leaver(target, [finding for _, finding in group])
        for target, group in groupby(owned, key=lambda pair: pair[0])
    )


def _notice_of_leaver(target: TargetId, unreported: Sequence[UnreportedFinding]) -> Notice:
    findings = [each.finding for each in unreported]
    named = [
        f"{finding.headline} (`auditor explain {finding.id}`)"
        for finding in findings[:_MOST_HEADLINES]
    ]
    more = len(findings) - len(named)
    rest = f"; and {more} more" if more else ""
    return Notice(
        kind=NoticeKind.LEFT_UNREPORTED,
        text=f"Is no longer audited, and was not reported before: {'; '.join(named)}{rest}",
        severity=max((finding.severity for finding in findings), key=lambda level: level.rank),
        target=target,
    )


def notice_of_return(known: KnownTarget | None) -> Notice | None:
    """Return a notice of a block that was read, and was missing before."""
    if known is None or known.version_id is None or known.state is not TargetState.MISSING:
        return None
    return Notice(
        kind=NoticeKind.BLOCK_BACK,
        text="listed again after it was missing; compared with its last version",
        target=known.target,
    )


def notice_of_listing(known: KnownTarget | None) -> Notice | None:
    """Return a notice of a block that is listed, was missing before, and could not be read."""
    if known is None or known.state is not TargetState.MISSING:
        return None
    text = "listed again after it was missing; it could not be read so far"
    return Notice(kind=NoticeKind.BLOCK_BACK, text=text, target=known.target)


def require_admissible(rules: Rules, store: RunStore, *, today: date) -> None:
    """Refuse ignore rules that ended before they were ever in force.

    Raises:
        ConfigError: there is such a rule; each is named.
    """
    known = store.ignore_rules()
    problems = tuple(
        Problem(
            f"ignore[{place}].until",
            f"{rule.until} lies in the past, so the rule would never hold",
            "write a later date, or leave the rule out",
        )
        for place, rule in enumerate(rules.ignores)
        if not rule.is_in_force(today) and rule.key not in known
    )
    if problems:
        raise ConfigError("the configuration", problems)


def remember_rules(rules: Rules, store: RunStore, *, today: date, at: datetime) -> None:
    """Store the ignore rules that are in force, so that their end can be announced."""
    known = store.ignore_rules()
    keys = [rule.key for rule in rules.ignores if rule.is_in_force(today)]
    if any(key not in known for key in keys):
        store.remember_ignore_rules(keys, at=at)


def conclude(
    results: Results, context: RunContext, store: RunStore, *, scope: Scope
) -> RunConclusions:
    """Return what the run leaves besides its report.

    A rule's breach begins or ends only at a target that was read, or at one that is no longer
    audited, which only a run over all targets can say.
    """
    rules, today = context.rules, context.today
    open_breaches = {_breach_key(breach): breach for breach in store.rule_breaches()}
    violations = {
        _breach_key(violation): violation
        for of_target in results.violations.values()
        for violation in of_target
    }
    began = tuple(found for key, found in violations.items() if key not in open_breaches)
    audited = frozenset(
        breach.target
        for breach in open_breaches.values()
        if breach.target in results.audited or not scope.settles(breach.target)
    )
    ended = tuple(
        breach
        for key, breach in open_breaches.items()
        if key not in violations and _is_over(breach, results, rules, audited)
    )
    announced = store.ignore_rules()
    expired = [
        rule
        for rule in rules.ignores
        if not rule.is_in_force(today) and announced.get(rule.key) is False
    ]
    lapsed = tuple(_ended_acknowledgements(results, store.acknowledgements(), today))
    return RunConclusions(
        notices=(
            *results.notices,
            *notices_of_upgrade(results.from_upgrade.values()),
            *(notice_of_break(violation) for violation in began),
            *(_notice_of_end(breach, rules, audited) for breach in ended),
            *(_notice_of_expired_rule(rule) for rule in expired),
            *(
                _notice_of_expired_acknowledgement(acknowledgement)
                for acknowledgement in lapsed
                if acknowledgement.ended_why == "expired"
            ),
        ),
        began=began,
        ended=ended,
        ended_acknowledgements=lapsed,
        announced=tuple(rule.key for rule in expired),
    )


def find_open_breaches(
    conclusions: RunConclusions, store: RunStore
) -> tuple[tuple[TargetId, str, str], ...]:
    """Return target, rule and path of every rule's breach that is open after the run."""
    ended = {_breach_key(breach) for breach in conclusions.ended}
    still_open: list[RuleBreach | RuleViolation] = [*conclusions.began]
    still_open += [breach for breach in store.rule_breaches() if _breach_key(breach) not in ended]
    return tuple(sorted((breach.target, breach.rule, breach.path) for breach in still_open))


def _breach_key(breach: RuleBreach | RuleViolation) -> _BreachKey:
    return breach.target, breach.rule, without_layer_places(breach.path)


def _is_over(
    breach: RuleBreach, results: Results, rules: Rules, audited: Collection[TargetId]
) -> bool:
    """Return whether a breach ended with this run, which found no violation of it."""
    is_configured = any(rule.name == breach.rule for rule in rules.states)
    return results.was_read(breach.target) or breach.target not in audited or not is_configured


def _ended_acknowledgements(
    results: Results, acknowledgements: Sequence[Acknowledgement], today: date
) -> Iterator[Acknowledgement]:
    for acknowledgement in acknowledgements:
        if acknowledgement.until is not None and today > acknowledgement.until:
            yield replace(acknowledgement, ended_why="expired")
        elif _has_other_value(acknowledgement, results):
            yield replace(acknowledgement, ended_why="moved")


def _has_other_value(acknowledgement: Acknowledgement, results: Results) -> bool:
    """Return whether this run found another value than the one that was acknowledged."""
    target = acknowledgement.target
    off_baseline = results.values_off_baseline(target)
    if off_baseline is not None:
        return acknowledgement.accepts not in off_baseline
    line = results.lines.get(target)
    place = without_direction(acknowledgement.lasting_path or acknowledgement.path)
    return line is not None and any(
        finding.since is Since.LAST
        and paths_overlap(place_of(finding), place)
        and value_of_finding(target, finding) != acknowledgement.accepts
        for finding in line.findings
    )


def _notice_of_end(breach: RuleBreach, rules: Rules, audited: Collection[TargetId]) -> Notice:
    rule = next((rule for rule in rules.states if rule.name == breach.rule), None)
    why = ""
    if rule is None:
        why = "is no longer configured"
    elif breach.target not in audited:
        why = "is no longer checked, as the block is no longer audited"
    elif not rule.scope.includes(breach.target):
        why = "is no longer for this block"
    return notice_of_end(breach.target, breach.rule, breach.path, why_unchecked=why)


def _notice_of_expired_rule(rule: IgnoreRule) -> Notice:
    return Notice(
        kind=NoticeKind.IGNORE_EXPIRED,
        text=(
            f"Ignore rule “{rule.name}” of {rule.author} ended on {rule.until}; changes that it "
            f"suppressed ({rule.subject}) are reported again. Its reason was: {rule.reason}"
        ),
    )


def _notice_of_expired_acknowledgement(acknowledgement: Acknowledgement) -> Notice:
    return Notice(
        kind=NoticeKind.ACKNOWLEDGEMENT_ENDED,
        text=f"The acknowledgement of {acknowledgement.path} by {acknowledgement.author} "
        f"ended on {acknowledgement.until}",
        target=acknowledgement.target,
    )
