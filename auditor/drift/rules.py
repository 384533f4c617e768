"""The operator's rules: severities, what to ignore, expected windows, rules on state.

Rules it holds
- A pattern is a path in which `*` stands for any characters; it covers what it matches and
  everything beneath (`visualLayers` covers `visualLayers[2].neurons`).
- A scope without projects and blocks is every target, the vendor's catalogue included.
- Of several severity rules that cover a finding the first counts; so with ignore rules.
- An ignore rule holds through the whole of its last day, in the schedule's time zone.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import TypeAlias

from auditor.model import Area, Json, Severity, TargetId

_BENEATH = r"(?:[.\[].*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScope:
    """The targets that a rule is for; all of them where it names none."""

    projects: frozenset[int] = frozenset()
    blocks: frozenset[TargetId] = frozenset()

    def includes(self, target: TargetId | None) -> bool:
        """Return whether a target is in scope; None stands for the vendor's catalogue."""
        if not self.projects and not self.blocks:
            return True
        return target is not None and (target.project_id in self.projects or target in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of a finding a rule looks at: its path or its area."""

    path: str = ""
    area: Area | None = None

    def covers(self, path: str, area: Area) -> bool:
        """Return whether a finding at `path` in `area` is meant."""
        if self.area is not None:
            return area is self.area
        return matches(self.path, path)

    def __str__(self) -> str:
        return self.path or f"area {self.area}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """`[[severity]]`: how much findings matter here; `name` is what they give as their rule."""

    name: str
    subject: Subject
    severity: Severity
    scope: TargetScope = field(default_factory=TargetScope)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """`[[ignore]]`: what is stored and not reported, why, who decided it, and until when."""

    name: str
    subject: Subject
    reason: str
    author: str
    until: date
    scope: TargetScope = field(default_factory=TargetScope)

    def is_in_force(self, today: date) -> bool:
        """Return whether the rule still holds."""
        return today <= self.until

    @property
    def key(self) -> str:
        """Return 16 hex digits unique to this rule; a renewed rule has others."""
        parts = [self.name, self.subject.path, str(self.subject.area), self.until.isoformat()]
        parts += sorted(map(str, [*self.scope.projects, *self.scope.blocks]))
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`[[windows]]`: when changes are expected. Both ends are aware and UTC."""

    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime
    scope: TargetScope = field(default_factory=TargetScope)

    def touches(self, after: datetime | None, until: datetime) -> bool:
        """Return whether what happened in (`after`, `until`] may have happened in the window."""
        return self.starts_at <= until and (after is None or after < self.ends_at)


@dataclass(frozen=True, slots=True)
class Between:
    """A number from `low` to `high`, both allowed."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"between {_number(self.low)} and {_number(self.high)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these plain values."""

    values: tuple[Json, ...]

    def __str__(self) -> str:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in self.values)


@dataclass(frozen=True, slots=True)
class StaleAtMost:
    """A trained model may be stale for this many days."""

    days: float

    def __str__(self) -> str:
        return f"stale for at most {_number(self.days)} days"


Condition: TypeAlias = Between | OneOf | StaleAtMost


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """`[[rules]]`: what has to be true in every run, whether it changed or not.

    `path` is a pattern of values in the answer; empty for `StaleAtMost`.
    """

    name: str
    condition: Condition
    path: str = ""
    severity: Severity = Severity.HIGH
    scope: TargetScope = field(default_factory=TargetScope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of the operator, in the order of the configuration."""

    severities: tuple[SeverityRule, ...] = ()
    ignores: tuple[IgnoreRule, ...] = ()
    windows: tuple[Window, ...] = ()
    states: tuple[StateRule, ...] = ()


def matches(pattern: str, path: str) -> bool:
    """Return whether a pattern covers a path."""
    return _expression(pattern).fullmatch(path) is not None


def _number(number: float) -> str:
    return json.dumps(int(number) if float(number).is_integer() else number)


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern as an expression that never tries a middle part twice (as fnmatch does)."""
    first, *others = (re.escape(part) for part in pattern.split("*"))
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    last = f".*{others[-1]}" if others else ""
    return re.compile(first + middle + last + _BENEATH, re.DOTALL)
