"""Results that wait for the run's end: what they show is the vendor's if enough others show it.

An act is the vendor's on the targets of a type if at least half of those that were compared show
it, and at least three targets do; of fewer than three of a type all have to, and they have to be
two, or three together with those of other types.

On a night on which the vendor changes every answer, every target waits. So of each only its
answer is kept, compressed; at the end it is compared again with the version that is stored.
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.model import BlockKindName, Snapshot, TargetId

_FEW = 3  # targets: fewer say little
_WINDOW = 32 * 1024  # how much of an example zlib can use


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingResult:
    """An answer with changes that are the vendor's if other targets show them too.

    Attributes:
        type: the block's type, the last one known where the answer names none.
        snapshot: what was read.
        at: when it was judged.
        acts: what may be the vendor's, equal for equal acts at other targets (`name_acts`).
    """

    target: TargetId
    project: str
    type: str
    snapshot: Snapshot
    body_digest: str
    validator: str
    at: datetime
    acts: frozenset[str] = frozenset()


def name_sort(kind: BlockKindName, type_: str) -> str:
    """Return what tells blocks apart that the vendor changes together: kind and type."""
    return f"{kind} {type_}"


@dataclass(slots=True)
class PendingResults:
    """The pending results of a run, each with its document compressed."""

    _compared: Counter[str] = field(default_factory=Counter)
    _showing: dict[str, Counter[str]] = field(default_factory=dict)
    _waiting: deque[PendingResult] = field(default_factory=deque)
    _examples: dict[str, bytes] = field(default_factory=dict)

    def count_compared(self, block_type: str) -> None:
        """Count a target that was compared with an earlier version of the same type."""
        self._compared[block_type] += 1

    def add(self, pending: PendingResult) -> None:
        """Count what was done, and keep the result; its target is counted apart."""
        snapshot = pending.snapshot
        for act in pending.acts:
            self._showing.setdefault(act, Counter())[pending.type] += 1
        # Blocks of a type have most of their text in common.
        example = self._examples.setdefault(snapshot.type, snapshot.document[-_WINDOW:])
        compressor = zlib.compressobj(zdict=example)
        packed = compressor.compress(snapshot.document) + compressor.flush()
        kept = replace(pending, snapshot=replace(snapshot, document=packed), acts=frozenset())
        self._waiting.append(kept)

    def sort_by(self, order: Callable[[PendingResult], int]) -> None:
        """Put the results in an order; those of equal order stay as they are."""
        self._waiting = deque(sorted(self._waiting, key=order))

    def vendor_acts(self) -> Mapping[str, frozenset[str]]:
        """Return by block type what turned out to be the vendor's on the targets of that type."""
        found: dict[str, set[str]] = {}
        for act, showing in self._showing.items():
            for block_type in self._types_of_vendor(showing):
                found.setdefault(block_type, set()).add(act)
        return {block_type: frozenset(acts) for block_type, acts in found.items()}

    def _types_of_vendor(self, showing: Counter[str]) -> Iterator[str]:
        enough = {each: n for each, n in showing.items() if self._is_enough(each, n)}
        for block_type, number in enough.items():
            is_small = self._compared[block_type] < _FEW
            if sum(enough.values()) >= _FEW or (is_small and number > 1):
                yield block_type

    def _is_enough(self, block_type: str, number: int) -> bool:
        compared = self._compared[block_type]
        return number == compared if compared < _FEW else 2 * number >= compared

    def take_batches(self, most: int) -> Iterator[tuple[PendingResult, ...]]:
        """Yield the results in batches of at most so many; what was yielded is kept no longer."""
        while self._waiting:
            number = min(most, len(self._waiting))
            yield tuple(self._unpacked(self._waiting.popleft()) for _ in range(number))

    def _unpacked(self, kept: PendingResult) -> PendingResult:
        decompressor = zlib.decompressobj(zdict=self._examples[kept.snapshot.type])
        document = decompressor.decompress(kept.snapshot.document)
        return replace(kept, snapshot=replace(kept.snapshot, document=document))
