"""Waits on this machine for the browser that comes back from Studio (RFC 8252 section 7.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from auditor.errors import UsageError

HOST = "127.0.0.1"  # not "localhost", which may be another machine's or IPv6
_PATH = "/callback"
_LONGEST_LINE = 16 * 1024
_SLOWEST_S = 10
_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>auditor login</title>"
    "<p>The auditor has Studio's answer. <strong>You can close this window</strong>; "
    "the terminal says how it went.</p></html>"
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
async def listening(port: int = 0) -> AsyncIterator[Listener]:
    """Listen on loopback while the block lasts, on a free port where `port` is 0.

    Raises:
        UsageError: the port is taken.
    """
    query: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A browser that hangs up, or something else that looks in, is not worth a word.
        with suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            found = await _asked(reader)
            if found is not None and not query.done():
                query.set_result(found)
            writer.write(_reply(is_found=found is not None))
            await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, HOST, port, limit=_LONGEST_LINE)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be listened on ({error.strerror}): leave --port out or "
            "name another"
        ) from error
    async with server:
        yield Listener(port=server.sockets[0].getsockname()[1], _query=query)


async def _asked(reader: asyncio.StreamReader) -> str | None:
    """Return the query of a request for the redirect address, None of any other."""
    async with asyncio.timeout(_SLOWEST_S):
        head = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = urlsplit(rest.partition(" ")[0])
    return target.query if method == "GET" and target.path == _PATH else None


def _reply(*, is_found: bool) -> bytes:
    status, body = ("200 OK", _PAGE) if is_found else ("404 Not Found", "")
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
