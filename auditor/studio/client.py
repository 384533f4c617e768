"""Asks Studio, gently: one connection pool a run, few requests at once, GET and nothing else.

httpx is at home in this module alone, and of it the transport over aiohttp, not the client around
it: that would add redirects, a cookie jar and a quarter of the CPU, and none of them is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from auditor import __version__
from auditor.drift.model import Failure, TargetId
from auditor.errors import StudioError, UsageError
from auditor.ports import Answer, Fetched, ListedBlock, NoAnswer, SameBody
from auditor.redaction import Secret
from auditor.studio.answers import quote, read_answer, said_in
from auditor.studio.auth import Credential, header
from auditor.studio.bodies import ACCEPTED, Body
from auditor.studio.discovery import read_impulses, read_projects
from auditor.studio.statuses import asked_wait, status_error, wait_before_retry

logger = logging.getLogger(__name__)

_MAX_ERROR_BYTES = 64 * 1024
_SAME = SameBody()
# httpx-aiohttp lets some of aiohttp's errors through untranslated (a bad status line).
_CONNECTION_FAULTS = (httpx.HTTPError, aiohttp.ClientError, OSError)


@dataclass(kw_only=True, eq=False)
class StudioClient:
    """Fulfils `auditor.ports.Studio` for one run, as an async context manager.

    Attributes:
        base_url: with its path, e.g. `https://studio.edgeimpulse.com/v1`.
        credentials: by project id; asking for a project without one is a KeyError.
        concurrency: how many requests are under way at most.
        timeout: for one whole answer, connecting included.
        tries: how often a request is sent at most.
        max_bytes: of one answer, decoded.
        sleep: waits so many seconds between tries.
        jitter: returns a number from 0 to 1.
        stopping: asked each second of a wait; once True nothing is tried again.
    """

    base_url: str
    credentials: Mapping[int, Credential]
    concurrency: int
    timeout: timedelta
    tries: int
    max_bytes: int
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    stopping: Callable[[], bool] | None = None
    _host: str = field(init=False, repr=False)
    _headers: dict[int, httpx.Headers] = field(init=False, repr=False)
    _refused: dict[int, Failure] = field(init=False, repr=False, default_factory=dict)
    _read: set[int] = field(init=False, repr=False, default_factory=set)
    _doubted: set[int] = field(init=False, repr=False, default_factory=set)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _transport: httpx.AsyncBaseTransport = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._host = urlsplit(self.base_url).netloc.rpartition("@")[2]  # no password in a message
        self._refused = {p: _UNSENDABLE for p, c in self.credentials.items() if _unsendable(c)}
        self._headers = {
            p: _headers(c) for p, c in self.credentials.items() if p not in self._refused
        }

    async def __aenter__(self) -> Self:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._transport = _transport(self.base_url, concurrency=self.concurrency)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.aclose()

    async def fetch(self, target: TargetId, *, known_body: str | None) -> Fetched:
        """Return the block's getKeras answer, `SameBody` where its digest is `known_body`."""
        project_id, learn_id = target
        try:
            body = await self._get(project_id, f"/api/{project_id}/training/keras/{learn_id}")
            digest = sha256(body).hexdigest()
            if digest == known_body:
                self._read.add(project_id)
                return _SAME
            document = read_answer(body, secrets=self._secrets(project_id))
        except StudioError as error:
            failure = self._failure(project_id, error)
            is_whole = error.whole_project and project_id not in self._read
            return NoAnswer(failure=failure, whole_project=is_whole)
        self._read.add(project_id)
        return Answer(document=document, body_digest=digest)

    async def blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every learn block of the project's impulses once, by learn id."""
        try:
            body = await self._get(project_id, f"/api/{project_id}/impulses")
            return read_impulses(body, project_id, secrets=self._secrets(project_id))
        except StudioError as error:
            return self._failure(project_id, error)

    async def project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty where it is not told."""
        try:
            body = await self._get(project_id, "/api/projects")
            return read_projects(body, secrets=self._secrets(project_id)).get(project_id, "")
        except StudioError as error:
            # A name is a courtesy: a key that may not list projects may still read blocks.
            logger.debug(
                "project name not told", extra={"project": project_id, "kind": error.kind}
            )
            return ""

    async def probe(self, project_id: int) -> Failure | None:
        """Return what keeps the credential from reading the project, None where nothing does."""
        found = await self.blocks(project_id)
        return found if isinstance(found, Failure) else None

    async def _get(self, project_id: int, path: str) -> bytes:
        self._stop_if_refused(project_id)
        # The slot is kept through the waits: where Studio pushes back, fewer requests go out.
        async with self._slots:
            self._stop_if_refused(project_id)
            return await self._tried(project_id, path)

    async def _tried(self, project_id: int, path: str) -> bytes:
        failures = 0
        while True:
            try:
                return await self._once(project_id, path)
            except StudioError as error:
                failures += 1
                if not error.transient:
                    raise
                if failures >= self.tries or self._is_stopping():
                    raise _given_up(error, failures) from error
                wait = wait_before_retry(
                    failures, asked=error.retry_after, jitter=self.jitter()
                ).total_seconds()
                logger.debug("asking again", extra={"path": path, "kind": error.kind})
            await self._wait(wait)

    async def _wait(self, seconds: float) -> None:
        while self.stopping is not None and seconds > 1 and not self.stopping():
            await self.sleep(1)
            seconds -= 1
        if not self._is_stopping():
            await self.sleep(seconds)

    def _is_stopping(self) -> bool:
        return self.stopping is not None and self.stopping()

    async def _once(self, project_id: int, path: str) -> bytes:
        request = httpx.Request("GET", self.base_url + path, headers=self._headers[project_id])
        secrets = self._secrets(project_id)
        try:
            # The library's time-outs begin anew with every byte; this one is for the whole.
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await self._exchange(request, secrets)
        except TimeoutError as error:
            message = f"no whole answer within {self.timeout.total_seconds():g} s"
            raise StudioError("timeout", message, transient=True) from error
        except _CONNECTION_FAULTS as error:
            message = f"no whole answer from {self._host}: {_reason(error, secrets)}"
            raise StudioError("unreachable", message, transient=True) from error

    async def _exchange(self, request: httpx.Request, secrets: tuple[Secret, ...]) -> bytes:
        response = await self._transport.handle_async_request(request)
        try:
            if response.status_code == httpx.codes.OK:
                return await _read(response, max_bytes=self.max_bytes)
            raise await _refusal(response, secrets)
        finally:
            await response.aclose()

    def _secrets(self, project_id: int) -> tuple[Secret, ...]:
        return (self.credentials[project_id].secret,)

    def _stop_if_refused(self, project_id: int) -> None:
        refused = self._refused.get(project_id)
        if refused is not None:
            raise StudioError(refused.kind, refused.message, whole_project=True)

    def _failure(self, project_id: int, error: StudioError) -> Failure:
        failure = Failure(kind=error.kind, message=error.message)
        if self._condemns(project_id, error):
            self._refused[project_id] = failure
            logger.warning(
                "project not readable, asking no further",
                extra={"project": project_id, "kind": error.kind},
            )
        return failure

    def _condemns(self, project_id: int, error: StudioError) -> bool:
        """Return whether to ask no further: never where the credential has read a block.

        A 403 may be one block's alone, so it takes two of them.
        """
        if not error.whole_project or project_id in self._read | self._refused.keys():
            return False
        is_certain = error.kind == "unauthorized" or project_id in self._doubted
        self._doubted.add(project_id)
        return is_certain


_UNSENDABLE = Failure(
    kind="unauthorized",
    message="the credential is empty or holds characters that no HTTP header can carry: "
    "check the file or variable it is read from",
)


def _unsendable(credential: Credential) -> bool:
    secret = credential.secret.reveal()
    return not (secret and secret.isascii() and secret.isprintable())


def _headers(credential: Credential) -> httpx.Headers:
    name, value = header(credential)
    return httpx.Headers(
        {
            "user-agent": f"auditor/{__version__}",
            "accept": "application/json",
            "accept-encoding": ACCEPTED,
            name: value,
        }
    )


def _transport(base_url: str, *, concurrency: int) -> AiohttpTransport:
    context, proxy = _tls(base_url), _proxy(base_url)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency, ssl=context),
        # The default jar would send a cookie set for one credential with the next.
        cookie_jar=aiohttp.DummyCookieJar(),
        # trust_env would find the proxy anew for each request, and use passwords of ~/.netrc.
        trust_env=False,
    )
    return AiohttpTransport(verify=context, client=session, proxy=proxy)


def _tls(base_url: str) -> ssl.SSLContext:
    """Return the TLS settings; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured."""
    if base_url.startswith("https:"):
        return httpx.create_ssl_context()
    # Never used, and free: the real one reads every root certificate (20 ms).
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy(base_url: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for `base_url`, looked up once a run."""
    address = urlsplit(base_url)
    if proxy_bypass(address.netloc):
        return None
    proxies = getproxies()
    url = proxies.get(address.scheme) or proxies.get("all")
    if not url:
        return None
    try:
        return httpx.Proxy(url if "://" in url else f"http://{url}")
    except (ValueError, httpx.InvalidURL) as error:
        # The address may hold a password, so it is not repeated.
        raise UsageError(
            f"the proxy that the environment names for {address.scheme} is no usable address: "
            "correct or unset it"
        ) from error


def _reason(error: Exception, secrets: tuple[Secret, ...]) -> str:
    if isinstance(error, httpx.ReadError):
        return "the answer ended halfway"  # aiohttp's own words speak of a status 400
    cause = error.__cause__
    # Its subclasses, for names and certificates, have words that say more.
    if type(cause) is aiohttp.ClientConnectorError and cause.os_error.errno:
        return os.strerror(cause.os_error.errno)
    return quote(str(error), secrets=secrets) or type(error).__name__


async def _read(response: httpx.Response, *, max_bytes: int) -> bytes:
    body = Body(response.headers.get("content-encoding", ""), max_bytes=max_bytes)
    async for chunk in response.aiter_raw():
        body.add(chunk)
    return body.whole()


async def _refusal(response: httpx.Response, secrets: tuple[Secret, ...]) -> StudioError:
    said = ""
    # The status has said enough; what the body adds is welcome and no more.
    with suppress(StudioError, *_CONNECTION_FAULTS):
        said = said_in(await _read(response, max_bytes=_MAX_ERROR_BYTES), secrets=secrets)
    retry_after = asked_wait(response.headers.get("retry-after", ""), now=datetime.now(UTC))
    return status_error(response.status_code, said=said, retry_after=retry_after)


def _given_up(error: StudioError, failures: int) -> StudioError:
    times = "once" if failures == 1 else f"{failures} times"
    return StudioError(error.kind, f"{error.message} (asked {times})", transient=True)
