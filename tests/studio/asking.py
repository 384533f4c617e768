"""A Studio to ask, and a client that does not wait between tries."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.credentials import ApiKey
from auditor.fetching import BlockSource, FetchResult, StoredBody
from auditor.model import BlockKindName, TargetId
from auditor.redaction import Secret
from auditor.studio.client import StudioClient

TARGET = TargetId(101, 3)
NAMED = BlockSource(kinds=(BlockKindName.KERAS,))
KEY = "ei_" + "c0ffee" * 11
KEY_OF_PROJECT = ApiKey(Secret(KEY))


@dataclass
class Waits:
    """Stands in for the clock: remembers how long it was asked to wait."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def client(base_url: str, **changes: Any) -> StudioClient:  # noqa: ANN401 - any field of it
    """Return a client for project 101 that is quick to give up."""
    fields: dict[str, Any] = {
        "base_url": base_url,
        "credentials": {TARGET.project_id: KEY_OF_PROJECT},
        "concurrency": 4,
        "timeout": timedelta(seconds=20),
        "tries": 3,
        "max_bytes": 1 << 20,
        "now": lambda: datetime.now(UTC),
        "sleep": Waits(),
        "jitter": lambda: 1.0,
        "explains": True,
    }
    return StudioClient(**(fields | changes))


def fetch(
    base_url: str,
    *,
    target: TargetId = TARGET,
    stored_body: StoredBody | None = None,
    **changes: Any,  # noqa: ANN401 - as above
) -> FetchResult:
    """Ask once for one block with a client of its own."""

    async def ask() -> FetchResult:
        async with client(base_url, **changes) as studio:
            return await studio.fetch(target, NAMED, stored_body=stored_body)

    return asyncio.run(ask())


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """Return an HTTP answer that ends with its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


@dataclass
class Wire:
    """A server that sends given bytes, in turn, the last for ever."""

    port: int
    heard: list[str]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def wire(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Serve `answers` byte for byte while the block lasts."""
    left = list(answers)
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield Wire(port=server.sockets[0].getsockname()[1], heard=heard)


def fetch_from_wire(*answers: bytes, **changes: Any) -> FetchResult:  # noqa: ANN401 - as above
    """Ask a server that sends `answers` once for one block."""

    async def ask() -> FetchResult:
        async with wire(*answers) as server, client(server.base_url, **changes) as studio:
            return await studio.fetch(TARGET, NAMED, stored_body=None)

    return asyncio.run(ask())
