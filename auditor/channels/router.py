"""Hands each message to what carries it: the mail server or its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.errors import DeliveryError
from auditor.outbox import Message, channel_of
from auditor.publishing import Mailer


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Fulfils `protocols.Mailer`.

    Attributes:
        mail: None without `[email]`.
        channels: by name.
    """

    mail: Mailer | None
    channels: Mapping[str, Mailer]

    def send(self, message: Message) -> None:
        """Hand one message over.

        Raises:
            DeliveryError: it was not taken.
        """
        name = channel_of(message.recipient)
        carrier = self.channels.get(name) if name else self.mail
        if carrier is None:
            raise DeliveryError("no longer configured", permanent=False)
        carrier.send(message)
