"""Which blocks came and went: missing, new, not supported, back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby

from auditor.drift.impulses import place_in_data
from auditor.model import ConditionKind, TargetState
from auditor.rendering.alike import cut_section
from auditor.rendering.notices import AUDITED, enter_notices
from auditor.rendering.outline import Entry, Section, count_hidden
from auditor.rendering.summary import Summary, block_title
from auditor.rendering.views import enter_target, title_project
from auditor.rendering.words import count, describe_model, join_first, name
from auditor.report import LeftOut, TargetReport

_MOST_STARTED = 20  # blocks of a project that the first report names
MOST_PROJECTS = 1000  # that the first report names


def list_inventory(summary: Summary, most: int | None) -> tuple[Section, ...]:
    """Return the sections that are not empty, each cut to `most` entries.

    A missing block that an open condition names is there.
    """
    is_open = {each.target for each in summary.open if each.kind is ConditionKind.MISSING}
    missing = tuple(target for target in summary.missing if target.target not in is_open)
    unsupported = tuple(
        target
        for target in summary.report.targets
        if target.state is TargetState.UNSUPPORTED and target.is_news
    )
    new = (
        _started(summary, most)
        if summary.is_first_run
        else _section("New blocks", summary.new, _new_note, most)
    )
    sections = (
        _section("Missing blocks", missing, _missing_note, most),
        _section("Not supported", unsupported, _unsupported_note, most),
        new,
        cut_section(AUDITED, enter_notices(summary, AUDITED), most),
    )
    return tuple(section for section in sections if section.entries)


def _section(
    heading: str,
    targets: tuple[TargetReport, ...],
    note: Callable[[TargetReport], str],
    most: int | None,
) -> Section:
    ordered = sorted(targets, key=place_in_data)
    return cut_section(heading, [enter_target(target, note(target)) for target in ordered], most)


def _missing_note(target: TargetReport) -> str:
    return "Studio no longer lists it" if target.is_news else "Studio still does not list it"


def _unsupported_note(target: TargetReport) -> str:
    kind = name(target.type) or "unknown"
    return f"blocks of type {kind} cannot be audited (this is reported only once)"


def _new_note(target: TargetReport) -> str:
    kind = name(target.type) or "type unknown"
    return f"recorded for the first time; {kind}, {describe_model(target.model_state)}"


def _started(summary: Summary, most: int | None) -> Section:
    """Return the first run's section: one line per project, since it may have many blocks."""
    listed = {
        project_id: tuple(group)
        for project_id, group in groupby(summary.new, key=lambda t: t.target.project_id)
    }
    counted = {each.project_id: each for each in summary.report.left_out if each.new}
    entries = [
        _started_project(listed.get(project_id, ()), counted.get(project_id))
        for project_id in sorted(listed.keys() | counted.keys())
    ]
    largest = MOST_PROJECTS if most is None else min(most, MOST_PROJECTS)
    hidden = count_hidden(len(entries), largest)
    return Section(title="Audit started", entries=tuple(entries[:largest]), hidden=hidden)


def _started_project(listed: tuple[TargetReport, ...], counted: LeftOut | None) -> Entry:
    """Return the line of a project; `counted` are its blocks that the report does not list."""
    more = counted.new if counted else 0
    number = count(len(listed) + more, "block")
    if listed:
        title, note = title_project(listed[0]), f"{number}: {_named(listed, more)}"
    else:
        title, note = name(counted.project) if counted and counted.project else "", number
        title = title or f"Project {counted.project_id if counted else ''}"
    return Entry(project="", block=title, target="", note=note)


def _named(targets: tuple[TargetReport, ...], further: int) -> str:
    """Return the names of the first blocks, each with its id where several have it."""
    titles = Counter(map(block_title, targets))
    named = tuple(
        title if titles[title] == 1 else f"{title} ({target.target})"
        for target in targets
        for title in [block_title(target)]
    )
    more = "; `auditor status` lists all" if len(named) + further > _MOST_STARTED else ""
    return f"{join_first(named, most=_MOST_STARTED, further=further)}{more}"
