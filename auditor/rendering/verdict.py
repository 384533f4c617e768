"""What a run comes to: one level, one sentence, one subject line.

Coverage comes first: a run that could not check everything is incomplete or failed, whatever
it found, and "no change" is said only where every block was read and nothing came or went.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model import Report, RunStatus, Severity
from auditor.rendering.subject import subject
from auditor.rendering.tally import (
    Level,
    Tally,
    cause,
    counted,
    projects_unchecked,
    rank,
    tally,
    title,
    where,
)
from auditor.rendering.words import count, listed, sentence

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
    numbers = tally(report)
    level = _level(numbers)
    told, lead = _told(numbers, level)
    return Verdict(
        level=level,
        word=_word(numbers, level),
        sentence=told,
        lead=lead,
        subject=subject(numbers, level),
        severity=_severity(numbers, level),
    )


def _level(numbers: Tally) -> Level:
    report = numbers.report
    if report.run.status is RunStatus.FAILED:
        return Level.FAILED
    if _partial(numbers):
        return Level.INCOMPLETE
    if numbers.critical or any(one.severity is Severity.CRITICAL for one in numbers.broken):
        return Level.CRITICAL
    if numbers.findings or numbers.gone_tonight or numbers.broken:
        return Level.DRIFT
    came = numbers.new or numbers.missing or numbers.back
    if came or numbers.off_baseline or numbers.in_window:
        return Level.NEWS
    return Level.CALM


def _partial(numbers: Tally) -> bool:
    report = numbers.report
    ended = report.run.status is RunStatus.COMPLETE
    nothing = not (numbers.expected or numbers.missing)
    return bool(numbers.unread or report.errors or not ended or nothing)


def _word(numbers: Tally, level: Level) -> str:
    match level:
        case Level.FAILED:
            return "Audit failed"
        case Level.INCOMPLETE:
            return "Incomplete"
        case Level.CRITICAL:
            return "Critical drift" if numbers.critical else "Critical rule broken"
        case Level.DRIFT:
            return "Drift" if numbers.findings or numbers.gone_tonight else "Rule broken"
        case Level.NEWS:
            return _news_word(numbers)
        case Level.CALM:
            return "No change"


def _news_word(numbers: Tally) -> str:
    if numbers.first_night:
        return "Audit started"
    if numbers.new:
        return "New blocks"
    if numbers.back:
        return "Blocks back"
    if numbers.in_window:
        return "Expected changes"
    return "Still missing" if numbers.missing else "No new change"


def _severity(numbers: Tally, level: Level) -> str:
    found = [finding.severity for _, finding in numbers.findings[:1]]
    found += [notice.severity for notice in numbers.broken]
    found += [Severity.HIGH for _ in numbers.gone_tonight[:1]]
    if found:
        return str(max(found, key=rank))
    return "unknown" if level in (Level.FAILED, Level.INCOMPLETE) else "none"


def _told(numbers: Tally, level: Level) -> tuple[str, str]:
    match level:
        case Level.FAILED:
            return f"{_failure(numbers)}: {cause(numbers)}.", _FAILED_LEAD
        case Level.INCOMPLETE:
            return f"{_shortfall(numbers)}.", _incomplete_lead(numbers)
        case Level.CRITICAL | Level.DRIFT:
            return f"{'; '.join(_drift_words(numbers))}.", _worst(numbers)
        case Level.NEWS | Level.CALM:
            return f"{'; '.join(_calm_words(numbers))}.", ""


def _failure(numbers: Tally) -> str:
    if not numbers.unread:
        return "Nothing could be checked"
    return f"None of {count(numbers.unread, 'block')} could be checked"


def _incomplete_lead(numbers: Tally) -> str:
    checked = count(numbers.report.totals.checked, "block")
    if numbers.first_night:
        return f"{checked} recorded for the first time."
    came = numbers.missing or numbers.new or numbers.back
    if numbers.findings or came or numbers.broken:
        found = "; ".join(_drift_words(numbers))
        return f"Of what was checked: {found}. {_worst(numbers)}".strip()
    if not numbers.report.totals.checked:
        return ""
    return f"Nothing changed in the {checked} that could be checked."


def _shortfall(numbers: Tally) -> str:
    if numbers.unread:
        return f"{numbers.unread:,} of {count(numbers.expected, 'block')} could not be checked"
    if numbers.report.errors:
        return f"{projects_unchecked(numbers)} could not be checked: {cause(numbers)}"
    if numbers.report.run.status is not RunStatus.COMPLETE:
        return f"This run did not end: it is {numbers.report.run.status}"
    return "Nothing was checked: no learn block was found"


def _drift_words(numbers: Tally) -> list[str]:
    beside = [*_rule_words(numbers), *_inventory_words(numbers), *_window_words(numbers)]
    if not numbers.findings:
        return beside
    noun = "change" if len(numbers.findings) == 1 else "changes"
    return [f"{counted(numbers, ' and ')} {noun}{where(numbers)}", *beside]


def _rule_words(numbers: Tally) -> list[str]:
    return [f"{count(len(numbers.broken), 'rule break')}"] if numbers.broken else []


def _window_words(numbers: Tally) -> list[str]:
    if not numbers.in_window:
        return []
    return [f"{count(len(numbers.in_window), 'expected change')} in a declared window"]


def _calm_words(numbers: Tally) -> list[str]:
    checked = numbers.report.totals.checked
    if numbers.first_night:
        return [f"{count(checked, 'block')} recorded; from now on changes are told"]
    if numbers.new or numbers.missing or numbers.back or numbers.in_window:
        beside = [*_window_words(numbers), *_inventory_words(numbers)]
        return [*beside, "nothing else changed"]
    every = "The one block is" if checked == 1 else f"All {checked:,} blocks are"
    words = [f"{every} as last time"]
    if numbers.off_baseline:
        verb = "differs" if numbers.off_baseline == 1 else "differ"
        words.append(f"{count(numbers.off_baseline, 'block')} still {verb} from the baseline")
    return words


def _inventory_words(numbers: Tally) -> list[str]:
    still = tuple(target for target in numbers.missing if not target.went)
    groups = (
        ("went missing", numbers.gone_tonight),
        ("still missing", still),
        ("back again", numbers.back),
        ("new", numbers.new),
    )
    return [
        f"{count(len(group), 'block')} {word}: {listed(tuple(map(title, group)), most=3)}"
        for word, group in groups
        if group and not (word == "new" and numbers.first_night)
    ]


def _worst(numbers: Tally) -> str:
    if not numbers.findings:
        return sentence(numbers.broken[0].text) if numbers.broken else ""
    target, finding = numbers.findings[0]
    return f"Worst: {title(target)}: {sentence(finding.headline)}"
