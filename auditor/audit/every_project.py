"""The projects that are audited because Studio lists them, not because they are named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.audit.listings import believed, gone, known_name, lacks_most, unlisted
from auditor.audit.scope import EveryProject, Inventory, Project, Sources
from auditor.model import EVERY_PROJECT, Failure, Notice, NoticeKind, ProjectError
from auditor.records import KnownTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The projects to audit further, and what is settled of others without asking on."""

    projects: tuple[Project, ...] = ()
    beside: Inventory = field(default_factory=Inventory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Looks for the projects that are not `named`; audits those that the run `covers`."""

    every: EveryProject
    named: frozenset[int]
    sources: Sources
    covers: Callable[[int], bool]

    async def find(self) -> Found:
        """Return the listed projects; one found before that a listing lacks is gone.

        Where the listing fails, everything that is known of projects not named is unknown.
        """
        before = await self.sources.records.found() - self.named
        listing = await self._listing(before)
        if isinstance(listing, Failure):
            return await self._unlisted(listing)
        listed = {one: name for one, name in listing.items() if self._admits(one, name)}
        known = await self._known(before - set(listed))
        left_to_others = [one for one in before if not self.covers(one)]
        lost = [one for one in known if one.id not in listing]
        kept = [one for one in lost if self._admits(one.id, one.name)]
        return Found(
            projects=tuple(self._project(one, listed[one]) for one in self._wanted(listed)),
            beside=Inventory(
                settled=tuple(outcome for one in kept for outcome in gone(one, known[one])),
                notices=_left_out([one for one in known if one not in kept]),
                found=frozenset([*listed, *(one.id for one in kept), *left_to_others]),
            ),
        )

    async def _listing(self, before: Collection[int]) -> Mapping[int, str] | Failure:
        if (halted := self.sources.halt()) is not None:
            return halted
        return await believed(
            self.sources.studio.list_projects,
            lambda listing: lacks_most(before, listing),
            settle=self.sources.studio.wait_to_settle,
        )

    async def _unlisted(self, failure: Failure) -> Found:
        known = await self._known(await self.sources.records.audited() - self.named)
        kept = [one for one in known if self._admits(one.id, one.name)]
        parts = [unlisted(one, known[one], failure) for one in kept]
        left_out = _left_out([one for one in known if one not in kept])
        error = ProjectError(project_id=EVERY_PROJECT, kind=failure.kind, message=failure.message)
        return Found(
            beside=Inventory(
                settled=tuple(outcome for part in parts for outcome in part.settled),
                errors=(error,),
                notices=(*(one for part in parts for one in part.notices), *left_out),
            )
        )

    async def _known(self, projects: Iterable[int]) -> dict[Project, Sequence[KnownTarget]]:
        """Return the projects that have targets still audited, as they were called, with them."""
        wanted = self._wanted(projects)
        known = await asyncio.gather(*map(self.sources.records.known_of, wanted))
        return {
            self._project(one, known_name(one, whose)): whose
            for one, whose in zip(wanted, known, strict=True)
            if whose
        }

    def _wanted(self, projects: Iterable[int]) -> list[int]:
        return sorted(one for one in projects if self.covers(one))

    def _admits(self, project_id: int, name: str) -> bool:
        return project_id not in self.named and self.every.projects.admits(project_id, name)

    def _project(self, project_id: int, name: str) -> Project:
        return Project(id=project_id, name=name, learn_blocks=None, filters=self.every.filters)


def _left_out(projects: Iterable[Project]) -> tuple[Notice, ...]:
    why = "is audited no longer, as include_projects or exclude_projects leaves it out"
    return tuple(
        Notice(kind=NoticeKind.LEFT_OUT, text=f"{one.name or 'Project'} ({one.id}) {why}")
        for one in projects
    )
