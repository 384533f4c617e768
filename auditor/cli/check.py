"""The command `check`: try everything that a run needs and give a remedy for what fails."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from auditor import app, config
from auditor.audit.fetch import find_source
from auditor.cli.console import print_text
from auditor.cli.logs import silence_logging
from auditor.cli.sending import channel_probes, send_test
from auditor.config import ProjectTable, Settings
from auditor.drift.filters import BlockFilter, BlockLabel, is_admitted
from auditor.drift.rules import TargetScope
from auditor.errors import AuditorError, DeliveryError, StoreError, StudioError, UsageError
from auditor.fetching import FetchFailure, ListedBlock, Studio
from auditor.model import EVERY_PROJECT, Failure, Starter, TargetId, TargetKind
from auditor.outbox import channel_of
from auditor.records import NO_PRESENCE
from auditor.rendering.words import count, harmless, join_first, moment, times_in
from auditor.upkeep import Probe, human_size, require_room, run_probes

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` start fast
    from auditor.studio.client import StudioClient

MOST_NAMED = 3
"""How many blocks that fail for the same reason are named; the others are counted."""
_Filtered: TypeAlias = tuple[tuple[ListedBlock, ...], tuple[BlockFilter, ...]]


def check(args: argparse.Namespace) -> int:
    """Try everything that a run needs and change nothing; exit 2 if something fails."""
    if args.offline and args.send_test:
        raise UsageError("--offline reads only the file: use it without --send-test")
    settings = app.load_settings(args.config, reads_secrets=not args.offline)
    if not args.offline:
        with (
            suppress(StoreError),
            app.open_store_if_present(settings) as stored,
        ):  # the database has its own probe
            app.check_rules(settings, stored)
    where = config.find(args.config, os.environ).absolute()
    named = count(len(settings.projects), "project")
    rest = "; nothing else was tried, and no secret was read" if args.offline else ""
    print_text(harmless(f"ok      configuration: {named}{_others(settings)} in {where}{rest}"))
    for advice in config.warnings(settings):
        print_text(f"advice  {harmless(advice)}")
    return 0 if args.offline else _try_everything(settings, sends_test=args.send_test)


def _try_everything(settings: Settings, *, sends_test: bool) -> int:
    survey = Survey(settings)
    silence_logging()
    with times_in(settings.reader_zone):
        answers = app.run_async(run_probes(_probes(settings, survey)))
    for answer in answers:
        result = "FAILED" if answer.exit_code else "ok"
        print_text(f"{result:<7} {harmless(f'{answer.what}: {answer.words}')}")
    for advice in (*survey.advice(), *_unmatched_paths(settings)):
        print_text(f"advice  {harmless(advice)}")
    codes = [answer.exit_code for answer in answers]
    if sends_test:
        codes += send_test(settings)
    return max(codes, default=0)


def _unmatched_paths(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each rule whose path no stored block has; none before the first run."""
    from auditor.audit.unmatched import Coverage  # noqa: PLC0415

    with suppress(StoreError), app.open_store_if_present(settings) as stored:
        if stored is None:
            return
        coverage = Coverage(stored, app.build_plan(settings))
        coverage.compare(settings.rules, ())
        for unmatched in coverage.unmatched.values():
            yield f"{unmatched.key}: {unmatched.words}"


def _others(settings: Settings) -> str:
    return " named, and every other that is found" if settings.every_project else ""


def _probes(settings: Settings, survey: Survey) -> list[Probe]:
    return [
        *_machine_probes(settings),
        *_metrics_probes(settings),
        *_studio_probes(settings, survey),
        *_mail_probes(settings),
        *channel_probes(settings),
        *_heartbeat_probes(settings),
        *_worker_probes(settings),
    ]


def _machine_probes(settings: Settings) -> list[Probe]:
    """Return the probes of what a run needs on this machine before it asks Studio."""
    probes = [
        Probe("database", _in_thread(partial(_database, settings))),
        Probe("reports", _in_thread(partial(_reports, settings))),
        Probe("schedule", _in_thread(partial(_schedule, settings))),
    ]
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        probes.append(Probe("systemd", _in_thread(partial(_notifications, address))))
    return probes


def _metrics_probes(settings: Settings) -> list[Probe]:
    """Return the probes of the metrics file; none if no metrics are configured."""
    if settings.metrics.textfile is None:
        return []
    return [Probe("metrics", _in_thread(partial(_metrics, settings.metrics.textfile)))]


def _mail_probes(settings: Settings) -> list[Probe]:
    """Return the probes of the mail server; none if no mail is configured."""
    if settings.email is None:
        return []
    return [Probe("mail", _in_thread(partial(_mail, settings)))]


def _heartbeat_probes(settings: Settings) -> list[Probe]:
    """Return the probe of the heartbeat's server; none if no heartbeat is configured."""
    if settings.heartbeat.url is None:
        return []
    from auditor.heartbeat import probe_heartbeat  # noqa: PLC0415 - TLS takes its time

    return [Probe("heartbeat", _in_thread(partial(probe_heartbeat, settings.heartbeat.url)))]


def _worker_probes(settings: Settings) -> list[Probe]:
    """Return the probe of the machines that share runs; none if runs are not shared."""
    if not settings.workers.enabled:
        return []
    return [Probe("workers", partial(app.describe_workers, settings))]


def _in_thread(work: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        return await asyncio.to_thread(work)

    return attempt


def _database(settings: Settings) -> str:
    with app.open_store_if_present(settings) as store:
        if store is None:
            return _missing_database(settings)
        health, last = store.health(), store.last_run()
        app.require_own_database(settings, store)
    history = "no run yet" if last is None else f"last run {last.id} {last.status}"
    size = human_size(health.size_bytes)
    words = f"{health.kind} of schema {health.schema} reached, {history}, {size}"
    if health.file is None:
        return words
    _require_common_owner(health.file)
    return f"{words}, sound; {_room(health.file.parent, beside_bytes=health.size_bytes)}"


def _missing_database(settings: Settings) -> str:
    """Return in words that the first run creates what is missing; raise if it cannot."""
    url = settings.database.url
    if not url.startswith("sqlite:"):
        from auditor.store.store import probe_empty  # noqa: PLC0415 - SQLAlchemy

        return f"{probe_empty(url)} reached, it is empty, the first run makes its tables"
    folder = Path(url.removeprefix("sqlite:///")).parent
    _require_writable(folder)
    return f"none yet, the first run creates it; {_room(folder)}"


def _reports(settings: Settings) -> str:
    folder = settings.reports.directory
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    _require_writable(existing)
    if existing == folder:
        _require_common_owner(folder)
    return f"{folder} can be written; {_room(existing)}"


def _metrics(path: Path) -> str:
    _require_writable(path.parent)
    return f"{path} can be written"


def _require_writable(folder: Path) -> None:
    if folder.is_dir():
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AuditorError(
                f"{folder} cannot be written by the user of this command: let that user write to "
                "it, name another folder, or run this as the service's user"
            )
    elif folder.exists():
        raise AuditorError(f"{folder} is a file and not a folder: name another")
    else:
        raise AuditorError(f"there is no folder {folder}: create it (mkdir -p {folder})")


def _require_common_owner(path: Path) -> None:
    """Raise if root owns `path` in a folder of the service's user, after a manual command.

    To write the file would prove nothing: root may write it.
    """
    folder = path.parent
    if path.stat().st_uid == 0 != folder.stat().st_uid:
        raise AuditorError(
            f"{path} belongs to root and its folder does not, so the service cannot write it: "
            f"chown -R --reference={folder} {path}"
        )


def _room(folder: Path, *, beside_bytes: int = 0) -> str:
    """Return in words what is free; raise if an upgrade or a backup would fill the disk."""
    free = shutil.disk_usage(folder).free
    require_room(folder, free_bytes=free, beside_bytes=beside_bytes)
    return f"{human_size(free)} free"


def _schedule(settings: Settings) -> str:
    at, lines = app.now(), []
    for schedule in app.find_schedules(settings):
        next_run = schedule.next_after(at)
        if next_run is None:
            raise AuditorError(f"{schedule.label} is never due: correct its cron")
        lines.append(f"next due {moment(next_run)}, by {schedule.label}")
    return f"{'; '.join(lines)}{_starts(settings)}"


def _starts(settings: Settings) -> str:
    """Return what has to be done for the next run; nothing where a service runs."""
    presence = NO_PRESENCE
    with suppress(StoreError), app.open_store_if_present(settings) as store:
        presence = app.find_presence(store) if store is not None else NO_PRESENCE
    match presence.starter:
        case Starter.SERVICE:
            return "; the service runs"
        case Starter.TIMER:
            return "; a timer starts the runs, no service was seen"
        case Starter.NOBODY:
            return "; no service was seen, so nothing runs then: start it, or use the timer"


def _mail(settings: Settings) -> str:
    mailer, email = app.build_mailer(settings), settings.email
    if mailer is None or email is None:
        raise AuditorError("no mail is configured")
    recipients = sorted(name for name in app.list_recipients(settings) if not channel_of(name))
    try:
        most_bytes = mailer.probe(recipients)
    except DeliveryError as error:
        from auditor.smtp import RefusalError  # noqa: PLC0415 - without [email] it is not needed

        remedy = "make sure that it runs and accepts mail from this machine, or correct [email]"
        if isinstance(error.__cause__, RefusalError):
            remedy = "correct [email] where it refuses something, or have the server accept it"
        if isinstance(error.__cause__, socket.gaierror):  # it has its remedy
            raise AuditorError(str(error)) from error
        raise AuditorError(f"{error}: {remedy}") from error
    limit = f", up to {human_size(most_bytes)} each" if most_bytes else ""
    return (
        f"{email.host}:{email.port} accepts mail to {count(len(recipients), 'recipient')}{limit}"
    )


def _notifications(address: str) -> str:
    """Return in words that the service can reach systemd; nothing is sent to it."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.connect(name)
        except OSError as error:
            raise AuditorError(
                f"notifications do not reach {address}, {error.strerror}: add AF_UNIX to "
                "RestrictAddressFamilies= and make sure that the unit can see the folder"
            ) from error
    return "notifications reach systemd"


@dataclass(slots=True)
class Survey:
    """What Studio listed while `check` tried the credentials.

    Attributes:
        blocks: the blocks of each project whose listing succeeded, those left out by `impulse`
            not among them.
        seen: the projects that the shared credential sees; None if that listing failed.
    """

    settings: Settings
    blocks: dict[int, tuple[ListedBlock, ...]] = field(default_factory=dict)
    seen: Mapping[int, str] | None = None

    @property
    def _named_projects(self) -> set[int]:
        return {project.id for project in self.settings.projects}

    def add(self, project_id: int, blocks: tuple[ListedBlock, ...]) -> str:
        """Keep a project's listing and return its counts in words."""
        self.blocks[project_id] = self._covered(project_id, blocks)
        return _counted(self._with_filters([project_id]))

    async def list_every_project(self, studio: Studio) -> str:
        """List all other projects and their blocks, as a run does; return the counts."""
        named = self._named_projects
        seen = await studio.list_projects()
        if isinstance(seen, Failure):
            raise StudioError(seen.kind, seen.message)
        admitted_ids = self._admitted(seen)
        found = await asyncio.gather(*map(studio.list_blocks, admitted_ids))
        self.seen = seen
        listings = dict(zip(admitted_ids, found, strict=True))
        self.blocks |= {
            project_id: self._covered(project_id, blocks)
            for project_id, blocks in listings.items()
            if not isinstance(blocks, Failure)
        }
        _require_all(listings)
        parts = [f"{count(len(seen), 'project')} seen"]
        parts += [f"{number} under [[projects]]" for number in [len(named & set(seen))] if number]
        left_out = len(set(seen) - named) - len(admitted_ids)
        parts += [f"{left_out} left out"] if left_out else []
        return f"{', '.join(parts)}; {_counted(self._with_filters(admitted_ids))}"

    def advice(self) -> Iterator[str]:
        """Yield a sentence for each pattern, filter, rule or subscription that matches nothing."""
        yield from self._idle_projects()
        yield from self._idle_blocks()
        yield from self._unaudited()

    def _admitted(self, seen: Mapping[int, str]) -> list[int]:
        named = self._named_projects
        admits = self.settings.project_filter.admits
        return sorted(
            project_id
            for project_id, name in seen.items()
            if project_id not in named and admits(project_id, name)
        )

    def _covered(
        self, project_id: int, blocks: tuple[ListedBlock, ...]
    ) -> tuple[ListedBlock, ...]:
        """Return the blocks of the kinds that are audited."""
        plan = app.build_plan(self.settings)
        own = next((project for project in plan.projects if project.id == project_id), None)
        whole = self.settings.studio.impulse if own is None else own.impulse
        return tuple(
            block for block in blocks if whole or block.kind.target_kind is TargetKind.LEARN
        )

    def _filters(self, project_id: int) -> tuple[BlockFilter, ...]:
        projects = app.build_plan(self.settings).projects
        own = next((project.filters for project in projects if project.id == project_id), None)
        return own or (self.settings.studio.block_filter,)

    def _idle_projects(self) -> Iterator[str]:
        if self.seen is None:
            return
        named = self._named_projects
        others = [(key, name) for key, name in self.seen.items() if key not in named]
        for key, member in self.settings.project_filter.find_unmatched(others):
            yield f"studio.{key}: {member!r} matches no project that Studio lists"
        if others and not self._admitted(self.seen):
            yield (
                "studio.projects: include_projects and exclude_projects leave none of "
                f"{count(len(others), 'project')}"
            )

    def _idle_blocks(self) -> Iterator[str]:
        for index, project in enumerate(self.settings.projects):
            if project.id in self.blocks:
                key = f"projects[{index}]"
                yield from _idle(key, project.block_filter, _listed(self.blocks[project.id]))
                yield from self._emptied(key, [project.id])
        if not self._has_every_listing():
            return
        every = [block for blocks in self.blocks.values() for block in _listed(blocks)]
        yield from _idle("studio", self.settings.studio.block_filter, every)
        if self.seen is not None:
            yield from self._emptied("studio", self._admitted(self.seen))

    def _emptied(self, key: str, projects: Iterable[int]) -> Iterator[str]:
        """Yield a sentence if the filters leave out every block of the projects."""
        pairs = self._with_filters(projects)
        every = sum(len(blocks) for blocks, _ in pairs)
        if every and not any(_kept(blocks, filters) for blocks, filters in pairs):
            yield f"{key}: include and exclude leave none of {count(every, 'block')}"

    def _with_filters(self, project_ids: Iterable[int]) -> list[_Filtered]:
        return [(self.blocks[key], self._filters(key)) for key in project_ids]

    def _has_every_listing(self) -> bool:
        """Return whether every listing that a run asks for succeeded."""
        wanted = {project.id for project in self.settings.projects if project.named_blocks is None}
        if self.settings.every_project is not None:
            if self.seen is None:
                return False
            wanted |= set(self._admitted(self.seen))
        return wanted <= set(self.blocks)

    def _unaudited(self) -> Iterator[str]:
        """Yield a sentence for each rule or subscription that names what is not audited."""
        for key, scope in config.scopes(self.settings):
            yield from self._unaudited_projects(key, scope)
            for target in sorted(scope.blocks):
                if target.project_id in self.blocks and target not in self._audited(target[0]):
                    yield f"{key}.blocks: block {target} is not listed, or left out"

    def _unaudited_projects(self, key: str, scope: TargetScope) -> Iterator[str]:
        if self.seen is None:
            return
        audited = self._named_projects | set(self._admitted(self.seen))
        for project_id in sorted(scope.projects - audited):
            yield f"{key}.projects: project {project_id} is not listed, or left out"
        for target in sorted(scope.blocks):
            if target.project_id not in audited:
                yield f"{key}.blocks: the project of block {target} is not audited"

    def _audited(self, project_id: int) -> set[tuple[int, int]]:
        kept = _kept(self.blocks[project_id], self._filters(project_id))
        return {block.target for block in kept}


def _idle(key: str, blocks: BlockFilter, listed: Sequence[BlockLabel]) -> Iterator[str]:
    for part, pattern in blocks.find_unmatched(listed):
        yield f"{key}.{part}: {pattern!r} matches no block that Studio lists"


def _require_all(listings: Mapping[int, tuple[ListedBlock, ...] | Failure]) -> None:
    failed = {
        project_id: failure
        for project_id, failure in listings.items()
        if isinstance(failure, Failure)
    }
    for project_id, failure in failed.items():
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise StudioError(failure.kind, f"project {project_id}: {failure.message}{more}")


def _listed(blocks: Iterable[ListedBlock]) -> list[BlockLabel]:
    return [BlockLabel(block.type, block.name) for block in blocks]


def _kept(
    blocks: Iterable[ListedBlock], filters: tuple[BlockFilter, ...]
) -> tuple[ListedBlock, ...]:
    return tuple(
        block for block in blocks if is_admitted(filters, BlockLabel(block.type, block.name))
    )


def _counted(listings: Sequence[_Filtered]) -> str:
    """Return in words how many blocks exist, and how many are left out."""
    every = sum(len(blocks) for blocks, _ in listings)
    kept = [block for blocks, filters in listings for block in _kept(blocks, filters)]
    parts = [f"{count(every, 'block')} found"]
    if len(kept) < every:
        parts.append(f"{every - len(kept)} left out")
    return ", ".join(parts)


def _studio_probes(settings: Settings, survey: Survey) -> Iterator[Probe]:
    """Yield a probe for each project. They share a client, so one token serves them all."""
    attempts = _StudioAttempts(settings, survey)
    for project in settings.projects:
        yield Probe(f"Studio, project {project.id}", partial(attempts.project, project))
    if settings.every_project is not None:
        yield Probe("Studio, every project", attempts.every_project)


class _StudioAttempts:
    """What the probes of Studio do, with one client: the first opens it, the last closes it."""

    def __init__(self, settings: Settings, survey: Survey) -> None:
        self._settings = settings
        self._survey = survey
        self._left = len(settings.projects) + (settings.every_project is not None)
        self._studio: StudioClient | None = None

    async def project(self, project: ProjectTable) -> str:
        """Return what the project's credential is and sees, in words."""
        async with self._shared() as studio:
            found = await _blocks(studio, project, self._survey)
            return f"{found}; {await _credential(studio, project.id)}"

    async def every_project(self) -> str:
        """Return what the credential of the other projects is and sees, in words."""
        async with self._shared() as studio:
            found = await self._survey.list_every_project(studio)
            return f"{found}; {await _credential(studio, EVERY_PROJECT)}"

    @asynccontextmanager
    async def _shared(self) -> AsyncIterator[StudioClient]:
        try:
            if self._studio is None:
                self._studio = await app.build_client(self._settings, explains=True).__aenter__()
            yield self._studio
        finally:
            self._left -= 1
            if not self._left and self._studio is not None:
                await self._studio.__aexit__(None, None, None)


async def _blocks(studio: StudioClient, project: ProjectTable, survey: Survey) -> str:
    """Ask Studio for what a run would ask first of the project; return the counts in words."""
    if project.named_blocks is None:
        found = await studio.list_blocks(project.id)
        if isinstance(found, Failure):
            raise StudioError(found.kind, found.message)
        return survey.add(project.id, found)
    targets = [TargetId(project.id, learn_id) for learn_id in project.named_blocks]
    source = find_source(None, None)
    fetched = await asyncio.gather(
        *(studio.fetch(target, source, stored_body=None) for target in targets)
    )
    failed = defaultdict(list)
    for target, result in zip(targets, fetched, strict=True):
        if isinstance(result, FetchFailure):
            failed[result.failure].append(target)
    if failed:
        reasons = [f"{_named(blocks)}: {reason.message}" for reason, blocks in failed.items()]
        raise StudioError(next(iter(failed)).kind, "; ".join(reasons))
    if len(targets) == 1:
        return "the named block answers"
    return f"all {count(len(targets), 'named block')} answer"


def _named(blocks: Sequence[TargetId]) -> str:
    """Return in words the blocks that fail for the same reason: the first few ids, or a count."""
    ids = join_first(tuple(map(str, blocks)), most=MOST_NAMED)
    return f"block {ids}" if len(blocks) == 1 else f"{count(len(blocks), 'block')} ({ids})"


async def _credential(studio: StudioClient, project_id: int) -> str:
    """Return in words what is known of a working credential; never the credential itself."""
    from auditor.studio.auth import describe_credential  # noqa: PLC0415

    words = [describe_credential(studio.credential(project_id))]
    key = await studio.fetch_key_info(project_id)
    if key is not None and key.role:
        words.append(f"role {key.role}")
    elif key is None and project_id != EVERY_PROJECT:  # that line has the number
        words += await _visible_projects(studio, project_id)
    ends = studio.token_expiry(project_id)
    if ends is not None:
        words.append(f"token until {moment(ends)}")
    return ", ".join(words)


async def _visible_projects(studio: StudioClient, project_id: int) -> list[str]:
    try:
        seen = await studio.list_visible_projects(project_id)
    except StudioError:
        return []  # a credential that may not list projects may still read blocks
    return [f"sees {count(len(seen), 'project')}"]
