"""Pings a monitoring URL when a run starts and ends, in the format of healthchecks.io.

The pings are `URL/start`, then `URL` or `URL/fail` (https://healthchecks.io/docs/http_api/), each
a POST with a line of text. A thread sends them in order, so that a server that does not answer
delays nothing; only the end of a run waits for it, for `END_TIMEOUT_S`. The URL is a secret: only
its host is logged.

It uses urllib, not Studio's connection pool: that belongs to the event loop of one run, and some
pings are sent without a loop, for example after a late delivery.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from auditor.errors import AuditorError, UsageError
from auditor.proxies import proxy_of_environment
from auditor.redaction import Secret
from auditor.trust import create_context, explain_distrust, find_distrust

END_TIMEOUT_S = 15.0
PROBE_TIMEOUT_S = 10.0
_WAITS_S = (1.0, 2.0)  # between three tries

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """The pings of one run; without a URL it sends none. The first failure is logged."""

    url: Secret | None
    timeout_s: float = 5.0  # of each step of a try: connecting, reading
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
        request = Request(  # noqa: S310 - the configuration allows only http and https
            _address(self.url.reveal(), suffix),
            data=text.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "auditor"},
            method="POST",
        )
        # A daemon thread: a server that never answers must not keep the program from exiting.
        thread = threading.Thread(
            target=self._send,
            args=(request, self._thread, self._superseded),
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
        self, request: Request, previous: threading.Thread | None, superseded: threading.Event
    ) -> None:
        if previous is not None:
            previous.join()  # a start ping after its end would look like a run that hangs
        failure, is_final = self._try(request)
        for wait_s in self.waits_s:
            if is_final or superseded.wait(wait_s):
                break
            failure, is_final = self._try(request)
        if failure and not superseded.is_set():
            self._log(failure)

    def _try(self, request: Request) -> tuple[str, bool]:
        """Send once; return the reason for a failure, else an empty text, and if it is final."""
        try:
            with _opener(request.full_url).open(request, timeout=self.timeout_s):
                return "", True
        except HTTPError as error:
            error.close()
            is_transient = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            return f"answered {error.code}", not (
                is_transient or error.code == HTTPStatus.TOO_MANY_REQUESTS
            )
        except UsageError as error:  # certificates or a proxy of the environment; without the URL
            return str(error), True
        except Exception as error:  # noqa: BLE001 - a ping never ends a run, whatever it meets
            distrust = find_distrust(error) or find_distrust(_inner(error))
            return (explain_distrust(distrust), True) if distrust else (_reason(error), False)

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
    parts = urlsplit(url.reveal())
    try:
        with closing(_connection(url.reveal())) as connection:
            connection.timeout = PROBE_TIMEOUT_S
            connection.connect()
    except AuditorError:
        raise
    except Exception as error:
        distrust = find_distrust(error)
        remedy = "correct heartbeat.url, or let this machine reach it"
        why = explain_distrust(distrust) if distrust else f"{_reason(error)}; {remedy}"
        raise AuditorError(f"{parts.hostname} cannot be reached: {why}") from error
    return f"{parts.hostname} can be reached; no ping was sent, so the URL itself is not tried"


def _connection(url: str) -> HTTPConnection:
    """Return a connection to the URL's server that is not open yet, through the proxy if any."""
    parts, proxy = urlsplit(url), proxy_of_environment(url)
    first = parts if proxy is None else urlsplit(proxy.reveal())
    if parts.scheme == "http":
        return HTTPConnection(first.hostname or "", first.port)
    context = create_context()
    if proxy is None:
        return HTTPSConnection(first.hostname or "", first.port, context=context)
    login = f"{unquote(first.username or '')}:{unquote(first.password or '')}".encode()
    headers = {"Proxy-Authorization": f"Basic {b64encode(login).decode()}"}
    connection = HTTPSConnection(first.hostname or "", first.port or 80, context=context)
    connection.set_tunnel(parts.hostname or "", parts.port, headers if first.username else None)
    return connection


def _address(url: str, suffix: str) -> str:
    """Return the URL with a suffix added to its path; its query is kept."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)) if suffix else url


def _opener(url: str) -> OpenerDirector:
    """Return an opener that follows no redirects: these would pass the URL to another host."""
    opener, scheme = OpenerDirector(), urlsplit(url).scheme
    proxy = proxy_of_environment(url)
    for handler in (
        ProxyHandler({} if proxy is None else {scheme: proxy.reveal()}),
        HTTPHandler(),
        HTTPSHandler(context=create_context() if scheme == "https" else None),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _inner(error: Exception) -> BaseException | None:
    """Return the error that urllib wraps without naming it as the cause."""
    reason = error.reason if isinstance(error, URLError) else None
    return reason if isinstance(reason, BaseException) else None


def _reason(error: Exception) -> str:
    """Return the reason without the error's own text, which may contain the URL."""
    cause = _inner(error) or error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
