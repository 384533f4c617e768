"""The archive as a small static site: pages in a folder that link to each other.

It needs no server, and can be moved anywhere: every link is relative. What scripts add, search and
comparison, stands in the pages themselves. Names of
files are made of ids; a file with another name in the folder is not the archive's and stays.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auditor.files import replace_file, sync
from auditor.listings import (
    ImpulseBlocks,
    Overview,
    PageMarks,
    ProjectBlocks,
    ProjectMarks,
    ProjectPages,
    ProjectRow,
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
    blocks_folder,
    find_place,
    impulse_place,
    impulses_folder,
    list_names,
    list_old_pages,
    list_pages,
    list_project_folders,
    list_project_lists,
    list_run_pages,
    parse_run_place,
    parse_year_place,
    project_list_place,
    project_place,
    root_of,
    run_place,
    target_place,
    year_place,
)
from auditor.rendering.block_list import filter_blocks, list_blocks
from auditor.rendering.fleet import draw_fleet
from auditor.rendering.html import HtmlRenderer, add_policy, link_nothing
from auditor.rendering.impulse_page import make_impulse_page
from auditor.rendering.outline import Footer, Limits
from auditor.rendering.projects import make_project_page
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
MOST_PROJECTS = 500  # on the index, and on a page of the list of all projects
_DEEPEST = 4  # folders above a page
_FORWARDS = "<!doctype html><!-- this page is elsewhere -->"
_FORWARD = (
    '<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">'
    '<title>Moved</title><p><a href="{address}">This page is elsewhere now.</a></p>'
)
_LINK = re.compile(
    r'<a (?:[a-z]+="[^"<>]*" )*href="(?:\.\./)*([a-z0-9/-]+\.html)"[^<>]*>(.*?)</a>'
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
        """Return which pages of runs and years exist, with the marks that were kept."""
        kept = self._kept(MARKS)
        years = {parse_year_place(name) for name in list_names(self.directory)}
        return PageMarks(
            runs=frozenset(list_run_pages(self.directory)),
            years=_marks_of(kept, "years", years),
        )

    def keep(self, marks: PageMarks) -> None:
        """Remember the marks; unchanged ones are not written."""
        self._keep(MARKS, {"years": {str(key): mark for key, mark in marks.years.items()}})

    def project_marks(self, project_id: int) -> ProjectMarks:
        """Return which pages of a project exist, with the marks that were kept of them."""
        kept = self._kept(f"{blocks_folder(project_id)}/{MARKS}")
        has_page = (self.directory / project_place(project_id)).is_file()
        targets = set(list_pages(self.directory / blocks_folder(project_id)))
        impulses = set(list_pages(self.directory / impulses_folder(project_id)))
        project = kept.get("project")
        return ProjectMarks(
            project=project if has_page and isinstance(project, str) else "",
            targets=_marks_of(kept, "targets", targets),
            impulses=_marks_of(kept, "impulses", impulses),
        )

    def keep_project(self, project_id: int, marks: ProjectMarks) -> None:
        """Remember the marks of a project's pages; unchanged ones are not written."""
        form = {
            "project": marks.project,
            "targets": {str(key): mark for key, mark in marks.targets.items()},
            "impulses": {str(key): mark for key, mark in marks.impulses.items()},
        }
        self._keep(f"{blocks_folder(project_id)}/{MARKS}", form)

    def _keep(self, place: str, form: dict[str, Any]) -> None:
        if {"form": self._form, **form} != self._kept(place):
            content = json.dumps(
                {"form": self._form, **form}, separators=(",", ":"), sort_keys=True
            )
            self._put(place, content)
            sync((self.directory / place).parent)

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

    def write_target(
        self, history: TargetHistory, *, runs: Collection[int], lacking: Collection[str] = ()
    ) -> None:
        """Write a target's page; it links to no page at a place that is `lacking`."""
        with times_in(self.footer.zone):
            view = make_target_page(history, runs=runs, studio_url=self.footer.studio_url)
        place = target_place(history.overview.status.target)
        self._put_page(place, "target.html", lacking, view=view)

    def write_project(self, project: ProjectBlocks, *, lacking: Collection[str] = ()) -> None:
        """Write a project's page."""
        with times_in(self.footer.zone):
            view = make_project_page(project, studio_url=self.footer.studio_url)
        place = project_place(project.project_id)
        self._put_page(place, "project.html", lacking, view=view)

    def write_impulse(
        self, impulse: ImpulseBlocks, *, runs: Collection[int], lacking: Collection[str] = ()
    ) -> None:
        """Write an impulse's page."""
        with times_in(self.footer.zone):
            view = make_impulse_page(impulse, runs=runs)
        place = impulse_place(impulse.project_id, impulse.impulse.id)
        self._put_page(place, "impulse.html", lacking, view=view)

    def write_project_lists(self, projects: Sequence[ProjectRow]) -> int:
        """Write the pages with all projects by name, where the index has not room for them.

        Return how many there are.
        """
        by_name = sorted(projects, key=lambda row: (row.title.casefold(), row.place))
        parts = [
            by_name[start : start + MOST_PROJECTS]
            for start in range(0, len(by_name), MOST_PROJECTS)
        ]
        number = len(parts) if len(parts) > 1 else 0
        for place, part in enumerate(parts[:number], start=1):
            values = {"part": place, "parts": number, "projects": part}
            self._put_page(project_list_place(place), "projects.html", (), **values)
        for stale in list_project_lists(self.directory / PROJECTS):
            if stale > number:
                (self.directory / project_list_place(stale)).unlink(missing_ok=True)
        return number

    def forward_old_pages(self) -> None:
        """Have the pages that an earlier release named otherwise lead to where they are now."""
        for old, new in list_old_pages(self.directory):
            address = f"{root_of(old)}{new}"
            if not self._read(old).startswith(_FORWARDS):
                self._put(old, f"{_FORWARDS}{_FORWARD.format(address=address)}")

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
        lacking = overview.fleet.lacking
        self._put(INDEX, remove_links(page, lacking) if lacking else page)

    def _index(self, overview: Overview, runs: Collection[int]) -> str:
        shown = list_runs(overview.listing, runs=runs)
        newest, fleet = overview.newest, overview.fleet
        run = next((row for row in shown if newest and row.run_id == newest.run.id), None)
        blocks = list_blocks(fleet.worst)
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
            other_blocks=fleet.targets - len(blocks),
            months=make_calendar(shown),
            legend=LEGEND,
            years=tuple((year, year_place(year)) for year in overview.years),
            fleet=draw_fleet(overview.summaries, fleet.noticed, audited=fleet.audited),
            projects=fleet.projects[:MOST_PROJECTS],
            other_projects=max(len(fleet.projects) - MOST_PROJECTS, 0),
            project_lists=tuple(
                (number, project_list_place(number))
                for number in range(1, overview.project_lists + 1)
            ),
            lost=sum(1 for row in shown if row.has_report and not row.place),
        )

    def prune(
        self, keep_runs: Collection[int], keep_project: Callable[[int], ProjectPages]
    ) -> tuple[str, ...]:
        """Remove all other pages of runs, targets, impulses and projects, and links to them."""
        removed = {
            run_place(run_id)
            for run_id in list_run_pages(self.directory)
            if run_id not in keep_runs
        }
        for project_id in self._projects():
            removed |= self._others_of(project_id, keep_project(project_id))
        removed |= {year for year in self._years() if self._is_over(year, removed)}
        if removed:
            self._unlink(removed)
        for place in removed:
            (self.directory / place).unlink(missing_ok=True)
        return tuple(sorted(removed))

    def _others_of(self, project_id: int, kept: ProjectPages) -> set[str]:
        """Return the pages of a project that are not kept."""
        removed = {
            target_place(TargetId(project_id, block_id))
            for block_id in list_pages(self.directory / blocks_folder(project_id))
            if block_id not in kept.targets
        }
        removed |= {
            impulse_place(project_id, impulse_id)
            for impulse_id in list_pages(self.directory / impulses_folder(project_id))
            if impulse_id not in kept.impulses
        }
        if not kept.targets and (self.directory / project_place(project_id)).is_file():
            removed.add(project_place(project_id))
        return removed

    def _is_over(self, year: str, removed: Collection[str]) -> bool:
        """Return whether a year's page links to no run that stays."""
        linked = {link[1] for link in _LINK.finditer(self._read(year)) if parse_run_place(link[1])}
        return linked <= set(removed)

    def _unlink(self, removed: Collection[str]) -> None:
        """Turn links to these pages into plain words, before the pages are removed."""
        for place in self._places():
            if place not in removed:
                page = self._read(place)
                without = remove_links(page, removed)
                if without != page:
                    self._put(place, without)

    def _places(self) -> Iterator[str]:
        """Yield where the pages are."""
        yield INDEX
        yield from map(run_place, list_run_pages(self.directory))
        yield from list(self._years())
        yield from map(project_list_place, list_project_lists(self.directory / PROJECTS))
        for project_id in self._projects():
            yield project_place(project_id)
            for block_id in list_pages(self.directory / blocks_folder(project_id)):
                yield target_place(TargetId(project_id, block_id))
            for impulse_id in list_pages(self.directory / impulses_folder(project_id)):
                yield impulse_place(project_id, impulse_id)

    def _read(self, place: str) -> str:
        try:
            return (self.directory / place).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _years(self) -> Iterator[str]:
        return (name for name in list_names(self.directory) if parse_year_place(name) is not None)

    def _projects(self) -> frozenset[int]:
        """Return the projects that have any page."""
        pages = list_pages(self.directory / PROJECTS)
        folders = (list_project_folders(self.directory / name) for name in (TARGETS, IMPULSES))
        return frozenset(pages).union(*folders)

    def _page(self, template: str, *, root: str, **values: object) -> str:
        return add_policy(self.pages[root].render(template, root=root, **values))

    def _put_page(
        self, place: str, template: str, lacking: Collection[str], **values: object
    ) -> None:
        page = self._page(template, root=root_of(place), **values)
        self._put(place, remove_links(page, lacking) if lacking else page)

    def _put(self, place: str, content: str) -> None:
        path = self.directory / place
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(path, content.encode(), mode=FILE_MODE)

    def _kept(self, place: str) -> dict[str, Any]:
        """Return the marks as they were kept; none where the pages have another form."""
        try:
            form = json.loads((self.directory / place).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError:
            logger.warning("%s is not JSON: pages of the archive are written again", place)
            return {}
        return form if isinstance(form, dict) and form.get("form") == self._form else {}

    @property
    def _form(self) -> str:
        """Return the form of the pages: another one has all old pages written again."""
        return f"{FORM} {self.footer.zone}"


def remove_links(page: str, places: Collection[str]) -> str:
    """Return a page whose links to these places are plain words."""
    return _LINK.sub(lambda link: link[2] if link[1] in places else link[0], page)


def make_linked_pages(templates: Path) -> dict[str, HtmlRenderer]:
    """Return renderers of pages, by the path from a page up to the folder of reports."""
    roots = ("../" * depth for depth in range(_DEEPEST + 1))
    return {root: HtmlRenderer(templates, partial(_place, root)) for root in roots}


def link_below(site: str) -> Callable[[str], str]:
    """Return what finds the page of a block or project below an address; nothing without one."""
    return partial(_place, site) if site else link_nothing


def _place(root: str, words: str) -> str:
    found = find_place(words)
    return f"{root}{found}" if found else ""


def _marks_of(kept: Mapping[str, Any], kind: str, found: Collection[int | None]) -> dict[int, str]:
    try:
        known = {int(name): str(mark) for name, mark in kept.get(kind, {}).items()}
    except (AttributeError, ValueError):
        return {}  # somebody edited the file: pages without marks are written again
    return {page: mark for page, mark in known.items() if page in found}
