"""The proxy that the environment names for a URL, by curl's rules.

- `https_proxy` or `http_proxy` by the URL's scheme, else `all_proxy`, in lower or upper case; an
  empty one counts as absent.
- `no_proxy` lists hosts without a proxy, separated by commas or blanks: `*`, a name (also for the
  names below it), an address, or a network such as `10.0.0.0/8`. A port may follow.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from auditor.errors import UsageError
from auditor.redaction import Secret

_SCHEMES = ("http", "https")
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):(\d+)")


def proxy_of_environment(url: str) -> Secret | None:
    """Return the address of the proxy for a URL, or None if none is to be used.

    Raises:
        UsageError: it is a proxy that the auditor cannot use, such as a SOCKS proxy.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    name = _first_set(f"{parts.scheme}_proxy", "all_proxy")
    if name is None or is_exempt(host, port, os.environ.get(_first_set("no_proxy") or "", "")):
        return None
    address = os.environ[name].strip()
    scheme, separator, _ = address.partition("://")
    if not separator:
        return Secret(f"http://{address}")
    if scheme.lower() in _SCHEMES:
        return Secret(address)
    # The address is not repeated: it may contain a password.
    kind = scheme if scheme.lower().startswith("socks") else "unknown"
    raise UsageError(
        f"the proxy in {name} of the environment is of a kind that is not supported ({kind}): "
        f"name an HTTP proxy there (http://HOST:PORT), or list {host} in no_proxy"
    )


def is_exempt(host: str, port: int, exempt: str) -> bool:
    """Return whether a value of `no_proxy` exempts a host."""
    return any(_matches(host.lower(), port, entry) for entry in re.split(r"[,\s]+", exempt))


def _first_set(*names: str) -> str | None:
    """Return the first variable that is set and not empty."""
    both = (form for name in names for form in (name, name.upper()))
    return next((name for name in both if os.environ.get(name, "").strip()), None)


def _matches(host: str, port: int, entry: str) -> bool:
    entry = entry.lower()
    with_port = _WITH_PORT.fullmatch(entry)
    if with_port is not None:
        if int(with_port.group(2)) != port:
            return False
        entry = with_port.group(1)
    entry = entry.removeprefix("[").removesuffix("]")
    if entry == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
