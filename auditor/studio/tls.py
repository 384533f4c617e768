"""TLS and proxy settings of the connection to Studio; the server is always verified."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import UsageError, may_pass
from auditor.proxies import proxy_of_environment
from auditor.redaction import Secret
from auditor.trust import create_context

CA_FILE = "studio.ca_file"


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


def tls_context(base_url: str, security: Security) -> ssl.SSLContext:
    """Return the TLS context.

    Raises:
        UsageError: a file cannot be read or contains no certificate or key.
    """
    if not base_url.startswith("https:"):
        # Not used; creating the real one reads every root certificate (20 ms).
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = create_context(security.ca_file, key=CA_FILE)
    if security.certificate:
        _load_certificate(security.certificate, security.key, context)
    return context


def proxy_address(base_url: str, security: Security) -> Secret | None:
    """Return the proxy to use: the configured one, else the environment's, None for no proxy.

    Raises:
        UsageError: the environment's is one that the auditor cannot use.
    """
    return security.proxy or proxy_of_environment(base_url)


def _load_certificate(certificate: Path, key: Path | None, context: ssl.SSLContext) -> None:
    try:
        # Without a password, OpenSSL would ask for a pass phrase on a terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        if may_pass(error):
            raise
        is_bad_pem = isinstance(error, ssl.SSLError)
        reason = "contains no usable PEM" if is_bad_pem else f"cannot be read: {error.strerror}"
        raise UsageError(f"studio.client_certificate: {certificate} {reason}") from error
