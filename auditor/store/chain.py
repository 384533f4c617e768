"""The hash chain: the links of versions and of runs.

A version's hash covers its whole row, the bytes of its document and catalogue, and the hash of
the target's version before it. A run's head covers the head of the run before it and the hashes
of its own versions. So the last head covers the whole history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

START = ""
"""The previous hash of a target's first version, and the previous head of the first run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a version's hash covers.

    Attributes:
        content_hash: SHA-256 of the document's bytes.
        catalogue_hash: SHA-256 of the bytes of the catalogue's document.
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

    def hash(self) -> str:
        """Return the version's hash, 64 hex digits."""
        return _hash({**asdict(self), "seen_at": _moment(self.seen_at)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLink:
    """What a run's head covers besides the hashes of its versions."""

    previous_head: str
    run_id: int
    trigger: str
    started_at: datetime

    def head(self, hashes: Iterable[str]) -> str:
        """Return the run's head, 64 hex digits; `hashes` are of its versions, by id."""
        started_at = _moment(self.started_at)
        return _hash({**asdict(self), "started_at": started_at, "versions": list(hashes)})


def content_hash(document: bytes) -> str:
    """Return the SHA-256 of a document's bytes, 64 hex digits."""
    return hashlib.sha256(document).hexdigest()


def _hash(line: dict[str, object]) -> str:
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
