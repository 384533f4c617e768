"""What a report says of the runs before it: missed, crashed, or told to nobody. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

from auditor.audit.judge import RunContext, notice_of_upgrade
from auditor.audit.plan import Scope
from auditor.audit.results import Results
from auditor.drift.rules import IgnoreRule, Rules
from auditor.drift.state_rules import (
    RuleViolation,
    notice_of_break,
    notice_of_end,
    without_layer_places,
)
from auditor.errors import ConfigError, Problem
from auditor.model import Notice, NoticeKind, Since, TargetId, TargetState
from auditor.protocols import RunStore
from auditor.records import (
    Acknowledgement,
    KnownTarget,
    RuleBreach,
    RunConclusions,
    UnreportedFinding,
)
from auditor.schedule import MOST_COUNTED, Gap

_MOST_HEADLINES = 3


@dataclass(frozen=True, slots=True)
class Missed:
    """Slots without a run, by the schedule that reports call `line`."""

    gap: Gap
    line: str


def note_of_missed(missed: Missed, *, takes_place: bool) -> str:
    """Return what is told of missed slots; with `takes_place` the last is the run's own."""
    gap, line = missed.gap, missed.line
    first, last = (local.replace("T", " ") for local in (gap.first, gap.last))
    if gap.count == 1:
        place = "takes its place" if takes_place else "is the next"
        return f"The run due at {first}, by {line}, was missed; this one {place}."
    many = f"{gap.count:,} or more" if gap.count >= MOST_COUNTED else str(gap.count)
    place = "takes their place" if takes_place else "is the next"
    return f"{many} runs were missed between {first} and {last}, by {line}; this one {place}."


def note_of_crash(run_id: int, *, is_whole: bool) -> str:
    """Return what is told of a run before this one that did not end."""
    what = "what it found" if is_whole else "what it found of the blocks of this run"
    return f"Run {run_id} did not end; {what} is told here."


def notices_of_leavers(untold: Iterable[UnreportedFinding]) -> tuple[Notice, ...]:
    """Return a notice for each block that left the configuration before it was told of."""
    owned = sorted(
        ((one.target, one) for one in untold if one.target is not None), key=lambda pair: pair[0]
    )
    return tuple(
        _notice(target, [one for _, one in group])
        for target, group in groupby(owned, key=lambda pair: pair[0])
    )


def _notice(target: TargetId, untold: list[UnreportedFinding]) -> Notice:
    told = [
        f"{one.finding.headline} (`auditor explain {one.finding.id}`)"
        for one in untold[:_MOST_HEADLINES]
    ]
    more = len(untold) - len(told)
    rest = f"; and {more} more" if more else ""
    return Notice(
        kind=NoticeKind.LEFT_UNTOLD,
        text=f"Is no longer audited, and of it nobody was told yet: {'; '.join(told)}{rest}",
        severity=max((one.finding.severity for one in untold), key=lambda one: one.rank),
        target=target,
    )


_Key = tuple[TargetId, str, str]


def require_admissible(rules: Rules, store: RunStore, *, today: date) -> None:
    """Refuse ignore rules that end in the past and were never in force.

    Raises:
        ConfigError: there is one; each is named.
    """
    known = store.ignore_rules()
    problems = tuple(
        Problem(
            f"ignore[{place}].until",
            f"{one.until} lies in the past, so the rule would never hold",
            "write a later date, or leave the rule out",
        )
        for place, one in enumerate(rules.ignores)
        if not one.is_in_force(today) and one.key not in known
    )
    if problems:
        raise ConfigError("the configuration", problems)


def remember_rules(rules: Rules, store: RunStore, *, today: date, at: datetime) -> None:
    """Remember the ignore rules that are in force, so that their end can be announced."""
    known = store.ignore_rules()
    keys = [one.key for one in rules.ignores if one.is_in_force(today)]
    if any(key not in known for key in keys):
        store.remember_ignore_rules(keys, at=at)


def aftermath(
    tally: Results, bench: RunContext, store: RunStore, *, scope: Scope
) -> RunConclusions:
    """Return what a run's end leaves; only targets that were read change any episode.

    A whole run ends those of targets that are no longer in the configuration.
    """
    rules, today = bench.rules, bench.today
    open_ones = {_key_of(one): one for one in store.rule_breaches()}
    now_broken = {_key_of(one): one for all_of in tally.broken.values() for one in all_of}
    began = tuple(one for key, one in now_broken.items() if key not in open_ones)
    left = (one.target for one in open_ones.values() if not scope.settles(one.target))
    audited = {*tally.told, *left}
    ended = tuple(
        one
        for key, one in open_ones.items()
        if key not in now_broken and _is_over(one, tally, rules, audited)
    )
    expired = tuple(_expired(rules, store.ignore_rules(), today))
    over = tuple(_ended_acknowledgements(tally, store.acknowledgements(), today))
    upgraded = notice_of_upgrade(tally.reread)
    return RunConclusions(
        notices=(
            *tally.notices,
            *((upgraded,) if upgraded else ()),
            *(notice_of_break(one) for one in began),
            *(_notice_of_end(one, rules, audited) for one in ended),
            *(_notice_of_expiry(one) for one in expired),
            *(_notice_of_lapse(one) for one in over if one.ended_why == "expired"),
        ),
        began=began,
        ended=ended,
        ended_acknowledgements=over,
        announced=tuple(one.key for one in expired),
    )


def still_broken(after: RunConclusions, store: RunStore) -> tuple[tuple[TargetId, str, str], ...]:
    """Return target, rule and path of every episode that goes on after the run."""
    ended = {_key_of(one) for one in after.ended}
    broken: list[RuleBreach | RuleViolation] = [*after.began]
    broken += [one for one in store.rule_breaches() if _key_of(one) not in ended]
    return tuple(sorted((one.target, one.rule, one.path) for one in broken))


def _key_of(one: RuleBreach | RuleViolation) -> _Key:
    return one.target, one.rule, without_layer_places(one.path)


def _is_over(one: RuleBreach, tally: Results, rules: Rules, audited: Collection[TargetId]) -> bool:
    """Return whether an episode whose rule was not found broken ended with this run."""
    is_configured = any(rule.name == one.rule for rule in rules.states)
    return one.target in tally.broken or one.target not in audited or not is_configured


def _expired(rules: Rules, known: dict[str, bool], today: date) -> Iterator[IgnoreRule]:
    for one in rules.ignores:
        if not one.is_in_force(today) and known.get(one.key) is False:
            yield one


def _ended_acknowledgements(
    tally: Results, acknowledgements: Sequence[Acknowledgement], today: date
) -> Iterator[Acknowledgement]:
    for one in acknowledgements:
        if one.until is not None and today > one.until:
            yield replace(one, ended_why="expired")
        elif _moved(tally, one):
            yield replace(one, ended_why="moved")


def _moved(tally: Results, one: Acknowledgement) -> bool:
    if one.target in tally.differs:
        return one.accepts not in tally.differs[one.target]
    told = tally.told.get(one.target)
    return told is not None and any(
        finding.since is Since.LAST and finding.path == one.path and finding.id != one.finding
        for finding in told.findings
    )


def _notice_of_end(one: RuleBreach, rules: Rules, audited: Collection[TargetId]) -> Notice:
    rule = next((rule for rule in rules.states if rule.name == one.rule), None)
    why = ""
    if rule is None:
        why = "is no longer configured"
    elif one.target not in audited:
        why = "is no longer checked, as the block is no longer audited"
    elif not rule.scope.includes(one.target):
        why = "is no longer for this block"
    return notice_of_end(one.target, one.rule, one.path, why_unchecked=why)


def _notice_of_expiry(one: IgnoreRule) -> Notice:
    return Notice(
        kind=NoticeKind.IGNORE_EXPIRED,
        text=(
            f"Ignore rule “{one.name}” of {one.author} ended on {one.until}; changes of what "
            f"it kept silent ({one.subject}) are told from now on. Its reason was: {one.reason}"
        ),
    )


def _notice_of_lapse(one: Acknowledgement) -> Notice:
    return Notice(
        kind=NoticeKind.ACKNOWLEDGEMENT_ENDED,
        text=f"The acknowledgement of {one.path} by {one.author} ended on {one.until}",
        target=one.target,
    )


def notice_of_return(known: KnownTarget | None) -> Notice | None:
    """Return what to say of a block that was read and before was missing or unsupported."""
    if known is None or known.version_id is None:
        return None
    if known.state is TargetState.MISSING:
        text = "listed again after it was missing"
    elif known.state is TargetState.UNSUPPORTED:
        text = f"read again after it was of type {known.type}, which cannot be read here"
    else:
        return None
    return Notice(
        kind=NoticeKind.BLOCK_BACK,
        text=f"{text}; compared with its last version",
        target=known.target,
    )
