"""A crontab(5) line as an APScheduler trigger.

`CronTrigger` is not used. `from_crontab` counts Monday as 0, refuses 7 and `@daily`, and takes a
day of month and a day of week together where crontab takes either; `jitter=` loses a day when the
clocks go forward (apscheduler#606), and so does a slot at midnight without it.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger

from auditor.schedule import Cron, next_due


class SlotTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Fires at every slot of a schedule."""

    def __init__(self, cron: Cron, zone: ZoneInfo) -> None:
        self._cron = cron
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the first slot after both `previous_fire_time` and `now`."""
        slot = next_due(self._cron, self._zone, max(now, previous_fire_time or now))
        return slot.at if slot else None
