"""Finds the edit that the data of a block follows, in this run or an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from auditor.audit.inventory import Inventory
from auditor.drift.causes import (
    OLDEST_EDIT,
    cause_of_edit,
    cause_of_renaming,
    has_data,
    has_only_names,
    has_other_dimensions,
    has_other_sources,
    is_edit,
    is_renaming,
    lacks_features,
    newest_data,
    newest_edit,
)
from auditor.drift.compare import Comparison
from auditor.drift.followers import Cause
from auditor.drift.recurrence import PastChange
from auditor.model import BlockKindName, TargetId, TargetKind
from auditor.results import NewVersion, TargetResult


@dataclass(slots=True)
class Causes:
    """Knows what was edited in this run so far, and what earlier runs found.

    Attributes:
        inventory: the targets of the run, and their entries in the listing.
        is_settled: says whether this run has the result of a target.
        past_changes: returns what earlier runs found of a target.
    """

    inventory: Inventory = field(default_factory=Inventory)
    is_settled: Callable[[TargetId], bool] = lambda _target: False
    past_changes: Callable[[TargetId], tuple[PastChange, ...]] = lambda _target: ()
    _edited: set[TargetId] = field(default_factory=set)
    _renamed: set[TargetId] = field(default_factory=set)
    _followed: dict[TargetId, int] = field(default_factory=dict)
    _newest_edits: dict[TargetId, datetime | None] = field(default_factory=dict)

    def add(self, result: TargetResult) -> None:
        """Take the final result of a target."""
        if not isinstance(result, NewVersion) or result.first:
            return
        every = (*result.findings, *(found.finding for found in result.suppressed))
        if any(map(is_edit, every)):
            self._edited.add(result.target)
        if any(map(is_renaming, every)):
            self._renamed.add(result.target)
        for finding in result.findings:
            if finding.follows is not None:
                self._followed[result.target] = finding.follows

    def must_wait(self, comparison: Comparison) -> bool:
        """Return whether a block's data changed and blocks before it have no result yet."""
        target = comparison.target
        if target is None or not has_data(comparison.changes):
            return False
        return any(
            self.inventory.contains(source) and not self.is_settled(source)
            for source in self._before(target)
        )

    def find(self, comparison: Comparison, at: datetime) -> Cause | None:
        """Return the edit that a block's changes of data follow, None where none is known."""
        target = comparison.target
        if target is None or not has_data(comparison.changes):
            return None
        if has_other_sources(comparison.changes):  # an edit of the block itself
            return None
        before = tuple(self._before(target))
        if has_only_names(comparison.changes):
            for source in before:
                if source in self._renamed:
                    return cause_of_renaming(source.learn_id, self._name(source))
        return self._of_this_run(target, before) or self._earlier(comparison, target, before, at)

    def _of_this_run(self, target: TargetId, before: tuple[TargetId, ...]) -> Cause | None:
        """Return the nearest edit of this run, else what a block before it follows."""
        for source in before:
            if source in self._edited:
                return self._cause(source, target, is_past=False)
        for source in before:
            if source in self._followed:
                followed = TargetId(target.project_id, self._followed[source])
                return self._cause(followed, target, is_past=followed not in self._edited)
        return None

    def _earlier(
        self,
        comparison: Comparison,
        target: TargetId,
        before: tuple[TargetId, ...],
        at: datetime,
    ) -> Cause | None:
        """Return the newest edit of an earlier run that nothing followed so far."""
        is_generated = lacks_features(comparison.old) and not lacks_features(comparison.new)
        if not is_generated and not has_other_dimensions(comparison.changes):
            return None
        own = (target,) if is_generated or self._is_learn(target) else ()
        edits = [(self._newest_edit(source), source) for source in (*own, *before)]
        known = [(edited_at, source) for edited_at, source in edits if edited_at is not None]
        if not known:
            return None
        edited_at, source = max(known, key=lambda edit: edit[0])
        moved_at = newest_data(self.past_changes(target))
        is_over = moved_at is not None and moved_at >= edited_at
        if is_over or at - edited_at > OLDEST_EDIT:
            return None
        return self._cause(source, target, is_past=True)

    def _newest_edit(self, target: TargetId) -> datetime | None:
        if target not in self._newest_edits:
            self._newest_edits[target] = newest_edit(self.past_changes(target))
        return self._newest_edits[target]

    def _before(self, target: TargetId) -> Iterator[TargetId]:
        """Yield the input and processing blocks whose data a block takes, the nearest first."""
        near, seen = [target], {target}
        while near:
            further = []
            for block in near:
                for source_id in self.inventory.place_of(block).sources:
                    source = TargetId(target.project_id, source_id)
                    if source not in seen and self._gives_data(source):
                        seen.add(source)
                        further.append(source)
            yield from further
            near = further

    def _is_learn(self, target: TargetId) -> bool:
        listed = self.inventory.find(target)
        return listed is not None and listed.kind.target_kind is TargetKind.LEARN

    def _gives_data(self, target: TargetId) -> bool:
        listed = self.inventory.find(target)
        kinds = (BlockKindName.INPUT, BlockKindName.PROCESSING)
        return listed is not None and listed.kind in kinds

    def _cause(self, source: TargetId, target: TargetId, *, is_past: bool) -> Cause:
        name = self._name(source)
        return cause_of_edit(source.learn_id, name, is_own=source == target, is_past=is_past)

    def _name(self, source: TargetId) -> str:
        listed = self.inventory.find(source)
        return listed.name if listed else ""
