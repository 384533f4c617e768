"""The nouns of an audit as frozen values.

Times are aware and UTC. Documents are JSON *bytes*, parsed on demand: frozen is not deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

EVERY_PROJECT = 0
"""An id that no project has: in its place stands what concerns the list of projects itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectError:
    """A cause that keeps a whole project from being checked, told once.

    Attributes:
        project_id: `EVERY_PROJECT` where the projects themselves could not be listed.
    """

    project_id: int
    kind: str
    message: str


Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


def require_utc(*moments: datetime | None) -> None:
    """Raise `ValueError` where a moment is not aware and UTC."""
    for moment in moments:
        if moment is not None and moment.tzinfo is not UTC:
            raise ValueError(f"times are aware and UTC, not {moment!r}")


class TargetId(NamedTuple):
    """A learn block, as Studio knows it; written `PROJECT/LEARN`."""

    project_id: int
    learn_id: int

    def __str__(self) -> str:
        return f"{self.project_id}/{self.learn_id}"


class Severity(StrEnum):
    """How much a finding matters; `rank` orders them, worst highest."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return the place in the order from info (0) to critical (4)."""
        return tuple(Severity).index(self)


class Area(StrEnum):
    """Which part of a block a field belongs to."""

    TRAINED = "trained"
    LAYERS = "layers"
    THRESHOLDS = "thresholds"
    SCRIPT = "script"
    TRAINING = "training"
    DATA = "data"
    IDENTITY = "identity"
    CATALOGUE = "catalogue"
    INTERFACE = "interface"
    UNKNOWN = "unknown"


class Owner(StrEnum):
    """Whose act changes a field."""

    INTENT = "intent"
    TRAINING = "training"
    DATASET = "dataset"
    VENDOR = "vendor"
    INTERFACE = "interface"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What happened at a path."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    REPLACED = "replaced"


class Since(StrEnum):
    """The reference a finding is measured from."""

    LAST = "last"
    BASELINE = "baseline"


class TargetState(StrEnum):
    """What a run can say of a target."""

    NEW = "new"
    IN_SYNC = "in_sync"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    MISSING = "missing"
    UNSUPPORTED = "unsupported"


class ModelState(StrEnum):
    """Whether the trained model matches its configuration; `stale` is inferred from polls."""

    UNTRAINED = "untrained"
    STALE = "stale"
    TRAINED = "trained"
    UNKNOWN = "unknown"


class ModelEvent(StrEnum):
    """What happened to a model between two polls, inferred from them."""

    TRAINED = "trained"  # for the first time, or after a reset
    STALE = "stale"
    RETRAINED = "retrained"
    REVERTED = "reverted"  # the edits since the training were taken back
    RESET = "reset"


class Recurrence(StrEnum):
    """Whether a change has been there before."""

    FIRST = "first"
    REVERTED = "reverted"  # it undoes the last change at its path
    FLAPPING = "flapping"  # more reversals in a week than anybody means
    STILL_FLAPPING = "still_flapping"  # told as flapping before


class NoticeKind(StrEnum):
    """What a report says once that is no change of a block."""

    RULE_BROKEN = "rule_broken"
    RULE_HELD = "rule_held"
    RULE_ENDED = "rule_ended"  # no longer checked while it was broken
    IGNORE_EXPIRED = "ignore_expired"
    ACKNOWLEDGEMENT_ENDED = "acknowledgement_ended"
    LEFT_UNTOLD = "left_untold"  # no longer audited, and findings of it were told to nobody
    BLOCK_BACK = "block_back"  # read again after it was missing, or could not be read by its type
    LEFT_OUT = "left_out"  # audited until now, and left out by the configuration
    PROJECT_RENAMED = "project_renamed"
    READ_ANEW = "read_anew"  # what appears because the auditor was upgraded


class RunStatus(StrEnum):
    """How far a run came."""

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Trigger(StrEnum):
    """What started a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch-up"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Interval:
    """The two polls that bound something: after the one, at the latest at the other.

    `after` is None where nothing was seen before.
    """

    after: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        require_utc(self.after, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference at one path, before anyone judged it.

    Attributes:
        path: as the contract writes paths, e.g. `thresholds[min_score].value`.
        pattern: the field-table row it falls under, e.g. `thresholds[].value`.
        before: the literal old value, None where there was none.
        after: the literal new value, None where there is none.
    """

    path: str
    pattern: str
    kind: Kind
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A change, or several folded into one, that is told.

    Attributes:
        id: hash of target, path, before and after (16 hex digits).
        rule: what set the severity, e.g. `default:layers`.
        folded: the paths of the changes that are told by this finding, in document order.
        expected: why it was to be expected, where a declared window covers it.
        reversals: how often the value went to and fro in a week, this change included.
        stands_since: of a difference from the baseline, since when it is so.
    """

    id: str
    area: Area
    owner: Owner
    kind: Kind
    path: str
    before: Json
    after: Json
    severity: Severity
    headline: str
    rule: str
    since: Since = Since.LAST
    folded: tuple[str, ...] = ()
    expected: str = ""
    recurrence: Recurrence = Recurrence.FIRST
    reversals: int = 0
    stands_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFinding:
    """A change by the vendor, told once a run, with the number of targets that show it."""

    id: str
    area: Area
    kind: Kind
    path: str
    before: Json
    after: Json
    targets: int
    severity: Severity
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The vendor's list of models, split off an answer and stored once by its digest.

    `document` is a JSON array as sent, secrets hidden; `digest` the SHA-256 of its canonical
    bytes, 64 hex digits.
    """

    document: bytes
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A target's configuration as one run saw it, secrets hidden.

    Attributes:
        document: the answer as Studio sent it (JSON, ASCII), except that secrets are hidden and
            `transferLearningModels` is null: the catalogue stands apart.
        digest: SHA-256 of the canonical bytes of `document`, 64 hex digits.
        type: the block's type in Studio, empty where the answer does not state it.
    """

    document: bytes
    digest: str
    catalogue: Catalogue
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something could not be checked; `kind` is a `StudioError.kind`."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One pass over all targets; `id` is None where nothing was stored (a dry run)."""

    id: int | None
    status: RunStatus
    trigger: Trigger
    started_at: datetime
    finished_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(self.started_at, self.finished_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a run counted. `targets` leaves `unsupported` in, `checked` counts what was read."""

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
        after: JSON object of the new answer's layers and the suggested values of its thresholds.
        findings: the ids of the findings that need it.
    """

    before: bytes
    after: bytes
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What a run says of one target.

    Attributes:
        project: how reports call the project; empty where no name is known.
        step: what happened to the model since the last look, None where nothing did.
        model_since: the polls around the model's last step, if it is stale or the step tonight's.
        suppressed: changes that were stored and not told.
        acknowledged: differences from the baseline that a person accepted as they are.
        error: why it could not be read (`unknown` only).
        last_good_at: the check before this run that read it, None where there was none.
        went: True where `missing` or `unsupported` is news of this run.
        excerpt: the parts of the answers that this run's findings need.
        nights: a sign a night, this one last (`drift.report.SIGNS`); only of what drifted.
    """

    target: TargetId
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    findings: tuple[Finding, ...] = ()
    step: ModelEvent | None = None
    model_since: Interval | None = None
    suppressed: int = 0
    acknowledged: int = 0
    error: Failure | None = None
    last_good_at: datetime | None = None
    went: bool = False
    excerpt: AnswerExcerpt | None = None
    nights: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something told once that is no change of a block: of a rule, of what is audited."""

    kind: NoticeKind
    text: str
    severity: Severity = Severity.INFO
    target: TargetId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run told to a reader.

    Attributes:
        targets: all targets of the run, by project and learn id.
        head_hash: the run's link in the hash chain, empty in a dry run.
        next_run_at: when the schedule runs next, None outside the service.
        notices: what is told once beside the changes, worst first.
        suppressed_by: for each rule that kept changes from being told, how many.
        broken_rules: target, rule and path of what is broken as this run ends.
    """

    run: RunInfo
    totals: Totals
    targets: tuple[TargetReport, ...]
    catalogue: tuple[VendorFinding, ...] = ()
    errors: tuple[ProjectError, ...] = ()
    head_hash: str = ""
    previous_run_id: int | None = None
    next_run_at: datetime | None = None
    schedule: str = ""
    notes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    suppressed_by: tuple[tuple[str, int], ...] = ()
    broken_rules: tuple[tuple[TargetId, str, str], ...] = ()
    asked: tuple[tuple[str, int], ...] = ()  # blocks, by `answer`, `same` or kind of failure
    is_whole: bool = True  # nobody left targets out by hand
