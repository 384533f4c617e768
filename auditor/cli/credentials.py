"""The lines of `check` about Studio: does each credential work, and what does it see."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from auditor import app
from auditor.cli.surveying import Survey
from auditor.config import ProjectSettings, Settings
from auditor.errors import StudioError
from auditor.model import EVERY_PROJECT, Failure, TargetId
from auditor.protocols import FetchFailure
from auditor.rendering.words import count, listed
from auditor.upkeep import Probe

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.studio.client import StudioClient

MOST_NAMED = 3  # blocks with one reason


def studio_probes(settings: Settings, survey: Survey) -> Iterator[Probe]:
    """Yield a probe for each project. They share a client, so one token serves them all."""
    asking = _Asking(settings, survey)
    for project in settings.projects:
        yield Probe(f"Studio, project {project.id}", partial(asking.project, project))
    if settings.every_project is not None:
        yield Probe("Studio, every project", asking.every_project)


class _Asking:
    """One client for every line, opened with the first and closed with the last."""

    def __init__(self, settings: Settings, survey: Survey) -> None:
        self._settings = settings
        self._survey = survey
        self._left = len(settings.projects) + (settings.every_project is not None)
        self._studio: StudioClient | None = None

    async def project(self, project: ProjectSettings) -> str:
        """Return what the project's credential is and sees."""
        async with self._shared() as studio:
            found = await _blocks(studio, project, self._survey)
            return f"{found}; {await _credential(studio, project.id)}"

    async def every_project(self) -> str:
        """Return what the credential of the projects that are not named is and sees."""
        async with self._shared() as studio:
            found = await self._survey.every_project(studio)
            return f"{found}; {await _credential(studio, EVERY_PROJECT)}"

    @asynccontextmanager
    async def _shared(self) -> AsyncIterator[StudioClient]:
        try:
            if self._studio is None:
                self._studio = await app.studio(self._settings, explains=True).__aenter__()
            yield self._studio
        finally:
            self._left -= 1
            if not self._left and self._studio is not None:
                await self._studio.__aexit__(None, None, None)


async def _blocks(studio: StudioClient, project: ProjectSettings, survey: Survey) -> str:
    """Ask what a night would ask first of the project."""
    if project.learn_blocks is None:
        found = await studio.list_blocks(project.id)
        if isinstance(found, Failure):
            raise StudioError(found.kind, found.message)
        return survey.heard(project.id, found)
    targets = [TargetId(project.id, learn_id) for learn_id in project.learn_blocks]
    fetched = await asyncio.gather(*(studio.fetch(target, stored_body=None) for target in targets))
    failed = defaultdict(list)
    for target, one in zip(targets, fetched, strict=True):
        if isinstance(one, FetchFailure):
            failed[one.failure].append(target)
    if failed:
        reasons = [f"{_named(blocks)}: {reason.message}" for reason, blocks in failed.items()]
        raise StudioError(next(iter(failed)).kind, "; ".join(reasons))
    return f"all {count(len(targets), 'named block')} answer"


def _named(blocks: Sequence[TargetId]) -> str:
    """Return blocks that fail for one reason, the first few by their ids."""
    ids = listed(tuple(map(str, blocks)), most=MOST_NAMED)
    return f"block {ids}" if len(blocks) == 1 else f"{count(len(blocks), 'block')} ({ids})"


async def _credential(studio: StudioClient, project_id: int) -> str:
    """Return what is known of a credential that works, in words; never the credential."""
    from auditor.studio.auth import named  # noqa: PLC0415

    words = [named(studio.credential(project_id))]
    key = await studio.fetch_key_info(project_id)
    if key is not None and key.role:
        words.append(f"role {key.role}")
    elif key is None and project_id != EVERY_PROJECT:  # whose line has said it
        words += await _sight(studio, project_id)
    ends = studio.token_expiry(project_id)
    if ends is not None:
        words.append(f"token until {ends:%Y-%m-%d %H:%M} UTC")
    return ", ".join(words)


async def _sight(studio: StudioClient, project_id: int) -> list[str]:
    try:
        seen = await studio.list_visible_projects(project_id)
    except StudioError:
        return []  # one that may not list projects may still read blocks
    return [f"sees {count(len(seen), 'project')}"]
