"""The schedules of the configuration: what each audits, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from auditor.audit.plan import Scope
from auditor.config import ScheduleSettings, Settings
from auditor.schedule import DEFAULT_SCHEDULE, Cron, next_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A schedule that has something to audit.

    Attributes:
        name: in the ledger.
        line: with its zone, as the ledger remembers it.
        told: how reports call it.
    """

    name: str
    cron: Cron
    zone: ZoneInfo
    line: str
    told: str
    scope: Scope

    def next_after(self, at: datetime) -> datetime | None:
        """Return when it is due next."""
        slot = next_due(self.cron, self.zone, at)
        return slot.at if slot else None


def schedules(chosen: Settings) -> tuple[Scheduled, ...]:
    """Return every schedule; the one without a name of its own has what the others leave."""
    configured = frozenset(project.id for project in chosen.projects)
    finds_others = chosen.every_project is not None
    named = frozenset[int]().union(*(one.projects for one in chosen.schedules))
    found = [
        _scheduled(one.name, one.when, _scope(one.projects, configured, finds_others=finds_others))
        for one in chosen.schedules
    ]
    if finds_others or configured - named:
        usual = _scheduled(DEFAULT_SCHEDULE, chosen.schedule, Scope(elsewhere=named))
        found.insert(0, usual)
    return tuple(found)


def next_run_at(chosen: Settings, at: datetime) -> datetime | None:
    """Return when the next run of any schedule is due."""
    times = (one.next_after(at) for one in schedules(chosen))
    return min((time for time in times if time is not None), default=None)


def all_told(chosen: Settings) -> str:
    """Return how reports call all the schedules together."""
    return "; ".join(one.told for one in schedules(chosen))


def _scope(projects: frozenset[int], configured: frozenset[int], *, finds_others: bool) -> Scope:
    """Return the scope of a named schedule; which projects are elsewhere may not be known yet."""
    return Scope(only=projects) if finds_others else Scope(elsewhere=configured - projects)


def _scheduled(name: str, when: ScheduleSettings, scope: Scope) -> Scheduled:
    told = f"{when.line} ({when.timezone.key})"
    return Scheduled(
        name=name,
        cron=when.cron,
        zone=when.timezone,
        line=f"{when.line} {when.timezone.key}",
        told=told if name == DEFAULT_SCHEDULE else f"{name}, {told}",
        scope=scope,
    )
