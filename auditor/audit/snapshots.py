"""The answers and the stored versions of a run's targets, with secrets hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import split
from auditor.drift.compare import Comparison, compare_snapshots
from auditor.drift.layer_keys import LayerKeys, LayerTrack, following_keys, keys_of
from auditor.drift.recurrence import PastChange, PastFolding
from auditor.drift.secrets import find_secrets
from auditor.errors import UsageError
from auditor.fetching import Answer
from auditor.model import Json, JsonObject, Snapshot, TargetId
from auditor.protocols import RunStore
from auditor.records import KnownTarget


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """A comparison with a target's last version, and the keys of the new layers."""

    comparison: Comparison
    layers: LayerKeys

    @property
    def stored_layers(self) -> LayerKeys | None:
        """Return the keys as they are stored: None where they are the layers' places."""
        return None if self.layers.are_places else self.layers


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
        new = find_secrets(parts) - self._secrets.names
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

    def compare_with_last(self, snapshot: Snapshot, known: KnownTarget) -> ComparedVersion:
        """Return what differs between a target's last version and a snapshot of it.

        Raises:
            UsageError: no version of it is stored.
        """
        if known.version_id is None:
            raise UsageError(f"no version of {known.target} is stored")
        comparison = self._compare(known.version_id, snapshot, known)
        before = keys_of(known.layers, comparison.old)
        layers = following_keys(known.layers, comparison.old, comparison.new, comparison.changes)
        track = LayerTrack(old=before, new=layers.keys)
        return ComparedVersion(replace(comparison, track=track), layers)

    def compare_with(
        self, version_id: int, snapshot: Snapshot, known: KnownTarget, *, layers: LayerKeys | None
    ) -> Comparison:
        """Return what differs between an older version and a snapshot of the same target.

        `layers` are the keys of the snapshot's layers, None where they are their places.
        """
        comparison = self._compare(version_id, snapshot, known)
        if not any(change.pattern.startswith("visualLayers") for change in comparison.changes):
            return comparison
        line = self._store.lines_of_versions([version_id])[version_id]
        track = LayerTrack(
            old=keys_of(line.layers, comparison.old), new=keys_of(layers, comparison.new)
        )
        return replace(comparison, track=track)

    def _compare(self, version_id: int, snapshot: Snapshot, known: KnownTarget) -> Comparison:
        return compare_snapshots(
            self._store.snapshot(version_id),
            snapshot,
            target=known.target,
            secrets=self._secrets,
            last_models=known.models,
        )

    def seen_at(self, version_id: int) -> datetime:
        """Return when a version was stored."""
        return self._store.lines_of_versions([version_id])[version_id].seen_at

    def value_before(self, finding_id: str) -> Json:
        """Return the value before a change that a run found."""
        return self._store.finding_occurrences(finding_id)[0].finding.before

    def past_foldings(self, target: TargetId) -> tuple[PastFolding, ...]:
        """Return what the newest findings of the target's own folded, oldest first."""
        return self._store.past_foldings(target)

    def past_changes(self, target: TargetId) -> tuple[PastChange, ...]:
        """Return the findings of the target's own that runs have found, oldest first.

        They are read once for a target, however often they are asked for in turn.
        """
        if self._past is None or self._past[0] != target:
            self._past = target, self._store.past_changes(target)
        return self._past[1]
