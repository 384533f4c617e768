"""The pages of the archive: runs as a list, a calendar and a picture; a block; a project.

Colour says nothing that a letter does not say, and the picture nothing that its table does not.
"""

from __future__ import annotations

from calendar import Calendar, month_name
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from auditor.drift.conditions import worst_conditions_first
from auditor.drift.impulses import order_of_data
from auditor.listings import (
    ProjectBlocks,
    RunListing,
    RunSummary,
    TargetHistory,
    TargetOverview,
    VersionEntry,
)
from auditor.model import (
    ConditionKind,
    ModelState,
    OpenCondition,
    RunInfo,
    Severity,
    TargetId,
    TargetState,
)
from auditor.rendering.archive import impulse_place, project_place, run_place, target_place
from auditor.rendering.conditions import count_kinds, name_kinds
from auditor.rendering.outline import FindingView
from auditor.rendering.pictures import STATES, StateLook
from auditor.rendering.summary import Summary, summarize
from auditor.rendering.verdict import LEVELS, Level, judge_run
from auditor.rendering.views import title_impulse, view_finding
from auditor.rendering.words import (
    block_page,
    columns,
    count,
    cut,
    day,
    join_first,
    moment,
    name,
    project_page,
    sentence,
)
from auditor.report import Report

MOST_ROWS = 60
_LONGEST_BLOCK, _LONGEST_PROJECT = 24, 16
INCOMPLETE_MARK = "?"
_OPEN_LETTER = "O"
_FOUND = {Level.CRITICAL: "critical drift", Level.DRIFT: "drift"}
# A day shows what was found before what was not checked: neither hides the other.
_WORST_LEVELS = (*_FOUND, *(level for level in LEVELS if level not in _FOUND))
LEGEND = (
    *((look.letter, look.tone, look.words) for look in LEVELS.values()),
    (_OPEN_LETTER, "medium", "nothing new, but a condition is open"),
    (f"D{INCOMPLETE_MARK}", "high", "drift, and not everything was checked"),
)
MOST_FINDINGS = 40
MOST_OPEN = 60
_OF_MODEL = (ConditionKind.STALE, ConditionKind.TRAINING_LOST)
_TONES = ("critical", "high", "medium", "low", "info", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in the list; `place` is empty where it has no page.

    Attributes:
        is_partial: not everything was checked. Where something was found nevertheless, that is
            the letter, with a mark.
        rank: 0 is the worst of a day.
        has_report: else it never had a page.
    """

    run_id: int
    when: str
    day: date
    place: str
    word: str
    tone: str
    letter: str
    rank: int
    is_partial: bool
    counts: str
    has_report: bool = True


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
class TargetLine:
    """A target in the last runs: its cells, oldest first, and the same in words."""

    label: str
    place: str
    title: str
    cells: tuple[StateLook | None, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """An open condition; `block` and `place` are of its block."""

    severity: Severity
    headline: str
    since: str
    block: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version in a timeline. `place` is its run's page, empty where it has none."""

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
    """A block's page; `impulses` are titles and places."""

    title: str
    target: str
    type: str
    project: str
    project_place: str
    studio: str
    state: str
    tone: str
    model: ModelState
    open: tuple[ConditionRow, ...]
    facts: tuple[tuple[str, str], ...]
    versions: tuple[VersionView, ...]
    older: str
    impulses: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """A block in its project's list; `names_model`: its state does not say the model's."""

    title: str
    target: str
    place: str
    type: str
    state: str
    tone: str
    model: ModelState
    names_model: bool
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """A project's page; `impulses` are titles and places."""

    title: str
    project_id: int
    studio: str
    tone: str
    words: str
    open: tuple[ConditionRow, ...]
    open_hidden: int
    blocks: tuple[BlockRow, ...]
    impulses: tuple[tuple[str, str], ...] = ()


def list_runs(listing: RunListing, *, runs: Collection[int]) -> tuple[RunRow, ...]:
    """Return a row per run, newest first; those in `runs` have a page."""
    briefs = {brief.run.id: brief for brief in listing.briefs}
    return tuple(_run_row(run, briefs.get(run.id), runs) for run in listing.runs)


def make_calendar(rows: Sequence[RunRow]) -> tuple[Month, ...]:
    """Return the calendar of the runs, newest month first; a day shows its worst run."""
    newest_first = sorted(rows, key=lambda row: row.day, reverse=True)
    return tuple(
        _month(year, month, list(group))
        for (year, month), group in groupby(
            newest_first, key=lambda row: (row.day.year, row.day.month)
        )
    )


def draw_fleet(runs: Sequence[RunSummary], overviews: Iterable[TargetOverview]) -> Fleet:
    """Return the targets that were not in sync in all of `runs` (newest first), worst first.

    One that has no overview is forgotten, and named no more.
    """
    known = {overview.status.target: overview for overview in overviews}
    noticed = sorted({target for run in runs for target in run.states if target in known})
    ordered = sorted(noticed, key=lambda target: _badness(target, runs), reverse=True)
    audited = frozenset().union(*(run.audited for run in runs)) & known.keys()
    oldest_first = tuple(reversed(runs))
    lines = tuple(_target_line(target, oldest_first, known) for target in ordered[:MOST_ROWS])
    return Fleet(
        lines=lines,
        days=tuple(_day_labels(oldest_first)),
        first=moment(oldest_first[0].run.started_at) if oldest_first else "",
        last=moment(oldest_first[-1].run.started_at) if oldest_first else "",
        rest=_rest(len(ordered) - MOST_ROWS, len(audited) - len(ordered)),
        label_columns=max((columns(line.label) for line in lines), default=0),
    )


def list_projects(overviews: Iterable[TargetOverview]) -> tuple[ProjectRow, ...]:
    """Return a row per project, by name; blocks that are no longer audited are not counted."""
    rows = []
    for project_id, group in groupby(
        overviews, key=lambda overview: overview.status.target.project_id
    ):
        every = list(group)
        audited = [overview for overview in every if not overview.retired]
        words, tone = count_states(audited)
        rows.append(
            ProjectRow(
                title=project_title(every),
                place=project_place(project_id),
                blocks=len(audited),
                words=words,
                tone=tone,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.title.casefold()))


def project_title(overviews: Sequence[TargetOverview]) -> str:
    """Return how the project of these targets is called; audited targets know it best."""
    audited_first = sorted(overviews, key=lambda overview: overview.retired)
    named = (overview.status.project for overview in audited_first if overview.status.project)
    return name(next(named, "")) or f"Project {overviews[0].status.target.project_id}"


def count_states(overviews: Iterable[TargetOverview]) -> tuple[str, str]:
    """Return how many targets are in which state, what is open, and the tone of the worst."""
    every = tuple(overviews)
    if not every:
        return "no longer audited", "info"
    counts = Counter(overview.state for overview in every)
    looks = [(look, counts[state]) for state, look in STATES.items() if counts[state]]
    words = ", ".join(f"{number:,} {look.words}" for look, number in looks)
    still_open = _open_of(every)
    more = f"; open: {count_kinds(still_open)}" if still_open else ""
    return f"{words}{more}", min(map(_tone, every), key=_TONES.index)


def make_target_page(
    history: TargetHistory, *, runs: Collection[int], studio_url: str
) -> TargetPage:
    """Return a block's page; `runs` have pages to link to."""
    overview, status = history.overview, history.overview.status
    return TargetPage(
        title=block_title(overview),
        target=str(status.target),
        type=name(status.type),
        project=project_title([overview]),
        project_place=project_place(status.target.project_id),
        studio=block_page(studio_url, status.target, status.kind, status.type),
        state=_state_words(overview),
        tone=_tone(overview),
        model=status.model_state,
        open=tuple(_condition_row(overview, each) for each in overview.open),
        facts=tuple(pair for pair in _facts(history) if pair[1]),
        versions=tuple(_version_view(entry, runs) for entry in history.entries),
        older=_older(history),
        impulses=_impulses([overview]),
    )


def make_project_page(project: ProjectBlocks, *, studio_url: str) -> ProjectPage:
    """Return a project's page."""
    audited = [overview for overview in project.overviews if not overview.retired]
    words, tone = count_states(audited)
    return ProjectPage(
        title=project_title(project.overviews),
        project_id=project.project_id,
        studio=project_page(studio_url, project.project_id),
        tone=tone,
        words=f"{count(len(audited), 'block')}: {words}" if audited else words,
        open=_condition_rows(audited)[:MOST_OPEN],
        open_hidden=max(len(_open_of(audited)) - MOST_OPEN, 0),
        blocks=tuple(map(block_row, sorted(project.overviews, key=_in_data))),
        impulses=_impulses(project.overviews),
    )


def _in_data(overview: TargetOverview) -> tuple[int, int, int]:
    impulses, target = overview.place.impulses, overview.status.target
    impulse_id = impulses[0].id if impulses else 0
    return impulse_id, order_of_data(overview.status.kind), target.learn_id


def _impulses(overviews: Iterable[TargetOverview]) -> tuple[tuple[str, str], ...]:
    """Return the impulses that have any of the blocks, each with the place of its page."""
    found = {
        (each.id, overview.status.target.project_id): title_impulse(each)
        for overview in overviews
        for each in overview.place.impulses
    }
    return tuple(
        (title, impulse_place(project_id, impulse_id))
        for (impulse_id, project_id), title in sorted(found.items())
    )


def _run_row(run: RunInfo, brief: Report | None, runs: Collection[int]) -> RunRow:
    run_id = run.id or 0
    look = _judge_row(brief) if brief else _UNENDED
    return RunRow(
        run_id=run_id,
        when=moment(run.started_at),
        day=day(run.started_at),
        place=run_place(run_id) if run_id in runs else "",
        word=look.word or f"Run {run.status}",
        tone=look.tone,
        letter=look.letter,
        rank=look.rank,
        is_partial=look.is_partial,
        counts=_counts(summarize(brief)) if brief else "it did not finish",
        has_report=brief is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowLook:
    word: str
    tone: str
    letter: str
    rank: int
    is_partial: bool = False


_UNENDED = _RowLook(
    word="",
    tone=LEVELS[Level.INCOMPLETE].tone,
    letter=LEVELS[Level.INCOMPLETE].letter,
    rank=_WORST_LEVELS.index(Level.INCOMPLETE),
    is_partial=True,
)


def _judge_row(report: Report) -> _RowLook:
    """Return a run's look: what it found, with a mark where not everything was checked."""
    verdict = judge_run(report)
    level, is_partial = verdict.level, verdict.level in (Level.FAILED, Level.INCOMPLETE)
    if is_partial and verdict.found in _FOUND:
        return _RowLook(
            word=f"{LEVELS[level].words.capitalize()}, {_FOUND[verdict.found]}",
            tone=LEVELS[verdict.found].tone,
            letter=LEVELS[verdict.found].letter + INCOMPLETE_MARK,
            rank=_WORST_LEVELS.index(verdict.found),
            is_partial=True,
        )
    is_open = level in (Level.NEWS, Level.CALM) and bool(report.open)
    return _RowLook(
        word=verdict.word,
        tone=verdict.tone,
        letter=_OPEN_LETTER if is_open else LEVELS[level].letter,
        rank=_WORST_LEVELS.index(Level.NEWS if is_open else level),
        is_partial=is_partial,
    )


def _counts(summary: Summary) -> str:
    totals = summary.report.totals
    counted = (
        (summary.critical, "critical"),
        (len(summary.severities) - summary.critical, "less severe"),
        (len(summary.in_window), "expected"),
        (len(summary.report.open), "open"),
        (len(summary.missing) + sum(len(each.missing) for each in summary.replaced), "missing"),
        (len(summary.new) + sum(len(each.new) for each in summary.replaced), "new"),
    )
    parts = [f"{number:,} {noun}" for number, noun in counted if number]
    checked = f"{totals.checked:,} of {count(summary.readable, 'block')} checked"
    return " · ".join([*parts, checked])


def _month(year: int, month: int, rows: Sequence[RunRow]) -> Month:
    by_day: dict[int, list[RunRow]] = {}
    for row in rows:
        by_day.setdefault(row.day.day, []).append(row)
    weeks = Calendar().monthdayscalendar(year, month)
    title = f"{month_name[month]} {year}"
    return Month(
        title=title,
        weeks=tuple(tuple(_day(n, title, by_day.get(n, [])) for n in week) for week in weeks),
    )


def _day(number: int, title: str, rows: Sequence[RunRow]) -> Day:
    if not rows:
        return Day(number=number)
    worst = min(rows, key=lambda row: (row.rank, -row.run_id))
    more = f", the worst of {len(rows)} runs" if len(rows) > 1 else ""
    is_marked = worst.rank < len(_FOUND) and any(row.is_partial for row in rows)
    return Day(
        number=number,
        letter=worst.letter.rstrip(INCOMPLETE_MARK) + (INCOMPLETE_MARK if is_marked else ""),
        tone=worst.tone,
        words=f"{number} {title}: {worst.word}, run {worst.run_id}{more}",
        place=worst.place,
    )


def _badness(target: TargetId, runs: Sequence[RunSummary]) -> tuple[int, int, int, int]:
    weight = sum(STATES[run.states[target]].weight for run in runs if target in run.states)
    findings = sum(run.findings.get(target, 0) for run in runs)
    return weight, findings, -target.project_id, -target.learn_id


def _target_line(
    target: TargetId, runs: Sequence[RunSummary], known: Mapping[TargetId, TargetOverview]
) -> TargetLine:
    overview = known.get(target)
    block = block_title(overview) if overview else f"block {target}"
    project = project_title([overview]) if overview else f"Project {target.project_id}"
    states = [run.state(target) for run in runs]
    return TargetLine(
        label=f"{cut(block, _LONGEST_BLOCK)} · {cut(project, _LONGEST_PROJECT)}",
        title=f"{project} / {block}",
        place=target_place(target) if overview else "",
        cells=tuple(None if state is None else STATES[state] for state in states),
        words=_line_words(target, runs),
    )


def _line_words(target: TargetId, runs: Sequence[RunSummary]) -> str:
    parts = []
    for state, look in STATES.items():
        ids = [run.run.id or 0 for run in runs if run.states.get(target) is state]
        if ids:
            noun = "run" if len(ids) == 1 else "runs"
            parts.append(f"{look.words} in {noun} {join_first(_stretches(ids), most=8)}")
    return "; ".join(parts)


def _stretches(ids: Sequence[int]) -> tuple[str, ...]:
    """Return `3 to 7, 9` of 3, 4, 5, 6, 7, 9."""
    stretches = []
    for _, group in groupby(enumerate(sorted(ids)), key=lambda pair: pair[1] - pair[0]):
        stretch = [number for _, number in group]
        last = f" to {stretch[-1]}" if len(stretch) > 1 else ""
        stretches.append(f"{stretch[0]}{last}")
    return tuple(stretches)


def _day_labels(runs: Sequence[RunSummary]) -> Iterable[str]:
    last = None
    for run in runs:
        started_on = day(run.run.started_at)
        yield "" if started_on == last else str(started_on.day)
        last = started_on


def _rest(undrawn: int, in_sync: int) -> str:
    parts = [f"{count(undrawn, 'more block')} that changed or failed"] if undrawn > 0 else []
    if in_sync > 0:
        parts.append(f"{count(in_sync, 'more block')} always in sync")
    return f"and {' and '.join(parts)}" if parts else ""


def block_title(overview: TargetOverview) -> str:
    """Return how a block is called where there is room for one name."""
    return name(overview.status.name) or f"block {overview.status.target}"


def _state_words(overview: TargetOverview) -> str:
    """Return `in sync, training lost`: the state, and what is open of it."""
    if overview.retired:
        return "no longer audited"
    is_missing = overview.state is TargetState.MISSING
    others = [c for c in overview.open if not (is_missing and c.kind is ConditionKind.MISSING)]
    return ", ".join(filter(None, (STATES[overview.state].words, name_kinds(others))))


def _tone(overview: TargetOverview) -> str:
    if overview.retired:
        return "info"
    tones = [STATES[overview.state].tone, *(str(each.severity) for each in overview.open)]
    return min(tones, key=_TONES.index)


def _open_of(overviews: Iterable[TargetOverview]) -> tuple[OpenCondition, ...]:
    return worst_conditions_first(each for overview in overviews for each in overview.open)


def _condition_rows(overviews: Sequence[TargetOverview]) -> tuple[ConditionRow, ...]:
    by_target = {overview.status.target: overview for overview in overviews}
    return tuple(_condition_row(by_target[each.target], each) for each in _open_of(overviews))


def _condition_row(overview: TargetOverview, condition: OpenCondition) -> ConditionRow:
    return ConditionRow(
        severity=condition.severity,
        headline=sentence(condition.headline),
        since=moment(condition.since),
        block=block_title(overview),
        place=target_place(condition.target),
    )


def _facts(history: TargetHistory) -> tuple[tuple[str, str], ...]:
    status = history.overview.status
    error = status.error if status.state is TargetState.UNKNOWN else None
    versions = len(history.entries) + history.older
    baseline = history.baseline_run_id
    return (
        ("Last changed", "" if status.last_changed_at is None else moment(status.last_changed_at)),
        ("Versions", f"{versions:,}" if versions else "none: the block was never read"),
        ("Baseline", "" if baseline is None else f"the version of run {baseline}"),
        ("Not checked", "" if error is None else sentence(error.message)),
    )


def _version_view(entry: VersionEntry, runs: Collection[int]) -> VersionView:
    version = entry.version
    findings = entry.findings or ()
    hidden = len(findings) - MOST_FINDINGS
    return VersionView(
        when=moment(version.seen_at),
        run=f"run {version.run_id}",
        place=run_place(version.run_id) if version.run_id in runs else "",
        headline=sentence(version.headline),
        model=version.model_state,
        compared=_compared(entry),
        findings=tuple(map(view_finding, findings[:MOST_FINDINGS])),
        hidden=f"and {count(hidden, 'more difference')}: auditor diff" if hidden > 0 else "",
    )


def _compared(entry: VersionEntry) -> str:
    if entry.version.is_pruned:
        return "pruned: its document is no longer stored"
    if entry.findings is None:
        return ""
    suppressed = f", {entry.suppressed:,} more not reported" if entry.suppressed else ""
    return f"{count(len(entry.findings), 'difference')} from the version before{suppressed}"


def _older(history: TargetHistory) -> str:
    if not history.older:
        return ""
    target = history.overview.status.target
    return f"and {count(history.older, 'older version')}: auditor history {target}"


def block_row(overview: TargetOverview) -> BlockRow:
    """Return a block as lists of blocks have it."""
    status = overview.status
    changed = status.last_changed_at
    return BlockRow(
        title=block_title(overview),
        target=str(status.target),
        place=target_place(status.target),
        type=name(status.type),
        state=_state_words(overview),
        tone=_tone(overview),
        model=status.model_state,
        names_model=status.model_state is not ModelState.NONE
        and not any(each.kind in _OF_MODEL for each in overview.open),
        changed="never" if changed is None else moment(changed),
    )
