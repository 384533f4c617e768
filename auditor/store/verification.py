"""The check of the hash chain: everything is read once, and each link recomputed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, union

from auditor.errors import DamagedDatabaseError
from auditor.model import RunStatus, TargetId
from auditor.records import BrokenLink, RetractionKind
from auditor.store import ledger
from auditor.store.chain import START, Link, RunLink, content_hash
from auditor.store.packing import has_pruned_mark, is_pruned, needs_anchor, pruned_hashes, unpack
from auditor.store.tables import (
    approval,
    catalogue,
    finding,
    message,
    notice,
    retraction,
    run,
    target,
    version,
)
from auditor.store.versions import document

_BATCH = 200
_UNREADABLE = "its document cannot be read: it is not what was stored"
_anchor = version.alias("anchor")


@dataclass(frozen=True, slots=True)
class _CheckedVersion:
    """A target's newest version so far, and the last of its versions that has no anchor."""

    version_id: int
    hash: str
    anchor_id: int | None


@dataclass(frozen=True, slots=True)
class _Progress:
    """What was checked so far: hashes of catalogues by digest, and each target's last version.

    The hash of a pruned catalogue is empty: only pruned versions may name it.
    """

    catalogues: dict[str, str] = field(default_factory=dict)
    last: dict[TargetId, _CheckedVersion] = field(default_factory=dict)


def verify(connection: Connection) -> BrokenLink | None:
    """Return the first broken link of the hash chain, or None if it is sound."""
    progress = _Progress()
    steps = (
        _catalogues(connection, progress),
        _missing_runs(connection),
        _runs(connection, progress),
        _targets(connection, progress),
        _wrongly_pruned(connection),
        *ledger.verification(connection),
        _baselines(connection),
        _forgotten(connection),
    )
    try:
        return next((broken for step in steps if (broken := _first(step)) is not None), None)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        # SQLite accepts any value in any column; the column's type then cannot read it.
        return BrokenLink(
            where="database", what=f"a row has a value that the auditor never stored ({error})"
        )


def _first(step: Generator[BrokenLink, None, None]) -> BrokenLink | None:
    """Return a step's first broken link and end its query, which may be half read."""
    with closing(step):
        return next(step, None)


def _catalogues(connection: Connection, progress: _Progress) -> Generator[BrokenLink, None, None]:
    for row in _stream(connection, select(catalogue).order_by(catalogue.c.digest)):
        where = f"catalogue {row['digest']}"
        try:
            content = _catalogue_hash(row["document"])
        except DamagedDatabaseError:
            yield BrokenLink(where=where, what=_UNREADABLE)
            return
        if content != row["content_hash"]:
            yield BrokenLink(where=where, what="its document is not the one that its hash covers")
        progress.catalogues[row["digest"]] = "" if is_pruned(row["document"]) else content


def _catalogue_hash(blob: bytes) -> str:
    return pruned_hashes(blob)[0] if is_pruned(blob) else content_hash(unpack(blob))


def _missing_runs(connection: Connection) -> Generator[BrokenLink, None, None]:
    naming = (
        version.c.run_id,
        target.c.last_run_id,
        finding.c.run_id,
        finding.c.reported_run_id,
        notice.c.run_id,
        notice.c.reported_run_id,
        message.c.run_id,
    )
    named = union(*(select(column.label("run_id")) for column in naming)).subquery()
    query = select(named.c.run_id).outerjoin(run, run.c.id == named.c.run_id)
    missing = connection.execute(query.where(run.c.id.is_(None)).order_by(named.c.run_id))
    for run_id in missing.scalars().all():
        yield BrokenLink(where=f"run {run_id}", what="it is missing, though what it left is there")


def _runs(connection: Connection, progress: _Progress) -> Generator[BrokenLink, None, None]:
    head = START
    rows = _stream(connection, _links())
    for _, of_run in groupby(rows, key=lambda row: row["of_run"]):
        hashes: list[str] = []
        for row in of_run:
            if row["id"] is not None:
                yield from _version(row, progress)
                hashes.append(row["hash"])
        if row["head_hash"] is None and row["status"] == RunStatus.RUNNING:
            continue
        if row["head_hash"] != _head(row, head, hashes):
            what = "its head hash does not match: the run, one before it or a version is altered"
            yield BrokenLink(where=f"run {row['of_run']}", what=what)
        head = row["head_hash"]


def _targets(connection: Connection, progress: _Progress) -> Generator[BrokenLink, None, None]:
    columns = select(target.c.project_id, target.c.learn_id, target.c.version_id)
    missed = dict(progress.last)
    for row in _stream(connection, columns.order_by(target.c.project_id, target.c.learn_id)):
        key = TargetId(row["project_id"], row["learn_id"])
        last = missed.pop(key, None)
        if row["version_id"] != (None if last is None else last.version_id):
            what = f"its newest version is not version {row['version_id']}, as was stored"
            yield BrokenLink(where=f"target {key}", what=what)
    for key in missed:
        yield BrokenLink(
            where=f"target {key}", what="it is missing, though its versions are there"
        )


def _wrongly_pruned(connection: Connection) -> Generator[BrokenLink, None, None]:
    """Yield targets without a document that pruning always keeps."""
    needed = target.c.version_id, target.c.trained_version_id, target.c.baseline_version_id
    pruned = union(
        *(
            select(target.c.project_id, target.c.learn_id, version.c.id)
            .join(version, version.c.id == column)
            .where(has_pruned_mark(version.c.document))
            for column in needed
        )
    ).subquery()
    in_order = select(pruned).order_by(pruned.c.project_id, pruned.c.learn_id)
    for row in connection.execute(in_order).all():
        what = f"its version {row.id} is pruned, though it is current, approved or judged from"
        yield BrokenLink(where=f"target {TargetId(row.project_id, row.learn_id)}", what=what)


def _baselines(connection: Connection) -> Generator[BrokenLink, None, None]:
    """Yield targets whose baseline is not the version that was approved last.

    They have none where a later decision took the last approval back.
    """
    key = approval.c.project_id, approval.c.learn_id
    newest = select(*key, func.max(approval.c.id).label("id")).group_by(*key).subquery()
    of_target = (newest.c.project_id == target.c.project_id) & (
        newest.c.learn_id == target.c.learn_id
    )
    in_force = (approval.c.id == newest.c.id) & approval.c.id.not_in(
        select(retraction.c.approval_id).where(retraction.c.approval_id.is_not(None))
    )
    query = (
        select(target.c.project_id, target.c.learn_id)
        .outerjoin(newest, of_target)
        .outerjoin(approval, in_force)
        .where(target.c.baseline_version_id.is_distinct_from(approval.c.version_id))
        .order_by(target.c.project_id, target.c.learn_id)
    )
    for row in connection.execute(query.limit(1)):
        what = "its baseline is not the version that was approved last"
        yield BrokenLink(where=f"target {TargetId(row.project_id, row.learn_id)}", what=what)


def _forgotten(connection: Connection) -> Generator[BrokenLink, None, None]:
    """Yield targets that are forgotten although nobody decided that."""
    decided = (
        (retraction.c.kind == RetractionKind.FORGOTTEN)
        & (retraction.c.project_id == target.c.project_id)
        & (retraction.c.learn_id == target.c.learn_id)
        & (retraction.c.retracted_at == target.c.forgotten_at)
    )
    query = (
        select(target.c.project_id, target.c.learn_id)
        .outerjoin(retraction, decided)
        .where(target.c.forgotten_at.is_not(None), retraction.c.id.is_(None))
        .order_by(target.c.project_id, target.c.learn_id)
    )
    for row in connection.execute(query.limit(1)):
        what = "it is forgotten, though nobody decided that"
        yield BrokenLink(where=f"target {TargetId(row.project_id, row.learn_id)}", what=what)


def _links() -> Select[Any]:
    return (
        select(
            run.c.id.label("of_run"),
            run.c.status,
            run.c.trigger,
            run.c.started_at,
            run.c.head_hash,
            run.c.ledger_head,
            version,
            _anchor.c.document.label("anchor_document"),
        )
        .outerjoin(version, version.c.run_id == run.c.id)
        .outerjoin(_anchor, _anchor.c.id == version.c.anchor_id)
        .order_by(run.c.id, version.c.id)
    )


def _version(row: RowMapping, progress: _Progress) -> Generator[BrokenLink, None, None]:
    key = TargetId(row["project_id"], row["learn_id"])
    last = progress.last.get(key)
    catalogue_hash = progress.catalogues.get(row["catalogue_digest"])
    what = _fault(row, last, catalogue_hash)
    if what is None:
        what = _fault_of_content(row, catalogue_hash or "")
    if what is not None:
        yield BrokenLink(where=f"version {row['id']} of {key}", what=what)
    has_anchor = row["anchor_id"] is not None
    anchor_id = last.anchor_id if has_anchor and last is not None else row["id"]
    progress.last[key] = _CheckedVersion(row["id"], row["hash"], anchor_id)


def _fault(
    row: RowMapping, last: _CheckedVersion | None, catalogue_hash: str | None
) -> str | None:
    if row["previous_hash"] != (START if last is None else last.hash):
        return "it does not follow the version before it: that one is altered or missing"
    if catalogue_hash is None:
        return f"its catalogue {row['catalogue_digest']} is missing"
    if row["anchor_id"] not in _anchors(row["document"], last):
        return "it names another anchor than it was stored with"
    return None


def _anchors(blob: bytes, last: _CheckedVersion | None) -> tuple[int | None, ...]:
    """Return the anchors that the version may name; a pruned one may have had one or none."""
    if last is None or not (needs_anchor(blob) or is_pruned(blob)):
        return (None,)
    return (None, last.anchor_id) if is_pruned(blob) else (last.anchor_id,)


def _fault_of_content(row: RowMapping, catalogue_hash: str) -> str | None:
    """Recompute the link, for a pruned version from the hashes in place of its document."""
    blob = row["document"]
    try:
        if is_pruned(blob):
            content, catalogue_hash = pruned_hashes(blob)
        else:
            content = content_hash(document(blob, anchor=row["anchor_document"]))
    except (DamagedDatabaseError, ValueError):
        return _UNREADABLE
    if not catalogue_hash:
        return f"its catalogue {row['catalogue_digest']} is pruned, though it is not"
    if row["hash"] != link_of(row, content, catalogue_hash).hash():
        return "its hash does not match: its row, its document or its catalogue is altered"
    return None


def link_of(row: RowMapping, content: str, catalogue_hash: str) -> Link:
    """Return the link of a version's row; `content` is the hash of its document."""
    return Link(
        previous_hash=row["previous_hash"],
        version_id=row["id"],
        project_id=row["project_id"],
        learn_id=row["learn_id"],
        run_id=row["run_id"],
        seen_at=row["seen_at"],
        content_hash=content,
        digest=row["digest"],
        catalogue_digest=row["catalogue_digest"],
        catalogue_hash=catalogue_hash,
        name=row["name"],
        type=row["type"],
        model_state=row["model_state"],
        headline=row["headline"],
        kind=row["kind"],
    )


def _head(row: RowMapping, previous_head: str, hashes: list[str]) -> str:
    link = RunLink(
        previous_head=previous_head,
        run_id=row["of_run"],
        trigger=row["trigger"],
        started_at=row["started_at"],
        ledger_head=row["ledger_head"],
    )
    return link.head(hashes)


def _stream(connection: Connection, query: Select[Any]) -> Iterator[RowMapping]:
    """Yield rows in batches, because a history may not fit into memory."""
    options = {"yield_per": _BATCH}
    with connection.execute(query, execution_options=options).mappings() as rows:
        yield from rows
