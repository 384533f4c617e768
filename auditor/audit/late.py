"""Findings of earlier runs that nobody received: reported late, apart from what this run found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.audit.baseline import name_act
from auditor.audit.snapshots import Snapshots
from auditor.drift.findings import finding_id, judge_comparison
from auditor.drift.trainings import TRAINING_PATH
from auditor.model import Finding, Since, TargetId, VendorFinding
from auditor.protocols import RunStore
from auditor.records import KnownTarget, UnreportedFinding, accepted_value, value_of_finding
from auditor.report import LateFinding, LateVendorFinding, TargetReport

_AT_ONCE = 200  # targets


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFindings:
    """What a report says late: each target's own findings, and the vendor's changes."""

    own: Mapping[TargetId, tuple[LateFinding, ...]] = field(default_factory=dict)
    vendor: tuple[LateVendorFinding, ...] = ()

    def add_to(self, line: TargetReport) -> TargetReport:
        """Return the target with its late findings, less those that this run found as well.

        A difference from the baseline that one of them made is left out, so that no change is
        listed twice; the target's state stays.
        """
        own = self.own.get(line.target, ())
        if not own:
            return line
        found_now = {found.id for found in line.findings if found.since is Since.LAST}
        late = [each for each in own if each.finding.id not in found_now]
        acts = {name_act(each.finding) for each in late if each.holds}
        findings = tuple(
            found
            for found in line.findings
            if found.since is Since.LAST or name_act(found) not in acts
        )
        late.sort(key=lambda each: -each.finding.severity.rank)
        return replace(line, findings=findings, late=tuple(late))

    def split_vendor(
        self, vendor: Sequence[VendorFinding], checked: int
    ) -> tuple[tuple[VendorFinding, ...], tuple[LateVendorFinding, ...]]:
        """Return this run's findings of the vendor's and the late ones, both worst first.

        What a run that did not end found is part of the same change as what this one found at
        other targets: their numbers are added up, to at most those that were `checked`. What
        another run found stays late, unless it was undone in between.
        """
        of_crash = {each.finding.id: each.finding for each in self.vendor if not each.run_ended}
        found_now = tuple(
            replace(found, targets=min(found.targets + of_crash[found.id].targets, checked))
            if found.id in of_crash
            else found
            for found in vendor
        )
        ids = {found.id for found in vendor}
        runs = {each.finding.id: each.run_id for each in self.vendor}
        late = [
            each
            for each in self.vendor
            if each.finding.id not in ids
            or (each.run_ended and runs.get(_undone_id(each.finding), 0) < each.run_id)
        ]
        late.sort(key=lambda each: -each.finding.severity.rank)
        return found_now, tuple(late)


def _undone_id(finding: VendorFinding) -> str:
    return finding_id(None, finding.path, finding.after, finding.before)


def judge_late(
    carried: Sequence[UnreportedFinding], targets: Container[TargetId], store: RunStore
) -> LateFindings:
    """Return the unreported findings of `targets` and the vendor's, and which of them hold."""
    own: dict[TargetId, list[tuple[UnreportedFinding, Finding]]] = defaultdict(list)
    vendor: list[LateVendorFinding] = []
    for unreported in carried:
        match unreported.finding:
            case Finding() as finding if unreported.target in targets and unreported.target:
                own[unreported.target].append((unreported, finding))
            case VendorFinding() as finding:
                vendor.append(
                    LateVendorFinding(
                        finding=finding,
                        run_id=unreported.run_id,
                        found_at=unreported.found_at,
                        run_ended=unreported.run_ended,
                    )
                )
            case Finding():
                pass
    judge = _LateJudge(store)
    known = known_targets(list(own), store)
    return LateFindings(
        own={each.target: tuple(judge.judge(each, own[each.target])) for each in known},
        vendor=tuple(vendor),
    )


def known_targets(targets: Sequence[TargetId], store: RunStore) -> Iterator[KnownTarget]:
    """Yield what the store knows of targets, however many they are."""
    for start in range(0, len(targets), _AT_ONCE):
        yield from store.known_targets(targets[start : start + _AT_ONCE]).values()


class _LateJudge:
    """Says of late findings whether they hold: the newest version is compared with an older one.

    That is the version which the finding was compared with, as where a person acknowledges it.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._snapshots = Snapshots(store)

    def judge(
        self, known: KnownTarget, found: Sequence[tuple[UnreportedFinding, Finding]]
    ) -> Iterator[LateFinding]:
        runs = {unreported.run_id for unreported, _ in found}
        values = {run_id: self._values_since(run_id, known) for run_id in runs}
        for unreported, finding in found:
            yield LateFinding(
                finding=finding,
                run_id=unreported.run_id,
                found_at=unreported.found_at,
                holds=_holds(finding, known, values[unreported.run_id]),
            )

    def _values_since(self, run_id: int, known: KnownTarget) -> frozenset[object] | None:
        """Return what differs from the version before the run, None if no later run stored one."""
        newest = known.version_id
        if newest is None or known.version_run_id <= run_id:
            return None
        before = self._store.version_before(known.target, run_id)
        if before is None:
            return frozenset()
        comparison = self._snapshots.compare_with(
            before, self._snapshots.load(newest), known, layers=known.layers
        )
        judged = judge_comparison(comparison)
        # A finding may have been folded into another since then; its change is still there.
        changes = [
            accepted_value(known.target, comparison.lasting_path(change), change.after)
            for change in comparison.changes
        ]
        found = [
            value_of_finding(known.target, each) for each in (*judged.findings, *judged.suppressed)
        ]
        return frozenset((*changes, *found))


def _holds(finding: Finding, known: KnownTarget, values: frozenset[object] | None) -> bool:
    if finding.path == TRAINING_PATH:
        last = known.training.last if known.training else None
        return last is not None and last.metadata.created == finding.after
    if finding.path == "type":  # of a block that cannot be read, there is no version
        return finding.after == known.type
    return values is None or value_of_finding(known.target, finding) in values
