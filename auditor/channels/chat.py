"""A channel of any service that Apprise speaks to: chat, push and more.

Apprise is imported when the first message leaves: it reads its 150 services, which takes half a
second and 40 MB. Its log is turned off, as it shows addresses.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auditor.channels.attempt import Attempt, attempting
from auditor.channels.refusals import RefusedError, describe, refused, unanswered
from auditor.channels.texts import is_marked_up, list_texts, mark_up
from auditor.channels.webhook import ATTEMPT_S
from auditor.errors import DeliveryError, WebError
from auditor.outbox import Message
from auditor.publishing import MailContent, Urgency
from auditor.redaction import Secret
from auditor.web import NO_ANSWER, Guard, call_within, reach

if TYPE_CHECKING:
    from datetime import datetime

MOST_PARTS = 8  # of a message that is longer than the service takes at once
_STEP_PART = 0.8  # of the time limit, for each step of a request
_MENTION = re.compile(
    r"(?<![\w.])@(?=\w)|@(?=(?:everyone|here|channel|all)\b)|(?<=<)(?=[@!#]|at\b)"
)
_BREAK = "\u200b"
_ICONS = ""
_NO_SUCH_SERVICE = "its url is no address that Apprise knows"
_CORRECT = "correct it (docs/channels.md has examples)"
# What an address of a known service lacks, by the end of its host's name.
_CORRECTIONS = {
    "slack.com": "copy the whole webhook, https://hooks.slack.com/services/T…/B…/…",
    "webhook.office.com": "these connectors of Teams have ended: create a workflow, see "
    "docs/channels.md",
    "logic.azure.com": "copy the whole address of the workflow, up to the end of sig=…",
    "powerplatform.com": "copy the whole address of the workflow, up to the end of sig=…",
    "discord.com": "copy the whole webhook, https://discord.com/api/webhooks/…/…",
}
_loading = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChannel:
    """Fulfils `protocols.Mailer` for one channel.

    Attributes:
        url: as Apprise writes it.
        limit_s: for the whole attempt.
        pace_s: between the parts of a message: Slack takes one a second, Discord five in two.
    """

    name: str
    url: Secret
    limit_s: float = ATTEMPT_S
    pace_s: float = 1.0

    def send(self, message: Message) -> None:
        """Hand the message to the service, in the first form that it takes.

        Raises:
            DeliveryError: the service took none.
        """
        content = json.loads(message.content)
        title, text = _harmless(content["title"]), _harmless(content["text"])
        # Some of the parts may have been taken: they would come again with each attempt.
        most_parts = MOST_PARTS if message.attempts <= 1 else 1
        # A message that an earlier version queued says nothing about its urgency.
        urgency = Urgency(content.get("urgency", Urgency.INFO))
        work = partial(self._deliver, title, text, most_parts, urgency)
        try:
            call_within(self.limit_s, work)
        except TimeoutError as error:
            raise unanswered(self.name, f"{NO_ANSWER} ({self.limit_s:g} s)") from error
        except WebError as error:
            raise unanswered(self.name, str(error)) from error

    def probe(self, *, limit_s: float) -> str:
        """Connect to the service and return in words that it was reached; nothing is sent.

        Raises:
            AuditorError: the URL names no service, or it cannot be reached.
        """
        try:
            address = call_within(limit_s, self._find_address)
        except TimeoutError as error:
            raise WebError(NO_ANSWER) from error
        if not address:
            return "its url is well formed; only --send-test can try this service"
        reach(Secret(address), limit_s=limit_s)
        host = urlsplit(address).hostname
        return f"{host} can be reached; nothing was sent, so the url itself is not tried"

    def _deliver(
        self, title: str, text: str, most_parts: int, urgency: Urgency, guard: Guard
    ) -> None:
        plugin = self._load()
        error = None
        title = mark_up(title) if is_marked_up(plugin) else title
        for form in list_texts(plugin, title, text, most_parts=most_parts):
            attempt = Attempt(guard=guard, limit_s=_STEP_PART * self.limit_s)
            if _notify(plugin, title, form, attempt, urgency=urgency):
                return
            error = self._error(attempt)
            if not error.is_of_form:
                break
        if error is not None:
            raise error

    def _error(self, attempt: Attempt) -> RefusedError:
        answer = attempt.answer
        if answer is not None and not answer.is_taken:
            return refused(self.name, answer, (self.url,))
        if attempt.failure is not None:
            return unanswered(self.name, str(attempt.failure))
        words = describe(answer.body, (self.url,)) if answer else ""
        return RefusedError(
            f"channel {self.name}: the service did not take it{': ' if words else ''}{words}"
        )

    def _find_address(self, guard: Guard) -> str:
        """Return where the first request for a message would go, empty where Apprise sends none.

        A service that is not spoken to by HTTP requests is not tried: it would get the message.
        """
        plugin = self._load()
        if not _uses_requests(plugin):
            return ""
        attempt = Attempt(guard=guard, limit_s=1, only_looks=True)
        _notify(plugin, "title", "text", attempt)
        return attempt.address

    def _load(self) -> Any:  # noqa: ANN401 - Apprise's own
        plugin = _load_service(self.url)
        if plugin is None:
            words = describe_unknown(self.url)
            raise DeliveryError(f"channel {self.name}: {words}", permanent=False)
        plugin.request_rate_per_sec = self.pace_s
        return plugin


@dataclass(frozen=True, slots=True)
class ChatComposer:
    """Fulfils `protocols.Composer`: title, text and urgency, for the service to show."""

    def compose(
        self,
        mailing: MailContent,
        *,
        recipient: str,
        message_id: str,
        at: datetime,
    ) -> bytes:
        """Return title, text and urgency as JSON."""
        del recipient, message_id, at
        content = {"title": mailing.subject, "text": mailing.text, "urgency": mailing.urgency}
        return json.dumps(content, ensure_ascii=True).encode("ascii")

    def compose_summary(
        self,
        mailing: MailContent,
        *,
        recipient: str,
        message_id: str,
        at: datetime,
    ) -> bytes:
        """Return nothing: the text is cut when the service refuses it."""
        del mailing, recipient, message_id, at
        return b""


def is_known_service(url: Secret) -> bool:
    """Return whether Apprise knows the service of a URL; nothing is connected to."""
    return _load_service(url) is not None


def describe_unknown(url: Secret) -> str:
    """Return what is wrong with a URL of which Apprise knows no service, and nothing of it."""
    host = urlsplit(url.reveal()).hostname or ""
    remedies = (
        words
        for domain, words in _CORRECTIONS.items()
        if host == domain or host.endswith(f".{domain}")
    )
    return f"{_NO_SUCH_SERVICE}: {next(remedies, _CORRECT)}"


def _harmless(text: str) -> str:
    """Return a text that calls nobody: a name such as `@everyone` would."""
    broken = _MENTION.sub(lambda found: f"{found.group()}{_BREAK}", text)
    return broken.encode("utf-8", "replace").decode()


def _load_service(url: Secret) -> Any:  # noqa: ANN401 - Apprise's own
    """Return Apprise's service for a URL, None where it knows none."""
    with _loading:
        for name in ("apprise", "requests", "urllib3"):
            library = logging.getLogger(name)
            library.propagate, library.disabled = False, True
        from auditor.channels import transport  # noqa: PLC0415

        transport.install()
        import apprise  # noqa: PLC0415

        asset = apprise.AppriseAsset(
            app_id="EI drift",
            app_desc="Edge Impulse drift auditor",
            app_url="",
            image_url_mask=_ICONS,
            image_url_logo=_ICONS,
            async_mode=False,
            http_redirects=False,
            service_timeout=0,
            storage_mode="memory",
        )
        plugin = apprise.Apprise.instantiate(url.reveal(), asset=asset, suppress_exceptions=True)
    if plugin is None:
        return None
    plugin.optional, plugin.service_retry, plugin.verify_certificate = False, 0, True
    if plugin.overflow_mode == apprise.OverflowMode.UPSTREAM:
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    return plugin


def _notify(
    plugin: Any,  # noqa: ANN401 - Apprise's own
    title: str,
    text: str,
    attempt: Attempt,
    *,
    urgency: Urgency = Urgency.INFO,
) -> bool:
    """Return whether the service took a message; the attempt has what it answered."""
    import apprise  # noqa: PLC0415

    form = apprise.NotifyFormat.MARKDOWN if is_marked_up(plugin) else apprise.NotifyFormat.TEXT
    sender = apprise.Apprise(asset=plugin.asset)
    sender.add(plugin)
    with attempting(attempt):
        return bool(
            sender.notify(
                body=text,
                title=title,
                notify_type=apprise.NotifyType(urgency.value),
                body_format=form,
            )
        )


def _uses_requests(plugin: Any) -> bool:  # noqa: ANN401 - Apprise's own
    home = type(plugin).__module__
    return any(
        getattr(sys.modules.get(name), "requests", None) is not None
        for name in (home, f"{home}.base")
    )
