"""Single values of a configuration: what they may be, and what they become."""

from __future__ import annotations

import difflib
import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field, ValidationInfo

from auditor.config.refusal import refusal
from auditor.config.surroundings import located, surroundings
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


def _line_of_text(text: str) -> str:
    if not text.strip() or not text.isprintable():
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
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refusal("is not a time zone that is known here", _zone_remedy(text)) from None
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


LineOfText = Annotated[str, AfterValidator(_line_of_text)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
CronLine = Annotated[str, AfterValidator(_cron_line)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Directory = Annotated[str, AfterValidator(_directory)]
MailHost = Annotated[str, AfterValidator(_mail_host)]
Address = Annotated[str, AfterValidator(_address)]
# The widest number that both databases hold.
Identifier = Annotated[int, Field(ge=1, le=2**63 - 1)]
