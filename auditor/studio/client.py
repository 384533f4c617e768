"""Sends the requests of one run to Studio, with limits, retries and a circuit breaker."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Self

from auditor.context import MOST_JOBS, Deployment, JobPage, ModelMetadata, NewTrainings
from auditor.credentials import ApiKey, Credential, Grant
from auditor.drift.block_kinds import BlockKind, kind_of
from auditor.errors import NoTokenError, StudioError
from auditor.fetching import (
    NOT_ASKED,
    Answer,
    BlockSource,
    FetchFailure,
    FetchResult,
    ListedBlock,
    StoredBody,
    UnchangedAnswer,
)
from auditor.model import EVERY_PROJECT, BlockKindName, Failure, JsonObject, TargetId
from auditor.redaction import Secret
from auditor.studio.answers import read_error_text, status_error
from auditor.studio.auth import (
    Access,
    FixedAccess,
    KeyInfo,
    explain_refused_key,
    read_key_info,
    refusal_remedy,
)
from auditor.studio.catalogues import AnswerReader
from auditor.studio.context import (
    JOBS_AT_ONCE,
    further_pages,
    is_newest_first,
    reaches,
    read_deployments,
    read_jobs,
    read_metadata,
)
from auditor.studio.discovery import read_impulses, read_projects
from auditor.studio.manners import (
    Circuit,
    Pace,
    RetryBudget,
    Turns,
    parse_retry_after,
    wait_before_retry,
)
from auditor.studio.tls import Security
from auditor.studio.tokens import token_access
from auditor.studio.wire import Reply, Wire, strong_validator

logger = logging.getLogger(__name__)

_PROJECTS = "/api/projects"
_DEPLOYMENTS = 100
_MOST_CONTEXT_FAILURES = 3  # of a run, which may pass
_KEY_INFO = "/api/projects/api-key-info"
SETTLING_TIME = timedelta(seconds=2)
"""The wait before a surprising answer is requested again: Studio is eventually consistent."""


@dataclass(frozen=True, slots=True)
class _StudioRequest:
    """The path of a request, and the ETag of the stored answer, empty if there is none."""

    path: str
    validator: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("if-none-match", self.validator),) if self.validator else ()

    def is_unchanged(self, reply: Reply) -> bool:
        """Return whether the server confirms that the stored answer is current."""
        return reply.status == HTTPStatus.NOT_MODIFIED and bool(self.validator)


@dataclass(frozen=True, slots=True)
class _ListedEntry:
    """A block's entry in the listing, as far as its document holds it, as bytes.

    The validator of a document with an entry is the entry's digest, a space and the ETag of the
    answer: that the answer is the same says nothing of the entry.
    """

    content: bytes

    @classmethod
    def of(cls, entry: JsonObject) -> Self:
        """Return what is part of a document, which may be nothing."""
        return cls(json.dumps(entry, sort_keys=True).encode("ascii") if entry else b"")

    def validator(self, tag: str) -> str:
        """Return the validator of a document whose answer came with an ETag."""
        return f"{self._mark}{tag}" if tag else ""

    def tag_in(self, validator: str) -> str:
        """Return the ETag in a validator, empty where the entry is another one now."""
        mark = self._mark
        return validator.removeprefix(mark) if validator.startswith(mark) else ""

    @property
    def _mark(self) -> str:
        return f"{sha256(self.content).hexdigest()[:32]} " if self.content else ""


@dataclass(kw_only=True, eq=False)
class StudioClient:
    """Fulfils `auditor.protocols.Studio` for one run, as an async context manager.

    Attributes:
        base_url: with its path, e.g. `https://studio.edgeimpulse.com/v1`.
        credentials: by project id.
        shared: for every other project and for the list of projects; without it, both raise
            KeyError.
        concurrency: the largest number of parallel requests.
        per_second: the largest number of requests per second, None for no limit.
        timeout: for one complete answer, including the connection.
        tries: how often a request is sent at most.
        max_bytes: the largest size of one answer, decoded.
        now: returns the current time, to renew tokens before they expire and to read Retry-After.
        security: the TLS and proxy settings.
        sleep: waits for a number of seconds.
        clock: returns monotonic seconds.
        jitter: returns a number from 0 to 1.
        stopping: checked every second of a wait; once it returns True nothing is retried.
        explains: look up the project of a refused key; a run requests nothing but blocks.
        circuit: shared with the run's other machines, where there are any.
        pace: the same; None for a pace of `per_second` of its own.
    """

    base_url: str
    credentials: Mapping[int, Credential]
    concurrency: int
    timeout: timedelta
    tries: int
    max_bytes: int
    now: Callable[[], datetime]
    shared: Credential | None = None
    per_second: float | None = None
    security: Security = field(default_factory=Security)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    stopping: Callable[[], bool] | None = None
    explains: bool = False
    circuit: Circuit = field(default_factory=Circuit)
    pace: Turns | None = None
    _accesses: dict[Credential, Access] = field(init=False, repr=False, default_factory=dict)
    _blocked: dict[int, StudioError] = field(init=False, repr=False, default_factory=dict)
    _readable: set[int] = field(init=False, repr=False, default_factory=set)
    _suspect: set[int] = field(init=False, repr=False, default_factory=set)
    _explanations: dict[tuple[Credential, int], str] = field(
        init=False, repr=False, default_factory=dict
    )
    _explanation_locks: dict[tuple[Credential, int], asyncio.Lock] = field(
        init=False, repr=False, default_factory=dict
    )
    _allows_optional: bool = field(init=False, repr=False, default=True)
    _context_failures: int = field(init=False, repr=False, default=0)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _pace: Turns = field(init=False, repr=False)
    _budget: RetryBudget = field(init=False, repr=False, default_factory=RetryBudget)
    _reader: AnswerReader = field(init=False, repr=False, default_factory=AnswerReader)
    _wire: Wire = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._pace = self.pace or Pace(self.per_second, clock=self.clock, sleep=self.sleep)
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

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        """Return the block's answer, `UnchangedAnswer` if it equals the stored one.

        It is equal if its bytes are, or if the server confirms that the ETag of those bytes is
        still current.
        """
        project_id = target.project_id
        try:
            fetched = await self._fetch_first(target, source, stored_body=stored_body)
        except StudioError as error:
            failure = await self._failure(project_id, error)
            is_whole = error.whole_project and project_id not in self._readable
            return FetchFailure(failure=failure, whole_project=is_whole)
        if not kind_of(source.kinds[0]).is_alone:  # else nothing was asked for
            self._readable.add(project_id)
        return fetched

    async def _fetch_first(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        """Ask for each kind that the block may be of, until Studio has one of it."""
        refused: StudioError | None = None
        for name in source.kinds:
            try:
                return await self._fetch_kind(
                    target, kind_of(name), source, stored_body=stored_body
                )
            except StudioError as error:
                if not _says_of_kind(error):
                    raise
                refused = refused or error
        raise refused or AssertionError("a block is of some kind")

    async def _fetch_kind(
        self,
        target: TargetId,
        kind: BlockKind,
        source: BlockSource,
        *,
        stored_body: StoredBody | None,
    ) -> FetchResult:
        entry = _ListedEntry.of(kind.listed_part(source.entry))
        body, validator = b"", ""
        if not kind.is_alone:
            known_tag = entry.tag_in(stored_body.validator) if stored_body else ""
            request = _StudioRequest(kind.path_of(target), known_tag)
            reply = await self._request(target.project_id, request)
            if stored_body is not None and reply.status == HTTPStatus.NOT_MODIFIED:
                return UnchangedAnswer(validator=stored_body.validator)
            body, validator = reply.body, entry.validator(strong_validator(reply))
        digest = sha256(entry.content + body).hexdigest()
        if stored_body is not None and digest == stored_body.digest:
            return UnchangedAnswer(validator=validator)
        secrets = self._secrets(target.project_id)
        answer = {} if kind.is_alone else self._reader.read(body, kind, secrets=secrets)
        return Answer(
            kind=kind.name,
            document=kind.compose(source.entry, answer),
            body_digest=digest,
            validator=validator,
            type=source.type,
        )

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        """Wait, then return the block's full answer again."""
        await self.wait_to_settle()
        return await self.fetch(target, source, stored_body=None)

    async def wait_to_settle(self) -> None:
        """Wait for `SETTLING_TIME`, or until the auditor is stopped."""
        await self._wait(SETTLING_TIME.total_seconds())

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every block of the project's impulses once, ordered by id."""
        try:
            body = await self._get(project_id, f"/api/{project_id}/impulses")
            return read_impulses(body, project_id, secrets=self._secrets(project_id))
        except StudioError as error:
            return await self._failure(project_id, error)

    def credential(self, project_id: int) -> Credential:
        """Return the project's own credential, else the shared one; raises KeyError."""
        credential = self.credentials.get(project_id, self.shared)
        if credential is None:
            raise KeyError(project_id)
        return credential

    async def list_visible_projects(self, project_id: int) -> dict[int, str]:
        """Return the names of all projects that the project's credential can see, by id.

        Raises:
            StudioError: Studio does not list them.
        """
        body = await self._get(project_id, _PROJECTS)
        return read_projects(body, secrets=self._secrets(project_id))

    async def fetch_key_info(self, project_id: int) -> KeyInfo | None:
        """Return what Studio says about the project's key, None if there is no key or answer."""
        if not isinstance(self.credential(project_id), ApiKey):
            return None
        try:
            body = await self._get_optional(project_id, _KEY_INFO)
            return read_key_info(body, secrets=self._secrets(project_id))
        except StudioError as error:
            logger.debug("no key information", extra={"project": project_id, "kind": error.kind})
            return None

    def token_expiry(self, project_id: int) -> datetime | None:
        """Return when the project's OAuth2 token expires, None if that is not known."""
        return self._access(project_id).expires_at

    async def list_projects(self) -> Mapping[int, str] | Failure:
        """Return the name of every project that the shared credential can see, by id."""
        try:
            return await self.list_visible_projects(EVERY_PROJECT)
        except StudioError as error:
            return await self._failure(EVERY_PROJECT, error)

    async def fetch_project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty if Studio does not give it."""
        try:
            body = await self._get_optional(project_id, _PROJECTS)
            return read_projects(body, secrets=self._secrets(project_id)).get(project_id, "")
        except StudioError as error:
            # The name is optional: a key that cannot list projects may still read blocks.
            logger.debug("no project name", extra={"project": project_id, "kind": error.kind})
            return ""

    async def list_trainings(self, project_id: int, since: int | None) -> NewTrainings | Failure:
        """Return the jobs that trained blocks since the job `since`, of the newest 500 at most.

        Without `since` they are those of one page, the newest ones.
        """
        try:
            return await self._list_trainings(project_id, since)
        except StudioError as error:
            return Failure(kind=error.kind, message=error.message)

    async def _list_trainings(self, project_id: int, since: int | None) -> NewTrainings:
        page = await self._job_page(project_id, 0)
        found = {job.id: job for job in page.trainings}
        seen, offsets = set(page.ids), further_pages(page)
        most = 1 if since is None and is_newest_first(page) else MOST_JOBS // JOBS_AT_ONCE
        if since is None and not is_newest_first(page):
            most = 2
        read = 1
        while read < most and not reaches(page, since):
            offset = next(offsets, None)
            if offset is None:
                break
            page = await self._job_page(project_id, offset)
            found |= {job.id: job for job in page.trainings}
            seen |= set(page.ids)
            read += 1
        newest = max(seen, default=since)
        return NewTrainings(jobs=tuple(found[number] for number in sorted(found)), newest=newest)

    async def _job_page(self, project_id: int, offset: int) -> JobPage:
        path = f"/api/{project_id}/jobs/history?limit={JOBS_AT_ONCE}&offset={offset}"
        body = await self._get_context(project_id, path)
        return read_jobs(body, secrets=self._secrets(project_id))

    async def fetch_metadata(
        self, target: TargetId, kind: BlockKindName
    ) -> ModelMetadata | Failure:
        """Return what Studio says of a block's trained model."""
        path = f"{kind_of(kind).path_of(target)}/metadata"
        if kind is BlockKindName.KERAS:
            path += "?excludeLabels=true"
        try:
            body = await self._get_context(target.project_id, path)
            return read_metadata(body, secrets=self._secrets(target.project_id))
        except StudioError as error:
            return Failure(kind=error.kind, message=error.message)

    async def list_deployments(self, project_id: int) -> tuple[Deployment, ...] | Failure:
        """Return the newest deployment of each impulse, as far as Studio's first page has it."""
        path = f"/api/{project_id}/deployment/history?limit={_DEPLOYMENTS}&offset=0"
        try:
            body = await self._get_context(project_id, path)
            return read_deployments(body, secrets=self._secrets(project_id))
        except StudioError as error:
            return Failure(kind=error.kind, message=error.message)

    async def _get_context(self, project_id: int, path: str) -> bytes:
        """Return an answer beside the configuration: asked for once, and never retried.

        It says nothing of blocks, so neither circuit nor budget count it. Where Studio does not
        answer in time, it is not asked for more of the kind.
        """
        async with self._slots:
            is_blocked = project_id in self._blocked or self._is_stopping()
            if is_blocked or self._context_failures >= _MOST_CONTEXT_FAILURES:
                raise StudioError(NOT_ASKED, "Studio was not asked")
            try:
                self.circuit.require_closed(project_id)
            except StudioError as error:
                raise StudioError(NOT_ASKED, "Studio was not asked") from error
            await self._pace.wait_for_turn()
            try:
                reply = await self._exchange(project_id, _StudioRequest(path))
                if reply.status != HTTPStatus.OK:
                    secrets = self._secrets(project_id)
                    words = read_error_text(reply.body, secrets=secrets)
                    raise status_error(reply.status, error_text=words)
            except StudioError as error:
                self._context_failures += error.transient
                raise
            return reply.body

    async def _get(self, project_id: int, path: str) -> bytes:
        return (await self._request(project_id, _StudioRequest(path))).body

    async def _get_optional(self, project_id: int, path: str) -> bytes:
        """Return an answer that a run does not need: sent once, and not after a transient error.

        It does not show whether blocks can be read, so the circuit and budget do not count it.
        """
        async with self._slots:
            if not self._allows_optional:
                raise StudioError("timeout", "Studio did not answer an earlier optional request")
            try:
                return (await self._send_once(project_id, _StudioRequest(path))).body
            except StudioError as error:
                self._allows_optional = not error.transient
                raise

    async def _request(self, project_id: int, request: _StudioRequest) -> Reply:
        self._require_not_blocked(project_id)
        # The slot is kept while waiting: if Studio slows down, fewer requests are sent.
        async with self._slots:
            self._require_not_blocked(project_id)
            return await self._request_with_retries(project_id, request)

    async def _request_with_retries(self, project_id: int, request: _StudioRequest) -> Reply:
        self._budget.count_request()
        failures = 0
        while True:
            self.circuit.require_closed(project_id)
            await self._pace.wait_for_turn()
            try:
                return await self._send_once(project_id, request)
            except StudioError as error:
                failures += 1
                if not error.transient:
                    raise
                if not self._may_retry(project_id, failures):
                    self.circuit.record_failure(project_id, error)
                    raise _given_up(error, failures) from error
                wait = wait_before_retry(
                    failures, retry_after=error.retry_after, jitter=self.jitter()
                ).total_seconds()
                logger.debug("retrying request", extra={"path": request.path, "kind": error.kind})
            await self._wait(wait)

    def _may_retry(self, project_id: int, failures: int) -> bool:
        is_in_doubt = self.circuit.is_in_doubt(project_id)
        if failures >= self.tries or self._is_stopping() or is_in_doubt:
            return False
        return self._budget.spend_retry()

    async def _wait(self, seconds: float) -> None:
        while self.stopping is not None and seconds > 1 and not self.stopping():
            await self.sleep(1)
            seconds -= 1
        if not self._is_stopping():
            await self.sleep(seconds)

    def _is_stopping(self) -> bool:
        return self.stopping is not None and self.stopping()

    async def _send_once(self, project_id: int, request: _StudioRequest) -> Reply:
        reply = await self._exchange(project_id, request)
        if reply.status == HTTPStatus.OK or request.is_unchanged(reply):
            self.circuit.record_answer(project_id)
            return reply
        error = status_error(
            reply.status,
            error_text=read_error_text(reply.body, secrets=self._secrets(project_id)),
            retry_after=parse_retry_after(reply.header("retry-after"), now=self.now()),
        )
        if not error.transient:
            self.circuit.record_answer(project_id)
        raise error

    async def _exchange(self, project_id: int, request: _StudioRequest) -> Reply:
        """Return Studio's answer, the second one if a refused credential could be renewed."""
        access = self._access(project_id)
        refused = await access.header()
        reply = await self._get_with(request, refused, access)
        if reply.status == HTTPStatus.UNAUTHORIZED and await access.renew(refused[1]):
            return await self._get_with(request, await access.header(), access)
        return reply

    async def _get_with(
        self, request: _StudioRequest, header: tuple[str, str], access: Access
    ) -> Reply:
        headers = dict([header, *request.headers])
        return await self._wire.get(request.path, headers, secrets=access.secrets)

    def _access(self, project_id: int) -> Access:
        """Return the access of the project's credential; projects with one credential share it."""
        credential = self.credential(project_id)
        if credential not in self._accesses:
            self._accesses[credential] = (
                token_access(credential, self._wire, now=self.now)
                if isinstance(credential, Grant)
                else FixedAccess(credential)
            )
        return self._accesses[credential]

    def _secrets(self, project_id: int) -> tuple[Secret, ...]:
        return self._access(project_id).secrets

    def _require_not_blocked(self, project_id: int) -> None:
        refused = self._blocked.get(project_id)
        if refused is not None:
            raise refused.again()

    async def _failure(self, project_id: int, error: StudioError) -> Failure:
        if self._blocks_project(project_id, error):
            # Set before the explanation is requested: other coroutines must not continue.
            self._blocked[project_id] = error
            logger.warning(
                "%s not readable, no further requests",
                "list of projects" if project_id == EVERY_PROJECT else f"project {project_id}",
                extra={"kind": error.kind},
            )
        reason = await self._explanation(project_id, error)
        return Failure(kind=error.kind, message=error.message + reason, may_pass=error.may_pass)

    async def _explanation(self, project_id: int, error: StudioError) -> str:
        """Return why a project is refused and what to do, looked up once per project.

        Empty for an error of one block and for a missing token, whose messages are complete.
        """
        if error.kind in {"http", "not_json"} and not error.transient:
            return "" if self._readable else self._path_remedy()
        is_refusal = error.kind in {"unauthorized", "forbidden"} and error.whole_project
        if not is_refusal or project_id in self._readable or isinstance(error, NoTokenError):
            return ""
        key = self.credential(project_id), project_id
        async with self._explanation_locks.setdefault(key, asyncio.Lock()):
            if key not in self._explanations:
                self._explanations[key] = await self._explain_refusal(project_id)
        return self._explanations[key]

    def _path_remedy(self) -> str:
        """Return what to do where no request can be right, empty if the base URL seems to be."""
        if self.base_url.endswith("/v1"):
            return ""
        return "; base_url does not end in /v1, where Studio's API is: correct it"

    async def _explain_refusal(self, project_id: int) -> str:
        info = await self.fetch_key_info(project_id) if self.explains else None
        whose = None if project_id == EVERY_PROJECT else project_id
        credential = self.credential(project_id)
        if info:
            return f"; {explain_refused_key(info, project_id)}"
        remedy = refusal_remedy(credential, whose)
        is_key = isinstance(credential, ApiKey)
        hint = "; `auditor check` shows its project" if is_key and not self.explains else ""
        return f"; {remedy}{hint}"

    def _blocks_project(self, project_id: int, error: StudioError) -> bool:
        """Return whether to stop requests for the project; never after a block was read.

        A single 403 may concern one block only, so it takes two.
        """
        if not error.whole_project or project_id in self._readable | self._blocked.keys():
            return False
        is_certain = error.kind == "unauthorized" or project_id in self._suspect
        self._suspect.add(project_id)
        return is_certain


def _says_of_kind(error: StudioError) -> bool:
    """Return whether a failure may mean that the block is of another kind than was asked for."""
    is_of_block = error.kind in {"http", "refused", "invalid"}
    return is_of_block and not error.transient and not error.whole_project


def _given_up(error: StudioError, failures: int) -> StudioError:
    times = "once" if failures == 1 else f"{failures} times"
    return StudioError(error.kind, f"{error.message} (tried {times})", transient=True)
