"""Single values of a configuration: what they may be, and what they become.

Secrets are read from where the configuration says they are, never from the file itself.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeAlias, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from auditor.addresses import parse_address
from auditor.errors import may_pass
from auditor.model import TargetId
from auditor.redaction import Secret, guard
from auditor.schedule import NICKNAMES, Cron, parse_cron

REFUSED = "refused"

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(
    r"postgresql\+psycopg://(?:[^:/@\s]*(?::[^@\s]*)?@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|[^/:?@\s]+)?(?::[0-9]{1,5})?(?:/[^?\s]*)?(?:\?\S*)?"
)
_POSTGRESQL_SCHEMES = ("postgresql+psycopg", "postgresql", "postgres")
_POSTGRESQL_FORM = "postgresql+psycopg://USER@HOST/NAME"
_WIDEST = 2**63 - 1  # the widest number that both databases hold
_BLOCK = re.compile(r"([0-9]{1,19})/([0-9]{1,19})")
_MOST_CHOICES = 50
_YEARS = range(2000, 9999)  # in the first and last that a datetime has, UTC may lack a local time
_SOURCES = ("env", "file", "credential")
_HOW = 'write { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }'
_UNREAD = Secret("unread")  # in place of every secret when secrets are not read
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")
_PROXY = re.compile(r"https?://(?:[^@/?#\s]+@)?[^@/?#\s]+/?")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9])?")
_SERVICE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")
_HEADER_SAFE = re.compile(r"[!-~]+")

Plain: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What the meaning of a value depends on besides its text; pydantic's context.

    Attributes:
        folder: of the configuration, absolute.
        reads_secrets: without it every secret stays unread.
    """

    folder: Path
    environ: Mapping[str, str]
    reads_secrets: bool = True


def refusal(message: str, remedy: str) -> PydanticCustomError:
    """Return the error to raise; `message` must not hold what may be a secret."""
    return PydanticCustomError(REFUSED, "{message}", {"message": message, "remedy": remedy})


def absolute_path(text: str, context: LoadContext) -> Path:
    """Return the absolute path that a file's or folder's name in the configuration means."""
    if not text or not text.isprintable():
        raise refusal("is not a path", "write a path")
    if text != "~" and not text.startswith("~/"):
        return context.folder / text
    home = context.environ.get("HOME")
    if not home:
        raise refusal("starts with ~, but $HOME is not set", "write the full path")
    return Path(home) / text[2:]


def _context(info: ValidationInfo) -> LoadContext:
    return cast(LoadContext, info.context)


def known_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of that name, or None if this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if isinstance(error, OSError) and may_pass(error):
            raise
        return None


def is_convertible(moment: datetime) -> bool:
    """Return whether a moment can be converted to UTC, whatever its zone."""
    return moment.year in _YEARS


def in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment in UTC; one without an offset is a local time of `zone`.

    A local time that is skipped or repeated by a clock change means what `auditor.schedule` says.
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _text(value: object) -> str:
    """Return what was written; the form of a default is that of the validated value."""
    if not isinstance(value, str | Path):
        raise PydanticKnownError("string_type")
    return str(value)


def _line_of_text(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a line of text")
    if not text.isprintable():
        raise refusal("is not one line of text", "write a line without control characters")
    return text.strip()


def _reports_url(text: str) -> str:
    written = "write it as https://drift.example.org/"
    address = _web_address(text, written, "remove them: everybody who gets a mail would see them")
    return f"{address.removesuffix('/index.html')}/"


def _base_url(text: str) -> str:
    written = "write it as https://studio.edgeimpulse.com/v1"
    return _web_address(text, written, "remove them; use api_key or auth")


def _web_address(text: str, remedy: str, without_login: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refusal("is not a URL", remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise refusal("is not a URL of http or https", remedy)
    if "@" in parts.netloc:
        raise refusal("contains a user name or a password", without_login)
    if not text.isprintable() or " " in text or "?" in text or "#" in text:
        raise refusal("contains a space, a query or a fragment", remedy)
    return text.rstrip("/")


def _cron(value: object) -> Cron:
    if isinstance(value, Cron):
        return value
    text = _text(value)
    try:
        return parse_cron(text)
    except ValueError as error:
        raise refusal(str(error), _cron_remedy(text)) from None


def _cron_remedy(text: str) -> str:
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        return f'use five fields, e.g. "{int(clock[2])} {int(clock[1])} * * *" for each day then'
    nickname = f"@{text.strip().lower()}"
    other = f', or "{nickname}"' if nickname in NICKNAMES else ""
    return f'use five fields as in crontab(5), e.g. "15 3 * * *"{other}'


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    text = _text(value)
    zone = known_zone(text)
    if zone is None:
        raise refusal("is not a known time zone", _zone_remedy(text))
    return zone


def _zone_remedy(text: str) -> str:
    by_lower = {name.lower(): name for name in available_timezones()}
    close = difflib.get_close_matches(text.lower(), by_lower, n=1, cutoff=0.8)
    return f"did you mean {by_lower[close[0]]}?" if close else "write for example Europe/Berlin"


def _database_url(text: str, info: ValidationInfo) -> str:
    """Return the URL with an absolute path. It may hold a password: never echo it."""
    scheme, separator, rest = text.partition(":")
    if scheme in _POSTGRESQL_SCHEMES:
        text = f"postgresql+psycopg{separator}{rest}"
        if _POSTGRESQL.fullmatch(text) is None:
            raise refusal(
                "is not a valid PostgreSQL URL",
                f"write {_POSTGRESQL_FORM}, with %40 for an @ in USER",
            )
        return text
    if not text.startswith("sqlite:"):
        raise refusal("is not a supported database", f"write {_SQLITE}FILE or {_POSTGRESQL_FORM}")
    name = text.removeprefix(_SQLITE)
    if name in {"", ":memory:"} or text == "sqlite://":
        raise refusal("is a database in memory, which would be lost", f"write {_SQLITE}FILE")
    if name == text or name.startswith("file:") or "?" in name:
        raise refusal("is not the URL of a file", f"write {_SQLITE}FILE, without options")
    path = str(absolute_path(name, _context(info)))
    if "?" in path:
        raise refusal("is in a folder with ? in its name", "move it: a URL ends its path at the ?")
    return f"{_SQLITE}{path}"


def _folder(value: object, info: ValidationInfo) -> Path:
    return absolute_path(_text(value), _context(info))


def _metrics_file(value: object, info: ValidationInfo) -> Path:
    text = _text(value)
    if not text.endswith(".prom"):
        remedy = "write a name that does: the textfile collector ignores other files"
        raise refusal("does not end in .prom", remedy)
    return absolute_path(text, _context(info))


def _pem_file(value: object, info: ValidationInfo) -> Path:
    text = _text(value)
    if not text.strip():
        raise refusal("is blank", "write the path of a PEM file")
    return absolute_path(text, _context(info))


def _mail_host(text: str) -> str:
    if _HOST.fullmatch(text) is None and not _is_ip_address(text):
        raise refusal("is not a host name", "write the name only; the port has its own key")
    return text


def _helo_name(text: str) -> str:
    literal = text[1:-1].removeprefix("IPv6:") if text[:1] + text[-1:] == "[]" else ""
    if _HOST.fullmatch(text) is None and not _is_ip_address(literal):
        raise refusal("is not a host name", "write a full name, such as auditor.example.org")
    return text


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    try:
        parse_address(text)
    except ValueError as error:
        remedy = "write the address only: name@example.org"
        raise refusal("is not a mail address", remedy) from error
    return text


def _pattern(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a path, such as thresholds[min_score].value")
    if text != text.strip():
        remedy = "remove the space, or write * in its place"
        raise refusal("starts or ends with a space", remedy)
    if not text.isprintable():
        raise refusal("contains a control character", "write * in its place")
    return text


def _glob(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a name; * matches any characters")
    if not text.isprintable():
        raise refusal("contains a control character", "write * in its place")
    return text.strip()


def _project_pattern(value: object) -> int | str:
    if isinstance(value, str):
        return _glob(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _WIDEST:
        return value
    remedy = 'write its id, or its name in quotes: [12345, "pump *"]'
    raise refusal("is neither the id nor the name of a project", remedy)


def _block(value: object) -> TargetId:
    found = _BLOCK.fullmatch(value) if isinstance(value, str) else None
    target = TargetId(int(found[1]), int(found[2])) if found else TargetId(0, 0)
    if not all(1 <= number <= _WIDEST for number in target):
        raise refusal("is not a block", 'write "PROJECT/BLOCK", for example "12345/3"')
    return target


def _not_empty(members: tuple[object, ...]) -> tuple[object, ...]:
    if not members:
        remedy = "list what it applies to, or remove the key so that it applies to everything"
        raise refusal("is empty, so it applies to nothing", remedy)
    return members


def _two_numbers(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        remedy = "write the lowest and the highest allowed number: [0.4, 0.8]"
        raise refusal("is not a list of two numbers", remedy)
    return value


def _in_order(numbers: tuple[float, float]) -> tuple[float, float]:
    low, high = numbers
    if low > high:
        raise refusal("has the higher number first", "write the lower number first")
    return numbers


def _plain(value: object) -> Plain:
    if not isinstance(value, Plain):
        remedy = "write one of these; write several values as one_of = […]"
        raise refusal("is not text, a number, true or false", remedy)
    if not isinstance(value, str) and not _is_finite(value):
        raise refusal("is out of range", "write a finite number")
    return value


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no double holds
        return False


def _choices(values: tuple[Plain, ...]) -> tuple[Plain, ...]:
    if not values:
        raise refusal("is empty, so no value is allowed", "list the allowed values")
    if len(values) > _MOST_CHOICES:
        raise refusal(f"has more than {_MOST_CHOICES} values", "list fewer, or use between")
    return values


def _moment(moment: datetime) -> datetime:
    if not is_convertible(moment):
        raise refusal("is out of range", f"write a year from {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _secret(value: object, info: ValidationInfo) -> Secret:
    source, name = _reference(value)
    context = _context(info)
    if not context.reads_secrets:
        return _UNREAD
    if source == "env":
        text = _from_environment(name, context)
    elif source == "file":
        text = _from_file(absolute_path(name, context))
    else:
        text = _from_systemd(name, context)
    return guard(Secret(_one_line(text)))


def _reference(value: object) -> tuple[str, str]:
    """Return the kind of store and the name in it. The value may be a secret: never echo it."""
    if isinstance(value, str):
        remedy = f"{_HOW}, and replace the secret itself: this file has shown it"
        raise refusal("is a secret in plain text", remedy)
    if not isinstance(value, dict) or len(value) != 1 or not set(value) <= set(_SOURCES):
        raise refusal("does not say where the secret is stored", _HOW)
    ((source, name),) = value.items()
    if not isinstance(name, str) or not name:
        raise refusal(f"has a value of {source} that is not a name", _HOW)
    return str(source), name


def _from_environment(name: str, context: LoadContext) -> str:
    if _ENV_NAME.fullmatch(name) is None:
        raise refusal(
            "has a value of env that is not the name of a variable", 'write { env = "NAME" }'
        )
    text = context.environ.get(name)
    if text is None:
        raise refusal(f"the environment variable {name} is not set", f"set {name}")
    return text


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = "" if mode & 0o077 else file.read().decode()
    except FileNotFoundError:
        raise refusal(f"the secret file {path} does not exist", "create it") from None
    except UnicodeDecodeError:
        raise refusal(f"the secret file {path} is not UTF-8 text", "save it as text") from None
    except OSError as error:
        if may_pass(error):
            raise
        raise refusal(
            f"the secret file {path} cannot be read: {error.strerror}",
            "allow the user that runs the auditor, and nobody else, to read it",
        ) from None
    if mode & 0o077:
        raise refusal(
            f"the secret file {path} can be read by its group or by others "
            f"(mode {stat.S_IMODE(mode):04o})",
            f"chmod 600 {shlex.quote(str(path))}",
        )
    return text


def _from_systemd(name: str, context: LoadContext) -> str:
    if _CREDENTIAL_NAME.fullmatch(name) is None:
        raise refusal(
            "has a value of credential that is not a name", 'write { credential = "NAME" }'
        )
    directory = context.environ.get("CREDENTIALS_DIRECTORY")
    add = f"add LoadCredential={name}:PATH to the unit"
    if not directory:
        raise refusal(
            f"the systemd credential {name} cannot be read: $CREDENTIALS_DIRECTORY is not set",
            f"{add}; outside the unit set CREDENTIALS_DIRECTORY to that of the service",
        )
    try:
        return (Path(directory) / name).read_bytes().decode()
    except UnicodeDecodeError:
        raise refusal(
            f"the systemd credential {name} is not UTF-8 text", "save it as text"
        ) from None
    except OSError as error:
        if may_pass(error):
            raise
        raise refusal(
            f"the systemd credential {name} cannot be read: {error.strerror}", add
        ) from None


def _one_line(text: str) -> str:
    # An editor ends a file with a line break, and a server refuses a key that ends with one.
    secret = text.rstrip("\r\n")
    if not secret.strip():
        raise refusal("the secret is empty", "store the secret there")
    if not secret.isprintable():
        remedy = "store it as a single line"
        raise refusal("the secret contains a line break or a control character", remedy)
    return secret


def _fit_for_header(secret: Secret) -> Secret:
    if _HEADER_SAFE.fullmatch(secret.reveal()) is None:
        remedy = "copy it again"
        raise refusal("the secret contains a space or a character outside ASCII", remedy)
    return secret


def _ping_url(value: object, info: ValidationInfo) -> Secret:
    """Return a URL that is itself a secret, in the file or stored elsewhere: never echo it."""
    secret = guard(Secret(value)) if isinstance(value, str) else _secret(value, info)
    if secret is not _UNREAD:
        _require_url(secret.reveal())
    return secret


def _channel_url(value: object, info: ValidationInfo) -> Secret:
    """Return the URL of a channel: its format decides what it may be."""
    secret = _secret(value, info)
    if secret is _UNREAD:
        return secret
    text = secret.reveal()
    if info.data.get("format") == "json":
        _require_webhook(text)
    elif _SERVICE_URL.match(text) is None or not text.isprintable() or " " in text:
        remedy = "store one that Apprise knows, such as ntfy://TOPIC: see docs/channels.md"
        raise refusal("is not the URL of a service", remedy)
    return secret


def _require_webhook(text: str) -> None:
    _require_web_address(text, 'store one as https://HOST/PATH, or remove format = "json"')


def _require_url(text: str) -> None:
    remedy = "write it as https://hc-ping.com/UUID"
    _require_web_address(text, remedy)
    if "@" in urlsplit(text).netloc:
        raise refusal("contains a user name or a password", "remove them")


def _require_web_address(text: str, remedy: str) -> None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refusal("is not a URL", remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise refusal("is not a URL of http or https", remedy)
    if _HEADER_SAFE.fullmatch(text) is None or parts.fragment:
        raise refusal("contains a space, a fragment or a character outside ASCII", remedy)


def _proxy(value: object, info: ValidationInfo) -> Secret:
    """Return the address of a proxy; one without a password may be written in the file."""
    address = Secret(value) if isinstance(value, str) else _secret(value, info)
    if address != _UNREAD and _PROXY.fullmatch(address.reveal()) is None:
        raise refusal("is not the address of a proxy", "write it as http://proxy.example.org:3128")
    if isinstance(value, str) and "@" in value:
        remedy = 'store the whole address as a secret: proxy = { env = "NAME" }'
        raise refusal("contains a user name or a password", remedy)
    return address


class SecretReference(BaseModel):
    """Where a secret is stored: exactly one of three keys. A secret is never in this file."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    env: str = Field("", description="The name of an environment variable.")
    file: str = Field("", description="The path of a file that only its owner can read.")
    credential: str = Field("", description="The name of a systemd credential (LoadCredential=).")


LineOfText = Annotated[str, AfterValidator(_line_of_text)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
ReportsUrl = Annotated[str, AfterValidator(_reports_url)]
CronLine = Annotated[Cron, PlainValidator(_cron, json_schema_input_type=str)]
Zone = Annotated[ZoneInfo, PlainValidator(_zone, json_schema_input_type=str)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
AnyPath = Annotated[Path, PlainValidator(_folder, json_schema_input_type=str)]
MetricsFile = Annotated[Path, PlainValidator(_metrics_file, json_schema_input_type=str)]
PemFile = Annotated[Path, PlainValidator(_pem_file, json_schema_input_type=str)]
MailHost = Annotated[str, AfterValidator(_mail_host)]
HeloName = Annotated[str, AfterValidator(_helo_name)]
Address = Annotated[str, AfterValidator(_address)]
Identifier = Annotated[int, Field(ge=1, le=_WIDEST)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Glob = Annotated[str, AfterValidator(_glob)]
FromList = Strict(False)  # a tuple that TOML writes as a list
NotEmpty = AfterValidator(_not_empty)
ProjectPatterns = Annotated[
    tuple[
        Annotated[int | str, PlainValidator(_project_pattern, json_schema_input_type=int | str)],
        ...,
    ],
    FromList,
    NotEmpty,
]
_BlockName = Annotated[str, Field(pattern=f"^{_BLOCK.pattern}$")]
ProjectScope = Annotated[tuple[Identifier, ...], FromList, NotEmpty]
BlockScope = Annotated[
    tuple[Annotated[TargetId, PlainValidator(_block, json_schema_input_type=_BlockName)], ...],
    FromList,
    NotEmpty,
]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[
    tuple[_Finite, _Finite],
    FromList,
    BeforeValidator(_two_numbers),
    AfterValidator(_in_order),
]
PlainValue = Annotated[Plain, PlainValidator(_plain, json_schema_input_type=Plain)]
Choices = Annotated[tuple[PlainValue, ...], FromList, AfterValidator(_choices)]
Moment = Annotated[datetime, AfterValidator(_moment)]
AnySecret = Annotated[Secret, PlainValidator(_secret, json_schema_input_type=SecretReference)]
HeaderSecret = Annotated[
    Secret,
    PlainValidator(_secret, json_schema_input_type=SecretReference),
    AfterValidator(_fit_for_header),
]
ChannelUrl = Annotated[
    Secret, PlainValidator(_channel_url, json_schema_input_type=SecretReference)
]
PingUrl = Annotated[
    Secret, PlainValidator(_ping_url, json_schema_input_type=str | SecretReference)
]
ProxyAddress = Annotated[
    Secret, PlainValidator(_proxy, json_schema_input_type=str | SecretReference)
]
