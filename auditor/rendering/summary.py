"""The numbers and names of a run that its sentences and its subject are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.model import (
    EVERY_PROJECT,
    Area,
    Finding,
    ModelState,
    Notice,
    NoticeKind,
    Report,
    RunStatus,
    Severity,
    Since,
    TargetReport,
    TargetState,
)
from auditor.rendering.words import count, cut, harmless, listed, name, sentence

_CAUSES = {
    "timeout": "Studio timed out",
    "unreachable": "Studio unreachable",
    "unauthorized": "API key rejected",
    "http": "Studio answered with an error",
    "rate_limited": "too many requests for Studio",
    "not_json": "Studio's answers were not JSON",
    "refused": "Studio refused",
    "invalid": "Studio's answers made no sense",
    "too_large": "Studio's answers were too large",
    "redirect": "Studio answered with a redirect",
}


class Level(StrEnum):
    """How a run stands, worst first; the page's banner is coloured by it."""

    FAILED = "failed"
    INCOMPLETE = "incomplete"
    CRITICAL = "critical"
    DRIFT = "drift"
    NEWS = "news"
    CALM = "calm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The numbers and names that the words are made of.

    Attributes:
        findings: tonight's that nobody expected, worst first.
        in_window: tonight's that a declared window covers, worst first.
    """

    report: Report
    findings: tuple[tuple[TargetReport, Finding], ...]
    in_window: tuple[tuple[TargetReport, Finding], ...]
    missing: tuple[TargetReport, ...]
    new: tuple[TargetReport, ...]

    @property
    def expected(self) -> int:
        """Return how many blocks should have been read; missing and unserved ones cannot be."""
        return self.report.totals.checked + self.report.totals.unknown

    @property
    def unread(self) -> int:
        """Return how many blocks could not be read."""
        return self.report.totals.unknown

    @property
    def critical(self) -> int:
        """Return the number of critical findings."""
        return sum(f.severity is Severity.CRITICAL for _, f in self.findings)

    @property
    def off_baseline(self) -> int:
        """Return how many blocks differ from what a person approved."""
        return sum(
            any(f.since is Since.BASELINE for f in target.findings)
            for target in self.report.targets
        )

    @property
    def broken(self) -> tuple[Notice, ...]:
        """Return the rules on state that broke tonight."""
        return tuple(n for n in self.report.notices if n.kind is NoticeKind.RULE_BROKEN)

    @property
    def acknowledged(self) -> int:
        """Return how many differences from the baseline were accepted as they are."""
        return sum(target.acknowledged for target in self.report.targets)

    @property
    def stale(self) -> tuple[TargetReport, ...]:
        """Return the blocks whose model is stale."""
        return tuple(t for t in self.report.targets if t.model_state is ModelState.STALE)

    @property
    def gone_tonight(self) -> tuple[TargetReport, ...]:
        """Return the blocks that went missing in this very run."""
        return tuple(target for target in self.missing if target.went)

    @property
    def back(self) -> tuple[TargetReport, ...]:
        """Return the blocks that were read again after they were missing, or of another type."""
        back = {n.target for n in self.report.notices if n.kind is NoticeKind.BLOCK_BACK}
        return tuple(t for t in self.report.targets if t.target in back)

    @property
    def first_night(self) -> bool:
        """Return whether all that was read was read for the first time."""
        totals = self.report.totals
        return (
            self.report.previous_run_id is None and totals.new > 0 and totals.new == totals.checked
        )


def summarize(report: Report) -> Summary:
    """Return the report's summary, tonight's findings worst first."""
    pairs = [(t, f) for t in report.targets for f in t.findings if f.since is Since.LAST]
    pairs.sort(key=lambda pair: -pair[1].severity.rank)
    return Summary(
        report=report,
        findings=tuple(pair for pair in pairs if not pair[1].expected),
        in_window=tuple(pair for pair in pairs if pair[1].expected),
        missing=tuple(t for t in report.targets if t.state is TargetState.MISSING),
        new=tuple(t for t in report.targets if t.state is TargetState.NEW),
    )


def title(target: TargetReport) -> str:
    """Return how a block is called where there is room for one name."""
    return name(target.name) or f"block {target.target}"


def rank(severity: Severity) -> int:
    """Return a severity's place, for `max` and `sorted`."""
    return severity.rank


def counted(summary: Summary, joint: str) -> str:
    """Return `1 critical and 3 other`; there is at least one finding."""
    by = Counter(finding.severity for _, finding in summary.findings)
    worst = max(by, key=rank)
    others = by.total() - by[worst]
    return f"{by[worst]:,} {worst}" + (f"{joint}{others:,} other" if others else "")


def where(summary: Summary) -> str:
    """Return ` in 2 of 14 projects` for tonight's findings; empty where there is one project."""
    touched = len({target.target.project_id for target, _ in summary.findings})
    every = len({target.target.project_id for target in summary.report.targets})
    return f" in {touched:,} of {every:,} projects" if every > 1 else ""


def cause(summary: Summary) -> str:
    """Return the one cause of all failures, or the commonest of several."""
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


def projects_unchecked(summary: Summary) -> str:
    """Return which project, or how many, could not be checked at all."""
    named = projects_named(sorted({error.project_id for error in summary.report.errors}))
    return named[0].lower() + named[1:]


def projects_named(ids: Sequence[int]) -> str:
    """Return the one project, or how many; where they could not be listed, that."""
    if EVERY_PROJECT in ids:
        return "The projects that Studio lists"
    return f"Project {ids[0]}" if len(ids) == 1 else count(len(ids), "project")


PREFIX = "[EI drift] "
LONGEST_SUBJECT = 77
_LEAST_TAIL = 14
_TRAINED_FROM = (Area.LAYERS, Area.SCRIPT, Area.TRAINING, Area.DATA, Area.IDENTITY)


def subject(summary: Summary, level: Level) -> str:
    """Return one harmless line of at most 77 characters."""
    return _joined(_parts(summary, level))


def _parts(summary: Summary, level: Level) -> list[str]:
    """Return the subject's parts, the first one indispensable, the others as room allows."""
    drift = [f"{counted(summary, ', ')}{where(summary)}"] if summary.findings else []
    match level:
        case Level.FAILED:
            return [f"AUDIT FAILED: {cause(summary)}"]
        case Level.INCOMPLETE:
            short = _short_shortfall(summary)
            found = [counted(summary, ", ")] if summary.findings else []
            beside = [*_rule_parts(summary), *_inventory_parts(summary)]
            return [f"INCOMPLETE: {short}", *found, *beside]
        case Level.CRITICAL | Level.DRIFT:
            beside = [*_rule_parts(summary), *_inventory_parts(summary)]
            return [*drift, *beside, *_worst_part(summary)]
        case Level.NEWS | Level.CALM:
            return _calm_parts(summary)


def _calm_parts(summary: Summary) -> list[str]:
    checked = summary.report.totals.checked
    if summary.first_night:
        return [f"audit started · {count(checked, 'block')} recorded"]
    coverage = f"{checked:,} of {count(summary.expected, 'block')} checked"
    news = [*_window_parts(summary), *_inventory_parts(summary)] or [_no_change(summary)]
    return [*news, coverage, *_stale_part(summary), *_vendor_part(summary)]


def _rule_parts(summary: Summary) -> list[str]:
    if not summary.broken:
        return []
    return [f"{count(len(summary.broken), 'rule break')}"]


def _window_parts(summary: Summary) -> list[str]:
    changes = len(summary.in_window)
    return [count(changes, "expected change")] if changes else []


def _stale_part(summary: Summary) -> list[str]:
    return [f"{count(len(summary.stale), 'model')} stale"] if summary.stale else []


def _no_change(summary: Summary) -> str:
    if summary.off_baseline:
        return f"no new change · {count(summary.off_baseline, 'block')} off the baseline"
    return "no change"


def _short_shortfall(summary: Summary) -> str:
    if summary.unread:
        return f"{summary.unread:,} of {count(summary.expected, 'block')} not checked"
    if summary.report.errors:
        return f"{projects_unchecked(summary)} not checked"
    if summary.report.run.status is not RunStatus.COMPLETE:
        return f"the run is {summary.report.run.status}"
    return "nothing checked, no learn block found"


def _inventory_parts(summary: Summary) -> list[str]:
    parts = []
    if summary.missing:
        word = "missing" if summary.gone_tonight else "still missing"
        named = summary.gone_tonight or summary.missing
        parts.append(f"{word}: {_named(named)}")
    if summary.back:
        parts.append(f"back: {_named(summary.back)}")
    if summary.new and not summary.first_night:
        parts.append(f"new: {_named(summary.new)}")
    return parts


def _named(targets: tuple[TargetReport, ...]) -> str:
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return cut(title(targets[0]), 30) + more


def _worst_part(summary: Summary) -> list[str]:
    if not summary.findings:
        return []
    target, finding = summary.findings[0]
    stale = target.model_state is ModelState.STALE and finding.area in _TRAINED_FROM
    what = "model stale" if stale else harmless(finding.headline)
    return [f"{cut(title(target), 30)}: {what}"]


def _vendor_part(summary: Summary) -> list[str]:
    return ["catalogue changed"] if summary.report.catalogue else []


def _joined(parts: list[str]) -> str:
    subject = cut(PREFIX + parts[0], LONGEST_SUBJECT)
    for part in parts[1:]:
        room = LONGEST_SUBJECT - len(subject) - len(" · ")
        if room < min(len(part), _LEAST_TAIL):
            break
        subject += " · " + cut(part, room)
    return subject


_FAILED_LEAD = "Whether anything changed is not known."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A run in a few words.

    Attributes:
        word: the level for a reader, e.g. `Drift`.
        lead: a second sentence: the worst finding, or a hint; may be empty.
        subject: the mail's subject, under 78 characters.
        severity: the worst finding's; `unknown` where nothing was found and not all was
            checked; `none`. A block that went missing counts as high.
    """

    level: Level
    word: str
    sentence: str
    lead: str
    subject: str
    severity: str


def verdict(report: Report) -> Verdict:
    """Return what the run comes to."""
    summary = summarize(report)
    level = _level(summary)
    told, lead = _told(summary, level)
    return Verdict(
        level=level,
        word=_word(summary, level),
        sentence=told,
        lead=lead,
        subject=subject(summary, level),
        severity=_severity(summary, level),
    )


def _level(summary: Summary) -> Level:
    report = summary.report
    if report.run.status is RunStatus.FAILED:
        return Level.FAILED
    if _partial(summary):
        return Level.INCOMPLETE
    if summary.critical or any(one.severity is Severity.CRITICAL for one in summary.broken):
        return Level.CRITICAL
    if summary.findings or summary.gone_tonight or summary.broken:
        return Level.DRIFT
    came = summary.new or summary.missing or summary.back
    if came or summary.off_baseline or summary.in_window:
        return Level.NEWS
    return Level.CALM


def _partial(summary: Summary) -> bool:
    report = summary.report
    ended = report.run.status is RunStatus.COMPLETE
    nothing = not (summary.expected or summary.missing)
    return bool(summary.unread or report.errors or not ended or nothing)


def _word(summary: Summary, level: Level) -> str:
    match level:
        case Level.FAILED:
            return "Audit failed"
        case Level.INCOMPLETE:
            return "Incomplete"
        case Level.CRITICAL:
            return "Critical drift" if summary.critical else "Critical rule broken"
        case Level.DRIFT:
            return "Drift" if summary.findings or summary.gone_tonight else "Rule broken"
        case Level.NEWS:
            return _news_word(summary)
        case Level.CALM:
            return "No change"


def _news_word(summary: Summary) -> str:
    if summary.first_night:
        return "Audit started"
    if summary.new:
        return "New blocks"
    if summary.back:
        return "Blocks back"
    if summary.in_window:
        return "Expected changes"
    return "Still missing" if summary.missing else "No new change"


def _severity(summary: Summary, level: Level) -> str:
    found = [finding.severity for _, finding in summary.findings[:1]]
    found += [notice.severity for notice in summary.broken]
    found += [Severity.HIGH for _ in summary.gone_tonight[:1]]
    if found:
        return str(max(found, key=rank))
    return "unknown" if level in (Level.FAILED, Level.INCOMPLETE) else "none"


def _told(summary: Summary, level: Level) -> tuple[str, str]:
    match level:
        case Level.FAILED:
            return f"{_failure(summary)}: {cause(summary)}.", _FAILED_LEAD
        case Level.INCOMPLETE:
            return f"{_shortfall(summary)}.", _incomplete_lead(summary)
        case Level.CRITICAL | Level.DRIFT:
            return f"{'; '.join(_drift_words(summary))}.", _worst(summary)
        case Level.NEWS | Level.CALM:
            return f"{'; '.join(_calm_words(summary))}.", ""


def _failure(summary: Summary) -> str:
    if not summary.unread:
        return "Nothing could be checked"
    return f"None of {count(summary.unread, 'block')} could be checked"


def _incomplete_lead(summary: Summary) -> str:
    checked = count(summary.report.totals.checked, "block")
    if summary.first_night:
        return f"{checked} recorded for the first time."
    came = summary.missing or summary.new or summary.back
    if summary.findings or came or summary.broken:
        found = "; ".join(_drift_words(summary))
        return f"Of what was checked: {found}. {_worst(summary)}".strip()
    if not summary.report.totals.checked:
        return ""
    return f"Nothing changed in the {checked} that could be checked."


def _shortfall(summary: Summary) -> str:
    if summary.unread:
        return f"{summary.unread:,} of {count(summary.expected, 'block')} could not be checked"
    if summary.report.errors:
        return f"{projects_unchecked(summary)} could not be checked: {cause(summary)}"
    if summary.report.run.status is not RunStatus.COMPLETE:
        return f"This run did not end: it is {summary.report.run.status}"
    return "Nothing was checked: no learn block was found"


def _drift_words(summary: Summary) -> list[str]:
    beside = [*_rule_words(summary), *_inventory_words(summary), *_window_words(summary)]
    if not summary.findings:
        return beside
    noun = "change" if len(summary.findings) == 1 else "changes"
    return [f"{counted(summary, ' and ')} {noun}{where(summary)}", *beside]


def _rule_words(summary: Summary) -> list[str]:
    return [f"{count(len(summary.broken), 'rule break')}"] if summary.broken else []


def _window_words(summary: Summary) -> list[str]:
    if not summary.in_window:
        return []
    return [f"{count(len(summary.in_window), 'expected change')} in a declared window"]


def _calm_words(summary: Summary) -> list[str]:
    checked = summary.report.totals.checked
    if summary.first_night:
        return [f"{count(checked, 'block')} recorded; from now on changes are told"]
    if summary.new or summary.missing or summary.back or summary.in_window:
        beside = [*_window_words(summary), *_inventory_words(summary)]
        return [*beside, "nothing else changed"]
    every = "The one block is" if checked == 1 else f"All {checked:,} blocks are"
    words = [f"{every} as last time"]
    if summary.off_baseline:
        verb = "differs" if summary.off_baseline == 1 else "differ"
        words.append(f"{count(summary.off_baseline, 'block')} still {verb} from the baseline")
    return words


def _inventory_words(summary: Summary) -> list[str]:
    still = tuple(target for target in summary.missing if not target.went)
    groups = (
        ("went missing", summary.gone_tonight),
        ("still missing", still),
        ("back again", summary.back),
        ("new", summary.new),
    )
    return [
        f"{count(len(group), 'block')} {word}: {listed(tuple(map(title, group)), most=3)}"
        for word, group in groups
        if group and not (word == "new" and summary.first_night)
    ]


def _worst(summary: Summary) -> str:
    if not summary.findings:
        return sentence(summary.broken[0].text) if summary.broken else ""
    target, finding = summary.findings[0]
    return f"Worst: {title(target)}: {sentence(finding.headline)}"
