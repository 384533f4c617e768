"""A run as a reader gets it: the report and its parts, as frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from auditor.context import Training
from auditor.impulses import NO_PLACE, ImpulsePlace
from auditor.model import (
    EVERY_PROJECT,
    BlockKindName,
    Failure,
    Finding,
    Interval,
    ModelEvent,
    ModelState,
    NoticeKind,
    OpenCondition,
    ProjectError,
    RunInfo,
    RunStatus,
    Severity,
    Starter,
    TargetId,
    TargetState,
    VendorFinding,
    require_utc,
)

MOST_LISTED = 5000
"""A report of at most so many targets lists all of them; of more it lists what has news."""
MOST_ALIKE = 1000
"""How many new targets, and how many that could not be read, such a report lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many targets of a project a report counts and does not list.

    Attributes:
        project: as `TargetReport.project`.
        in_sync, new, unknown, unsupported: by their state; there are none of other states.
        passing: those of the unknown ones whose failure may pass.
        projects: how many projects these are the targets of, where `project_id` is that of
            every project.
    """

    project_id: int
    project: str
    in_sync: int = 0
    new: int = 0
    unknown: int = 0
    unsupported: int = 0
    passing: int = 0
    projects: int = 1

    @property
    def targets(self) -> int:
        """Return how many there are."""
        return self.in_sync + self.new + self.unknown + self.unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFinding:
    """A finding of an earlier run that nobody received with that run's report.

    Attributes:
        run_id: the run that found it.
        found_at: the start of that run.
        holds: whether the value is still what the finding says.
    """

    finding: Finding
    run_id: int
    found_at: datetime
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LateVendorFinding:
    """The same, for a change by the vendor; `run_ended` is whether that run came to its end."""

    finding: VendorFinding
    run_id: int
    found_at: datetime
    run_ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a run counted. `targets` includes `unsupported`; `checked` counts what was read."""

    targets: int = 0
    checked: int = 0
    new: int = 0
    in_sync: int = 0
    drifted: int = 0
    missing: int = 0
    unknown: int = 0
    unsupported: int = 0
    findings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerExcerpt:
    """Parts of a block's old and new answer, needed to draw its findings and to restore.

    Attributes:
        before: JSON object of the old answer's fields that contain findings, secrets hidden.
        after: JSON object of the new answer's lists and objects of these fields, its layers and
            the suggested values of its thresholds.
        findings: the ids of the findings that need it.
        impulse_id: the first impulse that listed the block; None where none was listed.
    """

    before: bytes
    after: bytes
    findings: tuple[str, ...]
    impulse_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What a run says of one target.

    Attributes:
        project: the name of the project in reports, empty if it is not known.
        late: findings of earlier runs that are reported only now; they change nothing else here.
        model_event: what happened to the model since the last check, None if nothing did.
        model_since: the polls before and after the model's last event, if the model is stale or
            the event is new.
        suppressed: the number of changes that were stored and not reported.
        acknowledged: the number of differences from the baseline that a person accepted.
        error: why it could not be read (`unknown` only).
        last_good_at: the last check before this run that read it, None if there was none.
        is_news: True if `missing` or `unsupported` is new in this run.
        excerpt: the parts of the answers that this run's findings need.
        signs: one of `drift.report.STATE_SIGNS` for each run, this run last; only of what drifted.
        place: where in which impulses it is.
        training: the last training that is known of it.
        is_trained_now: this run found that training.
        training_before: the one before, of one that this run found.
        proving_job: the job that trained it since the last run, where its result cannot be read
            yet; None without one.
    """

    target: TargetId
    kind: BlockKindName
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    findings: tuple[Finding, ...] = ()
    late: tuple[LateFinding, ...] = ()
    model_event: ModelEvent | None = None
    model_since: Interval | None = None
    suppressed: int = 0
    acknowledged: int = 0
    error: Failure | None = None
    last_good_at: datetime | None = None
    is_news: bool = False
    excerpt: AnswerExcerpt | None = None
    signs: str = ""
    place: ImpulsePlace = NO_PLACE
    training: Training | None = None
    is_trained_now: bool = False
    training_before: Training | None = None
    proving_job: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something reported once that is not a change of a block.

    Attributes:
        target: the only block that it is about, None where there is none or there are several.
        project_id: the only project that it is about; a target has its own.
        number: how many blocks it is about.
        run_id: the earlier run that had it to say and reached nobody, None where it is this one.
        found_at: the start of that run.
        holds: whether it still is so, None where that cannot be said.
        fingerprints: of the stored notices of earlier runs that it stands for.
    """

    kind: NoticeKind
    text: str
    severity: Severity = Severity.INFO
    target: TargetId | None = None
    project_id: int | None = None
    number: int = 1
    run_id: int | None = None
    found_at: datetime | None = None
    holds: bool | None = None
    fingerprints: tuple[str, ...] = ()

    @property
    def is_late(self) -> bool:
        """Return whether it is of an earlier run."""
        return self.run_id is not None

    def ids(self) -> tuple[str, ...]:
        """Return the fingerprints of the stored notices that it is."""
        if self.is_late:
            return self.fingerprints
        whose = self.target or self.project_id or ""
        text = f"{self.kind} {whose} {self.text}"  # a name may hold half a surrogate pair
        return (hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a report says of the runs since a reader's last digest, this run included.

    Attributes:
        after: the run that the reader's last digest was of; 0 where everything is new to it.
        since: the end of that run, None without one.
        runs: how many runs there were, by how they ended.
        changes: how many findings they had.
        approved, acknowledged, taken_back: how many decisions of each kind people took.
        came_to: blocks where the changes did not come to as many findings: how many changes there
            were, and how many findings are left; None where what is left is not reported.
    """

    after: int
    since: datetime | None
    runs: Mapping[RunStatus, int]
    changes: int
    approved: int = 0
    acknowledged: int = 0
    taken_back: int = 0
    came_to: tuple[tuple[TargetId, int, int | None], ...] = ()

    def __post_init__(self) -> None:
        require_utc(self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of a run.

    Attributes:
        targets: the targets of the run, by project and learn id: all of them, or in a large
            fleet those of which there is more to say than a number.
        left_out: how many targets each project has beside those, by project.
        head_hash: the run's link in the hash chain, empty in a dry run.
        next_run_at: when the service runs next, None where no service was seen.
        starter: what starts the next run, None in reports from before this was stored.
        late_catalogue: the vendor's changes of earlier runs that are reported only now.
        notices: what is reported once besides the changes, worst first.
        suppressed_by: how many changes each rule suppressed.
        fetch_counts: blocks by result: `answer`, `same`, or the kind of failure.
        broken_rules: target, rule and path of what is broken when this run ends.
        open: the open conditions of its targets when this run ends, worst first.
    """

    run: RunInfo
    totals: Totals
    targets: tuple[TargetReport, ...]
    left_out: tuple[LeftOut, ...] = ()
    catalogue: tuple[VendorFinding, ...] = ()
    late_catalogue: tuple[LateVendorFinding, ...] = ()
    errors: tuple[ProjectError, ...] = ()
    head_hash: str = ""
    previous_run_id: int | None = None
    next_run_at: datetime | None = None
    starter: Starter | None = None
    schedule: str = ""
    notes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    suppressed_by: tuple[tuple[str, int], ...] = ()
    broken_rules: tuple[tuple[TargetId, str, str], ...] = ()
    fetch_counts: tuple[tuple[str, int], ...] = ()
    is_whole: bool = True  # nobody narrowed the run to some targets
    digest: Digest | None = None  # it is of all runs since the last digest; never stored
    open: tuple[OpenCondition, ...] = ()

    def projects(self) -> frozenset[int]:
        """Return the projects of all its targets, as far as it names them."""
        listed = {target.target.project_id for target in self.targets}
        return frozenset(listed | {each.project_id for each in self.left_out})

    def count_projects(self) -> int:
        """Return how many projects its targets are of."""
        merged = (each for each in self.left_out if each.project_id == EVERY_PROJECT)
        return next((each.projects for each in merged), len(self.projects()))

    def count_left_out(self, state: TargetState) -> int:
        """Return how many targets in a state it counts and does not list."""
        match state:
            case TargetState.IN_SYNC:
                return sum(each.in_sync for each in self.left_out)
            case TargetState.NEW:
                return sum(each.new for each in self.left_out)
            case TargetState.UNKNOWN:
                return sum(each.unknown for each in self.left_out)
            case TargetState.UNSUPPORTED:
                return sum(each.unsupported for each in self.left_out)
            case TargetState.DRIFTED | TargetState.MISSING:
                return 0
