"""Builds MIME messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from hashlib import sha256

from auditor.errors import DeliveryError
from auditor.protocols import MailContent


@dataclass(frozen=True, slots=True)
class MimeComposer:
    """Fulfils `protocols.Composer`. `sender` may have a display name."""

    sender: str

    def compose(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return a multipart/alternative message, plain text first, quoted-printable.

        Raises:
            DeliveryError: sender or recipient is not a mail address.
        """
        sender, receiver = _address(self.sender), _address(recipient)
        plain = sender.addr_spec.isascii() and receiver.addr_spec.isascii()
        message = EmailMessage(policy=SMTP if plain else SMTPUTF8)
        message["From"] = sender
        message["To"] = receiver
        message["Subject"] = one_line(mailing.subject)
        message["Date"] = format_datetime(at)
        message["Message-ID"] = one_line(message_id)
        for header, value in mailing.headers.items():
            message[header] = one_line(value)
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
        return message.as_bytes()


def _boundary(message_id: str) -> str:
    # Quoted-printable content cannot contain `=_` (RFC 2045 section 6.7).
    return f"=_{sha256(message_id.encode()).hexdigest()[:32]}"


def _address(text: str) -> Address:
    name, spec = parseaddr(text) if text.isprintable() else ("", "")
    local, _, domain = spec.rpartition("@")
    try:
        # `addr_spec` is parsed strictly, but refuses local parts that RFC 6531 allows.
        if local.isascii():
            return Address(display_name=name, addr_spec=f"{local}@{_ascii_domain(domain)}")
        return Address(display_name=name, username=local, domain=_ascii_domain(domain))
    except (ValueError, IndexError, MessageError) as error:
        raise DeliveryError(f"{one_line(text)!r} is not a mail address", permanent=True) from error


def find_envelope_address(text: str) -> str:
    """Return the address alone, its domain in ASCII.

    Raises:
        DeliveryError: it is not a mail address.
    """
    return _address(text).addr_spec


def _ascii_domain(domain: str) -> str:
    """Return an international domain in its ASCII form (IDNA)."""
    if not domain:
        raise ValueError("an address has a domain")
    return domain if domain.isascii() else domain.encode("idna").decode()


def one_line(text: str) -> str:
    """Return `text` with every character that could end a header or not be encoded as a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
