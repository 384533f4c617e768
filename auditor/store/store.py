"""The store as the use cases see it: each method is one short transaction.

`protocols.Store` says what each method does. Most of them only give a connection to the function
of the same name, in the module that has the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, delete, false, text

from auditor.drift.secrets import Secrets
from auditor.locks import Lock
from auditor.outbox import Message
from auditor.records import Pruned
from auditor.retention import Retention
from auditor.store import (
    conditions,
    decisions,
    digests,
    export,
    findings,
    lock,
    outbox,
    pruning,
    reports,
    runs,
    schema,
    settings,
    targets,
    trainings,
    verification,
    versions,
)
from auditor.store.database import (
    Database,
    check_soundness,
    make_file,
    require_file,
    require_rights,
)
from auditor.store.tables import run

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Function = Callable[Concatenate[Connection, _P], _R]
_Method = Callable[Concatenate["SqlStore", _P], _R]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseHealth:
    """A database that can be read and written.

    Attributes:
        kind: the program that keeps it, e.g. `SQLite`.
        schema: the version of its tables.
        size_bytes: how much of its disk it takes.
        file: its file, None where a server keeps it.
    """

    kind: str
    schema: str
    size_bytes: int
    file: Path | None


def open_database(url: str, *, upgrade: bool) -> SqlStore:
    """Return the store at `url`, checked for damage and with this program's schema.

    Where `upgrade` says so, a missing database is made, and an older one is upgraded.

    Raises:
        StoreUnreachableError: it cannot be opened, or is missing and not to be made.
        SchemaVersionError: it is newer, or older and not to be upgraded.
        DamagedDatabaseError: the file is corrupt.
    """
    database = Database(url)
    if database.address.is_sqlite:
        (make_file if upgrade else require_file)(database.address)
    try:
        if database.address.is_sqlite:
            check_soundness(database)
        if not upgrade:
            schema.require_current(database)
        elif not schema.is_current(database):
            schema.upgrade(url)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


def probe_empty(url: str) -> str:
    """Return the kind of a server's database without tables; the first run can make them.

    Raises:
        StoreError: it cannot be reached or written, or the user may not make tables.
    """
    database = Database(url)
    try:
        with database.writing():
            pass
        require_rights(database)
        lock.require_sessions(database)
    finally:
        database.close()
    return "PostgreSQL"


def _read(function: _Function[_P, _R]) -> _Method[_P, _R]:
    """Return a method that calls `function` in a transaction which only reads."""

    @wraps(function)
    def method(store: SqlStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with store.database.reading() as connection:
            return function(connection, *args, **kwargs)

    return method


def _write(function: _Function[_P, _R]) -> _Method[_P, _R]:
    """Return a method that calls `function` in a transaction of its own."""

    @wraps(function)
    def method(store: SqlStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with store.database.writing() as connection:
            return function(connection, *args, **kwargs)

    return method


def _write_of_run(function: _Function[_P, _R], *, outlasts_power: bool = False) -> _Method[_P, _R]:
    """Return a method that writes like `_write`, after it has made sure of the run's lock."""

    @wraps(function)
    def method(store: SqlStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        store.keep_run_lock()
        with store.database.writing(outlasts_power=outlasts_power) as connection:
            return function(connection, *args, **kwargs)

    return method


class SqlStore:
    """The store on SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._run_lock: Lock | None = None

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
        self.database.close()

    # What a run needs

    abandon_open_runs = _write(runs.abandon_open_runs)
    open_run = _write(runs.open_run)
    run_info = _read(runs.run_info)
    previous_run_id = _read(runs.previous_run_id)
    newest_starts = _read(runs.newest_starts)
    head = _read(runs.head)
    run_summaries = _read(reports.run_summaries)

    known_targets = _read(targets.known_targets)
    last_checks_of_starved = _read(targets.last_checks_of_starved)
    known_project_targets = _read(targets.known_project_targets)
    audited_projects = _read(targets.audited_projects)
    found_projects = _read(settings.found_projects)
    remember_inventory = _write_of_run(targets.remember_inventory)
    add_secret_parameters = _write(settings.add_secret_parameters)
    snapshot = _read(versions.snapshot)
    version_before = _read(versions.version_before)
    past_changes = _read(findings.past_changes)
    past_foldings = _read(findings.past_foldings)
    vendor_paths = _read(findings.vendor_paths)
    vendor_keys = _read(findings.vendor_keys)
    acknowledgements = _read(decisions.acknowledgements)
    rule_breaches = _read(decisions.rule_breaches)
    ignore_rules = _read(decisions.ignore_rules)
    rule_matches = _read(settings.rule_matches)
    remember_ignore_rules = _write(decisions.remember_ignore_rules)

    known_trainings = _read(trainings.known_trainings)
    training_dates = _read(trainings.training_dates)
    endpoint_states = _read(trainings.endpoint_states)
    headlines_since = _read(trainings.headlines_since)

    save = _write_of_run(targets.save)
    open_conditions = _read(conditions.open_conditions)
    unreported_findings = _read(findings.unreported_findings)
    unreported_notices = _read(findings.unreported_notices)
    digest_marks = _read(digests.digest_marks)
    has_earlier_run = _read(digests.has_earlier_run)
    newest_run_before = _read(digests.newest_run_before)
    run_period = _read(digests.run_period)
    # If the power took back a report whose messages have left, the next run would find the same
    # again, and send it as news.
    close_run = _write_of_run(reports.close_run, outlasts_power=True)
    mark_reported = _write(findings.mark_reported)

    # What the outbox, the schedules and the commands need

    queued_ids = _read(outbox.queued_ids)
    queued_message = _read(outbox.queued_message)
    queued_recipients = _read(outbox.queued_recipients)
    record = _write(outbox.record)
    drop_messages_to = _write(outbox.drop_messages_to)
    drop_messages = _write(outbox.drop_messages)
    requeue_messages = _write(outbox.requeue_messages)

    has_run = _read(runs.has_run)
    slot_ended = _read(runs.slot_ended)
    slot_tries = _read(runs.slot_tries)
    last_slot = _read(runs.last_slot)
    release_slot = _write(runs.release_slot)
    schedule_in_force = _read(runs.schedule_in_force)
    schedule_names = _read(runs.schedule_names)
    schedule_since = _read(runs.schedule_since)
    forget_other_schedules = _write(runs.forget_other_schedules)

    statuses = _read(targets.statuses)
    count_states = _read(targets.count_states)
    known_projects = _read(targets.known_projects)
    target_overviews = _read(targets.target_overviews)
    last_run = _read(runs.last_run)
    all_runs = _read(runs.all_runs)
    target_versions = _read(versions.target_versions)
    newest_versions = _read(versions.newest_versions)
    versions_by_id = _read(versions.versions_by_id)
    version_lines = _read(versions.version_lines)
    lines_of_versions = _read(versions.lines_of_versions)
    count_versions = _read(versions.count_versions)
    count_messages = _read(outbox.count_messages)
    newest_messages = _read(outbox.newest_messages)
    outbox_overview = _read(outbox.outbox_overview)
    message_ids = _read(outbox.message_ids)
    oldest_queued = _read(outbox.oldest_queued)
    message_infos = _read(outbox.message_infos)
    undelivered_runs = _read(outbox.undelivered_runs)
    report = _read(reports.report)
    brief_reports = _read(reports.brief_reports)
    pruned_runs = _read(reports.pruned_runs)
    past_trainings = _read(reports.past_trainings)
    pruned_versions = _read(versions.pruned_versions)

    approve = _write(decisions.approve)
    unapprove = _write(decisions.unapprove)
    forget = _write(decisions.forget)
    approvals = _read(decisions.approvals)
    retractions = _read(decisions.retractions)
    targets_to_approve = _read(targets.targets_to_approve)
    acknowledge = _write(decisions.acknowledge)
    unacknowledge = _write(decisions.unacknowledge)
    all_acknowledgements = _read(decisions.all_acknowledgements)
    finding_occurrences = _read(findings.finding_occurrences)
    suppressed = _read(findings.suppressed)

    configuration = _read(settings.configuration)
    remember_configuration = _write(settings.remember_configuration)

    record_sign = _write(settings.record_sign)
    signs_of_life = _read(settings.signs_of_life)

    verify = _read(verification.verify)
    run_of_head = _read(runs.run_of_head)
    write_export = _read(export.write_export)
    load_export = _write(export.load_export)

    # What takes more than one transaction, or none

    def queued_messages(self, *, due_by: datetime | None) -> Iterator[Message]:
        """Read the queued messages one by one, oldest first."""
        for number in self.queued_ids(due_by=due_by):
            queued = self.queued_message(number)
            if queued is not None:  # else another process has settled it meanwhile
                yield queued

    def fingerprint_key(self) -> bytes:
        """Return the random key (32 bytes) that secrets of this database are compared under."""
        with self.database.reading() as connection:
            key = settings.fingerprint_key(connection)
        if key is not None:
            return key
        with self.database.writing() as connection:
            return settings.make_fingerprint_key(connection)

    def secrets(self) -> Secrets:
        """Return what hides the secrets of this database."""
        with self.database.reading() as connection:
            found = settings.secrets_of(connection)
        return found if found.key else replace(found, key=self.fingerprint_key())

    def schedule_start(self, schedule: str, line: str, *, now: datetime) -> datetime:
        """Return since when the schedule has had this line; `now` where it is new."""
        since = self.schedule_since(schedule, line)
        if since is not None and since <= now:
            return since
        with self.database.writing() as connection:
            runs.remember_schedule(connection, schedule, line, since=now)
        return now

    def prune(self, retention: Retention, *, now: datetime, is_dry: bool = False) -> Pruned:
        """Drop what the retention no longer keeps; with `is_dry`, only count it."""
        transaction = self.database.reading() if is_dry else self.database.writing()
        with transaction as connection:
            return pruning.prune(connection, retention, now=now, is_dry=is_dry)

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is at one moment, into an empty file."""
        if not self.database.address.is_sqlite:
            with path.open("wb") as stream:
                self.write_export(stream)
            return
        with self.database.reading() as connection:
            connection.exec_driver_sql("COMMIT")  # VACUUM is no part of a transaction
            connection.exec_driver_sql("VACUUM INTO ?", (str(path),))

    def health(self) -> DatabaseHealth:
        """Return the kind, schema and size of the database.

        Raises:
            StoreUnreachableError: it cannot be written.
            UnfitDatabaseError: no lock would hold in it.
        """
        # This takes the lock and the rights of a write, and writes nothing.
        with self.database.writing() as connection:
            connection.execute(delete(run).where(false()))
        require_rights(self.database)
        lock.require_sessions(self.database)
        revision = schema.revision(self.database) or "none"
        address = self.database.address
        with self.database.reading() as connection:
            if address.is_sqlite:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
                kind, file = "SQLite", address.path
            else:
                query = text("SELECT pg_database_size(current_database())")
                size = connection.execute(query).scalar_one()
                kind, file = "PostgreSQL", None
        return DatabaseHealth(kind=kind, schema=revision, size_bytes=size, file=file)

    @contextmanager
    def run_lock(self) -> Iterator[None]:
        """Hold the database for one run; what the run stores makes sure of the lock."""
        with lock.hold(self.database, lock.RUN) as run_lock:
            self._run_lock = run_lock
            try:
                yield
            finally:
                self._run_lock = None

    def keep_run_lock(self) -> None:
        """Make sure of the run's lock, if this process has it; raises `LockLostError`."""
        if self._run_lock is not None:
            self._run_lock.keep()

    def outbox_lock(self) -> AbstractContextManager[Lock]:
        """Hold the outbox."""
        return lock.hold(self.database, lock.OUTBOX)

    def service_lock(self) -> AbstractContextManager[Lock]:
        """Hold the database for one daemon."""
        return lock.hold(self.database, lock.SERVICE)

    def is_served(self) -> bool | None:
        """Return whether a service holds its lock; None where that cannot be found out."""
        return lock.is_held(self.database, lock.SERVICE)

    def busy_for(self) -> timedelta:
        """Return how long the oldest query has been running."""
        return self.database.busy_for()
