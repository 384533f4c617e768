"""Versions and the catalogues they were seen with: how they are stored, and read again.

The first document of a target is packed by itself. A later one is packed with the help of that
document, its anchor, where this is smaller. So reading takes at most two rows, and a small edit
takes a few bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, insert, select, tuple_
from sqlalchemy.sql.functions import func

from auditor.drift.layer_keys import LayerKeys
from auditor.drift.secrets import Secrets
from auditor.errors import UsageError
from auditor.model import BlockKindName, Catalogue, Json, ModelState, Snapshot, TargetId
from auditor.records import Version, VersionLine
from auditor.results import NewVersion
from auditor.store.batches import in_batches
from auditor.store.chain import START, Link, content_hash
from auditor.store.packing import (
    has_pruned_mark,
    is_pruned,
    pack,
    pack_against,
    pack_json,
    unpack,
    unpack_json,
)
from auditor.store.settings import secrets_of
from auditor.store.tables import catalogue, insert_into, target, version

_anchor = version.alias("anchor")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LastVersion:
    """A target's version so far: its hash, and the document that the next is packed against."""

    hash: str
    anchor_id: int
    anchor: bytes


def add_versions(
    connection: Connection, run_id: int, results: Sequence[NewVersion], *, at: datetime
) -> dict[TargetId, int]:
    """Store a version of each result; return their ids."""
    hashes = _keep_catalogues(connection, (result.snapshot.catalogue for result in results))
    last_versions = _last_versions(connection, [result.target for result in results])
    # The run's lock keeps every other writer of versions away, so the next ids are free.
    last_id = connection.execute(select(func.max(version.c.id))).scalar() or 0
    ids = {result.target: last_id + place for place, result in enumerate(results, start=1)}
    rows = []
    for result in results:
        last = last_versions.get(result.target)
        link = Link(
            previous_hash=START if last is None else last.hash,
            version_id=ids[result.target],
            project_id=result.target.project_id,
            learn_id=result.target.learn_id,
            run_id=run_id,
            seen_at=at,
            content_hash=content_hash(result.snapshot.document),
            digest=result.snapshot.digest,
            catalogue_digest=result.snapshot.catalogue.digest,
            catalogue_hash=hashes[result.snapshot.catalogue.digest],
            name=result.snapshot.name,
            type=result.snapshot.type,
            model_state=result.model_state,
            headline=result.headline,
            kind=result.snapshot.kind,
        )
        rows.append({**_row(link, result.snapshot, last), "layers": _layers_form(result.layers)})
    connection.execute(insert(version), rows)
    return ids


def snapshot(connection: Connection, version_id: int) -> Snapshot:
    """Return a stored version's snapshot.

    Raises:
        UsageError: no such version is stored.
    """
    query = _query().where(version.c.id == version_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UsageError(f"the database holds no version {version_id}")
    models = Catalogue(document=unpack(row["catalogue_document"]), digest=row["catalogue_digest"])
    return _snapshot(row, models, secrets_of(connection))


def target_versions(
    connection: Connection, target: TargetId, *, most: int | None = None
) -> tuple[Version, ...]:
    """Return a target's versions, newest first; at most the newest `most`."""
    query = _packed_query().where(_is_of(target)).order_by(version.c.id.desc()).limit(most)
    return _versions(connection, query)


def newest_versions(
    connection: Connection, targets: Sequence[TargetId], *, most: int
) -> dict[TargetId, tuple[Version, ...]]:
    """Return the newest `most` versions of each target that has any, newest first."""
    found: dict[TargetId, list[Version]] = {}
    of_target = (version.c.project_id, version.c.learn_id)
    place = func.row_number().over(partition_by=of_target, order_by=version.c.id.desc())
    for batch in in_batches(targets):
        ranked = select(version.c.id, place.label("place")).where(tuple_(*of_target).in_(batch))
        newest = ranked.subquery()
        wanted = select(newest.c.id).where(newest.c.place <= most)
        query = _packed_query().where(version.c.id.in_(wanted)).order_by(version.c.id.desc())
        for each in _versions(connection, query):
            found.setdefault(each.target, []).append(each)
    return {target: tuple(versions) for target, versions in found.items()}


def versions_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Version]:
    """Return versions by id."""
    found: dict[int, Version] = {}
    for batch in in_batches(ids):
        stored = _versions(connection, _packed_query().where(version.c.id.in_(batch)))
        found.update({each.id: each for each in stored})
    return found


def version_lines(connection: Connection, target: TargetId) -> tuple[VersionLine, ...]:
    """Return what the history says of a target's versions, newest first."""
    query = _lines_query().where(_is_of(target)).order_by(version.c.id.desc())
    return _lines(connection, query)


def lines_of_versions(connection: Connection, ids: Sequence[int]) -> dict[int, VersionLine]:
    """Return what the history says of versions, by id."""
    found: dict[int, VersionLine] = {}
    for batch in in_batches(ids):
        lines = _lines(connection, _lines_query().where(version.c.id.in_(batch)))
        found.update({line.id: line for line in lines})
    return found


def count_versions(connection: Connection, target: TargetId) -> int:
    """Return how many versions of a target there are."""
    query = select(func.count()).select_from(version).where(_is_of(target))
    return connection.execute(query).scalar_one()


def version_before(connection: Connection, target: TargetId, run_id: int) -> int | None:
    """Return the target's last version before the run, or None if it has none or it was pruned."""
    query = (
        select(version.c.id, has_pruned_mark(version.c.document))
        .where(_is_of(target), version.c.run_id < run_id)
        .order_by(version.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None or row[1] else row[0]


def pruned_versions(connection: Connection) -> int:
    """Return how many versions have only their row and their links left."""
    query = select(func.count()).select_from(version).where(has_pruned_mark(version.c.document))
    return connection.execute(query).scalar_one()


def document(packed: bytes, *, anchor: bytes | None) -> bytes:
    """Return a version's document from its blob and its anchor's, None without one."""
    return unpack(packed, anchor=None if anchor is None else unpack(anchor))


def _is_of(target: TargetId) -> ColumnElement[bool]:
    return (version.c.project_id == target.project_id) & (version.c.learn_id == target.learn_id)


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


def _packed_query() -> Select[Any]:
    anchor = _anchor.c.document.label("anchor_document")
    return select(version, anchor).outerjoin(_anchor, _anchor.c.id == version.c.anchor_id)


def _lines_query() -> Select[Any]:
    return select(
        version.c.id,
        version.c.project_id,
        version.c.learn_id,
        version.c.kind,
        version.c.run_id,
        version.c.seen_at,
        version.c.model_state,
        version.c.headline,
        version.c.hash,
        version.c.previous_hash,
        has_pruned_mark(version.c.document).label("is_pruned"),
        version.c.layers,
    )


def _versions(connection: Connection, query: Select[Any]) -> tuple[Version, ...]:
    """Return the versions of a packed query; each catalogue is read once."""
    secrets = secrets_of(connection)
    rows = connection.execute(query).mappings().all()
    catalogues = _catalogues(
        connection,
        {row["catalogue_digest"] for row in rows if not is_pruned(row["document"])},
    )
    return tuple(
        Version(
            **_line_values(row, secrets),
            is_pruned=is_pruned(row["document"]),
            kept=None
            if is_pruned(row["document"])
            else _snapshot(row, catalogues[row["catalogue_digest"]], secrets),
        )
        for row in rows
    )


def _lines(connection: Connection, query: Select[Any]) -> tuple[VersionLine, ...]:
    secrets = secrets_of(connection)
    return tuple(
        VersionLine(**_line_values(row, secrets), is_pruned=row["is_pruned"])
        for row in connection.execute(query).mappings()
    )


def _line_values(row: RowMapping, secrets: Secrets) -> dict[str, Any]:
    return {
        "id": row["id"],
        "target": TargetId(row["project_id"], row["learn_id"]),
        "kind": BlockKindName(row["kind"]),
        "run_id": row["run_id"],
        "seen_at": row["seen_at"],
        "model_state": ModelState(row["model_state"]),
        "headline": secrets.hide_headline(row["headline"]),
        "hash": row["hash"],
        "previous_hash": row["previous_hash"],
        "layers": layers_from(row["layers"]),
    }


def _layers_form(layers: LayerKeys | None) -> bytes | None:
    if layers is None:
        return None
    departed: list[Json] = [list(pair) for pair in layers.departed]
    return pack_json([list(layers.keys), layers.next_key, departed])


def layers_from(blob: bytes | None) -> LayerKeys | None:
    """Return the keys of a version's layers from its column."""
    if blob is None:
        return None
    keys, next_key, departed = cast(list[Any], unpack_json(blob))
    return LayerKeys(
        keys=tuple(keys),
        next_key=next_key,
        departed=tuple((key, digest) for key, digest in departed),
    )


def _catalogues(connection: Connection, digests: Iterable[str]) -> dict[str, Catalogue]:
    found: dict[str, Catalogue] = {}
    for batch in in_batches(digests):
        query = select(catalogue.c.digest, catalogue.c.document)
        for row in connection.execute(query.where(catalogue.c.digest.in_(batch))):
            found[row.digest] = Catalogue(document=unpack(row.document), digest=row.digest)
    return found


def _snapshot(row: RowMapping, models: Catalogue, secrets: Secrets) -> Snapshot:
    stored = Snapshot(
        kind=BlockKindName(row["kind"]),
        document=document(row["document"], anchor=row["anchor_document"]),
        digest=row["digest"],
        catalogue=models,
        name=row["name"],
        type=row["type"],
    )
    return secrets.hide_snapshot(stored)


def _last_versions(
    connection: Connection, targets: Sequence[TargetId]
) -> dict[TargetId, _LastVersion]:
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
        TargetId(row.project_id, row.learn_id): _LastVersion(
            hash=row.hash, anchor_id=row.anchor_id, anchor=unpack(row.anchor)
        )
        for row in connection.execute(query)
    }


def _row(link: Link, taken: Snapshot, last: _LastVersion | None) -> dict[str, object]:
    packed, anchor_id = _packed(taken.document, last)
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
        "kind": link.kind,
    }


def _packed(content: bytes, last: _LastVersion | None) -> tuple[bytes, int | None]:
    alone = pack(content)
    if last is None:
        return alone, None
    packed = pack_against(content, last.anchor)
    return (packed, last.anchor_id) if len(packed) < len(alone) else (alone, None)


def _keep_catalogues(connection: Connection, catalogues: Iterable[Catalogue]) -> dict[str, str]:
    """Store catalogues that are not stored yet; return the hash of the stored bytes by digest.

    Of two documents with one canonical digest the first stays; a pruned one is stored again.
    """
    by_digest = {found.digest: found for found in catalogues}
    hashes = _catalogue_hashes(connection, by_digest)
    rows = [
        {
            "digest": digest,
            "content_hash": content_hash(found.document),
            "document": pack(found.document),
        }
        for digest, found in by_digest.items()
        if digest not in hashes
    ]
    if not rows:
        return hashes
    statement = insert_into(connection, catalogue)
    new = {name: statement.excluded[name] for name in ("content_hash", "document")}
    again = statement.on_conflict_do_update(
        index_elements=["digest"], set_=new, where=has_pruned_mark(catalogue.c.document)
    )
    connection.execute(again, rows)
    return _catalogue_hashes(connection, by_digest)


def _catalogue_hashes(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for batch in in_batches(digests):
        query = select(catalogue.c.digest, catalogue.c.content_hash).where(
            catalogue.c.digest.in_(batch), ~has_pruned_mark(catalogue.c.document)
        )
        hashes.update({row.digest: row.content_hash for row in connection.execute(query)})
    return hashes
