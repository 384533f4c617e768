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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auditor.channels.refusals import RefusedError, describe, refused, unanswered
from auditor.channels.webhook import ATTEMPT_S
from auditor.errors import DeliveryError, WebError
from auditor.outbox import Message
from auditor.publishing import MailContent
from auditor.redaction import Secret
from auditor.web import NO_ANSWER, Guard, call_within, reach

if TYPE_CHECKING:
    from datetime import datetime

    from auditor.channels.transport import Attempt

MOST_PARTS = 8  # of a message that is longer than the service takes at once
_SHORTER = (2_900, 900)  # for a service that refuses the form: Slack's blocks take 3,000
_MARGIN = 40  # of each part, for its number
_PACE_S = 1.0  # between the parts of a message; Apprise would wait for up to 5.5 s
_STEP_S = 25.0
_MENTION = re.compile(
    r"(?<![\w.])@(?=\w)|@(?=(?:everyone|here|channel|all)\b)|(?<=<)(?=[@!#]|at\b)"
)
_BREAK = "\u200b"
_ICONS = ""
_NO_SUCH_SERVICE = (
    "its url is no address that Apprise knows: correct it (docs/channels.md has examples)"
)
_loading = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChannel:
    """Fulfils `protocols.Mailer` for one channel.

    Attributes:
        url: as Apprise writes it.
        limit_s: for the whole attempt.
    """

    name: str
    url: Secret
    limit_s: float = ATTEMPT_S

    def send(self, message: Message) -> None:
        """Hand the message to the service, in the first form that it takes.

        Raises:
            DeliveryError: the service took none.
        """
        content = json.loads(message.content)
        work = partial(self._deliver, content["title"], content["text"])
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
        address = call_within(limit_s, self._find_address)
        if not address:
            return "its url is well formed; only --send-test can try this service"
        reach(Secret(address), limit_s=limit_s)
        host = urlsplit(address).hostname
        return f"{host} can be reached; nothing was sent, so the url itself is not tried"

    def _deliver(self, title: str, text: str, guard: Guard) -> None:
        plugin = self._load()
        room = MOST_PARTS * max(plugin.body_maxlen - len(title) - _MARGIN, _SHORTER[-1])
        error = None
        for most in (room, *(most for most in _SHORTER if most < min(room, len(text)))):
            error = self._try(plugin, title, cut_text(text, most), guard)
            if error is None:
                return
            if not error.is_of_form:
                break
        if error is not None:
            raise error

    def _try(self, plugin: Any, title: str, text: str, guard: Guard) -> RefusedError | None:  # noqa: ANN401 - Apprise's own
        """Return why the service did not take this form of the message, None if it did."""
        from auditor.channels.transport import Attempt, attempting  # noqa: PLC0415 - requests

        attempt = Attempt(guard=guard, limit_s=_STEP_S)
        with attempting(attempt):
            is_taken = _notify(plugin, _harmless(title), _harmless(text))
        return None if is_taken else self._error(attempt)

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
        from auditor.channels.transport import Attempt, attempting  # noqa: PLC0415 - requests

        plugin = self._load()
        attempt = Attempt(guard=guard, limit_s=1, only_looks=True)
        if not _uses_requests(plugin):
            return ""
        with attempting(attempt):
            _notify(plugin, "title", "text")
        return attempt.address

    def _load(self) -> Any:  # noqa: ANN401 - Apprise's own
        plugin = _load_service(self.url)
        if plugin is None:
            raise DeliveryError(f"channel {self.name}: {_NO_SUCH_SERVICE}", permanent=False)
        return plugin


@dataclass(frozen=True, slots=True)
class ChatComposer:
    """Fulfils `protocols.Composer`: title and text, which the service gets as they are."""

    def compose(
        self,
        mailing: MailContent,
        *,
        recipient: str,
        message_id: str,
        at: datetime,
    ) -> bytes:
        """Return title and text as JSON."""
        del recipient, message_id, at
        content = {"title": mailing.subject, "text": mailing.text}
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


def cut_text(text: str, most: int) -> str:
    """Return a text of at most about `most` characters: of its middle paragraph the first lines.

    The paragraph says how many lines it lacks. The first paragraph has the verdict, the last one
    the link; both stay.
    """
    if len(text) <= most:
        return text
    head, *middle, foot = text.split("\n\n") if text.count("\n\n") > 1 else (text, "")
    lines = "\n\n".join(middle).split("\n")
    room = most - len(head) - len(foot) - 60
    kept = list(_take(lines, room))
    left_out = len(lines) - len(kept)
    more = f"… and {left_out:,} more" if left_out else ""
    return "\n\n".join(filter(None, (head[: max(most, 200)], "\n".join([*kept, more]), foot)))


def _take(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line


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
    plugin.request_rate_per_sec = min(plugin.request_rate_per_sec, _PACE_S)
    if plugin.overflow_mode == apprise.OverflowMode.UPSTREAM:
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    return plugin


def _notify(plugin: Any, title: str, text: str) -> bool:  # noqa: ANN401 - Apprise's own
    import apprise  # noqa: PLC0415

    sender = apprise.Apprise(asset=plugin.asset)
    sender.add(plugin)
    return bool(sender.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))


def _uses_requests(plugin: Any) -> bool:  # noqa: ANN401 - Apprise's own
    home = type(plugin).__module__
    return any(
        getattr(sys.modules.get(name), "requests", None) is not None
        for name in (home, f"{home}.base")
    )
