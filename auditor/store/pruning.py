"""What a retention lets go, and how it is dropped so that the hash chain can still be walked.

Of a version the row stays with the hashes of its document and catalogue in the document's place;
so its link, and each that follows, can be recomputed. What is dropped is checked once more before,
so that pruning never makes an altered version look like a sound one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
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
from auditor.store.chain import content_hash
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
from auditor.store.verification import link_of
from auditor.store.versions import document

_AT_ONCE = 400
_anchor = version.alias("anchor")
_LOCK = text("LOCK TABLE version, target, finding, approval, acknowledgement IN SHARE MODE")


def prune(connection: Connection, retention: Retention, *, now: datetime, is_dry: bool) -> Pruned:
    """Drop what the retention lets go; where `is_dry`, only count it."""
    if connection.dialect.name == "postgresql" and not is_dry:
        connection.execute(_LOCK)  # what is decided meanwhile could need what is dropped
    runs = _old_runs(connection, now - retention.keep)
    found = _outlived(connection, retention, now)
    settled = _settled_messages(connection, runs)
    if is_dry:
        return _pruned(found, runs, len(_unused(connection, without=found.ids)), len(settled))
    _drop_versions(connection, found.ids)
    unused = _unused(connection) if found.ids else ()
    _drop_catalogues(connection, unused)
    _drop_reports(connection, runs)
    _drop_messages(connection, settled)
    return _pruned(found, runs, len(unused), len(settled))


@dataclass(frozen=True, slots=True)
class _Found:
    """The versions that may go, by the targets whose they are."""

    ids: list[int] = field(default_factory=list)
    targets: list[TargetId] = field(default_factory=list)


def _pruned(found: _Found, runs: Sequence[int], catalogues: int, messages: int) -> Pruned:
    return Pruned(
        versions=len(found.ids),
        targets=tuple(found.targets),
        catalogues=catalogues,
        runs=tuple(runs),
        messages=messages,
    )


def _outlived(connection: Connection, retention: Retention, now: datetime) -> _Found:
    found = _Found()
    begun = select(run.c.id).where(run.c.started_at <= now - retention.keep).limit(1)
    if connection.execute(begun).first() is None:
        return found  # nothing is that old: no need to look at every version
    cited = _Cited.read(connection)
    rows = connection.execute(_versions(), execution_options={"yield_per": 1000})
    for key, group in groupby(rows, key=lambda row: TargetId(row.project_id, row.learn_id)):
        versions = list(group)
        gone = set(retention.outlived([one.seen_at for one in versions], now))
        kept = _needed(versions, gone, cited.runs_of(key))
        ids = [one.id for one in versions if one.id not in kept and not one.is_pruned]
        found.ids.extend(ids)
        found.targets.extend([key] if ids else [])
    return found


def _needed(versions: Sequence[Row[Any]], gone: set[int], cited: set[int]) -> set[int]:
    """Return the ids that stay whatever the retention says, with those they are read with."""
    last = versions[-1]
    needed = {last.version_id, last.trained_version_id, last.baseline_version_id, last.id}
    needed |= {one.id for one in versions if one.was_approved}
    runs = [one.run_id for one in versions]
    for run_id in cited:  # what stood before, and what the run saw
        for place in (bisect_left(runs, run_id), bisect_right(runs, run_id)):
            needed |= {one.id for one in versions[max(place - 1, 0) : place]}
    needed |= {one.id for place, one in enumerate(versions) if place not in gone}
    return needed | {one.anchor_id for one in versions if one.id in needed}


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
class _Cited:
    """The runs of findings that are open, by target; `vendor` are runs of the vendor's."""

    by_target: dict[TargetId, set[int]]
    vendor: set[int]

    @classmethod
    def read(cls, connection: Connection) -> _Cited:
        found = cls({}, set())
        for project_id, learn_id, run_id in connection.execute(_citing()):
            if project_id is None:
                found.vendor.add(run_id)
            else:
                key = TargetId(project_id, learn_id)
                found.by_target.setdefault(key, set()).add(run_id)
        return found

    def runs_of(self, whose: TargetId) -> set[int]:
        return self.by_target.get(whose, set()) | self.vendor


def _citing() -> Select[Any]:
    """Return the findings that are untold, accepted, of the last change, or from a baseline."""
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
    """Drop documents, the newest first: an anchor goes after what is read with it."""
    in_order = sorted(ids, reverse=True)
    here = update(version).where(version.c.id == bindparam("of_version"))
    statement = here.values(document=bindparam("left"))
    for some in _batches(in_order):
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
        left = [{"of_version": row["id"], "left": _what_stays(row)} for row in rows]
        connection.execute(statement, left)


def _what_stays(row: Any) -> bytes:  # noqa: ANN401 - a row's mapping
    content = content_hash(document(row["document"], anchor=row["anchor_document"]))
    if link_of(row, content, row["catalogue_hash"]).hash() != row["hash"]:
        raise DamagedDatabaseError(
            f"version {row['id']} is not what was stored, so nothing was pruned; run "
            "`auditor verify`, and restore the database from your last backup"
        )
    return pack_pruned(content, row["catalogue_hash"])


def _unused(connection: Connection, *, without: Iterable[int] = ()) -> tuple[str, ...]:
    """Return the catalogues that no version needs; those of `without` count as dropped."""
    gone = set(without)
    used = select(version.c.id, version.c.catalogue_digest).where(
        ~has_pruned_mark(version.c.document)
    )
    rows = connection.execute(used, execution_options={"yield_per": 1000})
    needed = {digest for number, digest in rows if number not in gone}
    there = select(catalogue.c.digest).where(~has_pruned_mark(catalogue.c.document))
    return tuple(one for one in connection.execute(there).scalars() if one not in needed)


def _drop_catalogues(connection: Connection, digests: Sequence[str]) -> None:
    columns = catalogue.c.digest, catalogue.c.content_hash
    for some in _batches(digests):
        rows = connection.execute(select(*columns).where(catalogue.c.digest.in_(some))).all()
        for row in rows:
            here = update(catalogue).where(catalogue.c.digest == row.digest)
            connection.execute(here.values(document=pack_pruned(row.content_hash)))


def _old_runs(connection: Connection, before: datetime) -> tuple[int, ...]:
    """Return closed runs whose reports may go: old, not the newest, everything in them told."""
    newest = select(func.max(run.c.id)).where(run.c.report.is_not(None)).scalar_subquery()
    query = select(run.c.id).where(
        run.c.report.is_not(None),
        run.c.started_at <= before,
        run.c.status != RunStatus.RUNNING,
        run.c.id != newest,
        *(~_holds_untold(table) for table in (finding, notice)),
        ~select(message.c.id)
        .where(message.c.run_id == run.c.id, message.c.state == MessageState.QUEUED)
        .exists(),
    )
    return tuple(connection.execute(query.order_by(run.c.id)).scalars())


def _holds_untold(table: Any) -> ColumnElement[bool]:  # noqa: ANN401 - finding or notice
    untold = select(table.c.id).where(
        table.c.reported_run_id == run.c.id, table.c.told_at.is_(None)
    )
    return untold.exists()


def _settled_messages(connection: Connection, runs: Sequence[int]) -> tuple[int, ...]:
    """Return the messages of the runs: each was delivered, or given up."""
    found: list[int] = []
    for some in _batches(runs):
        these = select(message.c.id).where(message.c.run_id.in_(some))
        found.extend(connection.execute(these).scalars())
    return tuple(found)


def _drop_reports(connection: Connection, runs: Sequence[int]) -> None:
    for some in _batches(runs):
        these = update(run).where(run.c.id.in_(some))
        connection.execute(these.values(report=None, roster_digest=None))
    if runs:
        used = select(run.c.roster_digest).where(run.c.roster_digest.is_not(None))
        connection.execute(delete(roster).where(roster.c.digest.not_in(used)))


def _drop_messages(connection: Connection, ids: Sequence[int]) -> None:
    for some in _batches(ids):
        connection.execute(delete(holding).where(holding.c.message_id.in_(some)))
        connection.execute(delete(message).where(message.c.id.in_(some)))


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for place in range(0, len(items), _AT_ONCE):
        yield items[place : place + _AT_ONCE]
