"""Builds the adapters from the configuration; the only place that knows both."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, assert_never
from urllib.parse import urlsplit

from auditor import __version__, config
from auditor.audit.aftermath import remember_rules, require_admissible
from auditor.audit.closing import MailPlan, close
from auditor.audit.dry import DryStore
from auditor.audit.inventory import Project, Scope
from auditor.audit.run import Audit, Ended, Order, Watch
from auditor.config import Settings
from auditor.deliver import Delivery, deliver
from auditor.drift.model import Report
from auditor.errors import DamagedDatabaseError, UsageError
from auditor.ports import OutboxStore, RunStore, Store
from auditor.schedule import next_due

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.mail import SmtpMailer
    from auditor.rendering.archive import FolderArchive
    from auditor.rendering.html import HtmlRenderer
    from auditor.rendering.mailing import MailRenderer
    from auditor.rendering.site import FolderSite
    from auditor.store.store import SqlStore
    from auditor.studio.auth import Credential
    from auditor.studio.client import StudioClient

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_WHY_PART = (
    "You are the recipient of one of the auditor's [[subscriptions]] to a part of its reports."
)
_WHY = "Your address stands under [email] recipients in the auditor's configuration."
_BASE_URL = "https://studio.edgeimpulse.com/v1"
SCHEDULE = "nightly"  # the name of the one schedule, in the ledger


def now() -> datetime:
    """Return the present moment, aware and UTC."""
    return datetime.now(UTC)


def settings(path: str | None, *, reads_secrets: bool = True) -> Settings:
    """Return the configuration that a command uses; to look at the history takes no secrets.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    found = config.find(path, os.environ)
    return config.load(found, environ=os.environ, reads_secrets=reads_secrets)


def store(chosen: Settings, *, upgrade: bool | None = None) -> SqlStore:
    """Open the store, brought to this version's schema unless the configuration forbids it.

    Raises:
        StoreError: the database cannot be used.
    """
    from auditor.store.store import open_database  # noqa: PLC0415 - SQLAlchemy takes its time

    wanted = chosen.database.auto_upgrade if upgrade is None else upgrade
    return open_database(chosen.database.url, upgrade=wanted)


def existing(chosen: Settings) -> SqlStore:
    """Open a store that must be there already: to read is no reason to make one.

    Raises:
        UsageError: no database exists yet.
        StoreError: the database cannot be used.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        raise UsageError("there is no database yet: `auditor run` makes it")
    return store(chosen)


@contextmanager
def stored(chosen: Settings, *, upgrade: bool | None = False) -> Iterator[SqlStore | None]:
    """Open the store as it is, None where no database exists yet; nothing is made.

    Nor is it upgraded, unless `upgrade` is None: then as the configuration has it.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        yield None
        return
    with store(chosen, upgrade=upgrade) as opened:
        yield opened


def studio(chosen: Settings, *, stopping: Callable[[], bool] | None = None) -> StudioClient:
    """Return the client for one run; once `stopping` says so, it tries nothing again."""
    from auditor.studio.client import StudioClient  # noqa: PLC0415

    asked = chosen.studio
    return StudioClient(
        base_url=asked.base_url,
        credentials={project.id: _credential(project.auth) for project in chosen.projects},
        concurrency=asked.concurrency,
        timeout=asked.timeout,
        tries=asked.tries,
        max_bytes=asked.max_bytes,
        stopping=stopping,
    )


def projects(chosen: Settings) -> tuple[Project, ...]:
    """Return the projects to audit."""
    return tuple(
        Project(id=one.id, name=one.name or "", learn_blocks=one.learn_blocks)
        for one in chosen.projects
    )


def pages() -> HtmlRenderer:
    """Return what fills the HTML templates."""
    from auditor.rendering.html import HtmlRenderer  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return HtmlRenderer(folder("templates"))


def renderer(chosen: Settings | None, *, why: str = _WHY) -> MailRenderer:
    """Return what turns reports into mails, text and pages; without settings, by defaults.

    `why` is told to who is mailed.
    """
    from auditor.rendering.mailing import MailRenderer  # noqa: PLC0415
    from auditor.rendering.outline import Colophon  # noqa: PLC0415

    base_url = chosen.studio.base_url if chosen else _BASE_URL
    return MailRenderer(
        pages=pages(),
        colophon=Colophon(
            version=__version__,
            why=why if chosen and chosen.email else "",
            studio_url=_studio_pages(base_url),
            api_url=base_url.rstrip("/"),
        ),
        list_id=f"drift.{mail_host(chosen)}",
    )


def page_of(chosen: Settings, report: Report) -> str:
    """Return where a report's page lies, empty where it does not."""
    path = archive(chosen).path(report)
    return str(path) if path is not None and path.exists() else ""


def archive(chosen: Settings) -> FolderArchive:
    """Return the folder of reports."""
    from auditor.rendering.archive import FolderArchive  # noqa: PLC0415

    return FolderArchive(chosen.reports.directory, site(chosen).run_page)


def site(chosen: Settings) -> FolderSite:
    """Return the pages of the archive beside those of the runs."""
    from auditor.rendering.site import FolderSite, linking_pages  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return FolderSite(
        directory=chosen.reports.directory,
        pages=linking_pages(folder("templates")),
        colophon=replace(renderer(chosen).colophon, why=""),
    )


def publish(
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
        Publisher(store=held, site=site(chosen), stopping=stopping).publish()
    except DamagedDatabaseError:
        raise
    except OSError as error:
        logger.error("archive not brought up to date: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("archive not brought up to date")


def rebuild(chosen: Settings, held: Store) -> str:
    """Write every page of the archive anew; return the index's path.

    Raises:
        OSError: a page cannot be written.
    """
    from auditor.publish import Publisher  # noqa: PLC0415
    from auditor.rendering.places import INDEX  # noqa: PLC0415

    Publisher(store=held, site=site(chosen), is_anew=True).publish()
    return str(chosen.reports.directory / INDEX)


def mail_plan(chosen: Settings) -> MailPlan | None:
    """Return to whom reports go, None where no mail is wanted."""
    if chosen.email is None:
        return None
    from auditor.mail import MimeComposer  # noqa: PLC0415

    return MailPlan(
        renderer=renderer(chosen),
        composer=MimeComposer(chosen.email.sender),
        recipients=chosen.email.recipients,
        only_drift=chosen.email.send == "drift",
        host=mail_host(chosen),
        subscriptions=chosen.subscriptions,
        part_renderer=renderer(chosen, why=_WHY_PART),
    )


def mailer(chosen: Settings) -> SmtpMailer | None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a run: its report, its page, its messages.

    Attributes:
        page: the path of the report's page, None where it could not be written.
        delivery: None where no mail is configured.
    """

    report: Report
    page: str | None
    delivery: Delivery | None

    @property
    def is_told(self) -> bool:
        """Return whether the server took every message; without mail, the page was written."""
        return self.delivery.is_complete if self.delivery else self.page is not None


async def run_and_tell(
    chosen: Settings, order: Order, held: Store, *, watch: Watch | None = None
) -> Told:
    """Run, close, write the page and try every queued message; the caller holds the run lock."""
    watch = watch or Watch()
    asked = studio(chosen, stopping=watch.stopping)
    ended = await Audit(held, asked, now=now, watch=watch).run(order)
    return await asyncio.to_thread(_tell, chosen, ended, held, watch)


def _tell(chosen: Settings, ended: Ended, held: Store, watch: Watch) -> Told:
    page = close(ended, held, archive=archive(chosen), mail=mail_plan(chosen), now=now)
    delivery = deliver_all(chosen, held, stopping=watch.stopping)
    publish(chosen, held, stopping=watch.stopping)
    return Told(report=ended.report, page=page, delivery=delivery)


async def run_dry(
    chosen: Settings, order: Order, held: RunStore | None, *, watch: Watch | None = None
) -> Report:
    """Run without storing or sending anything; the report has no run id."""
    ended = await Audit(DryStore(held), studio(chosen), now=now, watch=watch).run(order)
    return replace(ended.report, run=replace(ended.report.run, id=None))


def deliver_all(
    chosen: Settings,
    outbox: OutboxStore,
    *,
    only_due: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery | None:
    """Try the queued messages; None where no mail is configured."""
    to_server = mailer(chosen)
    if to_server is None:
        return None
    return deliver(outbox, to_server, now=now, only_due=only_due, stopping=stopping)


def admit_rules(chosen: Settings, held: RunStore) -> None:
    """Refuse rules that could never hold, and remember those that do.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    require_rules(chosen, held)
    at = now()
    today = at.astimezone(chosen.schedule.timezone).date()
    remember_rules(chosen.rules, held, today=today, at=at)


def require_rules(chosen: Settings, held: RunStore | None) -> None:
    """Refuse rules that could never hold; `held` is None where no database exists yet.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    today = now().astimezone(chosen.schedule.timezone).date()
    require_admissible(chosen.rules, DryStore(held), today=today)


def next_run_at(chosen: Settings) -> datetime | None:
    """Return when the schedule runs next."""
    slot = next_due(chosen.schedule.cron, chosen.schedule.timezone, now())
    return slot.at if slot else None


def order(chosen: Settings, scope: Scope | None = None) -> Order:
    """Return the order for a manual run."""
    return Order(
        projects=projects(chosen),
        scope=scope or Scope(),
        concurrency=chosen.studio.concurrency,
        next_run_at=next_run_at(chosen),
        schedule_line=f"{chosen.schedule.line} ({chosen.schedule.timezone.key})",
        rules=chosen.rules,
        zone=chosen.schedule.timezone,
    )


def quickly(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, on uvloop where it is there."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def mail_host(chosen: Settings | None) -> str:
    """Return the sender's domain, the right side of Message-ID and List-Id."""
    email = chosen.email if chosen else None
    return email.sender.rpartition("@")[2].rstrip("> ") if email else "localhost"


def _credential(auth: config.Auth) -> Credential:
    from auditor.studio.auth import ApiKey, JwtCookie, JwtHeader  # noqa: PLC0415

    match auth:
        case config.ApiKeyAuth(key=key):
            return ApiKey(key)
        case config.JwtAuth(token=token):
            return JwtHeader(token)
        case config.JwtCookieAuth(token=token):
            return JwtCookie(token)
        case (
            config.OAuth2ClientCredentials()
            | config.OAuth2Password()
            | config.OAuth2AuthorizationCode()
            | config.OAuth2Token()
        ):
            raise AssertionError("the configuration refuses what this version cannot send")
        case _:
            assert_never(auth)


def _studio_pages(base_url: str) -> str:
    """Return where Studio's own pages are: the API's host."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
