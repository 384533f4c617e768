"""Which targets a run audits: named in the configuration, or found by asking Studio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from auditor.drift.model import Failure, ProjectError, TargetId, TargetState
from auditor.errors import UsageError
from auditor.ports import Gone, Known, ListedBlock, Studio, Unread, Unserved

_KnownOf: TypeAlias = Callable[[int], Awaitable[tuple[Known, ...]]]
Halt: TypeAlias = Callable[[], Failure | None]

STOPPED = Failure(kind="stopped", message="the auditor was stopped before it came to this")
OUT_OF_TIME = Failure(
    kind="time_limit",
    message="the run reached its time limit (schedule.limit_s) before it came to this",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project to audit. `learn_blocks` is None where Studio is asked for all of them."""

    id: int
    name: str
    learn_blocks: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run is narrowed to; all of the configuration where nothing is said.

    Attributes:
        project_id: the one project of a run by hand.
        target: the one target of a run by hand.
        only: the projects of a schedule, None where all are its.
        elsewhere: the projects that other schedules audit.
    """

    project_id: int | None = None
    target: TargetId | None = None
    only: frozenset[int] | None = None
    elsewhere: frozenset[int] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Return whether the run audits everything of its projects that is configured."""
        return self.project_id is None and self.target is None

    @property
    def is_all(self) -> bool:
        """Return whether the run audits everything that is configured."""
        return self.is_whole and self.only is None and not self.elsewhere

    def covers(self, project_id: int) -> bool:
        """Return whether a project is for this run's schedule."""
        return project_id not in self.elsewhere and (self.only is None or project_id in self.only)

    def settles(self, target: TargetId) -> bool:
        """Return whether a target that the run does not come to is no longer audited."""
        return self.is_whole and self.covers(target.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The targets of a run.

    Attributes:
        targets: what to fetch, by project and learn id, with the project's name.
        settled: what needs no fetch: gone, unserved, or not to be read since the listing failed.
    """

    targets: tuple[tuple[TargetId, str], ...]
    settled: tuple[Gone | Unserved | Unread, ...]
    errors: tuple[ProjectError, ...]


async def take_inventory(
    projects: Sequence[Project],
    scope: Scope,
    *,
    studio: Studio,
    known_of: _KnownOf,
    halt: Halt,
) -> Inventory:
    """Return the targets of the projects in scope; asks Studio only where `"all"` is configured.

    `halt` is asked before each project, and says why nothing more is asked.

    Raises:
        UsageError: the scope names what the configuration does not audit.
    """
    parts = await asyncio.gather(
        *(_of_project(project, studio, known_of, halt) for project in in_scope(projects, scope))
    )
    whole = Inventory(
        targets=tuple(one for part in parts for one in part.targets),
        settled=tuple(one for part in parts for one in part.settled),
        errors=tuple(one for part in parts for one in part.errors),
    )
    return whole if scope.target is None else _narrowed(whole, scope.target)


def in_scope(projects: Sequence[Project], scope: Scope) -> tuple[Project, ...]:
    """Return the projects that a scope leaves.

    Raises:
        UsageError: the scope names a project that is not configured.
    """
    wanted = scope.target.project_id if scope.target else scope.project_id
    chosen = tuple(one for one in projects if scope.covers(one.id) and wanted in (None, one.id))
    if not chosen:
        raise UsageError(f"project {wanted} is not in the configuration: add it to [[projects]]")
    return chosen


def _narrowed(whole: Inventory, target: TargetId) -> Inventory:
    narrowed = Inventory(
        targets=tuple(one for one in whole.targets if one[0] == target),
        settled=tuple(one for one in whole.settled if one.target == target),
        errors=whole.errors,
    )
    if not narrowed.targets and not narrowed.settled and not narrowed.errors:
        raise UsageError(f"block {target} is not audited: name it in learn_blocks of its project")
    return narrowed


async def _of_project(
    project: Project, studio: Studio, known_of: _KnownOf, halt: Halt
) -> Inventory:
    if project.learn_blocks is not None:
        named = sorted(TargetId(project.id, learn_id) for learn_id in project.learn_blocks)
        return Inventory(
            targets=tuple((target, project.name) for target in named), settled=(), errors=()
        )
    known = await known_of(project.id)
    listing = halt() or await studio.blocks(project.id)
    if isinstance(listing, Failure):
        return _unlisted(project, known, listing)
    name = project.name or await studio.project_name(project.id) or _known_name(known)
    return _listed(name, known, listing)


def _unlisted(project: Project, known: Sequence[Known], failure: Failure) -> Inventory:
    """A failed listing makes every known target of the project unknown."""
    name = project.name or _known_name(known)
    return Inventory(
        targets=(),
        settled=tuple(_still_unknown(one, name, failure) for one in known),
        errors=(ProjectError(project_id=project.id, kind=failure.kind, message=failure.message),),
    )


def _still_unknown(one: Known, name: str, failure: Failure) -> Unread | Unserved:
    """Return what a failed listing says of a target: nothing new of one that is unsupported."""
    if one.state is TargetState.UNSUPPORTED:
        return Unserved(target=one.target, project=name, name=one.name, type=one.type)
    return Unread(target=one.target, project=name, failure=failure)


def _listed(name: str, known: Sequence[Known], listing: Sequence[ListedBlock]) -> Inventory:
    listed = {block.target for block in listing}
    gone = (Gone(target=one.target, project=name) for one in known if one.target not in listed)
    unserved = (
        Unserved(target=block.target, project=name, name=block.name, type=block.type)
        for block in listing
        if not block.served
    )
    return Inventory(
        targets=tuple((block.target, name) for block in listing if block.served),
        settled=(*gone, *unserved),
        errors=(),
    )


def _known_name(known: Sequence[Known]) -> str:
    return next((one.project for one in known if one.project), "")
