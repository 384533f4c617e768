"""The page of a project, and the list of all projects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.drift.impulses import order_of_data
from auditor.listings import ProjectBlocks, ProjectRow, TargetOverview
from auditor.rendering.archive import project_place
from auditor.rendering.block_list import (
    TONES,
    BlockRow,
    ConditionRow,
    block_row,
    count_states,
    filter_blocks,
    link_impulses,
    list_conditions,
    open_conditions,
    project_title,
    tone_of,
)
from auditor.rendering.words import count, project_page

MOST_OPEN = 60
_CALM = ("ok", "info", "low")


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
    kinds: tuple[tuple[str, str], ...] = ()


def project_row(project: ProjectBlocks) -> ProjectRow:
    """Return a project as lists have it; blocks that are no longer audited do not count."""
    audited = [overview for overview in project.overviews if not overview.retired]
    words, tone = count_states(audited)
    return ProjectRow(
        title=project_title(project.overviews),
        place=project_place(project.project_id),
        blocks=len(audited),
        troubled=sum(tone_of(overview) not in _CALM for overview in audited),
        words=words,
        tone=tone,
    )


def worst_projects_first(rows: Iterable[ProjectRow]) -> tuple[ProjectRow, ...]:
    """Return the rows in order."""
    return tuple(sorted(rows, key=_trouble))


def _trouble(row: ProjectRow) -> tuple[bool, int, int, str]:
    """Return what puts projects in order: the worst block, how many are bad, the name."""
    return not row.blocks, TONES.index(row.tone), -row.troubled, row.title.casefold()


def make_project_page(project: ProjectBlocks, *, studio_url: str) -> ProjectPage:
    """Return a project's page."""
    audited = [overview for overview in project.overviews if not overview.retired]
    words, tone = count_states(audited)
    blocks = tuple(map(block_row, sorted(project.overviews, key=_in_data)))
    return ProjectPage(
        title=project_title(project.overviews),
        project_id=project.project_id,
        studio=project_page(studio_url, project.project_id),
        tone=tone,
        words=f"{count(len(audited), 'block')}: {words}" if audited else words,
        open=list_conditions(audited)[:MOST_OPEN],
        open_hidden=max(len(open_conditions(audited)) - MOST_OPEN, 0),
        blocks=blocks,
        kinds=filter_blocks(blocks),
        impulses=link_impulses(project.overviews),
    )


def _in_data(overview: TargetOverview) -> tuple[int, int, int]:
    impulses, target = overview.place.impulses, overview.status.target
    impulse_id = impulses[0].id if impulses else 0
    return impulse_id, order_of_data(overview.status.kind), target.learn_id
