"""What stands beside the changes of a night, a line each: rules, what was expected, models."""

from __future__ import annotations

from collections.abc import Iterator, Set

from auditor.model import (
    Finding,
    Interval,
    ModelEvent,
    Notice,
    NoticeKind,
    Recurrence,
    TargetReport,
)
from auditor.rendering.outline import Entry, Section
from auditor.rendering.tally import Tally, title
from auditor.rendering.words import length, moment, name, sentence

AUDITED = frozenset({NoticeKind.BLOCK_BACK, NoticeKind.LEFT_OUT, NoticeKind.PROJECT_RENAMED})
"""What notices tell of which blocks and projects are audited; the others tell of rules."""
_STEPS = {
    ModelEvent.TRAINED: "trained: it holds a model now",
    ModelEvent.STALE: "stale: it no longer matches its configuration",
    ModelEvent.RETRAINED: "trained again",
    ModelEvent.REVERTED: "matches its configuration again: the edits were taken back",
    ModelEvent.RESET: "reset: the training is gone",
}


def beside(numbers: Tally, most: int | None) -> tuple[Section, ...]:
    """Return the sections that hold something, each cut to `most` entries."""
    sections = (
        ("Rules", [*_notices(numbers, without=AUDITED)]),
        ("Expected changes", [_expected(t, f) for t, f in numbers.in_window]),
        ("Flapping", [_flapping(t, f) for t, f in numbers.findings if is_counted_only(f)]),
        ("Life of models", [*_life(numbers)]),
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


def what_is_audited(numbers: Tally, most: int | None) -> Section:
    """Return the section of what came back, was renamed or is left out."""
    others = frozenset(NoticeKind) - AUDITED
    entries = tuple(_notices(numbers, without=others))
    hidden = beyond(len(entries), most)
    return Section(title="Back, renamed, left out", entries=entries[:most], hidden=hidden)


def _notices(numbers: Tally, *, without: Set[NoticeKind]) -> Iterator[Entry]:
    notices = [one for one in numbers.report.notices if one.kind not in without]
    named = {one.target for one in notices}
    blocks = {one.target: one for one in numbers.report.targets if one.target in named}
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


def _life(numbers: Tally) -> Iterator[Entry]:
    """Yield tonight's steps, then the models that are stale from before, oldest first."""
    for target in numbers.report.targets:
        if target.step is not None:
            yield entry(target, f"{_STEPS[target.step]}; {_bounds(target)} (inferred)")
    before = [target for target in numbers.stale if target.step is None]
    for target in sorted(before, key=_stale_until):
        note = f"still stale, since {_bounds(target)}{_age(target, numbers)} (inferred)"
        yield entry(target, note)


def _bounds(target: TargetReport) -> str:
    since = target.model_since
    if since is None:
        return "a time that is not known"
    if since.after is None:
        return f"before {moment(since.until)}, when it was first seen"
    return f"between {moment(since.after).removesuffix(' UTC')} and {moment(since.until)}"


def _age(target: TargetReport, numbers: Tally) -> str:
    if target.model_since is None:
        return ""
    return f", for {length(numbers.report.run.started_at - target.model_since.until)}"


def _stale_until(target: TargetReport) -> str:
    since: Interval | None = target.model_since
    return "" if since is None else since.until.isoformat()
