"""What a configuration says, as frozen values: secrets read, paths absolute, times parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from auditor.credentials import Credential
from auditor.drift.filters import BlockFilter, ProjectFilter
from auditor.drift.rules import Rules
from auditor.drift.subscriptions import Subscription
from auditor.redaction import Secret
from auditor.retention import Retention
from auditor.schedule import Cron

LogFormat: TypeAlias = Literal["text", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioSettings:
    """How to ask Studio.

    Attributes:
        base_url: without a slash at its end.
        timeout: for one whole answer.
        max_bytes: of one decoded answer.
        per_second: requests a second at most, None for as many as come.
        proxy: its address, which may hold a password.
        ca_file: PEM certificates to trust in place of the usual authorities.
        client_certificate: PEM file of what the auditor shows; its key in it or in `client_key`.
    """

    base_url: str
    concurrency: int
    timeout: timedelta
    tries: int
    max_bytes: int
    per_second: float | None = None
    proxy: Secret | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the history lies.

    Attributes:
        url: for SQLAlchemy; may hold a password, so it shows itself only when asked for.
    """

    url: str = field(repr=False)
    auto_upgrade: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """When runs are due. `line` is `cron` as it was written."""

    cron: Cron
    line: str
    timezone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSchedule:
    """When the runs over some of the projects are due."""

    name: str
    when: ScheduleSettings
    projects: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """The folder of reports."""

    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """The mail server and who gets mail. `username` and `password` are both there or neither."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str | None
    password: Secret | None
    sender: str
    recipients: tuple[str, ...]
    send: Literal["always", "drift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """One project to audit.

    Attributes:
        name: how reports call it, None for Studio's own name.
        learn_blocks: the learn ids to audit, None for all that Studio lists.
        block_filter: which of the listed are audited, of those that `[studio]` lets in.
    """

    id: int
    name: str | None
    auth: Credential
    learn_blocks: tuple[int, ...] | None
    block_filter: BlockFilter = field(default_factory=BlockFilter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration that can be used.

    Attributes:
        schedule: of the projects that are in none of `schedules`.
        run_limit: how long a run may take.
        email: None where no mail is wanted.
        subscriptions: who gets a part of each report beside the recipients, who get all.
        every_project: the credential whose every project is audited, None where only `projects`
            are.
        project_filter: which of the projects that `every_project` sees are audited.
        block_filter: which learn blocks are, of every project whose blocks Studio lists.
        heartbeat: the URL that is pinged, a secret itself; None where none is.
        metrics: the file of metrics, None where none is wanted.
        rules: what the operator laid down, in the order of the file.
        retention: how long the history is kept, None for ever.
    """

    studio: StudioSettings
    database: DatabaseSettings
    schedule: ScheduleSettings
    reports: ReportSettings
    email: EmailSettings | None
    projects: tuple[ProjectSettings, ...]
    every_project: Credential | None
    schedules: tuple[NamedSchedule, ...] = ()
    run_limit: timedelta = timedelta(hours=4)
    project_filter: ProjectFilter = field(default_factory=ProjectFilter)
    block_filter: BlockFilter = field(default_factory=BlockFilter)
    subscriptions: tuple[Subscription, ...] = ()
    heartbeat: Secret | None = None
    metrics: Path | None = None
    log_format: LogFormat = "text"
    rules: Rules = field(default_factory=Rules)
    retention: Retention | None = None
