"""Asks Studio, gently: few requests at once, tried again with patience, condemned with care."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Self

from auditor.drift.model import Failure, TargetId
from auditor.errors import NoTokenError, StudioError
from auditor.ports import Answer, Fetched, ListedBlock, NoAnswer, SameBody
from auditor.redaction import Secret
from auditor.studio.answers import read_answer, said_in
from auditor.studio.auth import Access, ApiKey, Credential, Fixed, Grant, remedy
from auditor.studio.discovery import read_impulses, read_projects
from auditor.studio.keys import KeyInfo, read_key_info, why_refused
from auditor.studio.statuses import asked_wait, status_error, wait_before_retry
from auditor.studio.wire import Reply, Wire

logger = logging.getLogger(__name__)

_SAME = SameBody()
_KEY_INFO = "/api/projects/api-key-info"


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
        now: tells whether a token is about to end.
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
    now: Callable[[], datetime] = _utc_now
    _accesses: dict[Credential, Access] = field(init=False, repr=False, default_factory=dict)
    _refused: dict[int, StudioError] = field(init=False, repr=False, default_factory=dict)
    _read: set[int] = field(init=False, repr=False, default_factory=set)
    _doubted: set[int] = field(init=False, repr=False, default_factory=set)
    _reasons: dict[tuple[Credential, int], str] = field(
        init=False, repr=False, default_factory=dict
    )
    _reasoning: asyncio.Lock = field(init=False, repr=False)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _wire: Wire = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        self._reasoning = asyncio.Lock()
        self._slots = asyncio.Semaphore(self.concurrency)
        self._wire = Wire(
            base_url=self.base_url.rstrip("/"),
            concurrency=self.concurrency,
            timeout=self.timeout,
            max_bytes=self.max_bytes,
        )
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._wire.__aexit__(kind, error, traceback)

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
            failure = await self._failure(project_id, error)
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
            return await self._failure(project_id, error)

    async def listed_projects(self, project_id: int) -> dict[int, str]:
        """Return the names of all projects that the project's credential sees, by id.

        Raises:
            StudioError: Studio does not tell.
        """
        body = await self._get(project_id, "/api/projects")
        return read_projects(body, secrets=self._secrets(project_id))

    async def key_info(self, project_id: int) -> KeyInfo | None:
        """Return what Studio says of the project's key; None if unsaid or it has none."""
        if not isinstance(self.credentials[project_id], ApiKey):
            return None
        try:
            # Past the slots and tries: it explains a refusal or adds to a check, and may fail.
            body = await self._once(project_id, _KEY_INFO)
            return read_key_info(body, secrets=self._secrets(project_id))
        except StudioError as error:
            logger.debug("key not told", extra={"project": project_id, "kind": error.kind})
            return None

    def token_ends(self, project_id: int) -> datetime | None:
        """Return when the OAuth2 token of the project's credential ends, where that is known."""
        return self._access(project_id).expires_at

    async def project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty where it is not told."""
        try:
            return (await self.listed_projects(project_id)).get(project_id, "")
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
        reply = await self._answered(project_id, path)
        if reply.status == HTTPStatus.OK:
            return reply.body
        raise _refusal(reply, self._secrets(project_id))

    async def _answered(self, project_id: int, path: str) -> Reply:
        """Return Studio's answer; one that refuses a credential which can be renewed is a try."""
        access = self._access(project_id)
        name, value = await access.header()
        reply = await self._wire.get(path, {name: value}, secrets=access.secrets)
        if reply.status == HTTPStatus.UNAUTHORIZED and await access.renew(value):
            name, value = await access.header()
            return await self._wire.get(path, {name: value}, secrets=access.secrets)
        return reply

    def _access(self, project_id: int) -> Access:
        """Return the access of the project's credential; projects of one credential share it."""
        credential = self.credentials[project_id]
        if credential not in self._accesses:
            self._accesses[credential] = self._new_access(credential)
        return self._accesses[credential]

    def _new_access(self, credential: Credential) -> Access:
        if not isinstance(credential, Grant):
            return Fixed(credential)
        from auditor.studio.tokens import token_access  # noqa: PLC0415 - Authlib takes its time

        return token_access(credential, self._wire, now=self.now)

    def _secrets(self, project_id: int) -> tuple[Secret, ...]:
        return self._access(project_id).secrets

    def _stop_if_refused(self, project_id: int) -> None:
        refused = self._refused.get(project_id)
        if refused is not None:
            raise refused.again()

    async def _failure(self, project_id: int, error: StudioError) -> Failure:
        if self._condemns(project_id, error):
            # Before the reason is asked for: nobody in line is to go on meanwhile.
            self._refused[project_id] = error
            logger.warning(
                "project not readable, asking no further",
                extra={"project": project_id, "kind": error.kind},
            )
        reason = await self._reason(project_id, error)
        return Failure(kind=error.kind, message=error.message + reason)

    async def _reason(self, project_id: int, error: StudioError) -> str:
        """Return why a project is refused and what to do, looked up once.

        Empty where the error says it all: of one block, and of a token that is not to be had.
        """
        is_refusal = error.kind in {"unauthorized", "forbidden"} and error.whole_project
        if not is_refusal or project_id in self._read or isinstance(error, NoTokenError):
            return ""
        asked = self.credentials[project_id], project_id
        async with self._reasoning:
            if asked not in self._reasons:
                info = await self.key_info(project_id)
                why = why_refused(info, project_id) if info else remedy(asked[0])
                self._reasons[asked] = f"; {why}"
        return self._reasons[asked]

    def _condemns(self, project_id: int, error: StudioError) -> bool:
        """Return whether to ask no further: never where the credential has read a block.

        A 403 may be one block's alone, so it takes two of them.
        """
        if not error.whole_project or project_id in self._read | self._refused.keys():
            return False
        is_certain = error.kind == "unauthorized" or project_id in self._doubted
        self._doubted.add(project_id)
        return is_certain


def _refusal(reply: Reply, secrets: tuple[Secret, ...]) -> StudioError:
    retry_after = asked_wait(reply.header("retry-after"), now=datetime.now(UTC))
    said = said_in(reply.body, secrets=secrets)
    return status_error(reply.status, said=said, retry_after=retry_after)


def _given_up(error: StudioError, failures: int) -> StudioError:
    times = "once" if failures == 1 else f"{failures} times"
    return StudioError(error.kind, f"{error.message} (asked {times})", transient=True)
