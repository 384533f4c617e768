"""Signs of life: the heartbeat around a run, and whether the auditor is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor import health
from auditor.app.clock import now
from auditor.config import Settings
from auditor.drift.model import Report
from auditor.health import Limits, Records
from auditor.schedule import newest_due

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.heartbeat import Heart

SCHEDULE = "nightly"  # the name of the one schedule, in the ledger


def heart(chosen: Settings, *, is_whole: bool = True) -> Heart:
    """Return what pings around a run; silent for one that leaves targets out."""
    from auditor.heartbeat import Heart  # noqa: PLC0415 - TLS takes its time

    return Heart(chosen.heartbeat if is_whole else None)


def complaints(chosen: Settings, held: Records, limits: Limits) -> tuple[str, ...]:
    """Return what is not well with the auditor, a sentence each."""
    at, schedule = now(), chosen.schedule
    seen = health.signs(held, schedule=SCHEDULE, line=schedule_line(chosen))
    due = newest_due(schedule.cron, schedule.timezone, at - limits.overdue)
    return health.complaints(seen, limits, due=due, now=at)


def schedule_line(chosen: Settings) -> str:
    """Return the schedule as the ledger names it."""
    return f"{chosen.schedule.line} {chosen.schedule.timezone.key}"


def beat_late(chosen: Settings, report: Report) -> None:
    """Ping success for a run whose last message was taken only now."""
    if did_its_work(report):
        heart(chosen).end(f"{totals_line(report)}, told late", is_well=True)


def totals_line(report: Report) -> str:
    """Return a run in numbers: no names, since the server of a heartbeat is a stranger."""
    run, totals = report.run, report.totals
    return (
        f"run {run.id} {run.status}: {totals.checked} of {totals.targets} blocks checked, "
        f"{totals.drifted} drifted, {totals.findings} findings"
    )


def did_its_work(report: Report) -> bool:
    """Return whether a run came to something: what it could not check is told by its report."""
    return report.run.status in health.WORKED
