"""The operator's rules as tables, with the parts of subscribers and the groups of siblings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field

from auditor.config.base import Table
from auditor.config.values import (
    Address,
    BlockScope,
    Choices,
    FromList,
    LineOfText,
    Moment,
    NotEmpty,
    Pattern,
    PlainValue,
    ProjectScope,
    Range,
    in_utc,
)
from auditor.drift.rules import (
    Between,
    Condition,
    IgnoreRule,
    OneOf,
    SeverityRule,
    StaleAtMost,
    StateRule,
    Subject,
    TargetScope,
    Window,
)
from auditor.drift.subscriptions import Subscription
from auditor.model import Area, Severity
from auditor.outbox import channel_recipient

SeverityName: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
# All but "interface", whose changes are reported to nobody.
AreaName: TypeAlias = Literal[
    "trained",
    "layers",
    "thresholds",
    "script",
    "training",
    "data",
    "identity",
    "catalogue",
    "unknown",
    "input",
    "processing",
]

Worth: TypeAlias = Literal["drift", "failures", "quiet"]


class ScopedTable(Table):
    """What each of the operator's rules may say: the targets that it applies to."""

    projects: ProjectScope | None = None
    blocks: BlockScope | None = None

    @property
    def scope(self) -> TargetScope:
        """Return the targets that the rule applies to."""
        return TargetScope(
            projects=frozenset(self.projects or ()), blocks=frozenset(self.blocks or ())
        )


class SubjectTable(ScopedTable):
    """A rule about findings; checks require one of `path` and `area`."""

    path: Pattern | None = None
    area: AreaName | None = None

    @property
    def subject(self) -> Subject:
        """Return the findings that the rule is about."""
        return Subject(path=self.path or "", area=Area(self.area) if self.area else None)


class SeverityTable(SubjectTable):
    """One of `[[severity]]`."""

    severity: SeverityName

    def rule(self, name: str) -> SeverityRule:
        """Return the rule; its table has no key for a name."""
        return SeverityRule(
            name=name,
            subject=self.subject,
            severity=Severity(self.severity),
            scope=self.scope,
        )


class IgnoreTable(SubjectTable):
    """One of `[[ignore]]`."""

    name: LineOfText | None = None
    reason: LineOfText
    author: LineOfText
    until: date

    @property
    def rule(self) -> IgnoreRule:
        """Return the rule."""
        return IgnoreRule(
            name=self.name or str(self.subject),
            subject=self.subject,
            reason=self.reason,
            author=self.author,
            until=self.until,
            scope=self.scope,
        )


class RuleTable(ScopedTable):
    """One of `[[rules]]`; checks require one condition, and a path where it needs one."""

    name: LineOfText
    path: Pattern | None = None
    between: Range | None = None
    is_: PlainValue | None = Field(None, alias="is")
    one_of: Choices | None = None
    stale_at_most_days: float | None = Field(None, gt=0, le=36500, allow_inf_nan=False)
    severity: SeverityName = "high"

    @property
    def rule(self) -> StateRule:
        """Return the rule."""
        return StateRule(
            name=self.name,
            condition=self._condition(),
            path=self.path or "",
            severity=Severity(self.severity),
            scope=self.scope,
        )

    def _condition(self) -> Condition:
        if self.between is not None:
            return Between(*self.between)
        if self.stale_at_most_days is not None:
            return StaleAtMost(self.stale_at_most_days)
        return OneOf((self.is_,) if self.is_ is not None else self.one_of or ())


class WindowTable(ScopedTable):
    """One of `[[windows]]`."""

    from_: Moment = Field(alias="from")
    until: Moment
    reason: LineOfText
    author: LineOfText

    def window(self, zone: ZoneInfo) -> Window:
        """Return the window; its times without an offset are local times of `zone`."""
        return Window(
            reason=self.reason,
            author=self.author,
            starts_at=in_utc(self.from_, zone),
            ends_at=in_utc(self.until, zone),
            scope=self.scope,
        )


class SubscriptionTable(ScopedTable):
    """One of `[[subscriptions]]`; checks require one of `recipient` and `channel`."""

    recipient: Address | None = None
    channel: LineOfText | None = None
    areas: Annotated[tuple[AreaName, ...], FromList, NotEmpty] | None = None
    severity: SeverityName = "info"
    gets: Annotated[tuple[Worth, ...], FromList, NotEmpty] = ("drift", "failures")

    @property
    def subscription(self) -> Subscription:
        """Return the subscription."""
        return Subscription(
            recipient=self.recipient or channel_recipient(self.channel or ""),
            scope=self.scope,
            areas=frozenset(Area(area) for area in self.areas or ()),
            least=Severity(self.severity),
            gets=frozenset(self.gets),
        )


class SiblingsTable(Table):
    """One of `[[siblings]]`."""

    targets: Annotated[BlockScope, Field(min_length=2)]
