"""The nouns of an audit as frozen values.

Times are aware and UTC. Documents are JSON *bytes*, parsed on demand, because a frozen dataclass
does not freeze what it contains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from auditor.context import Training
from auditor.impulses import NO_PLACE, ImpulsePlace

EVERY_PROJECT = 0
"""An id that no project has. It stands for the list of projects itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectError:
    """The reason why a whole project could not be checked, reported once.

    Attributes:
        project_id: `EVERY_PROJECT` if the projects could not be listed.
        may_pass: as `Failure.may_pass`.
    """

    project_id: int
    kind: str
    message: str
    may_pass: bool = field(default=False, compare=False)


Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


def require_utc(*moments: datetime | None) -> None:
    """Raise `ValueError` unless every time is aware and UTC."""
    for moment in moments:
        if moment is not None and moment.tzinfo is not UTC:
            raise ValueError(f"times are aware and UTC, not {moment!r}")


class TargetKind(StrEnum):
    """What a target is in its impulse."""

    LEARN = "learn"
    INPUT = "input"
    PROCESSING = "processing"
    POST_PROCESSING = "post_processing"


class BlockKindName(StrEnum):
    """How a block is read: the name of its row in `drift.block_kinds`."""

    KERAS = "keras"
    ANOMALY = "anomaly"
    VLM = "vlm"
    INPUT = "input"
    PROCESSING = "processing"
    POST_PROCESSING = "post_processing"

    @property
    def usual_type(self) -> str:
        """Return the type of most of its blocks, empty where their documents name it."""
        return self.value if self in (BlockKindName.ANOMALY, BlockKindName.VLM) else ""

    @property
    def target_kind(self) -> TargetKind:
        """Return what blocks of this kind are in their impulse."""
        match self:
            case BlockKindName.KERAS | BlockKindName.ANOMALY | BlockKindName.VLM:
                return TargetKind.LEARN
            case BlockKindName.INPUT:
                return TargetKind.INPUT
            case BlockKindName.PROCESSING:
                return TargetKind.PROCESSING
            case BlockKindName.POST_PROCESSING:
                return TargetKind.POST_PROCESSING


class TargetId(NamedTuple):
    """The ids of a block in Studio, written `PROJECT/BLOCK`; ids are unique in a project."""

    project_id: int
    learn_id: int

    def __str__(self) -> str:
        return f"{self.project_id}/{self.learn_id}"


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return the place in the order from info (0) to critical (4)."""
        return tuple(Severity).index(self)


class Starter(StrEnum):
    """What starts the next run: the service, a timer that called `auditor run`, or nobody."""

    SERVICE = "service"
    TIMER = "timer"
    NOBODY = "nobody"


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
    INPUT = "input"
    PROCESSING = "processing"


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
    NONE = "none"  # blocks of this kind have no model


class ModelEvent(StrEnum):
    """What happened to a model between two polls, inferred from them."""

    TRAINED = "trained"  # for the first time, or after a reset
    STALE = "stale"
    RETRAINED = "retrained"
    REVERTED = "reverted"  # the edits since the training were undone
    RESET = "reset"


class Recurrence(StrEnum):
    """Whether a change was seen before."""

    FIRST = "first"
    REVERTED = "reverted"  # it undoes the last change at its path
    FLAPPING = "flapping"  # back and forth, more often in a week than is done on purpose
    STILL_FLAPPING = "still_flapping"  # already reported as such


class AgainstBaseline(StrEnum):
    """What a change of a block means against the version that a person approved."""

    UNKNOWN = ""  # there is no baseline, or it says nothing of the value
    DIFFERS = "differs"
    RESTORED = "restored"  # the value is as it was approved


class NoticeKind(StrEnum):
    """What a report says once that is not a change of a block."""

    RULE_BROKEN = "rule_broken"
    RULE_RESTORED = "rule_held"
    RULE_ENDED = "rule_ended"  # no longer checked, and broken until then
    IGNORE_EXPIRED = "ignore_expired"
    ACKNOWLEDGEMENT_ENDED = "acknowledgement_ended"
    LEFT_UNREPORTED = "left_untold"  # no longer audited, and some findings were never reported
    BLOCK_BACK = "block_back"  # read again after it was missing or of a type that cannot be read
    LEFT_OUT = "left_out"  # audited until now, excluded by the configuration
    PROJECT_RENAMED = "project_renamed"
    READ_AGAIN = "read_anew"  # differences that appear because the auditor was upgraded
    MATCHES_NOTHING = "matches_nothing"  # a rule, window, subscription or filter
    CONTEXT_UNREAD = "context_unread"  # what stands beside the configuration, not needed
    BLOCK_NEW = "new"  # the following are in a report only where an earlier one was not received
    BLOCK_MISSING = "missing"
    BLOCK_UNSUPPORTED = "unsupported"


class ConditionKind(StrEnum):
    """Which bad state of a block lasts."""

    TRAINING_LOST = "training_lost"
    STALE = "stale"
    RULE_BROKEN = "rule_broken"
    MISSING = "missing"
    OFF_BASELINE = "off_baseline"
    SIBLING_DIFFERS = "sibling_differs"
    DEPLOYMENT_BEHIND = "deployment_behind"
    FEATURES_MISSING = "features_missing"


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
    """The two polls between which something happened.

    `after` is None if there was no poll before.
    """

    after: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        require_utc(self.after, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference at one path, not yet judged.

    Attributes:
        path: as the contract writes paths, e.g. `thresholds[min_score].value`.
        pattern: the field-table row it falls under, e.g. `thresholds[].value`.
        before: the literal old value, None if there was none.
        after: the literal new value, None if there is none.
    """

    path: str
    pattern: str
    kind: Kind
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A change, or several changes folded into one, to be reported.

    Attributes:
        id: hash of target, path, before and after (16 hex digits).
        rule: what set the severity, e.g. `default:layers`.
        folded: the paths of the changes that this finding reports too, in document order.
        expected: the reason of the window that covers it, empty without one.
        reversals: how often the value was changed back within a week, this change included.
        open_since: of a difference from the baseline: since when it exists.
        lasting_path: of a layer, the path by its key (`drift.layer_keys`), empty where it equals
            the path.
        against_baseline: only what differs from the baseline can be acknowledged, and what is as
            it was approved need not be restored.
        follows: the id of the block whose edit changed this one's data, None where none did.
        nameless_headline: without the person that the headline names, empty where it names none.
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
    open_since: datetime | None = None
    lasting_path: str = ""
    against_baseline: AgainstBaseline = AgainstBaseline.UNKNOWN
    follows: int | None = None
    nameless_headline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFinding:
    """A change by the vendor, reported once a run, with the number of targets that show it."""

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
            `transferLearningModels` is null: the catalogue is kept separately.
        digest: SHA-256 of the canonical bytes of `document`, 64 hex digits.
        type: the block's type in Studio, empty if neither answer nor listing names it.
    """

    kind: BlockKindName
    document: bytes
    digest: str
    catalogue: Catalogue
    name: str
    type: str

    @property
    def shown_type(self) -> str:
        """Return the block's type, the usual one of its kind where nobody named it."""
        return self.type or self.kind.usual_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something could not be checked; `kind` is a `StudioError.kind`.

    Attributes:
        may_pass: whether another run soon may succeed.
    """

    kind: str
    message: str
    may_pass: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One pass over all targets; `id` is None if nothing was stored (a dry run)."""

    id: int | None
    status: RunStatus
    trigger: Trigger
    started_at: datetime
    finished_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(self.started_at, self.finished_at)


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
class OpenCondition:
    """A bad state of a block that lasts; every report names it until it ends.

    Attributes:
        since: the end of the run that first saw it. It never moves.
        run_id: that run.
        key: what tells it from others of its kind and block, empty where there is only one.
    """

    kind: ConditionKind
    target: TargetId
    severity: Severity
    headline: str
    since: datetime
    run_id: int
    key: str = ""

    def __post_init__(self) -> None:
        require_utc(self.since)


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
        targets: all targets of the run, by project and learn id.
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
