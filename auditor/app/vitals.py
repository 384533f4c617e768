"""Signs of life: the heartbeat around a run, metrics, and whether the auditor is well."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor import __version__, health
from auditor.app.clock import now
from auditor.app.schedules import schedules
from auditor.config import Settings
from auditor.errors import StoreError
from auditor.health import Records
from auditor.model import Report
from auditor.schedule import newest_due

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.heartbeat import Heartbeat
    from auditor.rendering.metrics import Measured

logger = logging.getLogger(__name__)

_FOR_ALL = 0o644  # the collector runs as another user


def heart(chosen: Settings, *, is_whole: bool = True) -> Heartbeat:
    """Return what pings around a run; silent for one that leaves targets out."""
    from auditor.heartbeat import Heartbeat  # noqa: PLC0415 - TLS takes its time

    return Heartbeat(chosen.heartbeat.url if is_whole else None)


def complaints(
    chosen: Settings, held: Records, *, unknown_for: timedelta, overdue_by: timedelta
) -> tuple[str, ...]:
    """Return what is not well with the auditor, a sentence each."""
    at = now()
    slots = [(one, newest_due(one.cron, one.zone, at - overdue_by)) for one in schedules(chosen)]
    dues = [health.Due(one.name, one.line, slot) for one, slot in slots if slot]
    return health.complaints(health.signs(held, dues), unknown_for=unknown_for, now=at)


def beat_late(chosen: Settings, report: Report) -> None:
    """Ping success for a run whose last message was taken only now."""
    if did_its_work(report):
        heart(chosen).end(f"{totals_line(report)}, told late", is_well=True)


def measure(chosen: Settings, held: Records) -> None:
    """Write the file of metrics where one is wanted; what goes wrong is logged, no more."""
    if chosen.metrics.textfile is None:
        return
    from auditor.rendering.archive import replace_file  # noqa: PLC0415
    from auditor.rendering.metrics import metrics_text  # noqa: PLC0415

    try:
        text = metrics_text(_measured(held))
        replace_file(chosen.metrics.textfile, text.encode(), mode=_FOR_ALL)
    except (OSError, StoreError) as error:
        logger.error("metrics not written: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("metrics not written")


def _measured(held: Records) -> Measured:
    from auditor.rendering.metrics import Measured  # noqa: PLC0415

    runs = held.all_runs()
    last = health.newest_whole(held, runs, health.CLOSED)
    briefs = held.brief_reports([last.id]) if last is not None and last.id is not None else ()
    return Measured(
        version=__version__,
        last=briefs[0] if briefs else None,
        success=health.newest_whole(held, runs, health.WORKED),
        statuses=held.statuses(),
        messages=held.messages(),
    )


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
