"""Delivering for a while after a run, for machines where no service does it."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from dataclasses import dataclass, field
from datetime import timedelta

from auditor import app
from auditor.config import Settings
from auditor.protocols import Store
from auditor.records import SignKind
from auditor.report import Report

logger = logging.getLogger(__name__)

_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Waiting:
    """Delivers until nothing is queued, a time limit, or SIGINT or SIGTERM.

    Attributes:
        stopped_by: the signal that ended it.
        stop: ends it once it is set; no attempt is cut short.
    """

    settings: Settings
    limit: timedelta
    stopped_by: signal.Signals | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def deliver(self, report: Report) -> bool:
        """Deliver what a run left queued; return whether its report is delivered in the end.

        The run's lock is free meanwhile: other runs take place.
        """
        with app.open_store(self.settings) as store:
            nothing_left = app.run_async(self._deliver(store))
            run_id = report.run.id or 0
            if not nothing_left or store.undelivered_runs([run_id]):
                return False
        if report.is_whole:
            app.ping_late_success(self.settings, report)
        return True

    async def _deliver(self, store: Store) -> bool:
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self._end, number)
        logger.info(
            "messages wait for another attempt",
            extra={"most_s": round(self.limit.total_seconds())},
        )
        app.sign(store, SignKind.DELIVERY)
        try:
            return await asyncio.to_thread(
                app.keep_delivering,
                self.settings,
                store,
                limit=self.limit,
                wait=self.stop.wait,
                after_attempt=lambda: self._after_attempt(store),
            )
        finally:
            app.sign(store, SignKind.DELIVERY, is_over=True)
            for number in _STOPS:
                loop.remove_signal_handler(number)

    def _after_attempt(self, store: Store) -> None:
        app.sign(store, SignKind.DELIVERY)
        app.write_metrics(self.settings, store)

    def _end(self, number: signal.Signals) -> None:
        self.stopped_by = number
        self.stop.set()
