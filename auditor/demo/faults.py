"""The faults of the built-in Studio, as bytes on the wire.

Clients have met each of them: proxies that answer for Studio, connections that end or trickle,
answers that are not valid. docs/faults.md lists them all with their effect.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import Any

from auditor.demo.http_server import ServerReply, json_reply, refusal_reply
from auditor.model import TargetId

_PROJECT = re.compile(r"/api/(\d+)/")


class Fault(StrEnum):
    """What is wrong with an answer; docs/faults.md has the effect of each."""

    HTTP_204 = "http_204"
    HTTP_206 = "http_206"
    HTTP_304 = "http_304"
    HTTP_400 = "http_400"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_405 = "http_405"
    HTTP_408 = "http_408"
    HTTP_409 = "http_409"
    HTTP_410 = "http_410"
    HTTP_418 = "http_418"
    HTTP_429 = "http_429"
    HTTP_429_DATE = "http_429_date"
    HTTP_429_ABSURD = "http_429_absurd"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    HTTP_504 = "http_504"

    REDIRECT = "redirect"
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_HOST = "redirect_host"
    REDIRECT_FILE = "redirect_file"
    REDIRECT_SECRET = "redirect_secret"  # noqa: S105 - a name

    CLOSE = "close"
    RESET = "reset"
    SLOW = "slow"
    DRIP = "drip"
    HALF_BODY = "half_body"
    HALF_CHUNKED = "half_chunked"
    ENDLESS_HEADERS = "endless_headers"

    TOO_LARGE = "too_large"
    TOO_LARGE_CHUNKED = "too_large_chunked"
    GZIP_BOMB = "gzip_bomb"
    DEFLATE_BOMB = "deflate_bomb"
    BROTLI_BOMB = "brotli_bomb"
    ZSTD_BOMB = "zstd_bomb"
    DOUBLE_GZIP = "double_gzip"
    UNKNOWN_ENCODING = "unknown_encoding"
    BROKEN_GZIP = "broken_gzip"

    EMPTY_BODY = "empty_body"
    HTML = "html"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    NOT_JSON = "not_json"
    INFINITY = "infinity"
    BYTE_ORDER_MARK = "byte_order_mark"
    INVALID_UTF8 = "invalid_utf8"
    DUPLICATE_KEYS = "duplicate_keys"
    HUGE_INTEGER = "huge_integer"
    HUGE_EXPONENT = "huge_exponent"
    DEEP_NESTING = "deep_nesting"
    LONE_SURROGATE = "lone_surrogate"
    NUL_IN_TEXT = "nul_in_text"

    REFUSED = "refused"
    REFUSED_KEY = "refused_key"
    ERROR_WITH_SECRET = "error_with_secret"  # noqa: S105 - a name
    HEADER_ECHO = "header_echo"
    SUCCESS_ABSENT = "success_absent"
    SUCCESS_TEXT = "success_text"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    MOST_KEYS_GONE = "most_keys_gone"
    NOT_AN_OBJECT = "not_an_object"
    EMPTIED = "emptied"

    LISTING_EMPTY = "listing_empty"
    LISTING_HTML = "listing_html"
    LISTING_REFUSED = "listing_refused"
    LISTING_WRONG_TYPE = "listing_wrong_type"

    @property
    def is_listing_fault(self) -> bool:
        """Return whether it affects listings only."""
        return self.startswith("listing_")

    @property
    def is_transient(self) -> bool:
        """Return whether Studio itself shows it sometimes, for a moment."""
        return self in {Fault.EMPTIED, Fault.LISTING_EMPTY}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """What a fault can depend on: the request and its credential."""

    path: str
    target: TargetId | None
    secret: str = ""

    @property
    def is_listing(self) -> bool:
        """Return whether it is for the blocks of a project, or for the projects."""
        return self.path.endswith(("/impulses", "/projects"))

    @property
    def project_id(self) -> int | None:
        """Return the project of the request, None if it has none."""
        found = _PROJECT.search(self.path)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultContext:
    """What a fault changes: the request, and its answer without the fault."""

    request: ApiRequest
    good: ServerReply
    retry_after: str


@dataclass(kw_only=True)
class ActiveFault:
    """A fault that applies to one target or (None) all, `times` times or (None) always.

    A fault of a listing applies to the listing of the target's project.

    Attributes:
        path: only requests whose path ends with it are affected.
    """

    fault: Fault
    target: TargetId | None
    times: int | None
    retry_after: str = "1"
    path: str = ""

    def applies(self, request: ApiRequest) -> bool:
        """Return whether the fault applies to a request, and count it if so."""
        if not self._concerns(request) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _concerns(self, request: ApiRequest) -> bool:
        if not request.path.endswith(self.path):
            return False
        if not self.fault.is_listing_fault:
            return self.target in {None, request.target}
        of_project = self.target is None or self.target.project_id == request.project_id
        return request.is_listing and of_project


FAULT_DESCRIPTIONS = {
    Fault.HTTP_204: "204, no body",
    Fault.HTTP_206: "206 with half the answer",
    Fault.HTTP_304: "304 without a body, for an answer that was not sent before",
    Fault.HTTP_400: "400 with Studio's `error`",
    Fault.HTTP_401: "401 with Studio's `error`",
    Fault.HTTP_403: "403 with Studio's `error`",
    Fault.HTTP_404: "404 with Studio's `error`",
    Fault.HTTP_405: "405 with Studio's `error`",
    Fault.HTTP_408: "408 with Studio's `error`",
    Fault.HTTP_409: "409 with Studio's `error`",
    Fault.HTTP_410: "410 with Studio's `error`",
    Fault.HTTP_418: "418 with Studio's `error`",
    Fault.HTTP_429: "429, `Retry-After` in seconds",
    Fault.HTTP_429_DATE: "429, `Retry-After` a date two seconds ahead",
    Fault.HTTP_429_ABSURD: "429, `Retry-After` of 400 digits",
    Fault.HTTP_500: "500 with Studio's `error`",
    Fault.HTTP_502: "502 with a proxy's page",
    Fault.HTTP_503: "503 with Studio's `error`",
    Fault.HTTP_504: "504 with a proxy's page",
    Fault.REDIRECT: "302 to another path",
    Fault.REDIRECT_LOOP: "302 to the same address",
    Fault.REDIRECT_HOST: "302 to another host",
    Fault.REDIRECT_FILE: "302 to `file:///etc/passwd`",
    Fault.REDIRECT_SECRET: "302 to a sign-in page, the key in its address",
    Fault.CLOSE: "the connection is closed without an answer",
    Fault.RESET: "the connection is reset after half the answer",
    Fault.SLOW: "nothing for a minute, then the answer",
    Fault.DRIP: "the answer, one byte a second",
    Fault.HALF_BODY: "half of the `Content-Length`, then the end",
    Fault.HALF_CHUNKED: "half the answer in chunks, without the last one",
    Fault.ENDLESS_HEADERS: "header fields without end",
    Fault.TOO_LARGE: "400 MiB with a `Content-Length`",
    Fault.TOO_LARGE_CHUNKED: "400 MiB in chunks, without a length",
    Fault.GZIP_BOMB: "300 KB of gzip that decompress to 300 MiB",
    Fault.DEFLATE_BOMB: "the same as deflate",
    Fault.BROTLI_BOMB: "241 bytes of Brotli that decompress to 300 MiB",
    Fault.ZSTD_BOMB: "10 KB of zstd that decompress to 300 MiB",
    Fault.DOUBLE_GZIP: "gzip in gzip",
    Fault.UNKNOWN_ENCODING: "`Content-Encoding: x-rot13`",
    Fault.BROKEN_GZIP: "`Content-Encoding: gzip`, but not gzip",
    Fault.EMPTY_BODY: "200 and an empty body",
    Fault.HTML: "200 and a sign-in page",
    Fault.WRONG_CONTENT_TYPE: "the answer, with a `Content-Type` of a web page in UTF-16",
    Fault.NOT_JSON: "a member that is `NaN`",
    Fault.INFINITY: "a member that is `-Infinity`",
    Fault.BYTE_ORDER_MARK: "the answer after a byte order mark",
    Fault.INVALID_UTF8: "a byte 0xFF in a text",
    Fault.DUPLICATE_KEYS: "`learningRate` twice, with two values",
    Fault.HUGE_INTEGER: "an integer of 400 digits",
    Fault.HUGE_EXPONENT: "`1e999`",
    Fault.DEEP_NESTING: "lists 100,000 deep",
    Fault.LONE_SURROGATE: "a name with half a surrogate pair, `\\ud800`",
    Fault.NUL_IN_TEXT: "a name with a NUL",
    Fault.REFUSED: "200, `success` false",
    Fault.REFUSED_KEY: "200, `success` false, Studio's text for a wrong key",
    Fault.ERROR_WITH_SECRET: "200, `success` false, the key in the `error`",
    Fault.HEADER_ECHO: "400, the key in the `error` and in a header",
    Fault.SUCCESS_ABSENT: "an answer without `success`",
    Fault.SUCCESS_TEXT: '`success` is the text "true"',
    Fault.MISSING_KEY: "an answer without `thresholds`",
    Fault.WRONG_TYPE: '`trained` is the text "yes"',
    Fault.MOST_KEYS_GONE: "four of thirty keys remain",
    Fault.NOT_AN_OBJECT: "the answer in a list",
    Fault.EMPTIED: "`visualLayers` and `script` empty for one answer",
    Fault.LISTING_EMPTY: "`/impulses` without an impulse, for one answer",
    Fault.LISTING_HTML: "`/impulses` is a sign-in page",
    Fault.LISTING_REFUSED: "`/impulses` says `success` false",
    Fault.LISTING_WRONG_TYPE: "`impulses` is an object",
}


_PLAIN = (400, 401, 403, 404, 405, 408, 409, 410, 418, 500, 503)
_OF_A_PROXY = (502, 504)


def _status_faults() -> dict[Fault, Callable[[FaultContext], ServerReply]]:
    """Return the answer of each fault of status, as Studio, proxies and sign-in pages send it."""
    return {
        **{Fault(f"http_{status}"): _fixed(_status(status)) for status in _PLAIN},
        **{Fault(f"http_{status}"): _fixed(_proxy(status)) for status in _OF_A_PROXY},
        Fault.HTTP_204: _fixed(ServerReply(status=204)),
        Fault.HTTP_206: _partial,
        Fault.HTTP_304: _fixed(ServerReply(status=304, headers=(("ETag", '"never sent"'),))),
        Fault.HTTP_429: lambda context: _busy(context.retry_after),
        Fault.HTTP_429_DATE: lambda _: _busy(_soon()),
        Fault.HTTP_429_ABSURD: _fixed(_busy("9" * 400)),
        Fault.REDIRECT: _fixed(_redirect("/v1/api/elsewhere")),
        Fault.REDIRECT_LOOP: lambda context: _redirect(context.request.path),
        Fault.REDIRECT_HOST: _fixed(_redirect("http://127.0.0.2:9/v1/api/elsewhere")),
        Fault.REDIRECT_FILE: _fixed(_redirect("file:///etc/passwd")),
        Fault.REDIRECT_SECRET: lambda context: _redirect(_sign_in(context.request.secret)),
    }


def _fixed(reply: ServerReply) -> Callable[[FaultContext], ServerReply]:
    return lambda _: reply


def _status(status: int, *headers: tuple[str, str]) -> ServerReply:
    body = json.dumps({"success": False, "error": HTTPStatus(status).description}).encode()
    return ServerReply(status=status, headers=headers, body=body)


def _proxy(status: int) -> ServerReply:
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return ServerReply(status=status, content_type="text/html", body=page.encode())


def _partial(context: FaultContext) -> ServerReply:
    whole = context.good.body
    half = whole[: len(whole) // 2]
    extent = f"bytes 0-{len(half) - 1}/{len(whole)}"
    return ServerReply(status=206, headers=(("Content-Range", extent),), body=half)


def _busy(retry_after: str) -> ServerReply:
    return _status(429, ("Retry-After", retry_after))


def _soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


def _redirect(location: str) -> ServerReply:
    return _status(302, ("Location", location))


def _sign_in(secret: str) -> str:
    return f"http://127.0.0.2:9/login?back=studio&api_key={secret}"


_MEBI = 1024 * 1024
_SPACES = b" " * _MEBI
_LARGE = 400
_UNPACKED = 300
"""The size of the large answers, and the decompressed size of the bombs, in MiB."""


def _transfer_faults() -> dict[Fault, Callable[[FaultContext], ServerReply | None]]:
    """Return the answer of each fault of transfer, None for no answer."""
    return {
        Fault.CLOSE: lambda _: None,
        Fault.RESET: lambda context: replace(_half(context), resets=True),
        Fault.SLOW: lambda context: replace(context.good, delay_s=60.0),
        Fault.DRIP: _drip,
        Fault.HALF_BODY: _half,
        Fault.HALF_CHUNKED: lambda context: replace(
            _half(context), promised=None, chunked=True, unfinished=True
        ),
        Fault.ENDLESS_HEADERS: lambda context: replace(context.good, endless_head=True),
        Fault.TOO_LARGE: lambda _: ServerReply(stream=_spaces, promised=_LARGE * _MEBI),
        Fault.TOO_LARGE_CHUNKED: lambda _: ServerReply(stream=_spaces, chunked=True),
        Fault.GZIP_BOMB: lambda _: _encoded("gzip", _gzip_bomb()),
        Fault.DEFLATE_BOMB: lambda _: _encoded("deflate", _deflate_bomb()),
        Fault.BROTLI_BOMB: lambda _: _encoded("br", base64.b64decode(_BROTLI_BOMB)),
        Fault.ZSTD_BOMB: lambda _: _encoded("zstd", _zstd_bomb()),
        Fault.DOUBLE_GZIP: lambda context: _encoded(
            "gzip, gzip", gzip.compress(gzip.compress(context.good.body))
        ),
        Fault.UNKNOWN_ENCODING: lambda context: _encoded("x-rot13", context.good.body),
        Fault.BROKEN_GZIP: lambda context: _encoded("gzip", context.good.body),
    }


def _half(context: FaultContext) -> ServerReply:
    good = context.good
    return replace(good, body=good.body[: len(good.body) // 2], promised=len(good.body))


def _drip(context: FaultContext) -> ServerReply:
    """Send one byte a second, so that the whole answer takes hours."""
    body = context.good.body

    def single_bytes() -> Iterator[bytes]:
        return (body[place : place + 1] for place in range(len(body)))

    return replace(context.good, stream=single_bytes, pause_s=1.0, promised=len(body))


def _spaces() -> Iterator[bytes]:
    return (_SPACES for _ in range(_LARGE))


def _encoded(encoding: str, body: bytes) -> ServerReply:
    return ServerReply(headers=(("Content-Encoding", encoding),), body=body)


@cache
def _gzip_bomb() -> bytes:
    """Return 300 MiB of spaces as gzip (RFC 1952: head, deflated data, CRC-32 and length)."""
    crc = 0
    for _ in range(_UNPACKED):
        crc = zlib.crc32(_SPACES, crc)
    length = _UNPACKED * _MEBI
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + _deflated() + crc.to_bytes(4, "little") + length.to_bytes(4, "little")


@cache
def _deflate_bomb() -> bytes:
    """Return 300 MiB of spaces as zlib (RFC 1950), which is what HTTP calls deflate."""
    adler = 1
    for _ in range(_UNPACKED):
        adler = zlib.adler32(_SPACES, adler)
    return b"\x78\xda" + _deflated() + adler.to_bytes(4, "big")


def _deflated() -> bytes:
    """Return 300 MiB of spaces deflated: one MiB repeated, which a full flush allows."""
    packer = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(_SPACES) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * _UNPACKED + packer.flush()


def _zstd_bomb() -> bytes:
    """Return 300 MiB of spaces as zstd (RFC 8878): a head, and blocks that repeat one byte."""
    size = 128 * 1024  # of one block, and of the window
    blocks = _UNPACKED * _MEBI // size
    repeated = (1 << 1 | size << 3).to_bytes(3, "little") + b" "
    last = (1 | 1 << 1 | size << 3).to_bytes(3, "little") + b" "
    return b"\x28\xb5\x2f\xfd\x00\x38" + repeated * (blocks - 1) + last


# 300 MiB of spaces as Brotli, which the standard library cannot compress.
_BROTLI_BOMB = (
    "z///fwAkQOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/n//8/ABIAcVgAuvf//P//B0ACIA4LQPf+n///"
    "/wBIAMRhAeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA4rAAdO//+f//D4AEQBwWgO79P////wGQ"
    "AIjDAtC9/+f//z8AEgBxWAC69//8//8HQAIgDgtA9/6f////AEgAxGEB6N7/8///HwAJgDgsAN37f/7//wMgARCH"
    "BaB7/8///38AJADisAB07//5//8PgARAHBaA7v1//v//ApAAiMMC0L3/BQ=="
)


DEPTH = 100_000
_PAGE = b"<!DOCTYPE html><title>Sign in</title><p>Please sign in."


def _of_bytes() -> dict[Fault, Callable[[FaultContext], ServerReply]]:
    """Return those that are not JSON, or JSON that some parsers fail on."""
    return {
        Fault.EMPTY_BODY: lambda context: replace(context.good, body=b""),
        Fault.HTML: _page,
        Fault.WRONG_CONTENT_TYPE: lambda context: replace(
            context.good, content_type="text/html; charset=utf-16"
        ),
        Fault.NOT_JSON: _with_member(b'"note":NaN'),
        Fault.INFINITY: _with_member(b'"note":-Infinity'),
        Fault.BYTE_ORDER_MARK: lambda context: replace(
            context.good, body=b"\xef\xbb\xbf" + context.good.body
        ),
        Fault.INVALID_UTF8: _with_member(b'"note":"Pump \xff"'),
        Fault.DUPLICATE_KEYS: _with_member(b'"learningRate":0.5'),
        Fault.HUGE_INTEGER: _with_member(b'"note":' + b"9" * 400),
        Fault.HUGE_EXPONENT: _with_member(b'"note":1e999'),
        Fault.DEEP_NESTING: _with_member(b'"deep":' + b"[" * DEPTH + b"]" * DEPTH),
        Fault.LONE_SURROGATE: _named("half a pair: \ud800"),
        Fault.NUL_IN_TEXT: _named("a NUL: \0"),
    }


def _of_content() -> dict[Fault, Callable[[FaultContext], ServerReply]]:
    """Return those that are JSON, but not a valid answer."""
    return {
        Fault.REFUSED: lambda _: refusal_reply("Something went wrong"),
        Fault.REFUSED_KEY: lambda _: refusal_reply("Invalid API key"),
        Fault.ERROR_WITH_SECRET: lambda context: refusal_reply(
            f"job failed: curl -H 'x-api-key: {context.request.secret}' studio"
        ),
        Fault.HEADER_ECHO: _echo,
        Fault.SUCCESS_ABSENT: _edited(lambda answer: answer.pop("success")),
        Fault.SUCCESS_TEXT: _edited(lambda answer: answer.update(success="true")),
        Fault.MISSING_KEY: _edited(lambda answer: answer.pop("thresholds", None)),
        Fault.WRONG_TYPE: _edited(lambda answer: answer.update(trained="yes")),
        Fault.MOST_KEYS_GONE: _edited(_keep_little),
        Fault.NOT_AN_OBJECT: lambda context: replace(
            context.good, body=b"[" + context.good.body + b"]"
        ),
        Fault.EMPTIED: _edited(lambda answer: answer.update(visualLayers=[], script="")),
    }


def _of_listing() -> dict[Fault, Callable[[FaultContext], ServerReply]]:
    """Return those of the listing of a project's blocks."""
    return {
        Fault.LISTING_EMPTY: _edited(_empty_lists),
        Fault.LISTING_HTML: _page,
        Fault.LISTING_REFUSED: lambda _: refusal_reply("Something went wrong"),
        Fault.LISTING_WRONG_TYPE: lambda _: json_reply({"success": True, "impulses": {}}),
    }


def _page(_: FaultContext) -> ServerReply:
    return ServerReply(body=_PAGE, content_type="text/html; charset=utf-8")


def _echo(context: FaultContext) -> ServerReply:
    """Repeat the request with its credential, as a misconfigured proxy does."""
    error = f"cannot route {context.request.path} (x-api-key: {context.request.secret})"
    refused = refusal_reply(error, status=400)
    return replace(refused, headers=(("X-Asked-With", context.request.secret),))


def _with_member(member: bytes) -> Callable[[FaultContext], ServerReply]:
    """Add a member at the end of the answer, where it replaces an earlier one of its name."""

    def make_reply(context: FaultContext) -> ServerReply:
        body = context.good.body.rstrip().removesuffix(b"}")
        return replace(context.good, body=body + b"," + member + b"}")

    return make_reply


def _named(name: str) -> Callable[[FaultContext], ServerReply]:
    return _edited(lambda answer: answer.update(name=name))


def _edited(edit: Callable[[dict[str, Any]], object]) -> Callable[[FaultContext], ServerReply]:
    def make_reply(context: FaultContext) -> ServerReply:
        answer = json.loads(context.good.body)
        edit(answer)
        return json_reply(answer)

    return make_reply


def _empty_lists(listing: dict[str, Any]) -> None:
    listing.update({key: [] for key, value in listing.items() if isinstance(value, list)})


def _keep_little(answer: dict[str, Any]) -> None:
    for key in answer.keys() - {"success", "name", "type", "dependencies"}:
        del answer[key]


def faulty_reply(fault: ActiveFault, request: ApiRequest, good: ServerReply) -> ServerReply | None:
    """Return the answer with the fault, None to close the connection without one."""
    context = FaultContext(request=request, good=good, retry_after=fault.retry_after)
    return _REPLIES[fault.fault](context)


_REPLIES: dict[Fault, Callable[[FaultContext], ServerReply | None]] = {
    **_status_faults(),
    **_transfer_faults(),
    **_of_bytes(),
    **_of_content(),
    **_of_listing(),
}
