"""Builds what tells a report: pages, mails, the archive and the way to the mail server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditor import __version__
from auditor.audit.close import MailPlan
from auditor.config import Settings
from auditor.errors import DamagedDatabaseError
from auditor.model import Report
from auditor.protocols import Store

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.mail import SmtpMailer
    from auditor.rendering.archive import FolderArchive
    from auditor.rendering.html import HtmlRenderer
    from auditor.rendering.mailing import MailRenderer
    from auditor.rendering.site import FolderSite

logger = logging.getLogger(__name__)

_WHY_PART = (
    "You are the recipient of one of the auditor's [[subscriptions]] to a part of its reports."
)
_WHY = "Your address stands under [email] recipients in the auditor's configuration."
_BASE_URL = "https://studio.edgeimpulse.com/v1"


@cache
def pages() -> HtmlRenderer:
    """Return what fills the HTML templates; made once, for to compile them takes a while."""
    from auditor.rendering.html import HtmlRenderer  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return HtmlRenderer(folder("templates"))


def renderer(chosen: Settings | None, *, why: str = _WHY) -> MailRenderer:
    """Return what turns reports into mails, text and pages; without settings, by defaults.

    `why` is told to who is mailed.
    """
    from auditor.rendering.mailing import MailRenderer  # noqa: PLC0415
    from auditor.rendering.outline import Footer  # noqa: PLC0415

    base_url = chosen.studio.base_url if chosen else _BASE_URL
    return MailRenderer(
        pages=pages(),
        footer=Footer(
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
    from auditor.rendering.site import FolderSite  # noqa: PLC0415

    return FolderSite(
        directory=chosen.reports.directory,
        pages=_linking_pages(),
        footer=replace(renderer(chosen).footer, why=""),
    )


@cache
def _linking_pages() -> dict[str, HtmlRenderer]:
    from auditor.rendering.site import linking_pages  # noqa: PLC0415
    from auditor.resources import folder  # noqa: PLC0415

    return linking_pages(folder("templates"))


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
    from auditor.rendering.archive import INDEX  # noqa: PLC0415

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


def mail_host(chosen: Settings | None) -> str:
    """Return the sender's domain, the right side of Message-ID and List-Id."""
    email = chosen.email if chosen else None
    return email.sender.rpartition("@")[2].rstrip("> ") if email else "localhost"


def _studio_pages(base_url: str) -> str:
    """Return where Studio's own pages are: the API's host."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
