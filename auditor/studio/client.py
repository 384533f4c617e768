"""Asks Studio, gently: few requests at once, tried again with patience, condemned with care."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Self

from auditor.credentials import ApiKey, Credential, Grant
from auditor.errors import NoTokenError, StudioError
from auditor.model import EVERY_PROJECT, Failure, TargetId
from auditor.protocols import (
    Answer,
    FetchFailure,
    FetchResult,
    ListedBlock,
    StoredBody,
    UnchangedAnswer,
)
from auditor.redaction import Secret
from auditor.studio.answers import read_answer, said_in
from auditor.studio.auth import Access, Fixed, remedy
from auditor.studio.discovery import read_impulses, read_projects
from auditor.studio.keys import KeyInfo, read_key_info, why_refused
from auditor.studio.manners import Budget, Circuit, Pace
from auditor.studio.statuses import asked_wait, status_error, wait_before_retry
from auditor.studio.tls import Security
from auditor.studio.wire import Reply, Wire, strong_validator

logger = logging.getLogger(__name__)

_PROJECTS = "/api/projects"
_KEY_INFO = "/api/projects/api-key-info"
SECOND_LOOK_AFTER = timedelta(seconds=2)
"""How long Studio has to come to rest, where an answer was surprising."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is asked for, and the validator of what is known of it."""

    path: str
    validator: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("if-none-match", self.validator),) if self.validator else ()

    def allows(self, reply: Reply) -> bool:
        """Return whether the answer may be that nothing changed."""
        return reply.status == HTTPStatus.NOT_MODIFIED and bool(self.validator)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True, eq=False)
class StudioClient:
    """Fulfils `auditor.protocols.Studio` for one run, as an async context manager.

    Attributes:
        base_url: with its path, e.g. `https://studio.edgeimpulse.com/v1`.
        credentials: by project id.
        shared: of every other project, and of the list of projects; without it, asking for
            either is a KeyError.
        concurrency: how many requests are under way at most.
        per_second: how many are sent a second at most, None for as many as come.
        timeout: for one whole answer, connecting included.
        tries: how often a request is sent at most.
        max_bytes: of one answer, decoded.
        security: whom TLS trusts, what it shows, and the proxy.
        sleep: waits so many seconds between tries.
        clock: returns seconds that only ever grow.
        jitter: returns a number from 0 to 1.
        stopping: asked each second of a wait; once True nothing is tried again.
        now: tells whether a token is about to end.
        explains: look up whose a refused key is; a run asks for blocks and nothing else.
    """

    base_url: str
    credentials: Mapping[int, Credential]
    concurrency: int
    timeout: timedelta
    tries: int
    max_bytes: int
    shared: Credential | None = None
    per_second: float | None = None
    security: Security = field(default_factory=Security)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    stopping: Callable[[], bool] | None = None
    now: Callable[[], datetime] = _utc_now
    explains: bool = False
    _accesses: dict[Credential, Access] = field(init=False, repr=False, default_factory=dict)
    _refused: dict[int, StudioError] = field(init=False, repr=False, default_factory=dict)
    _read: set[int] = field(init=False, repr=False, default_factory=set)
    _doubted: set[int] = field(init=False, repr=False, default_factory=set)
    _reasons: dict[tuple[Credential, int], str] = field(
        init=False, repr=False, default_factory=dict
    )
    _reasoning: dict[tuple[Credential, int], asyncio.Lock] = field(
        init=False, repr=False, default_factory=dict
    )
    _has_courtesies: bool = field(init=False, repr=False, default=True)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _pace: Pace = field(init=False, repr=False)
    _budget: Budget = field(init=False, repr=False, default_factory=Budget)
    _circuit: Circuit = field(init=False, repr=False, default_factory=Circuit)
    _wire: Wire = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._pace = Pace(self.per_second, clock=self.clock, sleep=self.sleep)
        self._wire = Wire(
            base_url=self.base_url.rstrip("/"),
            concurrency=self.concurrency,
            timeout=self.timeout,
            max_bytes=self.max_bytes,
            security=self.security,
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

    async def fetch(self, target: TargetId, *, stored_body: StoredBody | None) -> FetchResult:
        """Return the block's getKeras answer, `UnchangedAnswer` where it is the known one.

        Byte for byte the same, or said to be so by a server that was shown the validator it gave
        with just those bytes.
        """
        project_id, learn_id = target
        path = f"/api/{project_id}/training/keras/{learn_id}"
        validator = stored_body.validator if stored_body else ""
        try:
            reply = await self._ask(project_id, _Asking(path, validator))
            fetched = self._read_reply(reply, project_id, stored_body)
        except StudioError as error:
            failure = await self._failure(project_id, error)
            is_whole = error.whole_project and project_id not in self._read
            return FetchFailure(failure=failure, whole_project=is_whole)
        self._read.add(project_id)
        return fetched

    def _read_reply(self, reply: Reply, project_id: int, known: StoredBody | None) -> FetchResult:
        if known is not None and reply.status == HTTPStatus.NOT_MODIFIED:
            return UnchangedAnswer(validator=known.validator)
        digest, validator = sha256(reply.body).hexdigest(), strong_validator(reply)
        if known is not None and digest == known.digest:
            return UnchangedAnswer(validator=validator)
        document = read_answer(reply.body, secrets=self._secrets(project_id))
        return Answer(document=document, body_digest=digest, validator=validator)

    async def fetch_again(self, target: TargetId) -> FetchResult:
        """Return the block's answer once Studio has settled, whole."""
        await self.wait_to_settle()
        return await self.fetch(target, stored_body=None)

    async def wait_to_settle(self) -> None:
        """Wait for `SECOND_LOOK_AFTER`, or until the auditor is stopped."""
        await self._wait(SECOND_LOOK_AFTER.total_seconds())

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every learn block of the project's impulses once, by learn id."""
        try:
            body = await self._get(project_id, f"/api/{project_id}/impulses")
            return read_impulses(body, project_id, secrets=self._secrets(project_id))
        except StudioError as error:
            return await self._failure(project_id, error)

    def credential(self, project_id: int) -> Credential:
        """Return the project's own credential, else the shared one."""
        credential = self.credentials.get(project_id, self.shared)
        if credential is None:
            raise KeyError(project_id)
        return credential

    async def list_visible_projects(self, project_id: int) -> dict[int, str]:
        """Return the names of all projects that the project's credential sees, by id.

        Raises:
            StudioError: Studio does not tell.
        """
        body = await self._get(project_id, _PROJECTS)
        return read_projects(body, secrets=self._secrets(project_id))

    async def fetch_key_info(self, project_id: int) -> KeyInfo | None:
        """Return what Studio says of the project's key; None if unsaid or it has none."""
        if not isinstance(self.credential(project_id), ApiKey):
            return None
        try:
            body = await self._courtesy(project_id, _KEY_INFO)
            return read_key_info(body, secrets=self._secrets(project_id))
        except StudioError as error:
            logger.debug("key not told", extra={"project": project_id, "kind": error.kind})
            return None

    def token_expiry(self, project_id: int) -> datetime | None:
        """Return when the OAuth2 token of the project's credential ends, where that is known."""
        return self._access(project_id).expires_at

    async def list_projects(self) -> Mapping[int, str] | Failure:
        """Return the name of every project that the shared credential sees, by id."""
        try:
            return await self.list_visible_projects(EVERY_PROJECT)
        except StudioError as error:
            return await self._failure(EVERY_PROJECT, error)

    async def fetch_project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty where it is not told."""
        try:
            body = await self._courtesy(project_id, _PROJECTS)
            return read_projects(body, secrets=self._secrets(project_id)).get(project_id, "")
        except StudioError as error:
            # A name is a courtesy: a key that may not list projects may still read blocks.
            logger.debug(
                "project name not told", extra={"project": project_id, "kind": error.kind}
            )
            return ""

    async def _get(self, project_id: int, path: str) -> bytes:
        return (await self._ask(project_id, _Asking(path))).body

    async def _courtesy(self, project_id: int, path: str) -> bytes:
        """Return an answer that a run can do without: asked once, and none after one that hung.

        It says nothing of whether blocks can be read, so neither circuit nor budget counts it.
        """
        async with self._slots:
            if not self._has_courtesies:
                raise StudioError("timeout", "Studio did not answer such a question before")
            try:
                return (await self._once(project_id, _Asking(path))).body
            except StudioError as error:
                self._has_courtesies = not error.transient
                raise

    async def _ask(self, project_id: int, asking: _Asking) -> Reply:
        self._stop_if_refused(project_id)
        # The slot is kept through the waits: where Studio pushes back, fewer requests go out.
        async with self._slots:
            self._stop_if_refused(project_id)
            return await self._tried(project_id, asking)

    async def _tried(self, project_id: int, asking: _Asking) -> Reply:
        self._budget.begin()
        failures = 0
        while True:
            self._circuit.require_closed(project_id)
            await self._pace.turn()
            try:
                return await self._once(project_id, asking)
            except StudioError as error:
                failures += 1
                if not error.transient:
                    raise
                if not self._may_try_again(project_id, failures):
                    self._circuit.lost(project_id, error)
                    raise _given_up(error, failures) from error
                wait = wait_before_retry(
                    failures, asked=error.retry_after, jitter=self.jitter()
                ).total_seconds()
                logger.debug("asking again", extra={"path": asking.path, "kind": error.kind})
            await self._wait(wait)

    def _may_try_again(self, project_id: int, failures: int) -> bool:
        is_in_doubt = self._circuit.is_in_doubt(project_id)
        if failures >= self.tries or self._is_stopping() or is_in_doubt:
            return False
        return self._budget.spend()

    async def _wait(self, seconds: float) -> None:
        while self.stopping is not None and seconds > 1 and not self.stopping():
            await self.sleep(1)
            seconds -= 1
        if not self._is_stopping():
            await self.sleep(seconds)

    def _is_stopping(self) -> bool:
        return self.stopping is not None and self.stopping()

    async def _once(self, project_id: int, asking: _Asking) -> Reply:
        reply = await self._answered(project_id, asking)
        if reply.status == HTTPStatus.OK or asking.allows(reply):
            self._circuit.heard(project_id)
            return reply
        refusal = _refusal(reply, self._secrets(project_id))
        if not refusal.transient:
            self._circuit.heard(project_id)
        raise refusal

    async def _answered(self, project_id: int, asking: _Asking) -> Reply:
        """Return Studio's answer; a credential that is refused and can be renewed has one more."""
        access = self._access(project_id)
        refused = await access.header()
        reply = await self._sent(asking, refused, access)
        if reply.status == HTTPStatus.UNAUTHORIZED and await access.renew(refused[1]):
            return await self._sent(asking, await access.header(), access)
        return reply

    async def _sent(self, asking: _Asking, header: tuple[str, str], access: Access) -> Reply:
        headers = dict([header, *asking.headers])
        return await self._wire.get(asking.path, headers, secrets=access.secrets)

    def _access(self, project_id: int) -> Access:
        """Return the access of the project's credential; projects of one credential share it."""
        credential = self.credential(project_id)
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
                "%s not readable, asking no further",
                "list of projects" if project_id == EVERY_PROJECT else f"project {project_id}",
                extra={"kind": error.kind},
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
        asked = self.credential(project_id), project_id
        async with self._reasoning.setdefault(asked, asyncio.Lock()):
            if asked not in self._reasons:
                self._reasons[asked] = await self._explained(project_id)
        return self._reasons[asked]

    async def _explained(self, project_id: int) -> str:
        info = await self.fetch_key_info(project_id) if self.explains else None
        whose = None if project_id == EVERY_PROJECT else project_id
        credential = self.credential(project_id)
        why = why_refused(info, project_id) if info else remedy(credential, whose)
        is_key = isinstance(credential, ApiKey)
        more = "; `auditor check` says whose this one is" if is_key and not self.explains else ""
        return f"; {why}{more}"

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
