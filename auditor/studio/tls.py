"""TLS and proxy settings of the connection to Studio; the server is always verified."""

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
    """TLS and proxy settings; the machine's own settings apply for each that is None.

    Attributes:
        ca_file: PEM certificates to trust instead of the machine's.
        certificate: PEM file with the client certificate.
        key: PEM file with its private key; None if the certificate's file contains it.
        proxy: address of the proxy, as `http://host:3128`; may contain a user and a password.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: Secret | None = None


def tls_context(
    base_url: str, security: Security, *, default: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    """Return the TLS context; `default` creates the one that trusts the machine's authorities.

    Raises:
        UsageError: a file cannot be read or contains no certificate or key.
    """
    if not base_url.startswith("https:"):
        # Not used; creating the real one reads every root certificate (20 ms).
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = _trust_file(security.ca_file) if security.ca_file else default()
    if security.certificate:
        _load_certificate(security.certificate, security.key, context)
    return context


def proxy_address(base_url: str, security: Security) -> Secret | None:
    """Return the proxy to use: the configured one, else the environment's, None for no proxy.

    The environment's is not used if `no_proxy` names the host.
    """
    if security.proxy is not None:
        return security.proxy
    address = urlsplit(base_url)
    if proxy_bypass(address.netloc):
        return None
    proxies = getproxies()
    url = proxies.get(address.scheme) or proxies.get("all")
    return Secret(url if "://" in url else f"http://{url}") if url else None


def _trust_file(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _unusable("ca_file", ca_file, error) from error


def _load_certificate(certificate: Path, key: Path | None, context: ssl.SSLContext) -> None:
    try:
        # Without a password, OpenSSL would ask for a pass phrase on a terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise _unusable("client_certificate", certificate, error) from error


def _unusable(key: str, path: Path, error: OSError) -> UsageError:
    # OpenSSL's own messages about a file without PEM are of no help to an operator.
    is_bad_pem = isinstance(error, ssl.SSLError)
    reason = "contains no usable PEM" if is_bad_pem else f"cannot be read: {error.strerror}"
    return UsageError(f"studio.{key}: {path} {reason}")
