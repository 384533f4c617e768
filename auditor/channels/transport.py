"""Has Apprise send its requests by `auditor.web`.

Apprise calls the functions of `requests`, each of which makes a `Session` and trusts the
certificates that come with it. Apprise has no hook for another one, so `requests` is given a
session that trusts what the machine trusts, follows no redirect and uses the environment's
proxies by our rules. Nothing else in the program uses `requests`.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import requests
import requests.sessions
from requests.adapters import BaseAdapter

from auditor.channels.attempt import attempt_under_way
from auditor.errors import UsageError, WebError
from auditor.web import exchange

_OWN = frozenset({"connection", "accept-encoding", "content-length", "host"})


class _Adapter(BaseAdapter):
    """Sends a request of the library by our client."""

    def send(self, request: Any, *_args: Any, **_options: Any) -> requests.Response:  # noqa: ANN401 - the library's
        attempt = attempt_under_way()
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
