"""Warnings about a configuration that can be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from auditor.config.tables import DatabaseTable, EmailTable, Settings
from auditor.credentials import ApiKey
from auditor.drift.filters import matches_text
from auditor.drift.rule_paths import is_field, nearest_path
from auditor.drift.rules import IgnoreRule, Rules, SeverityRule, StateRule, TargetScope, Window
from auditor.model import TargetId
from auditor.redaction import shown
from auditor.schedule import Cron

_Rule: TypeAlias = SeverityRule | IgnoreRule | StateRule | Window

_HOURS_OF_CHANGE = frozenset({1, 2, 3})
# With TLS from the start on a port without, or the reverse, each side waits for the other.
_USUAL_SECURITY = {25: "starttls", 465: "tls", 587: "starttls"}
_PASSWORD_IN_URL = re.compile(r"[^/?]*//[^/@]*:[^@]+@|.*[?&]password=")


def warnings(settings: Settings) -> tuple[str, ...]:
    """Return a sentence with a remedy for each setting that is probably not meant so."""
    return (
        *_clock_changes(settings),
        *unencrypted_studio(settings.studio.base_url),
        *_pathless_studio(settings.studio.base_url),
        *_password_in_url(settings.database),
        *(_unencrypted_mail(settings.email) if settings.email else ()),
        *(_unusual_port(settings.email) if settings.email else ()),
        *_silent_mail(settings),
        *_unknown_fields(settings.rules),
        *_unaudited_scopes(settings),
        *_one_projects_key(settings),
        *_contradictions(settings),
    )


def _clock_changes(settings: Settings) -> Iterator[str]:
    usual = settings.schedule.timezone
    yield from _clock_change(settings.schedule.cron, usual, "schedule")
    for place, schedule in enumerate(settings.schedules):
        key = f"schedules[{place}]"
        yield from _clock_change(schedule.cron, schedule.timezone or usual, key)


def scopes(settings: Settings) -> Iterator[tuple[str, TargetScope]]:
    """Yield the key and the scope of each rule and each subscription."""
    for key, rule in _placed(settings.rules):
        yield key, rule.scope
    for place, subscription in enumerate(settings.subscriptions):
        yield f"subscriptions[{place}]", subscription.scope


def unencrypted_studio(base_url: str) -> Iterator[str]:
    """Yield a sentence if credentials would be sent where others can read them."""
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        yield "studio.base_url: http sends credentials unencrypted (use https)"


def _clock_change(cron: Cron, zone: ZoneInfo, key: str) -> Iterator[str]:
    if cron.hours & _HOURS_OF_CHANGE and _changes_clocks(zone):
        yield (
            f"{key}.cron: {cron.line!r} is in the hours in which {zone.key} changes its clocks; "
            "on such a day the run happens once and up to an hour late "
            "(to avoid this, use 04:00 or later, or UTC)"
        )


def _changes_clocks(zone: ZoneInfo) -> bool:
    # A year far ahead follows the zone's present rule: some zones changed their clocks once.
    days = (date(2037, 1, 1) + timedelta(days=day) for day in range(365))
    offsets = {datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset() for day in days}
    return len(offsets) > 1


def _pathless_studio(base_url: str) -> Iterator[str]:
    if not base_url.endswith("/v1"):
        yield (
            f"studio.base_url: does not end in /v1, where Studio's API is "
            f"(write {base_url}/v1, unless a proxy has it elsewhere)"
        )


def _password_in_url(database: DatabaseTable) -> Iterator[str]:
    if _PASSWORD_IN_URL.match(database.url):
        yield (
            "database.url: contains a password, which everyone who can read this file can see "
            "(move it to ~/.pgpass or PGPASSWORD)"
        )


def _unencrypted_mail(email: EmailTable) -> Iterator[str]:
    if email.password and email.security == "none" and not _is_loopback(email.host):
        yield 'email.security: "none" sends the password unencrypted (use "starttls" or "tls")'


def _unusual_port(email: EmailTable) -> Iterator[str]:
    usual = _USUAL_SECURITY.get(email.port, email.security)
    if (email.security == "tls") != (usual == "tls"):
        yield (
            f'email.security: "{email.security}" on port {email.port} usually gets no answer '
            f'(use "{usual}", or correct email.port)'
        )


def _unknown_fields(rules: Rules) -> Iterator[str]:
    for key, rule in _placed(rules):
        path = _path(rule)
        if path and not is_field(path):
            near = nearest_path(path)
            remedy = f"did you mean {near}?" if near else "correct only if Studio sends it"
            yield shown(f"{key}.path: the API has no field {path!r} ({remedy})")


def _unaudited_scopes(settings: Settings) -> Iterator[str]:
    audited = {project.id: project.named_blocks for project in settings.projects}
    remedy = "add it under [[projects]], or remove it here"
    finds_others = settings.every_project is not None  # `auditor check` looks those up
    for key, scope in scopes(settings):
        for project in sorted(scope.projects - set(audited)):
            if not finds_others:
                yield f"{key}.projects: project {project} is not audited ({remedy})"
        for block in sorted(scope.blocks):
            is_found = finds_others and block.project_id not in audited
            if not is_found and not _is_audited(block, audited):
                yield f"{key}.blocks: block {block} is not audited ({remedy})"


def _is_audited(block: TargetId, audited: Mapping[int, tuple[int, ...] | None]) -> bool:
    named = audited.get(block.project_id, ())
    return named is None or block.learn_id in named


def _one_projects_key(settings: Settings) -> Iterator[str]:
    if isinstance(settings.every_project, ApiKey):
        yield (
            'studio.projects: "all" with an api_key audits only the project of that key '
            "(to audit every project, use auth with a user's credential)"
        )


def _contradictions(settings: Settings) -> Iterator[str]:
    filters = {"studio": settings.studio.block_filter}
    filters |= {f"projects[{n}]": table.block_filter for n, table in enumerate(settings.projects)}
    for key, block_filter in filters.items():
        for name, include, exclude in (
            ("types", block_filter.include.types, block_filter.exclude.types),
            ("names", block_filter.include.names, block_filter.exclude.names),
        ):
            if include and all(_is_excluded(text, exclude) for text in include):
                yield (
                    f"{key}.exclude.{name}: excludes everything that {key}.include.{name} "
                    "includes, so nothing is audited (remove a pattern)"
                )


def _is_excluded(pattern: str, exclude: Iterable[str]) -> bool:
    """Return whether all that a pattern matches is certainly excluded."""
    # A `*` may be read as a letter of the pattern; `?` and `[ab]` would not mean the same.
    return "[" not in pattern and any(
        matches_text(pattern, excluded) for excluded in exclude if not set(excluded) & set("?[")
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


def _silent_mail(settings: Settings) -> Iterator[str]:
    send = settings.email.send if settings.email is not None else "always"
    if send != "always" and settings.heartbeat.url is None:
        meaning = "no drift" if send == "drift" else "a week that is not over"
        yield (
            f'email.send: with "{send}" no mail can mean {meaning} or a dead auditor '
            '(use "always", set heartbeat.url, or monitor `auditor status --exit-code`)'
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
