"""The protocols of whoever renders a report, sends it and keeps its pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from auditor.listings import (
    ImpulseBlocks,
    Overview,
    PageMarks,
    ProjectBlocks,
    ProjectMarks,
    ProjectPages,
    ProjectRow,
    RunListing,
    TargetHistory,
)
from auditor.outbox import Message
from auditor.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that a mail carries along. `type` is its media type, e.g. `text/html`."""

    name: str
    type: str
    content: bytes


class Urgency(StrEnum):
    """How a report is marked where it is shown by colours, as chat services do."""

    FAILURE = "failure"
    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailContent:
    """A report as a mail carries it: one subject, the same content in text and HTML.

    `attachment` holds the whole report where text and HTML had to leave something out: a mail
    that a server took must hold every finding that counts as reported by it. `summary` is for a
    server that refuses the mail for its form: plain text with a line for every finding.
    """

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    attachment: Attachment | None = None
    summary: str = ""
    urgency: Urgency = Urgency.INFO


class Renderer(Protocol):
    """Turns a report into what people read."""

    def mail_content(self, report: Report, *, page: str) -> MailContent:
        """Return the report as mailed; `page` is where its page is, or an empty text."""
        ...


class Composer(Protocol):
    """Turns mail content into the bytes of a message to one recipient."""

    def compose(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return the MIME message (CRLF line ends)."""
        ...

    def compose_summary(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return its short form, with the same headers; empty if it has none."""
        ...


class Mailer(Protocol):
    """Hands messages to the mail server or to a channel; several threads may call it."""

    def send(self, message: Message) -> None:
        """Deliver one message to its recipient; raises `DeliveryError`."""
        ...


class Archive(Protocol):
    """The folder of reports."""

    def write(self, report: Report) -> str:
        """Write the report's page and return its path; raises `OSError`."""
        ...


class Site(Protocol):
    """The archive as pages that link to each other. Each method raises `OSError`."""

    def marks(self) -> PageMarks:
        """Return which pages of runs and years there are."""
        ...

    def keep(self, marks: PageMarks) -> None:
        """Remember the marks; unchanged ones are not written."""
        ...

    def project_marks(self, project_id: int) -> ProjectMarks:
        """Return which pages of a project there are."""
        ...

    def keep_project(self, project_id: int, marks: ProjectMarks) -> None:
        """Remember the marks of a project's pages; unchanged ones are not written."""
        ...

    def write_run(self, report: Report, *, previous: int | None, following: int | None) -> None:
        """Write a run's page; its neighbours are None where they have no page."""
        ...

    def link_newest(self, run_id: int, *, following: int) -> None:
        """Add the link to the following run to the page of the run that was the newest."""
        ...

    def set_aside(self, runs: Collection[int]) -> None:
        """Take the pages of runs that the database does not have out of the site."""
        ...

    def write_target(
        self, history: TargetHistory, *, runs: Collection[int], lacking: Collection[str] = ()
    ) -> None:
        """Write a target's page; `runs` have pages to link to, places `lacking` have none."""
        ...

    def write_project(self, project: ProjectBlocks, *, lacking: Collection[str] = ()) -> None:
        """Write a project's page."""
        ...

    def write_impulse(
        self, impulse: ImpulseBlocks, *, runs: Collection[int], lacking: Collection[str] = ()
    ) -> None:
        """Write an impulse's page."""
        ...

    def write_project_lists(self, projects: Sequence[ProjectRow]) -> int:
        """Write the pages that list all projects, where these are many; return how many."""
        ...

    def forward_old_pages(self) -> None:
        """Have pages at addresses of earlier releases lead to where they are now."""
        ...

    def write_year(self, year: int, listing: RunListing, *, runs: Collection[int]) -> None:
        """Write the page of a year's older runs."""
        ...

    def write_overview(self, overview: Overview, *, runs: Collection[int]) -> None:
        """Write the index."""
        ...

    def prune(
        self, keep_runs: Collection[int], keep_project: Callable[[int], ProjectPages]
    ) -> tuple[str, ...]:
        """Remove all other pages of runs, targets and impulses, and links to them; return which.

        `keep_project` is asked for the pages of each project that are kept.

        What lies in the folder under another name than the archive gives is left alone.
        """
        ...
