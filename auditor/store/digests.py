"""What digests need of the rows: who got the last one, and what the runs stored since then."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, and_, select
from sqlalchemy.sql.functions import func

from auditor.drift.policy import UPGRADE
from auditor.drift.trainings import TRAINING_PATH
from auditor.model import Finding, RunStatus, TargetId, VendorFinding
from auditor.outbox import MessageState
from auditor.records import DigestMark, RunPeriod, TargetChanges
from auditor.store import findings, reports
from auditor.store.tables import acknowledgement, approval, message, retraction, run, version

_IS_DIGEST = message.c.message_id.startswith("<digest-")
_IS_OF_RUN = message.c.message_id.startswith("<run-")
_WORKED = (RunStatus.COMPLETE, RunStatus.INCOMPLETE)
_CLOSED = (*_WORKED, RunStatus.FAILED)


def digest_marks(connection: Connection) -> dict[str, DigestMark]:
    """Return what each reader got so far, by recipient."""
    queued = (
        select(message.c.recipient, func.max(run.c.finished_at))
        .join(run, run.c.id == message.c.run_id)
        .where(_IS_DIGEST)
        .group_by(message.c.recipient)
    )
    received = (
        select(message.c.recipient, func.max(message.c.run_id))
        .where(
            _IS_DIGEST | _IS_OF_RUN,
            message.c.is_whole,
            message.c.state == MessageState.DELIVERED,
        )
        .group_by(message.c.recipient)
    )
    queued_at = {row[0]: row[1] for row in connection.execute(queued)}
    received_ids = {row[0]: row[1] for row in connection.execute(received)}
    return {
        recipient: DigestMark(
            queued_at=queued_at.get(recipient), received_run_id=received_ids.get(recipient)
        )
        for recipient in {*queued_at, *received_ids}
    }


def newest_digests(connection: Connection) -> frozenset[int]:
    """Return the newest digest of each reader, and the newest that the server took."""
    queries = (
        select(func.max(message.c.id)).where(_IS_DIGEST),
        select(func.max(message.c.id)).where(
            _IS_DIGEST, message.c.state == MessageState.DELIVERED
        ),
    )
    return frozenset(
        number
        for query in queries
        for number in connection.execute(query.group_by(message.c.recipient)).scalars()
    )


def has_earlier_run(connection: Connection, run_id: int, *, since: datetime) -> bool:
    """Return whether a run over all targets before it ended since then and checked some."""
    query = select(run.c.id).where(
        run.c.id < run_id, run.c.finished_at >= since, run.c.status.in_(_WORKED)
    )
    ids = connection.execute(query).scalars().all()
    return any(brief.is_whole for brief in reports.brief_reports(connection, ids))


def newest_run_before(connection: Connection, at: datetime) -> int:
    """Return the id of the newest closed run that ended before then, 0 without one."""
    query = select(func.max(run.c.id)).where(run.c.finished_at < at, run.c.status.in_(_CLOSED))
    newest: int | None = connection.execute(query).scalar_one()
    return newest or 0


def run_period(connection: Connection, after: int, *, until: int) -> RunPeriod:
    """Return what the runs after `after` stored, up to the run `until` that is under way."""
    since = connection.execute(select(run.c.finished_at).where(run.c.id == after)).scalar()
    runs = (
        select(run.c.status, func.count())
        .where(run.c.id.between(after + 1, until))
        .group_by(run.c.status)
    )
    vendor, changes = _read_findings(connection, after, until)

    def count_since(moment: Column[datetime]) -> int:
        is_later: ColumnElement[bool] = moment.is_not(None) if since is None else moment > since
        query = select(func.count()).select_from(moment.table).where(is_later)
        return connection.execute(query).scalar_one()

    return RunPeriod(
        since=since,
        runs={RunStatus(status): number for status, number in connection.execute(runs)},
        versions=_read_versions(connection, after, until),
        changes=changes,
        vendor=vendor,
        notices=findings.notices_between(connection, after, until - 1),
        approved=count_since(approval.c.approved_at),
        acknowledged=count_since(acknowledgement.c.acknowledged_at),
        taken_back=count_since(retraction.c.retracted_at),
    )


def _read_versions(connection: Connection, after: int, until: int) -> dict[TargetId, int | None]:
    """Return, of each target with a version of these runs, the version before them."""
    keys = version.c.project_id, version.c.learn_id
    new = select(*keys).where(version.c.run_id.between(after + 1, until)).distinct().subquery()
    found: dict[TargetId, int | None] = {
        TargetId(*row): None for row in connection.execute(select(new))
    }
    before = (
        select(*keys, func.max(version.c.id))
        .join(new, and_(keys[0] == new.c.project_id, keys[1] == new.c.learn_id))
        .where(version.c.run_id <= after)
        .group_by(*keys)
    )
    for project_id, learn_id, version_id in connection.execute(before):
        found[TargetId(project_id, learn_id)] = version_id
    return found


@dataclass(slots=True)
class _Tally:
    """The findings of one target so far."""

    number: int = 0
    training: Finding | None = None
    newest_ids: dict[str, str] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)
    unexpected: set[str] = field(default_factory=set)
    from_upgrade: set[str] = field(default_factory=set)

    def add(self, finding: Finding, suppressed_by: str) -> None:
        """Count a finding; of what a rule suppresses, only what an upgrade shows."""
        path = finding.lasting_path or finding.path
        if suppressed_by:
            if suppressed_by == UPGRADE:
                self.from_upgrade.add(path)
            return
        self.number += 1
        self.newest_ids[path] = finding.id
        if finding.path == TRAINING_PATH:
            self.training = finding
        (self.expected if finding.expected else self.unexpected).add(path)

    def result(self) -> TargetChanges:
        """Return the whole."""
        return TargetChanges(
            number=self.number,
            training=self.training,
            newest_ids=self.newest_ids,
            expected=frozenset(self.expected - self.unexpected),
            from_upgrade=frozenset(self.from_upgrade - self.newest_ids.keys()),
        )


def _read_findings(
    connection: Connection, after: int, until: int
) -> tuple[tuple[VendorFinding, ...], dict[TargetId, TargetChanges]]:
    vendor: list[VendorFinding] = []
    tallies: dict[TargetId, _Tally] = defaultdict(_Tally)
    for occurrence in findings.findings_between(connection, after, until):
        found, by = occurrence.finding, occurrence.suppressed_by
        if isinstance(found, Finding):
            if occurrence.target is not None:
                tallies[occurrence.target].add(found, by)
        elif not by and occurrence.run_id < until:  # the report of that run has its own
            vendor.append(found)
    return tuple(vendor), {target: tally.result() for target, tally in tallies.items()}
