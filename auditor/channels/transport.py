"""Has Apprise send its requests by `auditor.web`.

Apprise calls the functions of `requests`, each of which makes a `Session` and trusts the
certificates that come with it. Apprise has no hook for another one, so `requests` is given a
session that trusts what the machine trusts, follows no redirect and uses the environment's
proxies by our rules. Nothing else in the program uses `requests`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import requests
import requests.sessions
from requests.adapters import BaseAdapter

from auditor.errors import UsageError, WebError
from auditor.web import Guard, WebAnswer, exchange

_OWN = frozenset({"connection", "accept-encoding", "content-length", "host"})


@dataclass(slots=True)
class Attempt:
    """What the requests of one message came to.

    Attributes:
        limit_s: for each step of a request.
        only_looks: no request is sent; the first one's address is kept.
        answer: the last answer that was a refusal, else the last one.
        failure: why the last request had no answer.
        address: of the first request.
    """

    guard: Guard
    limit_s: float
    only_looks: bool = False
    answer: WebAnswer | None = None
    failure: WebError | UsageError | None = None
    address: str = ""
    sent: int = field(default=0)

    def keep(self, answer: WebAnswer) -> None:
        """Keep an answer, unless an earlier one was a refusal."""
        self.sent += 1
        if self.answer is None or self.answer.is_taken:
            self.answer = answer


_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


@contextmanager
def attempting(attempt: Attempt) -> Iterator[None]:
    """Have the requests of this thread belong to an attempt."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


class _Adapter(BaseAdapter):
    """Sends a request of the library by our client."""

    def send(self, request: Any, *_args: Any, **_options: Any) -> requests.Response:  # noqa: ANN401 - the library's
        attempt = _attempt.get()
        if attempt is None:
            raise requests.ConnectionError("no attempt is under way")
        attempt.address = attempt.address or request.url
        if attempt.only_looks:
            raise requests.ConnectionError("nothing is sent")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OWN}
        try:
            answer = exchange(
                request.method,
                request.url,
                headers,
                _bytes(request.body),
                guard=attempt.guard,
                limit_s=attempt.limit_s,
            )
        except (WebError, UsageError) as error:
            attempt.failure = error
            raise requests.ConnectionError(str(error), request=request) from error
        attempt.keep(answer)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = BytesIO(answer.body)
        response.url = request.url
        response.request = request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""


class _Session(requests.sessions.Session):
    """A session that neither follows redirects nor reads the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    def send(self, request: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - the library's
        return super().send(request, **{**options, "allow_redirects": False})


def _bytes(body: Any) -> bytes:  # noqa: ANN401 - the library's
    if body is None or isinstance(body, bytes):
        return body or b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read()) if hasattr(body, "read") else b"".join(body)


def install() -> None:
    """Give `requests` this session."""
    requests.sessions.Session = _Session  # type: ignore[misc]
    requests.Session = _Session  # type: ignore[misc]
