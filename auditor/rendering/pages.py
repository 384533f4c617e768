"""Runs as the archive's index and year pages show them: a list, a calendar, a picture.

Colour says nothing that a letter does not say, and the picture nothing that its table does not.
"""

from __future__ import annotations

from calendar import Calendar, month_name
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby

from auditor.model import ModelState, Report, RunInfo, TargetId, TargetState
from auditor.records import (
    ProjectBlocks,
    RunListing,
    RunSummary,
    TargetHistory,
    TargetOverview,
    VersionEntry,
)
from auditor.rendering.archive import project_place, run_place, target_place
from auditor.rendering.outline import FindingView
from auditor.rendering.sections import told
from auditor.rendering.summary import Level, Summary, summarize, verdict
from auditor.rendering.words import (
    columns,
    count,
    cut,
    listed,
    moment,
    name,
    sentence,
    studio_page,
)

MOST_ROWS = 60
_LONGEST_BLOCK, _LONGEST_PROJECT = 24, 16
_LETTERS = {
    Level.FAILED: "F",
    Level.INCOMPLETE: "I",
    Level.CRITICAL: "C",
    Level.DRIFT: "D",
    Level.NEWS: "N",
    Level.CALM: "✓",
}
_TONES = {
    Level.FAILED: "critical",
    Level.INCOMPLETE: "medium",
    Level.CRITICAL: "critical",
    Level.DRIFT: "high",
    Level.NEWS: "low",
    Level.CALM: "ok",
}
LEGEND = (
    ("F", "critical", "audit failed"),
    ("C", "critical", "critical drift"),
    ("D", "high", "drift, or a rule broken"),
    ("I", "medium", "incomplete"),
    ("N", "low", "new, missing or expected"),
    ("✓", "ok", "no change"),
)
_STATES = {
    TargetState.DRIFTED: ("D", "high", "drifted", 4),
    TargetState.MISSING: ("M", "critical", "missing", 3),
    TargetState.UNKNOWN: ("?", "medium", "not checked", 3),
    TargetState.NEW: ("N", "low", "new", 1),
    TargetState.UNSUPPORTED: ("U", "info", "not supported", 0),
    TargetState.IN_SYNC: ("·", "ok", "in sync", 0),
}
STATE_WORDS = {state: words for state, (_, _, words, _) in _STATES.items()}
STATE_TONES = {state: tone for state, (_, tone, _, _) in _STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in the list; `place` is empty where it has no page."""

    run_id: int
    when: str
    day: date
    place: str
    word: str
    tone: str
    letter: str
    rank: int
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of the calendar; `letter` is empty where nothing ran, `number` 0 beyond the month."""

    number: int
    letter: str = ""
    tone: str = ""
    words: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of the calendar, week by week from Monday."""

    title: str
    weeks: tuple[tuple[Day, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCell:
    """A target in one run, as the picture shows it."""

    letter: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """A target in the last runs: its cells, oldest first, and the same in words."""

    label: str
    place: str
    title: str
    cells: tuple[StateCell | None, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Targets by runs, worst first. `days` names the runs, `rest` what is not shown."""

    lines: tuple[TargetLine, ...]
    days: tuple[str, ...]
    first: str
    last: str
    rest: str
    label_columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """A project in the list of projects."""

    title: str
    place: str
    blocks: int
    words: str
    tone: str


def rows(listing: RunListing, *, runs: Collection[int]) -> tuple[RunRow, ...]:
    """Return a line a run, newest first; those in `runs` have a page."""
    briefs = {brief.run.id: brief for brief in listing.briefs}
    return tuple(_row(run, briefs.get(run.id), runs) for run in listing.runs)


def months(shown: Sequence[RunRow]) -> tuple[Month, ...]:
    """Return the calendar of the rows, newest month first; a day shows its worst run."""
    newest_first = sorted(shown, key=lambda row: row.day, reverse=True)
    return tuple(
        _month(year, month, list(group))
        for (year, month), group in groupby(
            newest_first, key=lambda row: (row.day.year, row.day.month)
        )
    )


def fleet(nights: Sequence[RunSummary], overviews: Iterable[TargetOverview]) -> Fleet:
    """Return the targets that had anything but in sync in `nights` (newest first)."""
    known = {one.status.target: one for one in overviews}
    loud = sorted({target for night in nights for target in night.states})
    ordered = sorted(loud, key=lambda target: _trouble(target, nights), reverse=True)
    audited: frozenset[TargetId] = frozenset().union(*(night.audited for night in nights))
    oldest_first = tuple(reversed(nights))
    lines = tuple(_line(one, oldest_first, known) for one in ordered[:MOST_ROWS])
    return Fleet(
        lines=lines,
        days=tuple(_day_labels(oldest_first)),
        first=moment(oldest_first[0].run.started_at) if oldest_first else "",
        last=moment(oldest_first[-1].run.started_at) if oldest_first else "",
        rest=_rest(len(ordered) - MOST_ROWS, len(audited) - len(ordered)),
        label_columns=max((columns(line.label) for line in lines), default=0),
    )


def project_rows(overviews: Iterable[TargetOverview]) -> tuple[ProjectRow, ...]:
    """Return a line a project, by name; what is no longer audited is not counted."""
    found = [
        _project(project_id, list(group))
        for project_id, group in groupby(overviews, key=lambda one: one.status.target.project_id)
    ]
    return tuple(sorted(found, key=lambda row: row.title.casefold()))


def project_title(overviews: Sequence[TargetOverview]) -> str:
    """Return how the project of these targets is called, as the newest look at them has it."""
    called = [one.status.project for one in overviews if not one.retired and one.status.project]
    called += [one.status.project for one in overviews if one.status.project]
    return name(called[0]) if called else f"Project {overviews[0].status.target.project_id}"


def tallied(overviews: Iterable[TargetOverview]) -> tuple[str, str]:
    """Return how targets stand, in words, and the tone of the worst of them."""
    by: dict[TargetState, int] = {}
    for one in overviews:
        by[one.state] = by.get(one.state, 0) + 1
    ordered = [state for state in _STATES if state in by]
    words = ", ".join(f"{by[state]:,} {STATE_WORDS[state]}" for state in ordered)
    return words or "no longer audited", STATE_TONES[ordered[0]] if ordered else "info"


def _row(run: RunInfo, brief: Report | None, runs: Collection[int]) -> RunRow:
    run_id = run.id or 0
    level, word = Level.INCOMPLETE, f"Run {run.status}"
    if brief is not None:
        told = verdict(brief)
        level, word = told.level, told.word
    return RunRow(
        run_id=run_id,
        when=moment(run.started_at),
        day=run.started_at.astimezone(UTC).date(),
        place=run_place(run_id) if run_id in runs else "",
        word=word,
        tone=_TONES[level],
        letter=_LETTERS[level],
        rank=list(_LETTERS).index(level),
        counts=_counts(summarize(brief)) if brief is not None else "it did not end",
    )


def _counts(summary: Summary) -> str:
    totals = summary.report.totals
    counted = (
        (summary.critical, "critical"),
        (len(summary.findings) - summary.critical, "other"),
        (len(summary.in_window), "expected"),
        (len(summary.broken), "broken rules"),
        (len(summary.missing), "missing"),
        (len(summary.new), "new"),
    )
    said = [f"{number:,} {noun}" for number, noun in counted if number]
    checked = f"{totals.checked:,} of {count(summary.expected, 'block')} checked"
    return " · ".join([*said, checked])


def _month(year: int, month: int, shown: Sequence[RunRow]) -> Month:
    by_day: dict[int, list[RunRow]] = {}
    for row in shown:
        by_day.setdefault(row.day.day, []).append(row)
    weeks = Calendar().monthdayscalendar(year, month)
    title = f"{month_name[month]} {year}"
    return Month(
        title=title,
        weeks=tuple(tuple(_day(n, title, by_day.get(n, [])) for n in week) for week in weeks),
    )


def _day(number: int, title: str, ran: Sequence[RunRow]) -> Day:
    if not ran:
        return Day(number=number)
    worst = min(ran, key=lambda row: (row.rank, -row.run_id))
    more = f", the worst of {len(ran)} runs" if len(ran) > 1 else ""
    return Day(
        number=number,
        letter=worst.letter,
        tone=worst.tone,
        words=f"{number} {title}: {worst.word}, run {worst.run_id}{more}",
        place=worst.place,
    )


def _trouble(target: TargetId, nights: Sequence[RunSummary]) -> tuple[int, int, int, int]:
    weight = sum(_STATES[night.states[target]][3] for night in nights if target in night.states)
    found = sum(night.findings.get(target, 0) for night in nights)
    return weight, found, -target.project_id, -target.learn_id


def _line(
    target: TargetId, nights: Sequence[RunSummary], known: Mapping[TargetId, TargetOverview]
) -> TargetLine:
    one = known.get(target)
    block = (name(one.status.name) if one else "") or f"block {target}"
    project = (name(one.status.project) if one else "") or f"Project {target.project_id}"
    return TargetLine(
        label=f"{cut(block, _LONGEST_BLOCK)} · {cut(project, _LONGEST_PROJECT)}",
        title=f"{project} / {block}",
        place=target_place(target) if one else "",
        cells=tuple(_cell(night.state(target)) for night in nights),
        words=_in_words(target, nights),
    )


def _cell(state: TargetState | None) -> StateCell | None:
    if state is None:
        return None
    letter, tone, _, _ = _STATES[state]
    return StateCell(letter=letter, tone=tone)


def _in_words(target: TargetId, nights: Sequence[RunSummary]) -> str:
    said = []
    for state, (_, _, words, _) in _STATES.items():
        where = [str(night.run.id) for night in nights if night.states.get(target) is state]
        if where:
            noun = "run" if len(where) == 1 else "runs"
            said.append(f"{words} in {noun} {listed(_stretches(where), most=8)}")
    return "; ".join(said)


def _stretches(ids: Sequence[str]) -> tuple[str, ...]:
    """Return `3 to 7, 9` of 3, 4, 5, 6, 7, 9."""
    numbers = sorted(map(int, ids))
    found = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        found.append(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}")
    return tuple(found)


def _day_labels(nights: Sequence[RunSummary]) -> Iterable[str]:
    last = None
    for night in nights:
        day = night.run.started_at.astimezone(UTC).date()
        yield "" if day == last else str(day.day)
        last = day


def _rest(unshown: int, quiet: int) -> str:
    said = [f"{count(unshown, 'more block')} with something to tell"] if unshown > 0 else []
    if quiet > 0:
        said.append(f"{count(quiet, 'more block')}, all quiet")
    return f"and {' and '.join(said)}" if said else ""


def _project(project_id: int, overviews: Sequence[TargetOverview]) -> ProjectRow:
    audited = [one for one in overviews if not one.retired]
    words, tone = tallied(audited)
    return ProjectRow(
        title=project_title(overviews),
        place=project_place(project_id),
        blocks=len(audited),
        words=words,
        tone=tone,
    )


MOST_FINDINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version in a timeline. `place` is its run's page, empty where that is gone."""

    when: str
    run: str
    place: str
    headline: str
    model: ModelState
    compared: str
    findings: tuple[FindingView, ...]
    hidden: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """A block's page."""

    title: str
    target: str
    type: str
    project: str
    project_place: str
    studio: str
    state: str
    tone: str
    model: ModelState
    facts: tuple[tuple[str, str], ...]
    stages: tuple[VersionView, ...]
    older: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """A block in its project's list."""

    title: str
    target: str
    place: str
    type: str
    state: str
    tone: str
    model: ModelState
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """A project's page."""

    title: str
    project_id: int
    studio: str
    tone: str
    words: str
    blocks: tuple[BlockRow, ...]


def target_page(history: TargetHistory, *, runs: Collection[int], studio_url: str) -> TargetPage:
    """Return a block's page; `runs` have pages to link to."""
    one = history.standing
    status = one.status
    steps = history.steps
    return TargetPage(
        title=name(status.name) or f"block {status.target}",
        target=str(status.target),
        type=name(status.type),
        project=project_title([one]),
        project_place=project_place(status.target.project_id),
        studio=studio_page(studio_url, *status.target),
        state=state_words(one),
        tone=_tone(one),
        model=status.model_state,
        facts=tuple(pair for pair in _facts(history) if pair[1]),
        stages=tuple(_stage(step, runs) for step in steps),
        older=_older(history),
    )


def project_page(project: ProjectBlocks, *, studio_url: str) -> ProjectPage:
    """Return a project's page."""
    audited = [one for one in project.overviews if not one.retired]
    words, tone = tallied(audited)
    return ProjectPage(
        title=project_title(project.overviews),
        project_id=project.project_id,
        studio=studio_page(studio_url, project.project_id),
        tone=tone,
        words=f"{count(len(audited), 'block')}: {words}" if audited else words,
        blocks=tuple(map(_block, project.overviews)),
    )


def state_words(one: TargetOverview) -> str:
    """Return how a block stands."""
    return "no longer audited" if one.retired else STATE_WORDS[one.state]


def _tone(one: TargetOverview) -> str:
    return "info" if one.retired else STATE_TONES[one.state]


def _facts(history: TargetHistory) -> tuple[tuple[str, str], ...]:
    status = history.standing.status
    changed = status.last_changed_at
    versions = len(history.steps) + history.older
    baseline = history.baseline_run_id
    return (
        ("Last changed", "" if changed is None else moment(changed)),
        ("Versions", f"{versions:,}" if versions else "none: it was never read"),
        ("Baseline", "" if baseline is None else f"the version of run {baseline}"),
        ("Not checked", _failure(history.standing)),
    )


def _failure(one: TargetOverview) -> str:
    status = one.status
    if status.state is not TargetState.UNKNOWN or status.error is None:
        return ""
    return sentence(status.error.message)


def _stage(step: VersionEntry, runs: Collection[int]) -> VersionView:
    version = step.version
    findings = step.findings or ()
    return VersionView(
        when=moment(version.seen_at),
        run=f"run {version.run_id}",
        place=run_place(version.run_id) if version.run_id in runs else "",
        headline=sentence(version.headline),
        model=version.model_state,
        compared=_compared(step),
        findings=tuple(map(told, findings[:MOST_FINDINGS])),
        hidden=_hidden(len(findings) - MOST_FINDINGS),
    )


def _compared(step: VersionEntry) -> str:
    if step.version.is_pruned:
        return "pruned: its document is no longer stored"
    if step.findings is None:
        return ""
    silent = f", {step.suppressed:,} not told" if step.suppressed else ""
    return f"{count(len(step.findings), 'difference')} from the version before{silent}"


def _hidden(number: int) -> str:
    return f"and {count(number, 'more difference')}: auditor diff" if number > 0 else ""


def _older(history: TargetHistory) -> str:
    if not history.older:
        return ""
    target = history.standing.status.target
    return f"and {count(history.older, 'older version')}: auditor history {target}"


def _block(one: TargetOverview) -> BlockRow:
    status = one.status
    changed = status.last_changed_at
    return BlockRow(
        title=name(status.name) or f"block {status.target}",
        target=str(status.target),
        place=target_place(status.target),
        type=name(status.type),
        state=state_words(one),
        tone=_tone(one),
        model=status.model_state,
        changed="never" if changed is None else moment(changed),
    )
