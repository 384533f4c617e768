"""Single values of a configuration: what they may be, and what they become."""

from __future__ import annotations

import difflib
import math
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo

from auditor.config.refusal import refusal
from auditor.config.surroundings import located, surroundings
from auditor.model import TargetId
from auditor.schedule import parse_cron

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_DOMAIN}")
_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(
    r"postgresql\+psycopg://(?:[^:/@\s]*(?::[^@\s]*)?@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|[^/:?@\s]+)?(?::[0-9]{1,5})?(?:/[^?\s]*)?(?:\?\S*)?"
)
_POSTGRESQL_FORM = "postgresql+psycopg://USER@HOST/NAME"
_WIDEST = 2**63 - 1  # the widest number that both databases hold
_BLOCK = re.compile(r"([0-9]{1,19})/([0-9]{1,19})")
_MOST_CHOICES = 50
_YEARS = range(2000, 9999)  # in the first and last that a datetime has, UTC may lack a local time

Plain: TypeAlias = bool | int | float | str


def known_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of that name, None where this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def is_reckonable(moment: datetime) -> bool:
    """Return whether a moment can be told in UTC, whatever its zone."""
    return moment.year in _YEARS


def in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment in UTC; one without an offset is what clocks in `zone` show.

    Where clocks change it is what `auditor.schedule` makes of such a time.
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _line_of_text(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a line of text")
    if not text.isprintable():
        raise refusal("is not one line of text", "write a line without control characters")
    return text.strip()


def _base_url(text: str) -> str:
    remedy = "write it as https://studio.edgeimpulse.com/v1"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refusal("is not a URL", remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise refusal("is not a URL of http or https", remedy)
    if "@" in parts.netloc:
        raise refusal("holds a user or a password", "leave them out: use api_key or auth")
    if not text.isprintable() or " " in text or "?" in text or "#" in text:
        raise refusal("holds a blank, a query or a fragment", remedy)
    return text.rstrip("/")


def _cron_line(text: str) -> str:
    try:
        parse_cron(text)
    except ValueError as error:
        raise refusal(str(error), 'write five fields as in crontab(5): "15 3 * * *"') from None
    return text


def _zone_name(text: str) -> str:
    if known_zone(text) is None:
        raise refusal("is not a time zone that is known here", _zone_remedy(text))
    return text


def _zone_remedy(text: str) -> str:
    by_lower = {name.lower(): name for name in available_timezones()}
    close = difflib.get_close_matches(text.lower(), by_lower, n=1, cutoff=0.8)
    return f"did you mean {by_lower[close[0]]}?" if close else "write it as UTC or Europe/Berlin"


def _database_url(text: str, info: ValidationInfo) -> str:
    """Return the URL with an absolute path. It may hold a password: never echo it."""
    if text.startswith("postgresql+psycopg:"):
        if _POSTGRESQL.fullmatch(text) is None:
            raise refusal("cannot be read", f"write {_POSTGRESQL_FORM}, and %40 for an @ in USER")
        return text
    if not text.startswith("sqlite:"):
        raise refusal(
            "names a database that is not supported", f"write {_SQLITE}FILE or {_POSTGRESQL_FORM}"
        )
    name = text.removeprefix(_SQLITE)
    if name in {"", ":memory:"} or text == "sqlite://":
        raise refusal("is in memory, which forgets every night", f"write {_SQLITE}FILE")
    if name == text or name.startswith("file:") or "?" in name:
        raise refusal("does not name a file", f"write {_SQLITE}FILE, without options")
    path = str(located(name, surroundings(info)))
    if "?" in path:
        raise refusal("lies in a folder with ? in its name", "move it: a URL's path ends there")
    return f"{_SQLITE}{path}"


def _directory(text: str, info: ValidationInfo) -> str:
    return str(located(text, surroundings(info)))


def _metrics_file(text: str, info: ValidationInfo) -> str:
    if not text.endswith(".prom"):
        raise refusal("does not end in .prom", "the textfile collector reads no other file")
    return str(located(text, surroundings(info)))


def _file(text: str, info: ValidationInfo) -> str:
    if not text.strip():
        raise refusal("is blank", "write the path of a PEM file")
    return str(located(text, surroundings(info)))


def _mail_host(text: str) -> str:
    if _HOST.fullmatch(text) is None and not _is_ip_address(text):
        raise refusal("is not a host's name", "write the name alone; the port has its own key")
    return text


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    if len(text) > 254 or _ADDRESS.fullmatch(text) is None:
        raise refusal("is not a mail address", "write the address alone: name@example.org")
    return text


def _pattern(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a path, as in thresholds[min_score].value")
    if text != text.strip():
        raise refusal("has a blank at an end", "leave it out, or write * in its place")
    if not text.isprintable():
        raise refusal("holds a control character", "write * in its place")
    return text


def _glob(text: str) -> str:
    if not text.strip():
        raise refusal("is blank", "write a name, with * for any run of characters")
    if not text.isprintable():
        raise refusal("holds a control character", "write * in its place")
    return text.strip()


def _project_pattern(value: object) -> int | str:
    if isinstance(value, str):
        return _glob(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _WIDEST:
        return value
    raise refusal("names no project", 'write its id, or its name in quotes: [12345, "pump *"]')


def _block(value: object) -> TargetId:
    found = _BLOCK.fullmatch(value) if isinstance(value, str) else None
    target = TargetId(int(found[1]), int(found[2])) if found else TargetId(0, 0)
    if not all(1 <= number <= _WIDEST for number in target):
        raise refusal("names no learn block", 'write "PROJECT/LEARN", as in "12345/3"')
    return target


def _not_empty(members: list[object]) -> list[object]:
    if not members:
        remedy = "name what it is for, or leave the key out where it is for all"
        raise refusal("is empty, so it is for nothing", remedy)
    return members


def _two_numbers(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        remedy = "write the lowest and the highest that may be: [0.4, 0.8]"
        raise refusal("is not two numbers", remedy)
    return value


def _in_order(numbers: list[float]) -> list[float]:
    low, high = numbers
    if low > high:
        raise refusal("begins with the higher number", "write the lower one first")
    return numbers


def _plain(value: object) -> Plain:
    if not isinstance(value, Plain):
        remedy = "write a text, a number, true or false; several of them as one_of = […]"
        raise refusal("is no plain value", remedy)
    if not isinstance(value, str) and not _is_finite(value):
        raise refusal("is out of range", "write a finite number")
    return value


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no double holds
        return False


def _choices(values: list[Plain]) -> list[Plain]:
    if not values:
        raise refusal("is empty, so no value would do", "name the values that may be")
    if len(values) > _MOST_CHOICES:
        raise refusal(f"holds more than {_MOST_CHOICES} values", "name fewer, or write between")
    return values


def _moment(moment: datetime) -> datetime:
    if not is_reckonable(moment):
        raise refusal("is out of range", f"write a year from {_YEARS[0]} to {_YEARS[-1]}")
    return moment


LineOfText = Annotated[str, AfterValidator(_line_of_text)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
CronLine = Annotated[str, AfterValidator(_cron_line)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Directory = Annotated[str, AfterValidator(_directory)]
MetricsFile = Annotated[str, AfterValidator(_metrics_file)]
File = Annotated[str, AfterValidator(_file)]
MailHost = Annotated[str, AfterValidator(_mail_host)]
Address = Annotated[str, AfterValidator(_address)]
Identifier = Annotated[int, Field(ge=1, le=_WIDEST)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Glob = Annotated[str, AfterValidator(_glob)]
NotEmpty = AfterValidator(_not_empty)
ProjectPatterns = Annotated[
    list[Annotated[int | str, PlainValidator(_project_pattern)]], AfterValidator(_not_empty)
]
ProjectScope = Annotated[list[Identifier], AfterValidator(_not_empty)]
BlockScope = Annotated[
    list[Annotated[TargetId, PlainValidator(_block)]], AfterValidator(_not_empty)
]
Range = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]],
    BeforeValidator(_two_numbers),
    AfterValidator(_in_order),
]
PlainValue = Annotated[Plain, PlainValidator(_plain)]
Choices = Annotated[list[PlainValue], AfterValidator(_choices)]
Moment = Annotated[datetime, AfterValidator(_moment)]
