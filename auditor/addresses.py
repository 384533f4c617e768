"""Mail addresses: one syntax for what the configuration accepts and what delivery can carry.

RFC 5321 section 4.1.2, with local parts and domains in any script (RFC 6531), and names without a
domain, such as `root`, which a mail server on the same machine completes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LOCAL = re.compile(rf'{_ATEXT}(?:\.{_ATEXT})*|"[^"\\]+"')
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<spec>[^<>]*)>\s*")
_MOST_BYTES, _MOST_LOCAL_BYTES = 254, 64  # RFC 5321 section 4.5.3.1


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address as mail carries it; `domain` is ASCII, and empty for a name without one."""

    local: str
    domain: str
    display_name: str = ""

    @property
    def spec(self) -> str:
        """Return the address alone."""
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def has_host(self) -> bool:
        """Return whether its domain is a name, neither absent nor an IP address."""
        return bool(self.domain) and not self.domain.startswith("[")


def parse_address(text: str) -> MailAddress:
    """Return an address without a display name.

    Raises:
        ValueError: mail cannot be sent to or from it.
    """
    local, at, domain = text.rpartition("@")
    if not at:
        local, domain = text, ""
    elif not domain:
        raise ValueError("no domain stands after @")
    syntax = _LOCAL if at else _NAME
    if syntax.fullmatch(local) is None or not text.isprintable():
        raise ValueError("it is not a mail address")
    address = MailAddress(local, _ascii_domain(domain) if at else "")
    if len(local.encode()) > _MOST_LOCAL_BYTES or len(address.spec.encode()) > _MOST_BYTES:
        raise ValueError("it is too long for a mail address")
    return address


def parse_mailbox(text: str) -> MailAddress:
    """Return an address that may have a display name, as in `EI drift <auditor@example.org>`.

    Raises:
        ValueError: mail cannot be sent to or from it.
    """
    named = _NAMED.fullmatch(text)
    if named is None:
        return parse_address(text)
    address, name = parse_address(named["spec"]), named["name"].strip()
    if not name.isprintable():
        raise ValueError("its name has a line end or another control character")
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return MailAddress(address.local, address.domain, name)


def _ascii_domain(domain: str) -> str:
    """Return a domain in its ASCII form (IDNA 2008)."""
    if not domain.isascii():
        import idna  # noqa: PLC0415 - its tables take a while

        domain = idna.encode(domain, uts46=True).decode()
    if len(domain) > 253 or not (_DOMAIN.fullmatch(domain) or _LITERAL.fullmatch(domain)):
        raise ValueError("its domain is not a host name")
    return domain
