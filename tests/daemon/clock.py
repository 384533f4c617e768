"""A clock that tests set: the time of day apart from the time that passes."""

from __future__ import annotations

from datetime import datetime, timedelta

from auditor.daemon.monitoring import Clock


class SetClock:
    """Shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._passed = timedelta()

    @property
    def clock(self) -> Clock:
        """Return it as the service reads it."""
        return Clock(now=lambda: self.now, monotonic=self._monotonic)

    def pass_(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time
        self._passed += time

    def set_by(self, time: timedelta) -> None:
        """Set the time of day without any time passing."""
        self.now += time

    def _monotonic(self) -> float:
        return self._passed.total_seconds()
