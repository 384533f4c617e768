"""A channel that gets the report's JSON by POST, signed where it has a secret."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from auditor.channels.refusals import refused, unanswered
from auditor.errors import DeliveryError, UsageError, WebError
from auditor.outbox import Message
from auditor.publishing import MailContent
from auditor.redaction import Secret
from auditor.web import post, reach

ATTEMPT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Fulfils `protocols.Mailer` for one channel.

    Attributes:
        secret: signs the body; None for no signature.
        limit_s: for the whole attempt.
    """

    name: str
    url: Secret
    secret: Secret | None = None
    limit_s: float = ATTEMPT_S

    def send(self, message: Message) -> None:
        """Post the message's content.

        Raises:
            DeliveryError: the server did not take it.
        """
        headers = {
            "Content-Type": "application/json",
            "X-Auditor-Delivery": message.message_id.strip("<>"),
        }
        if self.secret is not None:
            headers["X-Auditor-Signature"] = sign(message.content, self.secret)
        try:
            answer = post(self.url, message.content, headers, limit_s=self.limit_s)
        except WebError as error:
            raise unanswered(self.name, str(error)) from error
        except UsageError as error:  # certificates or a proxy of the environment
            raise DeliveryError(f"channel {self.name}: {error}", permanent=False) from error
        if not answer.is_taken:
            secrets = (self.url, *((self.secret,) if self.secret else ()))
            raise refused(self.name, answer, secrets)

    def probe(self, *, limit_s: float) -> str:
        """Connect to the server and return in words that it was reached; nothing is sent.

        Raises:
            UsageError: the environment's proxy or certificates cannot be used.
            WebError: it cannot be reached.
        """
        reach(self.url, limit_s=limit_s)
        host = urlsplit(self.url.reveal()).hostname
        return f"{host} can be reached; nothing was posted, so the URL itself is not tried"


@dataclass(frozen=True, slots=True)
class JsonComposer:
    """Fulfils `protocols.Composer`: the text is the JSON that is posted."""

    def compose(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return the JSON."""
        del recipient, message_id, at
        return mailing.text.encode("utf-8", "backslashreplace")  # half a pair is escaped in JSON

    def compose_summary(
        self, mailing: MailContent, *, recipient: str, message_id: str, at: datetime
    ) -> bytes:
        """Return nothing: JSON has no short form."""
        del mailing, recipient, message_id, at
        return b""


def sign(body: bytes, secret: Secret) -> str:
    """Return the value of X-Auditor-Signature."""
    key = secret.reveal().encode()
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
