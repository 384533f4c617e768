"""The part of the store that holds what people decide; see `ports.DecisionStore`."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.model import TargetId
from auditor.records import Acknowledgement, Approval, FindingOccurrence, KnownTarget, SuppressedBy
from auditor.store import decisions, findings, standing
from auditor.store.database import Database


class Deciding:
    """What `approve`, `acknowledge`, `explain` and `suppressed` read and write."""

    def __init__(self, there: Database) -> None:
        self._there = there

    def approve(self, approvals: Sequence[Approval]) -> None:
        """Make versions the baselines of their targets."""
        with self._there.writing() as connection:
            decisions.approve(connection, approvals)

    def approvals(self, target: TargetId) -> tuple[Approval, ...]:
        """Return a target's approvals, newest first."""
        with self._there.reading() as connection:
            return decisions.approvals(connection, target)

    def targets_without_baseline(self) -> tuple[KnownTarget, ...]:
        """Return every audited target that has a version and no baseline."""
        with self._there.reading() as connection:
            return standing.targets_without_baseline(connection)

    def acknowledge(self, one: Acknowledgement) -> None:
        """Store an acknowledgement; one of the same finding that still holds is ended."""
        with self._there.writing() as connection:
            decisions.acknowledge(connection, one)

    def all_acknowledgements(self) -> tuple[Acknowledgement, ...]:
        """Return every acknowledgement ever made, newest first."""
        with self._there.reading() as connection:
            return decisions.acknowledgements(connection)

    def finding_occurrences(self, finding_id: str) -> tuple[FindingOccurrence, ...]:
        """Return every run's finding whose id begins with `finding_id`, oldest first."""
        with self._there.reading() as connection:
            return findings.finding_occurrences(connection, finding_id)

    def suppressed(self, most: int) -> tuple[SuppressedBy, ...]:
        """Return what was stored and not told, by rule; of each rule the newest `most`."""
        with self._there.reading() as connection:
            return findings.suppressed(connection, most)
