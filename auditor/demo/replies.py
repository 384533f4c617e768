"""What the built-in Studio sends: HTTP answers, down to how the bytes come and the line ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from http import HTTPStatus
from itertools import count
from typing import TypeAlias

from auditor.model import JsonObject

JSON = "application/json"
Pieces: TypeAlias = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer.

    Attributes:
        promised: the Content-Length, where it is not the body's own.
        stream: sent in place of `body`, piece by piece, so that it may be larger than the memory.
        chunked: each piece of the body is a chunk, and no length is told.
        unfinished: the chunk that ends a chunked body is left out.
        endless_head: header fields without end, and so no body.
        pause_s: between two pieces of the body.
        delay_s: how long the server thinks before it answers.
        resets: the connection is reset after the body, not ended.
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
        """Return whether nothing can follow it on its connection."""
        return self.promised is not None or self.unfinished or self.endless_head or self.resets

    def head(self) -> Iterator[bytes]:
        """Yield status line and header fields, with the empty line after them."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (*self._framing(), *self.headers)]
        yield "".join(f"{line}\r\n" for line in lines).encode()
        for number in count() if self.endless_head else ():
            yield f"X-More-{number}: {'x' * 1000}\r\n".encode()
        yield b"\r\n"

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it goes over the wire."""
        for piece in self.stream() if self.stream else filter(None, [self.body]):
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece
        if self.chunked and not self.unfinished:
            yield b"0\r\n\r\n"

    def _framing(self) -> Iterator[tuple[str, str]]:
        if self.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return  # RFC 9110 sections 8.6 and 15.4.5: they have no body
        yield "Content-Type", self.content_type
        if self.chunked:
            yield "Transfer-Encoding", "chunked"
        else:
            length = len(self.body) if self.promised is None else self.promised
            yield "Content-Length", str(length)


def json_reply(document: JsonObject, *, status: int = HTTPStatus.OK) -> Reply:
    """Return a document as Studio sends one."""
    return Reply(status=status, body=json.dumps(document, separators=(",", ":")).encode())


def refusal(reason: str, *, status: int = HTTPStatus.OK) -> Reply:
    """Return Studio's way to say no: HTTP 200 and `success` false."""
    return json_reply({"success": False, "error": reason}, status=status)


def validated(good: Reply, if_none_match: str) -> Reply:
    """Return an answer with its ETag, or 304 where the asker has it (RFC 9110 section 13.1.2)."""
    etag = f'"{sha256(good.body).hexdigest()[:32]}"'
    tagged = replace(good, headers=(*good.headers, ("ETag", etag)))
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    if good.status == HTTPStatus.OK and known & {etag, "*"}:
        return replace(tagged, status=HTTPStatus.NOT_MODIFIED, body=b"")
    return tagged
