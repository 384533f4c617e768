"""Results that wait for the run's end: what they show is the vendor's if others show it too.

On a night on which the vendor changes every answer, every target waits. So of each only its
answer is kept, compressed; at the end it is compared again with the version that is stored.
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.model import Snapshot, TargetId, VendorFinding

_WINDOW = 32 * 1024  # how much of an example zlib can use


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingResult:
    """An answer with changes that are the vendor's if other targets show them too.

    Attributes:
        snapshot: what was read.
        at: when it was judged.
        acts: what was done, equal for equal acts at other targets (`Judgement.shareable`).
    """

    target: TargetId
    project: str
    snapshot: Snapshot
    body_digest: str
    validator: str
    at: datetime
    acts: frozenset[str] = frozenset()


@dataclass(slots=True)
class PendingResults:
    """The pending results of a run, each with its document compressed.

    Attributes:
        vendor: what targets turned out to share, by act.
    """

    vendor: dict[str, VendorFinding] = field(default_factory=dict)
    _targets: Counter[str] = field(default_factory=Counter)
    _waiting: deque[PendingResult] = field(default_factory=deque)
    _examples: dict[str, bytes] = field(default_factory=dict)

    def add(self, pending: PendingResult) -> None:
        """Count what was done, and keep the result."""
        self._targets.update(pending.acts)
        snapshot = pending.snapshot
        # Blocks of a type have most of their text in common.
        example = self._examples.setdefault(snapshot.type, snapshot.document[-_WINDOW:])
        compressor = zlib.compressobj(zdict=example)
        packed = compressor.compress(snapshot.document) + compressor.flush()
        kept = replace(pending, snapshot=replace(snapshot, document=packed), acts=frozenset())
        self._waiting.append(kept)

    def number_of_targets(self, act: str) -> int:
        """Return how many targets show an act."""
        return self._targets[act]

    def take_batches(self, most: int) -> Iterator[tuple[PendingResult, ...]]:
        """Yield the results in batches of at most so many; what was yielded is kept no longer."""
        while self._waiting:
            number = min(most, len(self._waiting))
            yield tuple(self._unpacked(self._waiting.popleft()) for _ in range(number))

    def _unpacked(self, kept: PendingResult) -> PendingResult:
        decompressor = zlib.decompressobj(zdict=self._examples[kept.snapshot.type])
        document = decompressor.decompress(kept.snapshot.document)
        return replace(kept, snapshot=replace(kept.snapshot, document=document))
