"""What the store keeps of targets and runs, as values that go in and come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from auditor.drift.model import (
    Failure,
    Finding,
    Interval,
    ModelState,
    RunInfo,
    Snapshot,
    TargetId,
    TargetState,
    Totals,
    VendorFinding,
)
from auditor.drift.ruling import Silenced
from auditor.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a target before tonight.

    Attributes:
        project: how the last run called the project.
        state: what the last run said of it.
        body_digest: SHA-256 of the last believed raw answer, None before the first.
        validator: the strong ETag that came with just that answer, empty where none did.
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
class Quiet:
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
class Seen:
    """A snapshot that starts a version: the first of its target, or one that differs.

    Attributes:
        first: no version was stored before it.
        findings: its own findings (`since` is `last`); empty where only what is not told changed.
        trained_now: the model is believed to be trained with this very version.
        silenced: what of it is stored and not told.
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
    silenced: tuple[Silenced, ...] = ()
    model_since: Interval | None = None
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Not read tonight; what is known of it stays."""

    target: TargetId
    project: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A successful listing lacks it."""

    target: TargetId
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """A type that has no endpoint here; `findings` where it replaced one that has."""

    target: TargetId
    project: str
    name: str
    type: str
    findings: tuple[Finding, ...] = ()


Outcome: TypeAlias = Quiet | Seen | Unread | Gone | Unserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
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
class Standing:
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
class Night:
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
class Breach:
    """The first broken link that `verify` met, in words."""

    where: str
    what: str
