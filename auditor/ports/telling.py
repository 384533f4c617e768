"""How a report reaches people, as protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from auditor.drift.model import Report
from auditor.outbox import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that a mail carries along. `type` is its media type, e.g. `text/html`."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A report as a mail carries it: one subject, the same content in text and HTML.

    `attachment` holds the whole report where text and HTML had to leave something out: a mail
    that a server took must hold every finding that counts as told by it.
    """

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    attachment: Attachment | None = None


class Renderer(Protocol):
    """Turns a report into what people read."""

    def mailing(self, report: Report, *, page: str) -> Mailing:
        """Return the report as mailed; `page` is where its page lies, empty where nowhere."""
        ...


class Composer(Protocol):
    """Turns a mailing into the bytes of one message to one recipient."""

    def compose(self, mailing: Mailing, *, recipient: str, message_id: str, at: datetime) -> bytes:
        """Return the MIME message (CRLF line ends)."""
        ...


class Mailer(Protocol):
    """Hands messages to the mail server."""

    def send(self, message: Message) -> None:
        """Deliver one message to its recipient; raises `DeliveryError`."""
        ...


class Archive(Protocol):
    """The folder of reports."""

    def write(self, report: Report) -> str:
        """Write the report's page and return its path; raises `OSError`."""
        ...
