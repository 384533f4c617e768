"""Builds MIME messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from auditor.addresses import MailAddress, parse_mailbox
from auditor.errors import DeliveryError
from auditor.headers import write_address_field, write_structured_field, write_text_field
from auditor.protocols import MailContent


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
        head = [
            write_address_field("From", _address(self.sender)),
            write_address_field("To", _address(recipient)),
            write_text_field("Subject", one_line(mailing.subject)),
            write_structured_field("Date", format_datetime(at)),
            write_structured_field("Message-ID", one_line(message_id)),
            *(_field(name, one_line(value)) for name, value in mailing.headers.items()),
        ]
        message = EmailMessage(policy=SMTP)
        message.set_content(_encodable(mailing.text), cte="quoted-printable")
        message.add_alternative(_encodable(mailing.html), subtype="html", cte="quoted-printable")
        if mailing.attachment is not None:
            kind, _, form = mailing.attachment.type.partition("/")
            message.add_attachment(
                mailing.attachment.content,
                maintype=kind,
                subtype=form,
                filename=mailing.attachment.name,
            )
        message.set_boundary(_boundary(message_id))
        return "\r\n".join([*head, ""]).encode() + message.as_bytes()


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
