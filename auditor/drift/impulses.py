"""The blocks of an impulse, in the order of the data, and impulses that are others than before.

An impulse is another one where at least half of its blocks are new, gone or of another type in
one run: somebody made it anew, or took a result of the EON Tuner. That is one act.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.impulses import Impulse
from auditor.model import (
    Area,
    BlockKindName,
    Finding,
    Kind,
    Severity,
    Since,
    TargetId,
    TargetKind,
    TargetState,
)
from auditor.report import Report, TargetReport

TUNER = "tuner"
_ORDER = (
    TargetKind.INPUT,
    TargetKind.PROCESSING,
    TargetKind.LEARN,
    TargetKind.POST_PROCESSING,
)
_FEWEST = 2  # blocks that changed: one is no more than itself


def order_of_data(kind: BlockKindName) -> int:
    """Return the place of a kind of block in its impulse, from 0: data goes that way."""
    return _ORDER.index(kind.target_kind)


def place_in_data(target: TargetReport) -> tuple[int, int, int, int]:
    """Return what puts blocks in order: by project, impulse, the way of the data, and id."""
    project_id, block_id = target.target
    impulses = target.place.impulses
    impulse_id = impulses[0].id if impulses else 0
    return project_id, impulse_id, order_of_data(target.kind), block_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedImpulse:
    """An impulse of which at least half is other than before.

    Attributes:
        before: the impulse that it took the place of, None where that is the same one.
        new, missing, replaced: its blocks that are, in the order of the data.
        number: of all its blocks, before and now.
    """

    impulse: Impulse
    new: tuple[TargetReport, ...] = ()
    missing: tuple[TargetReport, ...] = ()
    replaced: tuple[TargetReport, ...] = ()
    number: int = 0
    before: Impulse | None = None

    @property
    def project(self) -> TargetReport:
        """Return one of its blocks, which names the project."""
        return self.blocks[0]

    @property
    def blocks(self) -> tuple[TargetReport, ...]:
        """Return all blocks that changed."""
        return (*self.missing, *self.replaced, *self.new)

    @property
    def is_only_new(self) -> bool:
        """Return whether nothing that was there before is gone."""
        return not self.missing and not self.replaced

    @property
    def is_tuned(self) -> bool:
        """Return whether a result of the EON Tuner was taken."""
        return any(target.place.made_by == TUNER for target in (*self.new, *self.replaced))

    @property
    def severity(self) -> Severity | None:
        """Return how much it matters, None where it is only new."""
        worst = [found.severity for target in self.replaced for found in target.findings]
        if self.missing:
            worst.append(Severity.HIGH)
        return max(worst, key=lambda severity: severity.rank, default=None)


def find_replaced(report: Report) -> tuple[ReplacedImpulse, ...]:
    """Return the impulses that a run found to be others than before, by project and id.

    A project that is seen for the first time has none. A digest has none either: what came and
    went over a week are several acts.
    """
    if report.digest is not None:
        return ()
    by_project: dict[int, list[TargetReport]] = {}
    for target in report.targets:
        if target.place.impulses:
            by_project.setdefault(target.target.project_id, []).append(target)
    found: list[ReplacedImpulse] = []
    for targets in by_project.values():
        if any(map(is_changed, targets)) and not all(map(_is_new, targets)):
            found += _merge_recreated(list(_replaced_in(targets)))
    return tuple(found)


def is_replacement_of(finding: Finding) -> bool:
    """Return whether a finding says that another block has the id now."""
    is_now = finding.since is Since.LAST and finding.kind is Kind.REPLACED
    return is_now and finding.area is Area.IDENTITY


def _replaced_in(targets: Iterable[TargetReport]) -> Iterator[ReplacedImpulse]:
    by_impulse: dict[int, list[TargetReport]] = {}
    names: dict[int, str] = {}
    for target in sorted(targets, key=place_in_data):
        if target.state is not TargetState.MISSING or target.is_news:
            for impulse in target.place.impulses:
                by_impulse.setdefault(impulse.id, []).append(target)
                if impulse.id not in names or not _is_gone(target):
                    names[impulse.id] = impulse.name
    seen: set[TargetId] = set()
    for impulse_id, blocks in sorted(by_impulse.items()):
        changed = [block for block in blocks if is_changed(block)]
        apart = [block for block in changed if block.target not in seen]
        if len(apart) >= _FEWEST and 2 * len(changed) >= len(blocks):
            seen.update(block.target for block in apart)
            yield ReplacedImpulse(
                impulse=Impulse(impulse_id, names[impulse_id]),
                new=tuple(filter(_is_new, apart)),
                missing=tuple(filter(_is_gone, apart)),
                replaced=tuple(filter(_is_other, apart)),
                number=len(blocks),
            )


def _merge_recreated(found: list[ReplacedImpulse]) -> list[ReplacedImpulse]:
    """Return the impulses, one that is gone as a whole merged with one that came for it."""
    lost_impulses = [each for each in found if len(each.missing) == each.number]
    new_impulses = [each for each in found if len(each.new) == each.number]
    successors: Mapping[Impulse, ReplacedImpulse] = {
        new.impulse: old for old, new in zip(lost_impulses, new_impulses, strict=False)
    }
    merged = []
    for each in found:
        if (old := successors.get(each.impulse)) is not None:
            merged.append(
                replace(
                    each, missing=old.missing, number=each.number + old.number, before=old.impulse
                )
            )
        elif each not in successors.values():
            merged.append(each)
    return merged


def is_changed(target: TargetReport) -> bool:
    """Return whether a block is new, gone or of another type in this run."""
    return _is_new(target) or _is_gone(target) or _is_other(target)


def _is_new(target: TargetReport) -> bool:
    return target.state is TargetState.NEW


def _is_gone(target: TargetReport) -> bool:
    return target.state is TargetState.MISSING and target.is_news


def _is_other(target: TargetReport) -> bool:
    return any(map(is_replacement_of, target.findings))
