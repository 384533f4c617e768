"""The soak's own record: what happened, and what was reported of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from auditor.drift.trainings import TRAINING_PATH
from auditor.listings import TargetStatus
from auditor.model import Finding, NoticeKind, Since, TargetId, TargetState
from auditor.report import Report, TargetReport

Place: TypeAlias = tuple[TargetId, str]

RELEASED = "defaultBatchSize"  # the vendor raises it by 1 with each release

_FOLLOWERS = (
    "dependencies.sampleCount",
    TRAINING_PATH,
)  # folded where it is known what it follows
_FOLDED = object()

_KINDS = {TargetState.NEW: NoticeKind.BLOCK_NEW, TargetState.MISSING: NoticeKind.BLOCK_MISSING}
_NEWS = (
    NoticeKind.BLOCK_NEW,
    NoticeKind.BLOCK_MISSING,
    NoticeKind.BLOCK_BACK,
    NoticeKind.PROJECT_RENAMED,
)


@dataclass
class EditLedger:
    """Checks that every edit is reported once, from the value reported last to the next.

    Attributes:
        live: the values that the blocks have, by block and path.
        reported: the values that were reported last.
        late_edits: how many were reported late.
        errors: what was reported wrongly.
    """

    live: dict[Place, Any] = field(default_factory=dict)
    reported: dict[Place, Any] = field(default_factory=dict)
    edits: int = 0
    reported_edits: int = 0
    late_edits: int = 0
    errors: list[str] = field(default_factory=list)

    def edited(self, target: TargetId, path: str, before: object, after: object) -> None:
        """Take note of an edit."""
        self.edits += 1
        self.reported.setdefault((target, path), before)
        self.live[target, path] = after

    def read(self, report: Report) -> None:
        """Take note of a report that a reader got: what is late, then what is of its run."""
        for line in report.targets:
            self.late_edits += len(line.late)
            for late in sorted(line.late, key=lambda each: each.run_id):
                self._check_report(line, late.finding, report)
            for finding in line.findings:
                if finding.since is Since.LAST:
                    self._check_report(line, finding, report)

    def _check_report(self, line: TargetReport, finding: Finding, report: Report) -> None:
        self.reported_edits += 1
        place = (line.target, finding.path)
        where = f"run {report.run.id}, {line.target} {finding.path}"
        if place not in self.reported:
            self.errors.append(f"{where}: reported, but nobody edited it")
        elif self.reported[place] not in (finding.before, _FOLDED):
            self.errors.append(
                f"{where}: reported from {finding.before!r}, "
                f"last reported was {self.reported[place]!r}"
            )
        self.reported[place] = finding.after
        for path in finding.folded:
            if path in _FOLLOWERS:
                self.reported[line.target, path] = _FOLDED

    def unreported(self) -> list[str]:
        """Return what differs between the blocks and what was reported."""
        return [
            f"{target} {path}: is {value!r}, last reported was {self.reported[target, path]!r}"
            for (target, path), value in self.live.items()
            if self.reported[target, path] not in (value, _FOLDED)
        ]


class _Sight(NamedTuple):
    """What is stored of a block that is news when it changes."""

    was_read: bool
    is_missing: bool
    project: str


@dataclass
class NewsLedger:
    """Checks that what a run stored as news was reported once: as often as it happened.

    Attributes:
        happened: how many news of each kind runs stored.
        reported: how many a reader got, here by their run or late.
    """

    happened: Counter[NoticeKind] = field(default_factory=Counter)
    reported: Counter[NoticeKind] = field(default_factory=Counter)
    late: int = 0
    _sights: dict[TargetId, _Sight] = field(default_factory=dict)

    def stored(self, statuses: Sequence[TargetStatus]) -> None:
        """Take note of what is stored by now: call it after each run."""
        sights = {each.target: _sight(each) for each in statuses}
        before, self._sights = self._sights, sights
        self.happened.update(_changes(before, sights))
        self.happened[NoticeKind.PROJECT_RENAMED] += _count_renamed(before, sights)

    def read_blocks(self) -> set[TargetId]:
        """Return the blocks of which a version is stored: their next change is reported."""
        return {target for target, sight in self._sights.items() if sight.was_read}

    def read(self, report: Report) -> None:
        """Take note of a report that a reader got."""
        for line in report.targets:
            if line.state is TargetState.NEW or line.is_news:
                self.reported[_KINDS[line.state]] += 1
        for notice in report.notices:
            if notice.kind in _NEWS:
                self.reported[notice.kind] += notice.number
                self.late += notice.number if notice.is_late else 0

    def wrong(self) -> list[str]:
        """Return of which kinds more or less was reported than happened."""
        return [
            f"{kind}: happened {self.happened[kind]}, reported {self.reported[kind]}"
            for kind in _NEWS
            if self.happened[kind] != self.reported[kind]
        ]


def _sight(status: TargetStatus) -> _Sight:
    return _Sight(
        was_read=status.last_changed_at is not None,
        is_missing=status.state is TargetState.MISSING,
        project=status.project,
    )


def _changes(
    before: Mapping[TargetId, _Sight], after: Mapping[TargetId, _Sight]
) -> Iterator[NoticeKind]:
    for target, now in after.items():
        earlier = before.get(target)
        if now.was_read and not (earlier and earlier.was_read):
            yield NoticeKind.BLOCK_NEW
        if earlier is not None and earlier.is_missing != now.is_missing:
            yield NoticeKind.BLOCK_MISSING if now.is_missing else NoticeKind.BLOCK_BACK


def _count_renamed(before: Mapping[TargetId, _Sight], after: Mapping[TargetId, _Sight]) -> int:
    known, names = (
        {(t.project_id, s.project) for t, s in all_.items()} for all_ in (before, after)
    )
    projects = {project_id for project_id, _ in known}
    return sum(project_id in projects for project_id, _ in names - known)


@dataclass
class VendorLedger:
    """Checks that each release was reported, and of no block twice.

    A block that missed a release shows two steps at once, so steps times blocks are added up. A
    late report may count too few: of one change that two runs found, it has the newer number.

    Attributes:
        steps: of all blocks.
        reported_steps: of the blocks that reports counted.
    """

    steps: int = 0
    reported_steps: int = 0
    _unreported: set[int] = field(default_factory=set)

    def released(self, value: int, blocks: int) -> None:
        """Take note that the vendor raised the value of that many blocks by 1."""
        self.steps += blocks
        self._unreported.add(value)

    def read(self, report: Report) -> None:
        """Take note of a report that a reader got."""
        late = (each.finding for each in report.late_catalogue)
        for finding in (*report.catalogue, *late):
            before, after = finding.before, finding.after
            if finding.path == RELEASED and isinstance(before, int) and isinstance(after, int):
                self.reported_steps += (after - before) * finding.targets
                self._unreported -= set(range(before + 1, after + 1))

    def wrong(self) -> list[str]:
        """Return what was not reported, or for more blocks than there are."""
        missing = [f"{RELEASED} {value}: not reported" for value in sorted(self._unreported)]
        steps = f"{self.reported_steps} steps of {self.steps} reported"
        return [*missing, *([steps] if self.reported_steps > self.steps else [])]
