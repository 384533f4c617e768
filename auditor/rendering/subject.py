"""The mail's subject: the verdict first, then counts and names as room allows."""

from __future__ import annotations

from auditor.model import Area, ModelState, RunStatus, TargetReport
from auditor.rendering.tally import Level, Tally, cause, counted, projects_unchecked, title, where
from auditor.rendering.words import count, cut, harmless

PREFIX = "[EI drift] "
LONGEST_SUBJECT = 77
_LEAST_TAIL = 14
_TRAINED_FROM = (Area.LAYERS, Area.SCRIPT, Area.TRAINING, Area.DATA, Area.IDENTITY)


def subject(numbers: Tally, level: Level) -> str:
    """Return one harmless line of at most 77 characters."""
    return _joined(_parts(numbers, level))


def _parts(numbers: Tally, level: Level) -> list[str]:
    """Return the subject's parts, the first one indispensable, the others as room allows."""
    drift = [f"{counted(numbers, ', ')}{where(numbers)}"] if numbers.findings else []
    match level:
        case Level.FAILED:
            return [f"AUDIT FAILED: {cause(numbers)}"]
        case Level.INCOMPLETE:
            short = _short_shortfall(numbers)
            found = [counted(numbers, ", ")] if numbers.findings else []
            beside = [*_rule_parts(numbers), *_inventory_parts(numbers)]
            return [f"INCOMPLETE: {short}", *found, *beside]
        case Level.CRITICAL | Level.DRIFT:
            beside = [*_rule_parts(numbers), *_inventory_parts(numbers)]
            return [*drift, *beside, *_worst_part(numbers)]
        case Level.NEWS | Level.CALM:
            return _calm_parts(numbers)


def _calm_parts(numbers: Tally) -> list[str]:
    checked = numbers.report.totals.checked
    if numbers.first_night:
        return [f"audit started · {count(checked, 'block')} recorded"]
    coverage = f"{checked:,} of {count(numbers.expected, 'block')} checked"
    news = [*_window_parts(numbers), *_inventory_parts(numbers)] or [_no_change(numbers)]
    return [*news, coverage, *_stale_part(numbers), *_vendor_part(numbers)]


def _rule_parts(numbers: Tally) -> list[str]:
    if not numbers.broken:
        return []
    return [f"{count(len(numbers.broken), 'rule break')}"]


def _window_parts(numbers: Tally) -> list[str]:
    changes = len(numbers.in_window)
    return [count(changes, "expected change")] if changes else []


def _stale_part(numbers: Tally) -> list[str]:
    return [f"{count(len(numbers.stale), 'model')} stale"] if numbers.stale else []


def _no_change(numbers: Tally) -> str:
    if numbers.off_baseline:
        return f"no new change · {count(numbers.off_baseline, 'block')} off the baseline"
    return "no change"


def _short_shortfall(numbers: Tally) -> str:
    if numbers.unread:
        return f"{numbers.unread:,} of {count(numbers.expected, 'block')} not checked"
    if numbers.report.errors:
        return f"{projects_unchecked(numbers)} not checked"
    if numbers.report.run.status is not RunStatus.COMPLETE:
        return f"the run is {numbers.report.run.status}"
    return "nothing checked, no learn block found"


def _inventory_parts(numbers: Tally) -> list[str]:
    parts = []
    if numbers.missing:
        word = "missing" if numbers.gone_tonight else "still missing"
        named = numbers.gone_tonight or numbers.missing
        parts.append(f"{word}: {_named(named)}")
    if numbers.back:
        parts.append(f"back: {_named(numbers.back)}")
    if numbers.new and not numbers.first_night:
        parts.append(f"new: {_named(numbers.new)}")
    return parts


def _named(targets: tuple[TargetReport, ...]) -> str:
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return cut(title(targets[0]), 30) + more


def _worst_part(numbers: Tally) -> list[str]:
    if not numbers.findings:
        return []
    target, finding = numbers.findings[0]
    stale = target.model_state is ModelState.STALE and finding.area in _TRAINED_FROM
    what = "model stale" if stale else harmless(finding.headline)
    return [f"{cut(title(target), 30)}: {what}"]


def _vendor_part(numbers: Tally) -> list[str]:
    return ["catalogue changed"] if numbers.report.catalogue else []


def _joined(parts: list[str]) -> str:
    subject = cut(PREFIX + parts[0], LONGEST_SUBJECT)
    for part in parts[1:]:
        room = LONGEST_SUBJECT - len(subject) - len(" · ")
        if room < min(len(part), _LEAST_TAIL):
            break
        subject += " · " + cut(part, room)
    return subject
