"""A crontab(5) line as APScheduler triggers.

`CronTrigger.from_crontab` is not used: it counts Monday as 0, refuses 7 and `@daily`, and takes
a day of month and a day of week together where crontab takes either. `jitter=` is not used: it
loses a day when the clocks go forward (apscheduler#606).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from auditor.schedule import Cron

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # crontab counts from Sunday


def trigger(cron: Cron, zone: ZoneInfo) -> BaseTrigger:
    """Return the trigger that fires when the line says."""
    fields = {
        "minute": _numbers(cron.minutes),
        "hour": _numbers(cron.hours),
        "month": _numbers(cron.months),
        "timezone": zone,
    }
    days = {"day": _numbers(cron.days)}
    weekdays = {"day_of_week": ",".join(_DAYS[day] for day in sorted(cron.weekdays))}
    if cron.either_day:
        return OrTrigger([CronTrigger(**fields, **days), CronTrigger(**fields, **weekdays)])
    return CronTrigger(**fields, **days, **weekdays)


def _numbers(values: frozenset[int]) -> str:
    return ",".join(str(value) for value in sorted(values))
