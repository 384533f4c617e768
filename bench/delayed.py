"""A file server that answers after 100 ms, like a distant Studio.

python -m bench.delayed FOLDER PORT
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.fleet import file_of

DELAY_S = 0.1


class Late(asyncio.Protocol):
    """Answers GET requests on a connection, in order; handles no other method and no error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = b""
        self._wire: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - for the type alone
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        """Answer each complete request after the delay."""
        self._asked += data
        if self._asked.endswith(b"\r\n\r\n"):
            path = self._asked.split(b" ", 2)[1].decode()
            self._asked = b""
            asyncio.get_running_loop().call_later(DELAY_S, self._answer, path)

    def _answer(self, path: str) -> None:
        body = file_of(self._folder, path).read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        self._wire.write(head.encode() + body)


async def serve(folder: Path, port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Late(folder), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
