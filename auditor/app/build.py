"""Builds the adapters from the configuration."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditor import __version__, config
from auditor.audit.close import MailPlan
from auditor.audit.notices import remember_rules, require_admissible
from auditor.audit.plan import EveryProject, Plan, Project
from auditor.config import Settings
from auditor.credentials import StoredLogin
from auditor.errors import DamagedDatabaseError, UsageError
from auditor.model import Report
from auditor.protocols import RunStore, Store
from auditor.store.dry import DryStore

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.mail import SmtpMailer
    from auditor.rendering.archive import FolderArchive
    from auditor.rendering.html import HtmlRenderer
    from auditor.rendering.mailing import MailRenderer
    from auditor.rendering.site import FolderSite
    from auditor.store.store import SqlStore
    from auditor.studio.client import StudioClient
    from auditor.studio.grants import Tokens
    from auditor.studio.tls import Security

logger = logging.getLogger(__name__)


def load_settings(path: str | None, *, reads_secrets: bool = True) -> Settings:
    """Return the configuration that a command uses; to look at the history takes no secrets.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    found = config.find(path, os.environ)
    return config.load(found, environ=os.environ, reads_secrets=reads_secrets)


def open_store(chosen: Settings, *, upgrade: bool | None = None) -> SqlStore:
    """Open the store, brought to this version's schema unless the configuration forbids it.

    Raises:
        StoreError: the database cannot be used.
    """
    from auditor.store.store import open_database  # noqa: PLC0415 - SQLAlchemy takes its time

    wanted = chosen.database.auto_upgrade if upgrade is None else upgrade
    return open_database(chosen.database.url, upgrade=wanted)


def open_existing_store(chosen: Settings) -> SqlStore:
    """Open a store that must be there already: to read is no reason to make one.

    Raises:
        UsageError: no database exists yet.
        StoreError: the database cannot be used.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        raise UsageError("there is no database yet: `auditor run` makes it")
    return open_store(chosen)


@contextmanager
def open_store_if_present(
    chosen: Settings, *, upgrade: bool | None = False
) -> Iterator[SqlStore | None]:
    """Open the store as it is, None where no database exists yet; nothing is made.

    Nor is it upgraded, unless `upgrade` is None: then as the configuration has it.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        yield None
        return
    with open_store(chosen, upgrade=upgrade) as opened:
        yield opened


def admit_rules(chosen: Settings, held: RunStore) -> None:
    """Refuse rules that could never hold, and remember those that do.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    check_rules(chosen, held)
    at = now()
    today = at.astimezone(chosen.schedule.timezone).date()
    remember_rules(chosen.rules, held, today=today, at=at)


def check_rules(chosen: Settings, held: RunStore | None) -> None:
    """Refuse rules that could never hold; `held` is None where no database exists yet.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    today = now().astimezone(chosen.schedule.timezone).date()
    require_admissible(chosen.rules, DryStore(held), today=today)


def build_client(
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
        security=build_security(chosen),
        stopping=stopping,
        explains=explains,
    )


def build_security(chosen: Settings) -> Security:
    """Return whom TLS trusts on the way to Studio, what it shows, and the proxy."""
    from auditor.studio.tls import Security  # noqa: PLC0415

    asked = chosen.studio
    return Security(
        ca_file=asked.ca_file,
        certificate=asked.client_certificate,
        key=asked.client_key,
        proxy=asked.proxy,
    )


def build_plan(chosen: Settings) -> Plan:
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


async def log_in(
    chosen: Settings,
    login: StoredLogin,
    invite: Callable[[str], Awaitable[None]],
    *,
    patience: timedelta,
    port: int = 0,
) -> Tokens:
    """Let a person log in; see `auditor.studio.login`."""
    from auditor.studio.login import LoginPrompt, log_in  # noqa: PLC0415
    from auditor.studio.wire import Wire  # noqa: PLC0415

    wire = Wire(
        base_url=chosen.studio.base_url,
        concurrency=1,
        timeout=chosen.studio.timeout,
        max_bytes=chosen.studio.max_bytes,
        security=build_security(chosen),
    )
    async with wire:
        prompt = LoginPrompt(show=invite, timeout=patience, port=port)
        return await log_in(login, wire, prompt, now=now)


_WHY_PART = (
    "You are the recipient of one of the auditor's [[subscriptions]] to a part of its reports."
)
_WHY = "Your address stands under [email] recipients in the auditor's configuration."
_BASE_URL = "https://studio.edgeimpulse.com/v1"


@cache
def load_templates() -> HtmlRenderer:
    """Return what fills the HTML templates; made once, for to compile them takes a while."""
    from auditor.rendering.html import HtmlRenderer  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return HtmlRenderer(folder("templates"))


def build_renderer(chosen: Settings | None, *, why: str = _WHY) -> MailRenderer:
    """Return what turns reports into mails, text and pages; without settings, by defaults.

    `why` is told to who is mailed.
    """
    from auditor.rendering.mailing import MailRenderer  # noqa: PLC0415
    from auditor.rendering.outline import Footer  # noqa: PLC0415

    base_url = chosen.studio.base_url if chosen else _BASE_URL
    return MailRenderer(
        pages=load_templates(),
        footer=Footer(
            version=__version__,
            why=why if chosen and chosen.email else "",
            studio_url=_studio_pages(base_url),
            api_url=base_url.rstrip("/"),
        ),
        list_id=f"drift.{find_mail_domain(chosen)}",
    )


def find_page(chosen: Settings, report: Report) -> str:
    """Return where a report's page lies, empty where it does not."""
    path = build_archive(chosen).path(report)
    return str(path) if path is not None and path.exists() else ""


def build_archive(chosen: Settings) -> FolderArchive:
    """Return the folder of reports."""
    from auditor.rendering.archive import FolderArchive  # noqa: PLC0415

    return FolderArchive(chosen.reports.directory, build_site(chosen).run_page)


def build_site(chosen: Settings) -> FolderSite:
    """Return the pages of the archive beside those of the runs."""
    from auditor.rendering.site import FolderSite  # noqa: PLC0415

    return FolderSite(
        directory=chosen.reports.directory,
        pages=_linking_pages(),
        footer=replace(build_renderer(chosen).footer, why=""),
    )


@cache
def _linking_pages() -> dict[str, HtmlRenderer]:
    from auditor.rendering.site import linking_pages  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return linking_pages(folder("templates"))


def publish_pages(
    chosen: Settings, held: Store, *, stopping: Callable[[], bool] = lambda: False
) -> None:
    """Bring the archive's pages up to date; what goes wrong is logged and keeps nothing back.

    A report is told by its mail and its own page. The pages around it can wait: the next run
    writes what this one could not.

    Raises:
        DamagedDatabaseError: going on would spread the damage.
    """
    from auditor.publish import Publisher  # noqa: PLC0415

    try:
        Publisher(store=held, site=build_site(chosen), stopping=stopping).publish()
    except DamagedDatabaseError:
        raise
    except OSError as error:
        logger.error("archive not brought up to date: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("archive not brought up to date")


def rebuild_pages(chosen: Settings, held: Store) -> str:
    """Write every page of the archive anew; return the index's path.

    Raises:
        OSError: a page cannot be written.
    """
    from auditor.publish import Publisher  # noqa: PLC0415
    from auditor.rendering.archive import INDEX  # noqa: PLC0415

    Publisher(store=held, site=build_site(chosen), is_anew=True).publish()
    return str(chosen.reports.directory / INDEX)


def build_mail_plan(chosen: Settings) -> MailPlan | None:
    """Return to whom reports go, None where no mail is wanted."""
    if chosen.email is None:
        return None
    from auditor.mail import MimeComposer  # noqa: PLC0415

    return MailPlan(
        renderer=build_renderer(chosen),
        composer=MimeComposer(chosen.email.sender),
        recipients=chosen.email.recipients,
        only_drift=chosen.email.send == "drift",
        host=find_mail_domain(chosen),
        subscriptions=chosen.subscriptions,
        part_renderer=build_renderer(chosen, why=_WHY_PART),
    )


def build_mailer(chosen: Settings) -> SmtpMailer | None:
    """Return the way to the mail server, None where no mail is wanted."""
    email = chosen.email
    if email is None:
        return None
    from auditor.mail import SmtpMailer  # noqa: PLC0415

    return SmtpMailer(
        host=email.host,
        port=email.port,
        security=email.security,
        username=email.username or "",
        password=email.password,
        sender=email.sender,
    )


def find_mail_domain(chosen: Settings | None) -> str:
    """Return the sender's domain, the right side of Message-ID and List-Id."""
    email = chosen.email if chosen else None
    return email.sender.rpartition("@")[2].rstrip("> ") if email else "localhost"


def _studio_pages(base_url: str) -> str:
    """Return where Studio's own pages are: the API's host."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def now() -> datetime:
    """Return the present moment, aware and UTC."""
    return datetime.now(UTC)
