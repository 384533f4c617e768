"""What `check` does with those who get reports: the channels' probes, and the test messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from auditor import app
from auditor.cli.console import print_text
from auditor.config import Settings
from auditor.errors import AuditorError, DeliveryError, UsageError, WebError
from auditor.outbox import Message, channel_of, channel_recipient
from auditor.rendering.words import harmless
from auditor.upkeep import Probe

if TYPE_CHECKING:  # they load an HTTP client, which `diff` does not need
    from auditor.channels.chat import ChatChannel
    from auditor.channels.webhook import Webhook

NOBODY = "reports are sent to nobody: add [email] or [[channels]] to the configuration"
_PROBE_S = 15.0


def channel_probes(settings: Settings) -> list[Probe]:
    """Return a probe of each channel."""
    return [
        Probe(channel_recipient(name), _probe(channel, channel_recipient(name)))
        for name, channel in app.build_channels(settings).items()
    ]


def _probe(channel: ChatChannel | Webhook, recipient: str) -> Callable[[], Awaitable[str]]:
    def attempt() -> str:
        try:
            return channel.probe(limit_s=_PROBE_S)
        except WebError as error:
            remedy = "" if error.is_final else "; correct its url, or let this machine reach it"
            raise AuditorError(f"it cannot be reached: {error}{remedy}") from error
        except DeliveryError as error:
            raise AuditorError(_without_name(error, recipient)) from error

    async def in_thread() -> str:
        return await asyncio.to_thread(attempt)

    return in_thread


def _without_name(error: DeliveryError, recipient: str) -> str:
    """Return an error without the name of the channel, which stands before it here."""
    return str(error).removeprefix(f"{recipient}: ")


def send_test(settings: Settings) -> Iterator[int]:
    """Send a sample report to every recipient and channel; yield an exit code for each."""
    router = app.build_router(settings)
    if router is None:
        raise UsageError(NOBODY)
    for message in _test_messages(settings):
        name = channel_of(message.recipient)
        to = (
            f"test message to {message.recipient}" if name else f"test mail to {message.recipient}"
        )
        try:
            router.send(message)
        except DeliveryError as error:
            words = _without_name(error, message.recipient)
            print_text(f"FAILED  {harmless(f'{to}: {words}')}")
            yield 2
        else:
            taker = "the service" if name else "the server"
            print_text(f"ok      {harmless(to)}: {taker} took it")
            yield 0


def _test_messages(settings: Settings) -> Iterator[Message]:
    from auditor.demo.sample_mails import (  # noqa: PLC0415
        build_mail_builder,
        compose_test_mail,
        compose_test_post,
    )

    if settings.email is not None:
        builder = build_mail_builder(settings)
        of_parts = (each.recipient for each in settings.subscriptions)
        by_mail = (name for name in of_parts if not channel_of(name))
        for recipient in dict.fromkeys((*settings.email.recipients, *by_mail)):
            yield compose_test_mail(builder, recipient, app.now())
    for channel in settings.channels:
        yield compose_test_post(settings, channel, app.now())
