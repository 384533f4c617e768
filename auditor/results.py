"""What a run finds out of each target, from the answer to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from auditor.context import TrainingNews
from auditor.drift.conditions import JudgedConditions
from auditor.drift.layer_keys import LayerKeys
from auditor.drift.policy import SuppressedFinding
from auditor.drift.state_rules import RuleViolation
from auditor.model import (
    BlockKindName,
    Change,
    Failure,
    Finding,
    Interval,
    ModelEvent,
    ModelState,
    Snapshot,
    TargetId,
    TargetState,
    VendorFinding,
)
from auditor.records import AcceptedValue
from auditor.report import AnswerExcerpt, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineDrift:
    """How a target differs from the version that a person approved; the vendor's left out.

    Attributes:
        open: differences to report besides the run's own changes; their `since` is `baseline`.
        acknowledged: how many differences a person accepted as they are.
        suppressed_by: for each difference that an ignore rule suppresses, the rule.
        values: every value that differs, whether it is reported or not.
        unaccepted: every difference that no person accepted, this run's changes included.
        paths: every path at which the block differs, whoever changed it.
    """

    open: tuple[Finding, ...] = ()
    unaccepted: tuple[Finding, ...] = ()
    acknowledged: int = 0
    suppressed_by: tuple[str, ...] = ()
    values: frozenset[AcceptedValue] = frozenset()
    paths: frozenset[str] = frozenset()


AT_BASELINE = BaselineDrift()
"""The drift of every target whose last version is its baseline: one object for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What every target has that could be read.

    Attributes:
        body_digest: SHA-256 of the raw answer.
        validator: the strong ETag that came with the answer, empty without one.
        baseline: how it differs from its baseline, None where it has none.
        violations: the rules on state that do not hold for it.
        from_upgrade: ids of the differences that only show because the auditor was upgraded.
        findings: the changes since the last version (`since` is `last`), worst first; empty
            where all of them are suppressed.
        suppressed: the changes that are stored and not reported.
        training: what was learned of its trainings, None where nothing was.
    """

    target: TargetId
    kind: BlockKindName
    project: str
    body_digest: str
    validator: str = ""
    baseline: BaselineDrift | None = None
    violations: tuple[RuleViolation, ...] = ()
    from_upgrade: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[SuppressedFinding, ...] = ()
    training: TrainingNews | None = None

    @property
    def reported(self) -> tuple[Finding, ...]:
        """Return the findings to report: its changes, then what else differs from the baseline."""
        return (*self.findings, *(self.baseline.open if self.baseline else ()))

    @property
    def suppressed_by(self) -> tuple[str, ...]:
        """Return, for each finding that is not reported, the rule that suppresses it."""
        own = (suppressed.rule for suppressed in self.suppressed)
        return (*own, *(self.baseline.suppressed_by if self.baseline else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged(ReadResult):
    """Equal to the last version.

    `body_digest` differs from the known one where the bytes differ and their content does not.

    Attributes:
        is_retrained: Studio says that its stale model was trained since.
        model_since: the polls between which that was.
    """

    is_retrained: bool = False
    model_since: Interval | None = None

    @property
    def state(self) -> TargetState:
        """Return `in_sync`, or `drifted` where it still differs from its baseline."""
        return TargetState.DRIFTED if self.reported else TargetState.IN_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion(ReadResult):
    """A snapshot that starts a version: the first of its target, or one that differs.

    Attributes:
        first: no version was stored before it.
        trained_now: the model is assumed to be trained with this very version.
        models: identities of the models that the last visual stack uses.
        event: what happened to the model since the last version, None where nothing did.
        model_since: the polls that bound the model's last event.
        excerpt: the parts of the answers that the findings need.
        vendor: the vendor's changes of the catalogue and the wording.
        shared: what else is the vendor's, by act; described where no other result does.
        new_values: values of enumerations (field, value) that the schema does not name.
        layers: the keys of its layers, None where they are their places.
    """

    snapshot: Snapshot
    first: bool
    headline: str
    model_state: ModelState
    trained_now: bool
    models: tuple[str, ...]
    event: ModelEvent | None = None
    model_since: Interval | None = None
    excerpt: AnswerExcerpt | None = None
    vendor: tuple[Change, ...] = ()
    shared: Mapping[str, VendorFinding] = field(default_factory=dict)
    new_values: frozenset[tuple[str, str]] = frozenset()
    layers: LayerKeys | None = None

    @property
    def state(self) -> TargetState:
        """Return `new`, `drifted`, or `in_sync` where nothing of it is reported."""
        if self.first:
            return TargetState.NEW
        return TargetState.DRIFTED if self.reported else TargetState.IN_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Not read in this run; what is known of it stays.

    Attributes:
        was_asked_for: False where Studio was not asked for it; one that is missing stays missing.
    """

    target: TargetId
    kind: BlockKindName
    project: str
    failure: Failure
    was_asked_for: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Not in a listing that succeeded."""

    target: TargetId
    kind: BlockKindName
    project: str


TargetResult: TypeAlias = Unchanged | NewVersion | Unreadable | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNews:
    """What a batch of results is stored with.

    Attributes:
        vendor: the vendor's changes that the results show.
        notices: what is reported once of their targets.
        conditions: what they say of the targets' open conditions.
    """

    vendor: Sequence[VendorFinding] = ()
    notices: Sequence[Notice] = ()
    conditions: Sequence[JudgedConditions] = ()


NO_NEWS = BatchNews()
