"""The wire to Studio: one connection pool a run, whole answers or none.

It sends GET, and POST for the token request of OAuth2, the one thing that is ever posted.

httpx is at home in this module alone, and of it the transport over aiohttp, not the client around
it: that would add redirects, a cookie jar and a quarter of the CPU, and none of them is wanted.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
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
from auditor.studio.bodies import ACCEPTED, Body
from auditor.studio.tls import Security, proxy_address, tls_context

_MAX_ERROR_BYTES = 64 * 1024
_MAX_TOKEN_BYTES = 64 * 1024
# httpx-aiohttp lets some of aiohttp's errors through untranslated (a bad status line), and a
# reason phrase that is no UTF-8 ends in a UnicodeEncodeError, which is a ValueError.
_CONNECTION_FAULTS = (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError)
# Its subclasses, for names and certificates, have words that say more.
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError)
_STRONG_ETAG = re.compile(r'"[!#-~]{1,200}"')
_FORM = "application/x-www-form-urlencoded"
_ALWAYS = {
    "user-agent": f"auditor/{__version__}",
    "accept": "application/json",
    "accept-encoding": ACCEPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer. `body` is whole where `status` is 200, else what of it came and was small.

    The names of `headers` are in any case: ask with `header`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header field's value, empty where it has none."""
        return self.headers.get(name, "")


@dataclass(kw_only=True, eq=False)
class Wire:
    """A connection pool for one run, as an async context manager.

    Attributes:
        base_url: without a slash at its end.
        concurrency: how many connections there are at most.
        timeout: for one whole answer, connecting included.
        max_bytes: of one answer, decoded.
        security: whom TLS trusts, what it shows, and the proxy.
    """

    base_url: str
    concurrency: int
    timeout: timedelta
    max_bytes: int
    security: Security = field(default_factory=Security)
    host: str = field(init=False)
    transport: httpx.AsyncBaseTransport = field(init=False, repr=False)
    _always: Mapping[str, str] = field(init=False, repr=False)
    _way: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.host = urlsplit(self.base_url).netloc.rpartition("@")[2]  # no password in a message

    async def __aenter__(self) -> Self:
        proxy = _proxy(self.base_url, self.security)
        # In a tunnel the proxy has the login from the request that makes it; else from each.
        is_tunnelled = self.base_url.startswith("https:")
        login = {} if proxy is None or is_tunnelled else dict(proxy.headers)
        self._always = _ALWAYS | login
        self._way = _way_through(proxy)
        context = tls_context(self.base_url, self.security, usual=httpx.create_ssl_context)
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
        """Return the answer to a GET of `path` under the base address, whatever its status.

        Args:
            path: begins with a slash.
            headers: beside those that every request carries.
            secrets: what must not show in a message.

        Raises:
            StudioError: `timeout`, `unreachable`, `too_large` or `not_json` (a content encoding).
        """
        request = httpx.Request("GET", self.base_url + path, headers={**self._always, **headers})
        return await self._sent(request, secrets, max_bytes=self.max_bytes)

    async def post_form(
        self, path: str, headers: Mapping[str, str], form: str, *, secrets: Collection[Secret]
    ) -> Reply:
        """Return the answer to a token request, as `get` does; `form` is the encoded body."""
        request = httpx.Request(
            "POST",
            self.base_url + path,
            headers={**self._always, "content-type": _FORM, **headers},
            content=form.encode("ascii"),
        )
        return await self._sent(request, secrets, max_bytes=_MAX_TOKEN_BYTES)

    async def _sent(
        self, request: httpx.Request, secrets: Collection[Secret], *, max_bytes: int
    ) -> Reply:
        try:
            # The library's time-outs begin anew with every byte; this one is for the whole.
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await self._exchange(request, max_bytes=max_bytes)
        except TimeoutError as error:
            message = f"no whole answer within {self.timeout.total_seconds():g} s{self._way}"
            raise StudioError("timeout", message, transient=True) from error
        except _CONNECTION_FAULTS as error:
            message = f"no whole answer from {self.host}{self._way}: {_reason(error, secrets)}"
            raise StudioError("unreachable", message, transient=True) from error

    async def _exchange(self, request: httpx.Request, *, max_bytes: int) -> Reply:
        response = await self.transport.handle_async_request(request)
        try:
            if response.status_code == httpx.codes.OK:
                body = await _read(response, max_bytes=max_bytes)
            else:
                body = await _read_if_possible(response)
            return Reply(status=response.status_code, headers=response.headers, body=body)
        finally:
            await response.aclose()


def strong_validator(reply: Reply) -> str:
    """Return the ETag that stands for just these bytes, empty where there is none.

    A weak one stands for something that the server takes for as good (RFC 9110 section 8.8.1).
    """
    etag = reply.header("etag")
    return etag if _STRONG_ETAG.fullmatch(etag) else ""


def _transport(
    context: ssl.SSLContext, proxy: httpx.Proxy | None, *, concurrency: int
) -> AiohttpTransport:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency, ssl=context),
        # The default jar would send a cookie set for one credential with the next.
        cookie_jar=aiohttp.DummyCookieJar(),
        # trust_env would find the proxy anew for each request, and use passwords of ~/.netrc.
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
        # The address may hold a password, so it is not repeated.
        raise UsageError(
            "the proxy that studio.proxy or the environment names is no usable address: "
            "correct or unset it"
        ) from error
    if proxy.raw_auth is None:
        return proxy
    # As a header of our own: the transport's way is one that aiohttp gives up.
    login = b64encode(b":".join(proxy.raw_auth)).decode()
    return httpx.Proxy(proxy.url, headers={"proxy-authorization": f"Basic {login}"})


def _way_through(proxy: httpx.Proxy | None) -> str:
    """Return the way in words: who reads of a failure may not know that there is a proxy."""
    # Of the URL the part without user and password.
    return f" through the proxy {proxy.url.netloc.decode()}" if proxy else ""


def _reason(error: Exception, secrets: Collection[Secret]) -> str:
    if isinstance(error, httpx.ReadError):
        return "the answer ended halfway"  # aiohttp's own words speak of a status 400
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError) and type(cause) in _NO_CONNECTION:
        number = cause.os_error.errno
        return os.strerror(number) if number else quote(str(error), secrets=secrets)
    return quote(str(error), secrets=secrets) or type(error).__name__


async def _read(response: httpx.Response, *, max_bytes: int) -> bytes:
    body = Body(response.headers.get("content-encoding", ""), max_bytes=max_bytes)
    async for chunk in response.aiter_raw():
        body.add(chunk)
    return body.whole()


async def _read_if_possible(response: httpx.Response) -> bytes:
    # The status has said enough; what the body adds is welcome and no more.
    with suppress(StudioError, *_CONNECTION_FAULTS):
        return await _read(response, max_bytes=_MAX_ERROR_BYTES)
    return b""
