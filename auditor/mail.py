"""Builds MIME messages, and shorter forms of them for servers that refuse the whole."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256

from auditor.addresses import MailAddress, parse_mailbox
from auditor.errors import DeliveryError
from auditor.headers import write_address_field, write_structured_field, write_text_field
from auditor.outbox import Message
from auditor.publishing import Attachment, MailContent

_MIXED = "multipart/mixed"
_FIELDS = re.compile(  # all but those of MIME, each with its folded lines
    rb"(?m)^(?!(?i:content-|mime-version))[!-9;-~]+:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n"
)
_ANY_BOUNDARY = b"=_" + 32 * b"0"  # as long as each; no content can contain `=_`
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)
_LAST_WHOLE_ATTEMPT = 18  # after two days: a server may time out on a form, or refuse it for now
_LEFT_OUT = (
    "The mail server refused this mail with its attachment, so it was left out. "
    "The plain text names every finding."
)


@dataclass(frozen=True, slots=True)
class MimeComposer:
    """Fulfils `protocols.Composer`. `sender` may have a display name."""

    sender: str

    def compose(  # the email package writes the parts, `auditor.headers` the fields above them
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return a multipart/alternative message, plain text first, quoted-printable.

        Raises:
            DeliveryError: sender or recipient is not a mail address.
        """
        head = self._write_head(mailing, recipient=recipient, message_id=message_id, at=at)
        body = _write_body(mailing.text, mailing.html, mailing.attachment)
        return head + body.replace(_ANY_BOUNDARY, _boundary(message_id).encode())

    def compose_summary(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return the short form as plain text, with the same headers; empty if there is none.

        Raises:
            DeliveryError: sender or recipient is not a mail address.
        """
        if not mailing.summary:
            return b""
        head = self._write_head(mailing, recipient=recipient, message_id=message_id, at=at)
        return head + _write_summary(mailing.summary)

    def _write_head(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        fields = [
            write_address_field("From", _address(self.sender)),
            write_address_field("To", _address(recipient)),
            write_text_field("Subject", one_line(mailing.subject)),
            write_structured_field("Date", format_datetime(at)),
            write_structured_field("Message-ID", one_line(message_id)),
            *(_field(name, one_line(value)) for name, value in mailing.headers.items()),
        ]
        return "\r\n".join([*fields, ""]).encode()


def list_forms(message: Message) -> Iterator[bytes]:
    """Yield the forms of a message, the largest first: whole, without attachment, summary.

    Each names every finding. After two days of attempts only the summary is left.
    """
    if message.attempts <= _LAST_WHOLE_ATTEMPT or not message.summary:
        yield message.content
        without = _leave_out_attachment(message.content)
        if without:
            yield without
    if message.summary:
        yield message.summary


def _leave_out_attachment(content: bytes) -> bytes:
    """Return the message without its attachment, which it says; empty if it has none."""
    whole = email.message_from_bytes(content, policy=SMTP)
    if whole.get_content_type() != _MIXED:
        return b""
    body = next(whole.iter_parts())
    plain, html = body.get_body(("plain",)), body.get_body(("html",))
    if plain is not None:
        plain.set_content(f"{_LEFT_OUT}\n\n{plain.get_content()}", cte="quoted-printable")
    if html is not None:
        note = f"<p>{_LEFT_OUT}</p>"
        page = _BODY.sub(lambda tag: tag.group() + note, html.get_content(), count=1)
        html.set_content(page, subtype="html", cte="quoted-printable")
    head, _, _ = content.partition(b"\r\n\r\n")
    fields = _FIELDS.findall(head + b"\r\n")  # as they are: the library would write them anew
    return b"".join([*fields, b"MIME-Version: 1.0\r\n", body.as_bytes()])


@lru_cache(maxsize=1)  # of all recipients of a report, who differ in the fields above it
def _write_body(text: str, html: str, attachment: Attachment | None) -> bytes:
    """Return the parts of a message, with `_ANY_BOUNDARY` between them."""
    message = EmailMessage(policy=SMTP)
    message.set_content(_encodable(text), cte="quoted-printable")
    message.add_alternative(_encodable(html), subtype="html", cte="quoted-printable")
    if attachment is not None:
        kind, _, form = attachment.type.partition("/")
        message.add_attachment(
            attachment.content, maintype=kind, subtype=form, filename=attachment.name
        )
    message.set_boundary(_ANY_BOUNDARY.decode())
    return message.as_bytes()


@lru_cache(maxsize=1)
def _write_summary(summary: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message.set_content(_encodable(summary), cte="quoted-printable")
    return message.as_bytes()


def _boundary(message_id: str) -> str:
    # Quoted-printable content cannot contain `=_` (RFC 2045 section 6.7).
    return f"=_{sha256(message_id.encode()).hexdigest()[:32]}"


def _field(name: str, value: str) -> str:
    """Return a field: ours, whose names begin with X, are text, all others have a grammar."""
    if name.startswith("X-"):
        return write_text_field(name, value)
    return write_structured_field(name, value)


def _address(text: str) -> MailAddress:
    try:
        return parse_mailbox(text)
    except ValueError as error:
        raise DeliveryError(f"{one_line(text)!r} is not a mail address", permanent=True) from error


def find_envelope_address(text: str) -> str:
    """Return the address alone, its domain in ASCII.

    Raises:
        DeliveryError: it is not a mail address.
    """
    return _address(text).spec


def one_line(text: str) -> str:
    """Return `text` with every character that could end a header or not be encoded as a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
