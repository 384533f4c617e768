"""Which targets a run audits: named in the configuration, or listed by Studio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from auditor.audit.fetch import DEFECT
from auditor.audit.inventory import Inventory, InventoryPart, name_with_id
from auditor.audit.plan import EveryProject, Plan, Project, Scope
from auditor.drift.filters import BlockLabel
from auditor.errors import AuditorError, UsageError
from auditor.fetching import ListedBlock, Studio
from auditor.model import EVERY_PROJECT, Failure, NoticeKind, ProjectError, TargetId, TargetState
from auditor.records import KnownTarget
from auditor.report import Notice
from auditor.results import Missing, Unreadable

MOST_NAMED = 5  # blocks in one sentence
UNSTEADY = Failure(
    kind="unsteady",
    message="Studio's listing lacked most of what it held before, and asked once more held "
    "something else: it is not believed",
    may_pass=True,
)

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProjects:
    """What the store knows of the projects that earlier runs audited.

    Attributes:
        targets_of: returns a project's audited targets, by learn id.
        audited: returns the projects of all audited targets.
        found: returns the projects that were last audited because Studio listed them.
    """

    targets_of: Callable[[int], Awaitable[tuple[KnownTarget, ...]]]
    audited: Callable[[], Awaitable[frozenset[int]]]
    found: Callable[[], Awaitable[frozenset[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySources:
    """Where an inventory is taken from; once `halt` returns a reason, Studio is not asked."""

    studio: Studio
    known: KnownProjects
    halt: Callable[[], Failure | None]


async def take_inventory(
    plan: Plan, scope: Scope, sources: InventorySources, *, concurrency: int = 8
) -> Inventory:
    """Return the targets of the plan in scope; asks Studio only where `"all"` is configured.

    At most `concurrency` projects are listed at the same time: what is known of a project is in
    memory until its listing is there.

    Raises:
        UsageError: the scope names something that the configuration does not audit.
    """
    require_in_scope(plan, scope)
    named = tuple(project for project in plan.projects if scope.covers(project.id))
    found = await _find_projects(plan, scope, sources)
    projects = (*named, *found.projects)
    inventory = Inventory()
    inventory.put(0, _narrowed(found.others, scope))

    async def put(place: int, project: Project) -> None:
        inventory.put(place, _narrowed(await list_targets(project, sources), scope))

    await in_turns(concurrency, (partial(put, *each) for each in enumerate(projects, start=1)))
    inventory.complete()
    if not scope.is_whole and inventory.is_empty:
        _require_found(scope, is_found=bool(projects))
    return inventory


async def in_turns(most: int, work: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do the work, at most so many pieces at once."""
    remaining = iter(work)

    async def do_some() -> None:
        for piece in remaining:
            await piece()

    await asyncio.gather(*(do_some() for _ in range(max(most, 1))))


def require_in_scope(plan: Plan, scope: Scope) -> None:
    """Refuse a scope that the configuration certainly does not audit; Studio is not asked.

    Raises:
        UsageError: the scope's project is not named, and no others are looked for.
    """
    wanted = scope.project
    named = {project.id for project in plan.projects}
    if wanted is None or plan.every is not None or wanted in named:
        return
    raise UsageError(f"project {wanted} is not in the configuration: add it to [[projects]]")


def _narrowed(part: InventoryPart, scope: Scope) -> InventoryPart:
    """Return what of a part is in scope.

    Only a run over all targets says what the configuration leaves out, and remembers which
    projects were found.
    """
    if scope.is_whole:
        return part
    notices = tuple(notice for notice in part.notices if notice.kind is not NoticeKind.LEFT_OUT)
    narrowed = replace(part, notices=notices, found=None)
    wanted = scope.target
    if wanted is None:
        return narrowed
    return replace(
        narrowed,
        targets=tuple(named for named in part.targets if named[0] == wanted),
        settled=tuple(result for result in part.settled if result.target == wanted),
    )


def _require_found(scope: Scope, *, is_found: bool) -> None:
    """Raise `UsageError` where the run was to audit something that is not audited."""
    if not is_found:
        raise UsageError(
            f"project {scope.project} is not audited: it is not under [[projects]], and "
            "[studio] does not see it or leaves it out"
        )
    if scope.target is not None:
        raise UsageError(
            f"block {scope.target} is not audited: name it in learn_blocks of its project, or "
            "check that Studio lists it and that include and exclude let it in"
        )


async def list_targets(project: Project, sources: InventorySources) -> InventoryPart:
    """Return the targets of one project; Studio is asked where its blocks are not named."""
    if project.learn_blocks is not None:
        named = sorted(TargetId(project.id, learn_id) for learn_id in project.learn_blocks)
        return InventoryPart(targets=tuple((target, project.name) for target in named))
    known = await sources.known.targets_of(project.id)
    if (halted := sources.halt()) is not None:
        return _without_listing(project, known, halted)
    listing = await confirm_listing(
        partial(_bounded, partial(sources.studio.list_blocks, project.id), project.id),
        partial(_lacks_most_known, known),
        settle=sources.studio.wait_to_settle,
    )
    if isinstance(listing, Failure):
        return _without_listing(project, known, listing)
    name: str | Failure = project.name
    if not name:
        ask = partial(sources.studio.fetch_project_name, project.id)
        name = await _bounded(ask, project.id)
    if not name or isinstance(name, Failure):
        name = _known_name(project.id, known)
    return _from_listing(project, name, known, listing)


async def _bounded(ask: Callable[[], Awaitable[_T | Failure]], project_id: int) -> _T | Failure:
    """Return a listing; a defect met by one project leaves the others their run."""
    try:
        return await ask()
    except AuditorError:
        raise  # of the store or of the environment: it concerns every project
    except Exception:
        logger.exception("project not listed", extra={"project": project_id})
        return DEFECT


async def confirm_listing(
    ask: Callable[[], Awaitable[_T | Failure]],
    is_surprising: Callable[[_T], bool],
    *,
    settle: Callable[[], Awaitable[None]],
) -> _T | Failure:
    """Return a listing; a surprising one is asked for twice, and counts if both are equal.

    Studio is eventually consistent: `settle` waits before it is asked again.
    """
    first = await ask()
    if isinstance(first, Failure) or not is_surprising(first):
        return first
    logger.info("listing lacks most of what it held, asked once more")
    await settle()
    second = await ask()
    if isinstance(second, Failure) or second == first or not is_surprising(second):
        return second
    return UNSTEADY


def lacks_most(before: Collection[object], now: Collection[object]) -> bool:
    """Return whether a listing lacks more than half of what was known before."""
    return 2 * len(set(before) - set(now)) > len(before)


def _lacks_most_known(known: Sequence[KnownTarget], listing: Sequence[ListedBlock]) -> bool:
    before = [target.target for target in known if target.state is not TargetState.MISSING]
    return lacks_most(before, [block.target for block in listing])


def _without_listing(
    project: Project, known: Sequence[KnownTarget], failure: Failure
) -> InventoryPart:
    """Return every known target of the project as unreadable, since its listing failed."""
    name = project.name or _known_name(project.id, known)
    return InventoryPart(
        settled=tuple(
            _unlisted(target, name, failure) for target in known if _admits(project, target)
        ),
        errors=(error_of_project(project.id, failure),),
        notices=_notices_of_left_out(
            name, project, [target for target in known if not _admits(project, target)]
        ),
    )


def error_of_project(project_id: int, failure: Failure) -> ProjectError:
    """Return a failure that holds for a whole project."""
    return ProjectError(
        project_id=project_id,
        kind=failure.kind,
        message=failure.message,
        may_pass=failure.may_pass,
    )


def _unlisted(target: KnownTarget, name: str, failure: Failure) -> Unreadable:
    """Return what a failed listing says of a target."""
    return Unreadable(
        target=target.target,
        kind=target.kind,
        project=name,
        failure=failure,
        was_asked_for=False,
    )


def _from_listing(
    project: Project, name: str, known: Sequence[KnownTarget], listing: Sequence[ListedBlock]
) -> InventoryPart:
    kept = [
        block
        for block in listing
        if project.admits(block.kind, BlockLabel(block.type, block.name))
    ]
    listed = {block.target for block in listing}
    unlisted = [target for target in known if target.target not in listed]
    lost = _missing(project, name, unlisted)
    never_read = [target for target in unlisted if _was_never_read(target)]
    audited = {block.target for block in kept} | {result.target for result in lost}
    audited |= {target.target for target in never_read}
    return InventoryPart(
        targets=tuple((block.target, name) for block in kept),
        listed={block.target: block for block in kept},
        settled=lost,
        notices=(
            *_notices_of_left_out(
                name, project, [target for target in known if target.target not in audited]
            ),
            *_notices_of_never_read(name, project, never_read),
            *_notices_of_new_name(name, project, known),
        ),
    )


def _missing(project: Project, name: str, known: Sequence[KnownTarget]) -> tuple[Missing, ...]:
    """Return the missing targets, without those that the filters now leave out.

    A block that was never read is not missing: its number may have been a mistake.
    """
    return tuple(
        Missing(target=target.target, kind=target.kind, project=name)
        for target in known
        if _admits(project, target) and not _was_never_read(target)
    )


def _was_never_read(target: KnownTarget) -> bool:
    return target.version_id is None and not target.type


def _admits(project: Project, target: KnownTarget) -> bool:
    # A target that was never read has no type for a filter to match.
    is_unknown = project.covers(target.kind) and not target.type
    return is_unknown or project.admits(target.kind, BlockLabel(target.type, target.name))


def _notices_of_left_out(
    name: str, project: Project, known: Sequence[KnownTarget]
) -> tuple[Notice, ...]:
    by_filters = [target for target in known if project.covers(target.kind)]
    by_kind = [target for target in known if not project.covers(target.kind)]
    return (
        *_notices_of_leaving(
            name, project, by_filters, why="as include or exclude leaves them out"
        ),
        *_notices_of_leaving(name, project, by_kind, why="as impulse = false leaves them out"),
    )


def _notices_of_never_read(
    name: str, project: Project, known: Iterable[KnownTarget]
) -> tuple[Notice, ...]:
    why = "as Studio does not list them and they were never read"
    return _notices_of_leaving(name, project, tuple(known), why=why)


def _notices_of_leaving(
    name: str, project: Project, known: Sequence[KnownTarget], *, why: str
) -> tuple[Notice, ...]:
    if not known:
        return ()
    titles = [f"{target.name or 'block'} ({target.target})" for target in known]
    more = f" and {len(titles) - MOST_NAMED} more" if len(titles) > MOST_NAMED else ""
    text = (
        f"{name or f'Project {project.id}'}: no longer audited, {why}: "
        f"{', '.join(titles[:MOST_NAMED])}{more}"
    )
    return (Notice(kind=NoticeKind.LEFT_OUT, text=text),)


def _notices_of_new_name(
    name: str, project: Project, known: Sequence[KnownTarget]
) -> tuple[Notice, ...]:
    same = ("", name, name_with_id(name, project.id))
    before = next((target.project for target in known if target.project not in same), "")
    if not before:
        return ()
    text = (
        f"Project {project.id} is called “{name}” now, and was called "
        f"“{_name_without_id(before, project.id)}”"
    )
    return (Notice(kind=NoticeKind.PROJECT_RENAMED, text=text),)


def _name_without_id(name: str, project_id: int) -> str:
    return name.removesuffix(name_with_id("", project_id))


def _known_name(project_id: int, known: Sequence[KnownTarget]) -> str:
    """Return the stored name of a project, or an empty text if it is not known.

    Its id is left out: filters match the name alone, as they know nothing of other projects.
    """
    stored = next((target.project for target in known if target.project), "")
    return _name_without_id(stored, project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProjects:
    """The projects to list targets of, and what is known of others without listing them."""

    projects: tuple[Project, ...] = ()
    others: InventoryPart = field(default_factory=InventoryPart)


async def _find_projects(plan: Plan, scope: Scope, sources: InventorySources) -> FoundProjects:
    named = frozenset(project.id for project in plan.projects)
    needs_named_only = scope.project in named or (scope.only is not None and scope.only <= named)
    if plan.every is None or needs_named_only:
        return FoundProjects()
    search = ProjectSearch(every=plan.every, named=named, sources=sources, covers=scope.covers)
    return await search.find()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSearch:
    """Looks for the projects that are not `named`; audits those that the run `covers`."""

    every: EveryProject
    named: frozenset[int]
    sources: InventorySources
    covers: Callable[[int], bool]

    async def find(self) -> FoundProjects:
        """Return the listed projects; the targets of one that is no longer listed are missing.

        Where the listing fails, every known target of a project that is not named is unreadable.
        """
        before = await self.sources.known.found() - self.named
        listing = await self._listing(before)
        if isinstance(listing, Failure):
            return await self._without_listing(listing)
        listed = {
            project_id: name
            for project_id, name in listing.items()
            if self._admits(project_id, name)
        }
        known = await self._known(before - set(listed))
        of_other_runs = [project_id for project_id in before if not self.covers(project_id)]
        lost = [project for project in known if project.id not in listing]
        kept = [project for project in lost if self._admits(project.id, project.name)]
        return FoundProjects(
            projects=tuple(
                self._project(project_id, listed[project_id])
                for project_id in self._covered(listed)
            ),
            others=InventoryPart(
                settled=tuple(
                    result
                    for project in kept
                    for result in _missing(project, project.name, known[project])
                ),
                notices=(
                    *_notices_of_left_out_projects(set(known) - set(kept)),
                    *(
                        notice
                        for project in kept
                        for notice in _notices_of_never_read(
                            project.name, project, filter(_was_never_read, known[project])
                        )
                    ),
                ),
                found=frozenset([*listed, *(project.id for project in kept), *of_other_runs]),
            ),
        )

    async def _listing(self, before: Collection[int]) -> Mapping[int, str] | Failure:
        if (halted := self.sources.halt()) is not None:
            return halted
        return await confirm_listing(
            partial(_bounded, self.sources.studio.list_projects, EVERY_PROJECT),
            partial(lacks_most, before),
            settle=self.sources.studio.wait_to_settle,
        )

    async def _without_listing(self, failure: Failure) -> FoundProjects:
        known = await self._known(await self.sources.known.audited() - self.named)
        kept = [project for project in known if self._admits(project.id, project.name)]
        parts = [_without_listing(project, known[project], failure) for project in kept]
        error = error_of_project(EVERY_PROJECT, failure)
        return FoundProjects(
            others=InventoryPart(
                settled=tuple(result for part in parts for result in part.settled),
                errors=(error,),
                notices=(
                    *(notice for part in parts for notice in part.notices),
                    *_notices_of_left_out_projects(set(known) - set(kept)),
                ),
            )
        )

    async def _known(self, projects: Iterable[int]) -> dict[Project, Sequence[KnownTarget]]:
        """Return the projects that have audited targets, by their stored names, with those."""
        covered = self._covered(projects)
        known = await asyncio.gather(*map(self.sources.known.targets_of, covered))
        return {
            self._project(project_id, _known_name(project_id, targets)): targets
            for project_id, targets in zip(covered, known, strict=True)
            if targets
        }

    def _covered(self, projects: Iterable[int]) -> list[int]:
        return sorted(project_id for project_id in projects if self.covers(project_id))

    def _admits(self, project_id: int, name: str) -> bool:
        return project_id not in self.named and self.every.projects.admits(project_id, name)

    def _project(self, project_id: int, name: str) -> Project:
        return Project(
            id=project_id,
            name=name,
            learn_blocks=None,
            filters=self.every.filters,
            impulse=self.every.impulse,
        )


def _notices_of_left_out_projects(projects: Iterable[Project]) -> tuple[Notice, ...]:
    why = "is no longer audited, as include_projects or exclude_projects leaves it out"
    return tuple(
        Notice(kind=NoticeKind.LEFT_OUT, text=f"{project.name or 'Project'} ({project.id}) {why}")
        for project in sorted(projects, key=lambda project: project.id)
    )
