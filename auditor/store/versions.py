"""Versions: how one is added, and how its document is read again.

The first document of a target lies packed by itself; later ones lie beside it, their anchor,
where that is smaller. So reading takes at most two rows, and a small edit a few bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, tuple_
from sqlalchemy.sql.functions import func

from auditor.drift.secrets import Secrets
from auditor.errors import UsageError
from auditor.model import Catalogue, ModelState, Snapshot, TargetId
from auditor.records import NewVersion, Version
from auditor.store.chain import START, Link, content_hash
from auditor.store.packing import has_gone, is_pruned, pack, pack_beside, unpack
from auditor.store.settings import secrets_of
from auditor.store.tables import catalogue, insert_into, target, version

_anchor = version.alias("anchor")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """The version before: its hash, and the document that the next may lie beside."""

    hash: str
    anchor_id: int
    anchor: bytes


def add(
    connection: Connection, run_id: int, seen: Sequence[NewVersion], *, at: datetime
) -> dict[TargetId, int]:
    """Store a version of each; return their ids."""
    hashes = keep_catalogues(connection, (one.snapshot.catalogue for one in seen))
    before = _before(connection, [one.target for one in seen])
    ids = {one.target: number for number, one in enumerate(seen, start=_next_id(connection))}
    rows = []
    for one in seen:
        last = before.get(one.target)
        link = Link(
            previous_hash=START if last is None else last.hash,
            version_id=ids[one.target],
            project_id=one.target.project_id,
            learn_id=one.target.learn_id,
            run_id=run_id,
            seen_at=at,
            content_hash=content_hash(one.snapshot.document),
            digest=one.snapshot.digest,
            catalogue_digest=one.snapshot.catalogue.digest,
            catalogue_hash=hashes[one.snapshot.catalogue.digest],
            name=one.snapshot.name,
            type=one.snapshot.type,
            model_state=one.model_state,
            headline=one.headline,
        )
        rows.append(_row(link, one.snapshot.document, last))
    connection.execute(insert(version), rows)
    return ids


def read(connection: Connection, version_id: int) -> Snapshot:
    """Return a stored version's snapshot."""
    query = _query().where(version.c.id == version_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UsageError(f"the database holds no version {version_id}")
    return secrets_of(connection).hide_snapshot(_snapshot(row))


def of_target(connection: Connection, whose: TargetId) -> tuple[Version, ...]:
    """Return a target's versions, newest first."""
    query = _query().where(
        version.c.project_id == whose.project_id, version.c.learn_id == whose.learn_id
    )
    rows = connection.execute(query.order_by(version.c.id.desc())).mappings()
    secrets = secrets_of(connection)
    return tuple(_hidden(_version(row), secrets) for row in rows)


def _hidden(stored: Version, secrets: Secrets) -> Version:
    headline = secrets.hide_headline(stored.headline)
    kept = None if stored.kept is None else secrets.hide_snapshot(stored.kept)
    return replace(stored, headline=headline, kept=kept)


def document(packed: bytes, *, anchor: bytes | None) -> bytes:
    """Return a version's document from its blob and its anchor's, None without one."""
    return unpack(packed, anchor=None if anchor is None else unpack(anchor))


def _query() -> Select[Any]:
    return (
        select(
            version,
            _anchor.c.document.label("anchor_document"),
            catalogue.c.document.label("catalogue_document"),
        )
        .outerjoin(_anchor, _anchor.c.id == version.c.anchor_id)
        .join(catalogue, catalogue.c.digest == version.c.catalogue_digest)
    )


def _version(row: RowMapping) -> Version:
    return Version(
        id=row["id"],
        target=TargetId(row["project_id"], row["learn_id"]),
        run_id=row["run_id"],
        seen_at=row["seen_at"],
        kept=None if is_pruned(row["document"]) else _snapshot(row),
        model_state=ModelState(row["model_state"]),
        headline=row["headline"],
        hash=row["hash"],
        previous_hash=row["previous_hash"],
    )


def _snapshot(row: RowMapping) -> Snapshot:
    models = unpack(row["catalogue_document"])
    return Snapshot(
        document=document(row["document"], anchor=row["anchor_document"]),
        digest=row["digest"],
        catalogue=Catalogue(document=models, digest=row["catalogue_digest"]),
        name=row["name"],
        type=row["type"],
    )


def _next_id(connection: Connection) -> int:
    """Return the first free id: the run's lock keeps every other writer of versions away."""
    last = connection.execute(select(func.max(version.c.id))).scalar()
    return (last or 0) + 1


def _before(connection: Connection, targets: Sequence[TargetId]) -> dict[TargetId, _Before]:
    query = (
        select(
            version.c.project_id,
            version.c.learn_id,
            version.c.hash,
            func.coalesce(version.c.anchor_id, version.c.id).label("anchor_id"),
            func.coalesce(_anchor.c.document, version.c.document).label("anchor"),
        )
        .join(target, target.c.version_id == version.c.id)
        .outerjoin(_anchor, _anchor.c.id == version.c.anchor_id)
        .where(tuple_(target.c.project_id, target.c.learn_id).in_(targets))
    )
    return {
        TargetId(row.project_id, row.learn_id): _Before(
            hash=row.hash, anchor_id=row.anchor_id, anchor=unpack(row.anchor)
        )
        for row in connection.execute(query)
    }


def _row(link: Link, content: bytes, last: _Before | None) -> dict[str, object]:
    packed, anchor_id = _packed(content, last)
    return {
        "id": link.version_id,
        "project_id": link.project_id,
        "learn_id": link.learn_id,
        "run_id": link.run_id,
        "seen_at": link.seen_at,
        "anchor_id": anchor_id,
        "digest": link.digest,
        "catalogue_digest": link.catalogue_digest,
        "name": link.name,
        "type": link.type,
        "model_state": link.model_state,
        "headline": link.headline,
        "hash": link.hash(),
        "previous_hash": link.previous_hash,
        "document": packed,
    }


def _packed(content: bytes, last: _Before | None) -> tuple[bytes, int | None]:
    alone = pack(content)
    if last is None:
        return alone, None
    beside = pack_beside(content, last.anchor)
    return (beside, last.anchor_id) if len(beside) < len(alone) else (alone, None)


def keep_catalogues(connection: Connection, found: Iterable[Catalogue]) -> dict[str, str]:
    """Store what is not stored yet; return the hash of the stored bytes by digest.

    Of two documents with one canonical digest the first stays; one that was pruned comes back.
    """
    by_digest = {one.digest: one for one in found}
    hashes = _catalogue_hashes(connection, by_digest)
    rows = [_catalogue_row(one) for digest, one in by_digest.items() if digest not in hashes]
    if not rows:
        return hashes
    statement = insert_into(connection, catalogue)
    new = {name: statement.excluded[name] for name in ("content_hash", "document")}
    again = statement.on_conflict_do_update(
        index_elements=["digest"], set_=new, where=has_gone(catalogue.c.document)
    )
    connection.execute(again, rows)
    return _catalogue_hashes(connection, by_digest)


def _catalogue_hashes(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    query = select(catalogue.c.digest, catalogue.c.content_hash)
    these = query.where(catalogue.c.digest.in_(list(digests)))
    rows = connection.execute(these.where(~has_gone(catalogue.c.document)))
    return {row.digest: row.content_hash for row in rows}


def _catalogue_row(one: Catalogue) -> dict[str, object]:
    return {
        "digest": one.digest,
        "content_hash": content_hash(one.document),
        "document": pack(one.document),
    }
