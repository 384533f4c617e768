"""What the use cases need of the world, as protocols that the adapters fulfil."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from auditor.context import Endpoint, EndpointState, KnownTraining, Training
from auditor.drift.recurrence import PastChange, PastFolding
from auditor.drift.secrets import Secrets
from auditor.listings import RunSummary, TargetOverview, TargetStatus
from auditor.locks import ConfigurationStore, Locks, SignStore
from auditor.model import Kind, OpenCondition, RunInfo, Snapshot, TargetId, TargetState, Trigger
from auditor.outbox import Message, MessageInfo, MessageState, OutboxOverview
from auditor.records import (
    Acknowledgement,
    Approval,
    BrokenLink,
    DigestMark,
    FindingOccurrence,
    KnownTarget,
    Pruned,
    Retraction,
    RuleBreach,
    RuleMatch,
    RunConclusions,
    RunPeriod,
    SlotRelease,
    SuppressedBy,
    UnreportedFinding,
    UnreportedNotice,
    Version,
    VersionLine,
)
from auditor.report import Notice, Report
from auditor.results import NO_NEWS, BatchNews, TargetResult
from auditor.retention import Retention


class UpkeepStore(Protocol):
    """What `prune`, `backup`, `export`, `import` and `verify` ask of the store."""

    def run_lock(self) -> AbstractContextManager[None]:
        """Hold the database for one run; raises `RunUnderWayError` where another run has it."""
        ...

    def prune(self, retention: Retention, *, now: datetime, is_dry: bool = False) -> Pruned:
        """Remove what the retention does not keep, in one transaction; a dry run only returns it.

        Of a version its line and its links in the hash chain stay. What is current, was ever
        approved, a model is judged from, another is read with, or a finding cites that is open,
        accepted or unreported is never removed.
        """
        ...

    def pruned_versions(self) -> int:
        """Return of how many versions only the line and the links are left."""
        ...

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is at one moment, into an empty file; runs go on.

        SQLite's is a database, PostgreSQL's an export.
        """
        ...

    def write_export(self, stream: BinaryIO) -> int:
        """Write the whole history, as it is at one moment; return how many rows that are."""
        ...

    def load_export(self, stream: BinaryIO) -> int:
        """Take an export into an empty database, all or nothing; return how many rows."""
        ...

    def run_of_head(self, head_hash: str) -> int | None:
        """Return the run whose link in the hash chain this is (64 hex digits), None without."""
        ...

    def verify(self) -> BrokenLink | None:
        """Walk the hash chain; return the first broken link, None where it is sound."""
        ...


class RunStore(Protocol):
    """The part of the store that one run needs. Each method is one short transaction."""

    def run_lock(self) -> AbstractContextManager[None]:
        """Hold the database for one run; raises `RunUnderWayError` where another run has it.

        While it is held, `save` and `close_run` make sure of it and raise `LockLostError`.
        """
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

    def secrets(self) -> Secrets:
        """Return what hides every parameter that a catalogue seen so far types `secret`."""
        ...

    def add_secret_parameters(self, names: Iterable[str]) -> None:
        """Remember parameters that a catalogue types `secret`."""
        ...

    def known_targets(self, targets: Sequence[TargetId]) -> dict[TargetId, KnownTarget]:
        """Return what is known of `targets` (a few hundred at most); new ones are absent."""
        ...

    def last_checks_of_starved(self) -> dict[TargetId, datetime | None]:
        """Return when the targets were last checked that the last run did not come to."""
        ...

    def known_project_targets(self, project_id: int) -> tuple[KnownTarget, ...]:
        """Return every target of the project that the last runs audited, by learn id."""
        ...

    def audited_projects(self) -> frozenset[int]:
        """Return the projects of every target that the last runs audited."""
        ...

    def found_projects(self) -> frozenset[int]:
        """Return the projects that were last audited because Studio listed them."""
        ...

    def remember_inventory(
        self, run_id: int, found: Iterable[int] | None, notices: Sequence[Notice]
    ) -> None:
        """Remember which projects are audited because Studio listed them, even if no longer.

        `found` is None where Studio was not asked for them. `notices` are the news of that, kept
        for a run that does not end.
        """
        ...

    def snapshot(self, version_id: int) -> Snapshot:
        """Return a stored version's snapshot."""
        ...

    def lines_of_versions(self, ids: Sequence[int]) -> dict[int, VersionLine]:
        """Return what the history says of versions, by id."""
        ...

    def version_before(self, target: TargetId, run_id: int) -> int | None:
        """Return the id of the target's last version before the run, or None if there is none."""
        ...

    def save(
        self,
        run_id: int,
        outcomes: Sequence[TargetResult],
        *,
        at: datetime,
        news: BatchNews = NO_NEWS,
    ) -> None:
        """Store a batch of results and its news at once, and open and end conditions.

        The news is kept for a run that does not end; `close_run` puts the whole in its place.
        """
        ...

    def open_conditions(
        self, targets: Sequence[TargetId] | None = None
    ) -> tuple[OpenCondition, ...]:
        """Return the open conditions of all audited targets, or of `targets`, worst first."""
        ...

    def known_trainings(self, targets: Sequence[TargetId]) -> dict[TargetId, KnownTraining]:
        """Return what is known of the trainings of targets; those without are absent."""
        ...

    def endpoint_states(
        self, projects: Sequence[int]
    ) -> dict[tuple[int, Endpoint], EndpointState]:
        """Return what is known of the endpoints of projects that were asked before."""
        ...

    def headlines_since(
        self, targets: Sequence[TargetId], at: datetime, *, most: int
    ) -> tuple[tuple[TargetId, str], ...]:
        """Return what runs since a time found of targets, the newest first, at most so many."""
        ...

    def unreported_findings(self, run_id: int) -> tuple[UnreportedFinding, ...]:
        """Return findings of runs before `run_id` that no delivered or queued message holds."""
        ...

    def head(self, run_id: int) -> str:
        """Return the run's link in the hash chain: over the previous run's and its versions."""
        ...

    def run_info(self, run_id: int) -> RunInfo | None:
        """Return a run however it ended, or None if there is none."""
        ...

    def newest_starts(self, most: int) -> tuple[datetime, ...]:
        """Return when the newest runs started, newest first."""
        ...

    def previous_run_id(self, run_id: int) -> int | None:
        """Return the id of the stored run before `run_id`."""
        ...

    def run_summaries(self, most: int) -> tuple[RunSummary, ...]:
        """Return the last `most` closed runs in short, newest first."""
        ...

    def past_changes(self, target: TargetId) -> tuple[PastChange, ...]:
        """Return the findings of the target's own that runs have found, oldest first.

        Of each path they are the newest, as many as a week may have.
        """
        ...

    def finding_occurrences(self, finding_id: str) -> tuple[FindingOccurrence, ...]:
        """Return every run's finding whose id begins with `finding_id`, oldest first."""
        ...

    def past_foldings(self, target: TargetId) -> tuple[PastFolding, ...]:
        """Return what the newest findings of the target's own folded, oldest first."""
        ...

    def acknowledgements(self) -> tuple[Acknowledgement, ...]:
        """Return the acknowledgements that were not ended, oldest first."""
        ...

    def vendor_paths(self) -> frozenset[str]:
        """Return the paths of keys that were reported as the vendor's, its catalogue left out."""
        ...

    def vendor_keys(self) -> Mapping[tuple[Kind, str], datetime]:
        """Return the keys that the vendor brought or took, and when a run found that last."""
        ...

    def rule_breaches(self) -> tuple[RuleBreach, ...]:
        """Return the breaches of rules that are open."""
        ...

    def ignore_rules(self) -> dict[str, bool]:
        """Return the keys of all ignore rules ever in force, and whether their end was said."""
        ...

    def remember_ignore_rules(self, keys: Iterable[str], *, at: datetime) -> None:
        """Remember ignore rules as having been in force."""
        ...

    def rule_matches(self) -> dict[str, RuleMatch] | None:
        """Return what the rules matched when they were compared last, None in a dry run."""
        ...

    def unreported_notices(self, run_id: int) -> tuple[UnreportedNotice, ...]:
        """Return notices of runs before `run_id` that no delivered or queued message holds."""
        ...

    def close_run(
        self,
        report: Report,
        messages: Sequence[Message],
        *,
        carried: Sequence[UnreportedFinding],
        conclusions: RunConclusions,
    ) -> None:
        """Close the run, keep its report and queue its messages, in ONE transaction.

        `carried` are unreported findings of earlier runs that the report holds; now they belong to
        this run's report, and so do the notices that the conclusions name. Vendor findings of
        the report and its differences from baselines are stored with it. Targets that the run
        retires are no longer audited.
        """
        ...

    def mark_reported(self, run_id: int, *, at: datetime) -> None:
        """Count the findings of the run's report as reported."""
        ...


class DigestStore(RunStore, Protocol):
    """What the end of a run needs to write digests."""

    def digest_marks(self) -> Mapping[str, DigestMark]:
        """Return what each reader got so far, by recipient."""
        ...

    def has_earlier_run(self, run_id: int, *, since: datetime) -> bool:
        """Return whether a run over all targets before it ended since then and checked some."""
        ...

    def run_period(self, after: int, *, until: int) -> RunPeriod:
        """Return what the runs after `after` stored, up to the run `until` that is under way."""
        ...

    def newest_run_before(self, at: datetime) -> int:
        """Return the id of the newest closed run that ended before then, 0 without one."""
        ...

    def known_projects(self) -> tuple[int, ...]:
        """Return the projects of every target that was ever audited, by id."""
        ...

    def statuses(self, projects: Sequence[int] | None = None) -> tuple[TargetStatus, ...]:
        """Return every audited target's status, by project and learn id; or of `projects`."""
        ...


class OutboxStore(Protocol):
    """The messages not yet delivered."""

    def queued_messages(self, *, due_by: datetime | None) -> Iterator[Message]:
        """Read queued messages one by one, oldest first; with `due_by`, those due by then."""
        ...

    def queued_ids(self, *, due_by: datetime | None) -> tuple[int, ...]:
        """Return the ids of the messages that `queued_messages` reads."""
        ...

    def queued_message(self, number: int) -> Message | None:
        """Return a message with its content, None if it is no longer queued."""
        ...

    def queued_recipients(self) -> frozenset[str]:
        """Return whom the queued messages are to."""
        ...

    def message_ids(self, state: MessageState) -> tuple[int, ...]:
        """Return the ids of the messages in a state, oldest first."""
        ...

    def message_infos(self, ids: Sequence[int]) -> tuple[MessageInfo, ...]:
        """Return those of the messages that are stored, whatever their state, by id."""
        ...

    def drop_messages_to(self, recipients: Collection[str], *, why: str) -> int:
        """Drop the queued messages to recipients, with their content; return how many.

        The next report has the findings that no other message holds.
        """
        ...

    def drop_messages(self, ids: Sequence[int], *, why: str) -> int:
        """Drop those of the messages that are queued or dead; return how many."""
        ...

    def requeue_messages(self, ids: Sequence[int], *, now: datetime) -> int:
        """Queue dead messages again and make queued ones due, as if untried; return how many."""
        ...

    def record(self, message: Message) -> bool:
        """Store a message's next state; a delivered one makes its findings reported.

        Return False where it is not queued any more and so stays as it is.
        """
        ...


class HistoryStore(Protocol):
    """What `status`, `history`, `show`, `diff` and `report` read."""

    def statuses(self, projects: Sequence[int] | None = None) -> tuple[TargetStatus, ...]:
        """Return every audited target's status, by project and learn id; or of `projects`."""
        ...

    def count_states(self) -> Mapping[tuple[int, TargetState], int]:
        """Return how many audited targets of each project are in which state."""
        ...

    def open_conditions(
        self, targets: Sequence[TargetId] | None = None
    ) -> tuple[OpenCondition, ...]:
        """Return the open conditions of all audited targets, or of `targets`, worst first."""
        ...

    def last_run(self) -> RunInfo | None:
        """Return the newest run."""
        ...

    def count_messages(self) -> Mapping[MessageState, int]:
        """Return how many messages are queued, dead and dropped."""
        ...

    def newest_messages(
        self, state: MessageState, *, most: int, run_id: int | None = None
    ) -> tuple[MessageInfo, ...]:
        """Return the newest messages in a state, the newest first; with `run_id`, of that run."""
        ...

    def outbox_overview(self, *, most: int) -> OutboxOverview:
        """Return the counts, and `most` messages of each state, the newest first."""
        ...

    def oldest_queued(self) -> MessageInfo | None:
        """Return the queued message that was queued first."""
        ...

    def undelivered_runs(self, run_ids: Collection[int]) -> frozenset[int]:
        """Return those of the runs that have a message which is queued or dead."""
        ...

    def newest_versions(
        self, targets: Sequence[TargetId], *, most: int
    ) -> Mapping[TargetId, tuple[Version, ...]]:
        """Return the newest `most` versions of each target that has any, newest first."""
        ...

    def target_versions(self, target: TargetId, *, most: int | None = None) -> tuple[Version, ...]:
        """Return a target's versions, newest first; at most the newest `most`."""
        ...

    def versions_by_id(self, ids: Sequence[int]) -> dict[int, Version]:
        """Return versions by id."""
        ...

    def version_lines(self, target: TargetId) -> tuple[VersionLine, ...]:
        """Return what the history says of a target's versions, newest first."""
        ...

    def lines_of_versions(self, ids: Sequence[int]) -> dict[int, VersionLine]:
        """Return what the history says of versions, by id."""
        ...

    def count_versions(self, target: TargetId) -> int:
        """Return how many versions of a target there are."""
        ...

    def report(self, run_id: int | None) -> Report | None:
        """Return a stored run's report, the newest closed run's where `run_id` is None."""
        ...

    def run_summaries(self, most: int) -> tuple[RunSummary, ...]:
        """Return the last `most` closed runs in short, newest first."""
        ...

    def known_projects(self) -> tuple[int, ...]:
        """Return the projects of every target that was ever audited, by id."""
        ...

    def target_overviews(self, projects: Sequence[int]) -> tuple[TargetOverview, ...]:
        """Return every target of projects that was ever audited, by project and learn id."""
        ...

    def all_runs(self) -> tuple[RunInfo, ...]:
        """Return every run, newest first."""
        ...

    def brief_reports(self, run_ids: Sequence[int]) -> tuple[Report, ...]:
        """Return the reports of closed runs, newest first, without the targets that were quiet.

        Its findings, inventory and verdict are the report's.
        """
        ...

    def pruned_runs(self) -> frozenset[int]:
        """Return the closed runs whose reports were pruned."""
        ...

    def training_dates(self, projects: Sequence[int]) -> Mapping[TargetId, str]:
        """Return when targets of projects were trained last, as Studio writes it, where known."""
        ...

    def past_trainings(self) -> Mapping[TargetId, tuple[Training, ...]]:
        """Return the trainings of targets that stored reports have, the oldest first."""
        ...


class DecisionStore(Protocol):
    """What `approve`, `acknowledge`, `explain` and `suppressed` read and write."""

    def approve(self, approvals: Sequence[Approval]) -> None:
        """Make versions the baselines of their targets, in one transaction."""
        ...

    def approvals(self, target: TargetId) -> tuple[Approval, ...]:
        """Return a target's approvals, newest first."""
        ...

    def unapprove(self, decisions: Sequence[Retraction]) -> tuple[OpenCondition, ...]:
        """Drop the baselines of targets, in one transaction; return what is open again then."""
        ...

    def forget(self, decisions: Sequence[Retraction]) -> None:
        """Forget targets: nothing names them, their history stays, they are new if they return."""
        ...

    def retractions(self, target: TargetId) -> tuple[Retraction, ...]:
        """Return what was taken back of a target, newest first."""
        ...

    def targets_to_approve(
        self, *, project_id: int | None = None, only_new: bool = False
    ) -> tuple[KnownTarget, ...]:
        """Return every audited target that has a version, only of a project where one is named.

        With `only_new`, those that have no baseline.
        """
        ...

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Store an acknowledgement; it ends an older one of the same finding."""
        ...

    def unacknowledge(self, decisions: Sequence[Retraction]) -> None:
        """End the acknowledgements in force of the findings that decisions name."""
        ...

    def all_acknowledgements(self, target: TargetId | None = None) -> tuple[Acknowledgement, ...]:
        """Return every acknowledgement ever made, newest first; with `target`, only of that."""
        ...

    def finding_occurrences(self, finding_id: str) -> tuple[FindingOccurrence, ...]:
        """Return every run's finding whose id begins with `finding_id`, oldest first."""
        ...

    def suppressed(self, most: int) -> tuple[SuppressedBy, ...]:
        """Return the suppressed findings by rule; of each rule the newest `most`."""
        ...


class Ledger(Protocol):
    """Which slots had their run; the database knows that, the scheduler does not."""

    def has_run(self, schedule: str, slot: str) -> bool:
        """Return whether the slot has its run, or its runs crashed three times.

        A run that crashed, was stopped or read too little leaves the slot due.
        """
        ...

    def slot_tries(self, schedule: str, slot: str) -> tuple[RunInfo, ...]:
        """Return the slot's runs that read too little, oldest first."""
        ...

    def release_slot(self, run_id: int, *, why: SlotRelease) -> None:
        """Make the slot of a run due again; a slot that is due already stays as it is."""
        ...

    def schedule_start(self, schedule: str, line: str, *, now: datetime) -> datetime:
        """Return since when the schedule has had this line; `now` where it is new.

        A slot before that was not missed. The line is remembered. A time after `now` was given by
        a clock that went wrong, and counts for nothing.
        """
        ...

    def schedule_names(self) -> frozenset[str]:
        """Return the schedules whose lines are remembered."""
        ...

    def schedule_in_force(self, schedule: str) -> tuple[str, datetime] | None:
        """Return the line that is remembered of the schedule, and since when."""
        ...

    def schedule_since(self, schedule: str, line: str) -> datetime | None:
        """Return since when the schedule has had this line, or None if it is not remembered."""
        ...

    def slot_ended(self, schedule: str, slot: str) -> bool:
        """Return whether the slot has its run, and that has come to an end."""
        ...

    def forget_other_schedules(self, names: Collection[str]) -> None:
        """Forget the lines of schedules that are no longer configured: they miss nothing."""
        ...

    def last_slot(
        self, schedule: str, *, since: datetime, until: datetime, before: str
    ) -> str | None:
        """Return the newest slot, other than `before`, whose run started in that time."""
        ...


class Store(
    DigestStore,
    OutboxStore,
    HistoryStore,
    DecisionStore,
    ConfigurationStore,
    SignStore,
    Ledger,
    Locks,
    UpkeepStore,
    Protocol,
):
    """The whole store."""
