"""The nouns of an audit as frozen values.

Times are aware and UTC. Documents are JSON *bytes*, parsed on demand, because a frozen dataclass
does not freeze what it contains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

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
