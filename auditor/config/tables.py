"""The configuration's tables and keys with their defaults, and the settings that they yield.

The one list of what a configuration may say: each table is a frozen model whose fields are the
keys, and whose properties are the values that the program works with. The forms of `auth` and the
operator's rules are in modules of their own. Tags of union members are in angle brackets, so that
no tag is taken for a key.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, Tag

from auditor import credentials
from auditor.config.auth_tables import AnyAuth
from auditor.config.base import Table
from auditor.config.rule_tables import (
    IgnoreTable,
    RuleTable,
    SeverityTable,
    SiblingsTable,
    SubscriptionTable,
    WindowTable,
)
from auditor.config.values import (
    Address,
    AnyPath,
    AnySecret,
    BaseUrl,
    ChannelUrl,
    CronLine,
    DatabaseUrl,
    FromList,
    Glob,
    HeaderSecret,
    HeloName,
    Identifier,
    LineOfText,
    MailHost,
    MetricsFile,
    NotEmpty,
    PemFile,
    PingUrl,
    ProjectPatterns,
    ProjectScope,
    ProxyAddress,
    ReportsUrl,
    Zone,
    refusal,
)
from auditor.context import ContextScope
from auditor.drift.filters import BlockFilter, Patterns, ProjectFilter
from auditor.drift.rules import (
    Rules,
)
from auditor.drift.subscriptions import Subscription
from auditor.model import TargetId
from auditor.retention import Retention
from auditor.schedule import parse_cron


def _blocks(value: object) -> object:
    if value != "all" and not isinstance(value, list):
        raise refusal("is not a list of learn blocks", 'write their ids, [3, 7], or "all"')
    if value == []:
        raise refusal("is empty, so nothing is audited", 'list a learn block or write "all"')
    return value


def _blocks_tag(value: object) -> str:
    return "<ids>" if isinstance(value, list) else "<all>"


LearnBlocks = Annotated[
    Annotated[tuple[Identifier, ...], FromList, Tag("<ids>")]
    | Annotated[Literal["all"], Tag("<all>")],
    Discriminator(_blocks_tag),
    BeforeValidator(_blocks),
]


class FilterTable(Table):
    """`include` or `exclude`: patterns of types and names of learn blocks."""

    types: Annotated[tuple[Glob, ...], FromList, NotEmpty] | None = None
    names: Annotated[tuple[Glob, ...], FromList, NotEmpty] | None = None

    @property
    def patterns(self) -> Patterns:
        """Return the patterns."""
        return Patterns(types=self.types or (), names=self.names or ())


class _AuditedTable(Table):
    """What `[studio]` and each of `[[projects]]` may say: a credential, and which blocks."""

    api_key: HeaderSecret | None = None
    auth: AnyAuth | None = None
    include: FilterTable | None = None
    exclude: FilterTable | None = None
    impulse: bool = True

    @property
    def credential(self) -> credentials.Credential | None:
        """Return the table's own credential."""
        if self.api_key is not None:
            return credentials.ApiKey(self.api_key)
        return None if self.auth is None else self.auth.credential

    @property
    def block_filter(self) -> BlockFilter:
        """Return which of the listed blocks are audited."""
        return BlockFilter(
            include=self.include.patterns if self.include else Patterns(),
            exclude=self.exclude.patterns if self.exclude else Patterns(),
        )


class StudioTable(_AuditedTable):
    """`[studio]`: how to ask Studio."""

    base_url: BaseUrl = "https://studio.edgeimpulse.com/v1"
    concurrency: int = Field(8, ge=1, le=256)
    timeout_s: float = Field(30, gt=0, le=3600, allow_inf_nan=False)
    tries: int = Field(4, ge=1, le=20)
    max_bytes: int = Field(16 * 1024 * 1024, ge=1, le=2**30)
    requests_per_s: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False)
    proxy: ProxyAddress | None = None
    ca_file: PemFile | None = None
    client_certificate: PemFile | None = None
    client_key: PemFile | None = None
    projects: Literal["all"] | None = None
    include_projects: ProjectPatterns | None = None
    exclude_projects: ProjectPatterns | None = None

    @property
    def timeout(self) -> timedelta:
        """Return how long one whole answer may take."""
        return timedelta(seconds=self.timeout_s)


class DatabaseTable(Table):
    """`[database]`. The URL is SQLAlchemy's, and may hold a password."""

    url: DatabaseUrl = Field("sqlite:///auditor.db", repr=False)
    auto_upgrade: bool = True


class ScheduleTable(Table):
    """`[schedule]`: when the projects that are in none of `[[schedules]]` are audited."""

    cron: CronLine = parse_cron("15 3 * * *")
    timezone: Zone = ZoneInfo("UTC")
    limit_s: float = Field(14400, gt=0, le=604800, allow_inf_nan=False)

    @property
    def limit(self) -> timedelta:
        """Return how long a run of any schedule may take."""
        return timedelta(seconds=self.limit_s)


class NamedScheduleTable(Table):
    """One of `[[schedules]]`: when some of the projects are audited."""

    name: LineOfText
    cron: CronLine
    timezone: Zone | None = None
    projects: ProjectScope


class ReportsTable(Table):
    """`[reports]`: the folder of pages, where its readers find it, and the zone of times.

    Attributes:
        url: the folder's address, with a slash at its end; None where nothing serves it.
    """

    directory: AnyPath = Path("reports")
    url: ReportsUrl | None = None
    timezone: Zone | None = None


Send: TypeAlias = Literal["always", "drift", "weekly"]


class EmailTable(Table):
    """`[email]`: the mail server and who gets mail. A login has both a name and a password."""

    host: MailHost = "localhost"
    port: int = Field(25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    helo: HeloName | None = None
    ca_file: PemFile | None = None
    attach: Literal["cut", "never"] = "cut"
    username: LineOfText | None = None
    password: AnySecret | None = None
    sender: Address
    recipients: Annotated[tuple[Address, ...], FromList]
    send: Send = "always"


class ChannelTable(Table):
    """One of `[[channels]]`: a service other than mail that gets reports.

    Attributes:
        url: a secret; what it may be depends on the format, which is read first.
        secret: signs the JSON.
    """

    name: LineOfText
    format: Literal["summary", "json"] = "summary"
    url: ChannelUrl
    send: Send = "always"
    secret: AnySecret | None = None


class RetentionTable(Table):
    """`[retention]`."""

    keep_days: int = Field(1825, ge=0, le=36500)
    keep_versions: int = Field(100, ge=1, le=2**31)
    keep_monthly: bool = True

    @property
    def retention(self) -> Retention:
        """Return the rules of retention."""
        return Retention(
            keep=timedelta(days=self.keep_days),
            versions=self.keep_versions,
            monthly=self.keep_monthly,
        )


class HeartbeatTable(Table):
    """`[heartbeat]`. Whoever knows the URL can ping it, so it is a secret."""

    url: PingUrl | None = None


class MetricsTable(Table):
    """`[metrics]`."""

    textfile: MetricsFile | None = None


class WorkersTable(Table):
    """`[workers]`."""

    enabled: bool = False
    batch: int = Field(200, ge=1, le=1000)
    lost_after_s: float = Field(30, ge=3, le=3600, allow_inf_nan=False)

    @property
    def lost_after(self) -> timedelta:
        """Return how long a worker gives no sign of life before it counts as dead."""
        return timedelta(seconds=self.lost_after_s)


LogFormat: TypeAlias = Literal["text", "json"]


class LogTable(Table):
    """`[log]`."""

    format: LogFormat = "text"


class ProjectTable(_AuditedTable):
    """One of `[[projects]]`: a project to audit."""

    id: Identifier
    name: LineOfText | None = None
    learn_blocks: LearnBlocks = "all"

    @property
    def named_blocks(self) -> tuple[int, ...] | None:
        """Return the ids of the learn blocks to audit, None for all that Studio lists."""
        return None if self.learn_blocks == "all" else self.learn_blocks


class ContextTable(Table):
    """`[context]`: what is asked for beside the configuration of blocks."""

    training: bool = True
    deployments: bool = True

    @property
    def scope(self) -> ContextScope:
        """Return what a run asks for."""
        return ContextScope(training=self.training, deployments=self.deployments)


class Settings(Table):
    """A whole configuration that can be used: secrets read, paths absolute, times parsed.

    Fields whose name ends in `_table` or `_tables` are written without it; a property of the
    written name is what they yield. Tables without a default are filled in by `load`.

    Attributes:
        email: None where no mail is wanted.
    """

    studio: StudioTable
    database: DatabaseTable
    schedule: ScheduleTable
    reports: ReportsTable
    heartbeat: HeartbeatTable
    metrics: MetricsTable
    log: LogTable
    context: ContextTable
    workers: WorkersTable
    email: EmailTable | None = None
    channels: Annotated[tuple[ChannelTable, ...], FromList] = ()
    retention_table: RetentionTable | None = Field(None, alias="retention")
    projects: Annotated[tuple[ProjectTable, ...], FromList] = ()
    schedules: Annotated[tuple[NamedScheduleTable, ...], FromList] = ()
    severity: Annotated[tuple[SeverityTable, ...], FromList] = ()
    ignore: Annotated[tuple[IgnoreTable, ...], FromList] = ()
    rule_tables: Annotated[tuple[RuleTable, ...], FromList] = Field((), alias="rules")
    windows: Annotated[tuple[WindowTable, ...], FromList] = ()
    subscription_tables: Annotated[tuple[SubscriptionTable, ...], FromList] = Field(
        (), alias="subscriptions"
    )
    sibling_tables: Annotated[tuple[SiblingsTable, ...], FromList] = Field((), alias="siblings")

    _file: Path | None = PrivateAttr(None)

    @property
    def every_project(self) -> credentials.Credential | None:
        """Return the credential whose every project is audited, or None if `projects` are all."""
        return self.studio.credential if self.studio.projects == "all" else None

    @property
    def project_filter(self) -> ProjectFilter:
        """Return which of the projects that `every_project` sees are audited."""
        return ProjectFilter(
            include=self.studio.include_projects or (), exclude=self.studio.exclude_projects or ()
        )

    @property
    def rules(self) -> Rules:
        """Return the operator's rules, in the order of the file."""
        return Rules(
            severities=tuple(
                table.rule(f"config:severity[{place}]")
                for place, table in enumerate(self.severity)
            ),
            ignores=tuple(table.rule for table in self.ignore),
            windows=tuple(table.window(self.schedule.timezone) for table in self.windows),
            states=tuple(table.rule for table in self.rule_tables),
        )

    @property
    def reader_zone(self) -> ZoneInfo:
        """Return the time zone of whatever people read, by default the schedule's."""
        return self.reports.timezone or self.schedule.timezone

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return who gets a part of each report; all others get all of it."""
        return tuple(table.subscription for table in self.subscription_tables)

    @property
    def sends_reports(self) -> bool:
        """Return whether reports are sent to anybody, by mail or to a channel."""
        return self.email is not None or bool(self.channels)

    @property
    def siblings(self) -> tuple[tuple[TargetId, ...], ...]:
        """Return groups of blocks that should be alike in what people set."""
        return tuple(tuple(dict.fromkeys(table.targets)) for table in self.sibling_tables)

    @property
    def retention(self) -> Retention | None:
        """Return how long the history is kept, None for ever."""
        return self.retention_table.retention if self.retention_table else None

    def credential_of(self, project: ProjectTable) -> credentials.Credential:
        """Return the credential of a project: its own, else the shared one of `[studio]`."""
        credential = project.credential or self.studio.credential
        if credential is None:
            raise AssertionError("checks let a project without a credential pass")
        return credential

    @property
    def file(self) -> Path | None:
        """Return the file that the settings were read from."""
        return self._file

    def of_file(self, path: Path) -> Self:
        """Return the settings as read from a file."""
        read = self.model_copy()
        read._file = path  # noqa: SLF001 - its own
        return read

    def with_database(self, database: DatabaseTable) -> Self:
        """Return the settings with another database."""
        return self.model_copy(update={"database": database})
