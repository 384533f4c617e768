"""What the store keeps and returns of targets, runs and decisions, as frozen values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum, auto
from typing import TypeAlias

from auditor.context import Endpoint, EndpointState, KnownTraining
from auditor.drift.conditions import JudgedConditions
from auditor.drift.layer_keys import LayerKeys, lasting_value
from auditor.drift.policy import SuppressedVendorFinding
from auditor.drift.state_rules import RuleViolation
from auditor.errors import UsageError
from auditor.impulses import NO_PLACE, ImpulsePlace
from auditor.model import (
    BlockKindName,
    Finding,
    Interval,
    Json,
    ModelState,
    RunStatus,
    Snapshot,
    Starter,
    TargetId,
    TargetState,
    VendorFinding,
)
from auditor.report import AnswerExcerpt, Notice

AcceptedValue: TypeAlias = tuple[TargetId, str, str]


NOT_COME_TO = ("stopped", "time_limit")
"""The kinds of failures of targets that a run ended before."""


class SlotRelease(Enum):
    """Why the slot of a run is due again."""

    CRASHED = auto()  # so often at most: a run that takes the machine down must end that
    STOPPED = auto()
    READ_TOO_LITTLE = auto()


class SignKind(StrEnum):
    """What leaves a sign of life in the database."""

    SERVICE = "service"  # each minute
    TIMER = "timer"  # each run that a timer or cron starts
    DELIVERY = "delivery"  # each minute, while `run --deliver-for` waits for a mail server


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOfLife:
    """When a process was last at work on the database, and whether it has ended since."""

    kind: SignKind
    seen_at: datetime
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What the signs of life say: who starts the next run, and who tries messages again.

    Attributes:
        is_delivering: whether a process tries messages as they become due.
        service_seen_at: None where no service was ever seen.
        was_stopped: whether the last service said that it stops; one that was killed did not.
        timer_seen_at: when a timer last started a run, None where none ever did.
        judged_at: when that was so, None where nothing was asked.
    """

    starter: Starter = Starter.NOBODY
    is_delivering: bool = False
    service_seen_at: datetime | None = None
    was_stopped: bool = False
    timer_seen_at: datetime | None = None
    judged_at: datetime | None = None


NO_PRESENCE = Presence()


def accepted_value(target: TargetId, lasting_path: str, value: Json) -> AcceptedValue:
    """Return a value of a target as a key, to look up whether it was accepted."""
    return target, lasting_path, json.dumps(lasting_value(lasting_path, value), sort_keys=True)


def value_of_finding(target: TargetId, finding: Finding) -> AcceptedValue:
    """Return the value of a finding as such a key."""
    return accepted_value(target, finding.lasting_path or finding.path, finding.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A version that a person made the baseline of its target."""

    target: TargetId
    version_id: int
    at: datetime
    author: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A finding that a person accepted: exactly this value, until it changes.

    Attributes:
        finding: the finding's id.
        value: what the finding came to; with target and path it is what was accepted.
        until: the last day on which it holds, None without one.
        ended_at: when it stopped holding; None while it does.
        ended_why: `moved`, `expired`, `approved`, `renewed`, `unacknowledged` or `forgotten`,
            empty while it holds.
        folded: the digest of the value at each lasting path that was folded under it; None
            accepts whatever is folded under it, as older auditors stored it.
        lasting_path: as `Finding.lasting_path`.
    """

    finding: str
    target: TargetId
    path: str
    value: Json
    at: datetime
    author: str
    reason: str
    until: date | None = None
    ended_at: datetime | None = None
    ended_why: str = ""
    folded: Mapping[str, str] | None = None
    lasting_path: str = ""

    @property
    def accepts(self) -> AcceptedValue:
        """Return the key of the accepted value."""
        return accepted_value(self.target, self.lasting_path or self.path, self.value)


class RetractionKind(StrEnum):
    """What a person took back: a baseline, an acknowledgement, or a whole block."""

    UNAPPROVED = "unapproved"
    UNACKNOWLEDGED = "unacknowledged"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """A decision that takes something back.

    Attributes:
        finding: the id of the finding whose acknowledgement ended, empty for other kinds.
        path: that finding's path, empty for other kinds.
    """

    kind: RetractionKind
    target: TargetId
    at: datetime
    author: str
    reason: str
    finding: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBreach:
    """A stretch of time in which a rule on state is broken at a path of a target."""

    target: TargetId
    rule: str
    path: str
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingOccurrence:
    """A finding as one run found it. `target` is None for the vendor's.

    Attributes:
        suppressed_by: the rule that suppresses it, empty where it is reported.
        reported_at: when the mail server took the first message that holds it; None before.
    """

    target: TargetId | None
    finding: Finding | VendorFinding
    run_id: int
    at: datetime
    suppressed_by: str
    reported_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedBy:
    """What one rule suppressed: how many findings, and the newest of them."""

    rule: str
    number: int
    newest: tuple[FindingOccurrence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreportedNotice:
    """A notice that an earlier run stored and no delivered or queued message holds.

    Attributes:
        id: of its row.
        fingerprint: see `Notice.ids`, empty where an older auditor stored it.
    """

    id: int
    fingerprint: str
    notice: Notice
    run_id: int
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Which targets a run takes for no longer audited: all that it did not try.

    Attributes:
        only: of these projects, None for those of all projects.
        elsewhere: projects whose targets other runs audit.
    """

    only: frozenset[int] | None = None
    elsewhere: frozenset[int] = frozenset()

    def covers(self, project_id: int) -> bool:
        """Return whether it is for the targets of a project."""
        is_of_run = self.only is None or project_id in self.only
        return is_of_run and project_id not in self.elsewhere


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """Whether something of the configuration matched a block when it was compared last.

    Attributes:
        target: a block that has the path of the rule, None where it is of no block.
        newest: the newest version then.
    """

    target: TargetId | None
    newest: int
    is_matched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConclusions:
    """What a run concludes besides its report, stored in the same transaction.

    Attributes:
        notices: the report holds them, and no later one.
        news: what the report shows by the states of blocks, stored as notices too.
        carried_notices: of earlier runs; the report holds them.
        retirement: which targets are no longer audited, None where the run cannot say.
        began: violations that begin a breach of their rule.
        ended: breaches that ended.
        ended_acknowledgements: acknowledgements that hold no longer.
        announced: keys of ignore rules whose end was announced.
        suppressed_vendor: the vendor's findings that a rule suppresses.
        conditions: what only the end of the run can say of open conditions.
        rule_matches: what the configuration's rules matched, None where it was not compared.
        places: yields where in which impulses each target is that was listed.
        endpoints: how it went to ask for what stands beside the configuration.
        trainings: that could not be read yet, of blocks whose results do not have them.
    """

    notices: tuple[Notice, ...] = ()
    news: tuple[Notice, ...] = ()
    carried_notices: tuple[UnreportedNotice, ...] = ()
    retirement: Retirement | None = None
    began: tuple[RuleViolation, ...] = ()
    ended: tuple[RuleBreach, ...] = ()
    ended_acknowledgements: tuple[Acknowledgement, ...] = ()
    announced: tuple[str, ...] = ()
    suppressed_vendor: tuple[SuppressedVendorFinding, ...] = ()
    conditions: tuple[JudgedConditions, ...] = ()
    rule_matches: Mapping[str, RuleMatch] | None = None
    places: Callable[[], Iterable[tuple[TargetId, ImpulsePlace]]] = tuple
    endpoints: Mapping[tuple[int, Endpoint], EndpointState] = field(default_factory=dict)
    trainings: Mapping[TargetId, KnownTraining] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of a finding.

    Attributes:
        kind: of its block, None for the vendor's.
        block: its name, empty for the vendor's and for a block that is forgotten.
        occurrences: every run that found it, oldest first.
        holds: whether the value is still what the finding says, by the last version.
        last_seen_at: when the value was last checked and was still the same.
        acknowledgements: newest first, those that ended included.
        approvals: of its target, newest first.
        retractions: what was taken back of its target, newest first.
        excerpt: the parts of the answers that it needs, None where unknown or not needed.
    """

    kind: BlockKindName | None
    occurrences: tuple[FindingOccurrence, ...]
    holds: bool
    last_seen_at: datetime
    acknowledgements: tuple[Acknowledgement, ...]
    approvals: tuple[Approval, ...]
    retractions: tuple[Retraction, ...] = ()
    excerpt: AnswerExcerpt | None = None
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration that last ran on a database.

    Attributes:
        file: its path.
        host: the machine's name.
        inventory: a digest of what it audits.
        audits: that in words, as far as a person tells it by; empty in an older database.
        before: the mark of another machine's that this one replaced, empty without one.
    """

    file: str
    host: str
    inventory: str
    audits: str = ""
    before: str = ""

    @property
    def mark(self) -> str:
        """Return what tells it from the same file on another machine."""
        return f"{self.host} {self.inventory}"

    def audits_as(self, other: Configuration) -> bool:
        """Return whether it audits the same as another one."""
        return self.inventory == other.inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTarget:
    """What the store knows of a target before a run.

    Attributes:
        project: how the last run called the project.
        state: what the last run said of it.
        body_digest: SHA-256 of the last raw answer, None before the first.
        validator: the strong ETag that came with just that answer, empty where none did.
        form: the form it was read in (`drift.canonical.FORMS`), empty for a very old one.
        version_id: the last version, None where none was ever stored.
        version_run_id: the run that stored it, 0 without one.
        digest: canonical digest of the last version, empty without one.
        catalogue_digest: that version's catalogue, empty without one.
        trained_version_id: the version that the trained model is assumed to be trained with.
        baseline_version_id: the version a person approved.
        models: identities (`TYPE` or `TYPE:ORGANIZATION_MODEL_ID`) of the models that the last
            visual stack used; an expert-mode block is assumed to use them still.
        model_since: the polls that bound the model's last step, None where that is not known.
        version_name: the block's name in the last version.
        version_type: its type there.
        layers: the keys of that version's layers, None where they are their places.
        place: where in which impulses it is, as it was last listed.
        training: what is known of its trainings, None where that was never asked.
    """

    target: TargetId
    kind: BlockKindName
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    body_digest: str | None
    form: str
    version_id: int | None
    digest: str
    catalogue_digest: str
    trained_version_id: int | None
    baseline_version_id: int | None
    models: tuple[str, ...]
    last_checked_at: datetime | None
    model_since: Interval | None = None
    validator: str = ""
    version_run_id: int = 0
    version_name: str = ""
    version_type: str = ""
    layers: LayerKeys | None = None
    place: ImpulsePlace = NO_PLACE
    training: KnownTraining | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """What a history says of a version: a stored stretch of equal snapshots.

    Attributes:
        hash: its link in the hash chain.
        is_pruned: only its line and its links are left.
        layers: the keys of its layers, None where they are their places.
    """

    id: int
    target: TargetId
    kind: BlockKindName
    run_id: int
    seen_at: datetime
    model_state: ModelState
    headline: str
    hash: str
    previous_hash: str
    is_pruned: bool = False
    layers: LayerKeys | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(VersionLine):
    """A version with what was seen, None where that was pruned."""

    kept: Snapshot | None

    @property
    def snapshot(self) -> Snapshot:
        """Return what was seen.

        Raises:
            UsageError: it was pruned.
        """
        if self.kept is None:
            raise UsageError(
                f"the version of {self.target} of run {self.run_id} was pruned: its document is "
                f"no longer stored; `auditor history {self.target}` names those that are"
            )
        return self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreportedFinding:
    """A finding that an earlier run stored and no delivered or queued message holds.

    Attributes:
        run_id: the newest run that found it.
        found_at: the start of that run.
        run_ended: whether that run came to its end.
    """

    target: TargetId | None
    finding: Finding | VendorFinding
    run_id: int
    found_at: datetime
    run_ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestMark:
    """What a reader of digests got so far.

    Attributes:
        queued_at: the end of the run that queued the newest digest, whatever became of it; None
            before the first.
        received_run_id: the newest run whose digest or whole report the server took, None before.
    """

    queued_at: datetime | None = None
    received_run_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanges:
    """What several runs found at one target.

    Attributes:
        number: how many findings of its own.
        newest_ids: the newest finding at each lasting path.
        expected: the lasting paths at which a window covered every finding.
        from_upgrade: the lasting paths of what only an upgrade of the auditor shows.
        training: the newest training that changed nothing else, None without one: no version
            shows it.
    """

    number: int = 0
    training: Finding | None = None
    newest_ids: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[str] = frozenset()
    from_upgrade: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPeriod:
    """What the runs after one of them stored.

    Attributes:
        since: the end of that run, None without one.
        runs: how many there were, by status; the run under way counts as running.
        versions: of each target with a new version: the version before, None where it is new.
        vendor: the vendor's findings, oldest first, without those of the run under way.
        notices: likewise.
    """

    since: datetime | None
    runs: Mapping[RunStatus, int]
    versions: Mapping[TargetId, int | None]
    changes: Mapping[TargetId, TargetChanges]
    vendor: tuple[VendorFinding, ...]
    notices: tuple[Notice, ...]
    approved: int
    acknowledged: int
    taken_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLink:
    """The first broken link that `verify` met, in words."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a retention let go, or would.

    Attributes:
        targets: whose versions they were.
        catalogues: that no version that stays was seen with.
        runs: whose reports.
        conditions: that ended; each report that named them has its own copy.
    """

    versions: int = 0
    targets: tuple[TargetId, ...] = ()
    catalogues: int = 0
    runs: tuple[int, ...] = ()
    messages: int = 0
    conditions: int = 0

    @property
    def is_nothing(self) -> bool:
        """Return whether everything stays."""
        histories = self.versions, self.catalogues, self.runs
        return not any((*histories, self.messages, self.conditions))
