"""What a run comes to in words: one level, one sentence and one subject line.

Coverage comes first: a run that could not check everything is incomplete or failed, whatever
it found, and "no change" is said only where every block was read and nothing came or went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.model import Area, Finding, ModelState, RunInfo, RunStatus, Severity, TargetState
from auditor.rendering.conditions import count_conditions, count_older, describe_worst
from auditor.rendering.summary import (
    Summary,
    block_title,
    name_projects,
    summarize,
    title_target,
    whose_worst,
)
from auditor.rendering.words import (
    count,
    cut,
    cut_change,
    cut_words,
    harmless,
    join_first,
    moment,
    name,
    sentence,
)
from auditor.report import Report, TargetReport, Totals

PREFIX = "[EI drift] "
DIGEST = "week: "
LONGEST_SUBJECT = 77
_BETWEEN = " | "
# Our own signs in ASCII: a subject with another letter is written as encoded words.
_IN_ASCII = str.maketrans({"→": "->", "…": "..."})
_SHORTEST_PART = 14  # a part of the subject that is cut to less says nothing
_TRAINED_FROM = (Area.LAYERS, Area.SCRIPT, Area.TRAINING, Area.DATA, Area.IDENTITY)
_CAUSES = {
    "timeout": "Studio timed out",
    "unreachable": "Studio unreachable",
    "unauthorized": "API key rejected",
    "http": "Studio answered with an error",
    "rate_limited": "too many requests for Studio",
    "not_json": "Studio's answers were not JSON",
    "refused": "Studio refused the request",
    "invalid": "Studio's answers were not valid",
    "too_large": "Studio's answers were too large",
    "redirect": "Studio answered with a redirect",
}


class Level(StrEnum):
    """What a run comes to, worst first."""

    FAILED = "failed"
    INCOMPLETE = "incomplete"
    CRITICAL = "critical"
    DRIFT = "drift"
    NEWS = "news"
    CALM = "calm"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in one line of a list.

    Attributes:
        verdict: `ok`, `drift`, `incomplete` or `failed`; None if the run has no report: it is
            not closed, or its report was pruned.
        totals: of the report, None without one.
    """

    run: RunInfo
    verdict: str | None = None
    totals: Totals | None = None


@dataclass(frozen=True, slots=True)
class LevelLook:
    """How a level is shown: its letter, its colour as the style sheet names it, its meaning."""

    letter: str
    tone: str
    words: str


LEVELS = {
    Level.FAILED: LevelLook("F", "critical", "audit failed"),
    Level.INCOMPLETE: LevelLook("I", "medium", "incomplete"),
    Level.CRITICAL: LevelLook("C", "critical", "critical drift"),
    Level.DRIFT: LevelLook("D", "high", "drift, or a rule broken"),
    Level.NEWS: LevelLook("N", "low", "new, missing or expected"),
    Level.CALM: LevelLook("✓", "ok", "no change"),
}


_VERDICTS = {
    Level.FAILED: "failed",
    Level.INCOMPLETE: "incomplete",
    Level.CRITICAL: "drift",
    Level.DRIFT: "drift",
    Level.NEWS: "ok",
    Level.CALM: "ok",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """A run in a few words.

    Attributes:
        found: the level of what was found, whether or not everything was checked.
        tone: the level's colour, as the style sheet names it.
        word: the level for a reader, e.g. `Drift`.
        lead: a second sentence: the worst finding, or a hint; may be empty.
        subject: the mail's subject, under 78 characters.
        severity: the worst finding's; `unknown` where nothing was found and not all was
            checked; `none`. A block that went missing counts as high.
    """

    level: Level
    found: Level
    tone: str
    word: str
    sentence: str
    lead: str
    subject: str
    severity: str


def line_of_run(run: RunInfo, report: Report | None) -> RunLine:
    """Return a run's line; `report` is that of the run, None if it has none."""
    if report is None:
        return RunLine(run=run)
    return RunLine(run=run, verdict=_VERDICTS[judge_run(report).level], totals=report.totals)


def judge_run(report: Report) -> RunVerdict:
    """Return what the run comes to."""
    summary = summarize(report)
    level = _level(summary)
    words, lead = _sentences(summary, level)
    return RunVerdict(
        level=level,
        found=_level_of_changes(summary),
        tone=_tone(summary, level),
        word=_word(summary, level),
        sentence=words,
        lead=lead,
        subject=_subject(_subject_parts(summary, level), _prefix(summary)),
        severity=_severity(summary, level),
    )


def _tone(summary: Summary, level: Level) -> str:
    """Return the level's colour; a calm run's is that of the worst open condition.

    What was not checked hides nothing critical.
    """
    if level is Level.INCOMPLETE and _level_of_changes(summary) is Level.CRITICAL:
        return LEVELS[Level.CRITICAL].tone
    if level not in (Level.NEWS, Level.CALM) or not summary.open:
        return LEVELS[level].tone
    worst = summary.open[0].severity
    return str(worst) if worst.rank > Severity.LOW.rank else LEVELS[level].tone


def _level(summary: Summary) -> Level:
    report = summary.report
    is_complete = report.run.status is RunStatus.COMPLETE
    is_empty = not (summary.readable or report.totals.missing)
    if report.run.status is RunStatus.FAILED:
        return Level.FAILED
    if summary.unchecked or report.errors or is_empty or not is_complete:
        return Level.INCOMPLETE
    return _level_of_changes(summary)


def _level_of_changes(summary: Summary) -> Level:
    broken = summary.broken_rules
    if _is_critical(summary) or any(notice.severity is Severity.CRITICAL for notice in broken):
        return Level.CRITICAL
    lost = summary.newly_missing or any(not each.is_only_new for each in summary.replaced)
    if summary.findings or lost or broken or summary.late:
        return Level.DRIFT
    came_or_went = summary.new or summary.missing or summary.returned or summary.replaced
    if came_or_went or summary.off_baseline or summary.in_window or summary.open:
        return Level.NEWS
    return Level.CALM


def _is_critical(summary: Summary) -> bool:
    """Return whether a change is critical, of this run or of one that is reported late."""
    return any(
        finding.severity is Severity.CRITICAL
        for _, finding in (*summary.findings[:1], *summary.late[:1])
    )


def _word(summary: Summary, level: Level) -> str:
    match level:
        case Level.FAILED:
            return "Audit failed"
        case Level.INCOMPLETE:
            is_critical = _level_of_changes(summary) is Level.CRITICAL
            return "Incomplete, critical" if is_critical else "Incomplete"
        case Level.CRITICAL:
            return "Critical drift" if _is_critical(summary) else "Critical rule broken"
        case Level.DRIFT:
            return _drift_word(summary)
        case Level.NEWS:
            return _news_word(summary)
        case Level.CALM:
            return "No change"


def _drift_word(summary: Summary) -> str:
    if summary.findings or summary.newly_missing or summary.replaced:
        return "Drift"
    return "Rule broken" if summary.broken_rules else "Reported late"


def _news_word(summary: Summary) -> str:
    if summary.is_first_run:
        return "Audit started"
    if summary.new or summary.replaced:
        return "New blocks"
    if summary.returned:
        return "Blocks are back"
    if summary.in_window:
        return "Expected changes"
    if summary.missing:
        return "Still missing"
    return "Still open" if summary.open else "No new change"


def _severity(summary: Summary, level: Level) -> str:
    found = [finding.severity for _, finding in (*summary.findings[:1], *summary.late[:1])]
    found += [notice.severity for notice in summary.broken_rules]
    found += [Severity.HIGH for _ in summary.newly_missing[:1]]
    found += [each.severity for each in summary.replaced if each.severity is not None]
    found += [condition.severity for condition in summary.open[:1]]
    if found:
        return str(max(found, key=lambda severity: severity.rank))
    return "unknown" if level in (Level.FAILED, Level.INCOMPLETE) else "none"


def _sentences(summary: Summary, level: Level) -> tuple[str, str]:
    match level:
        case Level.FAILED:
            unchecked = f"None of {count(summary.unchecked, 'block')} could be checked"
            what = unchecked if summary.unchecked else "Nothing could be checked"
            return f"{what}: {_cause(summary)}.", "It is not known whether anything changed."
        case Level.INCOMPLETE:
            return f"{_shortfall(summary)}.", _incomplete_lead(summary)
        case Level.CRITICAL | Level.DRIFT:
            older = [count_older(summary.lasting)] if summary.lasting else []
            phrases = [*_drift_phrases(summary), *older]
            return f"{'; '.join(phrases)}.", _worst(summary)
        case Level.NEWS | Level.CALM:
            return f"{'; '.join(_calm_phrases(summary))}.", _worst_condition(summary)


def _worst_condition(summary: Summary) -> str:
    if not summary.open:
        return ""
    worst = summary.open[0]
    whose = title_target(worst.target, summary.report)
    return f"Worst: {whose}: {sentence(worst.headline)}; since {moment(worst.since)}"


def _shortfall(summary: Summary) -> str:
    if summary.unchecked:
        return f"{summary.unchecked:,} of {count(summary.readable, 'block')} could not be checked"
    if summary.report.errors:
        return f"{_projects_unchecked(summary)} could not be checked: {_cause(summary)}"
    if summary.report.run.status is not RunStatus.COMPLETE:
        return f"This run did not finish: its status is {summary.report.run.status}"
    return "Nothing was checked: no block was found"


def _incomplete_lead(summary: Summary) -> str:
    checked = count(summary.report.totals.checked, "block")
    still_open = f" {count_older(summary.lasting)}." if summary.lasting else ""
    if summary.is_first_run:
        return f"{checked} recorded for the first time."
    came_or_went = summary.missing or summary.new or summary.returned or summary.replaced
    if summary.findings or came_or_went or summary.broken_rules or summary.late:
        found = "; ".join(_drift_phrases(summary))
        return f"Among the checked blocks: {found}. {_worst(summary)}".strip() + still_open
    if not summary.report.totals.checked:
        return still_open.strip()
    return f"Nothing changed in the {checked} that could be checked.{still_open}"


def _drift_phrases(summary: Summary) -> list[str]:
    phrases = []
    if summary.findings:
        noun = "change" if len(summary.findings) == 1 else "changes"
        phrases.append(f"{_counted(summary.findings, ' and ')} {noun}{_where(summary)}")
    rules = _rule_phrases(summary)
    if _are_rules_worst(summary):
        phrases, rules = [*rules, *phrases], []
    return [
        *phrases,
        *_late_phrases(summary),
        *rules,
        *_inventory_phrases(summary),
        *_window_phrases(summary),
    ]


def _calm_phrases(summary: Summary) -> list[str]:
    checked = summary.report.totals.checked
    if summary.is_first_run:
        recorded = f"{count(checked, 'block')} recorded; changes will be reported from now on"
        return [recorded, *([count_conditions(summary.open)] if summary.open else [])]
    came_or_went = summary.new or summary.missing or summary.returned or summary.replaced
    if came_or_went or summary.in_window:
        return [
            *_window_phrases(summary),
            *_inventory_phrases(summary),
            "nothing else changed",
            *([count_conditions(summary.open)] if summary.open else []),
        ]
    if summary.open:
        return ["No new change", count_conditions(summary.open)]
    every = "The one block is" if checked == 1 else f"All {checked:,} blocks are"
    since = "run" if summary.report.digest is None else "digest"
    phrases = [f"{every} unchanged since the last {since}"]
    if summary.off_baseline:
        verb = "differs" if summary.off_baseline == 1 else "differ"
        phrases.append(f"{count(summary.off_baseline, 'block')} still {verb} from the baseline")
    return phrases


def _rule_phrases(summary: Summary) -> list[str]:
    """Return `2 rules broken`, or how many of them are critical."""
    severities = [notice.severity for notice in summary.broken_rules]
    if not severities:
        return []
    critical = severities.count(Severity.CRITICAL)
    if not critical:
        return [f"{count(len(severities), 'rule')} broken"]
    others = len(severities) - critical
    more = f" and {others:,} other" if others else ""
    noun = "rule" if len(severities) == 1 else "rules"
    return [f"{critical:,} critical{more} {noun} broken"]


def _are_rules_worst(summary: Summary) -> bool:
    """Return whether a rule that broke is worse than every finding."""
    rules = max((notice.severity.rank for notice in summary.broken_rules), default=-1)
    return rules > max((finding.severity.rank for _, finding in summary.findings), default=-1)


def _late_phrases(summary: Summary) -> list[str]:
    number = len(summary.late)
    return [f"{count(number, 'earlier change')} reported late"] if number else []


def _window_phrases(summary: Summary) -> list[str]:
    if not summary.in_window:
        return []
    return [count(len(summary.in_window), "expected change")]


def _inventory_phrases(summary: Summary) -> list[str]:
    still = tuple(target for target in summary.missing if not target.is_news)
    new = () if summary.is_first_run else summary.new
    groups = (
        (summary.newly_missing, 0, "went missing", "went missing"),
        (still, 0, "is still missing", "are still missing"),
        (summary.returned, 0, "is back", "are back"),
        (new, summary.report.count_left_out(TargetState.NEW), "is new", "are new"),
    )
    impulses = tuple(name(each.impulse.name) for each in summary.replaced)
    is_new = all(each.is_only_new for each in summary.replaced)
    verb = ("is" if is_new else "was") if len(impulses) == 1 else ("are" if is_new else "were")
    found = [f"{count(len(impulses), 'impulse')} {verb} {_other_or_new(summary)}: "]
    return [
        *(each + join_first(impulses, most=3) for each in found if impulses),
        *_block_phrases(groups),
    ]


def _other_or_new(summary: Summary) -> str:
    return "new" if all(each.is_only_new for each in summary.replaced) else "replaced"


def _block_phrases(groups: Sequence[tuple[tuple[TargetReport, ...], int, str, str]]) -> list[str]:
    """Return a phrase for each group: its blocks, and how many more there are."""
    return [
        f"{count(len(group) + more, 'block')} {singular if len(group) + more == 1 else plural}: "
        f"{join_first(tuple(map(block_title, group)), most=3, further=more)}"
        for group, more, singular, plural in groups
        if group
    ]


def _worst(summary: Summary) -> str:
    if not summary.findings and summary.late:
        headline = sentence(summary.late[0][1].headline)
        return f"Reported late: {whose_worst(summary.late)}: {headline}"
    if _are_rules_worst(summary):
        worst = max(summary.broken_rules, key=lambda notice: notice.severity.rank)
        return sentence(worst.text)
    if not summary.findings:
        return ""
    headline = sentence(summary.findings[0][1].headline)
    return f"Worst: {whose_worst(summary.findings)}: {headline}"


def _prefix(summary: Summary) -> str:
    return PREFIX if summary.report.digest is None else PREFIX + DIGEST


def _subject(parts: list[str], prefix: str) -> str:
    """Return one harmless line of at most 77 characters, in ASCII as far as names are."""
    first, *others = (part.translate(_IN_ASCII) for part in parts)
    subject = cut_words(prefix + first, LONGEST_SUBJECT, "...")
    for part in others:
        room = LONGEST_SUBJECT - len(subject) - len(_BETWEEN)
        if room < min(len(part), _SHORTEST_PART):
            break
        subject += _BETWEEN + cut_change(part, room)
    return subject


def _subject_parts(summary: Summary, level: Level) -> list[str]:
    """Return the subject's parts: the first is always shown, the others where there is room."""
    rules = _rule_phrases(summary)
    open_now = [f"open: {describe_worst(summary.lasting)}"] if summary.lasting else []
    others = [*_late_parts(summary), *_inventory_parts(summary)]
    match level:
        case Level.FAILED:
            return [f"AUDIT FAILED: {_cause(summary)}"]
        case Level.INCOMPLETE:
            found = [_counted(summary.findings, ", ")] if summary.findings else []
            found = _in_order(summary, found, rules)
            return [f"INCOMPLETE: {_short_shortfall(summary)}", *found, *others, *open_now]
        case Level.CRITICAL | Level.DRIFT:
            return [*_drift_parts(summary, rules, others), *open_now]
        case Level.NEWS | Level.CALM:
            return _calm_parts(summary)


def _late_parts(summary: Summary) -> list[str]:
    return [f"late: {_counted(summary.late, ', ')}"] if summary.late else []


def _drift_parts(summary: Summary, rules: list[str], others: list[str]) -> list[str]:
    """Return what was found; in how many projects only where that leaves room for the rest."""
    worst = _worst_part(summary)
    is_critical = bool(summary.findings) and _is_critical(summary)
    rest = [*worst, *others] if is_critical else [*others, *worst]
    if not summary.findings:
        return [*rules, *rest]
    changes = _counted(summary.findings, ", ")
    with_place = _in_order(summary, [f"{changes}{_where(summary)}"], rules)
    if len(_prefix(summary) + _BETWEEN.join([*with_place, *rest])) <= LONGEST_SUBJECT:
        return [*with_place, *rest]
    return [*_in_order(summary, [changes], rules), *rest]


def _in_order(summary: Summary, changes: list[str], rules: list[str]) -> list[str]:
    return [*rules, *changes] if _are_rules_worst(summary) else [*changes, *rules]


def _calm_parts(summary: Summary) -> list[str]:
    checked = summary.report.totals.checked
    if summary.is_first_run:
        return [f"audit started{_BETWEEN}{count(checked, 'block')} recorded"]
    news = [count(len(summary.in_window), "expected change")] if summary.in_window else []
    news += _inventory_parts(summary)
    if summary.open:
        worst = describe_worst(summary.open)
        others = len(summary.open) - _number_of_worst(summary)
        more = f" and {others:,} more open" if others else ""
        news = [*news, worst + more] if news else [f"no new change - {worst}{more}"]
    elif not news and summary.off_baseline:
        news = [f"no new change{_BETWEEN}{count(summary.off_baseline, 'block')} off the baseline"]
    parts = [
        *(news or ["no change"]),
        f"{checked:,} of {count(summary.readable, 'block')} checked",
    ]
    if summary.stale and not summary.open:
        parts.append(f"{count(len(summary.stale), 'model')} stale")
    return [*parts, *(["catalogue changed"] if summary.report.catalogue else [])]


def _number_of_worst(summary: Summary) -> int:
    kind = summary.open[0].kind
    return sum(condition.kind is kind for condition in summary.open)


def _short_shortfall(summary: Summary) -> str:
    if summary.unchecked:
        return f"{summary.unchecked:,} of {count(summary.readable, 'block')} not checked"
    if summary.report.errors:
        projects = _projects_unchecked(summary)
        return f"{projects[0].lower()}{projects[1:]} not checked"
    if summary.report.run.status is not RunStatus.COMPLETE:
        return f"the run is {summary.report.run.status}"
    return "nothing checked, no block found"


def _inventory_parts(summary: Summary) -> list[str]:
    parts = []
    if summary.replaced:
        more = f" and {len(summary.replaced) - 1} more" if len(summary.replaced) > 1 else ""
        first = cut(name(summary.replaced[0].impulse.name), 30)
        parts.append(f"impulse {_other_or_new(summary)}: {first}{more}")
    if summary.missing:
        word = "missing" if summary.newly_missing else "still missing"
        parts.append(f"{word}: {_first_of(summary.newly_missing or summary.missing)}")
    if summary.returned:
        parts.append(f"back: {_first_of(summary.returned)}")
    if summary.new and not summary.is_first_run:
        unlisted = summary.report.count_left_out(TargetState.NEW)
        parts.append(f"new: {_first_of(summary.new, further=unlisted)}")
    return parts


def _first_of(targets: tuple[TargetReport, ...], *, further: int = 0) -> str:
    others = len(targets) - 1 + further
    more = f" and {others} more" if others else ""
    return cut(block_title(targets[0]), 30) + more


def _worst_part(summary: Summary) -> list[str]:
    if not summary.findings and not summary.late:
        return []
    pairs = summary.findings or summary.late
    target, finding = pairs[0]
    is_stale = target.model_state is ModelState.STALE and finding.area in _TRAINED_FROM
    is_lost = finding.path == "trained" and finding.after is False
    what = "training lost" if is_lost else harmless(finding.headline)
    return [f"{cut(whose_worst(pairs), 30)}: {'model stale' if is_stale else what}"]


def _counted(findings: Sequence[tuple[TargetReport, Finding]], joint: str) -> str:
    """Return `1 critical and 3 more`; there is at least one finding, and the worst is first."""
    worst = findings[0][1].severity
    number = sum(finding.severity is worst for _, finding in findings)
    others = len(findings) - number
    return f"{number:,} {worst}" + (f"{joint}{others:,} more" if others else "")


def _where(summary: Summary) -> str:
    """Return ` in 2 of 14 projects` for the run's findings; empty where there is one project."""
    changed = len({target.target.project_id for target, _ in summary.findings})
    every = summary.report.count_projects()
    if changed < every:
        return f" in {changed:,} of {every:,} projects"
    return {1: "", 2: " in both projects"}.get(every, f" in all {every:,} projects")


def _cause(summary: Summary) -> str:
    """Return the one cause of all failures, or the most common of several."""
    report = summary.report
    found = [(error.kind, error.message) for error in report.errors] or [
        (target.error.kind, target.error.message)
        for target in report.targets
        if target.error is not None
    ]
    if not found:
        return "no block could be read"
    (kind, message), _ = Counter(found).most_common(1)[0]
    if kind == "unauthorized" and "token" in message.lower():
        return "token rejected"
    return _CAUSES.get(kind, cut(harmless(message), 60))


def _projects_unchecked(summary: Summary) -> str:
    """Return which project, or how many, could not be checked at all."""
    return name_projects(sorted({error.project_id for error in summary.report.errors}))
