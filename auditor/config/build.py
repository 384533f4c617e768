"""From a file to settings: read, validate, and turn what was validated into plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from auditor.config import tables
from auditor.config.checks import cross_problems
from auditor.config.location import read
from auditor.config.logins import login_problems
from auditor.config.problems import shape_problems
from auditor.config.settings import (
    DatabaseSettings,
    EmailSettings,
    NamedSchedule,
    ProjectSettings,
    ReportSettings,
    ScheduleSettings,
    Settings,
    StudioSettings,
)
from auditor.config.surroundings import Surroundings
from auditor.config.values import in_utc
from auditor.credentials import (
    ApiKey,
    BearerToken,
    ClientCredentials,
    Credential,
    JwtCookie,
    JwtHeader,
    PasswordGrant,
    StoredLogin,
)
from auditor.drift.filters import BlockFilter, Patterns, ProjectFilter
from auditor.drift.rules import (
    Between,
    Condition,
    IgnoreRule,
    OneOf,
    Rules,
    Scope,
    SeverityRule,
    StaleAtMost,
    StateRule,
    Subject,
    Window,
)
from auditor.drift.subscriptions import Subscription
from auditor.errors import ConfigError, Problem
from auditor.model import Area, Severity
from auditor.redaction import Secret
from auditor.retention import Retention
from auditor.schedule import parse_cron

_TABLES_WITH_DEFAULTS: dict[str, Any] = {
    "studio": {},
    "database": {},
    "schedule": {},
    "reports": {},
    "heartbeat": {},
    "metrics": {},
    "log": {},
}


def load(path: Path, *, environ: Mapping[str, str], reads_secrets: bool = True) -> Settings:
    """Return what the file says, secrets read and paths absolute.

    Who only looks at what is stored needs no secret: without `reads_secrets` none is looked for.

    Raises:
        ConfigError: it cannot be used; every wrong key is named.
    """
    written = read(path)
    document = _TABLES_WITH_DEFAULTS | written
    around = Surroundings(
        folder=path.absolute().parent, environ=environ, reads_secrets=reads_secrets
    )
    problems = [*cross_problems(written), *login_problems(written, around, path)]
    try:
        valid = tables.Document.model_validate(document, context=around)
    except ValidationError as error:
        problems = shape_problems(error, document) + problems
        # The cause would show what was written, secrets included.
        raise _unusable(path, problems) from None
    if problems:
        raise _unusable(path, problems)
    return _settings(valid)


def _unusable(path: Path, problems: list[Problem]) -> ConfigError:
    return ConfigError(str(path), tuple(problems))


def _settings(document: tables.Document) -> Settings:
    studio = document.studio
    shared = _auth(studio.api_key, studio.auth)
    return Settings(
        studio=_studio(studio),
        database=DatabaseSettings(
            url=document.database.url, auto_upgrade=document.database.auto_upgrade
        ),
        schedule=_schedule(document.schedule),
        schedules=tuple(_named(table, document.schedule) for table in document.schedules),
        run_limit=timedelta(seconds=document.schedule.limit_s),
        reports=ReportSettings(directory=Path(document.reports.directory)),
        email=_email(document.email) if document.email else None,
        projects=tuple(_project(project, shared) for project in document.projects),
        subscriptions=tuple(_subscription(table) for table in document.subscriptions),
        every_project=shared if studio.projects == "all" else None,
        project_filter=ProjectFilter(
            include=tuple(studio.include_projects or ()),
            exclude=tuple(studio.exclude_projects or ()),
        ),
        block_filter=_filter(studio),
        heartbeat=document.heartbeat.url,
        metrics=Path(document.metrics.textfile) if document.metrics.textfile else None,
        log_format=document.log.format,
        rules=_rules(document),
        retention=_retention(document.retention) if document.retention else None,
    )


def _studio(table: tables.StudioTable) -> StudioSettings:
    return StudioSettings(
        base_url=table.base_url,
        concurrency=table.concurrency,
        timeout=timedelta(seconds=table.timeout_s),
        tries=table.tries,
        max_bytes=table.max_bytes,
        per_second=table.requests_per_s,
        proxy=table.proxy,
        ca_file=_path(table.ca_file),
        client_certificate=_path(table.client_certificate),
        client_key=_path(table.client_key),
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _schedule(table: tables.ScheduleTable) -> ScheduleSettings:
    return ScheduleSettings(
        cron=parse_cron(table.cron), line=table.cron, timezone=ZoneInfo(table.timezone)
    )


def _named(table: tables.NamedScheduleTable, usual: tables.ScheduleTable) -> NamedSchedule:
    when = usual.model_copy(
        update={"cron": table.cron, "timezone": table.timezone or usual.timezone}
    )
    return NamedSchedule(name=table.name, when=_schedule(when), projects=frozenset(table.projects))


def _email(table: tables.EmailTable) -> EmailSettings:
    return EmailSettings(
        host=table.host,
        port=table.port,
        security=table.security,
        username=table.username,
        password=table.password,
        sender=table.sender,
        recipients=tuple(table.recipients),
        send=table.send,
    )


def _retention(table: tables.RetentionTable) -> Retention:
    return Retention(
        keep=timedelta(days=table.keep_days),
        versions=table.keep_versions,
        monthly=table.keep_monthly,
    )


def _project(table: tables.ProjectTable, shared: Credential | None) -> ProjectSettings:
    auth = _auth(table.api_key, table.auth) or shared
    if auth is None:
        raise AssertionError("checks let a project without a credential pass")
    blocks = table.learn_blocks
    return ProjectSettings(
        id=table.id,
        name=table.name,
        auth=auth,
        learn_blocks=None if blocks == "all" else tuple(blocks),
        block_filter=_filter(table),
    )


def _filter(table: tables.StudioTable | tables.ProjectTable) -> BlockFilter:
    return BlockFilter(include=_patterns(table.include), exclude=_patterns(table.exclude))


def _patterns(table: tables.FilterTable | None) -> Patterns:
    if table is None:
        return Patterns()
    return Patterns(types=tuple(table.types or ()), names=tuple(table.names or ()))


def _auth(api_key: Secret | None, table: tables.AuthTable | None) -> Credential | None:
    if api_key is not None:
        return ApiKey(api_key)
    match table:
        case None:
            return None
        case tables.JwtTable(type="jwt", token=token):
            return JwtHeader(token)
        case tables.JwtTable(token=token):
            return JwtCookie(token)
        case _:
            return _oauth2(table)


def _oauth2(
    table: tables.ClientCredentialsTable
    | tables.PasswordTable
    | tables.AuthorizationCodeTable
    | tables.TokenTable,
) -> Credential:
    match table:
        case tables.ClientCredentialsTable(client_id=client_id, client_secret=client_secret):
            return ClientCredentials(client_id, client_secret)
        case tables.PasswordTable(client_id=client_id, username=username, password=password):
            return PasswordGrant(client_id, username, password)
        case tables.AuthorizationCodeTable(client_id=client_id, token_file=token_file):
            return StoredLogin(client_id, Path(token_file))
        case tables.TokenTable(access_token=access_token):
            return BearerToken(access_token)
        case _:
            assert_never(table)


def _rules(document: tables.Document) -> Rules:
    zone = ZoneInfo(document.schedule.timezone)
    return Rules(
        severities=tuple(_severity(*placed) for placed in enumerate(document.severity)),
        ignores=tuple(_ignore(table) for table in document.ignore),
        windows=tuple(_window(table, zone) for table in document.windows),
        states=tuple(_state(table) for table in document.rules),
    )


def _severity(place: int, table: tables.SeverityTable) -> SeverityRule:
    return SeverityRule(
        name=f"config:severity[{place}]",
        subject=_subject(table),
        severity=Severity(table.severity),
        scope=_scope(table),
    )


def _ignore(table: tables.IgnoreTable) -> IgnoreRule:
    subject = _subject(table)
    return IgnoreRule(
        name=table.name or str(subject),
        subject=subject,
        reason=table.reason,
        author=table.author,
        until=table.until,
        scope=_scope(table),
    )


def _window(table: tables.WindowTable, zone: ZoneInfo) -> Window:
    return Window(
        reason=table.reason,
        author=table.author,
        starts_at=in_utc(table.from_, zone),
        ends_at=in_utc(table.until, zone),
        scope=_scope(table),
    )


def _state(table: tables.RuleTable) -> StateRule:
    return StateRule(
        name=table.name,
        condition=_condition(table),
        path=table.path or "",
        severity=Severity(table.severity),
        scope=_scope(table),
    )


def _condition(table: tables.RuleTable) -> Condition:
    if table.between is not None:
        low, high = table.between
        return Between(low, high)
    if table.stale_at_most_days is not None:
        return StaleAtMost(table.stale_at_most_days)
    if table.is_ is not None:
        return OneOf((table.is_,))
    return OneOf(tuple(table.one_of or ()))


def _subscription(table: tables.SubscriptionTable) -> Subscription:
    return Subscription(
        recipient=table.recipient,
        scope=_scope(table),
        areas=frozenset(Area(area) for area in table.areas or ()),
        least=Severity(table.severity),
        gets=frozenset(table.gets),
    )


def _subject(table: tables.SubjectTable) -> Subject:
    return Subject(path=table.path or "", area=Area(table.area) if table.area else None)


def _scope(table: tables.ScopedTable) -> Scope:
    return Scope(projects=frozenset(table.projects or ()), blocks=frozenset(table.blocks or ()))
