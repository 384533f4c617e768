"""Waits on this machine for the browser that comes back from Studio (RFC 8252 section 7.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, urlsplit

from auditor.errors import UsageError

HOST = "127.0.0.1"  # not "localhost", which may be another machine's or IPv6
_PATH = "/callback"
_LONGEST_HEAD = 16 * 1024
_SLOWEST_S = 10
_MOST_AT_ONCE = 32
_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>auditor login</title>"
    "<p>The auditor has Studio's answer. <strong>You can close this window</strong>; "
    "the terminal says how it went.</p></html>"
)
_ANOTHER = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>auditor login</title>"
    "<p>This does not belong to the login that is waited for: "
    "open the address that <strong>auditor login</strong> shows.</p></html>"
)


@dataclass(kw_only=True)
class Listener:
    """A web server for one answer. `address` is where the browser is to be led."""

    port: int
    _query: asyncio.Future[str] = field(repr=False)

    @property
    def address(self) -> str:
        """Return the redirect address."""
        return f"http://{HOST}:{self.port}{_PATH}"

    async def query(self) -> str:
        """Return the query that the browser brought, once it came."""
        return await self._query


@asynccontextmanager
async def listening(port: int = 0, *, state: str) -> AsyncIterator[Listener]:
    """Listen on loopback while the block lasts, on a free port where `port` is 0.

    Only what brings `state` is an answer: any page and any process can ask this server.

    Raises:
        UsageError: the port is taken.
    """
    desk = _Desk(state)
    try:
        server = await asyncio.start_server(desk.serve, HOST, port, limit=_LONGEST_HEAD)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be listened on ({error.strerror}): leave --port out or "
            "name another"
        ) from error
    async with server:
        try:
            yield Listener(port=server.sockets[0].getsockname()[1], _query=desk.query)
        finally:
            await desk.leave()


class _Desk:
    """Answers whoever looks in, and keeps the one query that belongs to the login."""

    def __init__(self, state: str) -> None:
        self.query: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._state = state
        self._present: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, unless too many are open already."""
        self._present[asyncio.current_task()] = writer
        try:
            # A browser that hangs up, or something else that looks in, is not worth a word.
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                if len(self._present) <= _MOST_AT_ONCE:
                    writer.write(self._reply(await _target(reader)))
                    await writer.drain()
        finally:
            del self._present[asyncio.current_task()]
            writer.close()

    async def leave(self) -> None:
        """Hang up on who is still there: a browser keeps connections open for later."""
        serving = [task for task in self._present if task is not None]
        for writer in self._present.values():
            writer.close()
        if serving:  # a task cut off by the end of the loop would leave a traceback
            await asyncio.wait(serving, timeout=_SLOWEST_S)

    def _reply(self, target: SplitResult | None) -> bytes:
        if target is None:
            return _page("400 Bad Request", _ANOTHER)
        if target.path != _PATH:
            return _page("404 Not Found", "")
        if parse_qs(target.query).get("state") != [self._state]:
            return _page("400 Bad Request", _ANOTHER)
        if not self.query.done():
            self.query.set_result(target.query)
        return _page("200 OK", _PAGE)


async def _target(reader: asyncio.StreamReader) -> SplitResult | None:
    """Return what a GET asks for, None of a request that makes no sense here."""
    try:
        async with asyncio.timeout(_SLOWEST_S):
            head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        return urlsplit(rest.partition(" ")[0]) if method == "GET" else None
    except (asyncio.LimitOverrunError, ValueError):  # a head too long, no address
        return None


def _page(status: str, body: str) -> bytes:
    lines = (
        f"HTTP/1.1 {status}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'",
        "Referrer-Policy: no-referrer",  # the address of this page holds the code
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body.encode()
