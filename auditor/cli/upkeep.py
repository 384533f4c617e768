"""Commands of upkeep: check, verify, db upgrade."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from auditor import app, config
from auditor.cli.console import complain, say
from auditor.config import ProjectSettings, Settings
from auditor.drift.model import Failure, TargetId
from auditor.errors import AuditorError, StudioError
from auditor.ports import NoAnswer
from auditor.rendering.words import count, harmless
from auditor.upkeep import Probe, examine


def check(chosen: argparse.Namespace) -> int:
    """Try everything that a night needs and change nothing; exit 2 where something fails."""
    settings = app.settings(chosen.config)
    say(f"ok      configuration: {count(len(settings.projects), 'project')}")
    for advice in config.warnings(settings):
        say(f"advice  {harmless(advice)}")
    answers = app.quickly(examine(_probes(settings)))
    for one in answers:
        say(f"{'FAILED' if one.exit_code else 'ok':<7} {harmless(f'{one.what}: {one.words}')}")
    return max((one.exit_code for one in answers), default=0)


def _probes(settings: Settings) -> list[Probe]:
    probes = [Probe("database", _in_thread(partial(_database, settings)))]
    probes += [
        Probe(f"Studio, project {project.id}", partial(_project, settings, project))
        for project in settings.projects
    ]
    if settings.email is not None:
        where = f"mail server {settings.email.host}:{settings.email.port}"
        probes.append(Probe(where, _in_thread(partial(_mail, settings))))
    return probes


def _in_thread(work: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        return await asyncio.to_thread(work)

    return attempt


def _database(settings: Settings) -> str:
    with app.stored(settings) as store:
        if store is None:
            return "none yet, the first run makes it"
        last = store.last_run()
    return "reached, no run yet" if last is None else f"reached, last run {last.id} {last.status}"


async def _project(settings: Settings, project: ProjectSettings) -> str:
    """Ask what a night would ask first of the project."""
    async with app.studio(settings) as studio:
        if project.learn_blocks is None:
            listed = await studio.blocks(project.id)
            if isinstance(listed, Failure):
                raise StudioError(listed.kind, listed.message)
            return f"{len(listed)} learn blocks found"
        target = TargetId(project.id, project.learn_blocks[0])
        fetched = await studio.fetch(target, known_body=None)
    if isinstance(fetched, NoAnswer):
        raise StudioError(fetched.failure.kind, f"block {target}: {fetched.failure.message}")
    return f"block {target} answers, {len(project.learn_blocks)} named"


def _mail(settings: Settings) -> str:
    mailer = app.mailer(settings)
    if mailer is None:
        raise AuditorError("no mail is configured")
    mailer.probe()
    return "answers"


def verify(chosen: argparse.Namespace) -> int:
    """Walk the hash chain; exit 2 at the first broken link."""
    with app.existing(app.settings(chosen.config)) as store:
        breach = store.verify()
    if breach is None:
        say("The history is sound.")
        return 0
    complain(f"the history is broken at {breach.where}: {breach.what}")
    return 2


def upgrade(chosen: argparse.Namespace) -> int:
    """Bring the database's schema to this version."""
    with app.store(app.settings(chosen.config), upgrade=True):
        say("The database has this version's schema.")
    return 0
