"""What people and rules decide over time, as values that go into the store and come out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from auditor.drift.model import (
    Finding,
    Json,
    Notice,
    Surroundings,
    TargetId,
    VendorFinding,
)
from auditor.drift.ruling import SilencedVendor
from auditor.drift.state_rules import Broken

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
class Episode:
    """A stretch of time in which a rule on state is broken at a path of a target."""

    target: TargetId
    rule: str
    path: str
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A finding as one run found it. `target` is None for the vendor's.

    Attributes:
        silenced_by: the rule that kept it from being told, empty where it was told.
        told_at: when the first message that holds it was taken; None before.
    """

    target: TargetId | None
    finding: Finding | VendorFinding
    run_id: int
    at: datetime
    silenced_by: str
    told_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencedBy:
    """What one rule kept from being told: how many findings, and the newest of them."""

    rule: str
    number: int
    newest: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What the end of a run leaves beside its report, stored in the same transaction.

    Attributes:
        notices: told once; the report holds them.
        began: rules that broke, each the start of an episode.
        ended: episodes that are over.
        ended_acknowledgements: acknowledgements that hold no longer.
        announced: keys of ignore rules whose end was announced.
        silenced_vendor: what the vendor did and a rule keeps from being told.
    """

    notices: tuple[Notice, ...] = ()
    began: tuple[Broken, ...] = ()
    ended: tuple[Episode, ...] = ()
    ended_acknowledgements: tuple[Acknowledgement, ...] = ()
    announced: tuple[str, ...] = ()
    silenced_vendor: tuple[SilencedVendor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of a finding.

    Attributes:
        sightings: every run that found it, oldest first.
        holds: whether the value is still what the finding says, by the last version.
        last_seen_at: the last look at the value while it held.
        acknowledgements: newest first, those that ended included.
        approvals: of its target, newest first.
        around: what stood around it, None where that is not known or not needed.
    """

    sightings: tuple[Sighting, ...]
    holds: bool
    last_seen_at: datetime
    acknowledgements: tuple[Acknowledgement, ...]
    approvals: tuple[Approval, ...]
    around: Surroundings | None = None
