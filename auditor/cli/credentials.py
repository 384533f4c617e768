"""The lines of `check` about Studio: does each credential work, and what does it see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from auditor import app
from auditor.config import ProjectSettings, Settings
from auditor.drift.model import Failure, TargetId
from auditor.errors import StudioError
from auditor.ports import NoAnswer
from auditor.rendering.words import count
from auditor.upkeep import Probe

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.studio.client import StudioClient


def studio_probes(settings: Settings) -> Iterator[Probe]:
    """Yield a probe for each project. They share a client, so one token serves them all."""
    asking = _Asking(settings)
    for project in settings.projects:
        yield Probe(f"Studio, project {project.id}", partial(asking.project, project))


class _Asking:
    """One client for every line, opened with the first and closed with the last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left = len(settings.projects)
        self._studio: StudioClient | None = None

    async def project(self, project: ProjectSettings) -> str:
        """Return what the project's credential is and sees."""
        try:
            if self._studio is None:
                self._studio = await app.studio(self._settings).__aenter__()
            found = await _blocks(self._studio, project)
            return f"{found}; {await _credential(self._studio, project.id)}"
        finally:
            self._left -= 1
            if not self._left and self._studio is not None:
                await self._studio.__aexit__(None, None, None)


async def _blocks(studio: StudioClient, project: ProjectSettings) -> str:
    """Ask what a night would ask first of the project."""
    if project.learn_blocks is None:
        listed = await studio.blocks(project.id)
        if isinstance(listed, Failure):
            raise StudioError(listed.kind, listed.message)
        return f"{count(len(listed), 'learn block')} found"
    targets = [TargetId(project.id, learn_id) for learn_id in project.learn_blocks]
    fetched = await asyncio.gather(*(studio.fetch(target, known_body=None) for target in targets))
    for target, one in zip(targets, fetched, strict=True):
        if isinstance(one, NoAnswer):
            raise StudioError(one.failure.kind, f"block {target}: {one.failure.message}")
    return f"all {count(len(targets), 'named block')} answer"


async def _credential(studio: StudioClient, project_id: int) -> str:
    """Return what is known of a credential that works, in words; never the credential."""
    from auditor.studio.auth import named  # noqa: PLC0415

    words = [named(studio.credentials[project_id])]
    key = await studio.key_info(project_id)
    if key is not None and key.role:
        words.append(f"role {key.role}")
    elif key is None:
        words += await _sight(studio, project_id)
    ends = studio.token_ends(project_id)
    if ends is not None:
        words.append(f"token until {ends:%Y-%m-%d %H:%M} UTC")
    return ", ".join(words)


async def _sight(studio: StudioClient, project_id: int) -> list[str]:
    try:
        listed = await studio.listed_projects(project_id)
    except StudioError:
        return []  # one that may not list projects may still read blocks
    return [f"sees {count(len(listed), 'project')}"]
