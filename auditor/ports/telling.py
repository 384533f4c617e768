"""How a report reaches people, as protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from auditor.drift.model import Report
from auditor.outbox import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A report as a mail carries it: one subject, the same content in text and HTML."""

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


class Renderer(Protocol):
    """Turns a report into what people read."""

    def mailing(self, report: Report) -> Mailing:
        """Return subject, plain text and HTML of the report."""
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
