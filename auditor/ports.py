"""What the use cases need of the world, as protocols that the adapters fulfil."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from auditor.drift.model import (
    Failure,
    Finding,
    JsonObject,
    ModelState,
    Report,
    RunInfo,
    Snapshot,
    TargetId,
    TargetState,
    Trigger,
    VendorFinding,
)
from auditor.outbox import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class SameBody:
    """The answer is byte for byte the one whose digest was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that can be believed. `body_digest` is the SHA-256 of its raw bytes."""

    document: JsonObject
    body_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Nothing that can be believed came back; `whole_project` where asking on is no use."""

    failure: Failure
    whole_project: bool = False


Fetched: TypeAlias = SameBody | Answer | NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBlock:
    """A learn block as a listing of impulses names it. `type` is served by getKeras or not."""

    target: TargetId
    name: str
    type: str
    served: bool


class Studio(Protocol):
    """Reads learn blocks; sends nothing but GET. Every method is safe to call concurrently."""

    async def fetch(self, target: TargetId, *, known_body: str | None) -> Fetched:
        """Return the block's getKeras answer, `SameBody` where its digest is `known_body`."""
        ...

    async def blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every learn block of the project's impulses once, by learn id."""
        ...

    async def project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty where it is not told."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a target before tonight.

    Attributes:
        project: how the last run called the project.
        state: what the last run said of it.
        body_digest: SHA-256 of the last believed raw answer, None before the first.
        version_id: the last version, None where none was ever stored.
        digest: canonical digest of the last version, empty without one.
        catalogue_digest: that version's catalogue, empty without one.
        trained_version_id: the version that the trained model is believed to be trained with.
        baseline_version_id: the version a person approved.
        model: identities (`TYPE` or `TYPE:ORGANIZATION_MODEL_ID`) of the models that the last
            visual stack used; what an expert-mode block is held to use.
    """

    target: TargetId
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    body_digest: str | None
    version_id: int | None
    digest: str
    catalogue_digest: str
    trained_version_id: int | None
    baseline_version_id: int | None
    model: tuple[str, ...]
    last_checked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A stored stretch of equal snapshots, with its links in the hash chain."""

    id: int
    target: TargetId
    run_id: int
    seen_at: datetime
    snapshot: Snapshot
    model_state: ModelState
    headline: str
    hash: str
    previous_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Equal to the last version: only the target's marks move.

    `body_digest` differs from the known one where the bytes differed and the content did not.
    """

    target: TargetId
    project: str
    body_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A snapshot that starts a version: the first of its target, or one that differs.

    Attributes:
        first: no version was stored before it.
        findings: its own findings (`since` is `last`); empty where only what is not told changed.
        trained_now: the model is believed to be trained with this very version.
        state: `new`, `drifted`, or `in_sync` where nothing of it is told.
    """

    target: TargetId
    project: str
    snapshot: Snapshot
    body_digest: str
    first: bool
    findings: tuple[Finding, ...]
    headline: str
    state: TargetState
    model_state: ModelState
    trained_now: bool
    model: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Not read tonight; what is known of it stays."""

    target: TargetId
    project: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A successful listing lacks it."""

    target: TargetId
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """A type that has no endpoint here."""

    target: TargetId
    project: str
    name: str
    type: str


Outcome: TypeAlias = Quiet | Seen | Unread | Gone | Unserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A finding that an earlier run stored and no delivered or queued message holds."""

    target: TargetId | None
    finding: Finding | VendorFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One line of `status`."""

    target: TargetId
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    last_changed_at: datetime | None
    last_checked_at: datetime | None
    last_attempted_at: datetime | None
    error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """The first broken link that `verify` met, in words."""

    where: str
    what: str


class RunStore(Protocol):
    """The part of the store that one run needs. Each method is one short transaction."""

    def run_lock(self) -> AbstractContextManager[None]:
        """Hold the database for one run; raises `RunUnderWayError` where another run has it."""
        ...

    def open_run(
        self, trigger: Trigger, *, started_at: datetime, schedule: str = "", slot: str = ""
    ) -> int:
        """Store a running run and return its id.

        `schedule` and `slot` (local wall time of the schedule, `2026-11-23T03:15`) are empty for
        a manual run. Raises `AlreadyRunError` where that slot has its run.
        """
        ...

    def abandon_open_runs(self, now: datetime) -> tuple[int, ...]:
        """Close what a crash left running as abandoned, with its head hash; return the ids."""
        ...

    def fingerprint_key(self) -> bytes:
        """Return the random key (32 bytes) that secrets of this database are compared under."""
        ...

    def secret_parameters(self) -> frozenset[str]:
        """Return every parameter that a catalogue seen so far types `secret`."""
        ...

    def add_secret_parameters(self, names: Iterable[str]) -> None:
        """Remember parameters that a catalogue types `secret`."""
        ...

    def known(self, targets: Sequence[TargetId]) -> dict[TargetId, Known]:
        """Return what is known of `targets` (a few hundred at most); new ones are absent."""
        ...

    def known_of_project(self, project_id: int) -> tuple[Known, ...]:
        """Return every target of the project that the last runs audited, by learn id."""
        ...

    def snapshot(self, version_id: int) -> Snapshot:
        """Return a stored version's snapshot."""
        ...

    def save(self, run_id: int, outcomes: Sequence[Outcome], *, at: datetime) -> None:
        """Store a batch of outcomes in one transaction."""
        ...

    def retire_others(self, run_id: int) -> int:
        """Take every target that a run over all of them did not try for no longer audited."""
        ...

    def untold(self, run_id: int) -> tuple[Untold, ...]:
        """Return findings of runs before `run_id` that nobody was told and no message holds."""
        ...

    def head(self, run_id: int) -> str:
        """Return the run's link in the hash chain: over the previous run's and its versions."""
        ...

    def previous_run_id(self, run_id: int) -> int | None:
        """Return the id of the stored run before `run_id`."""
        ...

    def close_run(
        self, report: Report, messages: Sequence[Message], *, carried: Sequence[Untold]
    ) -> None:
        """Close the run, keep its report and queue its messages, in ONE transaction.

        `carried` are the untold findings that the report tells again; from now on they belong to
        this run's report. Vendor findings of the report are stored with it.
        """
        ...

    def mark_told(self, run_id: int, *, at: datetime) -> None:
        """Count the findings of the run's report as told."""
        ...


class OutboxStore(Protocol):
    """The messages not yet delivered."""

    def undelivered(self, *, due_by: datetime | None) -> tuple[Message, ...]:
        """Return queued messages, oldest first; only those due by then where `due_by` is given."""
        ...

    def record(self, message: Message) -> None:
        """Store a message's next state; a delivered one makes its run's findings told."""
        ...


class HistoryStore(Protocol):
    """What `status`, `history`, `show`, `diff` and `report` read."""

    def statuses(self) -> tuple[TargetStatus, ...]:
        """Return every audited target's status, by project and learn id."""
        ...

    def last_run(self) -> RunInfo | None:
        """Return the newest run."""
        ...

    def messages(self) -> tuple[Message, ...]:
        """Return the messages that are queued or dead, oldest first."""
        ...

    def versions(self, target: TargetId) -> tuple[Version, ...]:
        """Return a target's versions, newest first."""
        ...

    def report(self, run_id: int | None) -> Report | None:
        """Return a stored run's report, the newest closed run's where `run_id` is None."""
        ...

    def verify(self) -> Breach | None:
        """Walk the hash chain; return the first broken link, None where it is sound."""
        ...


class Ledger(Protocol):
    """Which nights happened; the database knows, the scheduler does not."""

    def has_run(self, schedule: str, slot: str) -> bool:
        """Return whether the slot of the schedule has its run, however it ended."""
        ...

    def schedule_start(self, schedule: str, line: str, *, now: datetime) -> datetime:
        """Return since when the schedule has had this line; `now` where it is new.

        A slot before that was not missed. The line is remembered.
        """
        ...


class Store(RunStore, OutboxStore, HistoryStore, Ledger, Protocol):
    """The whole store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A report as a mail carries it: one subject, the same content in text and HTML."""

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


class Renderer(Protocol):
    """Turns a report into what people read."""

    def mailing(self, report: Report) -> Mailing:
        """Return subject, plain text and HTML of the report."""
        ...


class Composer(Protocol):
    """Turns a mailing into the bytes of one message to one recipient."""

    def compose(self, mailing: Mailing, *, recipient: str, message_id: str, at: datetime) -> bytes:
        """Return the MIME message (CRLF line ends)."""
        ...


class Mailer(Protocol):
    """Hands messages to the mail server."""

    def send(self, message: Message) -> None:
        """Deliver one message to its recipient; raises `DeliveryError`."""
        ...


class Archive(Protocol):
    """The folder of reports."""

    def write(self, report: Report) -> str:
        """Write the report's page and return its path; raises `OSError`."""
        ...
