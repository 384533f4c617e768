"""What of a target still differs from the version that a person approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from auditor.audit.plan import RunContext
from auditor.audit.snapshots import Snapshots
from auditor.drift.acceptance import digest_value
from auditor.drift.compare import Comparison, is_visual
from auditor.drift.policy import RuledFindings
from auditor.drift.recurrence import open_since, paths_overlap
from auditor.model import Area, Finding, Interval, JsonObject, Kind, Since, Snapshot, TargetId
from auditor.protocols import RunStore
from auditor.records import BaselineDrift, KnownTarget, accepted_value


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What this run reports and suppresses as changes since the last version.

    `vendor_acts` are what it gives to the vendor.
    """

    findings: tuple[Finding, ...] = ()
    suppressed_by: tuple[str, ...] = ()
    vendor_acts: Collection[str] = ()


NO_CHANGES = RunChanges()


class Baselines:
    """Compares snapshots with their baselines, for one run."""

    def __init__(self, store: RunStore, snapshots: Snapshots, context: RunContext) -> None:
        self._snapshots = snapshots
        self._context = context
        self._accepted = {
            acknowledgement.accepts: acknowledgement.folded
            for acknowledgement in store.acknowledgements()
            if acknowledgement.until is None or context.today <= acknowledgement.until
        }
        self._vendor_paths = store.vendor_paths()

    def drift(
        self, known: KnownTarget, baseline_id: int, snapshot: Snapshot, changes: RunChanges
    ) -> BaselineDrift:
        """Return how a snapshot differs from its baseline, less what the run reports anyway."""
        ruled = self._differences(known, baseline_id, snapshot, changes.vendor_acts)
        values = [
            accepted_value(known.target, found.path, found.after) for found in ruled.reported
        ]
        unaccepted = [
            found
            for found, value in zip(ruled.reported, values, strict=True)
            if value not in self._accepted
        ]
        # What is ignored is counted in every run, but only once with the run's own change.
        ignored = Counter(suppressed.rule for suppressed in ruled.suppressed)
        ignored -= Counter(changes.suppressed_by)
        return BaselineDrift(
            open=self._open(known.target, unaccepted, changes.findings),
            unaccepted=tuple(unaccepted),
            acknowledged=len(ruled.reported) - len(unaccepted),
            suppressed_by=tuple(ignored.elements()),
            values=frozenset(values),
        )

    def _differences(
        self,
        known: KnownTarget,
        baseline_id: int,
        snapshot: Snapshot,
        vendor_acts: Collection[str],
    ) -> RuledFindings:
        """Return what somebody changed since the baseline; the vendor's changes are left out.

        What they would fold is a difference of its own.
        """
        comparison = self._snapshots.compare_with(baseline_id, snapshot, known)
        judge = partial(self._context.judge, comparison, known.target, vendor_acts=vendor_acts)

        def is_vendors(found: Finding) -> bool:
            return self.may_be_vendors(found, known.target, comparison.new)

        judged = judge().findings
        if any(found.folded and is_vendors(found) for found in judged):
            judged = judge(without={found.path for found in judged if is_vendors(found)}).findings
        below = self._changed_below(judged, comparison, known.target)
        own = [found for found in (*judged, *below) if not is_vendors(found)]
        return self._context.apply_rules(own, known.target, Interval(None, self._context.now()))

    def _changed_below(
        self, judged: Sequence[Finding], comparison: Comparison, target: TargetId
    ) -> Iterator[Finding]:
        """Yield what is folded under an accepted value and is not as it was accepted.

        To have it as findings of its own, the rest of what was accepted is left out.
        """
        values = {change.path: digest_value(change.after) for change in comparison.changes}
        changed: set[str] = set()
        accepted: set[str] = set()
        for finding in judged:
            folded = self._accepted.get(accepted_value(target, finding.path, finding.after))
            if folded is None:
                continue
            below = {path for path in finding.folded if folded.get(path) != values.get(path)}
            if below:
                changed |= below
                accepted |= {finding.path, *finding.folded} - below
        if changed:
            apart = self._context.judge(comparison, target, without=accepted)
            yield from (found for found in apart.findings if found.path in changed)

    def may_be_vendors(self, finding: Finding, target: TargetId, document: JsonObject) -> bool:
        """Return whether a difference may be a change that was reported as the vendor's.

        A generated script follows its block's settings, which are compared themselves. A field
        that the vendor added, and that the auditor knows by now, is the vendor's until somebody
        changes it.
        """
        if finding.area is Area.SCRIPT:
            return is_visual(document)
        if finding.area is Area.UNKNOWN:
            return finding.path in self._vendor_paths
        if not any(paths_overlap(finding.path, path) for path in self._vendor_paths):
            return False
        return not any(
            change.since is Since.LAST and paths_overlap(finding.path, change.path)
            for change in self._snapshots.past_changes(target)
        )

    def _open(
        self, target: TargetId, differences: Sequence[Finding], changes: Sequence[Finding]
    ) -> tuple[Finding, ...]:
        """Return the differences as such, those left out that are changes of this run."""
        made_now = Counter(map(name_act, changes))
        older = []
        for finding in differences:
            if made_now[name_act(finding)]:
                made_now[name_act(finding)] -= 1
            else:
                older.append(finding)
        past = self._snapshots.past_changes(target) if older else ()
        now = self._context.now()
        return tuple(
            replace(
                finding,
                since=Since.BASELINE,
                expected="",
                open_since=open_since(finding, past, at=now),
            )
            for finding in older
        )


def name_act(finding: Finding) -> str:
    """Return what a finding says was done, so that it is reported once.

    The position of a layer is left out: it changes when other layers are added or removed.
    """
    if finding.area is Area.LAYERS and finding.kind in (Kind.ADDED, Kind.REMOVED):
        return f"{finding.kind} {finding.before} {finding.after}"
    return f"{finding.path} {finding.after}"
