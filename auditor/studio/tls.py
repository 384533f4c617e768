"""Whom TLS trusts, what it shows, and the proxy on the way; the peer is verified, always."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from auditor.errors import UsageError
from auditor.redaction import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How to get to Studio safely; what is None is left to the machine.

    Attributes:
        ca_file: PEM certificates that are trusted, in place of the usual authorities.
        certificate: PEM file with the certificate that the auditor shows.
        key: PEM file with its private key; None where the certificate's file holds it.
        proxy: address of the proxy, as `http://host:3128`; may hold a user and a password.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: Secret | None = None


def tls_context(
    base_url: str, security: Security, *, usual: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    """Return the TLS settings; `usual` makes those that trust the usual authorities.

    Raises:
        UsageError: a file cannot be read or holds no certificate or key.
    """
    if not base_url.startswith("https:"):
        # Never used, and free: the real one reads every root certificate (20 ms).
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = _private(security.ca_file) if security.ca_file else usual()
    if security.certificate:
        _show(security.certificate, security.key, context)
    return context


def proxy_address(base_url: str, security: Security) -> Secret | None:
    """Return the proxy to use: the configured one, else that of the environment, looked up once.

    The environment's holds unless `no_proxy` names the host.
    """
    if security.proxy is not None:
        return security.proxy
    address = urlsplit(base_url)
    if proxy_bypass(address.netloc):
        return None
    proxies = getproxies()
    url = proxies.get(address.scheme) or proxies.get("all")
    return Secret(url if "://" in url else f"http://{url}") if url else None


def _private(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _unusable("ca_file", ca_file, error) from error


def _show(certificate: Path, key: Path | None, context: ssl.SSLContext) -> None:
    try:
        # A key under a pass phrase would be asked for at a terminal that no service has.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise _unusable("client_certificate", certificate, error) from error


def _unusable(key: str, path: Path, error: OSError) -> UsageError:
    # Of a file without PEM the TLS library speaks in words for its own programmers.
    is_pem = isinstance(error, ssl.SSLError)
    reason = "holds no PEM that can be used" if is_pem else f"cannot be read: {error.strerror}"
    return UsageError(f"studio.{key}: {path} {reason}")
