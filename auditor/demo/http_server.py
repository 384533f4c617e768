"""The HTTP server of the built-in Studio: connections, threads, and answers byte by byte."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Protocol, TypeAlias, cast

from auditor.model import JsonObject

JSON = "application/json"
Pieces: TypeAlias = Callable[[], Iterator[bytes]]
_Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]  # as socketserver types it
_RESET = struct.pack("ii", 1, 0)  # linger for 0 seconds: RST instead of FIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReply:
    """An HTTP answer.

    Attributes:
        promised: the Content-Length, if it is not the body's own.
        stream: sent instead of `body`, piece by piece, so that it may be larger than the memory.
        chunked: each piece of the body is a chunk, and there is no Content-Length.
        unfinished: the chunk that ends a chunked body is left out.
        endless_head: header fields without end, and no body.
        pause_s: between two pieces of the body.
        delay_s: before the answer.
        resets: the connection is reset after the body, not closed.
    """

    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    body: bytes = b""
    promised: int | None = None
    stream: Pieces | None = None
    chunked: bool = False
    unfinished: bool = False
    endless_head: bool = False
    pause_s: float = 0.0
    delay_s: float = 0.0
    resets: bool = False

    @property
    def ends_connection(self) -> bool:
        """Return whether the connection cannot be used for another answer."""
        return self.promised is not None or self.unfinished or self.endless_head or self.resets

    def head(self) -> Iterator[bytes]:
        """Yield the status line, the header fields and the empty line after them."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (*self._framing(), *self.headers)]
        yield "".join(f"{line}\r\n" for line in lines).encode()
        for number in count() if self.endless_head else ():
            yield f"X-More-{number}: {'x' * 1000}\r\n".encode()
        yield b"\r\n"

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it is sent."""
        for piece in self.stream() if self.stream else filter(None, [self.body]):
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece
        if self.chunked and not self.unfinished:
            yield b"0\r\n\r\n"

    def _framing(self) -> Iterator[tuple[str, str]]:
        if self.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return  # they have no body (RFC 9110 sections 8.6 and 15.4.5)
        yield "Content-Type", self.content_type
        if self.chunked:
            yield "Transfer-Encoding", "chunked"
        else:
            length = len(self.body) if self.promised is None else self.promised
            yield "Content-Length", str(length)


def json_reply(document: JsonObject, *, status: int = HTTPStatus.OK) -> ServerReply:
    """Return a document as Studio sends it."""
    return ServerReply(status=status, body=json.dumps(document, separators=(",", ":")).encode())


def refusal_reply(reason: str, *, status: int = HTTPStatus.OK) -> ServerReply:
    """Return a refusal as Studio sends it: HTTP 200 and `success` false."""
    return json_reply({"success": False, "error": reason}, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request without its secrets: header names in lower case, and one header value.

    Attributes:
        if_none_match: the header's value: ETags of answers that the client has.
    """

    method: str
    path: str
    header_names: tuple[str, ...]
    if_none_match: str = ""


class RequestHandler(Protocol):
    """Decides the answers."""

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Return the answer to a request, None to close the connection without one.

        `key` is the value of x-api-key, `token` that of any other credential's header.
        """
        ...


class StudioHttpServer(ThreadingHTTPServer):
    """Serves in its own thread; `stop` ends all threads and connections."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, handler: RequestHandler, port: int = 0) -> None:
        self.handler = handler
        self.stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="built-in-studio"
        )

    def start(self) -> None:
        """Start to serve."""
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
        """Remember the connection, to close it with the server."""
        with self._open_lock:
            self._open.add(cast("socket.socket", request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Connection) -> None:
        """Forget a closed connection."""
        with self._open_lock:
            self._open.discard(cast("socket.socket", request))
        super().shutdown_request(request)

    def handle_error(self, request: _Connection, client_address: object) -> None:
        """Ignore clients that hang up in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has closed it already


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept open for many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else small answers wait 40 ms for an acknowledgement
    server: StudioHttpServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing."""

    def do_GET(self) -> None:
        """Send the handler's answer."""
        length = int(self.headers.get("content-length", "0")) if self.command == "POST" else 0
        request = ReceivedRequest(
            method=self.command,
            path=self.path,
            header_names=tuple(name.lower() for name in self.headers),
            if_none_match=self.headers.get("if-none-match", ""),
        )
        reply = self.server.handler.reply(
            request,
            key=self.headers.get("x-api-key", ""),
            token=self._token(),
            body=self.rfile.read(length).decode(),
        )
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base's names

    def _token(self) -> str:
        cookie = self.headers.get("cookie", "")
        token = self.headers.get("x-jwt-token") or self.headers.get("authorization")
        return token or cookie.removeprefix("jwt=")

    def _send(self, reply: ServerReply) -> None:
        if reply.ends_connection or self.command not in {"GET", "POST"}:
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
        os.close(self.connection.detach())  # the handler's file objects would keep it open


def _gathered(reply: ServerReply) -> Iterator[bytes]:
    """Yield the answer; a small one in one piece, so that it fits one packet."""
    if reply.stream or reply.endless_head:
        yield from reply.head()
        yield from reply.pieces()
    else:
        yield b"".join([*reply.head(), *reply.pieces()])
