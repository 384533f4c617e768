"""What a credential sees of Studio, before there is a configuration."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from auditor.audit.fetch import find_source
from auditor.credentials import ApiKey, Credential
from auditor.errors import StudioError
from auditor.fetching import FetchFailure, ListedBlock
from auditor.model import EVERY_PROJECT, Failure, TargetKind
from auditor.studio.client import StudioClient

_TIMEOUT = timedelta(seconds=30)
_CONCURRENCY = 4
_TRIES = 2
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenProject:
    """A project that a credential sees.

    Attributes:
        role: of its key, empty where Studio does not say.
        problem: why its blocks cannot be read, empty if they can.
    """

    id: int
    name: str
    role: str
    blocks: tuple[ListedBlock, ...] = ()
    problem: str = ""


async def see_projects(base_url: str, credential: Credential) -> tuple[SeenProject, ...]:
    """Return the projects that a credential sees with their blocks, by id.

    Of a project's key it also reads a learn block, which not every key may.

    Raises:
        StudioError: no project can be read: Studio refuses the credential or does not answer.
    """
    client = StudioClient(
        base_url=base_url,
        credentials={},
        shared=credential,
        concurrency=_CONCURRENCY,
        timeout=_TIMEOUT,
        tries=_TRIES,
        max_bytes=_MAX_BYTES,
        now=lambda: datetime.now(UTC),
        explains=True,
    )
    async with client as studio:
        key = await studio.fetch_key_info(EVERY_PROJECT)
        listed = await studio.list_projects()
        if isinstance(listed, Failure):
            if key is None:
                raise StudioError(listed.kind, listed.message)
            # A key that may not list projects may still read the blocks of its own.
            listed = {key.project_id: ""}
        seen = await asyncio.gather(
            *(
                _see_project(studio, project_id, name, key.role if key else "")
                for project_id, name in sorted(listed.items())
            )
        )
    if all(project.problem for project in seen):
        problems = [project.problem for project in seen] or ["Studio lists no project for it"]
        raise StudioError("invalid", problems[0])
    return tuple(seen)


async def _see_project(studio: StudioClient, project_id: int, name: str, role: str) -> SeenProject:
    seen = SeenProject(id=project_id, name=name, role=role)
    blocks = await studio.list_blocks(project_id)
    if isinstance(blocks, Failure):
        return replace(seen, problem=blocks.message)
    learn = [block for block in blocks if block.kind.target_kind is TargetKind.LEARN]
    if learn and isinstance(studio.credential(project_id), ApiKey):
        source = find_source(learn[0], None)
        fetched = await studio.fetch(learn[0].target, source, stored_body=None)
        if isinstance(fetched, FetchFailure):
            return replace(seen, problem=fetched.failure.message)
    return replace(seen, blocks=blocks)
