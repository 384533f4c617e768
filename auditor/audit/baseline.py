"""What of a target still differs from the version that a person approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from auditor.audit.plan import RunContext
from auditor.audit.snapshots import Snapshots
from auditor.drift.acceptance import digest_change, digest_value
from auditor.drift.canonical import is_nothing
from auditor.drift.compare import Comparison, is_visual
from auditor.drift.layer_keys import LayerKeys, lasting_value
from auditor.drift.policy import RuledFindings
from auditor.drift.recurrence import open_since, paths_overlap, place_of
from auditor.model import (
    AgainstBaseline,
    Area,
    Finding,
    Interval,
    JsonObject,
    Kind,
    Owner,
    Since,
    Snapshot,
    TargetId,
)
from auditor.protocols import RunStore
from auditor.records import KnownTarget, accepted_value, value_of_finding
from auditor.results import BaselineDrift


@dataclass(frozen=True, slots=True)
class ReadSnapshot:
    """What was read of a target, and the keys of its layers, None where they are their places."""

    snapshot: Snapshot
    layers: LayerKeys | None


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What this run reports and suppresses as changes since the last version.

    `vendor_acts` are what it gives to the vendor.
    """

    findings: tuple[Finding, ...] = ()
    suppressed_by: tuple[str, ...] = ()
    vendor_acts: Collection[str] = ()


NO_CHANGES = RunChanges()
_COMPARED = (Owner.INTENT, Owner.DATASET)
_NOT_COMPARED = frozenset(
    {"dependencies.sampleCount", "dsp.expectedWindowCount", "dsp.features.generated"}
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An older version of a target that it is compared with, and what this run found of it.

    `vendor_acts` are what the run gives to the vendor.
    """

    target: TargetId
    version_id: int
    tonight: tuple[Finding, ...] = ()
    vendor_acts: Collection[str] = ()


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
        self, known: KnownTarget, baseline_id: int, read: ReadSnapshot, changes: RunChanges
    ) -> BaselineDrift:
        """Return how a snapshot differs from its baseline, less what the run reports anyway."""
        reference = Reference(known.target, baseline_id, changes.findings, changes.vendor_acts)
        comparison = self._snapshots.compare_with(
            baseline_id, read.snapshot, known, layers=read.layers
        )
        ruled = self._differences(comparison, reference)
        values = [value_of_finding(known.target, found) for found in ruled.reported]
        # A value that is folded tonight, as under another type, is still what was accepted.
        folded = {
            accepted_value(known.target, comparison.lasting_path(change), change.after)
            for change in comparison.changes
        }
        unaccepted = [
            found
            for found, value in zip(ruled.reported, values, strict=True)
            if value not in self._accepted
        ]
        # What is ignored is counted in every run, but only once with the run's own change.
        ignored = Counter(suppressed.rule for suppressed in ruled.suppressed)
        ignored -= Counter(changes.suppressed_by)
        return BaselineDrift(
            open=self._open(reference, unaccepted),
            unaccepted=tuple(unaccepted),
            acknowledged=len(ruled.reported) - len(unaccepted),
            suppressed_by=tuple(ignored.elements()),
            values=frozenset(folded.union(values)),
        )

    def _differences(self, comparison: Comparison, reference: Reference) -> RuledFindings:
        """Return what somebody changed since the baseline, and what is no longer folded there.

        What would be folded under a difference that does not count is one of its own, and so is
        an older difference under one that the run reports as its own change.
        """

        def is_left_out(found: Finding) -> bool:
            return not self.is_compared(found, reference, comparison.new)

        target, acts = reference.target, reference.vendor_acts
        judge = partial(self._context.judge, comparison, target, vendor_acts=acts)
        judged = judge().findings
        hides = partial(_hides_older, tonight=reference.tonight)
        if any(found.folded and (is_left_out(found) or hides(found)) for found in judged):
            others = {found.path for found in judged if is_left_out(found) or hides(found)}
            judged = judge(without=others).findings
        below = self._changed_below(judged, comparison, reference)
        own = [found for found in (*judged, *below) if not is_left_out(found)]
        return self._context.apply_rules(own, target, Interval(None, self._context.now()))

    def _changed_below(
        self, judged: Sequence[Finding], comparison: Comparison, reference: Reference
    ) -> Iterator[Finding]:
        """Yield what is folded under an accepted value and is not as it was accepted.

        To have it as findings of its own, the rest of what was accepted is left out.
        """
        digests = {change.path: digest_change(change, comparison) for change in comparison.changes}
        changed: set[str] = set()
        accepted: set[str] = set()
        for finding in judged:
            folded = self._accepted.get(value_of_finding(reference.target, finding))
            if folded is None:
                continue
            below = {
                path
                for path in finding.folded
                if path in digests and folded.get(digests[path][0]) != digests[path][1]
            }
            if below:
                changed |= below
                accepted |= {finding.path, *finding.folded} - below
        if changed:
            apart = self._context.judge(
                comparison, reference.target, without=accepted, vendor_acts=reference.vendor_acts
            )
            yield from (found for found in apart.findings if found.path in changed)

    def is_compared(self, finding: Finding, reference: Reference, document: JsonObject) -> bool:
        """Return whether a difference is one in what people set and devices depend on.

        A generated script follows its block's settings, which are compared themselves. A key that
        the vendor brought, known to the auditor or not, counts once a person changed it.
        """
        if finding.area is Area.SCRIPT and is_visual(document):
            return False
        is_anybodys = finding.area is Area.UNKNOWN
        if (not is_anybodys and finding.owner not in _COMPARED) or finding.path in _NOT_COMPARED:
            return False
        comes_or_goes = (
            finding.kind in (Kind.ADDED, Kind.REMOVED)
            or is_nothing(finding.before)
            or is_nothing(finding.after)
        )
        if not is_anybodys and not comes_or_goes:
            return True  # no value that a person can set is the vendor's
        return not self._is_as_the_vendor_left_it(finding, reference)

    def _is_as_the_vendor_left_it(self, finding: Finding, reference: Reference) -> bool:
        """Return whether the vendor brought what is at a path, and nobody changed it since."""
        if not any(paths_overlap(finding.path, path) for path in self._vendor_paths):
            return False
        since = self._snapshots.seen_at(reference.version_id)
        own = (
            change
            for change in self._snapshots.past_changes(reference.target)
            if change.since is Since.LAST
            and change.at > since
            and paths_overlap(finding.path, change.path)
        )
        first = next(own, None)
        if first is None:
            return not any(paths_overlap(finding.path, each.path) for each in reference.tonight)
        if first.path != finding.path:
            return False
        before = self._snapshots.value_before(first.id)
        return digest_value(before) == digest_value(finding.after)

    def _open(self, reference: Reference, differences: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return the differences as such, those left out that are changes of this run."""
        target, changes = reference.target, reference.tonight
        before = replace(reference, tonight=())
        made_now = Counter(map(name_act, changes))
        older = []
        for finding in differences:
            if made_now[name_act(finding)]:
                made_now[name_act(finding)] -= 1
            elif not (
                _is_brought(finding, changes) or self._is_as_the_vendor_left_it(finding, before)
            ):
                older.append(finding)
        if not older:
            return ()
        past = self._snapshots.past_changes(target)
        foldings = self._snapshots.past_foldings(target)
        now = self._context.now()
        tonight = [place_of(change) for change in changes]
        return tuple(
            replace(
                finding,
                since=Since.BASELINE,
                expected="",
                open_since=now
                if any(paths_overlap(place, place_of(finding)) for place in tonight)
                else open_since(finding, target, past, foldings, at=now),
            )
            for finding in older
        )


def _hides_older(difference: Finding, *, tonight: Sequence[Finding]) -> bool:
    """Return whether a difference that this run reports folds what the run's change does not."""
    same = any(name_act(change) == name_act(difference) for change in tonight)
    return same and not _reports_folded(difference, tonight)


def _reports_folded(difference: Finding, tonight: Sequence[Finding]) -> bool:
    """Return whether changes of this run report all that a difference folds."""
    reported = {path for change in tonight for path in (change.path, *change.folded)}
    return reported.issuperset(difference.folded)


def _is_brought(difference: Finding, tonight: Sequence[Finding]) -> bool:
    """Return whether changes of this run brought what differs, and all that it folds."""
    is_brought = any(_brings(change, difference.path) for change in tonight)
    return is_brought and _reports_folded(difference, tonight)


def _brings(change: Finding, path: str) -> bool:
    """Return whether a change of this run brought what is at a path: its value, or a part of it.

    What is removed or moved brings nothing to the path that it names, and several fields of an
    object that changed as one bring nothing to its other fields.
    """
    if change.kind in (Kind.REMOVED, Kind.MOVED) or path in change.folded:
        return path in change.folded
    below = (f"{change.path}.", f"{change.path}[")
    is_of_some_fields = any(folded.startswith(below) for folded in change.folded)
    return path.startswith(below) and not is_of_some_fields


def compare_with_baseline(
    findings: Sequence[Finding], target: TargetId, drift: BaselineDrift | None
) -> tuple[Finding, ...]:
    """Return a run's changes with what each means against the baseline, if there is one."""
    if drift is None:
        return tuple(findings)
    open_values = {value_of_finding(target, each) for each in drift.unaccepted}

    def against(finding: Finding) -> AgainstBaseline:
        if value_of_finding(target, finding) in open_values:
            return AgainstBaseline.DIFFERS
        is_approved = finding.owner in _COMPARED and not any(
            paths_overlap(_compared_path(finding.path), _compared_path(path))
            for path in drift.paths
        )
        return AgainstBaseline.RESTORED if is_approved else AgainstBaseline.UNKNOWN

    return tuple(replace(finding, against_baseline=against(finding)) for finding in findings)


def _compared_path(path: str) -> str:
    """Return the path, of a layer that of all layers: its place is another one in each stack."""
    return "visualLayers" if path.startswith("visualLayers[") else path


def name_act(finding: Finding) -> str:
    """Return what a finding says was done, so that it is reported once.

    The position of a layer is left out: it changes when other layers are added or removed.
    """
    if finding.area is Area.LAYERS and finding.kind in (Kind.ADDED, Kind.REMOVED):
        return f"{finding.kind} {finding.before} {finding.after}"
    path = finding.lasting_path or finding.path
    return f"{path} {lasting_value(path, finding.after)}"
