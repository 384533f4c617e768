"""The ways in which the built-in Studio can fail, as bytes on the wire.

Each is something that a client has met: proxies that answer for Studio, connections that end or
trickle, answers that never should be believed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from http import HTTPStatus

from auditor.drift.model import JsonObject, TargetId

_JSON = "application/json"
_MEBI = 1024 * 1024


class Fault(StrEnum):
    """What goes wrong with an answer."""

    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    HTTP_404 = "http_404"
    HTTP_403 = "http_403"
    HTTP_401 = "http_401"
    HTML = "html"
    HALF_BODY = "half_body"
    DRIP = "drip"
    REFUSED = "refused"
    NOT_JSON = "not_json"
    REDIRECT = "redirect"
    CLOSE = "close"
    SLOW = "slow"
    TOO_LARGE = "too_large"
    GZIP_BOMB = "gzip_bomb"
    MISSING_KEY = "missing_key"
    EMPTY_LIST = "empty_list"


@dataclass(kw_only=True)
class Trouble:
    """A fault in force: for one target or all, for so many requests or (None) for good.

    Attributes:
        path: how the path of a request ends that meets it.
    """

    fault: Fault
    target: TargetId | None
    times: int | None
    retry_after: str = "1"
    path: str = ""

    def strikes(self, target: TargetId | None, path: str) -> bool:
        """Return whether a request for `target` meets the fault, and count it if so."""
        if self.target not in {None, target} or self.times == 0 or not path.endswith(self.path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer.

    Attributes:
        promised: the Content-Length, where it is not the body's own.
        drips: the body is sent byte by byte, a second between.
        delay_s: how long the server thinks before it answers.
    """

    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = _JSON
    body: bytes = b""
    promised: int | None = None
    drips: bool = False
    delay_s: float = 0.0

    def head(self) -> bytes:
        """Return status line and header fields, with the empty line after them."""
        length = len(self.body) if self.promised is None else self.promised
        fields = [
            ("Content-Type", self.content_type),
            ("Content-Length", str(length)),
            *self.headers,
        ]
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in fields]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def json_reply(document: JsonObject, *, status: int = HTTPStatus.OK) -> Reply:
    """Return a document as Studio sends one."""
    return Reply(status=status, body=json.dumps(document, separators=(",", ":")).encode())


def refusal(reason: str, *, status: int = HTTPStatus.OK) -> Reply:
    """Return Studio's way to say no: HTTP 200 and `success` false."""
    return json_reply({"success": False, "error": reason}, status=status)


def troubled(trouble: Trouble, good: Reply) -> Reply | None:
    """Return what is sent in place of a good reply, None where the connection is just closed."""
    if trouble.fault is Fault.CLOSE:
        return None
    if trouble.fault is Fault.HTTP_429:
        return _status(429, ("Retry-After", trouble.retry_after))
    return _REPLIES[trouble.fault](good)


def _status(status: int, *headers: tuple[str, str]) -> Reply:
    body = json.dumps({"success": False, "error": HTTPStatus(status).description}).encode()
    return Reply(status=status, headers=headers, body=body)


def _page(_good: Reply) -> Reply:
    page = b"<!DOCTYPE html><title>Sign in</title><p>Please sign in."
    return Reply(body=page, content_type="text/html; charset=utf-8")


def _half(good: Reply) -> Reply:
    return Reply(body=good.body[: len(good.body) // 2], promised=len(good.body))


def _lacking(good: Reply) -> Reply:
    document = json.loads(good.body)
    document.pop("thresholds", None)
    return json_reply(document)


def _emptied(good: Reply) -> Reply:
    document = json.loads(good.body)
    return json_reply({k: [] if isinstance(v, list) else v for k, v in document.items()})


@cache
def _large() -> Reply:
    return Reply(body=b" " * (20 * _MEBI))


@cache
def _bomb() -> Reply:
    packer = zlib.compressobj(level=9, wbits=16 + zlib.MAX_WBITS)
    packed = b"".join(packer.compress(b" " * _MEBI) for _ in range(64)) + packer.flush()
    return Reply(body=packed, headers=(("Content-Encoding", "gzip"),))


_REPLIES: dict[Fault, Callable[[Reply], Reply]] = {
    Fault.HTTP_500: lambda _good: _status(500),
    Fault.HTTP_404: lambda _good: _status(404),
    Fault.HTTP_403: lambda _good: _status(403),
    Fault.HTTP_401: lambda _good: _status(401),
    Fault.HTML: _page,
    Fault.HALF_BODY: _half,
    Fault.DRIP: lambda good: replace(good, drips=True),
    Fault.REFUSED: lambda _good: refusal("Something went wrong"),
    Fault.NOT_JSON: lambda _good: Reply(body=b'{"success": true, "learningRate": NaN}'),
    Fault.REDIRECT: lambda _good: _status(302, ("Location", "/v1/api/elsewhere")),
    Fault.SLOW: lambda good: replace(good, delay_s=60.0),
    Fault.TOO_LARGE: lambda _good: _large(),
    Fault.GZIP_BOMB: lambda _good: _bomb(),
    Fault.MISSING_KEY: _lacking,
    Fault.EMPTY_LIST: _emptied,
}
