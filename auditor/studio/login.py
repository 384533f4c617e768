"""Logs a person in by authorization code with PKCE, and stores the tokens in the token file.

The redirect comes back to a web server on this machine (RFC 8252 section 7.3).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import SplitResult, parse_qs, urlsplit

from auditor.credentials import StoredLogin
from auditor.errors import NoTokenError, UsageError
from auditor.redaction import Secret, guard
from auditor.studio.grants import Tokens, authorization_url, code_request, read_code
from auditor.studio.tokenfile import TokenFile
from auditor.studio.tokens import request_tokens
from auditor.studio.wire import Wire

AUTHORIZE_PATH = "/oauth/authorize"
HOST = "127.0.0.1"  # not "localhost", which may be IPv6 or another machine
_PATH = "/callback"
_REMEDY = "check client_id, then run `auditor login` again"
_MAX_REQUEST_BYTES = 16 * 1024
_REQUEST_TIMEOUT_S = 10
_MAX_CONNECTIONS = 32
_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>auditor login</title>"
    "<p>The auditor has received Studio's answer. <strong>You can close this window</strong>; "
    "the terminal shows the result.</p></html>"
)
_WRONG_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>auditor login</title>"
    "<p>This request does not belong to the current login: "
    "open the address that <strong>auditor login</strong> shows.</p></html>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPrompt:
    """How a person is asked to log in.

    Attributes:
        show: shows the URL at which to grant access.
        timeout: how long to wait for the person.
        port: of the redirect, 0 for any free port.
    """

    show: Callable[[str], Awaitable[None]]
    timeout: timedelta
    port: int = 0


async def log_in(
    login: StoredLogin, wire: Wire, prompt: LoginPrompt, *, now: Callable[[], datetime]
) -> Tokens:
    """Let a person log in, store the tokens and return them.

    Raises:
        NoTokenError: nobody answered, access was denied, or Studio gave no token.
        UsageError: the port is not available, or the token file is something else.
    """
    file = TokenFile(login.token_file, (wire.base_url, login.client_id))
    file.require_free()
    async with file.lock(2 * wire.timeout):
        pass  # fails before somebody logs in if the file cannot be written
    verifier = guard(Secret(secrets.token_urlsafe(64)))
    code, redirect_uri = await _wait_for_code(login, wire, prompt, verifier)
    request = code_request(
        login.client_id, guard(code), verifier=verifier, redirect_uri=redirect_uri
    )
    tokens = await request_tokens(wire, request, now, _REMEDY)
    async with file.lock(2 * wire.timeout):
        file.write(tokens)
    return tokens


async def _wait_for_code(
    login: StoredLogin, wire: Wire, prompt: LoginPrompt, verifier: Secret
) -> tuple[Secret, str]:
    """Return the authorization code and the redirect URI that it came to."""
    state = secrets.token_urlsafe(32)
    async with listen_for_redirect(prompt.port, state=state) as listener:
        url = authorization_url(
            wire.base_url + AUTHORIZE_PATH,
            login.client_id,
            state=state,
            verifier=verifier,
            redirect_uri=listener.url,
        )
        await prompt.show(url)
        try:
            async with asyncio.timeout(prompt.timeout.total_seconds()):
                query = await listener.query()
        except TimeoutError as error:
            minutes = prompt.timeout.total_seconds() / 60
            message = f"nobody granted access within {minutes:g} min: run `auditor login` again"
            raise NoTokenError("timeout", message) from error
        return read_code(query), listener.url


@dataclass(kw_only=True)
class RedirectListener:
    """Waits for the redirect to this machine."""

    port: int
    _query: asyncio.Future[str] = field(repr=False)

    @property
    def url(self) -> str:
        """Return the redirect URI."""
        return f"http://{HOST}:{self.port}{_PATH}"

    async def query(self) -> str:
        """Wait for the redirect and return its query."""
        return await self._query


@asynccontextmanager
async def listen_for_redirect(port: int = 0, *, state: str) -> AsyncIterator[RedirectListener]:
    """Listen on the loopback address, on any free port if `port` is 0.

    Only a request with `state` counts: any page and any process can send requests to this server.

    Raises:
        UsageError: the port is not available.
    """
    redirect_server = _RedirectServer(state)
    try:
        server = await asyncio.start_server(
            redirect_server.serve, HOST, port, limit=_MAX_REQUEST_BYTES
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on port {port} ({error.strerror}): leave --port out or choose another"
        ) from error
    async with server:
        try:
            yield RedirectListener(
                port=server.sockets[0].getsockname()[1], _query=redirect_server.query
            )
        finally:
            await redirect_server.close()


class _RedirectServer:
    """Answers every request, and keeps the one query that belongs to the login."""

    def __init__(self, state: str) -> None:
        self.query: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._state = state
        self._connections: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, unless too many are open."""
        self._connections[asyncio.current_task()] = writer
        try:
            # Clients that hang up are ignored.
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                if len(self._connections) <= _MAX_CONNECTIONS:
                    writer.write(self._answer(await _requested_target(reader)))
                    await writer.drain()
        finally:
            del self._connections[asyncio.current_task()]
            writer.close()

    async def close(self) -> None:
        """Close all connections: browsers keep some open for later use."""
        tasks = [task for task in self._connections if task is not None]
        for writer in self._connections.values():
            writer.close()
        if tasks:  # a task that the end of the loop cancels would print a traceback
            await asyncio.wait(tasks, timeout=_REQUEST_TIMEOUT_S)

    def _answer(self, target: SplitResult | None) -> bytes:
        if target is None:
            return _http_answer("400 Bad Request", _WRONG_PAGE)
        if target.path != _PATH:
            return _http_answer("404 Not Found", "")
        if parse_qs(target.query).get("state") != [self._state]:
            return _http_answer("400 Bad Request", _WRONG_PAGE)
        if not self.query.done():
            self.query.set_result(target.query)
        return _http_answer("200 OK", _PAGE)


async def _requested_target(reader: asyncio.StreamReader) -> SplitResult | None:
    """Return the target of a GET request, None for any other request."""
    try:
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        return urlsplit(rest.partition(" ")[0]) if method == "GET" else None
    except (asyncio.LimitOverrunError, ValueError):  # the head is too long, or is no URL
        return None


def _http_answer(status: str, body: str) -> bytes:
    lines = (
        f"HTTP/1.1 {status}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'",
        "Referrer-Policy: no-referrer",  # the URL of this page contains the code
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body.encode()
