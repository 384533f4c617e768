"""The store as the use cases see it: each method one short transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from auditor.drift.recurrence import PastChange
from auditor.drift.secrets import Secrets
from auditor.model import Notice, Report, RunInfo, Snapshot, TargetId, Trigger, VendorFinding
from auditor.outbox import Message
from auditor.records import (
    Acknowledgement,
    KnownTarget,
    Missing,
    NewVersion,
    RuleBreach,
    RunConclusions,
    RunSummary,
    TargetOverview,
    TargetResult,
    TargetStatus,
    Unchanged,
    Unreadable,
    UnreportedFinding,
    Unsupported,
    Version,
)
from auditor.store import (
    decisions,
    episodes,
    findings,
    marks,
    messages,
    notices,
    reports,
    runs,
    schema,
    settings,
    standing,
    versions,
)
from auditor.store.address import address
from auditor.store.database import Database, check_soundness, database, make_file, require_file
from auditor.store.deciding import Deciding
from auditor.store.health import Health, health
from auditor.store.keeping import Keeping
from auditor.store.locking import Locking
from auditor.store.planning import Planning

_KEY_BYTES = 32


def open_database(url: str, *, upgrade: bool) -> SqlStore:
    """Return the store at `url`, found sound and with this program's schema.

    A database that is missing or older is made or upgraded where `upgrade` says so.

    Raises:
        StoreUnreachableError: it cannot be opened, or is missing and not to be made.
        SchemaVersionError: it is newer, or older and not to be upgraded.
        DamagedDatabaseError: the file is corrupt.
    """
    where = address(url)
    if where.is_sqlite:
        (make_file if upgrade else require_file)(where)
    there = database(url)
    try:
        _make_ready(there, url, upgrade=upgrade)
    except BaseException:
        there.close()
        raise
    return SqlStore(there)


class SqlStore(Locking, Planning, Deciding, Keeping):
    """The store on SQLite or PostgreSQL; `ports.Store` says what each method does."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._there.close()

    def health(self) -> Health:
        """Return how the database is; raises where it cannot be written."""
        return health(self._there)

    def open_run(
        self, trigger: Trigger, *, started_at: datetime, schedule: str = "", slot: str = ""
    ) -> int:
        """Store a running run and return its id."""
        with self._there.writing() as connection:
            return runs.start(
                connection, trigger, started_at=started_at, schedule=schedule, slot=slot
            )

    def abandon_open_runs(self, now: datetime) -> tuple[int, ...]:
        """Close what a crash left running; return the ids."""
        with self._there.writing() as connection:
            return runs.abandon_running(connection, at=now)

    def fingerprint_key(self) -> bytes:
        """Return the random key that secrets of this database are compared under."""
        return self._setting(settings.FINGERPRINT_KEY, size_bytes=_KEY_BYTES)

    def secrets(self) -> Secrets:
        """Return what hides the secrets of this database."""
        self.fingerprint_key()  # made where there is none yet
        with self._there.reading() as connection:
            return settings.secrets_of(connection)

    def add_secret_parameters(self, names: Iterable[str]) -> None:
        """Remember parameters as secret."""
        with self._there.writing() as connection:
            settings.add_secret_parameters(connection, names)

    def known_targets(self, targets: Sequence[TargetId]) -> dict[TargetId, KnownTarget]:
        """Return what is known of targets; new ones are absent."""
        with self._there.reading() as connection:
            return standing.known_targets(connection, targets)

    def known_project_targets(self, project_id: int) -> tuple[KnownTarget, ...]:
        """Return the project's audited targets, by learn id."""
        with self._there.reading() as connection:
            return standing.known_project_targets(connection, project_id)

    def audited_projects(self) -> frozenset[int]:
        """Return the projects of every audited target."""
        with self._there.reading() as connection:
            return standing.audited_projects(connection)

    def found_projects(self) -> frozenset[int]:
        """Return the projects that were last audited because Studio listed them."""
        with self._there.reading() as connection:
            return settings.found_projects(connection)

    def remember_found_projects(self, projects: Iterable[int]) -> None:
        """Remember which projects are audited because Studio listed them."""
        with self._there.writing() as connection:
            settings.remember_found_projects(connection, projects)

    def snapshot(self, version_id: int) -> Snapshot:
        """Return a stored version's snapshot."""
        with self._there.reading() as connection:
            return versions.read(connection, version_id)

    def save(
        self,
        run_id: int,
        outcomes: Sequence[TargetResult],
        *,
        at: datetime,
        vendor: Sequence[VendorFinding] = (),
    ) -> None:
        """Store a batch of outcomes and what they show of the vendor's in one transaction."""
        self._keep_run_lock()
        with self._there.writing() as connection:
            runs.require_running(connection, run_id)
            _save(connection, run_id, outcomes, at=at)
            findings.add_vendor(connection, run_id, vendor)

    def retire_others(
        self, run_id: int, *, only: Collection[int] | None = None, elsewhere: Collection[int] = ()
    ) -> int:
        """Take every target that the run did not try for no longer audited; return how many."""
        with self._there.writing() as connection:
            return marks.retire_others(connection, run_id, only=only, elsewhere=elsewhere)

    def unreported_findings(self, run_id: int) -> tuple[UnreportedFinding, ...]:
        """Return what earlier runs found and nobody was told, each once."""
        with self._there.reading() as connection:
            return findings.unreported_findings(connection, run_id)

    def head(self, run_id: int) -> str:
        """Return the run's link in the hash chain."""
        with self._there.reading() as connection:
            return runs.head(connection, run_id)

    def run_info(self, run_id: int) -> RunInfo | None:
        """Return a run however it ended, None where there is none."""
        with self._there.reading() as connection:
            return runs.read(connection, run_id)

    def previous_run_id(self, run_id: int) -> int | None:
        """Return the id of the stored run before `run_id`."""
        with self._there.reading() as connection:
            return runs.previous_id(connection, run_id)

    def past_changes(self, target: TargetId) -> tuple[PastChange, ...]:
        """Return every finding of the target's own that runs have found, oldest first."""
        with self._there.reading() as connection:
            return findings.past(connection, target)

    def acknowledgements(self) -> tuple[Acknowledgement, ...]:
        """Return the acknowledgements that were not ended, oldest first."""
        with self._there.reading() as connection:
            return decisions.holding(connection)

    def vendor_paths(self) -> frozenset[str]:
        """Return the paths of fields unknown to the schema that were told as the vendor's."""
        with self._there.reading() as connection:
            return findings.vendor_paths(connection)

    def rule_breaches(self) -> tuple[RuleBreach, ...]:
        """Return the episodes of broken rules that go on."""
        with self._there.reading() as connection:
            return episodes.under_way(connection)

    def ignore_rules(self) -> dict[str, bool]:
        """Return the keys of the ignore rules ever in force, and whether their end was told."""
        with self._there.reading() as connection:
            return episodes.ignore_rules(connection)

    def remember_ignore_rules(self, keys: Iterable[str], *, at: datetime) -> None:
        """Remember ignore rules as having been in force."""
        with self._there.writing() as connection:
            episodes.remember_ignore_rules(connection, keys, at=at)

    def unreported_notices(self, run_id: int) -> tuple[Notice, ...]:
        """Return notices of earlier runs that nobody was told and no message holds."""
        with self._there.reading() as connection:
            return notices.unreported_notices(connection, run_id)

    def close_run(
        self,
        report: Report,
        messages: Sequence[Message],
        *,
        carried: Sequence[UnreportedFinding],
        aftermath: RunConclusions,
    ) -> None:
        """Close the run, keep its report and queue its messages."""
        self._keep_run_lock()
        # Else the power could take back a report whose messages have left: the next run would
        # find the same again, and send it as news.
        with self._there.writing(outlasts_power=True) as connection:
            if report.run.id is not None:
                runs.require_running(connection, report.run.id)
            reports.close(connection, report, messages, carried=carried, aftermath=aftermath)

    def mark_reported(self, run_id: int, *, at: datetime) -> None:
        """Count the findings and notices of the run's report as told."""
        with self._there.writing() as connection:
            findings.mark_reported(connection, run_id, at=at)
            notices.mark_reported(connection, run_id, at=at)

    def queued_messages(self, *, due_by: datetime | None) -> tuple[Message, ...]:
        """Return queued messages, oldest first."""
        with self._there.reading() as connection:
            return messages.queued_messages(connection, due_by=due_by)

    def record(self, message: Message) -> None:
        """Store a message's next state; a delivered one makes its findings told."""
        with self._there.writing() as connection:
            messages.record(connection, message)

    def statuses(self) -> tuple[TargetStatus, ...]:
        """Return every audited target's status, by project and learn id."""
        with self._there.reading() as connection:
            return standing.statuses(connection)

    def last_run(self) -> RunInfo | None:
        """Return the newest run."""
        with self._there.reading() as connection:
            return runs.last(connection)

    def messages(self) -> tuple[Message, ...]:
        """Return the messages that are queued or dead, oldest first."""
        with self._there.reading() as connection:
            return messages.unsettled(connection)

    def target_versions(self, target: TargetId) -> tuple[Version, ...]:
        """Return a target's versions, newest first."""
        with self._there.reading() as connection:
            return versions.of_target(connection, target)

    def report(self, run_id: int | None) -> Report | None:
        """Return a stored run's report, the newest where `run_id` is None."""
        with self._there.reading() as connection:
            return reports.read(connection, run_id)

    def run_summaries(self, most: int) -> tuple[RunSummary, ...]:
        """Return the last `most` closed runs in short, newest first."""
        with self._there.reading() as connection:
            return reports.run_summaries(connection, most)

    def target_overviews(self) -> tuple[TargetOverview, ...]:
        """Return every target ever looked at as it stands, by project and learn id."""
        with self._there.reading() as connection:
            return standing.target_overviews(connection)

    def all_runs(self) -> tuple[RunInfo, ...]:
        """Return every run, newest first."""
        with self._there.reading() as connection:
            return runs.every(connection)

    def brief_reports(self, run_ids: Sequence[int]) -> tuple[Report, ...]:
        """Return the reports of closed runs, newest first, without the targets that were quiet."""
        with self._there.reading() as connection:
            return reports.brief_reports(connection, run_ids)

    def _setting(self, key: str, *, size_bytes: int) -> bytes:
        with self._there.reading() as connection:
            value = settings.read(connection, key)
        if value is not None:
            return value
        with self._there.writing() as connection:
            return settings.make(connection, key, size_bytes=size_bytes)


def _make_ready(there: Database, url: str, *, upgrade: bool) -> None:
    if there.where.is_sqlite:
        check_soundness(there)
    if not upgrade:
        schema.require_current(there)
    elif not schema.is_current(there):
        schema.upgrade(url)


def _save(
    connection: Connection, run_id: int, outcomes: Sequence[TargetResult], *, at: datetime
) -> None:
    if quiet := [one for one in outcomes if isinstance(one, Unchanged)]:
        marks.quiet(connection, run_id, quiet, at=at)
    if seen := [one for one in outcomes if isinstance(one, NewVersion)]:
        numbers = versions.add(connection, run_id, seen, at=at)
        marks.seen(connection, run_id, seen, versions=numbers, at=at)
        findings.add(connection, run_id, seen, at=at)
    if unread := [one for one in outcomes if isinstance(one, Unreadable | Missing)]:
        marks.unread(connection, run_id, unread, at=at)
    if unserved := [one for one in outcomes if isinstance(one, Unsupported)]:
        marks.unserved(connection, run_id, unserved, at=at)
        findings.add(connection, run_id, unserved, at=at)
