"""Builds MIME messages and sends them to the mail server.

A failure is permanent only if the server refuses the message itself (5xx). Whatever the operator
can correct (a wrong password, a missing extension, a certificate) or is transient (4xx, a lost
connection) is temporary, so that no report is lost.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from hashlib import sha256

from auditor.errors import DeliveryError, UsageError
from auditor.outbox import Message
from auditor.protocols import MailContent
from auditor.redaction import HIDDEN, Secret
from auditor.trust import create_context, explain_distrust

# Replies about the connection, not the message: authentication, encryption.
_CORRECTABLE = frozenset({530, 534, 535, 538})
_MAX_REASON = 300


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
        message["Subject"] = _one_line(mailing.subject)
        message["Date"] = format_datetime(at)
        message["Message-ID"] = _one_line(message_id)
        for header, value in mailing.headers.items():
            message[header] = _one_line(value)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Fulfils `protocols.Mailer`: one connection and one transaction per message.

    Attributes:
        security: `none`, `starttls` or `tls`.
        timeout_s: how long the server may take for each answer.
        context: the trusted certificates; the system's if it is None.
    """

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: Secret | None = None
    timeout_s: float = 30.0
    context: ssl.SSLContext | None = None

    def send(self, message: Message) -> None:
        """Deliver one message to its recipient.

        Raises:
            DeliveryError: the server did not accept it.
        """
        sender, recipient = _envelope(self.sender), _envelope(message.recipient)
        with self._translated(), self._session() as server:
            options = _options(server, sender + recipient)
            refused = server.sendmail(sender, [recipient], message.content, options)
            if refused:
                raise smtplib.SMTPRecipientsRefused(refused)

    def probe(self) -> None:
        """Connect, encrypt and log in as for a delivery, but send nothing.

        Raises:
            DeliveryError: a delivery would fail.
        """
        with self._translated(), self._session() as server:
            code, reply = server.noop()
            if code >= 400:
                raise smtplib.SMTPResponseException(code, reply)

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        server = self._connected()
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                server.starttls(context=self._trust())
            if self.password is not None:
                server.login(self.username, self.password.reveal())
            yield server
            # The server has accepted the message; an error while closing does not change that.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        # smtplib's default asks the name service for this machine's name, which may take a minute.
        name = socket.gethostname()
        greeting = name if "." in name and name.isascii() else "[127.0.0.1]"
        if self.security == "tls":
            return smtplib.SMTP_SSL(
                self.host, self.port, greeting, timeout=self.timeout_s, context=self._trust()
            )
        return smtplib.SMTP(self.host, self.port, greeting, timeout=self.timeout_s)

    def _trust(self) -> ssl.SSLContext:
        try:
            return self.context if self.context is not None else create_context()
        except UsageError as error:
            raise DeliveryError(str(error), permanent=False) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn every error of smtplib into a `DeliveryError` without the password."""
        try:
            yield
        except UnicodeError:
            # Not chained: the error contains the text that it could not encode.
            text = "host, addresses, user name and password must be valid ASCII"
            raise self._error(text, permanent=False) from None
        except smtplib.SMTPAuthenticationError as error:
            text = f"user name or password refused: {_reply(error.smtp_code, error.smtp_error)}"
            raise self._error(text, permanent=False) from error
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise self._error(_reply(code, reply), permanent=_is_permanent(code)) from error
        except smtplib.SMTPResponseException as error:
            about_message = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
            text = _reply(error.smtp_code, error.smtp_error)
            permanent = about_message and _is_permanent(error.smtp_code)
            raise self._error(text, permanent=permanent) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self._error(_reason(error), permanent=False) from error

    def _error(self, reason: str, *, permanent: bool) -> DeliveryError:
        for clear in self._secrets():
            reason = reason.replace(clear, HIDDEN)
        text = _one_line(reason)[:_MAX_REASON]
        return DeliveryError(f"mail server {self.host}:{self.port}: {text}", permanent=permanent)

    def _secrets(self) -> tuple[str, ...]:
        """Return the password in clear and as AUTH encodes it: a server may echo either."""
        if self.password is None or not self.password.reveal():
            return ()
        clear = self.password.reveal()
        pair = f"\0{self.username}\0{clear}"
        return clear, *(b64encode(text.encode()).decode() for text in (clear, pair))


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
        raise DeliveryError(
            f"{_one_line(text)!r} is not a mail address", permanent=True
        ) from error


def _envelope(text: str) -> str:
    return _address(text).addr_spec


def _ascii_domain(domain: str) -> str:
    """Return an international domain in its ASCII form (IDNA)."""
    if not domain:
        raise ValueError("an address has a domain")
    return domain if domain.isascii() else domain.encode("idna").decode()


def _options(server: smtplib.SMTP, addresses: str) -> list[str]:
    if addresses.isascii():
        return []
    if not server.has_extn("smtputf8"):
        text = "the mail server does not support addresses outside ASCII (SMTPUTF8)"
        raise DeliveryError(text, permanent=True)
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _is_permanent(code: int) -> bool:
    return code >= 500 and code not in _CORRECTABLE


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return explain_distrust(error, key="email.ca_file")
        case socket.gaierror():
            return f"no such host: {error.strerror}"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error) or type(error).__name__


def _one_line(text: str) -> str:
    """Return `text` with every character that could end a header or not be encoded as a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
