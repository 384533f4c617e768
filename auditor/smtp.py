"""Sends messages to the mail server: one connection for each attempt, each step with a limit.

A failure is permanent only if the server refuses the message itself (5xx). Whatever the operator
can correct (a wrong password, a missing extension, a certificate, the name in EHLO) or is
transient (4xx, a lost connection, an answer that makes no sense) is temporary, so that no report
is lost. A message that is refused for its form is sent again in a shorter form.
"""

from __future__ import annotations

import logging
import math
import re
import smtplib
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from auditor.errors import DeliveryError, UsageError
from auditor.mail import find_envelope_address, list_forms, one_line
from auditor.outbox import Message
from auditor.redaction import HIDDEN, Secret
from auditor.trust import create_context, explain_distrust

# Replies about the dialogue, not the message: unknown commands, authentication, encryption.
_CORRECTABLE = frozenset({500, 502, 503, 504, 530, 534, 535, 538})
_UNKNOWN_COMMAND = frozenset({500, 502})
# RFC 5321 and RFC 1846; enhanced codes of RFC 3463 and its registry.
_TOO_LARGE = frozenset({523, 552})
_TOO_LARGE_ENHANCED = re.compile(r"5\d\d[ -]5\.(?:2\.3|3\.4)\b")
_WANTS_LOGIN = 530
_OK = range(200, 300)
_GO_ON = 354
_TLS_PORT, _SUBMISSION_PORTS = 465, frozenset({25, 587})
_MAX_REASON = 400
_LINE_START_DOT = re.compile(rb"(?m)^\.")
_NAME_TIMEOUT_S = 3.0
_CHECK_S = 0.2

logger = logging.getLogger(__name__)


class Step(StrEnum):
    """What the server has to answer."""

    CONNECT = "the connection"
    HELLO = "EHLO"
    ENCRYPT = "STARTTLS"
    LOG_IN = "AUTH"
    SENDER = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    DATA = "DATA"
    CONTENT = "the content"
    RESET = "RSET"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLimits:
    """How long the server may take, in seconds; RFC 5321 section 4.5.3.2 has the model.

    Attributes:
        connect_s: to connect to one address.
        reply_s: for one answer.
        talk_s: for everything up to the content, so that a server that drips has an end, too.
        transfer_s: to receive the content.
        acceptance_s: for its answer to the content: many filter it first (the RFC has 10 minutes).
        attempt_s: for the whole attempt.
        stop_s: for the rest of an attempt once the program was asked to stop.
    """

    connect_s: float = 30.0
    reply_s: float = 60.0
    talk_s: float = 300.0
    transfer_s: float = 180.0
    acceptance_s: float = 600.0
    attempt_s: float = 900.0
    stop_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Fulfils `protocols.Mailer`: one connection and one transaction per message.

    Attributes:
        security: `none`, `starttls` or `tls`.
        helo: the name in EHLO; the machine's address if it is empty.
        ca_file: PEM certificates to trust in place of the machine's.
        stopping: returns whether the program was asked to stop.
    """

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: Secret | None = None
    helo: str = ""
    ca_file: Path | None = None
    limits: SmtpLimits = field(default_factory=SmtpLimits)
    stopping: Callable[[], bool] = lambda: False

    def send(self, message: Message) -> None:
        """Deliver one message to its recipient, in the first of its forms that the server takes.

        Raises:
            DeliveryError: the server took none.
        """
        with self._translated() as watchdog:
            sender = find_envelope_address(self.sender)
            recipient = find_envelope_address(message.recipient)
            forms = list(list_forms(message))
            while forms:  # a server may close the connection with its refusal
                with self._session(watchdog) as session:
                    forms = session.transmit_first(sender, recipient, forms)

    def probe(self, recipients: Sequence[str] = ()) -> int | None:
        """Do all that a delivery does up to the recipients, and take it back; send nothing.

        Return the largest mail that the server takes, in bytes; None if it announces no limit.

        Raises:
            DeliveryError: a delivery would fail; names every recipient that is refused.
        """
        with self._translated() as watchdog:
            sender = find_envelope_address(self.sender)
            addresses = {name: find_envelope_address(name) for name in recipients}
            with self._session(watchdog) as session:
                refused = session.offer(sender, addresses)
                if refused:
                    words = "; ".join(f"{name}: {reply.words}" for name, reply in refused.items())
                    raise RefusalError(next(iter(refused.values())).step, 0, words)
                return session.max_bytes

    @contextmanager
    def _session(self, watchdog: Watchdog) -> Iterator[_Session]:
        with _Session(self, watchdog) as session:
            yield session
            # The server has accepted the message; an error while closing does not change that.
            with suppress(smtplib.SMTPException, OSError):
                session.server.quit()

    def trust(self) -> ssl.SSLContext:
        """Return which certificates are trusted.

        Raises:
            DeliveryError: `ca_file` cannot be read.
        """
        try:
            return create_context(self.ca_file, key="email.ca_file")
        except UsageError as error:
            raise DeliveryError(str(error), permanent=False) from error

    @contextmanager
    def _translated(self) -> Iterator[Watchdog]:
        """Turn whatever goes wrong into a `DeliveryError` with a remedy, without the password."""
        with Watchdog(self.limits, self.stopping) as watchdog:
            try:
                yield watchdog
            except DeliveryError:
                raise
            except UnicodeError:
                # Not chained: the error contains the text that it could not encode.
                text = "host, addresses, user name and password must be valid ASCII"
                raise self._error(text, permanent=False) from None
            except RefusalError as error:
                raise self._error(self._advised(error), permanent=error.is_permanent) from error
            except Exception as error:
                words = watchdog.reason or self._reason(error, watchdog.step)
                raise self._error(words, permanent=False) from error

    def _error(self, reason: str, *, permanent: bool) -> DeliveryError:
        for clear in self._secrets():
            reason = reason.replace(clear, HIDDEN)
        text = one_line(reason)[:_MAX_REASON]
        return DeliveryError(f"mail server {self.host}:{self.port}: {text}", permanent=permanent)

    def _secrets(self) -> tuple[str, ...]:
        """Return the password in clear and as AUTH encodes it: a server may echo either."""
        if self.password is None or not self.password.reveal():
            return ()
        clear = self.password.reveal()
        pair = f"\0{self.username}\0{clear}"
        return clear, *(b64encode(text.encode()).decode() for text in (clear, pair))

    def _advised(self, refusal: RefusalError) -> str:
        """Return the server's words, with the remedy where they are about the dialogue."""
        is_about_name = re.search(r"\b(helo|ehlo)\b", refusal.words, re.IGNORECASE)
        if refusal.step is Step.HELLO or is_about_name:
            return f"{refusal.words}; set email.helo to a full name of this machine"
        if refusal.code == _WANTS_LOGIN:
            return f"{refusal.words}; set email.security, email.username and email.password"
        return refusal.words

    def _reason(self, error: Exception, step: Step) -> str:
        match error:
            case ssl.SSLCertVerificationError():
                return explain_distrust(error, key="email.ca_file")
            case ssl.SSLError() | TimeoutError() | smtplib.SMTPServerDisconnected():
                return f"{_words_of_loss(error, step)}{self._remedy_of_port()}"
            case socket.gaierror():
                return f"no such host: {error.strerror}; correct email.host"
            case smtplib.SMTPResponseException():
                return _reply(error.smtp_code, error.smtp_error, step)
            case smtplib.SMTPNotSupportedError():
                return str(error)
            case _:
                words = (isinstance(error, OSError) and error.strerror) or str(error)
                return f"{words} (at {step}; {type(error).__name__})"

    def _remedy_of_port(self) -> str:
        if self.port == _TLS_PORT and self.security != "tls":
            return f'; port {_TLS_PORT} usually needs email.security = "tls"'
        if self.port in _SUBMISSION_PORTS and self.security == "tls":
            return f'; port {self.port} usually needs email.security = "starttls"'
        return ""


class RefusalError(Exception):
    """The server answered a step with an error.

    Attributes:
        words: the server's own, with its code and the step.
    """

    def __init__(self, step: Step, code: int, words: str) -> None:
        self.step = step
        self.code = code
        self.words = words
        super().__init__(words)

    @property
    def is_of_form(self) -> bool:
        """Return whether the server may take the message in a shorter form.

        Before the content it can only know the size; after the content it has accepted sender and
        recipient.
        """
        is_of_size = self.code in _TOO_LARGE or _TOO_LARGE_ENHANCED.match(self.words) is not None
        return self.is_permanent and (self.step is Step.CONTENT or is_of_size)

    @property
    def is_permanent(self) -> bool:
        """Return whether the server will never take the message for this recipient."""
        is_of_message = self.step in {Step.SENDER, Step.RECIPIENT, Step.DATA, Step.CONTENT}
        return is_of_message and self.code >= 500 and self.code not in _CORRECTABLE


class Watchdog:
    """Ends a connection when the server takes too long in total, or when the program stops.

    A timeout of the socket is no limit: it starts again with each byte that arrives.

    Attributes:
        step: what the server has to answer now.
        reason: why the connection was ended, empty if it was not.
    """

    def __init__(self, limits: SmtpLimits, stopping: Callable[[], bool]) -> None:
        self.step = Step.CONNECT
        self.reason = ""
        self._limits = limits
        self._stopping = stopping
        self._attempt_end = time.monotonic() + limits.attempt_s
        self._end = math.inf
        self._allowed_s = math.inf
        self._guarded: socket.socket | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mail limits", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._guarded is not None:
            self._guarded.close()

    def guard(self, connection: socket.socket) -> None:
        """Watch a connection."""
        # A duplicate: TLS puts another object in the place of the socket.
        previous, self._guarded = self._guarded, connection.dup()
        if previous is not None:
            previous.close()
        if self.reason:
            self._shut()

    def allow(self, seconds: float) -> None:
        """Give the next steps so much time together."""
        self._end, self._allowed_s = time.monotonic() + seconds, seconds

    def _watch(self) -> None:
        stop_end = math.inf
        while not self._done.wait(_CHECK_S):
            now = time.monotonic()
            if stop_end == math.inf and self._stopping():
                stop_end = now + self._limits.stop_s
            if now >= stop_end:
                self.reason = f"the auditor was stopped before the answer to {self.step}"
            elif now >= self._attempt_end:
                limit_s = self._limits.attempt_s
                self.reason = f"the attempt took longer than {limit_s:g} s, up to {self.step}"
            elif now >= self._end:
                self.reason = f"it took longer than {self._allowed_s:g} s, up to {self.step}"
            if self.reason:
                self._shut()
                return

    def _shut(self) -> None:
        if self._guarded is not None:
            with suppress(OSError):  # the server may have closed it
                self._guarded.shutdown(socket.SHUT_RDWR)


class _WholeLines:
    """The server's answers, line by line; a line that breaks off counts as the end.

    smtplib takes `250` without its line end for the last line of an answer, and the mail for
    delivered, where the connection was lost in the middle of one.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readline(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        return line if line.endswith(b"\n") or len(line) >= limit else b""

    def close(self) -> None:
        self._stream.close()


class _Connection(smtplib.SMTP):
    """A connection whose socket is watched before TLS begins on it."""

    def __init__(self, mailer: SmtpMailer, watchdog: Watchdog) -> None:
        self._mailer = mailer
        self._watchdog = watchdog
        # Without a name, the library asks the name service for one, which may take a minute.
        super().__init__(mailer.host, mailer.port, "unused", timeout=mailer.limits.connect_s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        self._watchdog.guard(connection)
        connection.settimeout(self._mailer.limits.reply_s)
        if self._mailer.security == "tls":
            return self._mailer.trust().wrap_socket(connection, server_hostname=host)
        return connection


class _Session:
    """A dialogue with the server: greeted, encrypted and logged in."""

    server: _Connection

    def __init__(self, mailer: SmtpMailer, watchdog: Watchdog) -> None:
        self._mailer = mailer
        self._limits = mailer.limits
        self._watchdog = watchdog
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with self._resources as resources:
            self._watchdog.step = Step.CONNECT
            self._watchdog.allow(self._limits.talk_s)
            self.server = _Connection(self._mailer, self._watchdog)
            resources.callback(self.server.close)
            self._greet()
            if self._mailer.security == "starttls":
                self._watchdog.step = Step.ENCRYPT
                self.server.starttls(context=self._mailer.trust())
                self._greet()
            self._log_in()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def max_bytes(self) -> int | None:
        """Return the largest mail that the server takes; None if it announces no limit."""
        announced = self.server.esmtp_features.get("size", "")
        return int(announced) or None if announced.isdecimal() else None

    def offer(self, sender: str, addresses: dict[str, str]) -> dict[str, RefusalError]:
        """Name the recipients as for a delivery, then take it back; return who is refused."""
        options = self._options(sender + "".join(addresses.values()))
        self._ask(Step.SENDER, lambda: self.server.mail(sender, options))
        refused = {}
        for name, address in addresses.items():
            try:
                self._ask(Step.RECIPIENT, partial(self.server.rcpt, address))
            except RefusalError as error:
                refused[name] = error
        self._ask(Step.RESET, self.server.rset)
        return refused

    def transmit_first(self, sender: str, recipient: str, forms: list[bytes]) -> list[bytes]:
        """Send the first of the forms that the server takes.

        Return none once it took one, else those that are left for another connection: it closed
        this one with its refusal.
        """
        most = self.max_bytes or math.inf
        forms = [form for form in forms if len(form) <= most] or forms[-1:]
        while forms:
            try:
                self.transmit(sender, recipient, forms[0])
            except RefusalError as error:
                forms = forms[1:]
                if not forms or not error.is_of_form:
                    raise
                logger.warning(
                    "the server takes no mail of this size or with such parts, so a shorter form "
                    "of the same report is sent: %s",
                    error,
                )
                if not self._can_reset():
                    return forms
            else:
                return []
        return []

    def _can_reset(self) -> bool:
        try:
            self._ask(Step.RESET, self.server.rset)
        except (RefusalError, smtplib.SMTPException, OSError):
            return False
        return True

    def transmit(self, sender: str, recipient: str, content: bytes) -> None:
        """Send a mail; returns once the server took it."""
        self._wait(self._limits.reply_s)
        self._watchdog.allow(self._limits.talk_s)
        options = self._options(sender + recipient)
        if self.server.has_extn("size"):
            options.append(f"size={len(content)}")
        self._ask(Step.SENDER, lambda: self.server.mail(sender, options))
        self._ask(Step.RECIPIENT, lambda: self.server.rcpt(recipient))
        self._ask(Step.DATA, lambda: self.server.docmd("DATA"), accepted=range(_GO_ON, _GO_ON + 1))
        self._watchdog.step = Step.CONTENT
        self._wait(self._limits.transfer_s)
        self.server.send(_LINE_START_DOT.sub(b"..", content) + b".\r\n")
        self._wait(self._limits.acceptance_s)
        self._ask(Step.CONTENT, self.server.getreply)

    def _wait(self, seconds: float) -> None:
        self._watchdog.allow(seconds)
        if self.server.sock is not None:
            self.server.sock.settimeout(seconds)

    def _greet(self) -> None:
        """Say EHLO, or HELO to a server that does not know it.

        The library would also say HELO where the server refuses the name or is gone, and so lose
        the server's words.
        """
        name = self._mailer.helo or _literal(self.server)
        try:
            self._ask(Step.HELLO, lambda: self.server.ehlo(name))
        except RefusalError as error:
            if error.code not in _UNKNOWN_COMMAND:
                raise
            self._ask(Step.HELLO, lambda: self.server.helo(name))

    def _log_in(self) -> None:
        if self._mailer.password is None:
            return
        self._watchdog.step = Step.LOG_IN
        try:
            self.server.login(self._mailer.username, self._mailer.password.reveal())
        except smtplib.SMTPAuthenticationError as error:
            words = _reply(error.smtp_code, error.smtp_error, Step.LOG_IN)
            text = f"user name or password refused: {words}"
            raise RefusalError(Step.LOG_IN, error.smtp_code, text) from error

    def _options(self, addresses: str) -> list[str]:
        if addresses.isascii():
            return []
        if not self.server.has_extn("smtputf8"):
            text = "the mail server does not support addresses outside ASCII (SMTPUTF8)"
            raise DeliveryError(text, permanent=True)
        return ["SMTPUTF8", "BODY=8BITMIME"]

    def _ask(
        self, step: Step, command: Callable[[], tuple[int, bytes]], *, accepted: range = _OK
    ) -> None:
        """Give a command; raise a `RefusalError` unless the answer is one of the accepted."""
        self._watchdog.step = step
        code, words = command()
        if code not in accepted:
            raise RefusalError(step, code, _reply(code, words, step))


@cache
def find_machine_name() -> str:
    """Return the machine's full name; empty if none is known within a few seconds."""
    name = socket.gethostname()
    found = [name]
    if not _is_full(name):
        asking = threading.Thread(target=lambda: found.append(socket.getfqdn(name)), daemon=True)
        asking.start()
        asking.join(_NAME_TIMEOUT_S)
    return found[-1] if _is_full(found[-1]) else ""


def _is_full(name: str) -> bool:
    return "." in name and name.isascii() and not name.startswith("localhost")


def _literal(server: smtplib.SMTP) -> str:
    """Return the machine's own address at this connection (RFC 5321 section 4.1.3)."""
    if server.sock is None:
        return "[127.0.0.1]"
    address = str(server.sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _reply(code: int, text: bytes | str, step: Step) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if code < 0:  # the library's, for a line that begins with no number
        return f"an answer to {step} that is not SMTP: {words}"
    return f"{code} {words} (its answer to {step})"


def _words_of_loss(error: Exception, step: Step) -> str:
    match error:
        case _ if "timed out" in str(error):
            return f"timed out: no answer to {step}"
        case smtplib.SMTPServerDisconnected():
            return f"the connection was lost before an answer to {step}"
        case ssl.SSLError():
            return f"no TLS connection: {error.reason or error.strerror or error}"
        case _:
            return str(error)
