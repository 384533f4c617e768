"""Builds the adapters from the configuration, and the system clock among them."""

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
from auditor.addresses import parse_address
from auditor.audit.close import DeliveryPlan, Reader, name_installation
from auditor.audit.notices import remember_rules, require_admissible
from auditor.audit.plan import EveryProject, Plan, Project
from auditor.config import Settings
from auditor.credentials import StoredLogin
from auditor.errors import DamagedDatabaseError, UsageError
from auditor.files import describe_unwritable
from auditor.outbox import channel_of, channel_recipient
from auditor.protocols import RunStore, Store
from auditor.publishing import Composer, Renderer
from auditor.report import Report
from auditor.store.dry import DryStore

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.channels.chat import ChatChannel
    from auditor.channels.router import Router
    from auditor.channels.webhook import Webhook
    from auditor.rendering.archive import FolderArchive
    from auditor.rendering.html import HtmlRenderer
    from auditor.rendering.mailing import MailRenderer
    from auditor.rendering.site import FolderSite
    from auditor.smtp import SmtpMailer
    from auditor.store.store import SqlStore
    from auditor.studio.client import StudioClient
    from auditor.studio.grants import Tokens
    from auditor.studio.manners import Circuit, Turns
    from auditor.studio.tls import Security

logger = logging.getLogger(__name__)

_WHY = "Your address is listed under [email] recipients in the auditor's configuration."
_WHY_PART = (
    "You are the recipient of one of the auditor's [[subscriptions]] to a part of its reports."
)
_LATER = "The next run writes what is missing, `auditor report --rebuild` at once."
_LONGEST_DOMAIN = 255 - len("drift.")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_BASE_URL = "https://studio.edgeimpulse.com/v1"


def load_settings(path: str | None, *, reads_secrets: bool = True) -> Settings:
    """Return the configuration that a command uses; reading the history needs no secrets.

    Raises:
        ConfigError: no configuration is found, or it cannot be used.
    """
    file = config.find(path, os.environ)
    return config.load(file, environ=os.environ, reads_secrets=reads_secrets)


def open_store(settings: Settings, *, upgrade: bool | None = None) -> SqlStore:
    """Open the store, upgraded to this version's schema unless the configuration forbids it.

    Raises:
        StoreError: the database cannot be used.
    """
    from auditor.store.store import open_database  # noqa: PLC0415 - SQLAlchemy takes its time

    does_upgrade = settings.database.auto_upgrade if upgrade is None else upgrade
    return open_database(settings.database.url, upgrade=does_upgrade)


def open_existing_store(settings: Settings) -> SqlStore:
    """Open a store that already exists: a command that only reads must not create one.

    Raises:
        UsageError: no database exists yet.
        StoreError: the database cannot be used.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(settings.database.url):
        is_file = settings.database.url.startswith("sqlite:")
        raise UsageError(
            "there is no database yet: `auditor run` creates it"
            if is_file
            else "the database has no tables yet: `auditor run` makes them"
        )
    return open_store(settings)


@contextmanager
def open_store_if_present(
    settings: Settings, *, upgrade: bool | None = False
) -> Iterator[SqlStore | None]:
    """Open the store if its database exists, else yield None; no database is created.

    The database is not upgraded, unless `upgrade` is None: then the configuration decides.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(settings.database.url):
        yield None
        return
    with open_store(settings, upgrade=upgrade) as opened:
        yield opened


def admit_rules(settings: Settings, store: RunStore) -> None:
    """Refuse rules that were never in force, and remember those that are now.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    check_rules(settings, store)
    at = now()
    today = at.astimezone(settings.schedule.timezone).date()
    remember_rules(settings.rules, store, today=today, at=at)


def check_rules(settings: Settings, store: RunStore | None) -> None:
    """Refuse rules that were never in force; `store` is None before a database exists.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    today = now().astimezone(settings.schedule.timezone).date()
    require_admissible(settings.rules, DryStore(store), today=today)


def build_client(
    settings: Settings,
    *,
    stopping: Callable[[], bool] | None = None,
    explains: bool = False,
    circuit: Circuit | None = None,
    pace: Turns | None = None,
) -> StudioClient:
    """Return the client for one run; it stops its retries once `stopping` returns true.

    `circuit` and `pace` are None where it shares neither with other machines.
    """
    from auditor.studio.client import StudioClient  # noqa: PLC0415
    from auditor.studio.manners import Circuit  # noqa: PLC0415

    studio = settings.studio
    return StudioClient(
        base_url=studio.base_url,
        credentials={project.id: settings.credential_of(project) for project in settings.projects},
        shared=settings.every_project,
        concurrency=studio.concurrency,
        timeout=studio.timeout,
        tries=studio.tries,
        max_bytes=studio.max_bytes,
        now=now,
        per_second=studio.requests_per_s,
        security=build_security(settings),
        stopping=stopping,
        explains=explains,
        circuit=circuit or Circuit(),
        pace=pace,
    )


def build_security(settings: Settings) -> Security:
    """Return the certificates and the proxy of connections to Studio."""
    from auditor.studio.tls import Security  # noqa: PLC0415

    studio = settings.studio
    return Security(
        ca_file=studio.ca_file,
        certificate=studio.client_certificate,
        key=studio.client_key,
        proxy=studio.proxy,
    )


def require_usable_environment(settings: Settings) -> None:
    """Refuse what the environment says of proxies and certificates before it fails each night.

    Raises:
        UsageError: it names a proxy of a kind that is not supported, or no certificates.
    """
    from auditor.proxies import proxy_of_environment  # noqa: PLC0415
    from auditor.trust import create_context  # noqa: PLC0415 - TLS takes its time

    studio, heartbeat = settings.studio, settings.heartbeat.url
    urls = [] if heartbeat is None else [heartbeat.reveal()]
    urls += [channel.url.reveal() for channel in settings.channels if channel.format == "json"]
    for url in urls if studio.proxy else [studio.base_url, *urls]:
        proxy_of_environment(url)
    if any(
        url.startswith("https:") for url in (urls if studio.ca_file else [studio.base_url, *urls])
    ):
        create_context()


def build_plan(settings: Settings) -> Plan:
    """Return which projects and blocks the configuration audits."""
    shared_filter = settings.studio.block_filter
    every = EveryProject(
        projects=settings.project_filter,
        filters=(shared_filter,),
        impulse=settings.studio.impulse,
    )
    return Plan(
        projects=tuple(
            Project(
                id=project.id,
                name=project.name or "",
                learn_blocks=project.named_blocks,
                filters=(shared_filter, project.block_filter),
                impulse=settings.studio.impulse and project.impulse,
            )
            for project in settings.projects
        ),
        every=None if settings.every_project is None else every,
    )


async def log_in(
    settings: Settings,
    login: StoredLogin,
    invite: Callable[[str], Awaitable[None]],
    *,
    patience: timedelta,
    port: int = 0,
) -> Tokens:
    """Log a person in for a credential of the configuration; see `auditor.studio.login`."""
    from auditor.studio.login import LoginPrompt, log_in  # noqa: PLC0415
    from auditor.studio.wire import Wire  # noqa: PLC0415

    wire = Wire(
        base_url=settings.studio.base_url,
        concurrency=1,
        timeout=settings.studio.timeout,
        max_bytes=settings.studio.max_bytes,
        security=build_security(settings),
    )
    async with wire:
        prompt = LoginPrompt(show=invite, timeout=patience, port=port)
        return await log_in(login, wire, prompt, now=now)


@cache
def load_templates(site: str = "") -> HtmlRenderer:
    """Return the HTML templates; they are compiled once, which takes a while.

    What they render links to the pages below `site`, where there is one.
    """
    from auditor.rendering.html import HtmlRenderer  # noqa: PLC0415
    from auditor.rendering.site import link_below  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return HtmlRenderer(folder("templates"), link_below(site))


def build_renderer(settings: Settings | None, *, is_for_parts: bool = False) -> MailRenderer:
    """Return the renderer of mails, text and pages; without settings it has the defaults.

    Mails say why their reader gets them: all of a report, or the part of a subscription.
    """
    why = _WHY_PART if is_for_parts else _WHY
    from auditor.rendering.mailing import MailRenderer  # noqa: PLC0415
    from auditor.rendering.outline import Footer  # noqa: PLC0415

    base_url = settings.studio.base_url if settings else _BASE_URL
    api = urlsplit(base_url)
    # The demo's Studio is on this machine alone, and ends with the demo: nothing links to it.
    is_local = api.hostname in _LOCAL
    site = settings.reports.url or "" if settings else ""
    return MailRenderer(
        pages=load_templates(site),
        footer=Footer(
            version=__version__,
            why=why if settings and settings.email else "",
            studio_url="" if is_local else f"{api.scheme}://{api.netloc}",
            api_url="" if is_local else base_url.rstrip("/"),
            zone=settings.reader_zone if settings else UTC,
            site=site,
        ),
        list_id=f"drift.{find_mail_domain(settings)}",
        attaches=settings is None or settings.email is None or settings.email.attach != "never",
        is_for_parts=is_for_parts,
    )


def find_page(settings: Settings, report: Report) -> str:
    """Return the path of a report's page, empty when no such file exists."""
    path = build_archive(settings).path(report)
    return str(path) if path is not None and path.exists() else ""


def build_archive(settings: Settings, store: RunStore | None = None) -> FolderArchive:
    """Return the folder of reports; pages are written only into the one of the store."""
    from auditor.rendering.archive import FolderArchive  # noqa: PLC0415

    owner = name_installation(store.fingerprint_key()) if store else ""
    return FolderArchive(settings.reports.directory, build_site(settings).run_page, owner)


def claim_reports_folder(settings: Settings, store: RunStore) -> None:
    """Make sure that the folder of reports has the pages of this database.

    Raises:
        OSError: it has those of another database, or cannot be written.
    """
    from auditor.rendering.archive import claim_folder  # noqa: PLC0415

    claim_folder(settings.reports.directory, name_installation(store.fingerprint_key()))


def build_site(settings: Settings) -> FolderSite:
    """Return the archive's pages other than those of the runs."""
    from auditor.rendering.site import FolderSite  # noqa: PLC0415

    return FolderSite(
        directory=settings.reports.directory,
        pages=_linking_pages(),
        footer=replace(build_renderer(settings).footer, why="", site=""),
    )


@cache
def _linking_pages() -> dict[str, HtmlRenderer]:
    from auditor.rendering.site import make_linked_pages  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return make_linked_pages(folder("templates"))


def publish_pages(
    settings: Settings, store: Store, *, stopping: Callable[[], bool] = lambda: False
) -> None:
    """Bring the archive's pages up to date; a failure is logged and not raised.

    A report needs only its mail and its own page. The next run writes the other pages that this
    one could not.

    Raises:
        DamagedDatabaseError: to continue would spread the damage.
    """
    from auditor.rendering.publish import Publisher  # noqa: PLC0415

    try:
        claim_reports_folder(settings, store)
        Publisher(store=store, site=build_site(settings), stopping=stopping).publish()
    except DamagedDatabaseError:
        raise
    except OSError as error:
        why = describe_unwritable(settings.reports.directory, error)
        logger.error("pages not brought up to date: %s", f"{why}. {_LATER}")  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("pages not brought up to date")


def rebuild_pages(settings: Settings, store: Store) -> str:
    """Write every page of the archive again and return the path of the index.

    Raises:
        OSError: a page cannot be written.
    """
    from auditor.rendering.archive import INDEX  # noqa: PLC0415
    from auditor.rendering.publish import Publisher  # noqa: PLC0415

    claim_reports_folder(settings, store)
    Publisher(store=store, site=build_site(settings), rewrites_all=True).publish()
    return str(settings.reports.directory / INDEX)


def build_delivery_plan(settings: Settings) -> DeliveryPlan | None:
    """Return who gets reports, None where nobody does."""
    readers = (*_list_mail_readers(settings), *_list_channel_readers(settings))
    if not readers:
        return None
    return DeliveryPlan(
        readers=readers,
        host=find_mail_domain(settings),
        rules=settings.rules,
        zone=settings.reader_zone,
    )


def _list_mail_readers(settings: Settings) -> Iterator[Reader]:
    """Yield who gets mail, those of the whole report first."""
    email = settings.email
    if email is None:
        return
    from auditor.mail import MimeComposer  # noqa: PLC0415

    composer, renderer = MimeComposer(email.sender), build_renderer(settings)
    for recipient in email.recipients:
        yield Reader(
            recipient=recipient,
            renderer=renderer,
            composer=composer,
            only_drift=email.send == "drift",
            is_weekly=email.send == "weekly",
        )
    of_parts = build_renderer(settings, is_for_parts=True)
    for subscription in settings.subscriptions:
        if not channel_of(subscription.recipient):
            yield Reader(
                recipient=subscription.recipient,
                renderer=of_parts,
                composer=composer,
                subscription=subscription,
            )


def _list_channel_readers(settings: Settings) -> Iterator[Reader]:
    """Yield the channels: of the whole report those that no subscription names."""
    parts = {subscription.recipient for subscription in settings.subscriptions}
    for channel in settings.channels:
        recipient = channel_recipient(channel.name)
        renderer, composer = build_channel_form(settings, channel.format)
        if recipient not in parts:
            yield Reader(
                recipient=recipient,
                renderer=renderer,
                composer=composer,
                only_drift=channel.send == "drift",
                is_weekly=channel.send == "weekly",
            )
    forms = {channel_recipient(channel.name): channel.format for channel in settings.channels}
    for subscription in settings.subscriptions:
        if subscription.recipient in forms:
            renderer, composer = build_channel_form(
                settings, forms[subscription.recipient], is_for_parts=True
            )
            yield Reader(
                recipient=subscription.recipient,
                renderer=renderer,
                composer=composer,
                subscription=subscription,
            )


def build_channel_form(
    settings: Settings, form: str, *, is_for_parts: bool = False
) -> tuple[Renderer, Composer]:
    """Return what writes reports for channels of a format."""
    from auditor.channels.chat import ChatComposer  # noqa: PLC0415 - Apprise is not loaded
    from auditor.channels.webhook import JsonComposer  # noqa: PLC0415
    from auditor.rendering.brief import BriefRenderer, JsonRenderer  # noqa: PLC0415

    footer = build_renderer(settings).footer
    if form == "json":
        return JsonRenderer(footer=footer), JsonComposer()
    return BriefRenderer(footer=footer, is_for_parts=is_for_parts), ChatComposer()


def build_channels(settings: Settings) -> dict[str, ChatChannel | Webhook]:
    """Return the channels by name."""
    from auditor.channels.chat import ChatChannel  # noqa: PLC0415
    from auditor.channels.webhook import Webhook  # noqa: PLC0415

    return {
        channel.name: Webhook(name=channel.name, url=channel.url, secret=channel.secret)
        if channel.format == "json"
        else ChatChannel(name=channel.name, url=channel.url)
        for channel in settings.channels
    }


def build_router(
    settings: Settings, *, stopping: Callable[[], bool] = lambda: False
) -> Router | None:
    """Return what carries messages, None where reports are sent to nobody."""
    if not settings.sends_reports:
        return None
    from auditor.channels.router import Router  # noqa: PLC0415

    return Router(
        mail=build_mailer(settings, stopping=stopping), channels=build_channels(settings)
    )


def build_mailer(
    settings: Settings, *, stopping: Callable[[], bool] = lambda: False
) -> SmtpMailer | None:
    """Return the client of the mail server, None when no mail is configured.

    It ends an attempt under way once `stopping` returns true.
    """
    email = settings.email
    if email is None:
        return None
    from auditor.smtp import SmtpMailer, find_machine_name  # noqa: PLC0415

    return SmtpMailer(
        host=email.host,
        port=email.port,
        security=email.security,
        username=email.username or "",
        password=email.password,
        sender=email.sender,
        helo=email.helo or find_machine_name(),
        ca_file=email.ca_file,
        stopping=stopping,
    )


def find_mail_domain(settings: Settings | None) -> str:
    """Return the sender's domain in ASCII, which ends Message-ID and List-Id.

    It is `localhost` for a sender without a host name, and for one whose name is too long for a
    List-Id (RFC 2919 section 3: 255 characters).
    """
    email = settings.email if settings else None
    address = parse_address(email.sender) if email else None
    if address is None or not address.has_host or len(address.domain) > _LONGEST_DOMAIN:
        return "localhost"
    return address.domain


def now() -> datetime:
    """Return the present moment, aware and UTC."""
    return datetime.now(UTC)
