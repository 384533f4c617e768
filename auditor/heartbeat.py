"""Proof of life: pings a URL by the convention of healthchecks.io.

`URL/start`, then `URL` or `URL/fail` (https://healthchecks.io/docs/http_api/), each a POST with a
line of text. A thread sends them in order, so that nobody waits for a server that does not answer;
a run that ended waits for it once, for `LONGEST`. The URL is a secret: only its host is logged.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from auditor.redaction import Secret

LONGEST = 15.0  # seconds that a run which ended waits for its last ping
_WAITS_S = (1.0, 2.0)  # between tries, so three of them

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """The pings of one run; without a URL it is silent. What fails is logged once."""

    url: Secret | None
    timeout_s: float = 5.0  # of each step of a try: connecting, each read
    waits_s: tuple[float, ...] = _WAITS_S
    _last: threading.Thread | None = field(init=False, default=None)
    _passed: threading.Event = field(init=False, default_factory=threading.Event)
    _has_complained: bool = field(init=False, default=False)

    def start(self) -> None:
        """Say that a run began; it is not waited for."""
        self._beat("/start", "")

    def end(self, words: str, *, is_well: bool) -> None:
        """Say how the run ended; returns once that was heard, given up, or took too long."""
        self._passed.set()  # a start that is still tried is late now
        self._passed = threading.Event()
        self._beat("" if is_well else "/fail", words)
        if self._last is not None:
            self._last.join(LONGEST)
            if self._last.is_alive():
                self._complain(f"no answer in {LONGEST:.0f} s")

    def _beat(self, suffix: str, words: str) -> None:
        if self.url is None:
            return
        request = Request(  # noqa: S310 - the configuration admits http and https alone
            _address(self.url.reveal(), suffix),
            data=words.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "auditor"},
            method="POST",
        )
        # A daemon thread: a server that never answers must not keep the program from its end.
        self._last = threading.Thread(
            target=self._send,
            args=(request, self._last, self._passed),
            name="heartbeat",
            daemon=True,
        )
        self._last.start()

    def _send(
        self, request: Request, before: threading.Thread | None, passed: threading.Event
    ) -> None:
        if before is not None:
            before.join()  # a start that came behind its end would look like a run that hangs
        failure, is_final = self._failure(request)
        for wait_s in self.waits_s:
            if is_final or passed.wait(wait_s):
                break
            failure, is_final = self._failure(request)
        if failure and not passed.is_set():
            self._complain(failure)

    def _failure(self, request: Request) -> tuple[str, bool]:
        """Try once; return why it failed, empty where it did not, and whether that is final."""
        try:
            with _opener().open(request, timeout=self.timeout_s):
                return "", True
        except HTTPError as error:
            error.close()
            is_passing = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            return f"answered {error.code}", not (
                is_passing or error.code == HTTPStatus.TOO_MANY_REQUESTS
            )
        except URLError as error:
            return _reason(error.reason), False
        except (OSError, HTTPException, ValueError) as error:  # a host that no DNS can name
            return _reason(error), False

    def _complain(self, failure: str) -> None:
        if self._has_complained or self.url is None:
            return
        self._has_complained = True
        logger.warning(
            "heartbeat not taken: %s",
            failure,
            extra={"host": urlsplit(self.url.reveal()).hostname},
        )


def _address(url: str, suffix: str) -> str:
    """Return the URL with a suffix of its path; a query stays behind it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)) if suffix else url


def _opener() -> OpenerDirector:
    """Return what opens http and https and follows no redirect: it would tell the URL on."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(error: object) -> str:
    """Return why in words that cannot hold the URL."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
