"""Runs as a list and as a calendar, in which a day shows its worst run."""

from __future__ import annotations

from calendar import Calendar, month_name
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from auditor.listings import RunListing
from auditor.model import RunInfo, TargetState
from auditor.rendering.archive import run_place
from auditor.rendering.summary import Summary, summarize
from auditor.rendering.verdict import LEVELS, Level, judge_run
from auditor.rendering.words import count, day, moment
from auditor.report import Report

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

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return what a filter knows of it: its letter, and whether not all was checked."""
        letter = self.letter.rstrip(INCOMPLETE_MARK)
        return (letter, INCOMPLETE_MARK) if self.is_partial else (letter,)


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


def list_runs(listing: RunListing, *, runs: Collection[int]) -> tuple[RunRow, ...]:
    """Return a row per run, newest first; those in `runs` have a page."""
    briefs = {brief.run.id: brief for brief in listing.briefs}
    return tuple(_run_row(run, briefs.get(run.id), runs) for run in listing.runs)


def filter_runs(rows: Iterable[RunRow]) -> tuple[tuple[str, str], ...]:
    """Return the kinds that a filter offers for these runs, each in words."""
    found = {kind for row in rows for kind in row.kinds}
    words = {letter: words for letter, _, words in LEGEND} | {
        INCOMPLETE_MARK: "not everything checked"
    }
    return tuple((kind, words[kind]) for kind in words if kind in found)


def find_worse(rows: Sequence[RunRow], run: RunRow) -> RunRow | None:
    """Return the worst run of the same day where it is worse than `run`, None without one."""
    same_day = [row for row in rows if row.day == run.day and row.has_report]
    worst = min(same_day, key=_rank, default=run)
    return worst if worst.rank < run.rank else None


def make_calendar(rows: Sequence[RunRow]) -> tuple[Month, ...]:
    """Return the calendar of the runs, newest month first; a day shows its worst run."""
    newest_first = sorted(rows, key=lambda row: row.day, reverse=True)
    return tuple(
        _month(year, month, list(group))
        for (year, month), group in groupby(
            newest_first, key=lambda row: (row.day.year, row.day.month)
        )
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
        (
            len(summary.new)
            + sum(len(each.new) for each in summary.replaced)
            + summary.report.count_left_out(TargetState.NEW),
            "new",
        ),
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


def _rank(row: RunRow) -> tuple[int, int]:
    return row.rank, -row.run_id


def _day(number: int, title: str, rows: Sequence[RunRow]) -> Day:
    if not rows:
        return Day(number=number)
    worst = min(rows, key=_rank)
    more = f", the worst of {len(rows)} runs" if len(rows) > 1 else ""
    is_marked = worst.rank < len(_FOUND) and any(row.is_partial for row in rows)
    return Day(
        number=number,
        letter=worst.letter.rstrip(INCOMPLETE_MARK) + (INCOMPLETE_MARK if is_marked else ""),
        tone=worst.tone,
        words=f"{number} {title}: {worst.word}, run {worst.run_id}{more}",
        place=worst.place,
    )
