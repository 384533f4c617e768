"""Builds the client of Studio and what it is to ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.audit.plan import EveryProject, Plan, Project
from auditor.config import Settings

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.studio.client import StudioClient
    from auditor.studio.tls import Security


def studio(
    chosen: Settings, *, stopping: Callable[[], bool] | None = None, explains: bool = False
) -> StudioClient:
    """Return the client for one run; once `stopping` says so, it tries nothing again."""
    from auditor.studio.client import StudioClient  # noqa: PLC0415

    asked = chosen.studio
    return StudioClient(
        base_url=asked.base_url,
        credentials={project.id: chosen.credential_of(project) for project in chosen.projects},
        shared=chosen.every_project,
        concurrency=asked.concurrency,
        timeout=asked.timeout,
        tries=asked.tries,
        max_bytes=asked.max_bytes,
        per_second=asked.requests_per_s,
        security=security(chosen),
        stopping=stopping,
        explains=explains,
    )


def security(chosen: Settings) -> Security:
    """Return whom TLS trusts on the way to Studio, what it shows, and the proxy."""
    from auditor.studio.tls import Security  # noqa: PLC0415

    asked = chosen.studio
    return Security(
        ca_file=asked.ca_file,
        certificate=asked.client_certificate,
        key=asked.client_key,
        proxy=asked.proxy,
    )


def plan(chosen: Settings) -> Plan:
    """Return what the configuration audits."""
    return Plan(
        projects=tuple(
            Project(
                id=one.id,
                name=one.name or "",
                learn_blocks=one.named_blocks,
                filters=(chosen.studio.block_filter, one.block_filter),
            )
            for one in chosen.projects
        ),
        every=_every_project(chosen),
    )


def _every_project(chosen: Settings) -> EveryProject | None:
    if chosen.every_project is None:
        return None
    return EveryProject(projects=chosen.project_filter, filters=(chosen.studio.block_filter,))
