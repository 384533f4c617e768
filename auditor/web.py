"""Sends requests for the heartbeat and the channels: each whole within its time limit.

Servers are verified by the machine's certificates, the environment's proxies are used, and no
redirect is followed: it would pass a secret URL to another host.

A timeout of a socket is no limit, as it starts again with each byte. So a call has a thread of
its own; when its time is over, its connections are ended and nobody waits for it any longer.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from auditor import __version__
from auditor.errors import UsageError, WebError
from auditor.proxies import proxy_of_environment
from auditor.redaction import Secret
from auditor.trust import create_context, explain_distrust, find_distrust

NO_ANSWER = "no answer in time"
_BODY_PART = 5  # of the time limit, for a body once the status is known
_MOST_BODY_BYTES = 1024 * 1024  # of an answer: its status decides
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """An answer, whatever its status; of the body of a refusal the beginning."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_taken(self) -> bool:
        """Return whether the server took the request."""
        return 200 <= self.status < 300


class Guard:
    """The connections of one call, ended when its time is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._is_over = False

    def watch(self, connection: socket.socket) -> None:
        """End this connection when the time is over."""
        # A duplicate: TLS puts another object in the place of the socket.
        duplicate = connection.dup()
        with self._lock:
            self._connections.append(duplicate)
            is_over = self._is_over
        if is_over:
            self.end()

    def end(self) -> None:
        """End the connections; the thread that waits at one of them is woken."""
        with self._lock:
            self._is_over = True
            for connection in self._connections:
                with suppress(OSError):  # the server may have closed it
                    connection.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Forget the connections."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()


def call_within(limit_s: float, work: Callable[[Guard], _T]) -> _T:
    """Return what `work` returns, or raise what it raises, within the limit.

    Raises:
        TimeoutError: it takes longer; it is left alone, without its connections.
        WebError: this machine has no thread left.
    """
    guard, done = Guard(), threading.Event()
    results: list[_T] = []
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            results.append(work(guard))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            errors.append(error)
        finally:
            guard.release()
            done.set()

    # A daemon thread: a server that never answers must not keep the program from exiting.
    thread = threading.Thread(target=attempt, name="web", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise WebError("this machine has no thread left to send it in") from error
    if not done.wait(limit_s):
        guard.end()
        raise TimeoutError
    if errors:
        raise errors[0]
    return results[0]


def post(url: Secret, body: bytes, headers: Mapping[str, str], *, limit_s: float) -> WebAnswer:
    """Return the answer to a POST of the body, of its own body the beginning.

    Raises:
        UsageError: the environment's proxy or certificates cannot be used.
        WebError: there is no answer; its words do not contain the URL.
    """

    def work(guard: Guard) -> WebAnswer:
        return exchange("POST", url.reveal(), headers, body, guard=guard, limit_s=limit_s)

    return _translated(limit_s, work)


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    guard: Guard,
    limit_s: float,
) -> WebAnswer:
    """Return the answer to a request, in the calling thread; `guard` ends it.

    Of a body that breaks off or drips, the part that came in time is in it: the status decides.

    Raises:
        UsageError: the environment's proxy or certificates cannot be used.
        WebError: there is no answer; its words do not contain the URL.
    """
    try:
        with closing(_transport(url)) as transport:
            request = _request(method, url, body, headers, limit_s=limit_s, trace=_watch(guard))
            response = transport.handle_request(request)
            request.extensions["timeout"]["read"] = limit_s / _BODY_PART
            with closing(response):
                body = _read(response, limit_s / _BODY_PART)
            return WebAnswer(status=response.status_code, headers=response.headers, body=body)
    except UsageError:
        raise
    except Exception as error:
        raise _web_error(error) from error


def reach(url: Secret, *, limit_s: float) -> None:
    """Connect to the URL's server, by TLS for https; no request is sent.

    Raises:
        UsageError: the environment's proxy or certificates cannot be used.
        WebError: it cannot be reached.
    """
    _translated(limit_s, partial(_reach, url, limit_s))


def explain(error: BaseException) -> str:
    """Return why there is no answer, without the error's own text: that may contain the URL."""
    cause: BaseException | None = error
    for _ in range(8):  # libraries wrap each other's errors, but not for ever
        if cause is None:
            break
        if isinstance(cause, TimeoutError | httpx.TimeoutException):
            return NO_ANSWER
        if isinstance(cause, socket.gaierror):
            return cause.strerror or "no such host"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _translated(limit_s: float, work: Callable[[Guard], _T]) -> _T:
    try:
        return call_within(limit_s, work)
    except (UsageError, WebError):
        raise
    except Exception as error:
        raise _web_error(error) from error


def _web_error(error: Exception) -> WebError:
    distrust = find_distrust(error)
    words = explain_distrust(distrust) if distrust else explain(error)
    return WebError(words, is_final=distrust is not None)


class _ReachedError(Exception):
    """The connection is there, and the request would be sent next."""


def _reach(url: Secret, limit_s: float, guard: Guard) -> None:
    watch = _watch(guard)

    def stop(event: str, info: Mapping[str, Any]) -> None:
        watch(event, info)
        # CONNECT is said to the proxy, not to the server.
        is_next = event == "http11.send_request_headers.started"
        if is_next and info["request"].method != b"CONNECT":
            raise _ReachedError

    with closing(_transport(url.reveal())) as transport, suppress(_ReachedError):
        request = _request("POST", url.reveal(), b"", {}, limit_s=limit_s, trace=stop)
        transport.handle_request(request)


def _watch(guard: Guard) -> Callable[[str, Mapping[str, Any]], None]:
    def watch(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            guard.watch(info["return_value"].get_extra_info("socket"))

    return watch


def _read(response: httpx.Response, limit_s: float) -> bytes:
    """Return the body as it was sent, cut where it is long or takes long."""
    body, end = bytearray(), time.monotonic() + limit_s
    with suppress(Exception):  # the status has decided
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= _MOST_BODY_BYTES or time.monotonic() > end:
                break
    return bytes(body[:_MOST_BODY_BYTES])


def _request(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    limit_s: float,
    trace: Callable[[str, Mapping[str, Any]], None],
) -> httpx.Request:
    steps = dict.fromkeys(("connect", "read", "write", "pool"), limit_s)
    own = {"user-agent": f"auditor/{__version__}"}
    parts = urlsplit(url)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        own["authorization"] = f"Basic {b64encode(login).decode()}"
    # One request a connection; compressed answers would have to be unpacked within a limit.
    fixed = {"connection": "close", "accept-encoding": "identity"}
    return httpx.Request(
        method,
        url,
        content=body,
        headers={**own, **{name.lower(): value for name, value in headers.items()}, **fixed},
        extensions={"timeout": steps, "trace": trace},
    )


def _transport(url: str) -> httpx.HTTPTransport:
    address = proxy_of_environment(url)
    via = "" if address is None else address.reveal()
    # For plain http none is used; the real one reads every root certificate (20 ms).
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = create_context() if url.startswith("https:") else bare
    try:
        to_proxy = create_context() if via.startswith("https:") else None
        proxy = httpx.Proxy(via, ssl_context=to_proxy) if via else None
    except (ValueError, httpx.InvalidURL) as error:
        # The address is not repeated: it may contain a password.
        raise UsageError(
            "the proxy of the environment is not a valid address: correct or unset it"
        ) from error
    return httpx.HTTPTransport(verify=context, trust_env=False, proxy=proxy)
