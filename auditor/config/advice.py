"""What can be used and still deserves a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from auditor.config.settings import DatabaseSettings, EmailSettings, ScheduleSettings, Settings

_HOURS_OF_CHANGE = frozenset({1, 2, 3})
_PASSWORD_IN_URL = re.compile(r"[^/?]*//[^/@]*:[^@]+@|.*[?&]password=")


def warnings(settings: Settings) -> tuple[str, ...]:
    """Return a sentence with a remedy for each setting that deserves a word."""
    return (
        *_clock_change(settings.schedule),
        *_plain_studio(settings.studio.base_url),
        *_password_in_url(settings.database),
        *(_plain_mail(settings.email) if settings.email else ()),
    )


def _clock_change(schedule: ScheduleSettings) -> Iterator[str]:
    if schedule.cron.hours & _HOURS_OF_CHANGE and _changes_clocks(schedule.timezone):
        yield (
            f"schedule.cron: {schedule.line!r} lies where {schedule.timezone.key} changes its "
            "clocks; on such a night a run comes once and up to an hour late "
            "(04:00 or later, or UTC, stays clear of it)"
        )


def _changes_clocks(zone: ZoneInfo) -> bool:
    # A year far ahead follows the zone's standing rule, not what it has given up since.
    days = (date(2037, 1, 1) + timedelta(days=day) for day in range(365))
    offsets = {datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset() for day in days}
    return len(offsets) > 1


def _plain_studio(base_url: str) -> Iterator[str]:
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        yield "studio.base_url: plain http sends credentials in clear (write https)"


def _password_in_url(database: DatabaseSettings) -> Iterator[str]:
    if _PASSWORD_IN_URL.match(database.url):
        yield (
            "database.url: holds a password, which whoever reads the file can read "
            "(keep it in ~/.pgpass or PGPASSWORD)"
        )


def _plain_mail(email: EmailSettings) -> Iterator[str]:
    if email.password and email.security == "none" and not _is_loopback(email.host):
        yield 'email.security: "none" sends the password in clear (write "starttls" or "tls")'


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
