"""The archive as a small static site: pages in a folder that link to each other.

It needs no server, and can be moved anywhere: every link is relative. What scripts add, search and
comparison, stands in the pages themselves. Names of
files are made of ids; a file with another name in the folder is not the archive's and stays.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from auditor.files import replace_file, sync
from auditor.listings import (
    ImpulseBlocks,
    Overview,
    PageMarks,
    ProjectBlocks,
    RunListing,
    TargetHistory,
)
from auditor.model import TargetId
from auditor.rendering.archive import (
    FILE_MODE,
    FOLDER_MODE,
    IMPULSES,
    INDEX,
    PROJECTS,
    SET_ASIDE,
    TARGETS,
    find_place,
    impulse_place,
    list_names,
    list_run_pages,
    parse_impulse_place,
    parse_project_place,
    parse_run_place,
    parse_target_place,
    parse_year_place,
    project_place,
    run_place,
    target_place,
    year_place,
)
from auditor.rendering.block_list import filter_blocks, list_blocks
from auditor.rendering.fleet import draw_fleet
from auditor.rendering.html import HtmlRenderer, add_policy, link_nothing
from auditor.rendering.impulse_page import make_impulse_page
from auditor.rendering.outline import Footer, Limits
from auditor.rendering.projects import list_projects, make_project_page
from auditor.rendering.run_list import LEGEND, filter_runs, find_worse, list_runs, make_calendar
from auditor.rendering.sections import outline_report
from auditor.rendering.target_page import make_target_page
from auditor.rendering.verdict import judge_run
from auditor.rendering.words import moment, times_in
from auditor.report import Report

logger = logging.getLogger(__name__)

FORM = "5"  # of the pages: raise it to have all old pages written again
MARKS = ".pages.json"
_NEWEST = '<span class="next">newest run</span>'
_Key = TypeVar("_Key")
_LINK = re.compile(
    r'<a (?:[a-z]+="[^"<>]*" )*href="(?:\.\./)?([a-z0-9/-]+\.html)"[^<>]*>(.*?)</a>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSite:
    """Fulfils `protocols.Site`. `pages` render the templates for the folder and its subfolders."""

    directory: Path
    pages: Mapping[str, HtmlRenderer]
    footer: Footer

    def run_page(self, report: Report, previous: int | None, following: int | None) -> str:
        """Return a run's page with links to its neighbours and to the blocks in it."""
        neighbours = {
            "previous": previous and (run_place(previous), previous),
            "following": following and (run_place(following), following),
        }
        shown = outline_report(report, self.footer, Limits())
        return self._page(
            "run.html", root="", report=shown, is_page=True, newest=_NEWEST, **neighbours
        )

    def marks(self) -> PageMarks:
        """Return which pages exist, with the marks that were kept of them."""
        kept = self._kept()
        top = list_names(self.directory)
        targets = {parse_target_place(name) for name in list_names(self.directory / TARGETS)}
        projects = {parse_project_place(name) for name in list_names(self.directory / PROJECTS)}
        years = {parse_year_place(name) for name in top}
        return PageMarks(
            runs=frozenset(list_run_pages(self.directory)),
            targets=_marks_of(kept, "targets", targets, _target),
            projects=_marks_of(kept, "projects", projects, int),
            years=_marks_of(kept, "years", years, int),
            impulses=_marks_of(kept, "impulses", set(self._impulses()), _impulse),
        )

    def keep(self, marks: PageMarks) -> None:
        """Remember the marks; unchanged ones are not written."""
        form = {
            "form": self._form,
            "targets": {str(key): mark for key, mark in marks.targets.items()},
            "projects": {str(key): mark for key, mark in marks.projects.items()},
            "impulses": {f"{key[0]}/{key[1]}": mark for key, mark in marks.impulses.items()},
            "years": {str(key): mark for key, mark in marks.years.items()},
        }
        if form != self._kept():
            self._put(MARKS, json.dumps(form, separators=(",", ":"), sort_keys=True))
            below = (self.directory / folder for folder in (TARGETS, PROJECTS, IMPULSES))
            for folder in (*below, self.directory):
                if folder.is_dir():
                    sync(folder)

    def write_run(self, report: Report, *, previous: int | None, following: int | None) -> None:
        """Write a run's page; its neighbours are None where they have no page."""
        self._put(run_place(report.run.id or 0), self.run_page(report, previous, following))

    def link_newest(self, run_id: int, *, following: int) -> None:
        """Give the page of the run before the newest its link to the newest."""
        try:
            page = (self.directory / run_place(run_id)).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return
        if _NEWEST in page:
            link = f'<a rel="next" href="{run_place(following)}">Run {following} →</a>'
            self._put(run_place(run_id), page.replace(_NEWEST, link, 1))

    def set_aside(self, runs: Collection[int]) -> None:
        """Take the pages of runs that the database does not have out of the site."""
        removed = {run_place(run_id) for run_id in runs}
        self._unlink(removed)
        for place in sorted(removed):
            (self.directory / place).replace(self.directory / f"{place}{SET_ASIDE}")

    def write_target(self, history: TargetHistory, *, runs: Collection[int]) -> None:
        """Write a target's page."""
        with times_in(self.footer.zone):
            view = make_target_page(history, runs=runs, studio_url=self.footer.studio_url)
        place = target_place(history.overview.status.target)
        self._put(place, self._page("target.html", root="../", view=view))

    def write_project(self, project: ProjectBlocks) -> None:
        """Write a project's page."""
        with times_in(self.footer.zone):
            view = make_project_page(project, studio_url=self.footer.studio_url)
        place = project_place(project.project_id)
        self._put(place, self._page("project.html", root="../", view=view))

    def write_impulse(self, impulse: ImpulseBlocks, *, runs: Collection[int]) -> None:
        """Write an impulse's page."""
        with times_in(self.footer.zone):
            view = make_impulse_page(impulse, runs=runs)
        place = impulse_place(impulse.project_id, impulse.impulse.id)
        self._put(place, self._page("impulse.html", root="../", view=view))

    def write_year(self, year: int, listing: RunListing, *, runs: Collection[int]) -> None:
        """Write the page of a year's older runs."""
        with times_in(self.footer.zone):
            shown = list_runs(listing, runs=runs)
        calendar = {
            "rows": shown,
            "run_kinds": filter_runs(shown),
            "months": make_calendar(shown),
            "legend": LEGEND,
        }
        self._put(year_place(year), self._page("year.html", root="", year=year, **calendar))

    def write_overview(self, overview: Overview, *, runs: Collection[int]) -> None:
        """Write the index."""
        with times_in(self.footer.zone):
            page = self._index(overview, runs)
        self._put(INDEX, page)

    def _index(self, overview: Overview, runs: Collection[int]) -> str:
        shown = list_runs(overview.listing, runs=runs)
        newest = overview.newest
        run = next((row for row in shown if newest and row.run_id == newest.run.id), None)
        blocks = list_blocks(overview.overviews)
        return self._page(
            "index.html",
            root="",
            newest=shown[0] if shown else None,
            when=moment(newest.run.started_at) if newest else "",
            verdict=judge_run(newest) if newest else None,
            run=run,
            worse=find_worse(shown, run) if run else None,
            rows=shown,
            run_kinds=filter_runs(shown),
            blocks=blocks,
            block_kinds=filter_blocks(blocks),
            other_blocks=len(overview.overviews) - len(blocks),
            months=make_calendar(shown),
            legend=LEGEND,
            years=tuple((year, year_place(year)) for year in overview.years),
            fleet=draw_fleet(overview.summaries, overview.overviews),
            projects=list_projects(overview.overviews),
            lost=sum(1 for row in shown if row.has_report and not row.place),
        )

    def prune(
        self,
        keep_runs: Collection[int],
        keep_targets: Collection[TargetId],
        keep_impulses: Collection[tuple[int, int]] = (),
    ) -> tuple[str, ...]:
        """Remove all other pages of runs, targets, impulses and projects, and links to them."""
        keep_projects = {target.project_id for target in keep_targets}
        removed = {
            *(
                run_place(run_id)
                for run_id in list_run_pages(self.directory)
                if run_id not in keep_runs
            ),
            *(target_place(target) for target in self._targets() if target not in keep_targets),
            *(
                impulse_place(*impulse)
                for impulse in self._impulses()
                if impulse not in keep_impulses
            ),
            *(
                project_place(project)
                for project in self._projects()
                if project not in keep_projects
            ),
        }
        removed |= {year for year in self._years() if self._is_over(year, removed)}
        if removed:
            self._unlink(removed)
        for place in removed:
            (self.directory / place).unlink(missing_ok=True)
        return tuple(sorted(removed))

    def _is_over(self, year: str, removed: Collection[str]) -> bool:
        """Return whether a year's page links to no run that stays."""
        linked = {link[1] for link in _LINK.finditer(self._read(year)) if parse_run_place(link[1])}
        return linked <= set(removed)

    def _unlink(self, removed: Collection[str]) -> None:
        """Turn links to these pages into plain words, before the pages are removed."""
        kept = {INDEX, *map(run_place, list_run_pages(self.directory)), *self._years()}
        kept |= {*map(target_place, self._targets()), *map(project_place, self._projects())}
        kept |= {impulse_place(*impulse) for impulse in self._impulses()}
        for place in sorted(kept.difference(removed)):
            page = self._read(place)
            without = _LINK.sub(lambda link: link[2] if link[1] in removed else link[0], page)
            if without != page:
                self._put(place, without)

    def _read(self, place: str) -> str:
        try:
            return (self.directory / place).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _years(self) -> Iterator[str]:
        return (name for name in list_names(self.directory) if parse_year_place(name) is not None)

    def _targets(self) -> Iterator[TargetId]:
        found = map(parse_target_place, list_names(self.directory / TARGETS))
        return (page for page in found if page is not None)

    def _impulses(self) -> Iterator[tuple[int, int]]:
        found = map(parse_impulse_place, list_names(self.directory / IMPULSES))
        return (page for page in found if page is not None)

    def _projects(self) -> Iterator[int]:
        found = map(parse_project_place, list_names(self.directory / PROJECTS))
        return (page for page in found if page is not None)

    def _page(self, template: str, *, root: str, **values: object) -> str:
        return add_policy(self.pages[root].render(template, root=root, **values))

    def _put(self, place: str, content: str) -> None:
        path = self.directory / place
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(path, content.encode(), mode=FILE_MODE)

    def _kept(self) -> dict[str, Any]:
        """Return the marks as they were kept; none where the pages have another form."""
        try:
            form = json.loads((self.directory / MARKS).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            logger.warning("%s is not JSON: every page of the archive is written again", MARKS)
            return {}
        return form if isinstance(form, dict) and form.get("form") == self._form else {}

    @property
    def _form(self) -> str:
        """Return the form of the pages: another one has all old pages written again."""
        return f"{FORM} {self.footer.zone}"


def make_linked_pages(templates: Path) -> dict[str, HtmlRenderer]:
    """Return renderers of pages, by the path from a page up to the folder of reports."""
    return {root: HtmlRenderer(templates, partial(_place, root)) for root in ("", "../")}


def link_below(site: str) -> Callable[[str], str]:
    """Return what finds the page of a block or project below an address; nothing without one."""
    return partial(_place, site) if site else link_nothing


def _place(root: str, words: str) -> str:
    found = find_place(words)
    return f"{root}{found}" if found else ""


def _marks_of(
    kept: Mapping[str, Any], kind: str, found: Collection[_Key | None], key: Callable[[str], _Key]
) -> dict[_Key, str]:
    try:
        known = {key(name): str(mark) for name, mark in kept.get(kind, {}).items()}
    except (AttributeError, ValueError):
        return {}  # somebody edited the file: pages without marks are written again
    return {page: mark for page, mark in known.items() if page in found}


def _impulse(words: str) -> tuple[int, int]:
    project_id, _, impulse_id = words.partition("/")
    return int(project_id), int(impulse_id)


def _target(words: str) -> TargetId:
    project_id, _, learn_id = words.partition("/")
    return TargetId(int(project_id), int(learn_id))
