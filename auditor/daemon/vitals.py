"""The service's signs of life to others: the heartbeat of its runs, and the file of metrics."""

from __future__ import annotations

from collections.abc import Sequence

from auditor import app
from auditor.app import ClosedRun
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.model import Report
from auditor.protocols import Store


class Vitals:
    """What is still to be pinged and measured; every method waits for others, so in a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._closed: list[ClosedRun] = []
        self._late: Report | None = None  # its heartbeat said that it was not told yet
        self._is_measured = False

    def take(self, closed: ClosedRun) -> None:
        """Remember a run that came to its end: the next `tell` says how."""
        self._closed.append(closed)
        self._is_measured = False

    def forget_measure(self) -> None:
        """Measure again: the configuration may want it elsewhere."""
        self._is_measured = False

    def pending(self) -> tuple[ClosedRun, ...]:
        """Return the runs whose end was not pinged; messages tried from now on are theirs."""
        return tuple(self._closed)

    def tell(
        self, settings: Settings, closed: Sequence[ClosedRun], delivery: Delivery | None
    ) -> None:
        """Ping for runs whose messages were tried, and for one that is told late; measure."""
        if delivery is not None and delivery != Delivery():
            self._is_measured = False
        unsettled = {one.run_id for one in self._store.messages()}
        self._beat_late(settings, unsettled)
        for one in closed:
            self._beat(settings, one, unsettled)
        if not self._is_measured:
            self._is_measured = True
            app.write_metrics(settings, self._store)

    def _beat(self, settings: Settings, closed: ClosedRun, unsettled: set[int]) -> None:
        waits = closed.report.run.id in unsettled
        self._closed.remove(closed)
        self._late = closed.report if waits else None
        closed.end_heartbeat(is_delivered=not waits if settings.email else closed.page is not None)

    def _beat_late(self, settings: Settings, unsettled: set[int]) -> None:
        late = self._late
        if late is not None and late.run.id not in unsettled:
            self._late = None
            app.ping_late_success(settings, late)
