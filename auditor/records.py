"""What the store keeps and returns of targets, runs and decisions, as frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from auditor.drift.policy import SuppressedFinding, SuppressedVendorFinding
from auditor.drift.state_rules import RuleViolation
from auditor.errors import UsageError
from auditor.model import (
    AnswerExcerpt,
    Failure,
    Finding,
    Interval,
    Json,
    ModelState,
    Notice,
    Report,
    RunInfo,
    Snapshot,
    TargetId,
    TargetState,
    Totals,
    VendorFinding,
)

MOST_RUNS_DRAWN = 30
"""How many of the last runs pictures show."""
Accepted: TypeAlias = tuple[TargetId, str, str]


def accepted(target: TargetId, path: str, value: Json) -> Accepted:
    """Return a value at a place of a target, to be looked up."""
    return target, path, json.dumps(value, sort_keys=True)


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
    """A finding that a person accepted: exactly this value, until it moves.

    Attributes:
        finding: the finding's id.
        value: what the finding came to; with target and path it is what was accepted.
        until: the last day on which it holds, None without one.
        ended_at: when it stopped holding; None while it does.
        ended_why: `moved`, `expired`, `approved` or `renewed`, empty while it holds.
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

    @property
    def accepts(self) -> Accepted:
        """Return the value that was accepted, as findings are looked up by it."""
        return accepted(self.target, self.path, self.value)


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
        suppressed_by: the rule that kept it from being told, empty where it was told.
        told_at: when the first message that holds it was taken; None before.
    """

    target: TargetId | None
    finding: Finding | VendorFinding
    run_id: int
    at: datetime
    suppressed_by: str
    told_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedBy:
    """What one rule kept from being told: how many findings, and the newest of them."""

    rule: str
    number: int
    newest: tuple[FindingOccurrence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConclusions:
    """What the end of a run leaves beside its report, stored in the same transaction.

    Attributes:
        notices: told once; the report holds them.
        began: rules that broke, each the start of an episode.
        ended: episodes that are over.
        ended_acknowledgements: acknowledgements that hold no longer.
        announced: keys of ignore rules whose end was announced.
        suppressed_vendor: what the vendor did and a rule keeps from being told.
    """

    notices: tuple[Notice, ...] = ()
    began: tuple[RuleViolation, ...] = ()
    ended: tuple[RuleBreach, ...] = ()
    ended_acknowledgements: tuple[Acknowledgement, ...] = ()
    announced: tuple[str, ...] = ()
    suppressed_vendor: tuple[SuppressedVendorFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of a finding.

    Attributes:
        occurrences: every run that found it, oldest first.
        holds: whether the value is still what the finding says, by the last version.
        last_seen_at: the last look at the value while it held.
        acknowledgements: newest first, those that ended included.
        approvals: of its target, newest first.
        excerpt: the parts of the answers that it needs, None where unknown or not needed.
    """

    occurrences: tuple[FindingOccurrence, ...]
    holds: bool
    last_seen_at: datetime
    acknowledgements: tuple[Acknowledgement, ...]
    approvals: tuple[Approval, ...]
    excerpt: AnswerExcerpt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTarget:
    """What the store knows of a target before tonight.

    Attributes:
        project: how the last run called the project.
        state: what the last run said of it.
        body_digest: SHA-256 of the last believed raw answer, None before the first.
        validator: the strong ETag that came with just that answer, empty where none did.
        form: that it was read in (`drift.canonical`), empty where it had no name yet.
        version_id: the last version, None where none was ever stored.
        digest: canonical digest of the last version, empty without one.
        catalogue_digest: that version's catalogue, empty without one.
        trained_version_id: the version that the trained model is believed to be trained with.
        baseline_version_id: the version a person approved.
        model: identities (`TYPE` or `TYPE:ORGANIZATION_MODEL_ID`) of the models that the last
            visual stack used; what an expert-mode block is held to use.
        model_since: the polls that bound the model's last step, None where that is not known.
    """

    target: TargetId
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
    model: tuple[str, ...]
    last_checked_at: datetime | None
    model_since: Interval | None = None
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A stored stretch of equal snapshots, with its links in the hash chain.

    Attributes:
        kept: what was seen, None where it was pruned.
    """

    id: int
    target: TargetId
    run_id: int
    seen_at: datetime
    kept: Snapshot | None
    model_state: ModelState
    headline: str
    hash: str
    previous_hash: str

    @property
    def is_pruned(self) -> bool:
        """Return whether only its line and its links are left."""
        return self.kept is None

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
class Unchanged:
    """Equal to the last version: only the target's marks move.

    `body_digest` differs from the known one where the bytes differed and the content did not.
    `state` is `in_sync`, or `drifted` where it still differs from its baseline.
    """

    target: TargetId
    project: str
    body_digest: str
    state: TargetState = TargetState.IN_SYNC
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A snapshot that starts a version: the first of its target, or one that differs.

    Attributes:
        first: no version was stored before it.
        findings: its own findings (`since` is `last`); empty where only what is not told changed.
        trained_now: the model is believed to be trained with this very version.
        suppressed: what of it is stored and not told.
        state: `new`, `drifted`, or `in_sync` where nothing of it is told.
        model_since: the polls that bound the model's last step.
    """

    target: TargetId
    project: str
    snapshot: Snapshot
    body_digest: str
    first: bool
    findings: tuple[Finding, ...]
    headline: str
    state: TargetState
    model_state: ModelState
    trained_now: bool
    model: tuple[str, ...]
    suppressed: tuple[SuppressedFinding, ...] = ()
    model_since: Interval | None = None
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Not read tonight; what is known of it stays."""

    target: TargetId
    project: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A successful listing lacks it."""

    target: TargetId
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """A type that has no endpoint here; `findings` where it replaced one that has."""

    target: TargetId
    project: str
    name: str
    type: str
    findings: tuple[Finding, ...] = ()


TargetResult: TypeAlias = Unchanged | NewVersion | Unreadable | Missing | Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreportedFinding:
    """A finding that an earlier run stored and no delivered or queued message holds."""

    target: TargetId | None
    finding: Finding | VendorFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One line of `status`."""

    target: TargetId
    project: str
    name: str
    type: str
    state: TargetState
    model_state: ModelState
    last_changed_at: datetime | None
    last_checked_at: datetime | None
    last_attempted_at: datetime | None
    error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOverview:
    """A target as it stands, whether it is audited still or not.

    Attributes:
        version_id: its last version, None where none was ever stored.
        baseline_version_id: the version a person approved, None without one.
        retired: the last run over all targets did not ask for it.
    """

    status: TargetStatus
    version_id: int | None
    baseline_version_id: int | None
    retired: bool

    @property
    def state(self) -> TargetState:
        """Return how it stands; that it is new is news of one night and no way to stand."""
        state = self.status.state
        return TargetState.IN_SYNC if state is TargetState.NEW else state


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A closed run in short, for pictures of many nights.

    Attributes:
        audited: every target of the run; the same object for runs with the same targets.
        states: of the targets that were anything but in sync.
        findings: how many findings each target had, where it had any.
    """

    run: RunInfo
    totals: Totals
    audited: frozenset[TargetId]
    states: Mapping[TargetId, TargetState]
    findings: Mapping[TargetId, int]

    def state(self, target: TargetId) -> TargetState | None:
        """Return how a target stood in the run, None where it was not audited."""
        if target not in self.audited:
            return None
        return self.states.get(target, TargetState.IN_SYNC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLink:
    """The first broken link that `verify` met, in words."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A version in a target's timeline.

    Attributes:
        findings: what differs from the version before, worst first; None for the first one, and
            where either of the two was pruned.
        suppressed: how many more differences are not reported.
    """

    version: Version
    findings: tuple[Finding, ...] | None
    suppressed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHistory:
    """A target and its versions, newest first; `older` is how many versions are left out."""

    overview: TargetOverview
    entries: tuple[VersionEntry, ...]
    older: int
    baseline_run_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBlocks:
    """A project and every block of it that was ever audited, by learn id."""

    project_id: int
    overviews: tuple[TargetOverview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListing:
    """Runs of a stretch of time, newest first; the closed ones with their reports in brief."""

    runs: tuple[RunInfo, ...]
    briefs: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the index shows.

    Attributes:
        newest: the last closed run's whole report, None before the first.
        years: years whose older runs have a page of their own, newest first.
        summaries: the last closed runs in short, newest first.
    """

    newest: Report | None
    listing: RunListing
    years: tuple[int, ...]
    summaries: tuple[RunSummary, ...]
    overviews: tuple[TargetOverview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMarks:
    """Which pages exist, each with a digest of what it showed when it was written.

    A page without a mark is written again. Pages of runs need none: a run does not change.
    """

    runs: frozenset[int] = frozenset()
    targets: Mapping[TargetId, str] = field(default_factory=dict)
    projects: Mapping[int, str] = field(default_factory=dict)
    years: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a retention let go, or would.

    Attributes:
        targets: whose versions they were.
        catalogues: that no version that stays was seen with.
        runs: whose reports.
    """

    versions: int = 0
    targets: tuple[TargetId, ...] = ()
    catalogues: int = 0
    runs: tuple[int, ...] = ()
    messages: int = 0

    @property
    def is_nothing(self) -> bool:
        """Return whether everything stays."""
        return not (self.versions or self.catalogues or self.runs or self.messages)
