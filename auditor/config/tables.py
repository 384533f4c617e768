"""The configuration's tables and keys with their defaults, and the settings that they yield.

The one list of what a configuration may say: each table is a frozen model whose fields are the
keys, and whose properties are the values that the program works with. Tags of union members are
in angle brackets, so that no tag is taken for a key.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PrivateAttr, Tag

from auditor import credentials
from auditor.config.values import (
    Address,
    AnyPath,
    AnySecret,
    BaseUrl,
    BlockScope,
    ChannelUrl,
    Choices,
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
    Moment,
    NotEmpty,
    Pattern,
    PemFile,
    PingUrl,
    PlainValue,
    ProjectPatterns,
    ProjectScope,
    ProxyAddress,
    Range,
    ReportsUrl,
    Zone,
    in_utc,
    refusal,
)
from auditor.context import ContextScope
from auditor.drift.filters import BlockFilter, Patterns, ProjectFilter
from auditor.drift.rules import (
    Between,
    Condition,
    IgnoreRule,
    OneOf,
    Rules,
    SeverityRule,
    StaleAtMost,
    StateRule,
    Subject,
    TargetScope,
    Window,
)
from auditor.drift.subscriptions import Subscription
from auditor.model import Area, Severity, TargetId
from auditor.outbox import channel_recipient
from auditor.retention import Retention
from auditor.schedule import parse_cron


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, validate_default=True
    )


class JwtTable(_Table):
    """`auth` with a user's token."""

    type: Literal["jwt", "jwt_cookie"]
    token: HeaderSecret

    @property
    def credential(self) -> credentials.JwtHeader | credentials.JwtCookie:
        """Return the credential, which differs in the header that carries it."""
        carried = credentials.JwtHeader if self.type == "jwt" else credentials.JwtCookie
        return carried(self.token)


class ClientCredentialsTable(_Table):
    """`auth` with the client credentials grant."""

    type: Literal["oauth2"]
    grant: Literal["client_credentials"]
    client_id: LineOfText
    client_secret: AnySecret

    @property
    def credential(self) -> credentials.ClientCredentials:
        """Return the credential."""
        return credentials.ClientCredentials(self.client_id, self.client_secret)


class PasswordTable(_Table):
    """`auth` with the password grant."""

    type: Literal["oauth2"]
    grant: Literal["password"]
    client_id: LineOfText
    username: LineOfText
    password: AnySecret

    @property
    def credential(self) -> credentials.PasswordGrant:
        """Return the credential."""
        return credentials.PasswordGrant(self.client_id, self.username, self.password)


class AuthorizationCodeTable(_Table):
    """`auth` with the authorization code grant."""

    type: Literal["oauth2"]
    grant: Literal["authorization_code"]
    client_id: LineOfText
    token_file: AnyPath = Path("oauth-token.json")

    @property
    def credential(self) -> credentials.StoredLogin:
        """Return the credential."""
        return credentials.StoredLogin(self.client_id, self.token_file)


class TokenTable(_Table):
    """`auth` with a token that was obtained elsewhere."""

    type: Literal["oauth2"]
    grant: Literal["token"]
    access_token: HeaderSecret

    @property
    def credential(self) -> credentials.BearerToken:
        """Return the credential."""
        return credentials.BearerToken(self.access_token)


_GRANTS = ("client_credentials", "password", "authorization_code", "token")


def _of_known_kind(value: object) -> object:
    if not isinstance(value, dict):
        raise refusal("is not a table", 'write { type = "jwt", token = { env = "NAME" } }')
    kind, grant = value.get("type"), value.get("grant")
    if kind not in ("jwt", "jwt_cookie", "oauth2"):
        raise refusal("has no known type", 'type is "jwt", "jwt_cookie" or "oauth2"')
    if kind == "oauth2" and grant not in _GRANTS:
        raise refusal("has no known grant", f"grant is {' or '.join(_GRANTS)}")
    return value


def _auth_tag(value: dict[str, object]) -> str:
    return f"<{value['grant']}>" if value["type"] == "oauth2" else "<jwt>"


AuthTable: TypeAlias = (
    Annotated[JwtTable, Tag("<jwt>")]
    | Annotated[ClientCredentialsTable, Tag("<client_credentials>")]
    | Annotated[PasswordTable, Tag("<password>")]
    | Annotated[AuthorizationCodeTable, Tag("<authorization_code>")]
    | Annotated[TokenTable, Tag("<token>")]
)
AnyAuth = Annotated[AuthTable, Discriminator(_auth_tag), BeforeValidator(_of_known_kind)]


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


class FilterTable(_Table):
    """`include` or `exclude`: patterns of types and names of learn blocks."""

    types: Annotated[tuple[Glob, ...], FromList, NotEmpty] | None = None
    names: Annotated[tuple[Glob, ...], FromList, NotEmpty] | None = None

    @property
    def patterns(self) -> Patterns:
        """Return the patterns."""
        return Patterns(types=self.types or (), names=self.names or ())


class _AuditedTable(_Table):
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


class DatabaseTable(_Table):
    """`[database]`. The URL is SQLAlchemy's, and may hold a password."""

    url: DatabaseUrl = Field("sqlite:///auditor.db", repr=False)
    auto_upgrade: bool = True


class ScheduleTable(_Table):
    """`[schedule]`: when the projects that are in none of `[[schedules]]` are audited."""

    cron: CronLine = parse_cron("15 3 * * *")
    timezone: Zone = ZoneInfo("UTC")
    limit_s: float = Field(14400, gt=0, le=604800, allow_inf_nan=False)

    @property
    def limit(self) -> timedelta:
        """Return how long a run of any schedule may take."""
        return timedelta(seconds=self.limit_s)


class NamedScheduleTable(_Table):
    """One of `[[schedules]]`: when some of the projects are audited."""

    name: LineOfText
    cron: CronLine
    timezone: Zone | None = None
    projects: ProjectScope


class ReportsTable(_Table):
    """`[reports]`: the folder of pages, where its readers find it, and the zone of times.

    Attributes:
        url: the folder's address, with a slash at its end; None where nothing serves it.
    """

    directory: AnyPath = Path("reports")
    url: ReportsUrl | None = None
    timezone: Zone | None = None


Send: TypeAlias = Literal["always", "drift", "weekly"]


class EmailTable(_Table):
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


class ChannelTable(_Table):
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


class RetentionTable(_Table):
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


class HeartbeatTable(_Table):
    """`[heartbeat]`. Whoever knows the URL can ping it, so it is a secret."""

    url: PingUrl | None = None


class MetricsTable(_Table):
    """`[metrics]`."""

    textfile: MetricsFile | None = None


LogFormat: TypeAlias = Literal["text", "json"]


class LogTable(_Table):
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


SeverityName: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
# All but "interface", whose changes are reported to nobody.
AreaName: TypeAlias = Literal[
    "trained",
    "layers",
    "thresholds",
    "script",
    "training",
    "data",
    "identity",
    "catalogue",
    "unknown",
    "input",
    "processing",
]

Worth: TypeAlias = Literal["drift", "failures", "quiet"]


class ScopedTable(_Table):
    """What each of the operator's rules may say: the targets that it applies to."""

    projects: ProjectScope | None = None
    blocks: BlockScope | None = None

    @property
    def scope(self) -> TargetScope:
        """Return the targets that the rule applies to."""
        return TargetScope(
            projects=frozenset(self.projects or ()), blocks=frozenset(self.blocks or ())
        )


class SubjectTable(ScopedTable):
    """A rule about findings; checks require one of `path` and `area`."""

    path: Pattern | None = None
    area: AreaName | None = None

    @property
    def subject(self) -> Subject:
        """Return the findings that the rule is about."""
        return Subject(path=self.path or "", area=Area(self.area) if self.area else None)


class SeverityTable(SubjectTable):
    """One of `[[severity]]`."""

    severity: SeverityName

    def rule(self, name: str) -> SeverityRule:
        """Return the rule; its table has no key for a name."""
        return SeverityRule(
            name=name,
            subject=self.subject,
            severity=Severity(self.severity),
            scope=self.scope,
        )


class IgnoreTable(SubjectTable):
    """One of `[[ignore]]`."""

    name: LineOfText | None = None
    reason: LineOfText
    author: LineOfText
    until: date

    @property
    def rule(self) -> IgnoreRule:
        """Return the rule."""
        return IgnoreRule(
            name=self.name or str(self.subject),
            subject=self.subject,
            reason=self.reason,
            author=self.author,
            until=self.until,
            scope=self.scope,
        )


class RuleTable(ScopedTable):
    """One of `[[rules]]`; checks require one condition, and a path where it needs one."""

    name: LineOfText
    path: Pattern | None = None
    between: Range | None = None
    is_: PlainValue | None = Field(None, alias="is")
    one_of: Choices | None = None
    stale_at_most_days: float | None = Field(None, gt=0, le=36500, allow_inf_nan=False)
    severity: SeverityName = "high"

    @property
    def rule(self) -> StateRule:
        """Return the rule."""
        return StateRule(
            name=self.name,
            condition=self._condition(),
            path=self.path or "",
            severity=Severity(self.severity),
            scope=self.scope,
        )

    def _condition(self) -> Condition:
        if self.between is not None:
            return Between(*self.between)
        if self.stale_at_most_days is not None:
            return StaleAtMost(self.stale_at_most_days)
        return OneOf((self.is_,) if self.is_ is not None else self.one_of or ())


class WindowTable(ScopedTable):
    """One of `[[windows]]`."""

    from_: Moment = Field(alias="from")
    until: Moment
    reason: LineOfText
    author: LineOfText

    def window(self, zone: ZoneInfo) -> Window:
        """Return the window; its times without an offset are local times of `zone`."""
        return Window(
            reason=self.reason,
            author=self.author,
            starts_at=in_utc(self.from_, zone),
            ends_at=in_utc(self.until, zone),
            scope=self.scope,
        )


class SubscriptionTable(ScopedTable):
    """One of `[[subscriptions]]`; checks require one of `recipient` and `channel`."""

    recipient: Address | None = None
    channel: LineOfText | None = None
    areas: Annotated[tuple[AreaName, ...], FromList, NotEmpty] | None = None
    severity: SeverityName = "info"
    gets: Annotated[tuple[Worth, ...], FromList, NotEmpty] = ("drift", "failures")

    @property
    def subscription(self) -> Subscription:
        """Return the subscription."""
        return Subscription(
            recipient=self.recipient or channel_recipient(self.channel or ""),
            scope=self.scope,
            areas=frozenset(Area(area) for area in self.areas or ()),
            least=Severity(self.severity),
            gets=frozenset(self.gets),
        )


class ContextTable(_Table):
    """`[context]`: what is asked for beside the configuration of blocks."""

    training: bool = True
    deployments: bool = True

    @property
    def scope(self) -> ContextScope:
        """Return what a run asks for."""
        return ContextScope(training=self.training, deployments=self.deployments)


class SiblingsTable(_Table):
    """One of `[[siblings]]`."""

    targets: Annotated[BlockScope, Field(min_length=2)]


class Settings(_Table):
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
