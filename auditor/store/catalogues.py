"""The vendor's catalogues, each stored once."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from auditor.errors import UsageError
from auditor.model import Catalogue
from auditor.store.chain import content_hash
from auditor.store.insertion import insert_into
from auditor.store.packing import has_gone, pack, unpack
from auditor.store.tables import catalogue


def keep(connection: Connection, found: Iterable[Catalogue]) -> dict[str, str]:
    """Store what is not stored yet; return the hash of the stored bytes by digest.

    Of two documents with one canonical digest the first stays; one that was pruned comes back.
    """
    by_digest = {one.digest: one for one in found}
    hashes = _hashes(connection, by_digest)
    rows = [_row(one) for digest, one in by_digest.items() if digest not in hashes]
    if not rows:
        return hashes
    statement = insert_into(connection, catalogue)
    new = {name: statement.excluded[name] for name in ("content_hash", "document")}
    again = statement.on_conflict_do_update(
        index_elements=["digest"], set_=new, where=has_gone(catalogue.c.document)
    )
    connection.execute(again, rows)
    return _hashes(connection, by_digest)


def read(connection: Connection, digest: str) -> bytes:
    """Return a stored catalogue's document."""
    query = select(catalogue.c.document).where(catalogue.c.digest == digest)
    blob = connection.execute(query).scalar_one_or_none()
    if blob is None:
        raise UsageError(f"the database holds no catalogue {digest}")
    return unpack(blob)


def _hashes(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    query = select(catalogue.c.digest, catalogue.c.content_hash)
    these = query.where(catalogue.c.digest.in_(list(digests)))
    rows = connection.execute(these.where(~has_gone(catalogue.c.document)))
    return {row.digest: row.content_hash for row in rows}


def _row(one: Catalogue) -> dict[str, object]:
    return {
        "digest": one.digest,
        "content_hash": content_hash(one.document),
        "document": pack(one.document),
    }
