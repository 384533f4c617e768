"""Which versions, reports, messages and ended conditions may be pruned, and how.

The row of a pruned version stays, with the hashes of its document and catalogue in place of the
document. So its link in the hash chain, and every link after it, can still be recomputed. Each
document is checked before it is dropped: pruning must not make an altered version look sound.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    bindparam,
    case,
    delete,
    or_,
    select,
    text,
    union,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.errors import DamagedDatabaseError
from auditor.model import RunStatus, Since, TargetId
from auditor.outbox import MessageState
from auditor.records import Pruned
from auditor.retention import Retention
from auditor.store.batches import in_batches
from auditor.store.chain import content_hash
from auditor.store.conditions import drop_conditions, old_conditions
from auditor.store.digests import newest_digests
from auditor.store.ledger import report_hash
from auditor.store.packing import has_pruned_mark, pack_pruned
from auditor.store.tables import (
    acknowledgement,
    approval,
    catalogue,
    finding,
    holding,
    message,
    notice,
    roster,
    run,
    target,
    version,
)
from auditor.store.trainings import drop_names
from auditor.store.verification import link_of
from auditor.store.versions import document

_anchor = version.alias("anchor")
_NO_SUBJECT = "(pruned)"
_LOCK = text("LOCK TABLE version, target, finding, approval, acknowledgement IN SHARE MODE")


def prune(connection: Connection, retention: Retention, *, now: datetime, is_dry: bool) -> Pruned:
    """Drop what the retention no longer keeps; with `is_dry`, only count it.

    Raises:
        DamagedDatabaseError: a version is not what was stored; then nothing is dropped.
    """
    if connection.dialect.name == "postgresql" and not is_dry:
        connection.execute(_LOCK)  # a decision made meanwhile could need what is dropped
    before = now - retention.keep
    runs = _old_runs(connection, before)
    old = _old_versions(connection, retention, now)
    digests = newest_digests(connection)
    messages = _messages_of(connection, runs)
    conditions = old_conditions(connection, before)
    if is_dry:
        catalogues = _unused_catalogues(connection, without=old.ids)
    else:
        _drop_versions(connection, old.ids)
        catalogues = _unused_catalogues(connection) if old.ids else ()
        _drop_catalogues(connection, catalogues)
        _drop_reports(connection, runs)
        drop_names(connection, before=before)
        _drop_messages(connection, messages - digests)
        _drop_contents(connection, messages & digests)
        drop_conditions(connection, conditions)
    return Pruned(
        versions=len(old.ids),
        targets=tuple(old.targets),
        catalogues=len(catalogues),
        runs=runs,
        messages=len(messages - digests),
        conditions=len(conditions),
    )


@dataclass(frozen=True, slots=True)
class _OldVersions:
    """The versions that may be dropped, and their targets."""

    ids: list[int] = field(default_factory=list)
    targets: list[TargetId] = field(default_factory=list)


def _old_versions(connection: Connection, retention: Retention, now: datetime) -> _OldVersions:
    old = _OldVersions()
    first_runs = select(run.c.id).where(run.c.started_at <= now - retention.keep).limit(1)
    if connection.execute(first_runs).first() is None:
        return old  # nothing is that old: no need to look at every version
    cited = _CitedRuns.read(connection)
    rows = connection.execute(_versions(), execution_options={"yield_per": 1000})
    for key, group in groupby(rows, key=lambda row: TargetId(row.project_id, row.learn_id)):
        versions = list(group)
        expired = set(retention.find_removable([row.seen_at for row in versions], now))
        kept = _needed_ids(versions, expired, cited.runs_of(key))
        ids = [row.id for row in versions if row.id not in kept and not row.is_pruned]
        old.ids.extend(ids)
        old.targets.extend([key] if ids else [])
    return old


def _needed_ids(versions: Sequence[Row[Any]], expired: set[int], cited: set[int]) -> set[int]:
    """Return the ids of a target's versions that stay, with the anchors to read them.

    `expired` are places in `versions`, and `cited` the runs whose findings are still needed.
    """
    last = versions[-1]
    needed = {last.version_id, last.trained_version_id, last.baseline_version_id, last.id}
    needed |= {row.id for row in versions if row.was_approved}
    runs = [row.run_id for row in versions]
    for run_id in cited:  # the version before the run, and the one that the run saw
        for place in (bisect_left(runs, run_id), bisect_right(runs, run_id)):
            needed |= {row.id for row in versions[max(place - 1, 0) : place]}
    needed |= {row.id for place, row in enumerate(versions) if place not in expired}
    return needed | {row.anchor_id for row in versions if row.id in needed}


def _versions() -> Select[Any]:
    approved = select(approval.c.id).where(approval.c.version_id == version.c.id).exists()
    return (
        select(
            version.c.project_id,
            version.c.learn_id,
            version.c.id,
            version.c.run_id,
            version.c.seen_at,
            version.c.anchor_id,
            has_pruned_mark(version.c.document).label("is_pruned"),
            approved.label("was_approved"),
            target.c.version_id,
            target.c.trained_version_id,
            target.c.baseline_version_id,
        )
        .outerjoin(
            target,
            (target.c.project_id == version.c.project_id)
            & (target.c.learn_id == version.c.learn_id),
        )
        .order_by(version.c.project_id, version.c.learn_id, version.c.id)
    )


@dataclass(frozen=True, slots=True)
class _CitedRuns:
    """The runs of findings that are still needed, by target; `vendor` for the vendor's."""

    by_target: dict[TargetId, set[int]]
    vendor: set[int]

    @classmethod
    def read(cls, connection: Connection) -> _CitedRuns:
        found = cls({}, set())
        for project_id, learn_id, run_id in connection.execute(_needed_findings()):
            if project_id is None:
                found.vendor.add(run_id)
            else:
                key = TargetId(project_id, learn_id)
                found.by_target.setdefault(key, set()).add(run_id)
        return found

    def runs_of(self, target: TargetId) -> set[int]:
        return self.by_target.get(target, set()) | self.vendor


def _needed_findings() -> Select[Any]:
    """Select findings: unreported, acknowledged, of the last change, or from a baseline."""
    columns = finding.c.project_id, finding.c.learn_id, finding.c.run_id
    accepted = select(acknowledgement.c.fingerprint).where(acknowledgement.c.ended_at.is_(None))
    is_open = or_(
        finding.c.told_at.is_(None),
        finding.c.since == Since.BASELINE,
        finding.c.fingerprint.in_(accepted),
    )
    key = (target.c.project_id == finding.c.project_id) & (target.c.learn_id == finding.c.learn_id)
    of_last_change = (
        select(*columns)
        .join(target, key)
        .join(version, version.c.id == target.c.version_id)
        .where(finding.c.run_id >= version.c.run_id, finding.c.silenced_by.is_(None))
    )
    both = union(select(*columns).where(is_open), of_last_change).subquery()
    return select(both)


def _drop_versions(connection: Connection, ids: Sequence[int]) -> None:
    """Drop documents, the newest first: an anchor after the documents that are read with it."""
    of_version = update(version).where(version.c.id == bindparam("of_version"))
    statement = of_version.values(document=bindparam("hashes"))
    for some in in_batches(sorted(ids, reverse=True)):
        query = (
            select(
                version,
                _anchor.c.document.label("anchor_document"),
                catalogue.c.content_hash.label("catalogue_hash"),
            )
            .outerjoin(_anchor, _anchor.c.id == version.c.anchor_id)
            .join(catalogue, catalogue.c.digest == version.c.catalogue_digest)
            .where(version.c.id.in_(some))
        )
        rows = connection.execute(query).mappings().all()
        hashes = [{"of_version": row["id"], "hashes": _pruned_document(row)} for row in rows]
        connection.execute(statement, hashes)


def _pruned_document(row: RowMapping) -> bytes:
    """Return what takes the document's place."""
    content = content_hash(document(row["document"], anchor=row["anchor_document"]))
    if link_of(row, content, row["catalogue_hash"]).hash() != row["hash"]:
        raise _altered(f"version {row['id']}")
    return pack_pruned(content, row["catalogue_hash"])


def _altered(what: str) -> DamagedDatabaseError:
    return DamagedDatabaseError(
        f"{what} is not what was stored, so nothing was pruned; run `auditor verify`, and restore "
        "the database from your last backup"
    )


def _unused_catalogues(
    connection: Connection, *, without: Collection[int] = ()
) -> tuple[str, ...]:
    """Return the digests of catalogues that no version needs, apart from versions `without`."""
    dropped = set(without)
    used = select(version.c.id, version.c.catalogue_digest).where(
        ~has_pruned_mark(version.c.document)
    )
    rows = connection.execute(used, execution_options={"yield_per": 1000})
    needed = {digest for number, digest in rows if number not in dropped}
    stored = select(catalogue.c.digest).where(~has_pruned_mark(catalogue.c.document))
    return tuple(digest for digest in connection.execute(stored).scalars() if digest not in needed)


def _drop_catalogues(connection: Connection, digests: Sequence[str]) -> None:
    columns = catalogue.c.digest, catalogue.c.content_hash
    for some in in_batches(digests):
        rows = connection.execute(select(*columns).where(catalogue.c.digest.in_(some))).all()
        for row in rows:
            of_digest = update(catalogue).where(catalogue.c.digest == row.digest)
            connection.execute(of_digest.values(document=pack_pruned(row.content_hash)))


def _old_runs(connection: Connection, before: datetime) -> tuple[int, ...]:
    """Return closed runs whose reports may be dropped: old, reported, and not the newest."""
    newest = select(func.max(run.c.id)).where(run.c.report.is_not(None)).scalar_subquery()
    query = select(run.c.id).where(
        run.c.report.is_not(None),
        run.c.started_at <= before,
        run.c.status != RunStatus.RUNNING,
        run.c.id != newest,
        *(~_has_unreported(table) for table in (finding, notice)),
        ~select(message.c.id)
        .where(message.c.run_id == run.c.id, message.c.state == MessageState.QUEUED)
        .exists(),
    )
    return tuple(connection.execute(query.order_by(run.c.id)).scalars())


def _has_unreported(table: Any) -> ColumnElement[bool]:  # noqa: ANN401 - finding or notice
    unreported = select(table.c.id).where(
        table.c.reported_run_id == run.c.id, table.c.told_at.is_(None)
    )
    return unreported.exists()


def _messages_of(connection: Connection, runs: Sequence[int]) -> frozenset[int]:
    """Return the messages of old runs: each was delivered, or is dead.

    Of the newest digest of each reader only the content goes: the rest says when the next one is
    due, and since when.
    """
    found: set[int] = set()
    for some in in_batches(runs):
        of_runs = select(message.c.id).where(message.c.run_id.in_(some))
        found.update(connection.execute(of_runs).scalars())
    return frozenset(found)


def _drop_reports(connection: Connection, runs: Sequence[int]) -> None:
    columns = run.c.id, run.c.report, run.c.roster_digest, run.c.report_hash
    for some in in_batches(runs):
        for row in connection.execute(select(*columns).where(run.c.id.in_(some))):
            if report_hash(row.report, row.roster_digest) != row.report_hash:
                raise _altered(f"the report of run {row.id}")
        of_runs = update(run).where(run.c.id.in_(some))
        connection.execute(of_runs.values(report=None, roster_digest=None))
    if runs:
        used = select(run.c.roster_digest).where(run.c.roster_digest.is_not(None))
        connection.execute(delete(roster).where(roster.c.digest.not_in(used)))


def _drop_messages(connection: Connection, ids: Collection[int]) -> None:
    for some in in_batches(sorted(ids)):
        connection.execute(delete(holding).where(holding.c.message_id.in_(some)))
        connection.execute(delete(message).where(message.c.id.in_(some)))


def _drop_contents(connection: Connection, ids: Collection[int]) -> None:
    """Leave of messages that they were sent, and to whom; a dead one cannot be sent again."""
    state = case(
        (message.c.state == MessageState.DEAD, MessageState.DROPPED), else_=message.c.state
    )
    for some in in_batches(sorted(ids)):
        left = {"subject": _NO_SUBJECT, "content": None, "summary": None, "state": state}
        connection.execute(update(message).where(message.c.id.in_(some)).values(**left))
