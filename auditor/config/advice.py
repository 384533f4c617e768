"""What can be used and still deserves a word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from auditor.config.settings import DatabaseSettings, EmailSettings, ScheduleSettings, Settings
from auditor.credentials import ApiKey
from auditor.drift.fields import FIELDS
from auditor.drift.filters import is_like
from auditor.drift.rules import IgnoreRule, Rules, Scope, SeverityRule, StateRule, Window
from auditor.model import TargetId
from auditor.redaction import shown

_Rule: TypeAlias = SeverityRule | IgnoreRule | StateRule | Window

_HOURS_OF_CHANGE = frozenset({1, 2, 3})
_TOP_LEVEL = tuple(pattern for pattern in FIELDS if not set(pattern) & set(".[{"))
_FIRST_NAME = re.compile(r"([^.\[*]*\*?).*")
_PASSWORD_IN_URL = re.compile(r"[^/?]*//[^/@]*:[^@]+@|.*[?&]password=")


def warnings(settings: Settings) -> tuple[str, ...]:
    """Return a sentence with a remedy for each setting that deserves a word."""
    return (
        *_clock_change(settings.schedule, "schedule"),
        *_clock_changes(settings),
        *_plain_studio(settings.studio.base_url),
        *_password_in_url(settings.database),
        *(_plain_mail(settings.email) if settings.email else ()),
        *_quiet_mail(settings),
        *_unknown_fields(settings.rules),
        *_unaudited_scopes(settings),
        *_one_projects_key(settings),
        *_contradictions(settings),
    )


def _clock_changes(settings: Settings) -> Iterator[str]:
    for place, one in enumerate(settings.schedules):
        yield from _clock_change(one.when, f"schedules[{place}]")


def scopes(settings: Settings) -> Iterator[tuple[str, Scope]]:
    """Yield the key of each rule and each reader of a part, with the targets that it is for."""
    for key, rule in _placed(settings.rules):
        yield key, rule.scope
    for place, one in enumerate(settings.subscriptions):
        yield f"subscriptions[{place}]", one.scope


def _clock_change(schedule: ScheduleSettings, key: str) -> Iterator[str]:
    if schedule.cron.hours & _HOURS_OF_CHANGE and _changes_clocks(schedule.timezone):
        yield (
            f"{key}.cron: {schedule.line!r} lies where {schedule.timezone.key} changes its "
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


def _unknown_fields(rules: Rules) -> Iterator[str]:
    for key, rule in _placed(rules):
        path = _path(rule)
        first = _FIRST_NAME.sub(r"\1", path) or path
        if path and not _is_known(first):
            yield shown(f"{key}.path: the schema has no field {first!r} ({_meant(first)})")


def _is_known(name: str) -> bool:
    if name.endswith("*"):
        return any(field.startswith(name[:-1]) for field in _TOP_LEVEL)
    return name in _TOP_LEVEL


def _meant(name: str) -> str:
    by_lower = {field.lower(): field for field in _TOP_LEVEL}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]}?" if close else "right only if Studio sends it"


def _unaudited_scopes(settings: Settings) -> Iterator[str]:
    audited = {project.id: project.learn_blocks for project in settings.projects}
    remedy = "name it under [[projects]], or leave it out here"
    finds_others = settings.every_project is not None  # `auditor check` looks those up
    for key, scope in scopes(settings):
        for project in sorted(scope.projects - set(audited)):
            if not finds_others:
                yield f"{key}.projects: project {project} is not audited ({remedy})"
        for block in sorted(scope.blocks):
            is_found = finds_others and block.project_id not in audited
            if not is_found and not _is_audited(block, audited):
                yield f"{key}.blocks: learn block {block} is not audited ({remedy})"


def _is_audited(block: TargetId, audited: Mapping[int, tuple[int, ...] | None]) -> bool:
    named = audited.get(block.project_id, ())
    return named is None or block.learn_id in named


def _one_projects_key(settings: Settings) -> Iterator[str]:
    if isinstance(settings.every_project, ApiKey):
        yield (
            'studio.projects: "all" with an api_key is one project, the one that the key belongs '
            "to (a user's credential sees more: write auth)"
        )


def _contradictions(settings: Settings) -> Iterator[str]:
    filters = {"studio": settings.block_filter}
    filters |= {f"projects[{n}]": one.block_filter for n, one in enumerate(settings.projects)}
    for key, one in filters.items():
        for name, include, exclude in (
            ("types", one.include.types, one.exclude.types),
            ("names", one.include.names, one.exclude.names),
        ):
            if include and all(_is_left_out(text, exclude) for text in include):
                yield (
                    f"{key}.exclude.{name}: leaves out all that {key}.include.{name} lets in, so "
                    "nothing is audited (write fewer patterns)"
                )


def _is_left_out(pattern: str, exclude: Iterable[str]) -> bool:
    """Return whether all that a pattern matches is left out; certain, but not exhaustive."""
    # A `*` may be read as a letter of the pattern; `?` and `[ab]` would not mean the same.
    return "[" not in pattern and any(
        is_like(pattern, one) for one in exclude if not set(one) & set("?[")
    )


def _placed(rules: Rules) -> Iterator[tuple[str, _Rule]]:
    named: dict[str, tuple[_Rule, ...]] = {
        "severity": rules.severities,
        "ignore": rules.ignores,
        "rules": rules.states,
        "windows": rules.windows,
    }
    for name, group in named.items():
        for place, rule in enumerate(group):
            yield f"{name}[{place}]", rule


def _path(rule: _Rule) -> str:
    match rule:
        case SeverityRule() | IgnoreRule():
            return rule.subject.path
        case StateRule():
            return rule.path
        case Window():
            return ""


def _quiet_mail(settings: Settings) -> Iterator[str]:
    is_quiet = settings.email is not None and settings.email.send == "drift"
    if is_quiet and settings.heartbeat is None:
        yield (
            'email.send: "drift" mails nothing on a quiet night, so a dead auditor looks like one '
            '(write "always", give [heartbeat] a url, or watch `auditor status --exit-code`)'
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
