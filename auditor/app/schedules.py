"""The schedules of the configuration: what each audits, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from auditor.audit.plan import Scope
from auditor.config import Settings
from auditor.schedule import DEFAULT_SCHEDULE, Cron, next_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule that has something to audit.

    Attributes:
        name: in the ledger.
        scope: the projects that its runs audit.
    """

    name: str
    cron: Cron
    zone: ZoneInfo
    scope: Scope

    @property
    def line(self) -> str:
        """Return the line with its zone, as the ledger stores it."""
        return f"{self.cron.line} {self.zone.key}"

    @property
    def label(self) -> str:
        """Return how reports call the schedule."""
        words = f"{self.cron.line} ({self.zone.key})"
        return words if self.name == DEFAULT_SCHEDULE else f"{self.name}, {words}"

    def next_after(self, at: datetime) -> datetime | None:
        """Return when it is due next."""
        slot = next_due(self.cron, self.zone, at)
        return slot.at if slot else None


def find_schedules(settings: Settings) -> tuple[Schedule, ...]:
    """Return every schedule with something to audit.

    The default schedule audits the projects that no other schedule names. With
    `projects = "all"` the others are known only during a run, so a scope names ids to keep or to
    leave out.
    """
    configured = frozenset(project.id for project in settings.projects)
    finds_others = settings.every_project is not None
    zone = settings.schedule.timezone
    found = []
    for table in settings.schedules:
        projects = frozenset(table.projects)
        scope = Scope(only=projects) if finds_others else Scope(elsewhere=configured - projects)
        found.append(
            Schedule(name=table.name, cron=table.cron, zone=table.timezone or zone, scope=scope)
        )
    named = frozenset(project for table in settings.schedules for project in table.projects)
    if finds_others or configured - named:
        usual = Schedule(
            name=DEFAULT_SCHEDULE,
            cron=settings.schedule.cron,
            zone=zone,
            scope=Scope(elsewhere=named),
        )
        found.insert(0, usual)
    return tuple(found)


def find_next_run(settings: Settings, at: datetime) -> datetime | None:
    """Return when the next run of any schedule is due."""
    times = (schedule.next_after(at) for schedule in find_schedules(settings))
    return min((time for time in times if time is not None), default=None)
