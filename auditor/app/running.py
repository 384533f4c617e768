"""Runs: what is ordered, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from auditor.app.asking import plan, studio
from auditor.app.clock import now
from auditor.app.keeping import prune_after_run
from auditor.app.telling import archive, deliver_all, mail_plan, publish
from auditor.app.vitals import did_its_work, heart, measure, totals_line
from auditor.audit.closing import close
from auditor.audit.dry import DryStore
from auditor.audit.inventory import Scope
from auditor.audit.run import Audit, Ended, Order, Watch
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.drift.model import Report
from auditor.ports import RunStore, Store
from auditor.schedule import next_due

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a run: its report, its page, its messages.

    Attributes:
        page: the path of the report's page, None where it could not be written.
        delivery: None where no mail is configured.
    """

    report: Report
    page: str | None
    delivery: Delivery | None

    @property
    def is_told(self) -> bool:
        """Return whether the server took every message; without mail, the page was written."""
        return self.delivery.is_complete if self.delivery else self.page is not None


async def run_and_tell(
    chosen: Settings, order: Order, held: Store, *, watch: Watch | None = None
) -> Told:
    """Run, close, write the page and try every queued message; the caller holds the run lock.

    A run over all targets pings the heartbeat as it begins, and once it is told.
    """
    watch = watch or Watch()
    pulse = heart(chosen, is_whole=not order.is_narrowed)
    pulse.start()
    try:
        asked = studio(chosen, stopping=watch.stopping)
        ended = await Audit(held, asked, now=now, watch=watch).run(order)
        told = await asyncio.to_thread(_tell, chosen, ended, held, watch)
    except BaseException as error:
        words = f"run failed: {type(error).__name__}"
        await asyncio.to_thread(pulse.end, words, is_well=False)
        raise
    is_well = told.is_told and did_its_work(told.report) and not watch.stopping()
    await asyncio.to_thread(pulse.end, totals_line(told.report), is_well=is_well)
    return told


def _tell(chosen: Settings, ended: Ended, held: Store, watch: Watch) -> Told:
    page = close(ended, held, archive=archive(chosen), mail=mail_plan(chosen), now=now)
    delivery = deliver_all(chosen, held, stopping=watch.stopping)
    if not watch.stopping():
        prune_after_run(chosen, held)
    publish(chosen, held, stopping=watch.stopping)
    measure(chosen, held)
    return Told(report=ended.report, page=page, delivery=delivery)


async def run_dry(
    chosen: Settings, order: Order, held: RunStore | None, *, watch: Watch | None = None
) -> Report:
    """Run without storing or sending anything; the report has no run id."""
    ended = await Audit(DryStore(held), studio(chosen), now=now, watch=watch).run(order)
    return replace(ended.report, run=replace(ended.report.run, id=None))


def next_run_at(chosen: Settings) -> datetime | None:
    """Return when the schedule runs next."""
    slot = next_due(chosen.schedule.cron, chosen.schedule.timezone, now())
    return slot.at if slot else None


def order(chosen: Settings, scope: Scope | None = None) -> Order:
    """Return the order for a manual run."""
    return Order(
        plan=plan(chosen),
        scope=scope or Scope(),
        concurrency=chosen.studio.concurrency,
        next_run_at=next_run_at(chosen),
        schedule_line=f"{chosen.schedule.line} ({chosen.schedule.timezone.key})",
        rules=chosen.rules,
        zone=chosen.schedule.timezone,
    )


def quickly(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, on uvloop where it is there."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
