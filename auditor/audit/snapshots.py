"""The answers and the stored versions of a run's targets, with secrets hidden."""

from __future__ import annotations

from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import split
from auditor.drift.compare import Comparison, compare_snapshots
from auditor.drift.recurrence import PastChange
from auditor.drift.secrets import secret_parameters
from auditor.model import JsonObject, Snapshot, TargetId
from auditor.protocols import Answer, RunStore
from auditor.records import KnownTarget


class Snapshots:
    """Takes snapshots and compares them with stored versions.

    It learns from every answer which parameters are secret, and hides them in older versions.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._secrets = store.secrets()
        self._past: tuple[TargetId, tuple[PastChange, ...]] | None = None

    def take(self, answer: Answer) -> Snapshot:
        """Return an answer as a snapshot; stores the names of secret parameters that are new."""
        parts = split(answer.document, kind_of(answer.kind), listed_type=answer.type)
        new = secret_parameters(parts.catalogue) - self._secrets.names
        if new:
            self._store.add_secret_parameters(new)
            self._secrets = self._secrets.including(new)
        return self._secrets.take_snapshot(parts)

    def load(self, version_id: int) -> Snapshot:
        """Return a stored version's snapshot."""
        return self._store.snapshot(version_id)

    def read_document(self, snapshot: Snapshot) -> JsonObject:
        """Return a snapshot's document, with everything hidden that is now known to be secret."""
        return self._secrets.read_document(snapshot)

    def compare_with(self, version_id: int, snapshot: Snapshot, known: KnownTarget) -> Comparison:
        """Return what differs between a stored version and a snapshot of the same target."""
        return compare_snapshots(
            self._store.snapshot(version_id),
            snapshot,
            target=known.target,
            secrets=self._secrets,
            last_models=known.models,
        )

    def past_changes(self, target: TargetId) -> tuple[PastChange, ...]:
        """Return the findings of the target's own that runs have found, oldest first.

        They are read once for a target, however often they are asked for in turn.
        """
        if self._past is None or self._past[0] != target:
            self._past = target, self._store.past_changes(target)
        return self._past[1]
