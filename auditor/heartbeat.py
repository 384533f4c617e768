"""Pings a monitoring URL when a run starts and ends, in the format of healthchecks.io.

The pings are `URL/start`, then `URL` or `URL/fail` (https://healthchecks.io/docs/http_api/), each
a POST with a line of text. A thread sends them in order, so that a server that does not answer
delays nothing; only the end of a run waits for it, for `END_TIMEOUT_S`. The URL is a secret: only
its host is logged.

It does not use Studio's connection pool: that belongs to the event loop of one run, and some pings
are sent without a loop, for example after a late delivery.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from auditor.errors import AuditorError, UsageError, WebError
from auditor.redaction import Secret
from auditor.web import explain, post, reach

END_TIMEOUT_S = 15.0
PROBE_TIMEOUT_S = 10.0
_WAITS_S = (1.0, 2.0)  # between three tries

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """The pings of one run; without a URL it sends none. The first failure is logged."""

    url: Secret | None
    timeout_s: float = 5.0  # of each try
    waits_s: tuple[float, ...] = _WAITS_S
    _thread: threading.Thread | None = field(init=False, default=None)
    _superseded: threading.Event = field(init=False, default_factory=threading.Event)
    _has_logged: bool = field(init=False, default=False)

    def start(self) -> None:
        """Report that a run has started; returns at once."""
        self._ping("/start", "")

    def end(self, text: str, *, is_well: bool) -> None:
        """Report how the run ended; waits until the ping is sent, given up or too late."""
        self._superseded.set()  # a start ping that is still being retried is too late
        self._superseded = threading.Event()
        self._ping("" if is_well else "/fail", text)
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)
            if self._thread.is_alive():
                self._log(f"no answer in {END_TIMEOUT_S:.0f} s")

    def _ping(self, suffix: str, text: str) -> None:
        if self.url is None:
            return
        url = Secret(_address(self.url.reveal(), suffix))
        # A daemon thread: a server that never answers must not keep the program from exiting.
        thread = threading.Thread(
            target=self._send,
            args=(url, text, self._thread, self._superseded),
            name="heartbeat",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            self._log("this machine has no thread left to send it in")
        else:
            self._thread = thread

    def _send(
        self,
        url: Secret,
        text: str,
        previous: threading.Thread | None,
        superseded: threading.Event,
    ) -> None:
        if previous is not None:
            previous.join()  # a start ping after its end would look like a run that hangs
        failure, is_final = self._try(url, text)
        for wait_s in self.waits_s:
            if is_final or superseded.wait(wait_s):
                break
            failure, is_final = self._try(url, text)
        if failure and not superseded.is_set():
            self._log(failure)

    def _try(self, url: Secret, text: str) -> tuple[str, bool]:
        """Send once; return the reason for a failure, else an empty text, and if it is final."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        try:
            answer = post(url, text.encode(), headers, limit_s=self.timeout_s)
        except WebError as error:
            return str(error), error.is_final
        except UsageError as error:  # certificates or a proxy of the environment; without the URL
            return str(error), True
        except Exception as error:  # noqa: BLE001 - a ping never ends a run, whatever it meets
            return explain(error), False
        if answer.is_taken:
            return "", True
        is_transient = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return f"answered {answer.status}", not (
            is_transient or answer.status == HTTPStatus.TOO_MANY_REQUESTS
        )

    def _log(self, failure: str) -> None:
        if self._has_logged or self.url is None:
            return
        self._has_logged = True
        logger.warning(
            "heartbeat failed: %s",
            failure,
            extra={"host": urlsplit(self.url.reveal()).hostname},
        )


def probe_heartbeat(url: Secret) -> str:
    """Connect to the server, by TLS for https, and return in words that it was reached.

    No request is sent: each one, a HEAD too, would count as a ping that a run succeeded
    (https://healthchecks.io/docs/http_api/). So whether the server knows the URL stays unknown.

    Raises:
        AuditorError: it cannot be reached; without the URL, which is a secret.
    """
    host = urlsplit(url.reveal()).hostname
    try:
        reach(url, limit_s=PROBE_TIMEOUT_S)
    except WebError as error:
        remedy = "" if error.is_final else "; correct heartbeat.url, or let this machine reach it"
        raise AuditorError(f"{host} cannot be reached: {error}{remedy}") from error
    return f"{host} can be reached; no ping was sent, so the URL itself is not tried"


def _address(url: str, suffix: str) -> str:
    """Return the URL with a suffix added to its path; its query is kept."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)) if suffix else url
