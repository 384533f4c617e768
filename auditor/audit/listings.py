"""One project's learn blocks, as Studio lists them or as they were known where it does not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from auditor.audit.scope import Inventory, Project, Sources
from auditor.drift.filters import Listed
from auditor.model import Failure, Notice, NoticeKind, ProjectError, TargetId, TargetState
from auditor.protocols import ListedBlock
from auditor.records import KnownTarget, Missing, Unreadable, Unsupported

MOST_NAMED = 5  # blocks in one sentence
UNSTEADY = Failure(
    kind="unsteady",
    message="Studio's listing lacked most of what it held before, and asked once more held "
    "something else: it is not believed",
)

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


async def of_project(project: Project, sources: Sources) -> Inventory:
    """Return the targets of one project; Studio is asked where its blocks are not named."""
    if project.learn_blocks is not None:
        named = sorted(TargetId(project.id, learn_id) for learn_id in project.learn_blocks)
        return Inventory(targets=tuple((target, project.name) for target in named))
    known = await sources.records.known_of(project.id)
    if (halted := sources.halt()) is not None:
        return unlisted(project, known, halted)
    listing = await believed(
        partial(sources.studio.list_blocks, project.id),
        partial(_has_lost_most, known),
        settle=sources.studio.wait_to_settle,
    )
    if isinstance(listing, Failure):
        return unlisted(project, known, listing)
    name = project.name or await sources.studio.fetch_project_name(project.id)
    return _listed(project, name or known_name(project.id, known), known, listing)


async def believed(
    ask: Callable[[], Awaitable[_T | Failure]],
    is_surprising: Callable[[_T], bool],
    *,
    settle: Callable[[], Awaitable[None]],
) -> _T | Failure:
    """Return a listing; a surprising one is asked for once more, and believed where it stands.

    Studio is eventually consistent: it may `settle` before it is asked again.
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
    """Return whether a listing lacks more than half of what was there before."""
    return 2 * len(set(before) - set(now)) > len(before)


def unlisted(project: Project, known: Sequence[KnownTarget], failure: Failure) -> Inventory:
    """A failed listing makes every known target of the project unknown."""
    name = project.name or known_name(project.id, known)
    return Inventory(
        settled=tuple(
            _still_unknown(one, name, failure) for one in known if _is_kept(one, project)
        ),
        errors=(ProjectError(project_id=project.id, kind=failure.kind, message=failure.message),),
        notices=_left_out(name, project, [one for one in known if not _is_kept(one, project)]),
    )


def gone(project: Project, known: Sequence[KnownTarget]) -> tuple[Missing, ...]:
    """Return what a successful listing lacks; what filters leave out by now is no loss."""
    return tuple(
        Missing(target=one.target, project=project.name) for one in known if _is_kept(one, project)
    )


def known_name(project_id: int, known: Sequence[KnownTarget]) -> str:
    """Return how a project was called before it was told apart, empty where that is not known.

    It is what filters are held against: they know nothing of other projects of that name.
    """
    return _own_name(next((one.project for one in known if one.project), ""), project_id)


def _has_lost_most(known: Sequence[KnownTarget], listing: Sequence[ListedBlock]) -> bool:
    before = [one.target for one in known if one.state is not TargetState.MISSING]
    return lacks_most(before, [block.target for block in listing])


def _still_unknown(one: KnownTarget, name: str, failure: Failure) -> Unreadable | Unsupported:
    """Return what a failed listing says of a target: nothing new of one that is unsupported."""
    if one.state is TargetState.UNSUPPORTED:
        return Unsupported(target=one.target, project=name, name=one.name, type=one.type)
    return Unreadable(target=one.target, project=name, failure=failure)


def _listed(
    project: Project, name: str, known: Sequence[KnownTarget], listing: Sequence[ListedBlock]
) -> Inventory:
    kept = [block for block in listing if project.admits(Listed(block.type, block.name))]
    listed = {block.target for block in listing}
    lost = gone(replace(project, name=name), [one for one in known if one.target not in listed])
    admitted = {block.target for block in kept} | {one.target for one in lost}
    unserved = (
        Unsupported(target=block.target, project=name, name=block.name, type=block.type)
        for block in kept
        if not block.served
    )
    return Inventory(
        targets=tuple((block.target, name) for block in kept if block.served),
        settled=(*lost, *unserved),
        notices=(
            *_left_out(name, project, [one for one in known if one.target not in admitted]),
            *_renamed(name, project, known),
        ),
    )


def _is_kept(one: KnownTarget, project: Project) -> bool:
    # What was never read has no type that a filter could go by.
    return not one.type or project.admits(Listed(one.type, one.name))


def _left_out(name: str, project: Project, known: Sequence[KnownTarget]) -> tuple[Notice, ...]:
    if not known:
        return ()
    titles = [f"{one.name or 'block'} ({one.target})" for one in known]
    more = f" and {len(titles) - MOST_NAMED} more" if len(titles) > MOST_NAMED else ""
    return (
        Notice(
            kind=NoticeKind.LEFT_OUT,
            text=f"{name or f'Project {project.id}'}: audited no longer, as include or exclude "
            f"leaves them out: {', '.join(titles[:MOST_NAMED])}{more}",
        ),
    )


def _renamed(name: str, project: Project, known: Sequence[KnownTarget]) -> tuple[Notice, ...]:
    before = next((one.project for one in known if _is_other(one.project, name, project.id)), "")
    if not before:
        return ()
    called = _own_name(before, project.id)
    text = f"Project {project.id} is called “{name}” now, and was called “{called}”"
    return (Notice(kind=NoticeKind.PROJECT_RENAMED, text=text),)


def _is_other(before: str, name: str, project_id: int) -> bool:
    """Return whether a name is another one, and not one that was only told apart."""
    return before not in ("", name, told_apart(name, project_id))


def _own_name(name: str, project_id: int) -> str:
    """Return a name without what told it apart."""
    return name.removesuffix(told_apart("", project_id))


def told_apart(name: str, project_id: int) -> str:
    """Return a name that no other project has."""
    return f"{name} ({project_id})"
