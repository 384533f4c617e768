"""The configuration's tables and keys, with their defaults; the one list of what may stand there.

Union members are tagged in angle brackets, so that no tag is taken for a key.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from auditor.config.credentials import AnySecret, HeaderSecret, PingUrl, ProxyAddress
from auditor.config.refusal import refusal
from auditor.config.values import (
    Address,
    BaseUrl,
    BlockScope,
    Choices,
    CronLine,
    DatabaseUrl,
    Directory,
    File,
    Glob,
    Identifier,
    LineOfText,
    MailHost,
    MetricsFile,
    Moment,
    NotEmpty,
    Pattern,
    PlainValue,
    ProjectPatterns,
    ProjectScope,
    Range,
    ZoneName,
)


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, validate_default=True
    )


class JwtTable(_Table):
    """`auth` with a user's token."""

    type: Literal["jwt", "jwt_cookie"]
    token: HeaderSecret


class ClientCredentialsTable(_Table):
    """`auth` with the client credentials grant."""

    type: Literal["oauth2"]
    grant: Literal["client_credentials"]
    client_id: LineOfText
    client_secret: AnySecret


class PasswordTable(_Table):
    """`auth` with the password grant."""

    type: Literal["oauth2"]
    grant: Literal["password"]
    client_id: LineOfText
    username: LineOfText
    password: AnySecret


class AuthorizationCodeTable(_Table):
    """`auth` with the authorization code grant."""

    type: Literal["oauth2"]
    grant: Literal["authorization_code"]
    client_id: LineOfText
    token_file: Directory = "oauth-token.json"  # noqa: S105 - where it lies


class TokenTable(_Table):
    """`auth` with a token from elsewhere."""

    type: Literal["oauth2"]
    grant: Literal["token"]
    access_token: HeaderSecret


AUTH_TABLES = (
    JwtTable,
    ClientCredentialsTable,
    PasswordTable,
    AuthorizationCodeTable,
    TokenTable,
)
_GRANTS = ("client_credentials", "password", "authorization_code", "token")


def _of_known_kind(value: object) -> object:
    if not isinstance(value, dict):
        raise refusal("is not a table", 'write { type = "jwt", token = { env = "NAME" } }')
    kind, grant = value.get("type"), value.get("grant")
    if kind not in ("jwt", "jwt_cookie", "oauth2"):
        raise refusal("has no type that is known", 'type is "jwt", "jwt_cookie" or "oauth2"')
    if kind == "oauth2" and grant not in _GRANTS:
        raise refusal("has no grant that is known", f"grant is {' or '.join(_GRANTS)}")
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
        raise refusal("names no learn blocks", 'write their ids, [3, 7], or "all"')
    if value == []:
        raise refusal("is empty, so nothing is audited", 'name a learn block or write "all"')
    return value


def _blocks_tag(value: object) -> str:
    return "<ids>" if isinstance(value, list) else "<all>"


LearnBlocks = Annotated[
    Annotated[list[Identifier], Tag("<ids>")] | Annotated[Literal["all"], Tag("<all>")],
    Discriminator(_blocks_tag),
    BeforeValidator(_blocks),
]


class FilterTable(_Table):
    """`include` or `exclude`: patterns of learn blocks."""

    types: Annotated[list[Glob], NotEmpty] | None = None
    names: Annotated[list[Glob], NotEmpty] | None = None


class StudioTable(_Table):
    """`[studio]`."""

    base_url: BaseUrl = "https://studio.edgeimpulse.com/v1"
    concurrency: int = Field(8, ge=1, le=256)
    timeout_s: float = Field(30, gt=0, le=3600, allow_inf_nan=False)
    tries: int = Field(4, ge=1, le=20)
    max_bytes: int = Field(16 * 1024 * 1024, ge=1, le=2**30)
    requests_per_s: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False)
    proxy: ProxyAddress | None = None
    ca_file: File | None = None
    client_certificate: File | None = None
    client_key: File | None = None
    projects: Literal["all"] | None = None
    include_projects: ProjectPatterns | None = None
    exclude_projects: ProjectPatterns | None = None
    include: FilterTable | None = None
    exclude: FilterTable | None = None
    api_key: HeaderSecret | None = None
    auth: AnyAuth | None = None


class DatabaseTable(_Table):
    """`[database]`."""

    url: DatabaseUrl = "sqlite:///auditor.db"
    auto_upgrade: bool = True


class ScheduleTable(_Table):
    """`[schedule]`."""

    cron: CronLine = "15 3 * * *"
    timezone: ZoneName = "UTC"
    limit_s: float = Field(14400, gt=0, le=604800, allow_inf_nan=False)


class NamedScheduleTable(_Table):
    """One of `[[schedules]]`."""

    name: LineOfText
    cron: CronLine
    timezone: ZoneName | None = None
    projects: ProjectScope


class ReportsTable(_Table):
    """`[reports]`."""

    directory: Directory = "reports"


class EmailTable(_Table):
    """`[email]`."""

    host: MailHost = "localhost"
    port: int = Field(25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    username: LineOfText | None = None
    password: AnySecret | None = None
    sender: Address
    recipients: list[Address]
    send: Literal["always", "drift"] = "always"


class RetentionTable(_Table):
    """`[retention]`."""

    keep_days: int = Field(1825, ge=0, le=36500)
    keep_versions: int = Field(100, ge=1, le=2**31)
    keep_monthly: bool = True


class HeartbeatTable(_Table):
    """`[heartbeat]`."""

    url: PingUrl | None = None


class MetricsTable(_Table):
    """`[metrics]`."""

    textfile: MetricsFile | None = None


class LogTable(_Table):
    """`[log]`."""

    format: Literal["text", "json"] = "text"


class ProjectTable(_Table):
    """One of `[[projects]]`."""

    id: Identifier
    name: LineOfText | None = None
    api_key: HeaderSecret | None = None
    auth: AnyAuth | None = None
    learn_blocks: LearnBlocks = "all"
    include: FilterTable | None = None
    exclude: FilterTable | None = None


SeverityName: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
# All but "interface", whose changes are told to nobody.
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
]

Worth: TypeAlias = Literal["drift", "failures", "quiet"]


class ScopedTable(_Table):
    """What each of the operator's rules may say: the targets that it is for."""

    projects: ProjectScope | None = None
    blocks: BlockScope | None = None


class SubjectTable(ScopedTable):
    """A rule about findings; checks hold it to one of `path` and `area`."""

    path: Pattern | None = None
    area: AreaName | None = None


class SeverityTable(SubjectTable):
    """One of `[[severity]]`."""

    severity: SeverityName


class IgnoreTable(SubjectTable):
    """One of `[[ignore]]`."""

    name: LineOfText | None = None
    reason: LineOfText
    author: LineOfText
    until: date


class RuleTable(ScopedTable):
    """One of `[[rules]]`; checks hold it to one condition, and to a path where that needs one."""

    name: LineOfText
    path: Pattern | None = None
    between: Range | None = None
    is_: PlainValue | None = Field(None, alias="is")
    one_of: Choices | None = None
    stale_at_most_days: float | None = Field(None, gt=0, le=36500, allow_inf_nan=False)
    severity: SeverityName = "high"


class WindowTable(ScopedTable):
    """One of `[[windows]]`."""

    from_: Moment = Field(alias="from")
    until: Moment
    reason: LineOfText
    author: LineOfText


class SubscriptionTable(ScopedTable):
    """One of `[[subscriptions]]`."""

    recipient: Address
    areas: Annotated[list[AreaName], NotEmpty] | None = None
    severity: SeverityName = "info"
    gets: Annotated[list[Worth], NotEmpty] = ["drift", "failures"]


class Document(_Table):
    """The whole file, in which every table with a default for all its keys is given."""

    studio: StudioTable
    database: DatabaseTable
    schedule: ScheduleTable
    reports: ReportsTable
    heartbeat: HeartbeatTable
    metrics: MetricsTable
    log: LogTable
    email: EmailTable | None = None
    retention: RetentionTable | None = None
    projects: list[ProjectTable] = []
    schedules: list[NamedScheduleTable] = []
    severity: list[SeverityTable] = []
    ignore: list[IgnoreTable] = []
    rules: list[RuleTable] = []
    windows: list[WindowTable] = []
    subscriptions: list[SubscriptionTable] = []
