"""APScheduler's wake-ups are the slots of the schedule, so that none is left to catch-up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from auditor.daemon.service import SlotTrigger
from auditor.schedule import Cron, next_due, parse_cron

LINES = (
    "15 3 * * *",
    "*/15 * * * *",
    "0 3 * * 7",
    "0 3 * * 0",
    "15 3 1 * mon",
    "30 2 * * fri-sun",
    "0 4 29 2 *",
    "5,35 1-5/2 1,15 jan,jul *",
    "0 4 */10 * mon",
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@yearly",
)
ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata")
START = datetime(2026, 11, 23, 3, 14, 59, 999_999, tzinfo=UTC)


def wake_ups(cron: Cron, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    waker, previous = SlotTrigger(cron, zone), None
    while True:
        previous = waker.get_next_fire_time(previous, previous or start.astimezone(zone))
        assert previous is not None
        yield previous.astimezone(UTC)


def slots(cron: Cron, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    while (slot := next_due(cron, zone, start)) is not None:
        start = slot.at
        yield start


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("line", LINES)
def test_wake_ups_are_the_slots_of_the_line(line: str, zone: str) -> None:
    cron, where = parse_cron(line), ZoneInfo(zone)

    expected = list(islice(slots(cron, where, START), 8))
    assert list(islice(wake_ups(cron, where, START), 8)) == expected


@pytest.mark.parametrize("line", ["30 2 * * *", "15 * * * *", "@daily", "@monthly"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles"])
def test_no_slot_is_without_its_wake_up_where_the_clocks_change(line: str, zone: str) -> None:
    """`CronTrigger` loses a midnight after the clocks went forward: @monthly a whole month."""
    cron, where = parse_cron(line), ZoneInfo(zone)
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)

    expected = list(islice(slots(cron, where, start), 40))
    assert list(islice(wake_ups(cron, where, start), 40)) == expected
