"""Signs of life: the heartbeat around a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.config import Settings
from auditor.drift.model import Report, RunStatus

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.heartbeat import Heart


def heart(chosen: Settings, *, is_whole: bool = True) -> Heart:
    """Return what pings around a run; silent for one that leaves targets out."""
    from auditor.heartbeat import Heart  # noqa: PLC0415 - TLS takes its time

    return Heart(chosen.heartbeat if is_whole else None)


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
    return report.run.status in (RunStatus.COMPLETE, RunStatus.INCOMPLETE)
