"""Sends HTTP requests to Studio: one connection pool per run, complete answers only.

It sends GET, and POST only for OAuth2 token requests. An answer is decoded chunk by chunk, so that
no more than `max_bytes` of it are ever in memory.

Of httpx it uses only the transport over aiohttp, not the client: that would add redirects, a
cookie jar and a quarter of the CPU time, and none of them is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
import zlib
from base64 import b64encode
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from auditor import __version__
from auditor.errors import StudioError, UsageError
from auditor.redaction import Secret
from auditor.studio.answers import quote
from auditor.studio.tls import CA_FILE, Security, proxy_address, tls_context
from auditor.trust import explain_distrust, find_distrust

logger = logging.getLogger(__name__)

_MAX_ERROR_BYTES = 64 * 1024
_MAX_TOKEN_BYTES = 64 * 1024
_COMPRESSION_OVERHEAD = 64 * 1024  # data that cannot be compressed grows a little
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_PLAIN = frozenset({"", "identity"})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
# What the libraries are known to raise. httpx-aiohttp does not translate all of aiohttp's errors
# (a bad status line), and a reason phrase that is not UTF-8 raises a UnicodeEncodeError, which is
# a ValueError. Anything else costs one request as well, and is logged with its traceback.
_CONNECTION_ERRORS = (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError)
# Not their subclasses for names and certificates, whose messages say more.
_CONNECT_ERRORS = (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError)
_STRONG_ETAG = re.compile(r'"[!#-~]{1,200}"')
_FORM = "application/x-www-form-urlencoded"
_HEADERS = {
    "user-agent": f"auditor/{__version__}",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer. `body` is complete if `status` is 200; else it may be empty.

    The names of `headers` may have any case: use `header`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header field's value, empty if the answer does not have it."""
        return self.headers.get(name, "")


@dataclass(kw_only=True, eq=False)
class Wire:
    """A connection pool for one run, as an async context manager.

    Attributes:
        base_url: without a slash at its end.
        concurrency: the largest number of connections.
        timeout: for one complete answer, including the connection.
        max_bytes: the largest size of one answer, decoded.
        security: the TLS and proxy settings.
    """

    base_url: str
    concurrency: int
    timeout: timedelta
    max_bytes: int
    security: Security = field(default_factory=Security)
    host: str = field(init=False)
    transport: httpx.AsyncBaseTransport = field(init=False, repr=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)
    _route: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.host = urlsplit(self.base_url).netloc.rpartition("@")[2]  # no password in a message

    async def __aenter__(self) -> Self:
        proxy = _proxy(self.base_url, self.security)
        # For https the CONNECT request carries the proxy's login; for http every request does.
        is_tunnelled = self.base_url.startswith("https:")
        login = {} if proxy is None or is_tunnelled else dict(proxy.headers)
        self._headers = _HEADERS | login
        self._route = f" through the proxy {proxy.url.netloc.decode()}" if proxy else ""
        context = tls_context(self.base_url, self.security)
        self.transport = _transport(context, proxy, concurrency=self.concurrency)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.transport.aclose()

    async def get(
        self, path: str, headers: Mapping[str, str], *, secrets: Collection[Secret] = ()
    ) -> Reply:
        """Return the answer to a GET of `path` under the base URL, whatever its status.

        Args:
            path: begins with a slash.
            headers: in addition to those that every request has.
            secrets: values to hide in messages.

        Raises:
            StudioError: `timeout`, `unreachable`, `too_large` or `not_json` (a content encoding).
        """
        request = httpx.Request("GET", self.base_url + path, headers={**self._headers, **headers})
        return await self._send(request, secrets, max_bytes=self.max_bytes)

    async def post_form(
        self, path: str, headers: Mapping[str, str], form: str, *, secrets: Collection[Secret]
    ) -> Reply:
        """Return the answer to a token request, as `get` does; `form` is the encoded body."""
        request = httpx.Request(
            "POST",
            self.base_url + path,
            headers={**self._headers, "content-type": _FORM, **headers},
            content=form.encode("ascii"),
        )
        return await self._send(request, secrets, max_bytes=_MAX_TOKEN_BYTES)

    async def _send(
        self, request: httpx.Request, secrets: Collection[Secret], *, max_bytes: int
    ) -> Reply:
        try:
            # The library's timeouts restart with every byte; this one is for the whole exchange.
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await self._exchange(request, max_bytes=max_bytes)
        except TimeoutError as error:
            message = f"no complete answer within {self.timeout.total_seconds():g} s{self._route}"
            raise StudioError("timeout", message, transient=True) from error
        except StudioError:
            raise
        except Exception as error:
            if not isinstance(error, _CONNECTION_ERRORS):
                logger.exception("request failed in an unexpected way", extra={"host": self.host})
            distrust = find_distrust(error)
            if distrust is not None:  # until somebody acts, each further try ends in the same way
                why = explain_distrust(distrust, key=CA_FILE)
                message = f"{self.host}{self._route}: {why}"
                raise StudioError("unreachable", message, whole_project=True) from error
            if (unknown := _unknown_name(error)) is not None:
                message = f"{self.host}{self._route}: {unknown}"
                raise StudioError("unreachable", message, transient=True) from error
            message = (
                f"no complete answer from {self.host}{self._route}: {_reason(error, secrets)}"
            )
            raise StudioError("unreachable", message, transient=True) from error

    async def _exchange(self, request: httpx.Request, *, max_bytes: int) -> Reply:
        response = await self.transport.handle_async_request(request)
        try:
            match response.status_code:
                case HTTPStatus.OK:
                    body = await _read(response, max_bytes=max_bytes)
                case HTTPStatus.NOT_MODIFIED:  # it never has one
                    body = b""
                case _:
                    body = await _read_if_possible(response)
            return Reply(status=response.status_code, headers=response.headers, body=body)
        finally:
            await response.aclose()


def strong_validator(reply: Reply) -> str:
    """Return the answer's ETag if it identifies exactly these bytes, else an empty text.

    A weak ETag does not (RFC 9110 section 8.8.1).
    """
    etag = reply.header("etag")
    return etag if _STRONG_ETAG.fullmatch(etag) else ""


def _transport(
    context: ssl.SSLContext, proxy: httpx.Proxy | None, *, concurrency: int
) -> AiohttpTransport:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency, ssl=context),
        # The default jar would send the cookies of one credential with another.
        cookie_jar=aiohttp.DummyCookieJar(),
        # trust_env would look up the proxy for each request and read passwords from ~/.netrc.
        trust_env=False,
    )
    return AiohttpTransport(verify=context, client=session, proxy=proxy)


def _proxy(base_url: str, security: Security) -> httpx.Proxy | None:
    address = proxy_address(base_url, security)
    if address is None:
        return None
    try:
        proxy = httpx.Proxy(address.reveal())
    except (ValueError, httpx.InvalidURL) as error:
        # The address is not repeated: it may contain a password.
        raise UsageError(
            "the proxy in studio.proxy or the environment is not a valid address: "
            "correct or unset it"
        ) from error
    if proxy.raw_auth is None:
        return proxy
    # Sent as our own header: aiohttp deprecates the way in which the transport sends it.
    login = b64encode(b":".join(proxy.raw_auth)).decode()
    return httpx.Proxy(proxy.url, headers={"proxy-authorization": f"Basic {login}"})


def _unknown_name(error: Exception) -> str | None:
    """Return the failure to look up a host's name, with its remedy; None for any other error."""
    cause = error.__cause__
    if not isinstance(cause, aiohttp.ClientConnectorDNSError):
        return None
    why = cause.os_error.strerror or "no address"
    return (
        f"the name {cause.host} is not found ({why}): correct it (studio.base_url, or the proxy), "
        "or let this machine reach its DNS"
    )


def _reason(error: Exception, secrets: Collection[Secret]) -> str:
    if isinstance(error, httpx.ReadError):
        return "the answer is incomplete"  # aiohttp's own message mentions a status 400
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError) and type(cause) in _CONNECT_ERRORS:
        number = cause.os_error.errno
        return os.strerror(number) if number else quote(str(error), secrets=secrets)
    if not isinstance(error, _CONNECTION_ERRORS):
        return f"{type(error).__name__} {quote(str(error), secrets=secrets)}".rstrip()
    return quote(str(error), secrets=secrets) or type(error).__name__


async def _read(response: httpx.Response, *, max_bytes: int) -> bytes:
    body = Body(response.headers.get("content-encoding", ""), max_bytes=max_bytes)
    async for chunk in response.aiter_raw():
        body.add(chunk)
    return body.whole()


async def _read_if_possible(response: httpx.Response) -> bytes:
    # The status is enough; the body only adds detail.
    with suppress(Exception):
        return await _read(response, max_bytes=_MAX_ERROR_BYTES)
    return b""


class Body:
    """Collects an answer chunk by chunk; `max_bytes` limits its encoded and decoded size.

    It decodes itself: the HTTP library's decoders unpack a whole chunk at once, whose size has no
    limit if the encodings are nested or malicious.
    """

    __slots__ = ("_encoded_room", "_max_bytes", "_parts", "_room", "_unpacker")

    def __init__(self, encoding: str, *, max_bytes: int) -> None:
        self._unpacker = _unpacker(encoding.strip().lower())
        self._parts: list[bytes] = []
        self._max_bytes = max_bytes
        self._room = max_bytes
        self._encoded_room = max_bytes + _COMPRESSION_OVERHEAD

    def add(self, chunk: bytes) -> None:
        """Add the next chunk; raises `StudioError` (`too_large`, `not_json`)."""
        part = chunk if self._unpacker is None else self._unpacked(self._unpacker, chunk)
        self._room -= len(part)
        self._encoded_room -= len(chunk)  # an endless number of empty blocks unpacks to nothing
        if self._room < 0 or self._encoded_room < 0:
            raise StudioError("too_large", f"the answer is larger than {self._max_bytes} bytes")
        self._parts.append(part)

    def whole(self) -> bytes:
        """Return the whole body; raises `StudioError` if the compressed data is incomplete."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise StudioError("unreachable", "the answer is incomplete", transient=True)
        if self._unpacker is not None and self._unpacker.unused_data:
            raise _damaged()  # there is data after the end of the compressed data
        return b"".join(self._parts)

    def _unpacked(self, unpacker: zlib._Decompress, chunk: bytes) -> bytes:
        limit = self._room + 1  # one byte more is enough to detect that it is too large
        try:
            return unpacker.decompress(chunk, limit)
        except zlib.error as error:
            if self._parts:
                raise _damaged() from error
        # RFC 9110 section 8.4.1.2: some servers send "deflate" without its zlib wrapping.
        self._unpacker = zlib.decompressobj(_RAW_DEFLATE)
        try:
            return self._unpacker.decompress(chunk, limit)
        except zlib.error as error:
            raise _damaged() from error


def _unpacker(encoding: str) -> zlib._Decompress | None:
    if encoding in _PLAIN:
        return None
    if encoding in _COMPRESSED:
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise StudioError("not_json", "the answer has a content encoding that was not requested")


def _damaged() -> StudioError:
    return StudioError("not_json", "the answer is compressed and cannot be unpacked")
