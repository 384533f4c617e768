"""The hash chain: the links of versions, of the ledger's entries and of runs.

A version's hash covers its row (the keys of its layers apart, which follow from documents), the
bytes of its document and catalogue, and the hash of the target's version before it. An entry of
the ledger covers a decision, or how a run ended with its report, and the entry before it. A run's
head covers the head of the run before it, the hashes of its own versions, and the newest entry of
the ledger when the run started. So the last head covers the whole history, apart from what was
decided and reported since that run started.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TypeAlias

from auditor.model import BlockKindName

START = ""
"""The previous hash of each first link: of a target's versions, of the ledger, of the runs."""

Cell: TypeAlias = str | bytes | int | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a version's hash covers.

    Attributes:
        content_hash: SHA-256 of the document's bytes.
        catalogue_hash: SHA-256 of the bytes of the catalogue's document.
        kind: how the document is read. That of a Keras block is left out of the hash: versions
            from before 0007 have no other.
    """

    previous_hash: str
    version_id: int
    project_id: int
    learn_id: int
    run_id: int
    seen_at: datetime
    content_hash: str
    digest: str
    catalogue_digest: str
    catalogue_hash: str
    name: str
    type: str
    model_state: str
    headline: str
    kind: str

    def hash(self) -> str:
        """Return the version's hash, 64 hex digits."""
        line = {**_columns(self), "seen_at": _moment(self.seen_at)}
        if self.kind == BlockKindName.KERAS:
            del line["kind"]
        return _hash(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLink:
    """What a run's head covers besides the hashes of its versions.

    Attributes:
        ledger_head: the ledger's newest hash when the run started; None for a run of a schema
            without a ledger.
    """

    previous_head: str
    run_id: int
    trigger: str
    started_at: datetime
    ledger_head: str | None

    def head(self, hashes: Iterable[str]) -> str:
        """Return the run's head, 64 hex digits; `hashes` are of its versions, by id.

        They are read as they come: a first run has as many versions as targets.
        """
        line = {**_columns(self), "started_at": _moment(self.started_at), "versions": []}
        if self.ledger_head is None:
            del line["ledger_head"]
        text = _line(line)
        digest = hashlib.sha256(text.removesuffix("]}").encode("ascii"))
        for place, each in enumerate(hashes):
            digest.update(f'{"," if place else ""}"{each}"'.encode("ascii"))
        digest.update(b"]}")  # the versions are the last key
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLink:
    """What the hash of a ledger's entry covers.

    Attributes:
        kind: what the row is, and so of which table.
        content_hash: `row_hash` of what the row says.
    """

    previous_hash: str
    entry_id: int
    kind: str
    row_id: int
    content_hash: str

    def hash(self) -> str:
        """Return the entry's hash, 64 hex digits."""
        return _hash(_columns(self))


def row_hash(row: Mapping[str, Cell]) -> str:
    """Return the hash of a row's columns, 64 hex digits, the same for every database."""
    return _hash({name: _plain(value) for name, value in row.items()})


def content_hash(document: bytes) -> str:
    """Return the SHA-256 of a document's bytes, 64 hex digits."""
    return hashlib.sha256(document).hexdigest()


def _columns(link: Link | RunLink | LedgerLink) -> dict[str, object]:
    return {field.name: getattr(link, field.name) for field in fields(link)}


def _hash(line: dict[str, object]) -> str:
    return hashlib.sha256(_line(line).encode("ascii")).hexdigest()


def _line(line: dict[str, object]) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"))


def _plain(value: Cell) -> str | int | None:
    match value:
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case bytes():
            return content_hash(value)
        case str() | int() | None:
            return value


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
