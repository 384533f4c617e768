"""The HTTP server under the built-in Studio: connections, threads, bytes as a reply has them."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, TypeAlias, cast

from auditor.demo.oauth import TOKEN_PATH
from auditor.demo.replies import Reply

_Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]  # as socketserver types it
_RESET = struct.pack("ii", 1, 0)  # linger for no time at all: RST in place of FIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in; header names in lower case, values left out but for a validator.

    Attributes:
        if_none_match: the ETags for which no body is wanted, as the header has them.
    """

    method: str
    path: str
    header_names: tuple[str, ...]
    if_none_match: str = ""


class Answering(Protocol):
    """Decides what is answered."""

    def token(self, asked: Asked, authorization: str, body: str) -> Reply:
        """Return the answer to a token request."""
        ...

    def reply(self, asked: Asked, *, key: str, jwt: str) -> Reply | None:
        """Return the answer to a request, None where the connection is to be dropped."""
        ...


class Server(ThreadingHTTPServer):
    """Serves in a thread of its own and leaves no thread or socket behind."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, studio: Answering) -> None:
        self.studio = studio
        self.stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="built-in-studio"
        )

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End every connection and thread."""
        self.stopped.set()
        self.shutdown()
        self._thread.join()
        with self._open_lock:
            for connection in self._open:
                _hang_up(connection)
        self.server_close()

    def process_request(self, request: _Connection, client_address: object) -> None:
        """Remember the connection, to end it with the server."""
        with self._open_lock:
            self._open.add(cast("socket.socket", request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Connection) -> None:
        """Forget a connection that ended."""
        with self._open_lock:
            self._open.discard(cast("socket.socket", request))
        super().shutdown_request(request)

    def handle_error(self, request: _Connection, client_address: object) -> None:
        """Pass over clients that hang up in the middle of an answer; it is what they do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else small answers wait 40 ms for an acknowledgement
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the requests are in `BuiltInStudio.requests`."""

    def do_GET(self) -> None:
        """Answer as the Studio does."""
        asked = Asked(
            method=self.command,
            path=self.path,
            header_names=tuple(name.lower() for name in self.headers),
            if_none_match=self.headers.get("if-none-match", ""),
        )
        studio, key = self.server.studio, self.headers.get("x-api-key", "")
        reply: Reply | None
        if self.command == "POST" and self.path == TOKEN_PATH:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            reply = studio.token(asked, self.headers.get("authorization", ""), body)
        else:
            reply = studio.reply(asked, key=key, jwt=self._jwt())
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base's names

    def _jwt(self) -> str:
        cookie = self.headers.get("cookie", "")
        token = self.headers.get("x-jwt-token") or self.headers.get("authorization")
        return token or cookie.removeprefix("jwt=")

    def _send(self, reply: Reply) -> None:
        if reply.ends_connection or (self.command != "GET" and self.path != TOKEN_PATH):
            self.close_connection = True
        self.server.stopped.wait(reply.delay_s)
        for piece in _gathered(reply):
            self.wfile.write(piece)
            if self.server.stopped.wait(reply.pause_s):
                return
        if reply.resets:
            self._reset()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        os.close(self.connection.detach())  # the file objects of the handler would keep it open


def _gathered(reply: Reply) -> Iterator[bytes]:
    """Yield what goes over the wire; a small answer in one piece, as it costs one packet."""
    if reply.stream or reply.endless_head:
        yield from reply.head()
        yield from reply.pieces()
    else:
        yield b"".join([*reply.head(), *reply.pieces()])
